"""Deciding whether a model may come in, and who must leave for it.

`admit` runs under the table's lock and either grants all that a model needs at once or changes
nothing. So two models that wait for room never hold part of it, and cannot block each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from core.cache.keys import ComponentKey, ComponentSpec, ModelSpec, Work
from core.cache.ledger import Ledger
from core.cache.table import Entry, LeaseRecord, State


@dataclass(frozen=True, slots=True)
class Demand:
    """A model and its work, in bytes. Made outside the lock, since sizes may be read from disk."""

    spec: ModelSpec
    work: Work
    work_bytes: int
    sizes: Mapping[ComponentKey, int]
    partial: Mapping[ComponentKey, int] = field(default_factory=dict)  # bytes on the device


@dataclass(slots=True)
class Grant:
    """Room was found. `bring` is what this ticket's carrier loads and moves."""

    ticket: int
    place: int
    entries: dict[str, Entry]
    copies: frozenset[str]  # parts of which the lease gets a private copy
    bring: list[Entry]
    waits: list[Future[None]]
    evicts: bool
    made_room: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Wait:
    """There will be room, once the leases of `threads` end (none: once a move has ended)."""

    threads: frozenset[int] = frozenset()
    drain: bool = False  # parts were sent away that the caller must have carried out


@dataclass(frozen=True, slots=True)
class Never:
    """The model is larger than what it could ever get."""

    place: int
    need: int
    limit: int
    pinned: int
    wanted: Mapping[ComponentKey, int]  # what each part counts for in `need`


@dataclass(slots=True)
class _Sorted:
    copies: set[str] = field(default_factory=set)  # parts that the lease gets a copy of
    # bytes of the parts that must be on the device
    wanted: dict[ComponentKey, int] = field(default_factory=dict)
    need: int = 0  # bytes that must be found on the device
    whole: int = 0  # bytes of the model and its work with nothing else there


NEED_LIMITS = Wait()


def admit(
    ledger: Ledger, ticket: int, demand: Demand, thread: int, limits: list[int] | None
) -> Grant | Wait | Never:
    """Grant room for `demand`, or say why not.

    With `limits` None only a model that needs no room is granted; `NEED_LIMITS` is returned
    otherwise. That spares a warm acquire the question to the driver.
    """
    refusals: list[Wait | Never] = []
    for place in _places(ledger, demand):
        outcome = _admit_at(ledger, ticket, demand, thread, place, limits)
        if isinstance(outcome, Grant) or outcome is NEED_LIMITS:
            return outcome
        refusals.append(outcome)
    waits = [refusal for refusal in refusals if isinstance(refusal, Wait)]
    waits.sort(key=lambda wait: not wait.drain)  # what was sent away must be carried out
    return (*waits, *refusals)[0]


def _places(ledger: Ledger, demand: Demand) -> list[int]:
    """Devices in order of preference: most bytes of the model there, then least used."""
    if len(ledger.backends) == 1:
        return [0]
    here = [0] * len(ledger.backends)
    for part in demand.spec.parts.values():
        entry = ledger.table.entries.get(part.key)
        if entry is not None and entry.place is not None:
            here[entry.place] += entry.bytes
    used = ledger.table.device_used
    return sorted(range(len(here)), key=lambda place: (-here[place], used[place], place))


def _admit_at(
    ledger: Ledger,
    ticket: int,
    demand: Demand,
    thread: int,
    place: int,
    limits: list[int] | None,
) -> Grant | Wait | Never:
    found = _sort_parts(ledger, demand, place)
    if isinstance(found, Wait):
        return found
    victims: list[Entry] = []
    if found.need > 0:
        if limits is None:
            return NEED_LIMITS
        chosen = _choose_victims(ledger, demand, place, found, limits[place])
        if not isinstance(chosen, list):
            return chosen
        victims = chosen
    _promise(ledger, demand, place, found)
    ledger.send_away(victims, place, "room")
    return _grant(ledger, ticket, demand, thread, place, found)


def _sort_parts(ledger: Ledger, demand: Demand, place: int) -> _Sorted | Wait:
    found = _Sorted(need=demand.work_bytes, whole=demand.work_bytes)
    for name, part in demand.spec.parts.items():
        entry = ledger.table.entries.get(part.key)
        if entry is not None:
            if entry.state is State.MOVING and entry.place is None:
                return Wait()  # on its way out: not here, not there
            if _misplaced(entry, place, demand) and not entry.holders:
                if entry.state is not State.DEVICE or not ledger.evicts:
                    return Wait()
                ledger.send_away([entry], entry.place or 0, "placement")
                return Wait(drain=True)
        size = demand.sizes[part.key] if entry is None else entry.bytes
        elsewhere = entry is not None and entry.place not in (None, place)
        if part.mutable or elsewhere:
            found.copies.add(name)
            found.need += size
            found.whole += size
        # A part that is only copied stays in main memory, unless that is the device.
        if part.key in found.wanted or elsewhere or (part.mutable and not ledger.one_tier):
            continue
        size = demand.partial.get(part.key, size)
        if entry is None or entry.place is None:
            found.need += size
        else:
            size = entry.device_bytes
        found.wanted[part.key] = size
        found.whole += size
    return found


def _misplaced(entry: Entry, place: int, demand: Demand) -> bool:
    if entry.place is None:
        return False
    if entry.place != place:
        return True
    room = demand.partial.get(entry.key)
    return room is not None and (entry.partial is None or entry.partial > room)


def _choose_victims(
    ledger: Ledger, demand: Demand, place: int, found: _Sorted, limit: int
) -> list[Entry] | Wait | Never:
    over = ledger.table.device_used[place] + found.need - limit
    if over <= 0:
        return []
    if found.whole > limit:
        return Never(place, found.whole, limit, 0, found.wanted)
    own = {part.key for part in demand.spec.parts.values()}
    others = [entry for entry in ledger.table.on(place) if entry.key not in own]
    victims = ledger.policy.device_victims([e for e in others if ledger.movable(e)], over)
    if victims is not None:
        return victims
    fixed = sum(
        entry.device_bytes
        for entry in others
        if not entry.holders and (not ledger.evicts or not ledger.pinned.isdisjoint(entry.names))
    )
    if found.whole + fixed > limit:
        return Never(place, found.whole, limit, fixed, found.wanted)
    leases = ledger.table.leases.values()
    return Wait(frozenset(lease.thread for lease in leases if lease.place == place))


def _promise(ledger: Ledger, demand: Demand, place: int, found: _Sorted) -> None:
    """Charge parts that main memory holds to the device, before victims come the other way.

    While such a swap lasts, main memory may hold both; the default budget leaves room for it.
    """
    for key in found.wanted:
        entry = ledger.table.entries.get(key)
        if entry is not None and entry.state is State.RAM and entry.place is None:
            partial = demand.partial.get(key)
            ledger.table.charge(entry, place=place, in_ram=partial is not None, partial=partial)
            entry.state = State.MOVING
            ledger.metrics.ram_hit.inc()


def _grant(
    ledger: Ledger, ticket: int, demand: Demand, thread: int, place: int, found: _Sorted
) -> Grant:
    entries: dict[str, Entry] = {}
    bring: list[Entry] = []
    waits: list[Future[None]] = []
    copied = 0
    ledger.policy.count()
    for name, part in demand.spec.parts.items():
        entry = _enter(ledger, part, demand)
        entries[name] = entry
        if part.key in found.wanted:
            if entry.place is None:
                size = demand.partial.get(part.key)
                ledger.table.charge(entry, place=place, in_ram=entry.in_ram, partial=size)
            if entry.state is State.MOVING and entry.ready is None:
                entry.ready = Future()
                bring.append(entry)
        if entry.state is State.LOADING and entry.ready is None:
            entry.ready = Future()
            bring.append(entry)
        elif entry.ready is not None and entry not in bring:
            ledger.metrics.single_flight_waits.inc()
        if entry.ready is not None:
            waits.append(entry.ready)
        if name in found.copies:
            copied += entry.bytes
    # First what main memory holds, then what passes through it, last what stays in it.
    bring.sort(key=lambda entry: (entry.module is None, entry.place is None))
    ledger.table.lend(
        LeaseRecord(
            ticket,
            demand.spec.name,
            place,
            demand.work_bytes + copied,
            list({id(entry): entry for entry in entries.values()}.values()),
            thread,
            ledger.clock(),
        )
    )
    evicts = any(ledger.leaving)
    return Grant(ticket, place, entries, frozenset(found.copies), bring, waits, evicts)


def _enter(ledger: Ledger, part: ComponentSpec, demand: Demand) -> Entry:
    """Find or add the entry of a part, and count the use."""
    entry = ledger.table.entries.get(part.key)
    usage = ledger.usages[part.key]
    metrics = ledger.metrics
    if entry is None:
        metrics.device_miss.inc()
        metrics.ram_miss.inc()
        entry = Entry(part, usage, demand.sizes[part.key], last_used=ledger.clock())
        ledger.table.add(entry)
    elif entry.state is State.DEVICE or (ledger.one_tier and entry.state is State.RAM):
        metrics.device_hit.inc()
    else:
        metrics.device_miss.inc()
    ledger.policy.touch(usage)
    return entry
