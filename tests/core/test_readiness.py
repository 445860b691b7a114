"""Whether a tier can run here, in words."""

from dataclasses import replace

import pytest

from core import readiness, registry, settings
from core.registry import MethodSpec, Paper, Tier


def spec_of(tier):
    return MethodSpec(
        slug="trill",
        title="T",
        summary="s",
        paper=Paper(title="T", authors="A", venue="V", year=2020),
        tasks=(),
        tiers=(tier,),
        colour="#000000",
        emoji="x",
    )


def words(tier):
    return readiness.tier_readiness(spec_of(tier), tier)


@pytest.fixture
def machine(monkeypatch):
    def set_to(kind, memory=0):
        monkeypatch.setattr(readiness, "device", lambda: readiness.Device(kind, kind, memory))

    set_to("cpu")
    return set_to


BIG = Tier(name="full", title="f", licence="x", model_ids=("a/b",), size_bytes=5 * 10**9,
           min_device_bytes=8 * 2**30)  # fmt: skip


def test_shipped_weights_are_ready(machine):
    assert words(Tier(name="embedded", title="e", licence="x")) == readiness.Readiness(
        True, "ready here"
    )


def test_a_gpu_that_is_missing_or_too_small_is_named(machine):
    assert words(BIG).words == "needs 8 GB GPU"
    machine("cuda", 4 * 2**30)
    assert words(BIG).words == "needs 8 GB GPU, this one has 4"


def test_a_download_is_announced_and_needs_the_network(machine, monkeypatch):
    machine("cuda", 24 * 2**30)
    monkeypatch.setattr(readiness, "_cached", lambda tier: False)
    settings.override(offline=False)
    assert words(BIG) == readiness.Readiness(True, "downloads 5.0 GB once")
    settings.override(offline=True)
    assert words(BIG) == readiness.Readiness(False, "not downloaded, and we are offline")
    monkeypatch.setattr(readiness, "_cached", lambda tier: True)
    assert words(BIG).ready


def test_a_full_tier_of_our_own_is_ready_once_its_weights_are_there(machine):
    own = Tier(name="full", title="f", licence="x")
    assert words(own) == readiness.Readiness(False, "no published weights: train it")
    folder = settings.current().data_dir / "weights" / "trill"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert words(own) == readiness.Readiness(True, "ready here")


def test_on_zero_gpu_the_device_is_known_and_nothing_is_downloaded_for_it(monkeypatch):
    settings.override(zero_gpu=True, offline=False)
    monkeypatch.setattr(readiness, "_cached", lambda tier: False)
    assert readiness.device().kind == "cuda"
    assert readiness.tier_readiness(replace(spec_of(BIG), heavy=True), BIG) == readiness.Readiness(
        False, "not in this Space"
    )
    assert readiness.tier_readiness(spec_of(BIG), BIG).words == "downloads 5.0 GB once"
    settings.override(device="cpu")
    assert readiness.device().kind == "cpu"


def test_the_best_tier_speaks_for_the_method(machine):
    state = readiness.method_readiness(registry.load("trill"))
    assert state == readiness.Readiness(True, "ready here")


@pytest.mark.parametrize(
    ("size", "text"),
    [(12, "12 B"), (1_300_000, "1.3 MB"), (98_000_000, "98 MB"), (8 * 10**9, "8.0 GB")],
)
def test_sizes_have_a_fitting_unit(size, text):
    assert settings.size_words(size) == text
