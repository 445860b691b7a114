"""Stores of every kind, and a PostgreSQL server of our own where Debian's is installed."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from core.runs.run_store import RunStore


def _server_user() -> list[str]:
    """Words before a command so that it runs unprivileged: the server refuses root."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("tests run as root and there is no user postgres to run the server as")
    if shutil.which("runuser") is None:
        pytest.skip("tests run as root and runuser is not installed")
    return ["runuser", "-u", "postgres", "--"]


@pytest.fixture(scope="session")
def postgres():
    """Start a PostgreSQL server on a private socket; gives a function that makes databases."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL's server programs are not installed")
    programs, user = found[-1].parent, _server_user()
    folder = Path(tempfile.mkdtemp(prefix="vitrine-pg-", dir="/tmp"))
    if user:
        shutil.chown(folder, "postgres")

    def call(*command: str) -> None:
        done = subprocess.run(
            [*user, *command], cwd="/", capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr

    data = str(folder / "data")
    call(
        f"{programs}/initdb", "-D", data, "-A", "trust", "-U", "vitrine", "-E", "UTF8",
        "--locale=C", "-N",
    )  # fmt: skip
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB"
    control = (f"{programs}/pg_ctl", "-D", data, "-w")
    call(*control, "-l", str(folder / "log"), "-o", options, "start")

    def make_database() -> str:
        name = "t" + secrets.token_hex(6)
        call(f"{programs}/createdb", "-h", str(folder), "-U", "vitrine", name)
        return f"postgresql://vitrine@/{name}?host={folder}"

    yield make_database
    call(*control, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = time.time()  # files carry the real time, so the two must agree at first

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_store(tmp_path, clock):
    """Open stores that are closed after the test; SQLite and a local folder unless told."""
    with contextlib.ExitStack() as stack:

        def make(database_url: str = "", artifact_url: str = "", **options) -> RunStore:
            store = RunStore(
                database_url or f"sqlite:///{tmp_path}/runs.sqlite3",
                artifact_url or str(tmp_path / "artifacts"),
                **{"served_dir": tmp_path / "served", "clock": clock, **options},
            )
            stack.callback(store.close)
            return store

        yield make


@pytest.fixture(params=["sqlite and folder", "sqlite and bucket", "postgresql and file url"])
def store(request, make_store, tmp_path):
    """The same promises hold for every database and every place for files."""
    if request.param == "sqlite and folder":
        return make_store()
    if request.param == "sqlite and bucket":
        return make_store("", f"memory://vitrine-{secrets.token_hex(6)}/artifacts")
    make_database = request.getfixturevalue("postgres")
    return make_store(make_database(), f"file://{tmp_path}/artifacts")
