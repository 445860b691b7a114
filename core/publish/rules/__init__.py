"""What an export must fulfil: one module for each subject, one function that yields findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from core.publish.plan import Plan

BINARY = {
    ".safetensors", ".flac", ".wav", ".mp3", ".ogg", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4",
    ".webm",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Args:
        level: an `error` stops publishing; a `warning` is worth a look; a `note` is only told.
        what: what is there, what would be right, what to do.
        file: path in the export; empty when no single file is meant.
    """

    level: Literal["error", "warning", "note"]
    what: str
    file: str = ""


@dataclass(frozen=True)
class Tree:
    """An export as it lies in a folder, read once."""

    plan: Plan
    folder: Path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Paths of everything but folders, links included, sorted."""
        found = (p for p in self.folder.rglob("*") if p.is_symlink() or not p.is_dir())
        return tuple(sorted(path.relative_to(self.folder).as_posix() for path in found))

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text of every file that is one; a file of an unknown kind is one without zeros."""
        found = {}
        for name in self.names:
            path = self.folder / name
            if path.is_symlink() or path.suffix.lower() in BINARY:
                continue
            data = path.read_bytes()
            if b"\0" not in data:
                found[name] = data.decode("utf-8", "replace")
        return found

    @cached_property
    def card(self) -> dict[str, Any]:
        """The front matter of the README; empty when there is none that can be read."""
        return self.front_matter("README.md")

    def front_matter(self, name: str) -> dict[str, Any]:
        """The front matter of one file; empty when there is none that can be read."""
        import yaml

        text = self.texts.get(name, "")
        head = (
            text.removeprefix("---\n").partition("\n---\n")[0] if text.startswith("---\n") else ""
        )
        try:
            found = yaml.safe_load(head)
        except yaml.YAMLError:
            return {}
        return found if isinstance(found, dict) else {}

    def of_methods(self) -> Iterator[tuple[str, str]]:
        """Slug and folder of each method in the export, as the plan names them."""
        yield from ((slug, f"spaces/{slug}") for slug in self.plan.methods)
