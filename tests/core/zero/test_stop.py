"""A Stop on ZeroGPU really ends the work and gives the GPU back; an early end keeps what there is."""

from __future__ import annotations

import time

from core.jobs import zero
from tests.core.zero.device_api import Answer


def test_a_stopped_job_ends_in_the_worker_within_a_second_and_the_gpu_comes_back(
    space, new_calls, tmp_path
):
    file = tmp_path / "lines"
    stopped = space.call("stop", kind="write", steps=2000, note=str(file), after_text="Writing")
    assert stopped["state"] == "cancelled"
    assert stopped["seconds"] < 2.0
    assert space.api.held == 0
    lines = len(file.read_text().splitlines())
    time.sleep(0.3)
    assert len(file.read_text().splitlines()) == lines  # nobody writes any more
    last = float(file.read_text().splitlines()[-1])
    assert last <= stopped["ended"]
    assert new_calls("/release")[0].query["fail"].lower() == "false"
    assert space.call("run", kind="steps")["kind"] == "done"


def test_a_job_that_does_not_listen_loses_its_worker_and_not_the_next_job(space, new_calls):
    before = space.call("run", kind="steps")["pid"]
    stopped = space.call("stop", kind="deaf", delay=60, after_text="Deaf")
    assert stopped["state"] == "cancelled"
    assert zero.GRACE <= stopped["seconds"] < zero.GRACE + 3
    assert new_calls("/release")[-1].query["fail"].lower() == "true"
    assert space.api.held == 0
    after = space.call("run", kind="steps")
    assert after["kind"] == "done"
    assert after["pid"] != before


def test_a_job_that_waits_for_a_gpu_is_stopped_at_once_and_a_late_gpu_is_given_back(
    space, new_calls
):
    space.api.answer_next(Answer(delay=1.5))
    stopped = space.call("stop", kind="steps", after_text="Waiting for a GPU")
    assert stopped["state"] == "cancelled"
    assert stopped["seconds"] < 1.0
    deadline = time.monotonic() + 20
    while not new_calls("/release") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(new_calls("/release")) == 1
    assert space.api.held == 0


def test_an_early_end_reaches_the_worker_which_goes_to_its_end_with_what_it_has(space, new_calls):
    ended = space.call("end_early", kind="early", steps=3000, after_text="Counting", seconds=10)
    assert ended["heard"]
    assert 0 < ended["value"] < 2999
    assert ended["seconds"] < 3.0
    assert new_calls("/release")[-1].query["fail"].lower() == "false"


def test_a_job_on_a_gpu_that_offers_no_early_end_any_more_goes_on(space):
    late = space.call(
        "end_early", kind="early", steps=2, delay=1.0, after_text="Past it", seconds=0.6
    )
    assert not late["heard"]
    assert late["value"] == 1
