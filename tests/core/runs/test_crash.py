"""A process that dies at any instant leaves no half-written run, and loses no acknowledged one."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.runs import OPERATOR

WRITER = Path(__file__).with_name("crash_writer.py")


def start(database_url: str, artifact_url: str, *point: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(WRITER), database_url, artifact_url, *point],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def acknowledged(process: subprocess.Popen) -> list[str]:
    out, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL, err.decode()
    return [line for line in out.decode().split("\n")[:-1] if line]


def all_runs(store):
    seen, before = [], None
    while page := store.list(owner=OPERATOR, limit=200, before=before):
        seen += page
        before = page[-1].cursor
    return seen


def check_whole(store) -> set[str]:
    """Assert that every visible run has all its files; returns the ids."""
    runs = all_runs(store)
    for run in runs:
        assert set(run.artifacts) == {"a.bin", "b.bin", "c.bin"}
        for name, artifact in run.artifacts.items():
            data = store.artifact_bytes(run.id, name)
            assert len(data) == artifact.size
            assert hashlib.sha256(data).hexdigest() == artifact.sha256
    return {run.id for run in runs}


def kill_at_random_instants(make_store, database_url, artifact_url, times, tmp_path):
    saved: set[str] = set()
    for _ in range(times):
        process = start(database_url, artifact_url)
        assert process.stdout is not None
        first = process.stdout.readline()  # wait until it saves, then let it go on a little
        time.sleep(random.uniform(0.0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        saved |= {first.decode().strip(), *acknowledged(process)}
    store = make_store(database_url, artifact_url, clock=time.time)
    visible = check_whole(store)
    assert saved <= visible
    assert len(visible - saved) <= times  # at most the one under way at each kill
    return store, visible


def test_killed_at_random_instants_every_visible_run_is_whole(make_store, tmp_path):
    url, folder = f"sqlite:///{tmp_path}/crash.sqlite3", tmp_path / "files"
    store, visible = kill_at_random_instants(make_store, url, str(folder), 6, tmp_path)
    # What the dead left behind is collected, and nothing else is.
    store.collect_garbage(time.time() + 7200)
    assert check_whole(store) == visible
    on_disk = {p.name for p in folder.glob("??/*")}
    assert on_disk == {a.sha256 for run in all_runs(store) for a in run.artifacts.values()}
    assert list(folder.glob("??/.*")) == []


def test_killed_clients_of_postgresql_leave_only_whole_runs(make_store, tmp_path, postgres):
    kill_at_random_instants(make_store, postgres(), f"file://{tmp_path}/files", 3, tmp_path)


@pytest.mark.parametrize(
    ("point", "second_run_is_there"),
    [
        ("after claiming the rows", False),
        ("before renaming a file", False),
        ("after renaming a file", False),
        ("after inserting the run", False),
        ("after inserting the files", False),
        ("after the commit", True),
    ],
)
def test_killed_at_a_known_point_the_run_is_there_or_not_at_all(
    make_store, tmp_path, point, second_run_is_there
):
    url = f"sqlite:///{tmp_path}/crash.sqlite3"
    process = start(url, str(tmp_path / "files"), point)
    done = acknowledged(process)
    assert len(done) == 1
    visible = check_whole(make_store(url, str(tmp_path / "files"), clock=time.time))
    assert set(done) <= visible
    assert len(visible) == 1 + second_run_is_there
