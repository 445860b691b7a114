"""The state of all jobs as plain data, for the Status page and `/metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from core.jobs.lane import Lane
from core.jobs.record import Record
from core.jobs.tally import Tally


def snapshot(records: Iterable[Record], lanes: Iterable[Lane], tally: Tally) -> dict[str, Any]:
    """Count jobs, queues and durations; no id, owner or title, so that everyone may see it."""
    records = list(records)
    states = Counter((r.state, r.method) for r in records)
    queues = {
        lane.name: {
            "slots": lane.slots,
            "running": len(lane.running),
            "waiting": len(lane.waiting),
            "max_waiting": lane.max_waiting,
        }
        for lane in lanes
    }
    return {
        "jobs": [{"state": s, "method": m, "count": n} for (s, m), n in states.items()],
        "lanes": queues,
        "queue_depth": sum(queue["waiting"] for queue in queues.values()),
        "active": [_anonymous(r) for r in records if r.active],
        "refused": tally.refused,
        "finished": [{"state": s, "method": m, "count": n} for (s, m), n in tally.finished.items()],
        "seconds": [
            {"state": s, "method": m, "counts": list(d.counts), "total": d.total}
            for (s, m), d in tally.durations.items()
        ],
    }


def _anonymous(record: Record) -> dict[str, Any]:
    info = record.info()
    return {
        "method": info.method,
        "state": info.state,
        "heavy": info.heavy,
        "fraction": info.fraction,
        "position": info.position,
        "eta_seconds": info.eta_seconds,
        "seconds": record.running_seconds,
    }
