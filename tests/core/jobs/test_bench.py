"""The cancel benchmark measures what it says."""

from __future__ import annotations

import json
import time

import pytest

from core.bench import cancel


def test_the_device_clock_sees_an_overlap_that_is_there():
    device = cancel.Device()
    device._spans = [(0.0, 2.0), (1.5, 3.0), (4.0, 5.0)]
    assert device.overlap() == 0.5
    device.reset()
    assert (device.overlap(), device.left) == (0.0, 0)


def test_our_runner_leaves_no_overlap(runner, monkeypatch):
    monkeypatch.setattr(cancel, "DEAF_SECONDS", 0.4)
    monkeypatch.setattr(cancel, "CANCEL_AFTER", 0.1)
    began = time.perf_counter()
    assert cancel._overlap_of_ours(runner) == 0.0
    assert time.perf_counter() - began >= 0.8  # both really had the device


@pytest.mark.slow
def test_the_whole_benchmark_prints_scores_that_are_json():
    steps = []
    scores = cancel.run(quick=True, on_step=steps.append)
    overlap, delay, light, heavy = scores
    assert overlap.value == 0.0
    assert 1.0 < overlap.baseline <= 1.75
    assert delay.value < 0.2
    assert light.value < 50
    assert heavy.value < 50
    assert steps
    json.dumps([score.to_dict() for score in scores])
