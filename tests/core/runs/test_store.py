"""What every store promises: runs come back whole, in order, by id and by page."""

from __future__ import annotations

import dataclasses
import hashlib
import stat
from pathlib import Path

import pytest

from core.errors import InputError, NotFoundError, VitrineError
from core.runs import OPERATOR, records, saving
from core.runs.run_store import RunStore

PNG = b"\x89PNG\r\n\x1a\nnot a real picture"


def save(store, **changes):
    given = {
        "method": "trill",
        "request": {"seed": 1, "text": "ä 漢"},
        "result": {"score": 0.5},
        "artifacts": {"plot.png": PNG},
        "owner": "anna",
    }
    return store.save(**{**given, **changes})


def test_a_saved_run_comes_back_equal(store):
    run = save(
        store,
        title="Two voices",
        seconds=1.25,
        thumbnail="plot.png",
        tier="full",
        versions={"torch": "2.13.0"},
    )
    assert store.get(run.id) == run
    assert run.request == {"seed": 1, "text": "ä 漢"}
    assert run.artifacts["plot.png"].sha256 == hashlib.sha256(PNG).hexdigest()
    assert run.artifacts["plot.png"].size == len(PNG)
    assert run.artifacts["plot.png"].media_type == "image/png"
    assert (run.title, run.seconds, run.thumbnail, run.tier) == (
        "Two voices", 1.25, "plot.png", "full",
    )  # fmt: skip
    assert run.versions == {"torch": "2.13.0"}
    assert run.link == f"/trill?run={run.id}"


def test_files_of_a_run_come_back_as_bytes_and_as_a_read_only_file(store):
    run = save(store)
    assert store.artifact_bytes(run.id, "plot.png") == PNG
    path = store.artifact_file(run.id, "plot.png")
    assert path.name == "plot.png"
    assert path.read_bytes() == PNG
    assert not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    assert store.artifact_file(run.id, "plot.png") == path


def test_a_file_on_disk_is_stored_like_bytes(store, tmp_path):
    source = tmp_path / "clip.wav"
    source.write_bytes(b"RIFF" * 700_000)  # more than one block
    run = save(store, artifacts={"clip.wav": source, "again.wav": source.read_bytes()})
    assert run.artifacts["clip.wav"].sha256 == run.artifacts["again.wav"].sha256
    source.unlink()
    assert store.artifact_bytes(run.id, "clip.wav") == b"RIFF" * 700_000


def test_the_same_content_is_kept_once(store):
    save(store)
    save(store, artifacts={"other-name.png": PNG})
    assert store.snapshot() == {"runs": 2, "pinned": 0, "files": 1, "bytes": len(PNG)}


def test_a_listing_is_newest_first_and_pages_without_gap_or_repeat(store, clock):
    ids = []
    for i in range(11):
        ids.append(save(store, request={"i": i}).id)
        clock.now += i % 2  # pairs share their time, so the id has to break the tie
    seen, before = [], None
    while page := store.list(owner="anna", limit=4, before=before):
        assert len(page) <= 4
        seen += page
        before = page[-1].cursor
    assert sorted(run.id for run in seen) == sorted(ids)
    assert [run.created for run in seen] == sorted((r.created for r in seen), reverse=True)
    assert all(run.artifacts for run in seen)


def test_a_listing_can_be_cut_by_time_method_and_pin(store, clock):
    first = save(store)
    clock.now += 10
    second = save(store, method="imagic")
    store.pin(second.id, "anna", True)
    assert [r.id for r in store.list(owner="anna", before=second.created)] == [first.id]
    assert [r.id for r in store.list(owner="anna", method="imagic")] == [second.id]
    assert [r.id for r in store.list(owner="anna", pinned=True)] == [second.id]
    assert [r.id for r in store.list(owner="anna", pinned=False)] == [first.id]


def test_a_brief_listing_leaves_the_results_out(store):
    run = save(store, thumbnail="plot.png")
    (brief,) = store.list(owner="anna", brief=True)
    assert brief == dataclasses.replace(run, result={})


def test_a_file_is_known_without_reading_the_run(store):
    run = save(store)
    assert store.artifact(run.id, "plot.png") == run.artifacts["plot.png"]


@pytest.mark.parametrize("before", ["", "now", "1~2", "nan~zz", "1" * 500])
def test_a_place_in_the_list_that_was_not_given_out_is_refused(make_store, before):
    with pytest.raises(InputError, match="place in the list"):
        make_store().list(owner="anna", before=before)


@pytest.mark.parametrize(
    "run_id", ["", "0" * 32, "../../etc/passwd", "x" * 10_000, "0" * 31 + "\0", None, 7]
)
def test_an_unknown_run_id_is_not_found(make_store, run_id):
    with pytest.raises(NotFoundError, match="no such run"):
        make_store().get(run_id)


def test_an_unknown_artifact_is_not_found(store):
    run = save(store)
    with pytest.raises(NotFoundError):
        store.artifact("0" * 32, "plot.png")
    with pytest.raises(NotFoundError):
        store.artifact("../x", "plot.png")
    for name in ("other.png", "../plot.png", "", "plot.png\0"):
        with pytest.raises(NotFoundError, match="has a file"):
            store.artifact_bytes(run.id, name)
        with pytest.raises(NotFoundError, match="has a file"):
            store.artifact_file(run.id, name)


def test_run_ids_are_random_and_do_not_follow_from_the_run(make_store, monkeypatch):
    store = make_store()
    ids = {save(store).id for _ in range(20)}  # the same run at the same time
    assert len(ids) == 20
    assert all(records.is_run_id(run_id) for run_id in ids)
    asked = []
    monkeypatch.setattr(records.secrets, "token_hex", lambda n: asked.append(n) or "a" * 32)
    assert save(store).id == "a" * 32
    assert 16 in asked  # 128 bits from the system's own source


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a\0b", "x" * 101, "con.txt", "a..b", "é"],
)
def test_an_artifact_name_that_is_no_plain_file_name_is_refused(make_store, name):
    with pytest.raises(ValueError, match="plain file name"):
        save(make_store(), artifacts={name: b"x"})


def test_a_path_given_as_text_is_refused_as_an_artifact(make_store):
    with pytest.raises(ValueError, match="not bytes"):
        save(make_store(), artifacts={"a.txt": "/etc/passwd"})


def test_a_request_or_result_that_is_too_large_is_refused_in_words(make_store):
    store = make_store()
    with pytest.raises(InputError, match="request of this run has"):
        save(store, request={"text": "x" * (saving.MAX_REQUEST + 1)})
    with pytest.raises(InputError, match="result of this run has"):
        save(store, result={"text": "x" * (saving.MAX_RESULT + 1)})
    with pytest.raises(ValueError, match="no JSON form"):
        save(store, result={"score": float("nan")})
    assert store.list(owner=OPERATOR) == []


def test_a_thumbnail_must_be_one_of_the_files(make_store):
    with pytest.raises(ValueError, match="not among the artifacts"):
        save(make_store(), thumbnail="missing.png")


def test_titles_lose_control_characters_and_long_ones_are_refused(store):
    assert save(store, title="  a\0b\nc\u202e\ud800  ").title == "a b c"
    with pytest.raises(InputError, match="200 fit"):
        save(store, title="x" * 201)


def test_versions_are_recorded_when_none_are_given(make_store):
    versions = save(make_store()).versions
    assert versions["python"].startswith("3.")


def test_a_run_without_files_is_stored(store):
    run = save(store, artifacts={})
    assert store.get(run.id).artifacts == {}


def test_runs_survive_closing_and_opening_the_store(make_store):
    first = make_store()
    run = save(first)
    first.close()
    assert make_store().get(run.id) == run


def test_a_damaged_file_is_never_handed_out_and_is_mended_by_the_next_save(make_store, tmp_path):
    store = make_store()
    run = save(store)
    sha256 = run.artifacts["plot.png"].sha256
    stored = tmp_path / "artifacts" / sha256[:2] / sha256
    stored.chmod(0o644)
    stored.write_bytes(PNG[:-1] + b"!")
    for read in (store.artifact_bytes, store.artifact_file):
        with pytest.raises(VitrineError, match="damaged"):
            read(run.id, "plot.png")
    save(store)
    assert store.artifact_bytes(run.id, "plot.png") == PNG


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "mysql://root@localhost/x", "not a url", "postgresql://"],
)
def test_a_database_that_cannot_be_used_is_refused_in_words(tmp_path, url, monkeypatch):
    monkeypatch.setenv("PGHOST", str(tmp_path))  # an empty folder: no server's socket is here
    with pytest.raises(VitrineError) as caught:
        RunStore(url, str(tmp_path / "artifacts"))
    assert "Traceback" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_an_unknown_place_for_files_is_refused_in_words(tmp_path):
    with pytest.raises(VitrineError, match="VITRINE_ARTIFACT_URL"):
        RunStore(f"sqlite:///{tmp_path}/a.db", "nosuchscheme://bucket")


def test_a_full_disk_is_said_in_words_and_leaves_nothing(make_store, monkeypatch):
    store = make_store()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.runs.artifacts.os.fsync", full)
    with pytest.raises(VitrineError, match="disk of the hub is full"):
        save(store)
    assert store.list(owner=OPERATOR) == []


def test_a_file_that_is_collected_while_it_is_looked_at_is_written_again(tmp_path, monkeypatch):
    from core.runs import artifacts

    place, data = artifacts.Folder(tmp_path / "files"), b"the same bytes"
    sha256 = hashlib.sha256(data).hexdigest()
    place.put(sha256, data)
    real = artifacts.hash_of

    def collected(source):
        if isinstance(source, Path):
            source.unlink()
        return real(source)

    monkeypatch.setattr(artifacts, "hash_of", collected)
    place.put(sha256, data)
    assert place.read(sha256) == data
