"""A device of numbers: byte budgets and a virtual clock, for tests and for the simulator."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from core.cache.backends import NO_LIMIT, DeviceBackend
from core.cache.keys import ComponentKey, ComponentSpec, ModelSpec
from core.cache.policy import BUS_SECONDS_PER_BYTE, DISK_SECONDS_PER_BYTE


class VirtualClock:
    """Seconds that pass only when something is done."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Return the time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds


class FakeOutOfMemory(RuntimeError):
    """The device of numbers is full."""


@dataclass(eq=False)
class FakeModule:
    """A component of a given size; `where` is the tier it is in, `log` every place it went to."""

    name: str
    bytes: int
    where: str = "ram"
    log: list[str] = field(default_factory=list)


class FakeBackend(DeviceBackend):
    """Counts bytes and lets the virtual clock pass; refuses what does not fit."""

    def __init__(
        self,
        total: int,
        *,
        clock: VirtualClock | None = None,
        one_tier: bool = False,
        name: str = "fake:0",
        foreign: int = 0,
        transit: int = NO_LIMIT,
    ) -> None:
        self.name = name
        self.one_tier = one_tier
        self.can_dispatch = not one_tier
        self.clock = clock or VirtualClock()
        self.total = total
        self.foreign = foreign  # bytes that another process took
        self.transit = transit
        self.used = 0
        self.moved = 0
        self.fail_moves = 0  # how many of the next moves run out of memory
        self.on_device: set[int] = set()
        self._lock = threading.Lock()

    @property
    def device(self) -> Any:
        """A name instead of a torch device."""
        return self.name

    def mem_info(self) -> tuple[int, int]:
        """Free and total bytes."""
        return self.total - self.used - self.foreign, self.total

    def owned(self, resident: int) -> int:
        """What modules take here; in one tier the cache knows it."""
        return resident if self.one_tier else self.used

    def default_ram_budget(self) -> int:
        """No limit, unless the test sets one."""
        return NO_LIMIT

    def transit_room(self) -> int:
        """Bytes that may pass through main memory beside what is kept there."""
        return self.transit

    def dtype(self, name: str) -> Any:
        """The name itself."""
        return name

    def prepare(self, module: Any) -> int:
        """Return the size of a module."""
        return module.bytes

    def move(self, module: Any) -> None:
        """Take bytes of the device and time of the bus."""
        if not self.one_tier:
            self._take(module, module.bytes)

    def _take(self, module: Any, size: int) -> None:
        with self._lock:
            module.where = "between"
            if self.fail_moves > 0 or self.used + self.foreign + size > self.total:
                self.fail_moves = max(0, self.fail_moves - 1)
                raise FakeOutOfMemory(f"{self.name} has no {size} bytes")
            self.used += size
            self.moved += size
            module.taken = size
            module.where = self.name
            module.log.append(self.name)
        self.clock.advance(module.bytes * BUS_SECONDS_PER_BYTE)

    def move_out(self, module: Any) -> None:
        """Give the bytes back, and take time of the bus."""
        if self.one_tier:
            return
        self._give(module)
        self.clock.advance(module.bytes * BUS_SECONDS_PER_BYTE)

    def _give(self, module: Any) -> None:
        with self._lock:
            self.used -= getattr(module, "taken", 0)
            module.taken = 0
            module.where = "ram"
            module.log.append("ram")

    def release(self, module: Any) -> None:
        """Give the bytes of a dropped module back."""
        if not self.one_tier:
            self._give(module)
        module.where = "gone"
        module.log.append("gone")

    def private_copy(self, module: Any) -> Any:
        """Return a copy that is on the device; its bytes count as work of the lease."""
        return FakeModule(module.name, module.bytes, where=self.name)

    def host_copy(self, module: Any, *, pin: bool) -> Any:
        """Nothing to keep but the fact."""
        return {"pinned": pin}

    def restore(self, module: Any, host_copy: Any) -> None:
        """Give the bytes back without using the bus."""
        self._give(module)

    def dispatch(self, module: Any, room: int, ram: int, no_split: tuple[str, ...]) -> int:
        """Take as much as there is room."""
        self._take(module, min(room, module.bytes))
        return min(room, module.bytes)

    def undispatch(self, module: Any) -> None:
        """Bring the whole back to main memory."""
        self.move_out(module)

    def is_oom(self, exc: BaseException) -> bool:
        """Whether the device of numbers was full."""
        return isinstance(exc, FakeOutOfMemory)

    def empty_cache(self, *, collect: bool = False) -> None:
        """Do nothing: numbers need no collector."""


def fake_component(
    name: str,
    size: int,
    *,
    clock: VirtualClock | None = None,
    loads: list[str] | None = None,
    mutable: bool = False,
) -> ComponentSpec:
    """A component of `size` bytes that takes the time of a disk to load."""

    def load(dtype: Any) -> FakeModule:
        if clock is not None:
            clock.advance(size * DISK_SECONDS_PER_BYTE)
        if loads is not None:
            loads.append(name)
        return FakeModule(name, size)

    return ComponentSpec(key=ComponentKey(name), load=load, est_bytes=lambda: size, mutable=mutable)


def fake_model(name: str, *parts: ComponentSpec, work: int = 0) -> ModelSpec:
    """A model of fake components; the lease lends them by name."""
    return ModelSpec(
        name=name,
        parts={part.key.source: part for part in parts},
        assemble=lambda modules, device: dict(modules),
        work_bytes=lambda asked: work,
    )
