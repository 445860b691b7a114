"""Stages 1 and 2: what they minimise, where they stop, and that the shared network never notices."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from core.errors import DeviceOutOfMemory, InputError, JobCancelled
from core.methods.imagic import tuning
from core.methods.imagic.algorithm import learn
from core.methods.imagic.config import Sampling
from core.methods.imagic.objective import bank, bank_loss
from core.methods.imagic.strip import sample_strip, tuned_unet
from core.world.diffusion.condition import Condition
from core.world.diffusion.objective import draw, errors
from core.world.diffusion.parts import Parts, fingerprint
from tests.core.world.diffusion.tiny import picture, tiny_pipeline
from tests.methods.imagic.tiny import SOURCE, TARGET, learning

STAGES = ("embedding", "tuning")


def state_of(pipe):
    networks = (pipe.unet, pipe.vae, pipe.text_encoder)
    flags = [p.requires_grad or p.grad is not None for n in networks for p in n.parameters()]
    return [(fingerprint(n), list(n.state_dict()), n.training) for n in networks], any(flags)


@pytest.mark.usefixtures("whole_bank")
def test_a_model_that_predicts_velocity_is_learnt_on_as_well():
    parts = Parts.from_pipeline(tiny_pipeline(prediction_type="v_prediction"))
    z0 = parts.encode(picture()[None])
    own = learning(embedding_steps=15, embedding_lr=3e-2)
    learnt = learn(parts, z0, parts.encode_text(TARGET), own)
    assert learnt.losses.optimised < learnt.losses.target


@pytest.mark.usefixtures("whole_bank")
def test_the_bank_is_fixed_and_its_loss_does_not_depend_on_its_passes(parts, z0, target):
    one, two = bank(z0, 1000), bank(z0, 1000)
    assert len(one.t) == 64
    assert torch.equal(one.t, two.t)
    assert torch.equal(one.noise, two.noise)
    found = {rows: bank_loss(parts, parts.unet, z0, target, one, rows) for rows in (5, 16, 64)}
    assert max(found.values()) - min(found.values()) < 1e-6


@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.usefixtures("whole_bank")
def test_each_stage_lowers_the_loss_on_the_fixed_bank(parts, z0, target, kind):
    own = learning(
        embedding_steps=25, embedding_lr=3e-2, tuning=kind, tuning_steps=25, batch_size=4, rank=4
    )
    learnt = learn(parts, z0, target, own)
    losses = learnt.losses
    assert losses.tuned < losses.optimised < losses.target
    assert 0 < losses.share_of_embedding < 1
    assert [p.loss for p in learnt.curve if p.step == 0] == [losses.target, losses.optimised]
    assert learnt.curve[-1].loss == losses.tuned
    assert [p.step for p in learnt.curve if p.stage == "tuning"] == [0, 5, 9, 13, 17, 21, 25]
    assert learnt.steps == {"embedding": 25, "tuning": 25}
    assert set(learnt.seconds) == set(STAGES)
    assert learnt.peak_bytes > 0
    drawn = tuned_unet(parts, learnt, Sampling())
    again = bank_loss(parts, drawn, z0, learnt.optimised, bank(z0, 1000))
    assert again == pytest.approx(losses.tuned, abs=1e-5)


def test_small_passes_give_the_gradient_of_the_whole_batch(parts, z0, target):
    found = []
    for size in (6, 2, 1):
        values, condition = tuning.trained_embedding(target)
        task = tuning.Task(
            stage="embedding", steps=1, unet=parts.unet, condition=condition,
            groups=[{"params": values, "lr": 1e-3}],
        )  # fmt: skip
        generator = torch.Generator().manual_seed(0)
        passes = tuning._Passes(task, parts, z0, size)
        loss = passes.backward(draw(z0, 6, 1000, generator), generator)
        found.append((loss, values[0].grad))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], abs=1e-6)
        torch.testing.assert_close(gradient, found[0][1], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stop_keeps_the_best_so_far(pipe, parts, z0, target, stage, monkeypatch):
    monkeypatch.setattr(tuning, "QUIET", 0.0)
    before, seen = state_of(pipe), []

    def report(name, step, of, loss, preview):
        seen.append((name, step))

    own = learning(embedding_steps=6, tuning="lora", tuning_steps=6, embedding_lr=1e-2)
    learnt = learn(parts, z0, target, own, report=report, stop=lambda: (stage, 4) in seen)
    assert learnt.stopped
    assert learnt.steps[stage] in (4, 5)
    assert ("tuning" in learnt.steps) == (stage == "tuning")
    assert (learnt.adapter is None) == (stage == "embedding")
    best = min(p.loss for p in learnt.curve if p.stage == stage)
    end = learnt.losses.optimised if stage == "embedding" else learnt.losses.tuned
    assert end == best
    kept = tuned_unet(parts, learnt, Sampling())
    assert bank_loss(parts, kept, z0, learnt.optimised, bank(z0, 1000)) == pytest.approx(
        best, abs=1e-5
    )
    assert sample_strip(parts, learnt, target, Sampling(steps=2)).shape == (1, 8, 16, 16, 3)
    assert state_of(pipe) == before


def test_a_stop_goes_back_to_where_the_loss_was_lowest(parts, z0, target, monkeypatch):
    monkeypatch.setattr(tuning, "QUIET", 0.0)
    expected = learn(parts, z0, target, learning(embedding_steps=4))
    losses, seen = iter([3.0, 2.0, 1.0, 4.0]), []
    monkeypatch.setattr(tuning, "bank_loss", lambda *_: next(losses))
    learnt = learn(
        parts, z0, target, learning(embedding_steps=12),
        report=lambda *a: seen.append(a), stop=lambda: seen[-1][1] == 5,
    )  # fmt: skip
    assert [(p.step, p.loss) for p in learnt.curve] == [(0, 3.0), (2, 2.0), (4, 1.0), (5, 4.0)]
    assert torch.equal(learnt.optimised.embeds, expected.optimised.embeds)
    assert learnt.losses.optimised == 1.0


@pytest.mark.parametrize("kind", ["lora", "full", "joint"])
@pytest.mark.parametrize("step", [0, 2])
def test_a_cancel_in_any_stage_leaves_the_model(pipe, parts, z0, target, kind, step, monkeypatch):
    monkeypatch.setattr(tuning, "QUIET", 0.0)
    before = state_of(pipe)
    for stage in ("joint",) if kind == "joint" else STAGES:

        def report(name, done, of, loss, preview, stage=stage):
            if (name, done) == (stage, step):
                raise JobCancelled("stopped")

        with pytest.raises(JobCancelled):
            learn(parts, z0, target, learning(tuning=kind), report=report)
        assert state_of(pipe) == before


@pytest.mark.parametrize("stage", ["inversion", "sampling"])
def test_a_cancel_while_drawing_leaves_the_model(pipe, parts, z0, target, stage):
    learnt, before = learn(parts, z0, target, learning(tuning="lora")), state_of(pipe)

    def report(name, done, of, loss, preview):
        if (name, done) == (stage, 2):
            raise JobCancelled("stopped")

    with pytest.raises(JobCancelled):
        sample_strip(parts, learnt, target, Sampling(steps=4), report=report)
    assert state_of(pipe) == before


def fails_above(size, error, after=0):
    """`errors` of the objective on a device that holds `size` pairs, from call `after` on."""
    calls = []

    def full(parts, unet, z0, condition, pairs):
        calls.append(len(pairs.t))
        if len(calls) > after and len(pairs.t) > size:
            raise error
        return errors(parts, unet, z0, condition, pairs)

    return full, calls


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_full_device_gets_smaller_passes_and_the_same_answer(
    pipe, parts, z0, target, kind, error, monkeypatch
):
    own, before = learning(tuning=kind, batch_size=4), state_of(pipe)
    expected = learn(parts, z0, target, own)
    full, calls = fails_above(1, error, after=2)
    monkeypatch.setattr(tuning, "errors", full)
    learnt = learn(parts, z0, target, own)
    assert calls[:2] == [4, 4]
    assert 1 in calls
    assert torch.allclose(learnt.optimised.embeds, expected.optimised.embeds, atol=1e-4)
    assert learnt.losses.tuned == pytest.approx(expected.losses.tuned, abs=1e-3)
    assert state_of(pipe) == before


@pytest.mark.parametrize("kind", ["lora", "full", "joint"])
def test_a_device_without_any_room_is_told_in_words(pipe, parts, z0, target, kind, monkeypatch):
    before = state_of(pipe)
    full, _ = fails_above(0, torch.OutOfMemoryError("CUDA out of memory."), after=2)
    monkeypatch.setattr(tuning, "errors", full)
    with pytest.raises(DeviceOutOfMemory, match=r'tuning "lora".* Choose a smaller setting'):
        learn(parts, z0, target, learning(tuning=kind, batch_size=2))
    assert state_of(pipe) == before
    monkeypatch.undo()
    learn(parts, z0, target, learning(tuning=kind))  # and the next edit works


def test_other_errors_are_not_taken_for_a_full_device(pipe, parts, z0, target, monkeypatch):
    before = state_of(pipe)
    full, calls = fails_above(0, RuntimeError("shapes differ"))
    monkeypatch.setattr(tuning, "errors", full)
    with pytest.raises(RuntimeError, match="shapes differ"):
        learn(parts, z0, target, learning())
    assert len(calls) == 1
    assert state_of(pipe) == before


def test_checkpointing_is_of_the_view_alone(pipe, parts, z0, target, monkeypatch):
    seen = []

    def full(parts, unet, z0, condition, pairs):
        if not unet.is_gradient_checkpointing:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        seen.append(unet)
        return errors(parts, unet, z0, condition, pairs)

    expected = learn(parts, z0, target, learning(tuning="lora", batch_size=1))
    monkeypatch.setattr(tuning, "errors", full)
    learnt = learn(parts, z0, target, learning(tuning="lora", batch_size=1))
    assert len(seen) == 6
    assert not pipe.unet.is_gradient_checkpointing
    torch.testing.assert_close(learnt.optimised.embeds, expected.optimised.embeds)


def test_a_loss_that_is_no_number_is_told_in_words(pipe, parts, z0, target, monkeypatch):
    before = state_of(pipe)
    monkeypatch.setattr(
        tuning, "errors", lambda p, u, z, c, pairs: errors(p, u, z, c, pairs) * float("nan")
    )
    with pytest.raises(InputError, match=r"learning rates, 0\.01 for the embedding"):
        learn(parts, z0, target, learning())
    assert state_of(pipe) == before


def test_two_edits_at_once_are_as_good_as_one(pipe, parts, z0, target):
    before = state_of(pipe)
    wishes = [
        learning(tuning=kind, seed=seed) for kind, seed in (("lora", 1), ("lora", 2), ("full", 3))
    ]
    alone = [learn(parts, z0, target, wish) for wish in wishes]
    found: list = [None] * len(wishes)
    begin = threading.Barrier(len(wishes))

    def edit(k):
        begin.wait()
        learnt = learn(parts, z0, target, wishes[k])
        found[k] = (learnt, sample_strip(parts, learnt, target, Sampling(steps=2)))

    threads = [threading.Thread(target=edit, args=(k,)) for k in range(len(wishes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, (learnt, strip) in zip(alone, found, strict=True):
        torch.testing.assert_close(learnt.optimised.embeds, one.optimised.embeds, rtol=0, atol=1e-5)
        expected = sample_strip(parts, one, target, Sampling(steps=2))
        assert np.abs(strip.astype(int) - expected).max() <= 1
    assert state_of(pipe) == before


def test_a_model_that_wants_gradients_gets_none(target, z0):
    pipe = tiny_pipeline()
    pipe.unet.requires_grad_(True).train()
    parts = Parts.from_pipeline(pipe)
    learnt = learn(parts, z0, target, learning(tuning="lora"))
    sample_strip(parts, learnt, target, Sampling(steps=2))
    assert all(p.requires_grad and p.grad is None for p in pipe.unet.parameters())
    assert pipe.unet.training


def test_a_caller_in_inference_mode_can_learn(parts, z0, target):
    expected = learn(parts, z0, target, learning(tuning="lora"))
    with torch.inference_mode():
        inside = parts.encode_text(TARGET)
        learnt = learn(parts, parts.encode(picture()[None]), inside, learning(tuning="lora"))
        sample_strip(parts, learnt, inside, Sampling(steps=2))
    assert torch.equal(learnt.optimised.embeds, expected.optimised.embeds)


def test_frozen_padding_stays_and_the_text_moves(parts, z0, target):
    learnt = learn(parts, z0, target, learning(freeze_padding=True))
    words = target.mask[0, :, 0] > 0
    assert int(words.sum()) == 7  # start, five words, end
    moved = (learnt.optimised.embeds - target.embeds)[0].abs().amax(-1)
    assert moved[~words].max() == 0
    assert moved[words].min() > 0
    free = learn(parts, z0, target, learning())
    assert (free.optimised.embeds - target.embeds)[0].abs().amax(-1)[~words].min() > 0
    with pytest.raises(ValueError, match="padding"):
        learn(parts, z0, Condition(target.embeds), learning(freeze_padding=True))


@pytest.mark.usefixtures("whole_bank")
def test_joint_tuning_starts_from_the_caption_of_the_input(parts, z0, target):
    own = learning(tuning="joint", tuning_steps=8, source_caption=SOURCE)
    learnt = learn(parts, z0, target, own)
    source = parts.encode_text(SOURCE).embeds
    assert (learnt.optimised.embeds - source).abs().max() <= 1.1 * 8 * own.embedding_lr
    assert (learnt.optimised.embeds - target.embeds).abs().max() > 0.2
    assert learnt.adapter
    assert learnt.steps == {"joint": 8}
    assert learnt.losses.tuned < learnt.losses.target
    plain = learn(parts, z0, target, learning(tuning="joint"))
    assert (plain.optimised.embeds - target.embeds).abs().max() <= 1.1 * 3 * own.embedding_lr


@pytest.mark.usefixtures("whole_bank")
def test_joint_tuning_ends_once_the_loss_is_low_enough(parts, z0, target):
    far = learn(parts, z0, target, learning(tuning="joint", tuning_steps=30))
    aim = (far.curve[0].loss + far.curve[-1].loss) / 2
    near = learn(parts, z0, target, learning(tuning="joint", tuning_steps=30, stop_below=aim))
    assert 0 < near.steps["joint"] < 30
    assert near.losses.tuned < aim
    assert not near.stopped


@pytest.mark.usefixtures("whole_bank")
def test_prior_pictures_hold_the_model_to_what_it_knew(parts, z0, target):
    own = {"embedding_steps": 0, "tuning": "lora", "tuning_steps": 12, "rank": 4, "batch_size": 4}
    free, held = (
        learn(parts, z0, target, learning(**own, prior_weight=w, prior_pictures=2))
        for w in (0.0, 10.0)
    )
    t = torch.tensor(400)
    other = torch.randn(z0.shape, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        base = parts.predict(parts.unet, other, t, target)
        drift = [
            (parts.predict(tuned_unet(parts, found, Sampling()), other, t, target) - base).norm()
            for found in (free, held)
        ]
    assert drift[0] != drift[1]
    assert held.losses.tuned > free.losses.tuned


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_model_in_bfloat16_is_learnt_in_float32(kind):
    pipe = tiny_pipeline().to(torch.bfloat16)
    parts = Parts.from_pipeline(pipe)
    z0, target = parts.encode(picture()[None]), parts.encode_text(TARGET)
    before = state_of(pipe)
    learnt = learn(parts, z0, target, learning(tuning=kind, embedding_steps=2, tuning_steps=2))
    assert learnt.optimised.embeds.dtype == torch.float32
    moved = (learnt.optimised.embeds - target.embeds.float()).abs()
    assert 0 < moved.max() < 2.2e-2
    weights = learnt.adapter or learnt.weights
    assert {w.dtype for w in weights.values()} == {torch.float32}
    strip = sample_strip(parts, learnt, target, Sampling(etas=(0.0, 1.4), steps=2))
    assert not np.array_equal(strip[0, 0], strip[0, 1])
    assert state_of(pipe) == before


def test_previews_show_the_strip_at_the_beginning_and_on_the_way(parts, z0, target):
    seen = []
    quick = Sampling(etas=(0.0, 1.0), steps=2)
    learn(
        parts, z0, target, learning(tuning="lora", embedding_steps=6, tuning_steps=6),
        report=lambda *a: seen.append(a), previews=quick,
    )  # fmt: skip
    shown = [(stage, step) for stage, step, _, _, preview in seen if preview is not None]
    assert shown == [(stage, step) for stage in STAGES for step in (0, 2, 4)]
    pictures = [a[-1].pictures for a in seen if a[-1] is not None]
    assert all(p.shape == (2, 16, 16, 3) and p.dtype == np.uint8 for p in pictures)
    assert np.array_equal(pictures[0][0], pictures[0][1])  # nothing is learnt at step 0
    assert not np.array_equal(pictures[2][0], pictures[2][1])


def test_looking_on_changes_nothing(parts, z0, target):
    plain = learn(parts, z0, target, learning(tuning="lora"))
    watched = learn(
        parts, z0, target, learning(tuning="lora"),
        report=lambda *a: None, stop=lambda: False, previews=Sampling(etas=(0.5,), steps=2),
    )  # fmt: skip
    assert torch.equal(plain.optimised.embeds, watched.optimised.embeds)
    assert all(torch.equal(v, watched.adapter[k]) for k, v in plain.adapter.items())


def test_reports_come_a_few_times_a_second_and_at_the_end(parts, z0, target):
    seen = []
    learn(
        parts,
        z0,
        target,
        learning(embedding_steps=40, batch_size=1),
        report=lambda *a: seen.append(a),
    )
    assert seen[-1][:3] == ("embedding", 40, 40)
    assert seen[0][1] == 0
    assert seen[0][3] is None
    assert seen[-1][3] > 0
    assert len(seen) < 40


@pytest.mark.parametrize(("count", "texts"), [(2, 1), (1, 2)])
def test_one_picture_and_one_text_are_learnt(parts, z0, target, count, texts):
    with pytest.raises(ValueError, match="one picture and one text"):
        learn(parts, z0.expand(count, -1, -1, -1), target.expand(texts), learning())
