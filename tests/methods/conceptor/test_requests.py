"""Requests: JSON and back, limits in words, the command line, the endpoints."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace

import pytest

from core.errors import InputError
from core.methods.conceptor import commandline, config, endpoints, pipeline, showing
from core.methods.conceptor import requests as rq
from core.methods.conceptor.config import Settings
from core.methods.conceptor.endpoint_parts import settings_of
from core.runs.request import to_json

EVERY = [
    rq.DecomposeRequest(concept="snowman"),
    rq.DecomposeRequest(concept="snail", settings=config.full(), tier="full", model="stable-diffusion-xl-base-1.0"),
    rq.ExplainRequest(concept="crane", seed=4, threshold=0.9, target="original"),
    rq.MixRequest(concept="snowman", factors={"white": 0.0, "hat": 2.5}, solo="", mute=("ball",), seeds=(7,)),
    rq.AuditRequest(concepts=("doctor", "artist"), pictures=16, strength=0.5),
    rq.CompareRequest(one="snowman", other="frostling", settings=Settings(repeats=1)),
    rq.CheckRequest(num_words=2, seed=1, steps=100),
    rq.TrainRequest(preset="cpu", resume=False),
]  # fmt: skip


@pytest.mark.parametrize("request_", EVERY, ids=lambda r: r.kind)
def test_a_request_survives_json(request_):
    assert rq.KINDS.from_dict(json.loads(json.dumps(rq.KINDS.to_dict(request_)))) == request_
    assert showing.title(request_)
    assert isinstance(showing.in_words(request_), str)


@pytest.mark.parametrize("request_", EVERY, ids=lambda r: r.kind)
def test_every_request_says_how_long_a_gpu_is_needed(request_):
    assert pipeline.gpu_seconds(request_) >= 10
    assert set(pipeline._WORK) == set(rq.KINDS)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: rq.DecomposeRequest(concept="  "), "empty"),
        (lambda: rq.DecomposeRequest(concept="x" * 81), "81 characters"),
        (lambda: rq.DecomposeRequest(concept="dog", tier="huge"), "tier"),
        (lambda: rq.ExplainRequest(concept="dog", threshold=1.5), "threshold"),
        (lambda: rq.ExplainRequest(concept="dog", target="best"), "target"),
        (lambda: rq.MixRequest(concept="dog", factors={"red": 9.0}), "factor of 'red'"),
        (lambda: rq.MixRequest(concept="dog", factors={"red": float("nan")}), "factor of 'red'"),
        (lambda: rq.MixRequest(concept="dog", seeds=()), "0 seeds"),
        (lambda: rq.AuditRequest(concepts=()), "0 concepts"),
        (lambda: rq.AuditRequest(concepts=("a",), group_a=("x",), group_b=("x",)), "both groups"),
        (lambda: rq.AuditRequest(concepts=("a",), group_a=()), "first group"),
        (lambda: rq.CompareRequest(one="dog", other=""), "second concept"),
        (lambda: rq.CheckRequest(num_words=0), "words"),
        (lambda: rq.TrainRequest(preset="huge"), "preset"),
        (lambda: Settings(n=0), "n is 0"),
        (lambda: Settings(steps=1.5), "whole number"),
        (lambda: Settings(sparsity=float("inf")), "sparsity"),
        (lambda: Settings(lr=True), "lr"),
        (lambda: Settings(dictionary="some"), "dictionary"),
        (lambda: Settings(choice="best"), "choice"),
        (lambda: Settings(flip=1), "flip"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(make, said):
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize("data", [None, {}, {"kind": "paint"}, {"kind": "mix", "concept": "dog", "more": 1}, []])  # fmt: skip
def test_other_files_are_no_requests(data):
    with pytest.raises(InputError):
        rq.KINDS.from_dict(data)


def test_the_bank_has_no_more_pictures_than_there_are():
    assert Settings(validation_pictures=4).bank_pictures == 4


def test_the_official_numbers_differ_from_ours_where_they_must():
    assert config.official().n == 50
    assert config.embedded().repeats == 3
    assert set(config.LIMITS) == {n for n, v in config.to_dict(Settings()).items() if not isinstance(v, bool | str)}  # fmt: skip


# --- command line ---------------------------------------------------------------------------------


def test_words_of_a_command_line_become_a_request():
    found = commandline.request_from_cli(
        "mix", [], {"concept": "snowman", "factors": "white:0,hat:2", "seeds": "1,2", "mute": "ball", "n": "5", "synonym_cosine": "none"},
    )  # fmt: skip
    assert found == rq.MixRequest(concept="snowman", factors={"white": 0.0, "hat": 2.0}, seeds=(1, 2), mute=("ball",), settings=Settings(n=5))  # fmt: skip
    audit = commandline.request_from_cli("audit", [], {"concepts": "doctor,artist", "strength": "0.5"})  # fmt: skip
    assert audit == rq.AuditRequest(concepts=("doctor", "artist"), strength=0.5)
    full = commandline.request_from_cli("decompose", [], {"concept": "snail", "tier": "full"})
    assert full.settings == config.full()
    old = commandline.request_from_cli("decompose", [], {"concept": "snail", "preset": "official"})
    assert old.settings == config.official()


@pytest.mark.parametrize(
    ("verb", "params", "said"),
    [
        ("paint", {}, "no verb"),
        ("decompose", {"concept": "dog", "colour": "red"}, "no setting 'colour'"),
        ("decompose", {"concept": "dog", "n": "many"}, "must be a number"),
        ("decompose", {"concept": "dog", "flip": "perhaps"}, "true or false"),
        ("mix", {"concept": "dog", "factors": "white"}, "a word and a factor"),
        ("decompose", {"concept": "dog", "preset": "best"}, "no preset"),
        ("decompose", {}, "concept"),
    ],
)
def test_wrong_words_of_a_command_line_are_named(verb, params, said):
    with pytest.raises(InputError, match=said):
        commandline.request_from_cli(verb, [], params)


def test_a_file_is_no_concept(tmp_path):
    with pytest.raises(InputError, match="needs none"):
        commandline.request_from_cli("decompose", [tmp_path / "a.png"], {})


# --- endpoints ------------------------------------------------------------------------------------


def test_every_verb_has_an_endpoint_and_all_may_learn():
    assert set(endpoints.CALLS.endpoints) == {f"conceptor_{kind}" for kind in rq.KINDS}
    assert all(e.grad and e.heavy for e in endpoints.CALLS.endpoints.values())


def test_a_call_without_settings_is_the_request_of_the_page():
    calls = endpoints.CALLS.endpoints
    assert calls["conceptor_decompose"].make("snowman") == rq.DecomposeRequest(concept="snowman")
    full = calls["conceptor_decompose"].make("snail", tier="full")
    assert full.settings == config.full()
    assert calls["conceptor_explain"].make("crane") == rq.ExplainRequest(concept="crane")
    assert calls["conceptor_mix"].make("snowman") == rq.MixRequest(concept="snowman")
    assert calls["conceptor_audit"].make(["doctor"]) == rq.AuditRequest(concepts=("doctor",))
    assert calls["conceptor_compare"].make("a", "b") == rq.CompareRequest(one="a", other="b")
    assert calls["conceptor_check"].make() == rq.CheckRequest()


def test_arguments_of_a_call_reach_the_settings():
    make = endpoints.CALLS.endpoints["conceptor_decompose"].make
    found = make("dog", n=3, sparsity=0.5, repeats=1, settings={"lr": 0.01}, dictionary="atoms", seed=4)  # fmt: skip
    assert found.settings == replace(Settings(), n=3, sparsity=0.5, repeats=1, lr=0.01, dictionary="atoms", seed=4)  # fmt: skip
    with pytest.raises(InputError, match="unknown setting"):
        settings_of("embedded", {"colour": "red"})
    assert inspect.signature(make).parameters["seed"].default == 0


@pytest.mark.parametrize("request_", EVERY, ids=lambda r: r.kind)
def test_the_printed_call_of_a_request_makes_the_same_request(request_):
    shared = showing.VERBS.action(request_.kind)
    arguments = shared["api_arguments"](json.loads(json.dumps(to_json(request_))))
    made = endpoints.CALLS.endpoints[shared["api_name"]].make(**arguments)
    assert made == request_
    assert shared["parse"](to_json(request_)) == request_


def test_the_smoke_call_of_a_space_can_be_asked():
    from pathlib import Path

    from core.methods.conceptor import SPEC

    (call,) = json.loads((Path(SPEC.folder) / "examples/smoke.json").read_text())["calls"]
    found = endpoints.CALLS.endpoints[call["endpoint"]].make(**call["arguments"])
    assert sum(pipeline.passes(found.settings).values()) < 500
    assert to_json(found)["concept"] == "snowman"
