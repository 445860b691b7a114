"""A heavy job on ZeroGPU: the same job as elsewhere, in the platform's worker process."""

from __future__ import annotations

import base64
import json

import httpx
import pytest

from core.jobs import worker
from tests.core.zero.device_api import Answer


def test_a_heavy_job_runs_in_a_worker_and_its_steps_reach_the_log_of_the_hub(space, new_calls):
    done = space.call("run", kind="steps", steps=4)
    assert (done["kind"], done["value"]) == ("done", 4)
    assert done["pid"] != done["hub"]
    texts = [event["text"] for event in done["events"]]
    assert texts[:3] == ["Starting", "Started", "Waiting for a GPU"]
    assert texts[-2:] == ["Step 4", texts[-1]]
    fractions = [e["fraction"] for e in done["events"] if e["text"].startswith("Step")]
    assert fractions == sorted(fractions)
    previews = [e["preview"] for e in done["events"] if e["kind"] == "preview"]
    assert previews[-1] == ["ndarray", "int64", [3], [3, 3, 3]]
    assert [call.path for call in new_calls()][-1] == "/release"
    assert new_calls("/release")[0].query["fail"].lower() == "false"


def test_the_result_is_saved_by_the_hub_and_not_by_the_worker(space):
    done = space.call("run", kind="steps")
    assert done["saved"] == done["hub"]


def test_the_next_job_finds_the_worker_warm(space, new_calls):
    first, second = space.call("run", kind="steps"), space.call("run", kind="net")
    assert first["pid"] == second["pid"]
    assert len(new_calls("/schedule")) == 2
    assert len(new_calls("/allow")) <= 1


def test_the_duration_is_the_estimate_of_the_method_within_bounds(space, new_calls):
    for steps in (0, 3, 1000):
        space.call("run", kind="input error", steps=steps)
    space.call("run", kind="no estimate")
    asked = [int(call.query["durationSeconds"]) for call in new_calls("/schedule")]
    assert asked == [5, 33, 120, 60]  # 10 s a step and 2 s to start; 60 s without an estimate


def test_the_token_of_the_visitor_reaches_the_scheduler(space, new_calls):
    body = base64.urlsafe_b64encode(json.dumps({"user": "ann"}).encode()).decode().strip("=")
    space.call("run", kind="steps", token=f"head.{body}.tail")
    space.call("run", kind="steps")
    tokens = [call.query.get("token") for call in new_calls("/schedule")]
    assert tokens == [f"head.{body}.tail", None]


def test_a_call_over_http_runs_on_a_gpu_for_its_caller_and_is_kept_as_a_run(space, new_calls):
    body = base64.urlsafe_b64encode(b'{"user": "bob"}').decode().strip("=")
    address = f"{space.url}gradio_api/call/heavy_steps"
    headers = {"x-ip-token": f"head.{body}.tail"}
    with httpx.Client(timeout=60) as client:
        event = client.post(address, json={"data": [2]}, headers=headers).json()["event_id"]
        said = client.get(f"{address}/{event}").text
        answer = json.loads(said.split("data: ")[-1])[0]
        kept = client.get(answer["run"]["files"]["result.json"]).json()
    assert answer["steps"] == 2, said
    assert answer["pid"] != space.call("state")["pid"]
    assert kept == {"steps": 2}, kept
    assert [call.query["token"] for call in new_calls("/schedule")] == [f"head.{body}.tail"]


def test_tensors_and_arrays_come_back_on_the_cpu_with_their_values(space):
    found = space.call("run", kind="tensors")["value"]
    assert found == {
        "half": ["Tensor", "torch.bfloat16", [2, 2], [[0.0, 1.0], [2.0, 3.0]]],
        "bool": ["Tensor", "torch.bool", [2], [True, False]],
        "empty": ["Tensor", "torch.float32", [0, 3], []],
        "array": ["ndarray", "int16", [3], [0, 1, 2]],
    }


def test_a_job_runs_in_inference_mode_or_with_gradients_as_it_asked(space):
    assert space.call("run", kind="net")["value"]["inference"] is True
    found = space.call("run", kind="gradients")["value"]
    assert found == {"grad": [3.0, 3.0], "modes": [True]}


def test_a_worker_computes_on_the_cpu_too_when_the_hub_did_so_before_the_fork(space):
    space.call("run", kind="killed")  # so that the next job forks
    space.call("busy_hub")
    done = space.call("run", kind="matrices")
    assert done["value"] == 400.0, done["error"]


@pytest.mark.parametrize(
    ("kind", "error_kind", "words"),
    [
        ("input error", "InputError", "The text is empty. One letter is enough. Write something."),
        ("gradio error", "VitrineError", "A gr.Error keeps its words."),
        ("bug", "internal", worker.INTERNAL),
        ("out of memory", "DeviceOutOfMemory", worker.NO_MEMORY),
    ],
)
def test_an_error_keeps_its_words_and_its_class(space, new_calls, kind, error_kind, words):
    failed = space.call("run", kind=kind)
    assert (failed["kind"], failed["error_kind"], failed["error"]) == ("failed", error_kind, words)
    assert new_calls("/release")[0].query["fail"].lower() == "false"  # the worker stays warm


def test_the_traceback_of_a_bug_is_in_the_log_and_nowhere_else(space):
    failed = space.call("run", kind="bug")
    assert "a secret of the server" not in json.dumps(failed)
    assert "RuntimeError: a secret of the server" in space.log


def test_a_result_that_cannot_leave_the_worker_fails_and_the_log_names_it(space):
    failed = space.call("run", kind="lambda")
    assert (failed["kind"], failed["error"]) == ("failed", worker.INTERNAL)
    steps = [event for event in failed["events"] if event["text"] == "A preview that stays"]
    assert [step["preview"] for step in steps] == [None]
    assert "cannot pass to another process" in space.log


def test_a_worker_that_dies_is_told_in_words_and_replaced(space, new_calls):
    failed = space.call("run", kind="killed")
    assert failed["error_kind"] == "CapacityError"
    assert "ended before its work did" in failed["error"]
    assert new_calls("/release")[0].query["fail"].lower() == "true"
    assert space.call("run", kind="steps")["kind"] == "done"


def test_jobs_of_several_visitors_run_at_once_each_on_a_gpu_of_its_own(space):
    found = space.call("at_once", count=3, kind="deaf", delay=1.0)
    assert len(set(found["pids"])) == 3
    assert found["seconds"] < 2.9, found  # one after the other takes 3 s at least
    assert space.api.held == 0


def test_a_job_that_waits_for_a_gpu_says_so_until_one_comes(space):
    space.api.answer_next(Answer(delay=0.6))
    done = space.call("run", kind="steps")
    assert done["events"][2]["text"] == "Waiting for a GPU"
    assert (done["kind"], done["seconds"] > 0.6) == ("done", True)


def test_a_light_job_stays_in_the_hub_on_the_cpu_and_asks_for_no_gpu(space, new_calls):
    done = space.call("light")
    assert (done["pid"], done["device"]) == (done["hub"], "cpu")
    assert new_calls() == []
