"""When the platform lends no GPU, the visitor gets one clear sentence."""

from __future__ import annotations

import base64

import gradio as gr
import pytest

from core.jobs import lending
from tests.core.zero.device_api import Answer, over_quota

TOKEN = f"head.{base64.urlsafe_b64encode(b'{}').decode().strip('=')}.tail"


@pytest.mark.parametrize(
    ("answer", "token", "words"),
    [
        (over_quota(12, 3600), TOKEN, "asks for 33 s of a GPU, and 12 s are left of your share"),
        (over_quota(0, 0, auth=""), "", "callers without an account have used up the share"),
        (over_quota(0, -1), TOKEN, "more than one visit may have"),
        (Answer(503), "", "All GPUs of the platform are busy"),
        (Answer(401), TOKEN, "This page is too old"),
        (Answer(500), "", "did not answer as it should"),
        (
            Answer(
                429,
                {"left": 1, "wait": 5},
                {"X-Approve-Result": "pending-overquota-exceeded"},
            ),
            TOKEN,
            "Your other jobs hold the GPU time",
        ),
    ],
    ids=["over quota", "no account", "too long", "busy", "old token", "broken", "pending"],
)
def test_a_refusal_is_one_sentence_of_ours(space, answer, token, words):
    space.api.answer_next(answer)
    failed = space.call("run", kind="steps", token=token)
    assert (failed["kind"], failed["error_kind"]) == ("failed", "BusyError")
    assert words in failed["error"]
    assert "ZeroGPU" not in failed["error"]
    assert "http" not in failed["error"]
    assert space.call("run", kind="steps")["kind"] == "done"


def test_the_platforms_queue_is_waited_for_and_its_end_is_told(space):
    if space.package != "real":
        pytest.skip("the stand-in has no queue")
    space.api.answer_next(Answer(events=("ping", "ping", "succeeded")))
    assert space.call("run", kind="steps")["kind"] == "done"
    space.api.answer_next(Answer(events=("ping", "failed")))
    failed = space.call("run", kind="steps", token=TOKEN)
    assert "All GPUs of the platform are busy" in failed["error"]


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (31.0, "took the GPU back after 31 s: this job had asked for 30 s"),
        (4.0, "ended before its work did, perhaps for lack of memory"),
        (None, "ended before its work did"),
    ],
)
def test_a_lost_worker_is_told_by_the_time_it_had(held, words):
    failed = lending.outcome(gr.Error("GPU task aborted", title="ZeroGPU worker error"), 30, held)
    assert failed is not None
    assert words in failed.error
    assert failed.error_kind == "CapacityError"


def test_an_error_that_is_not_the_platforms_is_left_alone():
    assert lending.outcome(ValueError("quota exceeded"), 5, None) is None
    assert lending.outcome(RuntimeError("a bug"), 5, None) is None
