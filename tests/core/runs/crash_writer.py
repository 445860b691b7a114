"""Run by test_crash.py in a process that is going to be killed: saves runs without end.

Arguments: database URL, artifact URL, and optionally a point at which to kill itself (or an empty
text) and the disk limit in bytes.
Prints the id of each run after `save` returned.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from sqlalchemy import event

from core.runs import artifacts
from core.runs.run_store import RunStore


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(store: RunStore, point: str) -> None:
    """Arrange for death at a named point of the second save."""
    engine, replace = store._engine, os.replace
    if point == "after claiming the rows":
        artifacts.write_whole = die  # type: ignore[assignment]
    elif point == "before renaming a file":
        os.replace = die  # type: ignore[assignment]
    elif point == "after renaming a file":
        os.replace = lambda *names: (replace(*names), die())  # type: ignore[assignment]
    elif point == "after inserting the run":
        event.listen(engine, "after_cursor_execute", lambda *a: "INTO runs" in a[2] and die())
    elif point == "after inserting the files":
        event.listen(
            engine, "after_cursor_execute", lambda *a: "INTO run_artifacts" in a[2] and die()
        )
    elif point == "after the commit":
        save_done = store._maintain_sometimes
        store._maintain_sometimes = lambda: (save_done(), die())  # type: ignore[method-assign]
    else:
        raise ValueError(point)


def main() -> None:
    """Save runs of three files each until killed."""
    limit = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    store, random_ = RunStore(sys.argv[1], sys.argv[2], max_disk=limit), random.Random()
    number = 0
    while True:
        number += 1
        if number == 2 and len(sys.argv) > 3 and sys.argv[3]:
            arm(store, sys.argv[3])
        run = store.save(
            method="trill",
            request={"number": number},
            result={"process": os.getpid()},
            artifacts={f"{i}.bin": random_.randbytes(random_.randint(1, 200_000)) for i in "abc"},
            owner="crash",
        )
        os.write(1, (run.id + "\n").encode())


main()
