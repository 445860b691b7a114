"""Kits of the pipeline: drawn again, travelling with their picture, and refused where they are none."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile

import numpy as np
import pytest

from core.errors import InputError, NotFoundError
from core.media.image_writing import png
from core.methods.imagic import intake
from core.methods.imagic import requests as rq
from core.methods.imagic import results as rs
from core.runs import store
from core.runs.request import to_json
from core.world.diffusion import loading
from tests.core.world.diffusion.tiny import tiny_pipeline
from tests.methods.imagic.piped import EDIT, SAMPLING, run

pytestmark = pytest.mark.usefixtures("model")


def test_drawing_again_from_a_kit_gives_the_strip_of_the_edit(judge, edited):
    first = edited
    source, target = intake.kit_of_bytes(first.files["kit.zip"], "kit.zip")
    assert target == "a sitting dog"
    again = run(rq.ResampleRequest(kit=source, sampling=SAMPLING))
    assert isinstance(again, rs.ResampleResult)
    assert again.files["strip.png"] == first.files["strip.png"]
    assert again.losses == first.losses
    assert again.known
    assert again.seen == first.seen
    assert again.baselines == ()
    assert again.untouched
    twice, _ = intake.kit_of_bytes(again.files["kit.zip"], "kit.zip")
    more = run(rq.ResampleRequest(kit=twice, sampling=dataclasses.replace(SAMPLING, seeds=(9,))))
    assert more.strip.rows == 1
    assert more.files["strip.png"] != first.files["strip.png"]


def test_another_text_on_a_kit_is_called_an_approximation(judge, edited):
    source, _ = intake.kit_of_bytes(edited.files["kit.zip"], "kit.zip")
    other = run(rq.ResampleRequest(kit=source, target="a standing dog", sampling=SAMPLING))
    assert not other.known
    assert (other.target, other.kit_target) == ("a standing dog", "a sitting dog")
    with pytest.raises(InputError, match="glorbs"):
        run(rq.ResampleRequest(kit=source, target="a dog glorbs", sampling=SAMPLING))


def test_the_kit_of_a_stored_run_can_be_drawn_again(judge, edited):
    first = edited
    saved = store().save(
        method="imagic", request={}, result=rs.RESULTS.to_dict(first), artifacts=first.files
    )
    again = run(rq.ResampleRequest(kit=f"run:{saved.id}", sampling=SAMPLING))
    assert again.files["strip.png"] == first.files["strip.png"]
    bare = store().save(
        method="imagic", request={}, result={}, artifacts={"a.png": png(np.zeros((4, 4), np.uint8))}
    )
    with pytest.raises(NotFoundError, match="no edit kit"):
        run(rq.ResampleRequest(kit=f"run:{bare.id}"))


def test_a_kit_of_another_model_is_refused_and_both_models_are_named(
    judge, edited, tmp_path, monkeypatch
):
    source, _ = intake.kit_of_bytes(edited.files["kit.zip"], "kit.zip")
    other = tmp_path / "text_to_image"
    tiny_pipeline(seed=1).save_pretrained(other, safe_serialization=True)
    monkeypatch.setattr(loading, "FOLDER", other)
    with pytest.raises(InputError, match="was learnt with the model"):
        run(rq.ResampleRequest(kit=source, sampling=SAMPLING))


def test_uploads_keep_their_notes_and_travel_in_their_kit(judge):
    photo = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    picture = intake.picture_of_bytes(png(photo), "../holiday.png")
    assert picture.name == "holiday.png"
    result = run(dataclasses.replace(EDIT, picture=picture))
    assert result.seen.format == "PNG"
    assert (result.seen.width, result.seen.height) == (60, 40)
    assert any("largest square" in note for note in result.seen.notes)
    assert result.truth is None
    assert "whole scenes" in result.truth_note
    with zipfile.ZipFile(io.BytesIO(result.files["kit.zip"])) as kit:
        assert kit.read("input.png") == result.files["input.png"]
    source, _ = intake.kit_of_bytes(result.files["kit.zip"], "kit.zip")
    again = run(rq.ResampleRequest(kit=source, sampling=SAMPLING))
    assert again.files["input.png"] == result.files["input.png"]


# --- kits from outside --------------------------------------------------------------------------


def repacked(data, change):
    """A kit with some members changed; None leaves one out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= change(members)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return target.getvalue()


@pytest.fixture
def good_kit(edited):
    """A kit as an edit gives it."""
    return edited.files["kit.zip"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {"kit.json": None}, "no edit kit"),
        (lambda m: {"more.bin": b"x"}, "no edit kit"),
        (lambda m: {"../kit.json": b"{}"}, "no edit kit"),
        (lambda m: {"kit.json": b"{"}, "JSON"),
        (lambda m: {"kit.json": b"{}"}, "does not say what it was made for"),
        (lambda m: {"kit.json": b" " * (2**20 + 1)}, "more than 1 MB"),
        (
            lambda m: {"kit.json": m["kit.json"].replace(b'"target": "a sitting dog"', b'"target": 5')},
            "text",
        ),
    ],
)  # fmt: skip
def test_a_kit_that_is_none_is_refused_before_it_is_kept(good_kit, change, words):
    with pytest.raises(InputError, match=words):
        intake.kit_of_bytes(repacked(good_kit, change), "kit.zip")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {"kit.safetensors": m["kit.safetensors"][:-8]}, "damaged"),
        (
            lambda m: {"kit.safetensors": m["kit.safetensors"][:-4] + b"\x00\x00\x80\x3f"},
            "changed after it was written",
        ),
        (lambda m: {"input.png": png(np.zeros((20, 20, 3), np.uint8))}, "20 x 20 pixels"),
        (lambda m: {"input.png": b"%PDF-1.7"}, "PDF"),
    ],
)  # fmt: skip
def test_a_kit_that_was_changed_is_refused_when_it_is_used(good_kit, change, words, judge):
    source, _ = intake.kit_of_bytes(repacked(good_kit, change), "kit.zip")
    with pytest.raises(InputError, match=words):
        run(rq.ResampleRequest(kit=source, sampling=SAMPLING))


def test_a_file_that_is_no_kit_is_refused():
    for data in (b"", b"PK\x03\x04 but no more", png(np.zeros((20, 20, 3), np.uint8))):
        with pytest.raises(InputError, match=r"Use the kit\.zip"):
            intake.kit_of_bytes(data, "kit.zip")
    with pytest.raises(InputError, match="no edit kit yet"):
        intake.kit_of_file(None)


def test_a_kit_never_fetches_an_upload_of_somebody_else(good_kit, judge):
    secret = intake.picture_of_bytes(png(np.full((40, 40, 3), 9, np.uint8)), "secret.png")

    def point_at(members):
        told = json.loads(members["kit.json"])
        told["about"]["picture"] = to_json(secret)
        return {"kit.json": json.dumps(told).encode(), "input.png": None}

    source, _ = intake.kit_of_bytes(repacked(good_kit, point_at), "kit.zip")
    with pytest.raises(InputError, match="carries no picture"):
        run(rq.ResampleRequest(kit=source, sampling=SAMPLING))


def test_the_gallery_says_when_a_kit_is_not_ready(monkeypatch, tmp_path):
    from core.methods.imagic import gallery

    monkeypatch.setattr(gallery, "KITS", tmp_path)
    with pytest.raises(NotFoundError, match="has not been made yet"):
        run(rq.ResampleRequest(kit="gallery:sitting-dog"))
    with pytest.raises(NotFoundError, match="no scene"):
        run(rq.ResampleRequest(kit="gallery:flying-pig"))
