"""The order of writing that keeps files and rows together, whatever happens in between.

First the rows of the blobs are claimed, then the files are written, then one transaction makes
whatever names them visible. Until that transaction nobody sees anything; see `housekeeping` for
why a collection at the same moment does no harm.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from sqlalchemy import Engine, Insert, Table, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from core.errors import VitrineError

from . import models
from .artifacts import BlobPlace
from .quota import DiskQuota

logger = logging.getLogger(__name__)

_TRIES = 2  # without holding the database's lock while files are written


class BlobLedger:
    """Writes files and the rows that name them."""

    def __init__(
        self, writer: Engine, place: BlobPlace, clock: Callable[[], float], quota: DiskQuota
    ) -> None:
        self._writer, self._place, self._clock, self._quota = writer, place, clock, quota

    def keep(
        self,
        sources: Mapping[str, tuple[int, bytes | Path]],
        commit: Callable[[Connection], None],
        also: Iterable[str] = (),
        *,
        text: int = 0,
    ) -> None:
        """Write blobs, then run `commit` in one transaction.

        Args:
            sources: size and content by sha256.
            commit: inserts the rows that name the blobs; may be run again when a collection
                removed one of them meanwhile.
            also: hashes of older blobs that `commit` will name.
            text: bytes of JSON that `commit` inserts, for the disk limit.

        Raises:
            NoRoom: it would exceed the disk limit; nothing was changed.
            VitrineError: a file cannot be written.
        """
        sizes = {sha256: size for sha256, (size, _) in sources.items()}
        for _ in range(_TRIES):
            with self._writer.begin() as connection:
                self._quota.enter(connection, sizes, text)
                self._claim(connection, sizes, also)
            self._put(sources)
            try:
                with self._writer.begin() as connection:
                    self._quota.enter(connection, {}, text)  # others may have come meanwhile
                    commit(connection)
                return
            except IntegrityError:
                logger.info("a file was collected while it was being stored; storing it again")
        with self._writer.begin() as connection:  # at last with the rows locked all the while
            self._quota.enter(connection, sizes, text)
            self._claim(connection, sizes, also)
            self._put(sources)
            commit(connection)

    def _put(self, sources: Mapping[str, tuple[int, bytes | Path]]) -> None:
        with _disk_errors():
            for sha256, (_, source) in sources.items():
                self._place.put(sha256, source)

    def claim(self, keys: Iterable[str]) -> None:
        """Mark blobs as in use now."""
        with self._writer.begin() as connection:
            self._claim(connection, {}, keys)

    def _claim(self, connection: Connection, sizes: Mapping[str, int], also: Iterable[str]) -> None:
        now, blobs = self._clock(), models.blobs
        # One order for all writers and for the collection, or they could deadlock.
        for sha256 in sorted({*sizes, *also}):
            if sha256 in sizes:
                row = {"sha256": sha256, "size": sizes[sha256], "touched": now}
                connection.execute(
                    self.upsert(blobs)
                    .values(row)
                    .on_conflict_do_update(index_elements=["sha256"], set_={"touched": now})
                )
            else:
                connection.execute(
                    update(blobs).where(blobs.c.sha256 == sha256).values(touched=now)
                )

    def upsert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT of this database's dialect that offers `on_conflict_...`."""
        postgres = self._writer.dialect.name == "postgresql"
        made: Insert = postgresql.insert(table) if postgres else sqlite.insert(table)
        return made  # type: ignore[return-value]


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        logger.exception("a file could not be stored")
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise VitrineError(
            f"{'The disk of the hub is full' if full else 'The place for files does not answer'}, "
            "so the files cannot be stored. A download from this page still works. "
            "Try again later, or tell whoever runs this hub."
        ) from error
