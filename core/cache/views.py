"""Looking at a cache: snapshots for pages and metrics, and the texts of its errors."""

from __future__ import annotations

from core.cache.admission import Demand, Never
from core.cache.backends import NO_LIMIT
from core.cache.ledger import Ledger
from core.cache.snapshot import CacheSnapshot, LeaseInfo, PartInfo, TierInfo, together
from core.cache.table import Entry, holders_table, mebibytes


def unused() -> CacheSnapshot:
    """The snapshot of a cache that nobody has asked for a model yet."""
    return together(())


def snapshot(ledger: Ledger, mode: str, waiting: int) -> CacheSnapshot:
    """Copy the table under its lock."""
    now = ledger.clock()
    free = [backend.mem_info()[0] for backend in ledger.backends]
    with ledger.mu:
        ledger.collect_abandoned()
        parts = tuple(_part(ledger, entry, now) for entry in ledger.table.entries.values())
        leases = tuple(
            LeaseInfo(
                lease.name, ledger.backends[lease.place].name, lease.work_bytes, now - lease.since
            )
            for lease in ledger.table.leases.values()
        )
        tiers = _tiers(ledger, free)
    metrics = ledger.metrics
    return CacheSnapshot(
        mode=mode,
        tiers=tiers,
        parts=parts,
        leases=leases,
        waiting=waiting,
        hits=int(metrics.value(metrics.device_hit)),
        misses=int(metrics.value(metrics.device_miss)),
        loads=int(metrics.value(metrics.loads.labels("done"))),
        evictions=int(metrics.value(metrics.evictions)),
        single_flight_waits=int(metrics.value(metrics.single_flight_waits)),
        out_of_memory=int(metrics.value(metrics.oom)),
    )


def _part(ledger: Ledger, entry: Entry, now: float) -> PartInfo:
    return PartInfo(
        key=str(entry.key),
        cls=entry.key.cls,
        names=tuple(sorted(entry.names)),
        tier=entry.state.value,
        device="cpu" if entry.place is None else ledger.backends[entry.place].name,
        bytes=entry.bytes,
        leases=len(entry.holders),
        pinned=not ledger.pinned.isdisjoint(entry.names),
        partial=entry.partial is not None,
        uses=entry.usage.uses,
        idle_seconds=0.0 if entry.holders else max(0.0, now - entry.last_used),
    )


def _tiers(ledger: Ledger, free: list[int]) -> tuple[TierInfo, ...]:
    table = ledger.table
    tiers = [
        TierInfo(
            tier="ram" if ledger.one_tier else "device",
            device=backend.name,
            used=table.device_used[place],
            work=table.work_used[place],
            budget=_limited(ledger.budgets[place]),
            free=free[place] if ledger.evicts else None,
        )
        for place, backend in enumerate(ledger.backends)
    ]
    if not ledger.one_tier:
        tiers.append(TierInfo("ram", "cpu", table.ram_used, 0, _limited(ledger.ram_budget), None))
    return tuple(tiers)


def _limited(budget: int) -> int | None:
    return budget if budget < NO_LIMIT else None


def table(ledger: Ledger) -> str:
    """Who holds what; call with the table's lock."""
    return holders_table(ledger.table.entries, ledger.table.leases)


def too_large(ledger: Ledger, demand: Demand, never: Never) -> str:
    """Why a model can never be admitted, before anything was loaded."""
    spec = demand.spec
    backend = ledger.backends[never.place]
    weights = mebibytes(never.need - demand.work_bytes)
    work = f" and {mebibytes(demand.work_bytes)} for its work" if demand.work_bytes else ""
    pinned = f" {mebibytes(never.pinned)} of it is pinned." if never.pinned else ""
    where = "main memory" if ledger.one_tier else f"memory of {backend.name}"
    knob = "VITRINE_RAM" if ledger.one_tier else "--vram (VITRINE_VRAM)"
    return (
        f"{spec.name} needs {weights} for its weights{work}, and the cache may use "
        f"{mebibytes(never.limit)} of {where}.{pinned} Choose a smaller model or smaller settings, "
        f"or raise {knob} where the machine has more."
    )
