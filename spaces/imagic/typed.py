"""Settings that are typed: the columns and rows of a strip, and what few change, from words and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.errors import InputError

from . import config
from .config import Learning, Sampling

RARE: Mapping[str, tuple[type, type]] = {
    "stop_below": (Learning, float),
    "prior_weight": (Learning, float),
    "prior_pictures": (Learning, int),
    "identity": (Sampling, float),
}
_SPAN = re.compile(
    r"(-?\d*\.?\d+)\s*(?:to|\.\.|:|–)\s*(-?\d*\.?\d+)\s*(?:(by|in)\s*(\d*\.?\d+))?", re.IGNORECASE
)
_COLUMNS = 8  # of a span that does not say how many


def parse_etas(words: Any) -> tuple[float, ...]:
    """Read the columns: "0, 0.5, 1", "0 to 1.4 by 0.2" or "0 to 1.4 in 8".

    Raises:
        InputError: it cannot be read, or there are too many.
    """
    told = str(words or "").strip().replace("−", "-").replace("η", "")
    span = _SPAN.fullmatch(told)
    try:
        if span is None:
            return tuple(float(part) for part in re.split(r"[\s,;]+", told) if part)
        low, high = float(span[1]), float(span[2])
        if span[3] and span[3].lower() == "by":
            step = float(span[4])
            if step <= 0 or high < low:
                raise ValueError
            count = int((high - low) / step + 1e-6) + 1
        else:
            count = int(float(span[4])) if span[4] else _COLUMNS
            step = (high - low) / max(count - 1, 1)
    except ValueError:
        raise InputError(
            f'The columns "{told[:40]}" cannot be read. Numbers with commas work, and spans. '
            'Write for example 0, 0.4, 0.8, 1.2 or "0 to 1.4 in 8".'
        ) from None
    if count > config.MAX_COLUMNS:
        raise InputError(
            f"That gives {count} columns. A strip has up to {config.MAX_COLUMNS}. Take fewer, or a "
            "wider step."
        )
    return tuple(round(low + k * step, 4) + 0.0 for k in range(count))


def etas_words(etas: Any) -> str:
    """Columns as the text field shows them."""
    return ", ".join(f"{eta:.10g}" for eta in etas)


def parse_seeds(words: Any) -> tuple[int, ...]:
    """Read the rows: "0", "0, 3, 7" or "0 to 3".

    Raises:
        InputError: it cannot be read.
    """
    told = str(words or "0").strip()
    span = re.fullmatch(r"(\d{1,10})\s*(?:to|\.\.|:|-|–)\s*(\d{1,10})", told, re.IGNORECASE)
    try:
        if span is None:
            return tuple(int(part) for part in re.split(r"[\s,;]+", told) if part)
        first, last = int(span[1]), int(span[2])
        if not first <= last < first + config.MAX_ROWS:
            raise ValueError
        return tuple(range(first, last + 1))
    except ValueError:
        raise InputError(
            f'The seeds "{told[:40]}" cannot be read. Up to {config.MAX_ROWS} whole numbers work. '
            'Write for example 0, 1, 2 or "0 to 3".'
        ) from None


def parse_rare(words: Any) -> dict[str, float]:
    """Read the rare settings, such as "prior_weight=0.5, identity=0.8".

    Raises:
        InputError: a name is unknown, or a value is no number.
    """
    found: dict[str, float] = {}
    for part in re.split(r"[\s,;]+", re.sub(r"\s*=\s*", "=", str(words or "").strip())):
        if not part:
            continue
        name, _, value = part.partition("=")
        try:
            found[name] = RARE[name][1](value)
        except (KeyError, ValueError):
            raise InputError(
                f'The rare setting "{part[:40]}" cannot be read. There are {", ".join(RARE)}, each '
                "with a number. Write for example identity=0.8."
            ) from None
    return found


def rare_words(learning: Learning, sampling: Sampling) -> str:
    """The rare settings that differ from their defaults, as the text field shows them."""
    return ", ".join(
        f"{name}={getattr(own, name):.10g}"
        for own, plain in ((learning, Learning()), (sampling, Sampling()))
        for name, (cls, _) in RARE.items()
        if isinstance(own, cls) and getattr(own, name) != getattr(plain, name)
    )


def rare_of(cls: type, words: Any) -> dict[str, Any]:
    """The rare settings of `Learning` or of `Sampling` alone."""
    return {name: value for name, value in parse_rare(words).items() if RARE[name][0] is cls}
