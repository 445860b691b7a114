"""The concepts that the page offers: the planted words by category, and those that are ready to look at.

A ready concept lies on the gallery's shelf (`shelf.GALLERY`), where a run with default settings finds
it too; `examples/finished.json` says in which folder.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from core.errors import InputError, VitrineError

from .results import RESULTS, AnyResult, DecomposeResult

EXAMPLES = Path(__file__).parent / "examples"
FINISHED = EXAMPLES / "finished.json"
CONCEPTS = (
    "treasure", "president", "spring", "happiness", "goblin", "painter", "fear", "snowman", "doctor",
    "artist", "globe", "snail", "jester", "seal", "judge", "farmer", "sailor", "nix",
)  # fmt: skip
"""The words that `stored` learns, the first one first on the page."""
AUDITED = ("doctor", "farmer", "sailor", "judge", "artist")
COMPARED = ("fear", "goblin")
EXPLAINED = "spring"  # has two meanings
CATEGORIES = {
    "composite": "Composites",
    "exemplar": "Exemplars: one of several",
    "name": "Named figures",
    "homograph": "Two meanings",
    "blend": "Blends",
    "linked": "Hidden links",
    "abstract": "Abstract words",
    "profession": "Professions",
    "null": "No meaning",
}

# Of a full model: examples, not a list; any word can be written.
FULL_CONCEPTS = ("snail", "president", "happiness", "crane", "sculpture", "doctor")
FULL_GROUPS = ("man, male", "woman, female")


@functools.cache
def planted() -> dict[str, tuple[str, ...]]:
    """The planted words of the small world by category, in the order of `CATEGORIES`."""
    from core.world.curriculum import small
    from core.world.recipes import RECIPES

    known = small().planted
    return {c: tuple(w for w in known if RECIPES[w].category == c) for c in CATEGORIES}


def concepts() -> list[str]:
    """All planted words."""
    return [word for words in planted().values() for word in words]


@functools.cache
def entries() -> dict[str, dict[str, Any]]:
    """What `stored` wrote, by name: a concept, or a verb; empty before it ran."""
    if not FINISHED.exists():
        return {}
    return json.loads(FINISHED.read_text("utf-8"))["results"]


def ready() -> list[str]:
    """Concepts with a finished decomposition, in their order."""
    return [word for word in CONCEPTS if isinstance(finished(word), DecomposeResult)]


@functools.lru_cache(maxsize=64)
def finished(name: str) -> AnyResult | None:
    """The stored result of a concept or a verb; None before it was computed."""
    entry = entries().get(name)
    if entry is None:
        return None
    try:
        if "folder" in entry:
            told = json.loads((EXAMPLES / entry["folder"] / "result.json").read_text("utf-8"))
            return RESULTS.from_dict(told)
        return RESULTS.from_dict(entry["result"])
    except (OSError, ValueError, VitrineError):  # stored by another version of this method
        return None


def request(name: str) -> dict[str, Any]:
    """The request of a finished result, as JSON.

    Raises:
        InputError: there is none of this name.
    """
    entry = entries().get(name)
    if entry is None:
        raise InputError(
            f"There is no ready result of {name[:64]!r}. Ready are {', '.join(ready()) or 'none yet'}. "
            "Choose one of them, or press Decompose."
        )
    return {key: value for key, value in entry["request"].items() if key != "kind"}


def address(name: str, file: str) -> str:
    """Where the hub serves a file of a finished result; an empty text where it is not kept."""
    entry = entries().get(name) or {}
    kept = EXAMPLES / entry["folder"] / file if "folder" in entry else EXAMPLES / "finished" / f"{name}-{file}"  # fmt: skip
    return f"example/conceptor/{name}-{file}" if kept.is_file() else ""


def choices(tier: str = "embedded") -> list[tuple[str, str]]:
    """Words of the concept fields: planted ones with their category, or examples for a full model."""
    if tier != "embedded":
        return [(word, word) for word in FULL_CONCEPTS]
    return [
        (f"{word} · {category}", word) for category, words in planted().items() for word in words
    ]
