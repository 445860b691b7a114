"""What happens when a device has no memory left: evict, retry once, degrade, say who holds what."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TypeVar

from core.cache.keys import ModelSpec, Work
from core.cache.ledger import Ledger
from core.cache.table import holders_table
from core.errors import DeviceOutOfMemory

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def with_recovery(
    ledger: Ledger,
    place: int,
    action: Callable[[], Result],
    drain: Callable[[int], None],
    stage: str = "move",
) -> Result:
    """Do `action`; when the device is full, evict all that is not lent and do it once more.

    Raises:
        DeviceOutOfMemory: the second try failed as well; the text is a table of who holds what.
    """
    backend = ledger.backends[place]
    for attempt in range(2):
        try:
            return action()
        except BaseException as exc:
            if not backend.is_oom(exc):
                raise
            traceback.clear_frames(exc.__traceback__)  # they hold tensors
        ledger.metrics.oom.labels(stage).inc()
        logger.warning("%s is out of memory (%s, try %d)", backend.name, stage, attempt + 1)
        if attempt == 0:
            evict_unleased(ledger, place)
            drain(place)
            backend.synchronize()
            backend.empty_cache()
    raise out_of_memory(ledger, place, stage)


def evict_unleased(ledger: Ledger, place: int) -> None:
    """Send every part away that nobody holds, also those that are pinned."""
    with ledger.mu:
        idle = [
            entry
            for entry in ledger.table.on(place)
            if not entry.holders and entry.ready is None and ledger.evicts
        ]
        ledger.send_away(idle, place, "oom")


def out_of_memory(ledger: Ledger, place: int, stage: str) -> DeviceOutOfMemory:
    """The error with its table."""
    with ledger.mu:
        table = holders_table(ledger.table.entries, ledger.table.leases)
    doing = {"move": "a model was moved to it", "copy": "a model was copied"}.get(
        stage, "a method was running"
    )
    return DeviceOutOfMemory(
        f"{ledger.backends[place].name} ran out of memory while {doing}, and again after everything "
        "that is not in use had left. Choose a smaller size, or wait until other jobs have ended. "
        f"In memory now:\n{table}"
    )


def smaller(spec: ModelSpec, work: Work) -> Work | None:
    """The next smaller plan of a model's work, or None when there is none."""
    return spec.degrade(work) if spec.degrade is not None else None
