"""The disk limit: what goes to make room, what stays, and that it holds under fire."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.errors import InputError, NotFoundError, VitrineError
from core.runs import OPERATOR, models
from core.runs.run_store import RunStore

KB = 1000
WRITER = Path(__file__).with_name("crash_writer.py")


def save(store: RunStore, kilobytes: int = 10, owner: str = "anna", **more):
    data = os.urandom(kilobytes * KB)
    return store.save(
        method="m", request={}, result={}, artifacts={"a.bin": data}, owner=owner, **more
    )


def used(store: RunStore) -> int:
    return store.disk()[0]


def counted_anew(store: RunStore) -> int:
    """The number that the triggers keep, computed from the tables."""
    runs, blobs, answers = models.runs, models.blobs, models.answers
    with store._reader.connect() as connection:
        files = connection.execute(select(func.coalesce(func.sum(blobs.c.size), 0))).scalar_one()
        texts = [
            *connection.execute(select(runs.c.request)).scalars(),
            *connection.execute(select(runs.c.result)).scalars(),
            *connection.execute(select(answers.c.payload)).scalars(),
        ]
    return int(files) + sum(len(text.encode()) for text in texts)


@pytest.fixture(params=["sqlite", "postgresql"])
def limited(request, make_store, tmp_path, clock):
    """Open a store with a limit in kilobytes."""

    def make(kilobytes: float, **options):
        url = "" if request.param == "sqlite" else request.getfixturevalue("postgres")()
        clock.now -= 7200  # so that tests may move the time without leaving the real one
        return make_store(url, max_disk=int(kilobytes * KB), **options)

    return make


def test_the_count_follows_every_write_and_removal(store, clock):
    run = store.save(
        method="m",
        request={"text": "schön"},
        result={"x": "ü" * 500},
        artifacts={"a.bin": b"12345", "b.bin": b"12345"},
        owner="anna",
    )
    assert used(store) == counted_anew(store) > 1000
    save(store, 3)
    store.put_input(b"an upload")
    store.put_input(b"an upload")
    store.answers.add(method="m", subject="s", payload={"vote": "ä"})
    store.rename(run.id, "anna", "another title")
    assert used(store) == counted_anew(store) > 4000
    store.delete(run.id, "anna")
    clock.now += 2 * 3600
    store.collect_garbage()
    assert 3000 < used(store) == counted_anew(store) < 4000


def test_the_oldest_unpinned_runs_go_when_the_disk_is_full(limited, clock):
    store = limited(100)
    runs = []
    for _ in range(9):
        runs.append(save(store))
        clock.now += 1
    store.pin(runs[0].id, "anna")
    newest = save(store, 20)
    left = {run.id for run in store.list(owner="anna", limit=200)}
    assert newest.id in left
    assert runs[0].id in left, "a pinned run was deleted"
    assert runs[1].id not in left
    assert runs[8].id in left, "a young run went before an older one"
    assert used(store) == counted_anew(store) <= 100 * KB
    for run in store.list(owner="anna", limit=200):
        assert len(store.artifact_bytes(run.id, "a.bin")) >= 10 * KB


def test_runs_of_nobody_go_before_older_runs_of_visitors(limited, clock):
    store = limited(100)
    visitor = save(store, 40, owner="anna")
    clock.now += 60
    nobody = [save(store, 20, owner="") for _ in range(2)]
    clock.now += 60
    save(store, 30, owner="ben")
    assert store.get(visitor.id) == visitor
    assert len(store.list(owner=OPERATOR)) == 3
    assert len([run for run in store.list(owner=OPERATOR) if run.id in {r.id for r in nobody}]) == 1


def test_files_that_others_still_name_stay_when_a_run_goes(limited, clock):
    store = limited(100)
    shared = os.urandom(30 * KB)
    old = store.save(method="m", request={}, result={}, artifacts={"s.bin": shared}, owner="a")
    clock.now += 1
    young = store.save(method="m", request={}, result={}, artifacts={"s.bin": shared}, owner="b")
    save(store, 60)
    save(store, 60)
    with pytest.raises(NotFoundError):
        store.get(old.id)
    try:
        kept = store.get(young.id)
    except NotFoundError:
        return  # it may have gone too, but never half
    assert store.artifact_bytes(kept.id, "s.bin") == shared


def test_a_run_that_never_fits_deletes_nothing(limited):
    store = limited(100)
    kept = [save(store) for _ in range(5)]
    with pytest.raises(VitrineError, match="does not fit: this hub keeps 100 kB") as caught:
        save(store, 101)
    assert "Download the result" in str(caught.value)
    assert {run.id for run in store.list(owner="anna")} == {run.id for run in kept}


def test_a_large_result_counts_as_much_as_a_file(limited):
    store = limited(100)
    with pytest.raises(VitrineError, match="does not fit"):
        store.save(method="m", request={}, result={"x": "y" * 101 * KB}, owner="anna")
    assert store.save(method="m", request={}, result={"x": "y" * 90 * KB}, owner="anna")


def test_pinned_runs_may_hold_half_of_the_disk(limited):
    store = limited(100)
    runs = [save(store, 20) for _ in range(4)]
    store.pin(runs[0].id, "anna")
    store.pin(runs[1].id, "anna")
    with pytest.raises(VitrineError, match="Pinned runs take up to 50 kB"):
        store.pin(runs[2].id, "anna")
    assert store.pin(runs[0].id, "anna").pinned, "pinning twice is no new pin"
    store.pin(runs[0].id, "anna", False)
    assert store.pin(runs[2].id, "anna").pinned


def test_what_is_pinned_is_never_deleted_for_a_new_run(limited):
    store = limited(100)
    pinned = [save(store, 24) for _ in range(2)]
    for run in pinned:
        store.pin(run.id, "anna")
    for _ in range(5):
        save(store, 40)
    with pytest.raises(VitrineError, match="does not fit"):
        save(store, 60)
    assert [store.get(run.id).pinned for run in pinned] == [True, True]


def test_an_upload_deletes_no_run_of_a_visitor(limited, clock):
    store = limited(100)
    mine = [save(store, 15) for _ in range(6)]
    clock.now += 60
    with pytest.raises(VitrineError, match="An upload of 20 kB does not fit"):
        store.put_input(os.urandom(20 * KB))
    assert len(store.list(owner="anna")) == len(mine)
    store.delete(mine[0].id, "anna")
    store.delete(mine[1].id, "anna")
    assert store.put_input(os.urandom(20 * KB))


def test_uploads_that_no_run_names_cannot_crowd_out_runs(limited, clock):
    store = limited(100)
    save(store, 30)
    first = store.put_input(os.urandom(12 * KB))
    store.put_input(os.urandom(12 * KB))
    with pytest.raises(VitrineError, match="does not fit"):
        store.put_input(os.urandom(12 * KB))
    assert len(store.get_input(first)) == 12 * KB, "a young upload may belong to a waiting job"
    clock.now += 900
    assert store.put_input(os.urandom(12 * KB))
    with pytest.raises(NotFoundError):
        store.get_input(first)


def test_an_upload_that_a_run_names_is_no_longer_counted_as_an_upload(limited):
    store = limited(100)
    for _ in range(3):
        sha256 = store.put_input(os.urandom(20 * KB))
        store.save(method="m", request={"clip": sha256}, result={}, owner="anna")
    assert used(store) > 60 * KB


def test_what_is_already_there_needs_no_room(limited):
    store = limited(100)
    data = os.urandom(90 * KB)
    first = store.save(method="m", request={}, result={}, artifacts={"a": data}, owner="anna")
    again = store.save(method="m", request={}, result={}, artifacts={"a": data}, owner="anna")
    assert {run.id for run in store.list(owner="anna")} == {first.id, again.id}


def test_without_a_limit_nothing_is_deleted(make_store):
    store = make_store(max_disk=0)
    for _ in range(5):
        save(store, 50)
    assert len(store.list(owner="anna")) == 5
    assert store.disk()[1] == 0


def test_many_writers_at_once_never_exceed_the_limit(limited):
    store = limited(300)
    stop, seen, errors = threading.Event(), [], []

    def watch() -> None:
        while not stop.is_set():
            seen.append(used(store))
            time.sleep(0.002)

    def write(number: int) -> None:
        for i in range(8):
            try:
                if i % 4 == 3:
                    store.put_input(os.urandom(5 * KB))
                else:
                    run = save(store, 20, owner=f"owner-{number}")
                    store.artifact_bytes(run.id, "a.bin")
            except NotFoundError:
                continue  # already gone again: four writers want all of the disk
            except VitrineError as error:
                errors.append(str(error))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
    finally:
        stop.set()
        watcher.join()
    assert max(seen) <= 300 * KB
    assert all("does not fit" in error for error in errors), errors
    assert used(store) == counted_anew(store)
    for run in store.list(owner=OPERATOR, limit=200):
        assert len(store.artifact_bytes(run.id, "a.bin")) == 20 * KB


def test_a_killed_writer_leaves_the_count_right_and_the_runs_whole(tmp_path):
    url, files = f"sqlite:///{tmp_path}/runs.sqlite3", str(tmp_path / "files")
    process = subprocess.Popen(
        [sys.executable, str(WRITER), url, files, "", "1000000"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(12):  # enough to have made room a few times
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = RunStore(url, files, max_disk=1000 * KB)
    try:
        assert used(store) == counted_anew(store) <= 1000 * KB
        runs = store.list(owner="crash", limit=200)
        assert runs
        for run in runs:
            for name in run.artifacts:
                store.artifact_bytes(run.id, name)
        assert save(store, 500), "the next process can go on"
    finally:
        store.close()


def test_the_limit_comes_from_the_settings(tmp_path, monkeypatch):
    from core import runs, settings

    monkeypatch.setenv("VITRINE_MAX_DISK", "1MB")
    settings.use(None)
    assert runs.store().disk() == (0, 1_000_000)


def test_a_full_disk_does_not_become_an_owner_check(limited):
    store = limited(100)
    run = save(store, 10)
    with pytest.raises(InputError, match="another browser"):
        store.pin(run.id, "ben")
