"""Engine and migrations of the run store, for SQLite and PostgreSQL.

SQLite runs in WAL mode, so readers never wait for the writer, with `synchronous=FULL`: a run that
was acknowledged survives a power cut as well as a killed process. NORMAL would lose the last
commits at a power cut; runs are saved at human pace, so one more fsync a run costs nothing that a
visitor could notice.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import VitrineError

logger = logging.getLogger(__name__)

HEAD = "0003"  # newest revision in migrations/versions; a test compares
BUSY_SECONDS = 30.0
_alembic = threading.Lock()  # Alembic's own context is one per process
_MIGRATION_LOCK = 0x7669_7472_696E_6500  # PostgreSQL advisory lock key: "vitrine"


def make_engine(database_url: str) -> Engine:
    """Open an engine; SQLite gets its folder, pragmas and immediate write transactions.

    Connections whose option `writes` is true begin with the write lock on SQLite: a transaction
    that reads first and writes later could otherwise fail at once instead of waiting.

    Raises:
        VitrineError: the URL is not one of a file on SQLite or of a PostgreSQL server.
    """
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise VitrineError(
            "VITRINE_DATABASE_URL is not a database address. sqlite:///folder/file.sqlite3 and "
            "postgresql://user@host/name work. Correct it."
        ) from error
    kind = url.get_backend_name()
    if kind == "sqlite":
        return _sqlite_engine(url)
    if kind in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
        try:
            return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
        except ModuleNotFoundError as error:
            raise VitrineError(
                "VITRINE_DATABASE_URL names PostgreSQL, whose driver is not installed. The package "
                'psycopg works. Install it with: pip install "psycopg[binary]"'
            ) from error
    raise VitrineError(
        f"VITRINE_DATABASE_URL names {kind!r}. SQLite and PostgreSQL are supported. Use one of them."
    )


def _sqlite_engine(url: URL) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise VitrineError(
            "VITRINE_DATABASE_URL names SQLite without a file. Threads and processes need a file "
            "to share. Use sqlite:///folder/file.sqlite3."
        )
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def migrate(engine: Engine) -> None:
    """Bring the database to the newest revision; safe when several processes start at once.

    The check takes one query when nothing is to be done, and Alembic is not even imported.

    Raises:
        VitrineError: the database cannot be reached, or was written by a newer version.
    """
    with database_errors():
        if engine.dialect.name == "sqlite":
            _enter_wal(engine)
        with engine.connect() as connection:
            if _revision(connection) == HEAD:
                return
        with engine.execution_options(writes=True).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
                )
            if _revision(connection) != HEAD:  # another process may have done it meanwhile
                _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def alembic_config(connection: Connection | None = None):
    """Alembic's configuration for the migrations that this package carries."""
    from alembic.config import Config

    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.util.exc import CommandError

    before = _revision(connection)
    try:
        with _alembic:
            command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise VitrineError(
            f"The database is at revision {before!r}, which this version of the hub does not know. "
            f"It knows revisions up to {HEAD!r}. Start the newer version, or use another "
            "data folder."
        ) from error
    logger.info("run store migrated from %s to %s", before or "nothing", HEAD)


def _enter_wal(engine: Engine) -> None:
    """Switch the file to WAL; SQLite refuses at once, without waiting, when another process does."""
    deadline = time.monotonic() + BUSY_SECONDS
    raw = engine.raw_connection()
    try:
        while True:
            try:
                mode = raw.cursor().execute("PRAGMA journal_mode=WAL").fetchone()[0]  # type: ignore[union-attr]
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise OperationalError("PRAGMA journal_mode", {}, error) from error
                time.sleep(0.05)
                continue
            if mode != "wal":
                logger.warning("SQLite stays in %s mode here: writers will block readers", mode)
            return
    finally:
        raw.close()


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Turn failures of the database into an error that a visitor may read."""
    try:
        yield
    except (OperationalError, PoolTimeout, NoSuchModuleError) as error:
        logger.exception("the run store failed")
        cause = str(getattr(error, "orig", error)).lower()
        if "full" in cause or "no space" in cause:
            reason = "The disk of the hub is full"
        elif "locked" in cause or isinstance(error, PoolTimeout):
            reason = f"The database was busy for more than {BUSY_SECONDS:.0f} seconds"
        else:
            reason = "The database cannot be reached"
        raise VitrineError(
            f"{reason}, so runs cannot be stored or read. Everything else on the page works. "
            "Try again later, or tell whoever runs this hub."
        ) from error
