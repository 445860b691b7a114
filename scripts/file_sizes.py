"""Refuse files over 1 MB, and weights over 20 MB: `python -m scripts.file_sizes FILE...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

MAX_BYTES = 10**6
MAX_WEIGHTS_BYTES = 20 * 10**6


def too_large(files: Sequence[Path]) -> list[str]:
    """One line for each file that is too large for the repository."""
    found = []
    for file in files:
        limit = MAX_WEIGHTS_BYTES if "weights" in file.parts else MAX_BYTES
        if file.is_file() and file.stat().st_size > limit:
            found.append(f"{file} has {file.stat().st_size:,} bytes; at most {limit:,} may be kept")
    return found


if __name__ == "__main__":
    lines = too_large([Path(argument) for argument in sys.argv[1:]])
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(1 if lines else 0)
