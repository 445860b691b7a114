"""How much disk the runs may take, counted by the database itself.

Triggers keep one number: the bytes of all files and of the JSON of all runs and answers. It is read and
changed inside the transactions that claim files and insert runs, so that writers at the same time
cannot exceed the limit together, and so that it is right whatever instant the process dies at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import ColumnElement, Engine, Text, and_, cast, delete, func, select
from sqlalchemy.engine import Connection

from core.errors import VitrineError
from core.settings import size_words

from . import models

_LOW_WATER = 0.9  # make room down to this share, so that not every save has to
_UPLOAD_SHARE = 0.25  # of the limit, for uploads that no run names
_PINNED_SHARE = 0.5  # of the limit; the rest is for runs that come and go
_BATCH = 100  # runs deleted in one transaction


class NoRoom(Exception):
    """More bytes would exceed the limit; says how many wanted in."""

    def __init__(self, wanted: int) -> None:
        super().__init__(f"no room for {wanted} bytes")
        self.wanted = wanted


class DiskQuota:
    """The limit, and the count of what is there."""

    def __init__(self, limit: int) -> None:
        """Watch over `limit` bytes; 0 means no limit."""
        self.limit = limit

    def used(self, connection: Connection, *, lock: bool = False) -> int:
        """Bytes that are taken; `lock` keeps other writers out until the transaction ends."""
        query = select(models.disk_usage.c.bytes).where(models.disk_usage.c.id == 1)
        return int(connection.execute(query.with_for_update() if lock else query).scalar_one())

    def enter(self, connection: Connection, sizes: Mapping[str, int], text: int = 0) -> None:
        """Check, before files are claimed, that those of them that are new have room.

        Args:
            connection: a writing transaction; other writers wait until it ends.
            sizes: bytes by sha256.
            text: bytes of JSON that come with them.

        Raises:
            NoRoom: something must go first.
        """
        used = self.used(connection, lock=True)
        if not self.limit:
            return
        new = text + sum(sizes[sha256] for sha256 in set(sizes) - _present(connection, sizes))
        if new and used + new > self.limit:
            raise NoRoom(new)

    def enter_upload(self, connection: Connection, size: int) -> None:
        """Check that uploads which no run names leave room for runs; anybody may send them.

        Raises:
            NoRoom: older ones must go first.
        """
        if self.limit and unnamed_uploads(connection) + size > self.limit * _UPLOAD_SHARE:
            raise NoRoom(size)

    def refuse(self, what: str, size: int) -> VitrineError:
        """The error for what cannot be stored."""
        return VitrineError(
            f"{what} of {size_words(size)} does not fit: this hub keeps {size_words(self.limit)} of runs and "
            "uploads, and what is left cannot be removed. Download the result now if there is one. "
            "Unpin or delete runs, try again later, or tell whoever runs this hub."
        )

    def check_pin(self, connection: Connection, run_id: str) -> None:
        """Refuse to pin a run when pinned runs would fill the disk for good.

        Raises:
            VitrineError: they would.
        """
        if not self.limit:
            return
        runs = models.runs
        wanted = runs.c.pinned.is_(True) | (runs.c.id == run_id)
        if _held_by(connection, wanted) > self.limit * _PINNED_SHARE:
            raise VitrineError(
                f"Pinned runs take up to {size_words(self.limit * _PINNED_SHARE)} on this hub, and this one "
                "would exceed that. Unpin another run first, or export this one as a zip."
            )


def _present(connection: Connection, keys: Iterable[str]) -> set[str]:
    blobs = models.blobs
    query = select(blobs.c.sha256).where(blobs.c.sha256.in_(list(keys)))
    return set(connection.execute(query).scalars())


def _held_by(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Bytes of the files and texts of the runs that meet `condition`, shared files counted once."""
    runs, links, blobs = models.runs, models.run_artifacts, models.blobs
    named = select(links.c.sha256).join(runs, runs.c.id == links.c.run_id).where(condition)
    files = select(func.coalesce(func.sum(blobs.c.size), 0)).where(blobs.c.sha256.in_(named))
    texts = select(func.coalesce(func.sum(func.length(runs.c.result)), 0)).where(condition)
    return int(connection.execute(files).scalar_one()) + int(connection.execute(texts).scalar_one())


def unnamed_uploads(connection: Connection) -> int:
    """Bytes of the uploads that no run names."""
    blobs, inputs, uses = models.blobs, models.inputs, models.run_inputs
    unnamed = ~select(uses.c.sha256).where(uses.c.sha256 == inputs.c.sha256).exists()
    size = select(func.coalesce(func.sum(blobs.c.size), 0)).join(
        inputs, inputs.c.sha256 == blobs.c.sha256
    )
    return int(connection.execute(size.where(unnamed)).scalar_one())


def evict(
    writer: Engine,
    quota: DiskQuota,
    collect: Callable[[], int],
    wanted: int,
    *,
    visitors: bool,
) -> bool:
    """Delete unpinned runs, the oldest first, until `wanted` bytes fit; those of nobody before others.

    Args:
        writer: engine for writing.
        quota: the limit to get under.
        collect: removes the files that nothing names any more.
        wanted: bytes that are to fit.
        visitors: whether runs of visitors may go too, and not only those that belong to nobody.

    Returns:
        Whether they fit now.
    """
    runs = models.runs
    nobody = runs.c.owner == ""
    enough = quota.limit - wanted
    goal = min(enough, int(quota.limit * _LOW_WATER))
    collect()
    for whose in (nobody, ~nobody) if visitors else (nobody,):
        while True:
            with writer.begin() as connection:
                excess = quota.used(connection, lock=True) - goal
                if excess <= 0:
                    return True
                doomed = _oldest(connection, and_(runs.c.pinned.is_(False), whose), excess)
                if doomed:
                    connection.execute(delete(runs).where(runs.c.id.in_(doomed)))
            if not doomed:
                break
            collect()
    with writer.connect() as connection:
        return quota.used(connection) <= enough


def _oldest(connection: Connection, condition: ColumnElement[bool], excess: int) -> list[str]:
    """Ids of the oldest runs that together hold about `excess` bytes, at least one, at most a batch."""
    runs, links, blobs = models.runs, models.run_artifacts, models.blobs
    size = (
        select(func.coalesce(func.sum(blobs.c.size), 0))
        .join(links, links.c.sha256 == blobs.c.sha256)
        .where(links.c.run_id == runs.c.id)
        .scalar_subquery()
    )
    text = func.length(cast(runs.c.result, Text))
    query = select(runs.c.id, size + text).where(condition)
    chosen: list[str] = []
    for run_id, held in connection.execute(query.order_by(runs.c.created, runs.c.id).limit(_BATCH)):
        if excess <= 0:
            break
        chosen.append(run_id)
        excess -= int(held)
    return chosen
