"""The pipeline on a tiny random model: edits, plain pictures, and what others ask of it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from core.jobs import JobRunner
from core.media import image
from core.media.image_writing import tiles
from core.methods.imagic import intake, kit, pipeline
from core.methods.imagic import requests as rq
from core.methods.imagic import results as rs
from core.methods.imagic.config import Learning
from core.world.diffusion import loading
from core.world.render import render
from tests.core.world.diffusion.tiny import IMAGE, tiny_pipeline
from tests.methods.imagic.piped import EDIT, LEARNING, SAMPLING, SCENE, base, run

pytestmark = pytest.mark.usefixtures("model")


def test_an_edit_gives_everything_that_the_page_shows(edited):
    result = edited
    assert isinstance(result, rs.EditResult)
    assert result.etas == SAMPLING.etas
    assert result.strip == rs.Sheet(file="strip.png", rows=2, columns=3, tile=IMAGE)
    strip = tiles(result.files["strip.png"], 2, 3)
    assert strip.shape == (2, 3, IMAGE, IMAGE, 3)
    assert np.allclose(result.scores.text, strip.mean((2, 3, 4)) / 255, atol=1e-4)
    assert [b.name for b in result.baselines] == [
        "text to image", "SDEdit 0.4", "SDEdit 0.6", "SDEdit 0.8", "DDIM inversion",
    ]  # fmt: skip
    others = tiles(result.files["baselines.png"], 2, 5)
    assert np.allclose(
        [b.text for b in result.baselines], (others.mean((2, 3, 4)) / 255).T, atol=1e-4
    )
    assert np.array_equal(others[0, 4], others[1, 4]), "inversion has no seed"
    assert [s.name for s in result.stages] == [
        "picture", "embedding", "tuning", "sampling", "baselines", "scores",
    ]  # fmt: skip
    assert [s.steps for s in result.stages[1:3]] == [3, 3]
    assert result.losses.embedding[0].loss == result.losses.target
    assert result.untouched
    assert result.base_after == base()[0]
    known = image.load(result.files["input.png"]).pixels
    assert np.array_equal(known, render([intake.open_picture(SCENE, IMAGE).scene], size=IMAGE)[0])
    assert set(result.files) >= {"kit.zip", "picture.png", "reconstruction.png", "lora.safetensors"}
    assert rs.RESULTS.from_dict(json.loads(json.dumps(rs.RESULTS.to_dict(result)))) == (
        dataclasses.replace(result, files={})
    )


def test_the_same_request_gives_the_same_pictures_and_another_seed_does_not(judge, edited):
    one = edited
    same = run(dataclasses.replace(EDIT, baselines=rq.BASELINES))
    assert one.files["strip.png"] == same.files["strip.png"]
    assert one.files["baselines.png"] == same.files["baselines.png"]
    assert one.losses == same.losses
    other = run(dataclasses.replace(EDIT, learning=dataclasses.replace(LEARNING, seed=5)))
    assert other.files["strip.png"] != one.files["strip.png"]


def test_a_job_without_gradients_learns_all_the_same(judge, edited):
    """The command line starts jobs in inference mode."""
    runner = JobRunner()
    plain = runner.submit(pipeline.run, EDIT, method="imagic", heavy=True).result(60)
    taught = runner.submit(pipeline.run, EDIT, method="imagic", heavy=True, grad=True).result(60)
    assert plain.files["strip.png"] == taught.files["strip.png"] == edited.files["strip.png"]
    assert runner.shutdown()


def test_a_network_that_is_too_large_for_a_kit_leaves_it_out_and_says_so(judge, monkeypatch):
    monkeypatch.setattr(kit, "MAX_TENSORS", 2**20 + 1000)
    whole = dataclasses.replace(LEARNING, tuning="full")
    result = run(dataclasses.replace(EDIT, learning=whole))
    assert (result.kit, result.kit_bytes) == ("", 0)
    assert "kit.zip" not in result.files
    assert [note for note in result.notes if "too large for an edit kit" in note]
    assert tiles(result.files["strip.png"], 2, 3).shape[0] == 2


# --- imagine ------------------------------------------------------------------------------------


def test_imagining_gives_one_picture_for_each_seed(judge):
    result = run(rq.ImagineRequest(text="a sitting dog", seeds=(4, 5, 6), steps=5))
    assert isinstance(result, rs.ImagineResult)
    pictures = tiles(result.files["imagined.png"], 1, 3)[0]
    assert len({p.tobytes() for p in pictures}) == 3
    assert np.allclose(result.scores, pictures.mean((1, 2, 3)) / 255, atol=1e-4)
    pipe = tiny_pipeline()
    pipe.set_progress_bar_config(disable=True)
    same = pipe(
        "a sitting dog", height=IMAGE, width=IMAGE, num_inference_steps=5, guidance_scale=3.0,
        output_type="np", generator=torch.Generator().manual_seed(5),
    ).images[0]  # fmt: skip
    assert np.abs(pictures[1].astype(float) - same * 255).max() <= 1


# --- what others ask of the pipeline ------------------------------------------------------------


def test_the_seconds_on_a_gpu_grow_with_the_work():
    small = pipeline.gpu_seconds(EDIT)
    large = pipeline.gpu_seconds(
        dataclasses.replace(EDIT, tier="full", learning=Learning(embedding_steps=500))
    )
    strip = pipeline.gpu_seconds(rq.ResampleRequest(kit="gallery:sitting-dog"))
    assert 0 < small < large
    assert strip > 0
    assert pipeline.gpu_seconds(rq.CheckRequest(num_scenes=4)) > pipeline.gpu_seconds(
        rq.CheckRequest()
    )


def test_the_models_to_place_are_named_and_those_that_are_missing_left_out(
    folder, tmp_path, monkeypatch
):
    names = [spec.name for spec in pipeline.preload()]
    assert any("text_to_image" in n or "embedded" in n for n in names)
    assert "stable-diffusion-v1-5" in names
    monkeypatch.setattr(loading, "FOLDER", tmp_path / "nothing")
    assert len(list(pipeline.preload())) < len(names)
