"""Training as a job, and runs from the command line, on models of the smallest size."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile

import pytest

from core import cache, settings
from core.commands.run import execute
from core.errors import InputError, JobCancelled
from core.jobs import Job
from core.media.image_writing import png, tiles
from core.methods.imagic import edit, intake, pipeline
from core.methods.imagic import requests as rq
from core.methods.imagic import results as rs
from core.world.diffusion import config, loading
from tests.core.world.diffusion.tiny import IMAGE, picture, tiny_pipeline


@pytest.fixture
def two_steps(monkeypatch):
    """The smoke preset with two steps of each stage."""
    smoke = config.smoke()
    short = dataclasses.replace(
        smoke,
        num_pictures=16,
        vae=dataclasses.replace(smoke.vae, num_steps=2, save_every=1, log_every=1, batch_size=2),
        unet=dataclasses.replace(smoke.unet, num_steps=2, save_every=1, log_every=1, batch_size=2),
    )
    monkeypatch.setitem(config.PRESETS, "smoke", lambda: short)


class Listening(Job):
    """Notes the curves that a page would draw, and may stop at a stage."""

    def __init__(self, stop_at=""):
        super().__init__(method="imagic", on_report=self.hear)
        self.curves, self.stop_at = [], stop_at

    def hear(self, fraction, text, preview):
        if preview:
            self.curves.append(preview)
            if preview[-1].stage == self.stop_at:
                self.cancel_event.set()


def test_training_gives_a_pipeline_of_its_own_with_curves_and_samples(two_steps):
    job = Listening()
    result = pipeline.run(job, rq.TrainRequest())
    assert isinstance(result, rs.TrainResult)
    assert {p.stage for p in result.points} == {"vae", "unet"}
    assert [p.step for p in result.points] == sorted(p.step for p in result.points)
    assert job.curves[-1] == result.points
    assert result.sheet is not None
    assert tiles(result.files["samples.png"], 1, result.sheet.columns).shape[3] == result.sheet.tile
    assert len(result.captions) == result.sheet.columns
    with zipfile.ZipFile(io.BytesIO(result.files["model.zip"])) as archive:
        names = archive.namelist()
        assert {"model_index.json", "unet/config.json"} <= set(names)
        assert not [n for n in names if n.endswith((".bin", ".pt", ".pkl"))]
    told = json.loads(json.dumps(rs.RESULTS.to_dict(result)))
    assert rs.RESULTS.from_dict(told) == dataclasses.replace(result, files={})


def test_training_that_was_stopped_goes_on_where_it_was(two_steps):
    stopped = Listening(stop_at="unet")
    with pytest.raises(JobCancelled):
        pipeline.run(stopped, rq.TrainRequest())
    done = [p for p in stopped.curves[-1] if p.stage == "vae"]
    job = Listening()
    result = pipeline.run(job, rq.TrainRequest(resume=True))
    assert [p for p in result.points if p.stage == "vae"] == done, "that stage was not made again"
    steps = [p.step for p in result.points]
    assert steps == sorted(set(steps))
    assert len(job.curves) < len(result.points)


# --- the command line ---------------------------------------------------------------------------


@pytest.fixture
def tiny_model(tmp_path, monkeypatch):
    folder = tmp_path / "text_to_image"
    tiny_pipeline().save_pretrained(folder, safe_serialization=True)
    monkeypatch.setattr(loading, "FOLDER", folder)
    monkeypatch.setattr(edit, "previews_of", lambda sampling: None)
    cache.use(cache.from_settings(settings.current()))
    yield
    cache.use(None)


QUICK = {"steps": "2", "etas": "0,1", "embedding_steps": "2", "tuning_steps": "2", "rank": "2",
         "batch_size": "2", "baselines": ""}  # fmt: skip


def test_a_run_from_the_command_line_can_be_repeated_from_its_folder(tiny_model, tmp_path):
    file = tmp_path / "photo.png"
    file.write_bytes(png(picture()))
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    execute("imagic", "edit", [file], {"target": "a sitting dog", **QUICK}, None, first)
    assert {"result.json", "summary.txt", "strip.png", "kit.zip"} <= {
        p.name for p in first.iterdir()
    }
    execute("imagic", None, [], {}, first / "request.json", again)
    assert (again / "strip.png").read_bytes() == (first / "strip.png").read_bytes()
    sampling = {"steps": "2", "etas": "0,1"}
    execute("imagic", "resample", [first / "kit.zip"], sampling, None, other)
    assert (other / "strip.png").read_bytes() == (first / "strip.png").read_bytes()
    execute(
        "imagic", "imagine", [], {"text": "a red ball", "seeds": "1", "steps": "5"}, None, other
    )
    assert intake.open_picture(rq.Picture(source="scene:1"), IMAGE).pixels.shape[0] == IMAGE
    assert (other / "imagined.png").exists()


def test_the_command_line_refuses_a_file_that_is_no_picture(tmp_path):
    file = tmp_path / "photo.png"
    file.write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError, match=r"photo\.png is a PDF"):
        execute("imagic", "edit", [file], {"target": "a dog"}, None, tmp_path / "out")
