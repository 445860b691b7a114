"""Starts `python app.py hub` of a checkout, or of an exported tree, and waits until it answers.

For tests that need the real command in a process of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 120.0  # seconds until the first answer on a busy machine


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_env(folder: Path, **more: str) -> dict[str, str]:
    """An environment without anything of this one but what a process needs to run at all."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "2",
        **more,
    }


@contextmanager
def served(
    folder: Path,
    *arguments: str,
    tree: Path = ROOT,
    python: str | Path = sys.executable,
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = ("app.py", "hub"),
    port: int = 0,
) -> Iterator[str]:
    """Serve a hub with its state in `folder`; yields its address and stops it at the end.

    Args:
        folder: for data, uploads and the log `hub.log`; use it again to see what a restart keeps.
        arguments: further options of the command.
        tree: the checkout or export to start.
        python: the interpreter.
        env: the whole environment; this process's own when left out. Data folder and port are added.
        command: what follows the interpreter; `("app.py",)` is what a Space runs.
        port: to listen on; 0 takes a free one.
    """
    port = port or free_port()
    log = folder / "hub.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [str(python), *command, *arguments],
            cwd=tree,
            stdout=said,
            stderr=said,
            env={
                **(os.environ if env is None else env),
                "VITRINE_DATA_DIR": str(folder / "data"),
                "GRADIO_TEMP_DIR": str(folder / "gradio"),
                "VITRINE_PORT": str(port),
            },
        )
        try:
            _wait(url, process, log)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.3)
    raise AssertionError(f"the hub did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")
