"""Records in a file, one JSON object a line: a kill at any moment costs the last of them at most."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def append(file: Path, records: Iterable[dict[str, Any]]) -> None:
    """Add records at the end of a file, on the disk when this returns; folders are made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as handle:
        handle.write("".join(json.dumps(record) + "\n" for record in records))
        handle.flush()
        os.fsync(handle.fileno())


def read(file: Path) -> list[dict[str, Any]]:
    """Records of a file, none where there is no file; a last line that a kill cut short is taken off it."""
    if not file.exists():
        return []
    kept: list[dict[str, Any]] = []
    whole = ""
    for line in file.read_text("utf-8").splitlines(keepends=True):
        try:
            kept.append(json.loads(line))
        except ValueError:
            break
        whole += line if line.endswith("\n") else line + "\n"
    file.write_text(whole, "utf-8")
    return kept
