"""Human answers (votes, panel reviews): written once, never changed, not even by us."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, func, insert, select

from core.errors import InputError

from . import models
from .database import database_errors
from .records import MAX_TITLE, OPERATOR, Answer, Owner, check_owner, clean_line, is_owner
from .request import canonical_json

MAX_PAYLOAD = 16 * 2**10  # bytes of JSON


class AnswerBook:
    """The append-only table of answers; the database refuses changes by triggers."""

    def __init__(self, reader: Engine, writer: Engine, clock: Callable[[], float]) -> None:
        self._reader, self._writer, self._clock = reader, writer, clock

    def add(self, *, method: str, subject: str, payload: dict[str, Any], owner: str = "") -> Answer:
        """Write one answer down.

        Args:
            method: slug of the method that asked.
            subject: what was judged, such as a run id or a pair of them, up to 200 characters.
            payload: the answer itself, up to 16 KiB of JSON.
            owner: opaque id of the browser that answered.

        Raises:
            InputError: the subject or the answer is too long.
        """
        text = canonical_json(payload)
        if len(text.encode()) > MAX_PAYLOAD:
            raise InputError(
                f"The answer has {len(text):,} characters. Up to {MAX_PAYLOAD:,} fit. Shorten it."
            )
        values = {
            "method": clean_line(method, 64, "method"),
            "subject": clean_line(subject, MAX_TITLE, "subject"),
            "payload": text,
            "owner": check_owner(owner),
            "created": self._clock(),
        }
        with database_errors(), self._writer.begin() as connection:
            done = connection.execute(insert(models.answers).values(values))
            key = done.inserted_primary_key
        assert key is not None
        return Answer(id=key[0], **{**values, "payload": json.loads(text)})

    def list(
        self,
        *,
        method: str,
        subject: str | None = None,
        owner: Owner = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[Answer]:
        """Answers in the order they were given; the next page starts `after` the last id.

        Args:
            method: slug of the method that asked.
            subject: only answers about this.
            owner: whose answers; without an owner nothing is listed, because what one visitor
                answered is no other's to read. `OPERATOR` lists everybody's.
            after: `Answer.id` of the last one of the previous page.
            limit: from 1 to 10,000.
        """
        table = models.answers
        query = select(table).where(table.c.method == method, table.c.id > after)
        if owner is not OPERATOR:
            if not is_owner(owner):
                return []
            query = query.where(table.c.owner == owner)
        if subject is not None:
            query = query.where(table.c.subject == clean_line(subject, MAX_TITLE, "subject"))
        query = query.order_by(table.c.id).limit(max(1, min(limit, 10_000)))
        with database_errors(), self._reader.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Answer(**{**row, "payload": json.loads(row["payload"])}) for row in rows]

    def count(self, *, method: str, subject: str | None = None) -> int:
        """How many answers were given."""
        table = models.answers
        query = select(func.count()).select_from(table).where(table.c.method == method)
        if subject is not None:
            query = query.where(table.c.subject == clean_line(subject, MAX_TITLE, "subject"))
        with database_errors(), self._reader.connect() as connection:
            return connection.execute(query).scalar_one()
