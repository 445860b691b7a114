"""Human answers are written once."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from core.errors import InputError
from core.runs import OPERATOR, models


def test_answers_come_back_in_order_and_by_page(store):
    for i in range(5):
        store.answers.add(method="seetrue", subject=f"s{i % 2}", payload={"vote": i}, owner="anna")
    store.answers.add(method="trill", subject="s0", payload={}, owner="ben")
    first = store.answers.list(method="seetrue", owner=OPERATOR, limit=3)
    rest = store.answers.list(method="seetrue", owner=OPERATOR, after=first[-1].id)
    assert [a.payload["vote"] for a in first + rest] == [0, 1, 2, 3, 4]
    about = store.answers.list(method="seetrue", subject="s1", owner="anna")
    assert [a.payload["vote"] for a in about] == [1, 3]
    assert store.answers.list(method="seetrue", owner="ben") == []
    assert store.answers.count(method="seetrue") == 5
    assert store.answers.count(method="seetrue", subject="s0") == 3


def test_the_answer_given_back_is_the_one_stored(store):
    given = store.answers.add(method="m", subject="a b", payload={"x": [1, "ä"]}, owner="o")
    assert store.answers.list(method="m", owner=OPERATOR) == [given]


def test_the_database_refuses_to_change_or_remove_an_answer(store):
    given = store.answers.add(method="m", subject="s", payload={"vote": 1})
    table = models.answers
    for statement in (update(table).values(payload="{}"), delete(table)):
        with pytest.raises(DBAPIError, match="append-only"), store._writer.begin() as connection:
            connection.execute(statement)
    assert store.answers.list(method="m", owner=OPERATOR) == [given]


def test_an_answer_is_bounded(make_store):
    book = make_store().answers
    with pytest.raises(InputError, match="Shorten it"):
        book.add(method="m", subject="s", payload={"x": "a" * 20_000})
    with pytest.raises(InputError, match="subject has 201"):
        book.add(method="m", subject="s" * 201, payload={})
    with pytest.raises(ValueError, match="no JSON form"):
        book.add(method="m", subject="s", payload={"x": float("nan")})
    assert book.count(method="m") == 0


@pytest.mark.parametrize("owner", [None, "", "ben", "ann", "anna ", "%", "_" * 4, "a" * 10_000])
def test_nobody_reads_the_answers_of_another(store, owner):
    store.answers.add(method="m", subject="s", payload={"vote": 1}, owner="anna")
    store.answers.add(method="m", subject="s", payload={"vote": 2})
    assert store.answers.list(method="m", owner=owner) == []
    assert [a.payload["vote"] for a in store.answers.list(method="m", owner="anna")] == [1]
    assert len(store.answers.list(method="m", owner=OPERATOR)) == 2
