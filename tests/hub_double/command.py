"""Runs the real `python app.py publish` in a process of its own, against the imitated Hub."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.serving import ROOT, clean_env

from .records import WRITE
from .server import Hub

_FAST = Path(__file__).parent / "fast"


@dataclass(frozen=True)
class Told:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The last line of stderr, which is the error line when the command failed."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


def publisher_env(hub: Hub, home: Path, *, mode: str = "xet", token: str = WRITE) -> dict[str, str]:
    """The whole environment of a publisher; `mode` is lfs or xet."""
    env = clean_env(
        home,
        HF_ENDPOINT=hub.url,
        HF_TOKEN=token,
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_XET_CLIENT_RETRY_BASE_DELAY="10ms",
        HF_XET_CLIENT_RETRY_MAX_DURATION="1s",
        PYTHONPATH=str(_FAST),
        OMP_NUM_THREADS="1",
    )
    del env["HF_HUB_OFFLINE"]
    if mode == "lfs":
        env["HF_HUB_DISABLE_XET"] = "1"
    if not token:
        del env["HF_TOKEN"]
    return env


def start(
    words: Sequence[str], env: dict[str, str], *, small: str = "", tree: Path = ROOT
) -> subprocess.Popen[str]:
    """Start the command; `small` names a variant of `tests.hub_double.small` in place of a build."""
    command = ["-m", "tests.hub_double.small", small] if small else ["app.py", "publish"]
    return subprocess.Popen(
        [sys.executable, *command, *words],
        cwd=tree,
        env={**env, "VITRINE_DATA_DIR": str(Path(env["HOME"]) / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def publish(
    words: Sequence[str],
    env: dict[str, str],
    *,
    small: str = "",
    tree: Path = ROOT,
    timeout: float = 240,
) -> Told:
    """Run the command and wait for its end."""
    with start(words, env, small=small, tree=tree) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
    return Told(process.returncode, out, err)


@contextmanager
def session(env: dict[str, str]) -> Iterator[Callable[..., Told]]:
    """One process for many commands with small trees: `run(words, small=..., token=...)`."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hub_double.small", "--serve"],
        cwd=ROOT,
        env={**env, "VITRINE_DATA_DIR": str(Path(env["HOME"]) / "data")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told, orders = process.stdout, process.stdin

        def run(words: Sequence[str], *, small: str = "first", token: str = WRITE) -> Told:
            given = {"HF_TOKEN": token} if token else {}
            orders.write(json.dumps({"words": [*words], "small": small, "env": given}) + "\n")
            orders.flush()
            return Told(*json.loads(told.readline()))

        try:
            yield run
        finally:
            orders.close()
            process.wait(20)
