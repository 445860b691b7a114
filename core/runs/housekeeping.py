"""Expiry and garbage collection.

A blob goes when nothing names it. Its row and its file go in one transaction that holds the row's
lock, and a writer claims the row before it looks for the file; so a writer either comes first, and
the row is young or referenced and stays, or comes second, and finds no file and writes it again.
"""

from __future__ import annotations

import logging

from sqlalchemy import ColumnElement, Engine, and_, delete, or_, select
from sqlalchemy.exc import IntegrityError

from . import models
from .artifacts import BlobPlace
from .served import ServedFiles

logger = logging.getLogger(__name__)

_BATCH = 64  # blobs a transaction: SQLite's write lock is held for milliseconds


def expire_runs(writer: Engine, before: float) -> int:
    """Delete the runs that are not pinned and older than `before`; returns how many."""
    runs = models.runs
    with writer.begin() as connection:
        done = connection.execute(
            delete(runs).where(runs.c.pinned.is_(False), runs.c.created < before)
        )
    return done.rowcount


def _garbage(before: float, inputs_before: float) -> ColumnElement[bool]:
    """Condition on `blobs`: nothing names it, and it is old enough.

    An upload that no run names is kept longer than other leftovers, because a parameter link may
    name it.
    """
    blobs, links, inputs, uses = (
        models.blobs,
        models.run_artifacts,
        models.inputs,
        models.run_inputs,
    )
    is_input = select(inputs.c.sha256).where(inputs.c.sha256 == blobs.c.sha256).exists()
    return and_(
        ~select(links.c.sha256).where(links.c.sha256 == blobs.c.sha256).exists(),
        ~select(uses.c.sha256).where(uses.c.sha256 == blobs.c.sha256).exists(),
        or_(
            and_(~is_input, blobs.c.touched < before),
            and_(is_input, blobs.c.touched < inputs_before),
        ),
    )


def collect(
    reader: Engine,
    writer: Engine,
    place: BlobPlace,
    served: ServedFiles,
    *,
    before: float,
    inputs_before: float,
) -> int:
    """Remove blobs that nothing names and that were claimed last before the given times.

    Returns:
        The number of blobs removed.
    """
    condition = _garbage(before, inputs_before)
    with reader.connect() as connection:
        found = list(connection.execute(select(models.blobs.c.sha256).where(condition)).scalars())
    removed = 0
    for start in range(0, len(found), _BATCH):
        try:
            removed += _remove(writer, place, served, found[start : start + _BATCH], condition)
        except IntegrityError:  # a run took one of them this very moment: the next round sees it
            logger.info("garbage collection met a new run and left a batch for later")
    return removed


def _remove(
    writer: Engine,
    place: BlobPlace,
    served: ServedFiles,
    keys: list[str],
    condition: ColumnElement[bool],
) -> int:
    blobs, inputs = models.blobs, models.inputs
    with writer.begin() as connection:
        # Taken first, as every writer does: the deletion below changes it, and two transactions
        # that hold a blob and wait for the counter, or the reverse, would wait for ever.
        connection.execute(select(models.disk_usage.c.bytes).with_for_update())
        still = select(blobs.c.sha256).where(blobs.c.sha256.in_(keys), condition)
        locked = still.order_by(blobs.c.sha256).with_for_update()
        doomed = list(connection.execute(locked).scalars())
        if not doomed:
            return 0
        connection.execute(delete(inputs).where(inputs.c.sha256.in_(doomed)))
        connection.execute(delete(blobs).where(blobs.c.sha256.in_(doomed)))
        for sha256 in doomed:  # before the commit: the rows are locked until then
            place.remove(sha256)
            served.forget(sha256)
    return len(doomed)
