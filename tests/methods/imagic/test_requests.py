"""Requests and results: what can be asked, what is refused in words, and JSON there and back."""

from __future__ import annotations

import dataclasses
import json

import pytest

from core.errors import InputError
from core.methods.imagic import requests as rq
from core.methods.imagic import results as rs
from core.methods.imagic.commandline import VERBS, request_from_cli, summary, write_outputs
from core.methods.imagic.config import Learning, Sampling
from core.runs.request import request_hash

from .strips import strip_result

SCENE = rq.Picture(source="scene:7")
HASH = "0123456789abcdef" * 4

EVERY = [
    rq.EditRequest(
        picture=rq.Picture(source=f"sha256:{HASH}", name="a.jpg", crop=rq.Crop(left=0.1, side=0.5)),
        target="a sitting dog",
        learning=Learning(embedding_steps=3, tuning="joint", source_caption="a dog"),
        sampling=Sampling(etas=(0.0, 0.7), seeds=(3, 4), schedule="late", forget="encoder"),
        baselines=("SDEdit",),
        tier="full",
        model="stable-diffusion-xl-base-1.0",
    ),
    rq.ResampleRequest(kit="gallery:sitting-dog", target="a jumping dog"),
    rq.ResampleRequest(kit=f"sha256:{HASH}"),
    rq.ImagineRequest(text="a red ball", seeds=(5,)),
    rq.CheckRequest(num_scenes=3, seed=1),
    rq.TrainRequest(preset="cpu", resume=False),
]


@pytest.mark.parametrize("request_", EVERY, ids=lambda r: r.kind)
def test_a_request_comes_back_from_json_as_it_was(request_):
    text = json.dumps(rq.KINDS.to_dict(request_))
    assert rq.KINDS.from_dict(json.loads(text)) == request_


def test_equal_settings_are_the_same_request_and_others_are_not():
    one = rq.EditRequest(picture=SCENE, target="a dog")
    same = rq.KINDS.from_dict({"kind": "edit", "picture": {"source": "scene:7"}, "target": "a dog"})
    other = dataclasses.replace(one, sampling=Sampling(guidance=4.0))
    assert request_hash(rq.KINDS.to_dict(one)) == request_hash(rq.KINDS.to_dict(same))
    assert request_hash(rq.KINDS.to_dict(one)) != request_hash(rq.KINDS.to_dict(other))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rq.Picture(source="/etc/passwd"), "no example, upload or scene"),
        (lambda: rq.Picture(source="scene:99999999999"), "no example, upload or scene"),
        (lambda: rq.Picture(source="scene:4000000000"), "seed of the scene"),
        (lambda: rq.Crop(side=0.0), "side of the crop"),
        (lambda: rq.Crop(left=float("nan")), "left edge"),
        (lambda: rq.EditRequest(picture=SCENE, target="  "), "text is empty"),
        (lambda: rq.EditRequest(picture=SCENE, target="x" * 500), "500 characters"),
        (lambda: rq.EditRequest(picture=SCENE, target="a", tier="huge"), "tier 'huge'"),
        (lambda: rq.EditRequest(picture=SCENE, target="a", model="sd9"), "model 'sd9'"),
        (lambda: rq.EditRequest(picture=SCENE, target="a", baselines=("magic",)), "baseline 'magic'"),
        *(
            (lambda given=given: rq.EditRequest(picture=SCENE, target="a", **given), "would change nothing")
            for given in (
                {"sampling": Sampling(forget="encoderattn")},
                {"sampling": Sampling(forget="decoderattn"), "learning": Learning(tuning="joint")},
                {"sampling": Sampling(forget="middle"), "learning": Learning(tuning="none")},
            )
        ),
        (lambda: rq.ResampleRequest(kit="../kit.zip"), "edit kit '../kit.zip' is unknown"),
        (lambda: rq.ImagineRequest(text="a", seeds=()), "0 seeds"),
        (lambda: rq.ImagineRequest(text="a", seeds=(True,)), "whole number"),
        (lambda: rq.ImagineRequest(text="a", steps=2), "number of steps"),
        (lambda: rq.CheckRequest(num_scenes=0), "number of scenes"),
        (lambda: rq.TrainRequest(preset="tpu"), "preset 'tpu'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_and_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("learning", [Learning(layers="wide"), Learning(tuning="full")])
def test_forgetting_all_but_attention_is_possible_where_more_than_attention_is_tuned(learning):
    sampling = Sampling(forget="decoderattn")
    made = rq.EditRequest(picture=SCENE, target="a dog", learning=learning, sampling=sampling)
    assert made.sampling.forget == "decoderattn"


def test_json_with_an_unknown_key_or_kind_is_refused():
    good = rq.KINDS.to_dict(rq.EditRequest(picture=SCENE, target="a dog"))
    for bad in ({}, [], {"kind": "explode"}, good | {"colour": 1}, good | {"target": 5}):
        with pytest.raises(InputError):
            rq.KINDS.from_dict(bad)


def test_a_result_comes_back_from_json_as_it_was_without_its_files():
    result = strip_result()
    back = rs.RESULTS.from_dict(json.loads(json.dumps(rs.RESULTS.to_dict(result))))
    assert back == dataclasses.replace(result, files={})
    with pytest.raises(InputError, match="describe an Imagic result"):
        rs.RESULTS.from_dict({"kind": "explore"})


def test_the_share_of_stage_one_is_that_of_the_whole_gain():
    curve = (rs.LossPoint(step=0, loss=1.0),)
    losses = rs.Losses(embedding=curve, tuning=(), target=1.0, optimised=0.7, tuned=0.5)
    assert losses.first_share == pytest.approx(0.6)
    flat = dataclasses.replace(losses, tuned=1.0)
    assert flat.first_share is None


# --- the command line ---------------------------------------------------------------------------


def test_settings_of_the_command_line_reach_their_places():
    made = request_from_cli(
        "edit",
        [],
        {
            "scene": "7", "target": "a sitting dog", "etas": "0, 0.7,1", "seeds": "1,2",
            "embedding_steps": "5", "training_seed": "9", "freeze_padding": "yes", "guidance": "4",
            "baselines": "SDEdit,text to image",
        },
    )  # fmt: skip
    assert isinstance(made, rq.EditRequest)
    assert made.picture == SCENE
    assert made.sampling == Sampling(etas=(0.0, 0.7, 1.0), seeds=(1, 2), guidance=4.0)
    assert made.learning == Learning(embedding_steps=5, seed=9, freeze_padding=True)
    assert made.baselines == ("SDEdit", "text to image")


def test_a_preset_is_where_the_settings_of_the_command_line_start():
    made = request_from_cli(
        "edit", [], {"scene": "7", "target": "a dog", "preset": "paper", "rank": "2"}
    )
    assert isinstance(made, rq.EditRequest)
    assert (made.learning.tuning, made.learning.embedding_steps, made.learning.rank) == (
        "full",
        1000,
        2,
    )
    assert made.sampling.guidance == 7.5
    again = request_from_cli("resample", [], {"kit": "gallery:sitting-dog", "steps": "9"})
    assert isinstance(again, rq.ResampleRequest)
    assert (again.kit, again.sampling.steps) == ("gallery:sitting-dog", 9)
    plain = request_from_cli("imagine", [], {"text": "a red ball", "seeds": "3"})
    assert plain == rq.ImagineRequest(text="a red ball", seeds=(3,))


@pytest.mark.parametrize(
    ("verb", "params", "words"),
    [
        ("paint", {}, "no verb 'paint'"),
        ("edit", {"target": "a dog"}, "got 0 files"),
        ("edit", {"scene": "7"}, "lacks the setting 'target'"),
        ("edit", {"scene": "7", "target": "a", "colour": "red"}, "no setting 'colour'"),
        ("edit", {"scene": "7", "target": "a", "steps": "many"}, "must be a number"),
        ("edit", {"scene": "7", "target": "a", "freeze_padding": "maybe"}, "true or false"),
        ("edit", {"scene": "7", "target": "a", "crop": "0,0"}, "three shares"),
        ("edit", {"scene": "7", "target": "a", "preset": "best"}, "no preset 'best'"),
        ("imagine", {}, "lacks the setting 'text'"),
        ("imagine", {"text": "a", "kind": "edit"}, "no setting 'kind'"),
        ("resample", {}, "got 0 files"),
    ],
)
def test_what_the_command_line_gets_wrong_is_named(verb, params, words):
    with pytest.raises(InputError, match=words):
        request_from_cli(verb, [], params)


def test_every_verb_of_the_command_line_says_what_it_takes():
    assert set(VERBS) <= set(rq.KINDS)
    assert all(len(words) > 20 for words in VERBS.values())


def test_outputs_are_the_result_a_summary_and_the_files(tmp_path):
    result = strip_result()
    written = write_outputs(result, tmp_path / "out")
    names = {path.name for path in written}
    assert {"result.json", "summary.txt", *result.files} == names
    assert (tmp_path / "out" / "strip.png").read_bytes() == result.files["strip.png"]
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert rs.RESULTS.from_dict(told) == dataclasses.replace(result, files={})
    assert "pictures show what was asked for" in summary(result)


def test_a_file_name_of_a_result_never_leaves_its_folder(tmp_path):
    result = strip_result(files={"../../escape.png": b"x"})
    written = write_outputs(result, tmp_path / "out")
    assert all(path.parent == tmp_path / "out" for path in written)
