"""Stops, early ends and faults in every stage, and a base that none of them changes."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import torch

from core.errors import DeviceOutOfMemory, JobCancelled, WeightsError
from core.jobs import Job
from core.media.image_writing import tiles
from core.methods.imagic import algorithm, edit, pipeline, tuning
from core.methods.imagic import requests as rq
from core.world.diffusion import loading
from core.world.diffusion.parts import Parts
from tests.core.world.diffusion.tiny import IMAGE
from tests.methods.imagic.piped import EDIT, LEARNING, base, run

pytestmark = pytest.mark.usefixtures("model")


class Stopped(Job):
    """Stops itself at a stage, and notes what it was told."""

    def __init__(self, stage="", early=""):
        super().__init__(method="imagic", on_report=self.hear)
        self.stage, self.early, self.heard = stage, early, []

    def hear(self, fraction, text, preview):
        self.heard.append((fraction, text, preview))
        seen = getattr(preview, "stage", "")
        if self.early and seen == self.early and preview.step >= 1:
            self.early_end.ask()
        if self.stage and (seen == self.stage or text.startswith(self.stage)):
            self.cancel_event.set()


@pytest.fixture
def chatty(monkeypatch):
    """Every step is reported, so that a test can act at each."""
    from core.methods.imagic import following

    monkeypatch.setattr(tuning, "QUIET", 0.0)
    monkeypatch.setattr(following, "QUIET", 0.0)


@pytest.mark.parametrize(
    "stage", ["Fetching", "embedding", "tuning", "sampling", "baselines", "scores"]
)
def test_a_stop_in_any_stage_ends_the_edit_and_leaves_the_base_as_it_was(judge, chatty, stage):
    before = base()
    with pytest.raises(JobCancelled):
        pipeline.run(Stopped(stage), dataclasses.replace(EDIT, baselines=("text to image",)))
    assert base() == before


def test_progress_rises_to_the_end_and_carries_previews(judge, chatty, monkeypatch):
    monkeypatch.setattr(edit, "previews_of", algorithm.previews_of)
    job = Stopped()
    pipeline.run(job, dataclasses.replace(EDIT, baselines=rq.BASELINES))
    fractions = [f for f, _, _ in job.heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    glimpses = [p for _, _, p in job.heard if p is not None]
    assert {g.stage for g in glimpses} >= {"embedding", "tuning", "sampling", "baselines"}
    shown = next(g for g in glimpses if g.strip)
    assert tiles(shown.strip, 1, len(shown.etas)).shape == (1, 3, IMAGE, IMAGE, 3)
    assert any(len(g.curve) >= 2 for g in glimpses)


@pytest.mark.parametrize("stage", ["embedding", "tuning"])
def test_an_early_end_keeps_the_best_so_far_and_says_so(judge, chatty, stage):
    long = dataclasses.replace(LEARNING, embedding_steps=12, tuning_steps=12)
    result = pipeline.run(Stopped(early=stage), dataclasses.replace(EDIT, learning=long))
    assert stage in result.ended_early
    short = {s.name: (s.steps, s.steps_asked) for s in result.stages if s.steps_asked}
    done, asked = short[stage]
    assert 0 < done < asked == 12
    assert result.losses.optimised <= result.losses.target + 1e-9
    assert tiles(result.files["strip.png"], 2, 3).shape[0] == 2
    assert result.untouched


def test_memory_that_runs_out_in_tuning_is_said_in_words_and_leaves_the_base(judge, monkeypatch):
    before = base()
    real = tuning.errors

    def full(parts, unet, *args):
        if any(p.requires_grad for p in unet.parameters()):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(parts, unet, *args)

    monkeypatch.setattr(tuning, "errors", full)
    with pytest.raises(DeviceOutOfMemory, match=r"tuning the network.*Choose a smaller"):
        run(EDIT)
    assert base() == before


def test_a_fault_in_the_middle_leaves_the_base_as_it_was(judge, monkeypatch):
    before = base()

    def broken(*args, **kwargs):
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "decode", broken)
        with pytest.raises(ZeroDivisionError):
            run(EDIT)
    assert base() == before


def test_two_edits_at_once_give_what_each_gives_alone(judge):
    other = dataclasses.replace(
        EDIT,
        target="a standing dog",
        learning=dataclasses.replace(LEARNING, tuning="full", tuning_lr=1e-3),
    )
    before = base()
    alone = [run(EDIT), run(other)]
    together: list = [None, None]
    gate = threading.Barrier(2)

    def work(k, request):
        gate.wait()
        together[k] = run(request)

    threads = [threading.Thread(target=work, args=(k, r)) for k, r in enumerate((EDIT, other))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for one, same in zip(alone, together, strict=True):
        assert same is not None
        assert one.files["strip.png"] == same.files["strip.png"]
        assert same.untouched
    assert base() == before


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "FOLDER", tmp_path / "text_to_image")
    with pytest.raises(WeightsError, match=r"not in .*text_to_image yet.*train imagic"):
        run(EDIT)
