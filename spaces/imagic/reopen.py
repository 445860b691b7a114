"""Draw again: another strip from an edit kit, without learning. Runs inside a job."""

from __future__ import annotations

from core.errors import InputError
from core.jobs import Job
from core.media.image_writing import png

from . import borrowing, kit, kit_file
from .drawing import Work, count, drawn
from .edit import cut_notes
from .following import Follower, passes_of_drawing
from .intake import Opened, check_text, open_picture
from .kit_file import KitFile
from .requests import ResampleRequest
from .results import ResampleResult


def resample(job: Job, request: ResampleRequest) -> ResampleResult:
    """Draw another strip of what a kit holds: other etas, seeds, guidance, even another text.

    Args:
        job: told how far it is; may stop it.
        request: the kit and how to draw.

    Raises:
        NotFoundError: there is no such kit (any more).
        InputError: the kit is damaged or of another model, or the text holds unknown words.
        WeightsError: the kit's model is not here.
    """
    job.report(0.0, "Opening the edit kit")
    opened_kit = kit_file.open_kit(request.kit)
    about = opened_kit.about
    text = request.target or about.target
    check_text(text, about.tier)
    with borrowing.model(job, about.tier, about.model) as parts:
        before = parts.base_hash()
        weights = borrowing.model_hash(parts)
        learnt, told = kit.read(opened_kit.tensors, opened_kit.told)
        kit.check(learnt, told, parts, weights)
        opened = picture_of(opened_kit, parts.image_size)
        follower = Follower(
            job, passes_of_drawing(request.sampling, count(request.baselines)), parts.device
        )
        with borrowing.judging(job, about.tier) as judge:
            fields = drawn(
                Work(
                    parts=parts,
                    judge=judge,
                    tier=about.tier,
                    opened=opened,
                    learnt=learnt,
                    text=text,
                    condition=parts.encode_text(text),
                    sampling=request.sampling,
                    baselines=request.baselines,
                ),
                follower,
            )
        after = parts.base_hash()
        notes = cut_notes(parts, text)
    packed = kit_file.pack(opened_kit.tensors, opened_kit.told, about, png(opened.pixels))
    fields["files"] |= {kit_file.NAME: packed}
    return ResampleResult(
        **fields,
        weights=weights[:12],
        tier=about.tier,
        model=about.model,
        target=text,
        known=text == about.target,
        kit_target=about.target,
        seen=about.seen,
        learning_seconds=round(sum(learnt.seconds.values()), 3),
        base_before=before,
        base_after=after,
        kit_bytes=len(packed),
        notes=notes,
    )


def picture_of(opened: KitFile, size: int) -> Opened:
    """The input of a kit: the one that it carries, or the scene that it names.

    A kit from outside may name any upload, so an upload is never fetched for it.

    Raises:
        InputError: it carries none and names none that can be drawn.
    """
    picture, seen = opened.about.picture, opened.about.seen
    carried = opened.pixels(size)
    if picture.kind == "sha256":
        if carried is None:
            raise InputError(
                "The edit kit carries no picture of its input. A whole kit has input.png. "
                "Use the kit.zip of an edit, exactly as it was saved."
            )
        return Opened(pixels=carried, seen=seen)
    found = open_picture(picture, size)
    if carried is not None and (carried != found.pixels).any():
        return Opened(pixels=carried, seen=seen)  # drawn by another version of the world
    return found
