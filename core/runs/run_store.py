"""The run store: every finished run with its request, result and files.

A run becomes visible by one transaction, after all its files are on the disk; so whatever instant
the process dies at, a visible run is complete, and a run that `save` returned is there.
Whoever knows a run's id may read it; only its owner may list, rename, pin or delete it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InputError, NotFoundError, VitrineError

from . import export, housekeeping, models, quota, saving
from .answers import AnswerBook
from .artifacts import open_place
from .database import database_errors, make_engine, migrate
from .ledger import BlobLedger
from .listing import load_artifact, load_inputs, load_run, load_runs, page_query, run_from_row
from .records import (
    MAX_TITLE,
    OPERATOR,
    Artifact,
    Owner,
    Run,
    artifact_name,
    clean_line,
)
from .served import ServedFiles
from .uploads import Uploads, known_inputs

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_PINNED = 200  # runs of one owner: pinned runs never expire
GRACE_SECONDS = 3600.0  # leftovers younger than this may belong to a run being saved
UPLOAD_GRACE_SECONDS = 600.0  # an upload that no run names yet may belong to a waiting job
SERVED_SECONDS = 24 * 3600.0
_ROOM_TRIES = 4  # others may take the room that was made


class RunStore:
    """Runs, uploads and human answers in one database and one place for files.

    All methods may be called from any thread, and by several processes at once.
    """

    def __init__(
        self,
        database_url: str,
        artifact_url: str,
        *,
        served_dir: Path | None = None,
        keep_days: float = 30.0,
        max_input_bytes: int = 50 * 2**20,
        max_disk: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open and migrate.

        Args:
            database_url: SQLAlchemy URL of SQLite or PostgreSQL.
            artifact_url: a folder or an fsspec URL.
            served_dir: where `artifact_file` makes its local copies; a temporary folder if None.
            keep_days: age at which runs that are not pinned expire, and unused uploads go.
            max_input_bytes: largest upload.
            max_disk: most bytes of runs and uploads together; 0 means no limit.
            clock: seconds since the epoch.

        Raises:
            VitrineError: the database or the place cannot be opened.
        """
        self._engine = make_engine(database_url)
        migrate(self._engine)
        self._writer = self._engine.execution_options(writes=True)
        self._reader = self._engine
        if self._engine.dialect.name == "postgresql":  # a listing sees one state of both tables
            self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ")
        self._place = open_place(artifact_url)
        self._served = ServedFiles(served_dir)
        self.keep_days = keep_days
        self._clock = clock
        self._quota = quota.DiskQuota(max_disk)
        self._ledger = BlobLedger(self._writer, self._place, clock, self._quota)
        self._uploads = Uploads(
            self._reader,
            self._ledger,
            self._place,
            clock,
            self._quota,
            max_bytes=max_input_bytes,
            keep_days=keep_days,
        )
        self._maintained = 0.0  # so the first save does it
        self._maintaining = threading.Lock()
        self.answers = AnswerBook(self._reader, self._writer, clock)

    def close(self) -> None:
        """Close all connections; the store opens new ones when it is used again."""
        self._engine.dispose()

    # Writing

    def save(
        self,
        *,
        method: str,
        request: dict[str, Any],
        result: dict[str, Any],
        artifacts: Mapping[str, bytes | Path] | None = None,
        owner: str = "",
        title: str = "",
        seconds: float = 0.0,
        thumbnail: str | None = None,
        tier: str = "embedded",
        versions: dict[str, str] | None = None,
    ) -> Run:
        """Store a finished run; when this returns, it is on the disk.

        Args:
            method: slug of the method.
            request: the whole truth of the run.
            result: JSON types; large parts belong into `artifacts`. Uploads that the request or
                the result names by hash are kept as long as the run.
            artifacts: plain file names, each with its bytes or a local file of ours.
            owner: opaque browser id; empty means that only the operator may list or change it.
            title: one line for the history.
            seconds: how long the work took.
            thumbnail: the name of one of the artifacts.
            tier: which weights were used.
            versions: software that made it; what is loaded now when None.

        Raises:
            InputError: the request, the result or the title is too large.
            ValueError: a name or a value cannot be stored.
            VitrineError: the database or the disk failed, or the disk limit is reached and nothing
                may be deleted for this run.
        """
        run = saving.prepare(
            method=method,
            request=request,
            result=result,
            artifacts=artifacts or {},
            owner=owner,
            title=title,
            seconds=seconds,
            thumbnail=thumbnail,
            tier=tier,
            versions=versions,
            created=self._clock(),
        )
        with database_errors():
            with self._reader.connect() as connection:
                named = set(known_inputs(connection, run.named))
            self._with_room(
                "This run",
                run.size,
                lambda: self._ledger.keep(
                    run.sources,
                    lambda c: saving.insert_run(c, run, named),
                    named,
                    text=run.text,
                ),
            )
        self._maintain_sometimes()
        return run_from_row(run.row, run.files)

    def _with_room(
        self, what: str, size: int, store: Callable[[], T], *, visitors: bool = True
    ) -> T:
        """Call `store`, and again after older runs were deleted for it; see `quota.evict`."""
        for _ in range(_ROOM_TRIES):
            try:
                return store()
            except quota.NoRoom as full:
                if size > self._quota.limit or not self._make_room(full.wanted, visitors):
                    break
        raise self._quota.refuse(what, size)

    def _make_room(self, wanted: int, visitors: bool) -> bool:
        logger.warning("the disk limit is reached; making room for %d bytes", wanted)

        def collect() -> int:
            # No grace for files: a save that meets this writes its files again (see `ledger`).
            now = self._clock()
            return self._collect(now + 1.0, now - UPLOAD_GRACE_SECONDS)

        return quota.evict(self._writer, self._quota, collect, wanted, visitors=visitors)

    # Reading

    def get(self, run_id: str) -> Run:
        """Return a run by its id, for whoever knows it.

        Raises:
            NotFoundError: there is no such run, or no longer.
        """
        with database_errors(), self._reader.connect() as connection:
            return load_run(connection, run_id)

    def list(
        self,
        *,
        method: str | None = None,
        owner: Owner = None,
        pinned: bool | None = None,
        limit: int = 20,
        before: float | str | None = None,
        brief: bool = False,
    ) -> list[Run]:
        """Runs of one owner, newest first.

        Args:
            method: only this method's.
            owner: whose runs; without an owner nothing is listed. `OPERATOR` lists everybody's.
            pinned: only pinned ones, or only the others.
            limit: from 1 to 200.
            before: `Run.cursor` of the last run of the previous page, or a time in seconds.
            brief: leave `Run.result` empty, for a history that does not show it: results may be
                megabytes.

        Raises:
            InputError: `before` is neither.
        """
        query = page_query(
            method=method, owner=owner, pinned=pinned, limit=limit, before=before, brief=brief
        )
        if query is None:
            return []
        with database_errors(), self._reader.connect() as connection:
            return load_runs(connection, query)

    def artifact_bytes(self, run_id: str, name: str) -> bytes:
        """Return a file of a run, verified against its checksum.

        Raises:
            NotFoundError: the run has no such file.
        """
        return self._place.read(self.artifact(run_id, name).sha256)

    def artifact_file(self, run_id: str, name: str) -> Path:
        """Return a local read-only copy of a file of a run, for serving.

        It may be removed a day after it was last asked for; ask again then.

        Raises:
            NotFoundError: the run has no such file.
        """
        artifact = self.artifact(run_id, name)
        return self._served.file(self._place, artifact.sha256, artifact_name(name))

    def artifact(self, run_id: str, name: str) -> Artifact:
        """Return what is known of a file of a run, without reading file or result.

        Raises:
            NotFoundError: there is no such run, or it has no such file.
        """
        with database_errors(), self._reader.connect() as connection:
            found = load_artifact(connection, run_id, name)
        if found is None:
            raise NotFoundError(
                f"There is no run here that has a file {str(name)[:100]!r}. The run's page lists "
                "its files while the run exists. Open the run and choose one."
            )
        return found

    def inputs_of(self, run_id: str) -> Sequence[str]:
        """The uploads that a run names, by sha256; for its owner's eyes, so check the owner first."""
        with database_errors(), self._reader.connect() as connection:
            return tuple(load_inputs(connection, run_id))

    def blob(self, sha256: str) -> bytes:
        """Return any stored content by its hash, verified; for hashes that the store itself gave.

        Raises:
            NotFoundError: it is gone.
        """
        return self._place.read(sha256)

    def export_zip(self, run_ids: Sequence[str], target: Path) -> Path:
        """Write runs as a zip to `target`, which appears whole or not at all; returns `target`.

        The uploads that a run was made from are in it, so that it can be run again elsewhere.

        Raises:
            NotFoundError: one of the runs does not exist.
            InputError: none, or too many.
        """
        runs, inputs = [], {}
        with database_errors(), self._reader.connect() as connection:
            for run_id in list(dict.fromkeys(run_ids))[: export.MAX_RUNS + 1]:
                runs.append(load_run(connection, run_id))
                inputs[run_id] = load_inputs(connection, run_id)
        return export.write_zip(runs, self._place.read, target, inputs=inputs)

    # Changing

    def pin(self, run_id: str, owner: Owner, on: bool = True) -> Run:
        """Pin a run, so that it never expires, or let it expire again.

        Raises:
            InputError: it belongs to somebody else, or the owner has pinned too many.
            VitrineError: pinned runs would take too much of the disk limit.
            NotFoundError: there is no such run.
        """
        runs = models.runs
        with database_errors(), self._writer.begin() as connection:
            run = _owned(connection, run_id, owner)
            if on and not run.pinned:
                self._quota.check_pin(connection, run_id)
            if on and not run.pinned and owner is not OPERATOR:
                mine = and_(runs.c.owner == run.owner, runs.c.pinned.is_(True))
                count = select(func.count()).select_from(runs).where(mine)
                if connection.execute(count).scalar_one() >= MAX_PINNED:
                    raise InputError(
                        f"{MAX_PINNED} runs are pinned already. That is the most one browser may "
                        "keep. Unpin one first, or export this run as a zip."
                    )
            connection.execute(update(runs).where(runs.c.id == run_id).values(pinned=bool(on)))
        return self.get(run_id)

    def rename(self, run_id: str, owner: Owner, title: str) -> Run:
        """Give a run another title, of up to 200 characters.

        Raises:
            InputError: it belongs to somebody else, or the title is too long.
            NotFoundError: there is no such run.
        """
        line = clean_line(title, MAX_TITLE, "title")
        with database_errors(), self._writer.begin() as connection:
            _owned(connection, run_id, owner)
            runs = models.runs
            connection.execute(update(runs).where(runs.c.id == run_id).values(title=line))
        return self.get(run_id)

    def delete(self, run_id: str, owner: Owner) -> None:
        """Delete a run at once; files that nothing else names go with the next collection.

        Raises:
            InputError: it belongs to somebody else.
            NotFoundError: there is no such run.
        """
        with database_errors(), self._writer.begin() as connection:
            _owned(connection, run_id, owner)
            connection.execute(delete(models.runs).where(models.runs.c.id == run_id))

    # Uploads

    def put_input(self, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Keep an upload and return its sha256, by which requests name it.

        Raises:
            InputError: it is empty or too large.
            VitrineError: the disk or the database failed, or the disk limit is reached. Runs of
                visitors are not deleted for an upload.
        """
        with database_errors():
            return self._with_room(
                "An upload",
                len(data),
                lambda: self._uploads.put(data, media_type),
                visitors=False,
            )

    def get_input(self, sha256: str) -> bytes:
        """Return an upload by its sha256, verified.

        Raises:
            NotFoundError: it was never uploaded here, or has expired.
        """
        return self._uploads.get(sha256)

    def input_media_type(self, sha256: str) -> str:
        """Return the media type that an upload was kept with.

        Raises:
            NotFoundError: it was never uploaded here, or has expired.
        """
        return self._uploads.media_type(sha256)

    # Upkeep

    def expire(self, now: float | None = None) -> int:
        """Delete runs older than `keep_days` that are not pinned; returns how many."""
        now = self._clock() if now is None else now
        with database_errors():
            return housekeeping.expire_runs(self._writer, now - self.keep_days * 86_400)

    def collect_garbage(
        self, now: float | None = None, *, grace_seconds: float = GRACE_SECONDS
    ) -> int:
        """Remove files that no run names and that are older than the grace period.

        Returns:
            How many stored files were removed, not counting temporary ones.
        """
        now = self._clock() if now is None else now
        self._place.sweep(now - max(grace_seconds, 60.0))
        self._served.sweep(now - SERVED_SECONDS)
        with database_errors():
            return self._collect(
                now - grace_seconds, now - max(grace_seconds, self.keep_days * 86_400)
            )

    def _collect(self, before: float, inputs_before: float) -> int:
        return housekeeping.collect(
            self._reader,
            self._writer,
            self._place,
            self._served,
            before=before,
            inputs_before=inputs_before,
        )

    def maintain(self) -> tuple[int, int]:
        """Expire and collect; returns (runs deleted, files removed)."""
        return self.expire(), self.collect_garbage()

    def _maintain_sometimes(self) -> None:
        """Do `maintain` with the first save and hourly then; a failure must not lose that run."""
        if self._clock() - self._maintained < GRACE_SECONDS:
            return
        if not self._maintaining.acquire(blocking=False):
            return
        try:
            self._maintained = self._clock()
            self.maintain()
        except (VitrineError, SQLAlchemyError, OSError):
            logger.exception("expiry of old runs failed; it is tried again in an hour")
        finally:
            self._maintaining.release()

    def snapshot(self) -> dict[str, int]:
        """Counts: runs, pinned runs, stored files and their bytes."""
        runs, blobs = models.runs, models.blobs
        with database_errors(), self._reader.connect() as connection:
            total = connection.execute(select(func.count()).select_from(runs)).scalar_one()
            kept = connection.execute(
                select(func.count()).select_from(runs).where(runs.c.pinned.is_(True))
            ).scalar_one()
            files, size = connection.execute(
                select(func.count(), func.coalesce(func.sum(blobs.c.size), 0))
            ).one()
        return {"runs": total, "pinned": kept, "files": files, "bytes": int(size)}

    def disk(self) -> tuple[int, int]:
        """Bytes taken and the limit (0 for none), for the Status page; one row is read."""
        with database_errors(), self._reader.connect() as connection:
            return self._quota.used(connection), self._quota.limit


def _owned(connection: Connection, run_id: str, owner: Owner) -> Run:
    run = load_run(connection, run_id, lock=True)
    if not run.owned_by(owner):
        raise InputError(
            "This run was made in another browser. Only that browser may rename, pin or delete "
            "it. Run it again to have a run of your own."
        )
    return run
