"""Who may list, read and change a run."""

from __future__ import annotations

import hmac

import pytest

from core.errors import InputError, NotFoundError
from core.runs import OPERATOR, listing, records, run_store


def save(store, owner="anna"):
    return store.save(method="trill", request={}, result={}, artifacts={"a.txt": b"x"}, owner=owner)


@pytest.mark.parametrize("other", ["ben", "", None, "Anna", "anna ", b"anna", 0, "\ud800"])
def test_nobody_but_the_owner_changes_a_run(store, other):
    run = save(store)
    with pytest.raises(InputError, match="another browser"):
        store.pin(run.id, other, True)
    with pytest.raises(InputError, match="another browser"):
        store.rename(run.id, other, "mine now")
    with pytest.raises(InputError, match="another browser"):
        store.delete(run.id, other)
    assert store.get(run.id) == run


def test_the_owner_pins_renames_and_deletes(store):
    run = save(store)
    assert store.pin(run.id, "anna").pinned
    assert not store.pin(run.id, "anna", False).pinned
    assert store.rename(run.id, "anna", " A  new\nname ").title == "A new name"
    store.delete(run.id, "anna")
    with pytest.raises(NotFoundError):
        store.get(run.id)
    with pytest.raises(NotFoundError):
        store.delete(run.id, "anna")


def test_runs_are_listed_to_their_owner_and_to_the_operator_only(store):
    run, anonymous = save(store), save(store, owner="")
    assert [r.id for r in store.list(owner="anna")] == [run.id]
    for other in ("ben", "", None, "%", "anna' OR '1'='1"):
        assert store.list(owner=other) == []
    assert {r.id for r in store.list(owner=OPERATOR)} == {run.id, anonymous.id}


def test_whoever_knows_the_id_reads_the_run_and_its_files(store):
    run = save(store)
    assert store.get(run.id).result == {}
    assert store.artifact_bytes(run.id, "a.txt") == b"x"


def test_a_run_without_owner_belongs_to_the_operator(store):
    run = save(store, owner="")
    for other in ("", None, "anna"):
        with pytest.raises(InputError):
            store.delete(run.id, other)
    store.delete(run.id, OPERATOR)


def test_owners_are_compared_in_constant_time(make_store, monkeypatch):
    asked = []
    monkeypatch.setattr(
        records.hmac,
        "compare_digest",
        lambda a, b, real=hmac.compare_digest: asked.append((a, b)) or real(a, b),
    )
    store = make_store()
    store.pin(save(store).id, "anna")
    assert asked == [(b"anna", b"anna")]


def test_the_owner_is_not_printed(make_store):
    assert "secret-browser" not in repr(save(make_store(), owner="secret-browser"))


def test_a_browser_id_that_cannot_be_one_is_refused(make_store):
    for owner in ("x" * 201, "a\0b", "a\nb"):
        with pytest.raises(InputError, match="browser id"):
            save(make_store(), owner=owner)


def test_one_owner_pins_a_bounded_number_of_runs(make_store, monkeypatch):
    monkeypatch.setattr(run_store, "MAX_PINNED", 2)
    store = make_store()
    runs = [save(store) for _ in range(3)]
    store.pin(runs[0].id, "anna")
    store.pin(runs[1].id, "anna")
    store.pin(runs[1].id, "anna")  # again: no change
    with pytest.raises(InputError, match="pinned already"):
        store.pin(runs[2].id, "anna")
    store.pin(save(store, owner="ben").id, "ben")


def test_a_page_of_a_listing_is_bounded(make_store, monkeypatch):
    monkeypatch.setattr(listing, "MAX_PAGE", 3)
    store = make_store()
    for _ in range(5):
        save(store)
    assert len(store.list(owner="anna", limit=10**9)) == 3
    assert len(store.list(owner="anna", limit=-1)) == 1
