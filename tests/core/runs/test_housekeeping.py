"""Expiry, garbage collection, and uploads that requests name by hash."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest
from sqlalchemy import delete

from core.errors import InputError, NotFoundError
from core.runs import housekeeping, models

DAY = 86_400.0


def save(store, content=b"x", request=None, owner="anna"):
    return store.save(
        method="trill",
        request=request or {},
        result={},
        artifacts={"a.txt": content},
        owner=owner,
    )


def test_old_runs_expire_and_pinned_ones_never(store, clock):
    old, kept = save(store), save(store)
    store.pin(kept.id, "anna")
    clock.now += 31 * DAY
    young = save(store)  # its save also does the hourly upkeep
    assert {run.id for run in store.list(owner="anna")} == {kept.id, young.id}
    with pytest.raises(NotFoundError):
        store.get(old.id)
    assert store.expire(clock.now + 1000 * DAY) == 1
    assert [run.id for run in store.list(owner="anna")] == [kept.id]


def test_files_go_when_no_run_names_them_and_the_grace_period_is_over(store, clock):
    shared, alone = save(store, b"shared"), save(store, b"alone")
    other = save(store, b"shared")
    served = store.artifact_file(alone.id, "a.txt")
    store.delete(shared.id, "anna")
    store.delete(alone.id, "anna")
    assert store.collect_garbage() == 0  # too young
    clock.now += 2 * 3600
    assert store.collect_garbage() == 1
    assert store.artifact_bytes(other.id, "a.txt") == b"shared"
    assert store.snapshot()["files"] == 1
    assert not served.exists()
    store.delete(other.id, "anna")
    clock.now += 2 * 3600
    assert store.maintain() == (0, 1)
    assert store.snapshot()["files"] == 0


def test_a_file_that_is_claimed_again_is_young_again(store, clock):
    run = save(store)
    store.delete(run.id, "anna")
    clock.now += 2 * 3600
    again = save(store)
    assert store.collect_garbage() == 0
    assert store.artifact_bytes(again.id, "a.txt") == b"x"


def test_a_file_collected_in_the_middle_of_a_save_is_written_again(store, clock, monkeypatch):
    place, real = store._place, store._place.put
    collected = []

    def put_then_lose(sha256, source):
        real(sha256, source)
        if not collected:  # a collection whose clock is far ahead runs at the worst moment
            collected.append(store.collect_garbage(clock.now + 1, grace_seconds=0.0))

    monkeypatch.setattr(place, "put", put_then_lose)
    run = save(store, b"precious")
    assert collected == [1]
    assert store.artifact_bytes(run.id, "a.txt") == b"precious"


def test_a_save_that_loses_its_file_every_time_holds_the_lock_at_last(store, clock, monkeypatch):
    real, collected = store._place.put, []

    def put_then_lose(sha256, source):
        real(sha256, source)
        thread = threading.Thread(
            target=lambda: collected.append(store.collect_garbage(clock.now + 1, grace_seconds=0.0))
        )
        thread.start()
        thread.join(timeout=0.5)  # at last the collection waits for the save, not the other way

    monkeypatch.setattr(store._place, "put", put_then_lose)
    run = save(store, b"precious")
    assert collected[:2] == [1, 1]
    assert store.artifact_bytes(run.id, "a.txt") == b"precious"


def test_a_run_saved_in_the_middle_of_a_collection_keeps_its_file(store, clock, monkeypatch):
    run = save(store, b"contested")
    store.delete(run.id, "anna")
    clock.now += 2 * 3600
    real, saved = housekeeping._remove, []

    def save_first(*args):
        saved.append(save(store, b"contested"))
        return real(*args)

    monkeypatch.setattr(housekeeping, "_remove", save_first)
    assert store.collect_garbage() == 0
    assert store.artifact_bytes(saved[0].id, "a.txt") == b"contested"


def test_a_save_waits_while_its_file_is_being_collected(store, clock, monkeypatch):
    """Between looking for the file and its removal the save would otherwise name a lost file."""
    run = save(store, b"contested")
    store.delete(run.id, "anna")
    clock.now += 2 * 3600
    remove, saved, waited = store._place.remove, [], []

    def remove_slowly(sha256):
        thread = threading.Thread(target=lambda: saved.append(save(store, b"contested")))
        thread.start()
        thread.join(timeout=0.3)
        waited.append(thread)
        remove(sha256)

    monkeypatch.setattr(store._place, "remove", remove_slowly)
    assert store.collect_garbage() == 1
    waited[0].join(timeout=30)
    assert store.artifact_bytes(saved[0].id, "a.txt") == b"contested"


def test_an_upload_given_again_is_young_again(store, clock):
    sha256 = store.put_input(b"voice")
    clock.now += 20 * DAY
    store.put_input(b"voice")
    clock.now += 20 * DAY
    assert store.collect_garbage() == 0
    assert store.get_input(sha256) == b"voice"


def test_leftovers_of_a_killed_writer_are_swept(make_store, tmp_path, clock):
    store = make_store()
    part = tmp_path / "artifacts" / "ab" / ".0123.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    os.utime(part, (clock.now - 10, clock.now - 10))
    store.collect_garbage()
    assert part.exists()
    clock.now += 2 * 3600
    store.collect_garbage()
    assert not part.exists()


def test_served_copies_are_thrown_away_and_made_again(make_store, clock):
    store = make_store()
    run = save(store)
    path = store.artifact_file(run.id, "a.txt")
    os.utime(path.parent, (clock.now, clock.now))
    clock.now += 2 * DAY
    store.collect_garbage()
    assert not path.exists()
    assert store.artifact_file(run.id, "a.txt").read_bytes() == b"x"


def test_an_upload_comes_back_by_its_hash(store):
    sha256 = store.put_input(b"voice", "audio/wav")
    assert sha256 == hashlib.sha256(b"voice").hexdigest()
    assert store.put_input(b"voice", "audio/wav") == sha256
    assert store.get_input(sha256) == b"voice"
    assert store.input_media_type(sha256) == "audio/wav"


@pytest.mark.parametrize("sha256", ["", "0" * 64, "../" * 21 + "x", "A" * 64, None, "0" * 63])
def test_an_unknown_upload_is_not_found(make_store, sha256):
    with pytest.raises(NotFoundError, match="Upload the file again"):
        make_store().get_input(sha256)


def test_an_artifact_is_not_readable_as_an_upload(make_store):
    store = make_store()
    run = save(store, b"private")
    with pytest.raises(NotFoundError):
        store.get_input(run.artifacts["a.txt"].sha256)


def test_an_empty_or_too_large_upload_is_refused(make_store):
    store = make_store(max_input_bytes=10)
    for data in (b"", b"x" * 11):
        with pytest.raises(InputError, match="1 to 10 bytes"):
            store.put_input(data)


@pytest.mark.parametrize("form", ["{}", "sha256:{}", "head:{}.json"])
def test_an_upload_stays_while_a_run_names_it_anywhere(store, clock, form):
    used, unused = store.put_input(b"used"), store.put_input(b"unused")
    also = store.put_input(b"named by the result")
    run = store.save(
        method="trill",
        request={"clips": [{"audio": form.format(used)}], "example": "f" * 64},
        result={"head": form.format(also)},
        artifacts={"a.txt": b"x"},
        owner="anna",
    )
    store.pin(run.id, "anna")
    clock.now += 31 * DAY
    assert store.collect_garbage() == 1
    assert store.get_input(used) == b"used"
    assert store.get_input(also) == b"named by the result"
    with pytest.raises(NotFoundError):
        store.get_input(unused)
    store.delete(run.id, "anna")
    clock.now += 31 * DAY
    assert store.collect_garbage() == 3  # two uploads and the run's file
    with pytest.raises(NotFoundError):
        store.get_input(used)


def test_a_request_that_names_thousands_of_hashes_is_stored(store):
    sha256 = store.put_input(b"one of them")
    names = [hashlib.sha256(b"%d" % i).hexdigest() for i in range(3000)]
    run = save(store, request={"names": [*names, sha256]})
    assert len(store.get(run.id).request["names"]) == 3001


def test_an_upload_in_use_by_a_link_does_not_grow_old(store, clock):
    sha256 = store.put_input(b"linked")
    for _ in range(3):
        clock.now += 20 * DAY
        assert store.get_input(sha256) == b"linked"
        assert store.collect_garbage() == 0


def test_a_failing_upkeep_does_not_lose_the_run_being_saved(make_store, clock, monkeypatch, caplog):
    store = make_store()
    monkeypatch.setattr(store, "expire", lambda: (_ for _ in ()).throw(OSError("no")))
    clock.now += 2 * 3600
    run = save(store)
    assert store.get(run.id) == run
    assert "expiry of old runs failed" in caplog.text


def test_the_database_refuses_to_drop_a_file_that_a_run_names(store):
    run = save(store)
    with pytest.raises(Exception, match=r"(?i)foreign key"), store._writer.begin() as connection:
        connection.execute(delete(models.blobs))
    assert store.get(run.id) == run
