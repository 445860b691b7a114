"""The table of parts and leases, and how many bytes each tier is charged.

Nothing here takes a lock or touches a tensor: the cache calls it while it holds the table's lock.
Bytes are charged when room is granted, before anything is loaded or moved, so that two models that
are admitted at the same time cannot both count on the same room.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from core.cache.keys import ComponentKey, ComponentSpec
from core.cache.policy import Usage


class State(enum.Enum):
    """Where a part is. An absent part has no entry; a failed load leaves none."""

    LOADING = "loading"
    RAM = "ram"
    MOVING = "moving"
    DEVICE = "device"


@dataclass(eq=False, slots=True)
class Entry:
    """One component that is loaded or on its way."""

    spec: ComponentSpec
    usage: Usage
    bytes: int
    state: State = State.LOADING
    module: Any = None
    place: int | None = None  # device that is charged for it
    in_ram: bool = False  # whether main memory is charged for it
    host_copy: Any = None  # weights kept in main memory while the part is on a device
    partial: int | None = None  # bytes on the device when the rest is offloaded
    ready: Future[None] | None = None  # set while LOADING or MOVING
    holders: set[int] = field(default_factory=set)  # tickets
    names: set[str] = field(default_factory=set)  # models that use it
    moves: int = 0
    last_used: float = 0.0

    @property
    def key(self) -> ComponentKey:
        """Identity of the component."""
        return self.spec.key

    @property
    def device_bytes(self) -> int:
        """Bytes charged to the device."""
        return self.bytes if self.partial is None else self.partial

    def ram_bytes_wanted(self) -> int:
        """Bytes that main memory must find when the part leaves its device."""
        kept = self.ram_bytes if self.in_ram else 0
        return self.bytes - kept

    @property
    def ram_bytes(self) -> int:
        """Bytes charged to main memory when `in_ram`."""
        return self.bytes if self.partial is None else self.bytes - self.partial


@dataclass(slots=True)
class LeaseRecord:
    """What one ticket holds."""

    ticket: int
    name: str
    place: int
    work_bytes: int
    entries: list[Entry]
    thread: int
    since: float


class Table:
    """Entries, leases and charges of one cache."""

    def __init__(self, devices: int) -> None:
        self.entries: dict[ComponentKey, Entry] = {}
        self.leases: dict[int, LeaseRecord] = {}
        self.device_used = [0] * devices  # weights and work
        self.work_used = [0] * devices
        self.ram_used = 0

    def add(self, entry: Entry) -> None:
        """Enter a part that is about to be loaded."""
        self.entries[entry.key] = entry

    def remove(self, entry: Entry) -> None:
        """Take a part out and give its bytes back."""
        self.charge(entry, place=None, in_ram=False)
        if self.entries.get(entry.key) is entry:
            del self.entries[entry.key]

    def charge(
        self,
        entry: Entry,
        *,
        place: int | None,
        in_ram: bool,
        size: int | None = None,
        partial: int | None = None,
    ) -> None:
        """Set who pays for a part, and its size."""
        if entry.place is not None:
            self.device_used[entry.place] -= entry.device_bytes
        if entry.in_ram:
            self.ram_used -= entry.ram_bytes
        entry.place, entry.in_ram, entry.partial = place, in_ram, partial
        if size is not None:
            entry.bytes = size
        if entry.place is not None:
            self.device_used[entry.place] += entry.device_bytes
        if entry.in_ram:
            self.ram_used += entry.ram_bytes

    def lend(self, record: LeaseRecord) -> None:
        """Enter a lease."""
        self.leases[record.ticket] = record
        self.device_used[record.place] += record.work_bytes
        self.work_used[record.place] += record.work_bytes
        for entry in record.entries:
            entry.holders.add(record.ticket)
            entry.names.add(record.name)

    def give_back(self, ticket: int, now: float) -> LeaseRecord | None:
        """Take a lease out; a ticket that is unknown, or was given back before, changes nothing."""
        record = self.leases.pop(ticket, None)
        if record is None:
            return None
        self.device_used[record.place] -= record.work_bytes
        self.work_used[record.place] -= record.work_bytes
        for entry in record.entries:
            entry.holders.discard(ticket)
            entry.last_used = now
        return record

    def let_go(self, ticket: int, entry: Entry) -> None:
        """Take one part out of a lease: the lease has a copy of its own."""
        record = self.leases.get(ticket)
        if record is not None and entry in record.entries:
            record.entries.remove(entry)
            entry.holders.discard(ticket)

    def on(self, place: int) -> Iterator[Entry]:
        """Parts charged to a device."""
        return (entry for entry in self.entries.values() if entry.place == place)

    def recount(self) -> tuple[list[int], int]:
        """Charges summed afresh: bytes of each device and of main memory (for tests)."""
        device = list(self.work_used)
        ram = 0
        for entry in self.entries.values():
            if entry.place is not None:
                device[entry.place] += entry.device_bytes
            if entry.in_ram:
                ram += entry.ram_bytes
        return device, ram


def holders_table(entries: Mapping[ComponentKey, Entry], leases: Mapping[int, LeaseRecord]) -> str:
    """Who holds what, one line per resident part, largest first."""
    lines = []
    for entry in sorted(entries.values(), key=lambda entry: -entry.bytes):
        names = ", ".join(sorted({leases[t].name for t in entry.holders if t in leases}))
        lines.append(
            f"  {mebibytes(entry.bytes):>10}  {entry.state.value:<8}{entry.key}"
            f"  {f'in use by {names}' if names else 'not in use'}"
        )
    for record in leases.values():
        if record.work_bytes:
            lines.append(f"  {mebibytes(record.work_bytes):>10}  work    of {record.name}")
    return "\n".join(lines) or "  nothing is loaded"


def mebibytes(size: int) -> str:
    """A size for a sentence: `512 MiB`, `7.5 GiB`."""
    if size >= 2**30:
        return f"{size / 2**30:.1f} GiB"
    if size >= 2**20:
        return f"{size / 2**20:.0f} MiB"
    return f"{max(size, 0) / 2**10:.0f} KiB"
