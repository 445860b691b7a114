"""Main memory: how much there is, and giving it back to the system."""

from __future__ import annotations

from pathlib import Path

# control groups, version 2 and 1: limit, use, and the pages of files that count as used but are free
_GROUPS = (
    ("memory.max", "memory.current", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/total_inactive_file",
    ),
)


def ram_info(root: Path = Path("/sys/fs/cgroup")) -> tuple[int, int]:
    """Available and total bytes of main memory, within the limits of a container."""
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available, memory.total
    for limit, used, cached in _GROUPS:
        try:
            cap = int((root / limit).read_text("ascii"))
            current = int((root / used).read_text("ascii"))
        except (OSError, ValueError):  # no such control group, or "max"
            continue
        if cap < total:
            current -= _statistic(root / Path(limit).parent / "memory.stat", Path(cached).name)
            free, total = min(free, max(0, cap - current)), cap
    return free, total


def _statistic(path: Path, name: str) -> int:
    try:
        rows = dict(line.split() for line in path.read_text("ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return int(rows.get(name, 0))


def trim_heap() -> None:
    """Ask glibc to return freed pages; other systems do so by themselves."""
    import ctypes
    import sys

    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # musl has none
        trim(0)
