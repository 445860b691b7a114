"""Serves the methods of `tests/core/hub/spaces` in a process of its own, for tests over HTTP.

`python -m tests.core.hub.fake_hub '{"auth": null}'` prints one line of JSON with the address and
serves until its standard input closes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
SPACES = Path(__file__).parent / "spaces"


@contextmanager
def serving(folder: Path, *, env: dict[str, str] | None = None, **order: Any) -> Iterator[str]:
    """Start the hub with its data in `folder`; yields its address."""
    log = folder / "hub.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.core.hub.fake_hub", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "VITRINE_DATA_DIR": str(folder / "data"),
                "GRADIO_TEMP_DIR": str(folder / "gradio"),
                "HF_HUB_OFFLINE": "1",
                **(env or {}),
            },
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)["url"]
                break
        else:
            raise AssertionError(f"the hub did not start:\n{log.read_text()[-3000:]}")
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def main(order: dict[str, Any]) -> None:
    import core.gpu
    import core.methods
    from core import registry, settings

    if not order.get("real"):
        registry.SPACES = SPACES
        core.methods.__path__[:] = [str(SPACES)]
    if order.get("auth"):
        settings.override(auth=tuple(order["auth"]))
    from core import hub

    blocks, arguments = hub.build_one(order["one"]) if order.get("one") else hub.build_hub()
    with hub.running(blocks, arguments, port=order.get("port", 0)) as url:
        sys.stdout.write(json.dumps({"url": url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
