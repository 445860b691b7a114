"""Kits: what was learnt comes back to the bit, and what is no kit is refused in words."""

from __future__ import annotations

import copy
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from core.errors import InputError
from core.methods.imagic import kit
from core.methods.imagic.algorithm import learn
from core.methods.imagic.config import Sampling
from core.methods.imagic.learnt import Learnt
from core.methods.imagic.strip import sample_strip
from core.world.diffusion.parts import Parts
from tests.core.world.diffusion.tiny import tiny_pipeline, tiny_sdxl
from tests.methods.imagic.tiny import SOURCE, learning

QUICK = Sampling(etas=(0.0, 0.7, 1.2), steps=2)


@pytest.fixture(scope="module")
def model(parts):
    return parts.model_hash()


@pytest.fixture(scope="module")
def learnt(parts, z0, target):
    return learn(parts, z0, target, learning(tuning="lora"))


@pytest.fixture(scope="module")
def files(learnt, model):
    return kit.write(learnt, model)


def told_with(files, **changes):
    return {**copy.deepcopy(files[1]), **changes}


@pytest.mark.parametrize("kind", ["none", "lora", "full", "joint"])
def test_a_kit_draws_the_same_strip_without_learning(parts, z0, target, model, kind):
    found = learn(parts, z0, target, learning(tuning=kind, source_caption=SOURCE))
    tensors, told = kit.write(found, model)
    again, described = kit.read(tensors, json.loads(json.dumps(told)))
    kit.check(again, described, parts, model)
    assert np.array_equal(
        sample_strip(parts, again, again.target, QUICK), sample_strip(parts, found, target, QUICK)
    )
    assert replace(again, **_TENSORS) == replace(
        found,
        **_TENSORS,
        seconds={k: round(v, 3) for k, v in found.seconds.items()},
    )
    assert torch.equal(again.target.mask, target.mask)


_TENSORS = {"z0": None, "target": None, "optimised": None, "adapter": None, "weights": None}


def test_equal_kits_have_equal_bytes_and_draw_for_another_text(parts, learnt, model, files):
    assert kit.write(learnt, model) == files
    again, _ = kit.read(*files)
    other = parts.encode_text(SOURCE)
    found = sample_strip(parts, again, other, QUICK)
    assert np.array_equal(found, sample_strip(parts, learnt, other, QUICK))


def test_a_kit_of_another_model_is_refused(learnt, files):
    other = Parts.from_pipeline(tiny_pipeline(seed=1))
    again, described = kit.read(*files)
    with pytest.raises(InputError, match=r"learnt with the model .* Choose that model"):
        kit.check(again, described, other, other.model_hash())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda k: replace(k, target=k.optimised.rows(slice(0, 0))), "embeddings do not fit"),
        (lambda k: replace(k, z0=torch.zeros(1, 3, 8, 8)), "latents do not fit"),
        (lambda k: replace(k, z0=torch.zeros(1, 4, 8, 80)), "four times as large"),
        (lambda k: replace(k, adapter={"up.lora_A.weight": torch.zeros(2, 16)}), "adapter of up "),
        (lambda k: replace(k, adapter=_without_one_side(k)), "does not fit the model"),
        (lambda k: replace(k, adapter=_of_rank(k, 33)), "does not fit the model"),
        (lambda k: replace(k, adapter=_of_two_ranks(k)), "two sides"),
        (lambda k: replace(k, weights={"conv_in.bias": torch.zeros(3)}), "weight conv_in.bias"),
        (lambda k: replace(k, weights={"conv_in.other": torch.zeros(3)}), "weight conv_in.other"),
    ],
)
def test_shapes_that_do_not_fit_the_model_are_refused(parts, learnt, model, files, change, words):
    with pytest.raises(InputError, match=words):
        kit.check(change(learnt), kit.read(*files)[1], parts, model)


def _without_one_side(k: Learnt):
    return dict(list(k.adapter.items())[1:])


def _of_rank(k: Learnt, rank: int):
    return {
        n: torch.zeros((rank, t.shape[1]) if "lora_A" in n else (t.shape[0], rank))
        for n, t in k.adapter.items()
    }


def _of_two_ranks(k: Learnt):
    return {n: torch.zeros(3, t.shape[1]) if "lora_A" in n else t for n, t in k.adapter.items()}


def test_a_kit_for_the_other_family_is_refused(learnt, files):
    xl = Parts.from_pipeline(tiny_sdxl())
    again, described = kit.read(*files)
    with pytest.raises(InputError, match="embeddings do not fit"):
        kit.check(again, replace(described, model="0" * 64), xl, "0" * 64)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "does not say so"),
        ([], "does not say so"),
        ({}, "does not say so"),
        ({"format": kit.FORMAT, "version": 2}, "has version '2'. This hub reads version 1"),
        ({"format": kit.FORMAT, "version": 1}, "names no model"),
        ({"format": kit.FORMAT, "version": 1, "model": "../etc"}, "names no model"),
        ({"format": kit.FORMAT, "version": 1, "model": "0" * 64, "tensors": []}, "lists no tensors"),
        ({"format": kit.FORMAT, "version": 1, "model": "0" * 64, "tensors": {}}, "it has no optimised"),
    ],
)  # fmt: skip
def test_a_description_of_something_else_is_refused(told, words):
    with pytest.raises(InputError, match=words):
        kit.describe(told)


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("../../z0", {"shape": [1], "sha256": ""}, "which no kit holds"),
        ("__class__", {"shape": [1], "sha256": ""}, "which no kit holds"),
        ("weights." + "a" * 300, {"shape": [1], "sha256": ""}, "which no kit holds"),
        ("weights.a", None, "does not describe weights.a"),
        ("weights.a", {"shape": [True], "sha256": ""}, "no shape"),
        ("weights.a", {"shape": [-1], "sha256": ""}, "no shape"),
        ("weights.a", {"shape": "1", "sha256": ""}, "no shape"),
    ],
)
def test_a_list_of_tensors_that_no_kit_has_is_refused(files, name, entry, words):
    told = told_with(files)
    told["tensors"][name] = entry
    with pytest.raises(InputError, match=words):
        kit.read(files[0], told)


@pytest.mark.parametrize(
    "changes",
    [
        {"losses": {}},
        {"losses": {"target": 1, "optimised": 1, "tuned": 1, "more": 1}},
        {"losses": {"target": "1", "optimised": 1, "tuned": 1}},
        {"losses": {"target": float("nan"), "optimised": 1, "tuned": 1}},
        {"losses": None},
        {"curve": [["embedding", 1]]},
        {"curve": [["lunch", 1, 1.0]]},
        {"steps": {"embedding": True}},
        {"seconds": []},
        {"learning": {"rank": 0}},
        {"learning": {"surprise": 1}},
        {"learning": {"source_caption": 3}},
        {"learning": None},
        {"peak_bytes": "x"},
    ],
)
def test_facts_of_a_wrong_kind_are_refused(files, changes):
    with pytest.raises(InputError):
        kit.read(files[0], told_with(files, **changes))


def test_a_fact_that_is_missing_is_refused(files):
    told = told_with(files)
    del told["curve"]
    with pytest.raises(InputError, match="lacks something"):
        kit.read(files[0], told)


@pytest.mark.parametrize(
    "tensors",
    [b"", b"PK\x03\x04", b"\x80\x04pickle", struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 2) + b"{}"],
    ids=["empty", "zip", "pickle", "header larger than the file", "no tensors"],
)  # fmt: skip
def test_a_file_that_is_no_safetensors_is_refused(files, tensors):
    with pytest.raises(InputError, match="Download it again"):
        kit.read(tensors, files[1])


def test_a_file_that_is_cut_or_too_large_is_refused(files, monkeypatch):
    for length in (7, 100, len(files[0]) - 1):
        with pytest.raises(InputError, match="damaged"):
            kit.read(files[0][:length], files[1])
    monkeypatch.setattr(kit, "MAX_TENSORS", len(files[0]) - 1)
    with pytest.raises(InputError, match="at most"):
        kit.read(*files)


def test_a_tensor_that_was_changed_is_named(files):
    damaged = bytearray(files[0])
    damaged[-1] ^= 1
    with pytest.raises(InputError, match="was changed after it was written"):
        kit.read(bytes(damaged), files[1])


def test_tensors_of_another_kind_or_with_holes_are_refused(learnt, model, files):
    tensors = load(files[0])
    half = save({**tensors, "z0": tensors["z0"].half()})
    with pytest.raises(InputError, match=r"z0 is torch.float16"):
        kit.read(half, files[1])
    with pytest.raises(InputError, match="not those that its description lists"):
        kit.read(save({**tensors, "target.pooled": torch.zeros(1)}), files[1])
    hollow = kit.write(replace(learnt, z0=torch.full_like(learnt.z0, float("inf"))), model)
    with pytest.raises(InputError, match="no numbers"):
        kit.read(*hollow)


def test_a_network_that_is_too_large_for_a_kit_is_told_before(
    parts, z0, target, model, monkeypatch
):
    whole = learn(parts, z0, target, learning(tuning="full"))
    assert kit.fits(whole)
    monkeypatch.setattr(kit, "MAX_TENSORS", 2**20 + 1000)
    assert not kit.fits(whole)
    with pytest.raises(InputError, match='Choose the tuning "lora"'):
        kit.write(whole, model)


@pytest.mark.parametrize("layers", ["attention", "wide"])
def test_public_code_loads_the_adapter(parts, z0, target, tmp_path, layers):
    own = learning(tuning="lora", layers=layers, tuning_steps=6, tuning_lr=3e-2)
    learnt = learn(parts, z0, target, own)
    (tmp_path / "adapter.safetensors").write_bytes(kit.lora_file(learnt))
    public = tiny_pipeline()
    public.load_lora_weights(tmp_path, weight_name="adapter.safetensors")
    t = torch.tensor(300)
    with torch.no_grad():
        theirs = parts.predict(public.unet, z0, t, target)
        from core.methods.imagic.strip import tuned_unet

        ours = parts.predict(tuned_unet(parts, learnt, QUICK), z0, t, target)
        base = parts.predict(parts.unet, z0, t, target)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)
    assert (ours - base).abs().max() > 1e-3


def test_without_an_adapter_there_is_no_file_for_public_code(parts, z0, target):
    with pytest.raises(InputError, match="leaves no adapter"):
        kit.lora_file(learn(parts, z0, target, learning()))


def drawn_from_its_noise(parts, learnt, target, **settings):
    said: list = []
    own = replace(QUICK, start="inverted", **settings)
    strip = sample_strip(parts, learnt, target, own, report=lambda *told: said.append(told[0]))
    return strip, "inversion" in said


def test_the_noise_of_the_picture_is_found_once_and_travels_in_the_kit(parts, learnt, model):
    own = replace(learnt)
    first, searched = drawn_from_its_noise(parts, own, own.target)
    assert searched
    assert list(own.starts) == ["tuned.2"]
    again, told = kit.read(*kit.write(own, model))
    kit.check(again, told, parts, model)
    assert torch.equal(again.starts["tuned.2"], own.starts["tuned.2"])
    second, searched = drawn_from_its_noise(parts, again, again.target)
    assert not searched
    assert np.array_equal(first, second)


def test_the_noise_is_found_again_for_other_steps_and_other_weights(parts, learnt, target):
    own = replace(learnt)
    drawn_from_its_noise(parts, own, target)
    assert drawn_from_its_noise(parts, own, target, steps=3)[1]
    assert drawn_from_its_noise(parts, own, target, forget="decoderkv", forget_strength=0.5)[1]
    assert drawn_from_its_noise(parts, replace(own, adapter=None), target)[1]
    assert list(own.starts) == ["tuned.2", "tuned.3"]


def test_starts_that_do_not_fit_are_refused(parts, learnt, model):
    own = replace(learnt)
    own.starts["tuned.2"] = torch.zeros(1, 4, 3, 3)
    with pytest.raises(InputError, match="its starts do not fit its latents"):
        kit.check(*kit.read(*kit.write(own, model)), parts, model)
    own.starts.clear()
    own.starts["theirs.2"] = torch.zeros_like(own.z0)
    with pytest.raises(InputError, match=r"lists 'start\.theirs\.2', which no kit holds"):
        kit.read(*kit.write(own, model))
