"""The run store: every finished run with its request, result and files.

A run becomes visible by one transaction, after all its files are on the disk; so whatever instant
the process dies at, a visible run is complete, and a run that `save` returned is there.
Whoever knows a run's id may read it; only its owner may list, rename, pin or delete it.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from core.errors import InputError, NotFoundError, VitrineError

from . import export, housekeeping, models
from .answers import AnswerBook
from .artifacts import ServedFiles, hash_of, open_place
from .database import database_errors, make_engine, migrate
from .records import (
    MAX_OWNER,
    MAX_TITLE,
    OPERATOR,
    Artifact,
    Owner,
    Run,
    artifact_name,
    check_artifact_name,
    clean_line,
    is_run_id,
    is_sha256,
    media_type_of,
    new_run_id,
)
from .request import canonical_json
from .versions import current_versions

logger = logging.getLogger(__name__)

MAX_REQUEST = 256 * 2**10  # bytes of JSON
MAX_RESULT = 8 * 2**20  # bytes of JSON; anything larger belongs into an artifact
MAX_ARTIFACTS = 256  # a run
MAX_PINNED = 200  # runs of one owner: pinned runs never expire
MAX_PAGE = 200  # runs a listing returns at most
GRACE_SECONDS = 3600.0  # leftovers younger than this may belong to a run being saved
SERVED_SECONDS = 24 * 3600.0
_HASHES = re.compile(r'"([0-9a-f]{64})"')
_METHOD = re.compile(r"[a-z0-9_-]{1,64}")


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
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open and migrate.

        Args:
            database_url: SQLAlchemy URL of SQLite or PostgreSQL.
            artifact_url: a folder or an fsspec URL.
            served_dir: where `artifact_file` makes its local copies; a temporary folder if None.
            keep_days: age at which runs that are not pinned expire, and unused uploads go.
            max_input_bytes: largest upload.
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
        if served_dir is None:
            served_dir = Path(tempfile.mkdtemp(prefix="vitrine-served-"))
            weakref.finalize(self, shutil.rmtree, served_dir, True)
        self._served = ServedFiles(served_dir)
        self.keep_days = keep_days
        self.max_input_bytes = max_input_bytes
        self._clock = clock
        self._maintained = clock()
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
            request: the whole truth of the run; uploads it names by hash are kept with it.
            result: JSON types; large parts belong into `artifacts`.
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
            VitrineError: the database or the disk failed.
        """
        files = self._hash_files(artifacts or {})
        if thumbnail is not None and thumbnail not in files:
            raise ValueError(f"thumbnail {thumbnail!r} is not among the artifacts")
        if not _METHOD.fullmatch(method):
            raise ValueError(f"{method!r} is not the slug of a method")
        row = {
            "id": new_run_id(),
            "method": method,
            "title": clean_line(title, MAX_TITLE, "title"),
            "owner": clean_line(owner, MAX_OWNER, "browser id"),
            "created": self._clock(),
            "seconds": float(seconds),
            "request": _bounded_json(request, MAX_REQUEST, "request"),
            "result": _bounded_json(result, MAX_RESULT, "result"),
            "thumbnail": thumbnail,
            "pinned": False,
            "tier": clean_line(tier, 64, "tier"),
            "versions": canonical_json(current_versions() if versions is None else versions),
        }
        with database_errors():
            self._write_run(row, files)
        self._maintain_sometimes()
        stored = {name: artifact for name, (artifact, _) in files.items()}
        return _run(row, stored)

    def _hash_files(
        self, artifacts: Mapping[str, bytes | Path]
    ) -> dict[str, tuple[Artifact, bytes | Path]]:
        if len(artifacts) > MAX_ARTIFACTS:
            raise ValueError(f"{len(artifacts)} artifacts; a run has at most {MAX_ARTIFACTS}")
        files: dict[str, tuple[Artifact, bytes | Path]] = {}
        for name, source in artifacts.items():
            check_artifact_name(name)
            if not isinstance(source, bytes | Path):
                raise ValueError(f"artifact {name!r} is a {type(source).__name__}, not bytes")
            sha256, size = hash_of(source)
            files[name] = (Artifact(sha256, size, media_type_of(name)), source)
        return files

    def _write_run(
        self, row: dict[str, Any], files: dict[str, tuple[Artifact, bytes | Path]]
    ) -> None:
        named = sorted(set(_HASHES.findall(row["request"])))
        sizes = {artifact.sha256: artifact.size for artifact, _ in files.values()}
        for last in (False, False, True):
            self._claim(sizes, named)
            for artifact, source in files.values():
                self._place.put(artifact.sha256, source)
            try:
                with self._writer.begin() as connection:
                    self._insert_run(connection, row, files, named)
                return
            except IntegrityError:  # a blob was collected since it was claimed: write it again
                if last:
                    raise

    def _insert_run(
        self,
        connection: Connection,
        row: dict[str, Any],
        files: dict[str, tuple[Artifact, bytes | Path]],
        named: list[str],
    ) -> None:
        connection.execute(insert(models.runs).values(row))
        links = [
            {
                "run_id": row["id"],
                "name": name,
                "sha256": artifact.sha256,
                "media_type": artifact.media_type,
            }
            for name, (artifact, _) in files.items()
        ]
        if links:
            connection.execute(insert(models.run_artifacts), links)
        inputs = models.inputs
        known = connection.execute(select(inputs.c.sha256).where(inputs.c.sha256.in_(named)))
        if uses := [{"run_id": row["id"], "sha256": sha256} for sha256 in known.scalars()]:
            connection.execute(insert(models.run_inputs), uses)

    def _claim(self, sizes: Mapping[str, int], touch: Iterable[str] = ()) -> None:
        """Mark blobs as in use before their files are looked for; see `housekeeping`."""
        now, blobs = self._clock(), models.blobs
        make = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        with self._writer.begin() as connection:
            for sha256 in sorted(sizes):  # one order for all writers, or they could deadlock
                claim = make(blobs).values(sha256=sha256, size=sizes[sha256], touched=now)
                connection.execute(
                    claim.on_conflict_do_update(index_elements=["sha256"], set_={"touched": now})
                )
            if touch := sorted(touch):
                connection.execute(
                    update(blobs).where(blobs.c.sha256.in_(touch)).values(touched=now)
                )

    # Reading

    def get(self, run_id: str) -> Run:
        """Return a run by its id, for whoever knows it.

        Raises:
            NotFoundError: there is no such run, or no longer.
        """
        if not is_run_id(run_id):
            raise _no_run()
        with database_errors(), self._reader.connect() as connection:
            found = self._load(connection, select(models.runs).where(models.runs.c.id == run_id))
        if not found:
            raise _no_run()
        return found[0]

    def list(
        self,
        *,
        method: str | None = None,
        owner: Owner = None,
        pinned: bool | None = None,
        limit: int = 20,
        before: float | str | None = None,
    ) -> list[Run]:
        """Runs of one owner, newest first.

        Args:
            method: only this method's.
            owner: whose runs; without an owner nothing is listed. `OPERATOR` lists everybody's.
            pinned: only pinned ones, or only the others.
            limit: from 1 to 200.
            before: `Run.cursor` of the last run of the previous page, or a time in seconds.

        Raises:
            InputError: `before` is neither.
        """
        runs = models.runs
        query = select(runs).order_by(runs.c.created.desc(), runs.c.id.desc())
        if owner is not OPERATOR:
            if not isinstance(owner, str) or not owner:
                return []
            query = query.where(runs.c.owner == owner)
        if method is not None:
            query = query.where(runs.c.method == method)
        if pinned is not None:
            query = query.where(runs.c.pinned.is_(pinned))
        if before is not None:
            created, run_id = _cursor(before)
            older = runs.c.created < created
            if run_id:
                older = or_(older, and_(runs.c.created == created, runs.c.id < run_id))
            query = query.where(older)
        with database_errors(), self._reader.connect() as connection:
            return self._load(connection, query.limit(max(1, min(int(limit), MAX_PAGE))))

    def _load(self, connection: Connection, query: Any) -> list[Run]:
        rows = connection.execute(query).mappings().all()
        files: dict[str, dict[str, Artifact]] = {row["id"]: {} for row in rows}
        links, blobs = models.run_artifacts, models.blobs
        found = connection.execute(
            select(links, blobs.c.size)
            .join(blobs, blobs.c.sha256 == links.c.sha256)
            .where(links.c.run_id.in_(list(files)))
            .order_by(links.c.name)
        )
        for link in found.mappings():
            files[link["run_id"]][link["name"]] = Artifact(
                link["sha256"], link["size"], link["media_type"]
            )
        return [_run(row, files[row["id"]]) for row in rows]

    def artifact_bytes(self, run_id: str, name: str) -> bytes:
        """Return a file of a run, verified against its checksum.

        Raises:
            NotFoundError: the run has no such file.
        """
        return self._place.read(self._artifact(run_id, name).sha256)

    def artifact_file(self, run_id: str, name: str) -> Path:
        """Return a local read-only copy of a file of a run, for serving.

        It may be removed a day after it was last asked for; ask again then.

        Raises:
            NotFoundError: the run has no such file.
        """
        artifact = self._artifact(run_id, name)
        return self._served.file(self._place, artifact.sha256, artifact_name(name))

    def _artifact(self, run_id: str, name: str) -> Artifact:
        artifact = self.get(run_id).artifacts.get(name)
        if artifact is None:
            raise NotFoundError(
                f"The run has no file {str(name)[:100]!r}. The run's page lists its files. "
                "Open the run and choose one."
            )
        return artifact

    def export_zip(self, run_ids: Sequence[str], target: Path) -> Path:
        """Write runs as a zip to `target`, which appears whole or not at all; returns `target`.

        Raises:
            NotFoundError: one of the runs does not exist.
            InputError: none, or too many.
        """
        wanted = list(dict.fromkeys(run_ids))[: export.MAX_RUNS + 1]
        return export.write_zip([self.get(i) for i in wanted], self._place.read, target)

    # Changing

    def pin(self, run_id: str, owner: Owner, on: bool = True) -> Run:
        """Pin a run, so that it never expires, or let it expire again.

        Raises:
            InputError: it belongs to somebody else, or the owner has pinned too many.
            NotFoundError: there is no such run.
        """
        runs = models.runs
        with database_errors(), self._writer.begin() as connection:
            run = self._owned(connection, run_id, owner)
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
            self._owned(connection, run_id, owner)
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
            self._owned(connection, run_id, owner)
            connection.execute(delete(models.runs).where(models.runs.c.id == run_id))

    def _owned(self, connection: Connection, run_id: str, owner: Owner) -> Run:
        runs = models.runs
        if not is_run_id(run_id):
            raise _no_run()
        found = self._load(connection, select(runs).where(runs.c.id == run_id).with_for_update())
        if not found:
            raise _no_run()
        if not found[0].owned_by(owner):
            raise InputError(
                "This run was made in another browser. Only that browser may rename, pin or delete "
                "it. Run it again to have a run of your own."
            )
        return found[0]

    # Uploads

    def put_input(self, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Keep an upload and return its sha256, by which requests name it.

        Raises:
            InputError: it is empty or too large.
        """
        if not data or len(data) > self.max_input_bytes:
            raise InputError(
                f"The file has {len(data):,} bytes. From 1 to {self.max_input_bytes:,} bytes can be "
                "kept. Choose another file."
            )
        sha256, size = hash_of(data)
        media_type = clean_line(media_type, 100, "media type")
        make = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        with database_errors():
            for last in (False, False, True):
                self._claim({sha256: size})
                self._place.put(sha256, data)
                row = make(models.inputs).values(sha256=sha256, media_type=media_type)
                try:
                    with self._writer.begin() as connection:
                        connection.execute(row.on_conflict_do_nothing())
                    break
                except IntegrityError:
                    if last:
                        raise
        return sha256

    def get_input(self, sha256: str) -> bytes:
        """Return an upload by its sha256, verified.

        Raises:
            NotFoundError: it was never uploaded here, or has expired.
        """
        self.input_media_type(sha256)
        data = self._place.read(sha256)
        blobs, now = models.blobs, self._clock()
        stale = and_(blobs.c.sha256 == sha256, blobs.c.touched < now - GRACE_SECONDS)
        with database_errors():
            with self._reader.connect() as connection:
                old = connection.execute(select(blobs.c.sha256).where(stale)).first()
            if old:  # used again: keep it for another while
                self._claim({}, [sha256])
        return data

    def input_media_type(self, sha256: str) -> str:
        """Return the media type that an upload was kept with.

        Raises:
            NotFoundError: it was never uploaded here, or has expired.
        """
        inputs = models.inputs
        query = select(inputs.c.media_type).where(inputs.c.sha256 == sha256)
        found = None
        if is_sha256(sha256):
            with database_errors(), self._reader.connect() as connection:
                found = connection.execute(query).scalar()
        if found is None:
            raise NotFoundError(
                "The uploaded file that these settings name is not here. Uploads stay while a run "
                f"uses them, else for {self.keep_days:g} days. Upload the file again."
            )
        return found

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
            return housekeeping.collect(
                self._reader,
                self._writer,
                self._place,
                self._served,
                before=now - grace_seconds,
                inputs_before=now - max(grace_seconds, self.keep_days * 86_400),
            )

    def maintain(self) -> tuple[int, int]:
        """Expire and collect; returns (runs deleted, files removed)."""
        return self.expire(), self.collect_garbage()

    def _maintain_sometimes(self) -> None:
        """Do `maintain` once an hour, after a run was saved; a failure must not lose that run."""
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
        """Counts for the Status page: runs, pinned runs, stored files and their bytes."""
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


def _run(row: Mapping[Any, Any], artifacts: dict[str, Artifact]) -> Run:
    values = dict(row)
    for name in ("request", "result", "versions"):
        values[name] = json.loads(values[name])
    return Run(**values, artifacts=artifacts)


def _bounded_json(value: dict[str, Any], limit: int, what: str) -> str:
    if not isinstance(value, dict):
        raise ValueError(f"the {what} is a {type(value).__name__}, not a dict")
    text = canonical_json(value)
    if len(text.encode()) > limit:
        raise InputError(
            f"The {what} of this run has {len(text.encode()):,} bytes. Up to {limit:,} bytes can be "
            "stored. Use smaller inputs or fewer of them."
        )
    return text


def _cursor(before: float | str) -> tuple[float, str]:
    if isinstance(before, int | float):
        return float(before), ""
    created, _, run_id = before.partition("~")
    try:
        if is_run_id(run_id):
            return float(created), run_id
    except ValueError:
        pass  # refused below, like every other text
    raise InputError(
        "The place in the list cannot be read. The list's own More button gives one that works. "
        "Reload the page."
    )


def _no_run() -> NotFoundError:
    return NotFoundError(
        "There is no such run here. Runs that are not pinned expire, and a run can be deleted. "
        "Check the link, or run it again."
    )
