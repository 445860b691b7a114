"""Edit one picture by one text: learn it, draw the strip, compare, judge. Runs inside a job."""

from __future__ import annotations

from core.jobs import Job
from core.world.diffusion.parts import Parts

from . import borrowing, kit, kit_file
from .algorithm import learn, previews_of
from .drawing import Work, count, drawn
from .following import Follower, passes_of_drawing, passes_of_learning
from .intake import check_text, open_picture
from .learnt import Learnt
from .requests import EditRequest
from .results import EditResult, Stage


def edit(job: Job, request: EditRequest) -> EditResult:
    """Do an edit from the start.

    Args:
        job: told how far it is; a stop raises here, an early end keeps the best so far.
        request: everything that decides the result.

    Raises:
        InputError: the picture, the text or a setting cannot be used.
        WeightsError: the model is not here.
        DeviceOutOfMemory: the device is too small for these settings; the shared model is unchanged.
        JobCancelled: the job was stopped; the shared model is unchanged.
    """
    check_text(request.target, request.tier)
    if request.learning.source_caption:
        check_text(request.learning.source_caption, request.tier)
    learning, sampling = request.learning, request.sampling
    with borrowing.model(job, request.tier, request.model, learning) as parts:
        opened = open_picture(request.picture, parts.image_size)
        before = parts.base_hash()
        follower = Follower(
            job,
            passes_of_learning(learning) | passes_of_drawing(sampling, count(request.baselines)),
            parts.device,
        )
        with follower.timed("picture"):
            z0 = parts.encode(opened.pixels[None])
            condition = parts.encode_text(request.target)
        with job.early_end.offered():
            learnt = learn(
                parts,
                z0,
                condition,
                learning,
                report=follower.report,
                stop=lambda: job.early_end.asked,
                previews=previews_of(sampling),
            )
        follower.stages += learning_stages(learnt)
        with borrowing.judging(job, request.tier) as judge:
            work = Work(
                parts=parts,
                judge=judge,
                tier=request.tier,
                opened=opened,
                learnt=learnt,
                text=request.target,
                condition=condition,
                sampling=sampling,
                baselines=request.baselines,
            )
            fields = drawn(work, follower)
        weights = borrowing.model_hash(parts)
        about = kit_file.About(
            target=request.target,
            tier=request.tier,
            model=request.model if request.tier == "full" else "",
            seen=opened.seen,
            picture=request.picture,
        )
        notes = cut_notes(parts, request.target)
        after = parts.base_hash()
    packed = b""
    if kit.fits(learnt):
        tensors, told = kit.write(learnt, weights)
        packed = kit_file.pack(tensors, told, about, fields["files"]["input.png"])
        fields["files"][kit_file.NAME] = packed
    else:
        notes += (
            "the tuned network is too large for an edit kit, so there is none: an adapter keeps one",
        )
    if learnt.adapter is not None:
        fields["files"]["lora.safetensors"] = kit.lora_file(learnt)
    return EditResult(
        **fields,
        weights=weights[:12],
        tier=request.tier,
        model=about.model,
        target=request.target,
        seen=opened.seen,
        ended_early=tuple(s.name for s in follower.stages if s.steps < s.steps_asked),
        learning_seconds=round(sum(learnt.seconds.values()), 3),
        base_before=before,
        base_after=after,
        kit=kit_file.NAME if packed else "",
        kit_bytes=len(packed),
        notes=notes,
    )


def learning_stages(learnt: Learnt) -> list[Stage]:
    """Time, memory and steps of what was learnt."""
    own = learnt.learning
    asked = {"embedding": own.embedding_steps, "tuning": own.tuning_steps}
    if own.tuning == "joint":
        asked = {"joint": own.tuning_steps}
    elif own.tuning == "none":
        asked.pop("tuning")
    found = []
    for name, wanted in asked.items():
        done = learnt.steps.get(name, 0)
        found.append(
            Stage(
                name=name,
                seconds=round(learnt.seconds.get(name, 0.0), 3),
                peak_bytes=learnt.peak_bytes,
                steps=done,
                # a stage that reached its aim before its last step was not cut short
                steps_asked=wanted if learnt.stopped else done,
            )
        )
    return [stage for stage in found if stage.steps_asked]


def cut_notes(parts: Parts, text: str) -> tuple[str, ...]:
    """What the text encoder could not take of a text, in words."""
    lost = parts.cut(text)
    if not lost:
        return ()
    return (f"the text has more than {parts.max_length} tokens: “{lost[:80]}” was cut off",)
