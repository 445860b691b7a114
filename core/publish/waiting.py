"""Waits until the Space runs what was sent, and reads its log when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from huggingface_hub import HfApi

from core.errors import VitrineError
from core.publish.patience import patiently

_EVERY = 3.0  # seconds between two questions
_SETTLED = 60.0  # seconds after which a running Space of another commit is taken as it is
_RESTART = 9.0  # seconds until a change of settings shows in the stage
_LOG_LINES = 12
_UNDER_WAY = {"BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING"}
_ASLEEP = {"PAUSED", "STOPPED", "SLEEPING"}
_WORDS = {
    "BUILDING": "building",
    "RUNNING_BUILDING": "building, while the old one runs on",
    "APP_STARTING": "starting",
    "RUNNING_APP_STARTING": "starting, while the old one runs on",
    "RUNNING": "running",
    "BUILD_ERROR": "could not be built",
    "RUNTIME_ERROR": "crashed when it started",
    "CONFIG_ERROR": "has wrong settings",
    "NO_APP_FILE": "lacks its app.py",
    "DELETING": "is being deleted",
}


def until_running(
    api: HfApi,
    repo: str,
    commit: str,
    *,
    limit: float,
    restarts: bool = False,
    on_stage: Callable[[str, float], None],
    on_log: Callable[[str], None],
) -> float:
    """Wait for the stage RUNNING of a commit; returns the seconds that it took.

    Args:
        api: the client of the Hub.
        repo: the Space.
        commit: what it should run; a Space may still run the one before for a moment.
        limit: seconds after which waiting ends.
        restarts: settings were changed, so it starts anew in a moment though it still runs.
        on_stage: is told each stage in words and the seconds since the start.
        on_log: is given the last lines of the Space's log when it failed, one by one.

    Raises:
        VitrineError: the Space failed, or is not ready in time.
    """
    began = time.monotonic()
    woken = False
    while True:
        runtime: Any = patiently(lambda: api.get_space_runtime(repo))
        stage, seconds = str(runtime.stage), time.monotonic() - began
        settled = seconds >= (_RESTART if restarts else 0.0)
        if stage == "RUNNING" and settled and _runs(runtime, commit, seconds):
            return seconds
        if stage in _ASLEEP and not woken:
            patiently(lambda: api.restart_space(repo))
            woken = True
        elif stage not in _UNDER_WAY | _ASLEEP | {"RUNNING", "NO_APP_FILE"} or (
            stage == "NO_APP_FILE" and seconds > _SETTLED
        ):
            raise _failed(api, repo, stage, runtime.raw, on_log)
        if seconds > limit:
            raise VitrineError(
                f"{repo} is still {_WORDS.get(stage, stage)} after {limit / 60:.0f} minutes. All "
                f"files are there. Look at {api.endpoint}/spaces/{repo}?logs=build, or publish "
                "again to go on waiting."
            )
        on_stage(_WORDS.get(stage, stage.lower()), seconds)
        time.sleep(_EVERY)


def _runs(runtime: Any, commit: str, seconds: float) -> bool:
    told = runtime.raw.get("sha")
    return told == commit or seconds > _SETTLED or (not told and seconds > 4 * _EVERY)


def _failed(
    api: HfApi, repo: str, stage: str, raw: dict[str, Any], on_log: Callable[[str], None]
) -> VitrineError:
    kind = "run" if stage == "RUNTIME_ERROR" else "build"
    lines = last_lines(api, repo, kind)
    for line in lines:
        on_log(line)
    reason = raw.get("errorMessage") or (lines[-1] if lines else "its log is empty")
    reason = " ".join(str(reason).split())[:300]
    return VitrineError(
        f"The files are on the Hub, but {repo} {_WORDS.get(stage, stage)} ({stage}): {reason}. "
        f"{api.endpoint}/spaces/{repo}?logs={'container' if kind == 'run' else 'build'} has the "
        "whole log. Mend the cause and publish again."
    )


def last_lines(api: HfApi, repo: str, kind: str, count: int = _LOG_LINES) -> list[str]:
    """The last lines of the build or run log; empty when it cannot be read."""
    try:
        lines = [line.rstrip() for line in api.fetch_space_logs(repo, build=kind == "build")]
    except Exception:  # the log only illustrates an error that is told anyway
        return []
    return [line for line in lines if line.strip()][-count:]
