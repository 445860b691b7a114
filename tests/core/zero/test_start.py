"""A Space on ZeroGPU starts: models placed, one function declared, start-up reported by the launch."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from core import gpu, hub, settings
from core.errors import VitrineError
from tests.core.zero.conftest import PACKAGES
from tests.core.zero.device_api import DeviceApi
from tests.core.zero.space import ROOT, space_env, why_not_real


@pytest.mark.skipif(bool(why_not_real()), reason=why_not_real() or "it is installed")
def test_the_platforms_own_package_is_tested_too():
    assert PACKAGES == ["stub", "real"]


def test_the_launch_reports_the_start_once_and_before_any_gpu_is_asked_for(space):
    space.call("run", kind="steps")
    calls = space.api.calls()
    assert [call.path for call in calls].count("/startup-report") == 1
    assert calls[0].path == "/startup-report"
    assert httpx.get(f"{space.url}healthz", timeout=30).status_code == 200


def test_exactly_one_function_is_decorated_for_all_methods(space):
    found = space.call("state")
    assert found["decorated"] == ["core.jobs.zero.run_on_gpu"]
    assert found["in_worker"] is False


def test_the_queue_of_the_hub_does_not_shrink_to_one(space):
    assert space.call("state")["queue"] == 64


def test_models_are_placed_before_the_launch_and_a_worker_finds_their_weights(space):
    found = space.call("state")
    assert found["mode"] == "static"
    assert found["parts"]["net"] == ["device", "cuda"]
    value = space.call("run", kind="net")["value"]
    assert (value["sum"], value["device"]) == (15.0, "cuda")


def test_a_damaged_model_does_not_take_the_space_down_and_its_jobs_say_why(space):
    assert space.call("state")["unplaced"] == {
        "heavy": "The weights file is cut short. A whole one works. Get it again."
    }
    assert set(httpx.get(f"{space.url}readyz", timeout=30).json()["unplaced"]) == {"heavy"}
    failed = space.call("run", kind="net", note="damaged")
    assert failed["error_kind"] == "WeightsError"
    assert (
        "could not be placed when this Space started. The weights file is cut short"
        in (failed["error"])
    )


def test_a_full_tier_that_was_not_downloaded_is_no_failure_until_it_is_chosen(space):
    failed = space.call("run", kind="absent")
    assert failed["error_kind"] == "WeightsError"
    assert "nothing is downloaded while a ZeroGPU Space starts" in failed["error"]


def test_a_model_that_nobody_placed_is_refused_in_words(space):
    failed = space.call("run", kind="net", note="unknown")
    assert failed["error_kind"] == "CapacityError"
    assert "was not placed when this Space started" in failed["error"]


def test_neither_building_nor_mounting_the_hub_reports_a_start(space):
    assert space.mounted == {"status": 200, "calls": []}


def _command(api: DeviceApi, folder, package: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments],
        env=space_env(api, folder, package),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_a_light_method_of_ours_runs_on_zero_gpu_without_asking_for_a_gpu(tmp_path):
    examples = ROOT / "spaces" / "trill" / "examples"
    clip = next(file for file in sorted(examples.rglob("*")) if file.suffix in (".wav", ".flac"))
    with DeviceApi() as api:
        done = _command(
            api, tmp_path, "stub", "app.py", "run", "trill", "explore", str(clip),
            "--out", str(tmp_path / "out"),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert api.calls() == []


def test_a_space_without_the_platforms_package_is_refused_in_one_line(tmp_path):
    code = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "spaces" else found(name, *rest)
from core import gpu
from core.errors import VitrineError
try:
    gpu.check()
except VitrineError as error:
    print(error)
"""
    with DeviceApi() as api:
        done = _command(api, tmp_path, "none", "-c", code)
    assert "its package `spaces` cannot be used" in done.stdout, done.stderr
    assert "Name `spaces` and such a torch in requirements.txt." in done.stdout


def test_a_damaged_package_is_told_in_words_at_the_launch(monkeypatch):
    settings.override(zero_gpu=True)
    monkeypatch.setattr(gpu, "_failure", AttributeError("no CUDA"))
    with pytest.raises(VitrineError, match="`spaces` cannot be used: no CUDA"):
        hub.launch(None, {})


def test_forks_take_turns(monkeypatch):
    at_once, most = [], []

    def fork():
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.02)
        at_once.pop()
        return 7

    monkeypatch.setattr(os, "fork", fork)
    gpu._fork_one_at_a_time()
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: os.fork(), range(8))) == [7] * 8
    assert max(most) == 1


@pytest.mark.parametrize("package", PACKAGES)
def test_off_zero_gpu_the_platforms_package_is_left_to_gradio(tmp_path, package):
    code = "import sys, core.gpu; print('spaces' in sys.modules, core.gpu.GPU.__module__)"
    with DeviceApi() as api:
        env = space_env(api, tmp_path, package)
        del env["SPACES_ZERO_GPU"]
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=env, cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert done.stdout.split() == ["False", "core.gpu"], done.stderr
