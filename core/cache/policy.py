"""Which parts leave: GreedyDual-Size-Frequency on the device, aged frequency in main memory.

Pure arithmetic on sizes and statistics. `core/bench/cache_simulator.py` runs this very code.
GDSF: N. Young's GreedyDual with size and frequency (Cherkasova 1998): priority = clock +
uses x reload seconds / bytes, where the clock is the priority of the last part that left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

GIB = 2**30
# Assumed before anything was measured: a solid-state disk and a PCIe 3 bus.
DISK_SECONDS_PER_BYTE = 1.0 / GIB
BUS_SECONDS_PER_BYTE = 0.1 / GIB
HALF_LIFE = 64  # acquires after which a use counts half in main memory


@dataclass(slots=True)
class Usage:
    """What is remembered about a component, also while it is not loaded."""

    bytes: int = 0  # estimate, then the measured size
    measured: bool = False
    uses: int = 0
    aged: float = 0.0  # uses, halved every `HALF_LIFE` acquires
    tick: int = 0  # acquire at which `aged` was true
    priority: float = 0.0  # GDSF
    load_seconds: float = 0.0  # 0 until measured
    move_seconds: float = 0.0

    @property
    def reload_seconds(self) -> float:
        """Seconds from disk to main memory."""
        return self.load_seconds or self.bytes * DISK_SECONDS_PER_BYTE

    @property
    def return_seconds(self) -> float:
        """Seconds from main memory to the device."""
        return self.move_seconds or self.bytes * BUS_SECONDS_PER_BYTE


class Sized(Protocol):
    """A part as the policy sees it."""

    bytes: int
    usage: Usage


Part = TypeVar("Part", bound=Any)


class Policy:
    """The clock of the device tier and the ticks of the RAM tier. Called under the table's lock."""

    def __init__(self, *, one_tier: bool, half_life: int = HALF_LIFE) -> None:
        self.one_tier = one_tier
        self.half_life = half_life
        self.clock = 0.0
        self.tick = 0

    def count(self) -> None:
        """Advance the age of everything by one acquire."""
        self.tick += 1

    def touch(self, usage: Usage) -> None:
        """Record one use."""
        usage.uses += 1
        usage.aged = self.aged(usage) + 1.0
        usage.tick = self.tick
        seconds = usage.reload_seconds if self.one_tier else usage.return_seconds
        usage.priority = self.clock + usage.uses * seconds / max(usage.bytes, 1)

    def aged(self, usage: Usage) -> float:
        """Uses of a component, older ones counting less."""
        return usage.aged * 0.5 ** ((self.tick - usage.tick) / self.half_life)

    def device_victims(self, parts: Iterable[Part], need: int) -> list[Part] | None:
        """Parts of least priority that free `need` bytes, or None when all together do not.

        A victim that turned out not to be needed, because a later one was large enough, is dropped
        back, the most valuable first.
        """
        victims = _least(parts, lambda part: part.usage.priority, need)
        if victims:
            self.clock = max(self.clock, max(part.usage.priority for part in victims))
        return victims

    def ram_victims(self, parts: Iterable[Part], need: int) -> list[Part] | None:
        """Parts of least aged frequency that free `need` bytes, or None when all do not."""
        return _least(parts, lambda part: self.aged(part.usage), need)


def _least(parts: Iterable[Part], value: Callable[[Part], float], need: int) -> list[Part] | None:
    if need <= 0:
        return []
    ranked = sorted(parts, key=lambda part: (value(part), -part.bytes))
    chosen: list[Part] = []
    freed = 0
    for part in ranked:
        if freed >= need:
            break
        chosen.append(part)
        freed += part.bytes
    if freed < need:
        return None
    kept = []
    for part in reversed(chosen):
        if freed - part.bytes >= need:
            freed -= part.bytes
        else:
            kept.append(part)
    return kept[::-1]
