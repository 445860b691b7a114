"""The shipped clips: who speaks, how, under which licence, and where the bytes lie."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import NotFoundError, WeightsError

FOLDER = Path(__file__).parent / "examples"
GENDERS = {"F": "woman", "M": "man"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One shipped clip."""

    id: str
    file: str  # below `examples/`
    title: str
    seconds: float
    sha256: str
    speaker: str
    gender: str  # F, M or F+M
    style: str
    language: str
    source: str
    licence: str
    gallery: tuple[float, float] | None  # the part that stands on the map, seconds
    details: dict[str, Any]

    @property
    def path(self) -> Path:
        """The file itself."""
        return FOLDER / self.file


_FIELDS = (
    "id",
    "file",
    "title",
    "seconds",
    "sha256",
    "speaker",
    "gender",
    "style",
    "language",
    "source",
    "licence",
)


@functools.cache
def examples() -> dict[str, Example]:
    """All shipped clips by id, in the order of `examples.json`."""
    rows = json.loads((FOLDER / "examples.json").read_text("utf-8"))["clips"]
    found = {}
    for row in rows:
        span = row["gallery"]
        found[row["id"]] = Example(
            **{name: row[name] for name in _FIELDS},
            gallery=(float(span[0]), float(span[1])) if span else None,
            details={k: v for k, v in row.items() if k not in (*_FIELDS, "gallery")},
        )
    return found


def example(example_id: str) -> Example:
    """Return one shipped clip.

    Raises:
        NotFoundError: no example has this id.
    """
    found = examples().get(example_id)
    if found is None:
        raise NotFoundError(
            f"There is no example {example_id[:64]!r}. The examples are listed in the examples "
            "folder of this method. Choose one of them, or upload a clip."
        )
    return found


def example_bytes(example_id: str) -> bytes:
    """Read one shipped clip and check it against its hash.

    Raises:
        NotFoundError: no example has this id.
        WeightsError: the file on disk is not the one that was shipped.
    """
    clip = example(example_id)
    data = clip.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != clip.sha256:
        raise WeightsError(
            f"The example {clip.id} is not the file that was shipped. Its hash differs. "
            "Restore the examples folder from the repository."
        )
    return data


def on_the_map() -> tuple[Example, ...]:
    """The examples that stand on the map."""
    return tuple(clip for clip in examples().values() if clip.gallery is not None)


def digit_speakers() -> tuple[str, ...]:
    """Speakers whose digits are shipped."""
    names = (name for name in examples() if name.startswith("digits-"))
    return tuple(name.partition("-")[2] for name in names)
