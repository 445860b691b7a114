"""A Space on ZeroGPU in a process of its own, with the methods of `spaces/` beside this file.

    with DeviceApi() as api, Space(api, folder, package="stub") as space:
        space.mounted                                # what happened before the launch
        space.call("run", kind="steps", steps=3)     # a function of `inside.py`, in that process
        space.url

`package` is "stub" for our stand-in or "real" for the platform's own package, if it is installed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.core.zero.device_api import DeviceApi

ROOT = Path(__file__).resolve().parents[3]
STUB = Path(__file__).parent / "stub"


def why_not_real() -> str:
    """Why the platform's own package cannot be used here; empty if it can."""
    try:
        importlib.metadata.version("spaces")
    except importlib.metadata.PackageNotFoundError:
        return "the package `spaces` is not installed; `make test-zero` installs it"
    return ""


def space_env(api: DeviceApi, folder: Path, package: str) -> dict[str, str]:
    """The environment of a Space's process."""
    path = [str(ROOT)]
    if package == "stub":
        path.append(str(STUB))  # behind our folder, and before an installed package
    return {
        **os.environ,
        **api.env(folder),
        "PYTHONPATH": os.pathsep.join(path),
        "VITRINE_DATA_DIR": str(folder / "data"),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_CACHE": str(folder / "hub"),
        "OMP_NUM_THREADS": "2",
        "VITRINE_TEST_PACKAGE": package,
    }


class Space:
    """The process; a context manager that ends it."""

    def __init__(self, api: DeviceApi, folder: Path, *, package: str) -> None:
        self.api, self.folder, self.package = api, folder, package
        self._log = folder / "space.log"

    def __enter__(self) -> Space:
        with self._log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.core.zero.inside"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env=space_env(self.api, self.folder, self.package),
            )
        try:
            mounted = self._answer()
            self.mounted = {**mounted, "calls": self.api.calls()}
            self.started = self._answer()
        except BaseException:
            self.__exit__()
            raise
        self.url = self.started["url"]
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    @property
    def log(self) -> str:
        """What the process wrote for its operator."""
        return self._log.read_text("utf-8", "replace")

    def call(self, function: str, **arguments: Any) -> Any:
        """Call a function of `inside.py` in the Space's process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([function, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise AssertionError(f"{function} failed: {answer['error']}\n{self.log[-3000:]}")
        return answer["value"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # the platform's package prints there too
            if line.startswith("@@"):
                return json.loads(line[2:])
        raise AssertionError(f"the Space ended:\n{self.log[-4000:]}")
