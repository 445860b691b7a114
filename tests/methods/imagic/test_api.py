"""The public endpoints: one for each verb, the same settings as the page, and a call through a real server."""

from __future__ import annotations

import dataclasses
import inspect
import json
import urllib.request

import numpy as np
import pytest
from gradio_client import Client, handle_file

from core.errors import InputError
from core.media import image
from core.media.image_writing import png
from core.methods.imagic import api_arguments, endpoint_parts, endpoints, showing
from core.methods.imagic import requests as rq
from core.methods.imagic.config import Learning, Sampling
from core.runs.request import to_json
from tests.methods.imagic.tiny_hub import COMMAND
from tests.serving import served

CALLS = endpoints.CALLS
EDIT = rq.EditRequest(
    picture=rq.Picture(source="scene:7", crop=None),
    target="a sitting dog",
    learning=Learning(embedding_steps=5, tuning="full", seed=3, layers="wide"),
    sampling=Sampling(etas=(0.0, 1.0), seeds=(4,), schedule="early", forget="encoder"),
    baselines=("SDEdit",),
)
EVERY = [
    EDIT,
    rq.EditRequest(picture=rq.Picture(source="scene:7"), target="a dog"),
    rq.EditRequest(
        picture=rq.Picture(source="scene:7", crop=rq.Crop(left=0.25, side=0.5)),
        target="a dog", tier="full", model="stable-diffusion-v1-4", baselines=(),
    ),
    rq.ResampleRequest(kit="gallery:sitting-dog", target="a cat", baselines=("SDEdit",)),
    rq.ResampleRequest(kit="run:abcdefghijkl", sampling=Sampling(guidance=5.0)),
    rq.ImagineRequest(text="a red ball", seeds=(9, 8), steps=12),
    rq.CheckRequest(num_scenes=3, seed=2),
    rq.TrainRequest(preset="cpu", resume=False),
]  # fmt: skip


def test_every_verb_has_an_endpoint_and_every_endpoint_a_verb():
    assert set(CALLS.endpoints) == {f"imagic_{kind}" for kind in rq.KINDS}
    for kind in rq.KINDS:
        assert showing.VERBS.action(kind)["api_name"] == f"imagic_{kind}"


def test_endpoints_that_learn_run_with_gradients_and_all_wait_for_the_device():
    learns = {name for name, endpoint in CALLS.endpoints.items() if endpoint.grad}
    assert learns == {"imagic_edit", "imagic_check", "imagic_train"}
    assert all(endpoint.heavy for endpoint in CALLS.endpoints.values())


def test_every_setting_of_an_edit_is_an_argument_with_the_same_default():
    given = inspect.signature(CALLS.endpoints["imagic_edit"].make).parameters
    for cls in (Learning, Sampling):
        plain = cls()
        for field in dataclasses.fields(cls):
            name = "training_seed" if (cls, field.name) == (Learning, "seed") else field.name
            assert name in given, name
            if field.name not in ("etas", "seeds"):
                assert given[name].default == getattr(plain, field.name), name
    again = inspect.signature(CALLS.endpoints["imagic_resample"].make).parameters
    assert {f.name for f in dataclasses.fields(Sampling)} <= set(again)


@pytest.mark.parametrize("request_", EVERY, ids=lambda r: r.kind)
def test_the_printed_call_of_a_request_asks_for_the_same(request_):
    name, arguments = api_arguments.CALLS[request_.kind]
    given = arguments(to_json(request_))
    json.dumps(given)
    assert CALLS.endpoints[name].make(**given) == request_


def test_a_short_call_is_printed_for_a_plain_edit():
    _, arguments = api_arguments.CALLS["edit"]
    plain = rq.EditRequest(picture=rq.Picture(source="example:sitting-dog"), target="a sitting dog")
    given = arguments(to_json(plain))
    assert set(given) == {"picture", "target"}
    assert given["picture"]["example"] == "example/imagic/sitting-dog"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "edits one picture"),
        ({"scene": 1, "picture": {"path": "x"}}, "edits one picture"),
        ({"scene": 1, "crop": [0.5]}, "crop has 1 numbers"),
        ({"scene": 1, "etas": [5.0]}, "etas"),
        ({"scene": 1, "tuning": "magic"}, "tuning"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(given, words):
    with pytest.raises(InputError, match=words):
        CALLS.endpoints["imagic_edit"].make(target="a dog", **given)


def test_a_call_names_one_kit():
    for kit, name in ((None, ""), ({"path": "x"}, "gallery:sitting-dog")):
        with pytest.raises(InputError, match="one edit kit"):
            endpoint_parts.take_kit(kit, name)


def test_settings_are_told_in_words():
    said = showing.in_words(EDIT)
    for word in ("scene 7", "5 embedding steps", "all weights", "1 seed,", "early", "forgetting"):
        assert word in said
    assert showing.in_words(rq.TrainRequest()) == "smoke preset"
    assert "stable-diffusion-v1-4" in showing.in_words(EVERY[2])


# --- a real server ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A hub with this page only and a tiny model, in a process of its own."""
    with served(tmp_path_factory.mktemp("hub"), command=COMMAND) as url:
        yield url


@pytest.fixture(scope="module")
def client(address):
    made = Client(address, verbose=False)
    yield made
    made.close()


def fetched(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read()


SMALL = {"etas": [0.0, 1.0], "steps": 2, "baselines": []}
QUICK = {"embedding_steps": 2, "tuning_steps": 2, "rank": 2, "batch_size": 2, **SMALL}


def test_neither_progress_nor_request_is_an_argument(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for name, endpoint in CALLS.endpoints.items():
        shown = {p["parameter_name"] for p in named[f"/{name}"]["parameters"]}
        assert shown == set(inspect.signature(endpoint.make).parameters), name


def test_an_edit_and_another_strip_of_it_through_the_server(client, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)))
    answer = client.predict(
        target="a sitting dog", picture=handle_file(str(photo)), crop=[0.1, 0.0, 0.8], **QUICK,
        api_name="/imagic_edit",
    )  # fmt: skip
    run = answer["run"]
    assert answer["kind"] == "edit"
    assert answer["seen"]["name"] == "photo.png"
    assert (answer["etas"], answer["seeds"]) == ([0, 1], [0])
    assert answer["base_before"] == answer["base_after"]
    strip = image.load(fetched(run["files"]["strip.png"])).pixels
    assert strip.shape == (16, 32, 3)
    assert b"gradio_config" in fetched(run["page"])
    kit = tmp_path / "kit.zip"
    kit.write_bytes(fetched(run["files"]["kit.zip"]))
    for again in ({"kit": handle_file(str(kit))}, {"kit_id": f"run:{run['id']}"}):
        told = client.predict(**again, **SMALL, api_name="/imagic_resample")
        assert np.array_equal(image.load(fetched(told["run"]["files"]["strip.png"])).pixels, strip)


def test_a_shipped_scene_by_its_address_keeps_its_id(client, address):
    where = {"path": f"{address}/example/imagic/sitting-dog", "meta": {"_type": "gradio.FileData"}}
    answer = client.predict(target="a sitting dog", picture=where, **QUICK, api_name="/imagic_edit")
    assert answer["seen"]["source"] == "example:sitting-dog"
    assert answer["seen"]["caption"]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("imagine", {"text": "a dog glorbs"}, "never seen.*glorbs"),
        ("edit", {"target": "a dog"}, "edits one picture"),
        ("edit", {"target": "", "scene": 3}, "text is empty"),
        ("resample", {"kit_id": "gallery:flying-pig"}, "no scene"),
        ("resample", {"kit_id": "run:aaaaaaaaaaaa"}, "run"),
    ],
)
def test_what_cannot_be_done_is_said_to_the_caller_in_words(client, name, arguments, words):
    with pytest.raises(Exception, match=words):
        client.predict(**arguments, api_name=f"/imagic_{name}")
