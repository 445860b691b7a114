"""Starts an export as a Space does, in a clean environment, and waits for its first page."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import VitrineError
from core.publish.build import Export, files_of

PATIENCE = 180.0  # seconds until the first page; a Space gives half an hour
_PATHS = ("/", "/healthz", "/readyz", "/config")


@dataclass(frozen=True, slots=True)
class Boot:
    """How a start went."""

    seconds: float  # from the start of the process to the whole first page
    answers: dict[str, int]  # path to HTTP status
    ready: dict[str, Any]  # what `/readyz` said
    written: tuple[str, ...] = ()  # files that it left in its own folder
    log: str = field(default="", repr=False)


class BootError(VitrineError):
    """An export that did not start; the text says what its process said last."""


def boot(
    export: Export,
    *,
    python: str | Path = sys.executable,
    patience: float = PATIENCE,
    visit: Callable[[str], None] | None = None,
) -> Boot:
    """Start a copy of the export under another path, ask for its pages, stop it.

    Nothing of this process's environment is passed on but what a process needs to start at all.

    Args:
        export: the tree.
        python: the interpreter of an environment that has the requirements.
        patience: seconds until the first page.
        visit: is called with its address while it runs.

    Raises:
        BootError: it ended, or gave no page in that time.
    """
    with tempfile.TemporaryDirectory(prefix="vitrine-boot-") as name:
        copy = Path(name) / "app"
        shutil.copytree(export.folder, copy)
        before = {file.path for file in files_of(copy)}
        with running(
            copy, Path(name), python=python, repo=export.plan.repo, patience=patience
        ) as up:
            url, seconds, log = up
            pages = [*_PATHS]
            if not export.plan.single:
                pages += [f"/{slug}" for slug in export.plan.methods]
            answers = {path: _status(url + path) for path in pages}
            ready = json.loads(_get(f"{url}/readyz")[1] or "{}")
            if visit is not None:
                visit(url)
        written = sorted({file.path for file in files_of(copy)} - before)
        return Boot(seconds, answers, ready, tuple(written), log.read_text("utf-8", "replace"))


@contextmanager
def running(
    tree: Path,
    state: Path,
    *,
    python: str | Path = sys.executable,
    repo: str = "",
    patience: float = PATIENCE,
) -> Iterator[tuple[str, float, Path]]:
    """Run `app.py` of a tree; yields its address, the seconds to the first page, and its log.

    Args:
        tree: the export.
        state: folder for its home, its data and its log.
        python: the interpreter.
        repo: `OWNER/NAME` that it takes itself for.
        patience: seconds until the first page.

    Raises:
        BootError: it ended, or gave no page in that time.
    """
    log = state / "log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    with log.open("wb") as said:
        process = subprocess.Popen(
            [str(python), "app.py"],
            cwd=tree,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=clean_environment(state, repo or "somebody/vitrine", port),
            start_new_session=os.name == "posix",
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(process, url, began + patience, log)
            yield url, time.monotonic() - began, log
        finally:
            _stop(process)


def clean_environment(state: Path, repo: str, port: int) -> dict[str, str]:
    """What a Space sets, with all state in one folder, and nothing of ours."""
    home = state / "home"
    home.mkdir(exist_ok=True)
    (state / "tmp").mkdir(exist_ok=True)
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(state / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SYSTEM": "spaces",
        "SPACE_ID": repo,
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": "7860",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_ALLOW_FLAGGING": "never",
        "HF_HUB_OFFLINE": "1",
        # a Space listens everywhere on 7860; a check does neither
        "VITRINE_HOST": "127.0.0.1",
        "VITRINE_PORT": str(port),
    }


def _wait(process: subprocess.Popen[bytes], url: str, until: float, log: Path) -> None:
    while time.monotonic() < until:
        if _get(f"{url}/")[0] == 200:
            return
        if process.poll() is not None:
            raise BootError(f"It ended with code {process.returncode}: {_last(log)}")
        time.sleep(0.05)
    raise BootError(f"It gave no page in time: {_last(log)}")


def _last(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip()[:400] if lines else "it said nothing."


def _get(url: str) -> tuple[int, bytes]:
    """Status and body; status 0 when nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def _status(url: str) -> int:
    return _get(url)[0]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
