"""The lesson that a visitor puts together: classes with clips, as the page's state. No torch."""

from __future__ import annotations

from typing import Any

from core.errors import InputError

from . import gallery, lesson_panels
from .requests import MAX_CLASSES, MAX_CLIPS, Clip

Lesson = list[Any]  # of (name, clips as JSON)


def plain(clip: Clip) -> dict[str, Any]:
    """A clip as the JSON that a page keeps."""
    return {"source": clip.source, "name": clip.name, "start": clip.start, "end": clip.end}


def with_clips(lesson: list[Any], name: str, clips: list[Clip]) -> list[Any]:
    """A lesson with clips added to one class.

    Raises:
        InputError: the name is empty, or a limit is reached.
    """
    name = " ".join((name or "").split())[:40]
    if not name:
        raise InputError(
            "The clips have no class yet. A class needs a name. Type one first, then add clips."
        )
    found = [(known, list(members)) for known, members in lesson or []]
    for known, members in found:
        if known.casefold() == name.casefold():
            if len(members) + len(clips) > MAX_CLIPS:
                raise InputError(
                    f"{known} would have {len(members) + len(clips)} clips. A class holds "
                    f"{MAX_CLIPS}. Add fewer, or start over."
                )
            members += [plain(clip) for clip in clips]
            return found
    if len(found) == MAX_CLASSES:
        raise InputError(
            f"There are {MAX_CLASSES} classes already, and that is the limit. "
            "Add clips to one of them, or start over."
        )
    if len(clips) > MAX_CLIPS:
        raise InputError(f"{len(clips)} files were given. A class holds {MAX_CLIPS}. Drop fewer.")
    return [*found, (name, [plain(clip) for clip in clips])]


def board(lesson: list[Any]) -> str:
    """The lesson as HTML."""
    return lesson_panels.board([(name, [_words(clip) for clip in clips]) for name, clips in lesson])


def _words(clip: dict[str, Any]) -> str:
    known = gallery.examples().get(clip["source"].partition(":")[2])
    words = clip["name"] or (known.title if known else clip["source"][-8:])
    if clip["start"] or clip["end"] is not None:
        end = "" if clip["end"] is None else f"{clip['end']:g}"
        words += f", {clip['start']:g}-{end} s"
    return words
