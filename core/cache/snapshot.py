"""What the status page and `/metrics` see of a cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TierInfo:
    """One memory and its use, in bytes."""

    tier: str  # "device" or "ram"
    device: str
    used: int  # weights and declared work
    work: int
    budget: int | None  # None where there is no limit
    free: int | None  # as the device last said


@dataclass(frozen=True, slots=True)
class PartInfo:
    """One component that is loaded or on its way."""

    key: str
    cls: str
    names: tuple[str, ...]  # models that use it
    tier: str  # "loading", "ram", "moving" or "device"
    device: str
    bytes: int
    leases: int
    pinned: bool
    partial: bool  # some of its weights wait in main memory
    uses: int
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """One lease."""

    name: str
    device: str
    work_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CacheSnapshot:
    """The cache at one moment."""

    mode: str  # "unused", "cpu", "auto" or "static"
    tiers: tuple[TierInfo, ...]
    parts: tuple[PartInfo, ...]
    leases: tuple[LeaseInfo, ...]
    waiting: int  # acquires that wait for room
    hits: int
    misses: int
    loads: int
    evictions: int
    single_flight_waits: int
    out_of_memory: int


def together(snapshots: Sequence[CacheSnapshot]) -> CacheSnapshot:
    """Several caches of one process as one; the mode is that of the last which was used."""
    used = [found for found in snapshots if found.mode != "unused"]
    return CacheSnapshot(
        mode=used[-1].mode if used else "unused",
        tiers=tuple(tier for found in used for tier in found.tiers),
        parts=tuple(part for found in used for part in found.parts),
        leases=tuple(lease for found in used for lease in found.leases),
        waiting=sum(found.waiting for found in used),
        hits=sum(found.hits for found in used),
        misses=sum(found.misses for found in used),
        loads=sum(found.loads for found in used),
        evictions=sum(found.evictions for found in used),
        single_flight_waits=sum(found.single_flight_waits for found in used),
        out_of_memory=sum(found.out_of_memory for found in used),
    )
