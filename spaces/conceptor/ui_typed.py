"""What is typed on the page: seeds, lists of words, and settings that few change, from words and back."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from core.errors import InputError

from .config import Settings
from .requests import MAX_SEEDS

SHOWN = ("n", "sparsity", "steps", "training_pictures", "dictionary", "exclude_concept", "repeats", "seed")  # fmt: skip
"""Settings with a control of their own."""
RARE = tuple(f.name for f in dataclasses.fields(Settings) if f.name not in SHOWN)
_WORDS = {"true": True, "false": False, "none": None}
_SPAN = re.compile(r"(\d+)\s*(?:to|\.\.|–|-)\s*(\d+)", re.IGNORECASE)


def parse_seeds(words: Any) -> tuple[int, ...]:
    """Read seeds: "0", "0, 3, 7" or "0 to 3".

    Raises:
        InputError: it cannot be read, or there are too many.
    """
    told = str(words or "0").strip()
    try:
        if span := _SPAN.fullmatch(told):
            first, last = int(span[1]), int(span[2])
            if not 0 <= last - first < MAX_SEEDS:
                raise ValueError
            return tuple(range(first, last + 1))
        return tuple(int(part) for part in re.split(r"[\s,;]+", told) if part)
    except ValueError:
        raise InputError(
            f'The seeds "{told[:40]}" cannot be read. Up to {MAX_SEEDS} whole numbers work. '
            'Write for example 0, 1, 2, 3 or "0 to 3".'
        ) from None


def parse_words(told: Any) -> tuple[str, ...]:
    """Read words with commas between them; empty ones fall away."""
    parts = told if isinstance(told, list | tuple) else str(told or "").split(",")
    return tuple(dict.fromkeys(" ".join(str(part).split()) for part in parts if str(part).strip()))


def words_of(words: Sequence[str]) -> str:
    """Words as a text field shows them."""
    return ", ".join(words)


def parse_rare(told: Any) -> dict[str, Any]:
    """Read settings by their names: "guidance=3 choice=pictures flip=true".

    Raises:
        InputError: a name is unknown, or there is no value.
    """
    found: dict[str, Any] = {}
    for part in re.split(r"[\s,;]+", re.sub(r"\s*=\s*", "=", str(told or "").strip())):
        if not part:
            continue
        name, sign, value = part.partition("=")
        if name not in RARE or not sign or not value:
            raise InputError(
                f'The setting "{part[:40]}" cannot be read. There are {", ".join(RARE)}. '
                "Write for example guidance=4."
            )
        found[name] = _value(value)
    return found


def _value(told: str) -> Any:
    if told.lower() in _WORDS:
        return _WORDS[told.lower()]
    try:
        return int(told)
    except ValueError:
        pass
    try:
        return float(told)
    except ValueError:
        return told


def rare_words(settings: Settings) -> str:
    """The settings without a control that differ from the usual ones, as the field shows them."""
    usual = Settings()
    changed = {name: getattr(settings, name) for name in RARE}
    return " ".join(
        f"{name}={str(value).lower() if isinstance(value, bool) or value is None else value}"
        for name, value in changed.items()
        if value != getattr(usual, name)
    )
