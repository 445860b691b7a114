"""Reading runs out of the database: one run, or a page of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, Text, and_, literal, or_, select
from sqlalchemy.engine import Connection

from core.errors import InputError, NotFoundError

from . import models
from .records import OPERATOR, Artifact, Owner, Run, is_owner, is_run_id

MAX_PAGE = 200  # runs a listing returns at most


def load_runs(connection: Connection, query: Select[Any]) -> list[Run]:
    """Run a query on `models.runs` and add the artifacts of what it finds, in two queries."""
    rows = connection.execute(query).mappings().all()
    files: dict[str, dict[str, Artifact]] = {row["id"]: {} for row in rows}
    links, blobs = models.run_artifacts, models.blobs
    found = connection.execute(
        select(links, blobs.c.size)
        .join(blobs, blobs.c.sha256 == links.c.sha256)
        .where(links.c.run_id.in_(list(files)))
        .order_by(links.c.name)
    )
    for link in found.mappings():
        files[link["run_id"]][link["name"]] = Artifact(
            link["sha256"], link["size"], link["media_type"]
        )
    return [run_from_row(row, files[row["id"]]) for row in rows]


def run_from_row(row: Mapping[Any, Any], artifacts: dict[str, Artifact]) -> Run:
    """Make the record of a row of `models.runs`."""
    values = dict(row)
    for name in ("request", "result", "versions"):
        values[name] = json.loads(values[name])
    return Run(**values, artifacts=artifacts)


def load_run(connection: Connection, run_id: str, *, lock: bool = False) -> Run:
    """Return one run by its id; `lock` holds its row until the transaction ends.

    Raises:
        NotFoundError: there is no such run, or no longer.
    """
    if is_run_id(run_id):
        query = select(models.runs).where(models.runs.c.id == run_id)
        if found := load_runs(connection, query.with_for_update() if lock else query):
            return found[0]
    raise NotFoundError(
        "There is no such run here. Runs that are not pinned expire, and a run can be deleted. "
        "Check the link, or run it again."
    )


def load_artifact(connection: Connection, run_id: str, name: str) -> Artifact | None:
    """Return one artifact of a run without reading the run itself, or None."""
    if not is_run_id(run_id) or not isinstance(name, str):
        return None
    links, blobs = models.run_artifacts, models.blobs
    found = connection.execute(
        select(links.c.name, links.c.sha256, blobs.c.size, links.c.media_type)
        .join(blobs, blobs.c.sha256 == links.c.sha256)
        .where(links.c.run_id == run_id)
    )
    # Compared here and not by the database: PostgreSQL refuses texts with a zero byte.
    return {row.name: Artifact(row.sha256, row.size, row.media_type) for row in found}.get(name)


def load_inputs(connection: Connection, run_id: str) -> dict[str, int]:
    """Sizes of the uploads that a run names, by sha256."""
    uses, blobs = models.run_inputs, models.blobs
    found = connection.execute(
        select(uses.c.sha256, blobs.c.size)
        .join(blobs, blobs.c.sha256 == uses.c.sha256)
        .where(uses.c.run_id == run_id)
        .order_by(uses.c.sha256)
    )
    return {row.sha256: row.size for row in found}


def page_query(
    *,
    method: str | None,
    owner: Owner,
    pinned: bool | None,
    limit: int,
    before: float | str | None,
    brief: bool,
) -> Select[Any] | None:
    """The query of one page of a listing, or None when nobody may see anything.

    Raises:
        InputError: `before` is neither a cursor nor a time.
    """
    runs = models.runs
    columns = [c for c in runs.c if c is not runs.c.result]
    empty = literal("{}", Text).label("result")
    query = select(*columns, empty) if brief else select(runs)
    query = query.order_by(runs.c.created.desc(), runs.c.id.desc())
    if owner is not OPERATOR:
        if not is_owner(owner):
            return None
        query = query.where(runs.c.owner == owner)
    if method is not None:
        query = query.where(runs.c.method == method)
    if pinned is not None:
        query = query.where(runs.c.pinned.is_(pinned))
    if before is not None:
        created, run_id = _cursor(before)
        older = runs.c.created < created
        if run_id:
            older = or_(older, and_(runs.c.created == created, runs.c.id < run_id))
        query = query.where(older)
    return query.limit(max(1, min(int(limit), MAX_PAGE)))


def _cursor(before: float | str) -> tuple[float, str]:
    if isinstance(before, int | float):
        return float(before), ""
    created, _, run_id = before.partition("~")
    try:
        if is_run_id(run_id):
            return float(created), run_id
    except ValueError:
        pass  # refused below, like every other text
    raise InputError(
        "The place in the list cannot be read. The list's own More button gives one that works. "
        "Reload the page."
    )
