"""Uploads by content hash: a request names its inputs by sha256, and here they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Engine, and_, select
from sqlalchemy.engine import Connection

from core.errors import InputError, NotFoundError

from . import models
from .artifacts import BlobPlace, hash_of
from .database import database_errors
from .ledger import BlobLedger
from .quota import DiskQuota
from .records import clean_line, is_sha256

_TOUCH_SECONDS = 3600.0  # an upload in use is marked so at most this often


_ASKED_AT_ONCE = 500  # databases bound the parameters of one query


def known_inputs(connection: Connection, hashes: Iterable[str]) -> list[str]:
    """Those of the given hashes under which an upload is kept, sorted."""
    inputs, asked, known = models.inputs, sorted(hashes), []
    for start in range(0, len(asked), _ASKED_AT_ONCE):
        part = asked[start : start + _ASKED_AT_ONCE]
        known += connection.execute(
            select(inputs.c.sha256).where(inputs.c.sha256.in_(part))
        ).scalars()
    return sorted(known)


class Uploads:
    """What visitors gave, kept while a run names it, else for `keep_days` after its last use."""

    def __init__(
        self,
        reader: Engine,
        ledger: BlobLedger,
        place: BlobPlace,
        clock: Callable[[], float],
        quota: DiskQuota,
        *,
        max_bytes: int,
        keep_days: float,
    ) -> None:
        self._reader, self._ledger, self._place, self._clock = reader, ledger, place, clock
        self._quota = quota
        self.max_bytes = max_bytes
        self.keep_days = keep_days

    def put(self, data: bytes, media_type: str) -> str:
        """Keep an upload; returns its sha256.

        Raises:
            InputError: it is empty or too large.
            NoRoom: it would exceed the disk limit.
        """
        if not data or len(data) > self.max_bytes:
            raise InputError(
                f"The file has {len(data):,} bytes. From 1 to {self.max_bytes:,} bytes can be "
                "kept. Choose another file."
            )
        sha256, size = hash_of(data)
        row = {"sha256": sha256, "media_type": clean_line(media_type, 100, "media type")}

        def commit(connection: Connection) -> None:
            self._quota.enter_upload(connection, size)
            made = self._ledger.upsert(models.inputs).values(row)
            connection.execute(made.on_conflict_do_nothing())

        with database_errors():
            self._ledger.keep({sha256: (size, data)}, commit)
        return sha256

    def get(self, sha256: str) -> bytes:
        """Return an upload, verified. NotFoundError when it is not here."""
        self.media_type(sha256)
        data = self._place.read(sha256)
        blobs = models.blobs
        stale = and_(blobs.c.sha256 == sha256, blobs.c.touched < self._clock() - _TOUCH_SECONDS)
        with database_errors():
            with self._reader.connect() as connection:
                old = connection.execute(select(blobs.c.sha256).where(stale)).first()
            if old:
                self._ledger.claim([sha256])
        return data

    def media_type(self, sha256: str) -> str:
        """Return what an upload was said to be. NotFoundError when it is not here."""
        inputs = models.inputs
        found = None
        if is_sha256(sha256):
            query = select(inputs.c.media_type).where(inputs.c.sha256 == sha256)
            with database_errors(), self._reader.connect() as connection:
                found = connection.execute(query).scalar()
        if found is None:
            raise NotFoundError(
                "The uploaded file that these settings name is not here. Uploads stay while a run "
                f"uses them, else for {self.keep_days:g} days. Upload the file again."
            )
        return found
