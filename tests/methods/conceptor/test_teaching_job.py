"""Teaching as a job of the hub: its curve, its pictures, its files, and that a stop loses nothing."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import zipfile

import numpy as np
import pytest

from core import settings
from core.errors import JobCancelled
from core.jobs import Job
from core.media.image_writing import tiles
from core.methods.conceptor import pipeline, recipe, sums, teaching, teaching_job
from core.methods.conceptor import requests as rq
from core.methods.conceptor import results as rs
from core.training import read_curve
from core.world.curriculum import small
from core.world.diffusion import loading
from tests.methods.conceptor.tiny import settings as few_passes
from tests.methods.conceptor.tiny import ship
from tests.methods.conceptor.tiny import teaching as few_steps

FEW = (("ball", "blue"), ("dog", "star", "night"))


def shorten(patch):
    """The smoke preset in four steps on the tiny model, with pictures in two steps."""
    few = few_steps(name="smoke", lr=0.05, batch_size=2)
    patch.setitem(teaching.PRESETS, "smoke", lambda: few)
    patch.setattr(teaching_job, "SUMS", FEW)
    patch.setattr(teaching_job, "Settings", few_passes)


@pytest.fixture(autouse=True)
def short(shipped, monkeypatch):
    shorten(monkeypatch)


def folder_of_the_run():
    return settings.current().data_dir / "training" / "conceptor" / "smoke"


class Listening(Job):
    """Notes the curves that a page would draw, and may stop at a step."""

    def __init__(self, stop_at=0):
        super().__init__(method="conceptor", on_report=self.hear)
        self.curves, self.texts, self.stop_at = [], [], stop_at

    def hear(self, fraction, text, preview):
        self.texts.append(text)
        if preview:
            self.curves.append(preview)
            if preview[-1].step == self.stop_at:
                self.cancel_event.set()


@pytest.fixture(scope="module")
def whole(folder, held, tower, tmp_path_factory):
    """A run that nothing interrupts: its job, its result and its folder."""
    job = Listening()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITRINE_DATA_DIR", str(tmp_path_factory.mktemp("whole")))
        settings.use(None)
        ship(patch, folder, held)
        shorten(patch)
        result = pipeline.run(job, rq.TrainRequest())
        place = folder_of_the_run()
    settings.use(None)
    return job, result, place


def test_teaching_gives_a_tower_with_its_curve_and_sums_before_and_after(whole):
    job, result, _ = whole
    assert isinstance(result, rs.TrainResult)
    assert (result.preset, result.steps) == ("smoke", 4)
    assert [p.step for p in result.points] == [1, 2, 3, 4]
    assert {p.stage for p in result.points} == {"sums"}
    assert result.points[0].values["change"] == 0
    assert job.curves[-1] == result.points
    assert any(t.startswith("Step 3 of 4, error 0.") for t in job.texts)
    assert result.captions == ("ball + blue", "dog + star + night")
    assert result.sheet is not None
    assert (result.sheet.rows, result.sheet.columns) == (2, 2)
    before, after = tiles(result.files["samples.png"], 2, 2)
    assert before.shape == after.shape
    assert not np.array_equal(before, after)


def test_the_files_are_the_folder_that_can_be_loaded_again(whole, folder, held, tmp_path):
    _, result, place = whole
    with zipfile.ZipFile(io.BytesIO(result.files["model.zip"])) as archive:
        assert {"CARD.md", "config.json", "text_encoder/model.safetensors"} <= set(archive.namelist())  # fmt: skip
        assert not [n for n in archive.namelist() if n.endswith((".bin", ".pt", ".pkl"))]
        archive.extractall(tmp_path / "mine")
    specs = [loading.from_folder(folder, text_encoder=f) for f in (tmp_path / "mine", place / "weights")]  # fmt: skip
    with held.acquire(specs[0]) as one, held.acquire(specs[1]) as other:
        a, b = (lease.obj.text_encoder for lease in (one, other))
        assert a is not b
        assert all(p.equal(q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_a_result_can_be_stored_and_read_again(whole):
    result = whole[1]
    told = json.loads(json.dumps(rs.RESULTS.to_dict(result)))
    assert rs.RESULTS.from_dict(told) == dataclasses.replace(result, files={})


def test_the_same_request_gives_the_same_tower_and_pictures(whole):
    again = pipeline.run(Job(method="conceptor"), rq.TrainRequest(resume=False))
    assert again.files["samples.png"] == whole[1].files["samples.png"]
    assert again.weights == whole[1].weights
    assert again.points == whole[1].points


def test_teaching_that_was_stopped_goes_on_from_its_checkpoint(whole):
    stopped = Listening(stop_at=3)
    with pytest.raises(JobCancelled):
        pipeline.run(stopped, rq.TrainRequest())
    kept = folder_of_the_run() / "checkpoints"
    assert [p.name for p in kept.iterdir()] == ["step-00000002"]
    job = Listening()
    result = pipeline.run(job, rq.TrainRequest(resume=True))
    assert [[p.step for p in points] for points in job.curves] == [[1, 2, 3], [1, 2, 3, 4]]
    assert result.points == whole[1].points
    assert result.weights == whole[1].weights
    assert result.files["samples.png"] == whole[1].files["samples.png"]


def test_a_run_that_is_done_is_shown_again_without_a_step(whole):
    shutil.copytree(whole[2], folder_of_the_run())
    job = Listening()
    result = pipeline.run(job, rq.TrainRequest(resume=True))
    assert not job.curves
    assert result.points == whole[1].points
    assert result.weights == whole[1].weights
    assert len(read_curve(folder_of_the_run() / "curve.jsonl")) == 4


def test_a_job_that_is_stopped_before_it_begins_makes_no_step():
    job = Job(method="conceptor")
    job.cancel_event.set()
    with pytest.raises(JobCancelled):
        pipeline.run(job, rq.TrainRequest())
    assert not (folder_of_the_run() / "checkpoints").exists()


def test_the_shown_sums_are_words_of_the_shipped_world_and_of_no_planted_word(monkeypatch):
    monkeypatch.undo()
    known = {*small().kinds, *small().colours, *small().backgrounds}
    for parts in teaching_job.SUMS:
        assert set(parts) <= known
        assert not sums.too_close(parts)


def test_the_presets_of_the_page_are_those_of_the_recipe():
    assert set(rq.PRESETS) == set(recipe.PRESETS)
