"""Several processes and many threads write, read, delete and collect at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.errors import NotFoundError
from core.runs import OPERATOR

ROOT = Path(__file__).resolve().parents[3]
SAVE_MANY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from core.runs.run_store import RunStore
store = RunStore(sys.argv[1], sys.argv[2])
def save(i):
    return store.save(method="trill", request={"i": i}, result={}, owner=sys.argv[3],
        artifacts={"shared.bin": b"shared", "own.bin": f"{sys.argv[3]}{i}".encode()})
with ThreadPoolExecutor(4) as pool:
    list(pool.map(save, range(30)))
store.close()
"""


def run_two_processes(database_url: str, artifact_url: str) -> None:
    """Both start on an empty database at once, so both want to migrate it."""
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SAVE_MANY, database_url, artifact_url, owner],
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        for owner in ("first", "second")
    ]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()


def check_all_there(store) -> None:
    for owner in ("first", "second"):
        runs = store.list(owner=owner, limit=200)
        assert sorted(run.request["i"] for run in runs) == list(range(30))
        for run in runs:
            assert store.artifact_bytes(run.id, "shared.bin") == b"shared"
            own = f"{owner}{run.request['i']}".encode()
            assert store.artifact_bytes(run.id, "own.bin") == own
    assert store.snapshot()["files"] == 61


def test_two_processes_with_threads_start_and_write_at_once_on_sqlite(make_store, tmp_path):
    url = f"sqlite:///{tmp_path}/shared.sqlite3"
    run_two_processes(url, str(tmp_path / "files"))
    check_all_there(make_store(url, str(tmp_path / "files")))


def test_two_processes_with_threads_start_and_write_at_once_on_postgresql(
    make_store, tmp_path, postgres
):
    url = postgres()
    run_two_processes(url, f"file://{tmp_path}/files")
    check_all_there(make_store(url, str(tmp_path / "files")))


def test_saving_deleting_and_collecting_at_once_loses_nothing(store):
    """Every thread saves the same content, so the collection always has something to fight for."""
    stop = threading.Event()

    def collect() -> int:
        removed = 0
        while not stop.is_set():
            removed += store.collect_garbage(store._clock() + 10, grace_seconds=0.0)
        return removed

    def work(number: int) -> list[str]:
        kept = []
        for i in range(12):
            content = f"content {i % 3}".encode()
            run = store.save(
                method="m", request={}, result={}, artifacts={"a.txt": content}, owner="o"
            )
            assert store.artifact_bytes(run.id, "a.txt") == content
            if i % 4:
                store.delete(run.id, "o")
            else:
                kept.append(run.id)
        return kept

    with ThreadPoolExecutor(5) as pool:
        collector = pool.submit(collect)
        try:
            kept = [run_id for ids in pool.map(work, range(4)) for run_id in ids]
        finally:
            stop.set()
        assert collector.result(timeout=60) >= 0
    assert {run.id for run in store.list(owner=OPERATOR, limit=200)} == set(kept)
    for run_id in kept:
        assert store.artifact_bytes(run_id, "a.txt").startswith(b"content")


def test_readers_do_not_wait_for_a_writer(make_store):
    store = make_store()
    run = store.save(method="m", request={}, result={}, artifacts={}, owner="o")
    with store._writer.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET title = 'not yet'")
        start = time.monotonic()
        assert store.get(run.id).title == ""
        assert store.list(owner="o") == [run]
        assert time.monotonic() - start < 5.0  # a blocked reader would wait 30 s
    assert store.get(run.id).title == "not yet"


def test_a_reader_sees_a_run_whole_or_not_at_all_while_it_is_deleted(store):
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            for run in store.list(owner="o"):
                if len(run.artifacts) != 2:
                    torn.append(run.id)
                try:
                    if len(store.get(run.id).artifacts) != 2:
                        torn.append(run.id)
                except NotFoundError:
                    continue

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(40):
            run = store.save(
                method="m",
                request={},
                result={},
                artifacts={"a.txt": b"a", "b.txt": b"b"},
                owner="o",
            )
            store.delete(run.id, "o")
    finally:
        stop.set()
        reader.join()
    assert torn == []
