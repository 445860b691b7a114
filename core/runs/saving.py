"""What a finished run becomes before it is stored: its row, its files with their hashes, what it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlalchemy.engine import Connection

from core.errors import InputError

from . import models
from .artifacts import hash_of
from .records import (
    MAX_TITLE,
    Artifact,
    check_artifact_name,
    check_owner,
    clean_line,
    media_type_of,
    new_run_id,
)
from .request import canonical_json
from .uploads import known_inputs
from .versions import current_versions

MAX_REQUEST = 256 * 2**10  # bytes of JSON
MAX_RESULT = 8 * 2**20  # bytes of JSON; anything larger belongs into an artifact
MAX_ARTIFACTS = 256  # a run
_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")  # also inside "sha256:..."
_METHOD = re.compile(r"[a-z0-9_-]{1,64}")

Source = bytes | Path


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that can be stored.

    Attributes:
        row: of the table of runs.
        files: what is known of each file, by name.
        sources: size and content of each file, by sha256.
        named: uploads that request or result may name, by sha256.
    """

    row: dict[str, Any]
    files: dict[str, Artifact]
    sources: dict[str, tuple[int, Source]]
    named: set[str]

    @property
    def text(self) -> int:
        """Bytes of request and result."""
        return len(self.row["request"].encode()) + len(self.row["result"].encode())

    @property
    def size(self) -> int:
        """Bytes of everything, equal files counted once."""
        return self.text + sum(size for size, _ in self.sources.values())


def prepare(
    *,
    method: str,
    request: dict[str, Any],
    result: dict[str, Any],
    artifacts: Mapping[str, Source],
    owner: str,
    title: str,
    seconds: float,
    thumbnail: str | None,
    tier: str,
    versions: dict[str, str] | None,
    created: float,
) -> Prepared:
    """Check a run and hash its files; the arguments are those of `RunStore.save`.

    Raises:
        InputError: the request, the result or the title is too large.
        ValueError: a name or a value cannot be stored.
    """
    files = _hashed(artifacts)
    if thumbnail is not None and thumbnail not in files:
        raise ValueError(f"thumbnail {thumbnail!r} is not among the artifacts")
    if not _METHOD.fullmatch(method):
        raise ValueError(f"{method!r} is not the slug of a method")
    row = {
        "id": new_run_id(),
        "method": method,
        "title": clean_line(title, MAX_TITLE, "title"),
        "owner": check_owner(owner),
        "created": created,
        "seconds": float(seconds),
        "request": _bounded_json(request, MAX_REQUEST, "request"),
        "result": _bounded_json(result, MAX_RESULT, "result"),
        "thumbnail": thumbnail,
        "pinned": False,
        "tier": clean_line(tier, 64, "tier"),
        "versions": canonical_json(current_versions() if versions is None else versions),
    }
    return Prepared(
        row=row,
        files={name: artifact for name, (artifact, _) in files.items()},
        sources={artifact.sha256: (artifact.size, source) for artifact, source in files.values()},
        named=set(_HASH.findall(row["request"])) | set(_HASH.findall(row["result"])),
    )


def insert_run(connection: Connection, run: Prepared, named: set[str]) -> None:
    """Write the rows of a run, of its files and of the uploads that it names."""
    connection.execute(insert(models.runs).values(run.row))
    links = [
        {"run_id": run.row["id"], "name": name, "sha256": a.sha256, "media_type": a.media_type}
        for name, a in run.files.items()
    ]
    if links:
        connection.execute(insert(models.run_artifacts), links)
    # Asked again here: an upload may have been collected since it was claimed.
    uses = [{"run_id": run.row["id"], "sha256": key} for key in known_inputs(connection, named)]
    if uses:
        connection.execute(insert(models.run_inputs), uses)


def _hashed(artifacts: Mapping[str, Source]) -> dict[str, tuple[Artifact, Source]]:
    if len(artifacts) > MAX_ARTIFACTS:
        raise ValueError(f"{len(artifacts)} artifacts; a run has at most {MAX_ARTIFACTS}")
    files: dict[str, tuple[Artifact, Source]] = {}
    for name, source in artifacts.items():
        check_artifact_name(name)
        if not isinstance(source, bytes | Path):
            raise ValueError(f"artifact {name!r} is a {type(source).__name__}, not bytes")
        sha256, size = hash_of(source)
        files[name] = (Artifact(sha256, size, media_type_of(name)), source)
    return files


def _bounded_json(value: dict[str, Any], limit: int, what: str) -> str:
    if not isinstance(value, dict):
        raise ValueError(f"the {what} is a {type(value).__name__}, not a dict")
    text = canonical_json(value)
    if len(text.encode()) > limit:
        raise InputError(
            f"The {what} of this run has {len(text.encode()):,} bytes. Up to {limit:,} bytes can be "
            "stored. Use smaller inputs or fewer of them."
        )
    return text
