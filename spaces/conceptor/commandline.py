"""Conceptor without a browser: words in, a folder of results out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from core.errors import InputError

from .config import PRESETS, Settings, to_dict
from .requests import KINDS, Request
from .results import (
    RESULTS,
    AnyResult,
    AuditResult,
    CheckResult,
    CompareResult,
    DecomposeResult,
    Element,
    ExplainResult,
    MixResult,
)

VERBS: dict[str, str] = {
    "decompose": "--set concept=snowman: the words of a concept, with pictures and the checks",
    "explain": "--set concept=crane --set seed=3: the fewest words that draw one picture",
    "mix": "--set concept=snowman --set factors=white:0,hat:2: pictures with other weights",
    "audit": "--set concepts=doctor,artist: leanings, what is counted, and the mitigation",
    "compare": "--set one=snowman --set other=frostling: shared words and meanings",
}


def request_from_cli(
    verb: str, files: Sequence[Path], params: Mapping[str, str] | None = None
) -> Request:
    """Build a request from the words of a command line.

    Args:
        verb: one of `VERBS`.
        files: none; concepts are words.
        params: arguments of the verb and settings of the decomposition by name; lists with commas, factors as
            `white:0,hat:2`. `preset` starts from embedded, full or official. For explain, `seed` is the picture's.

    Raises:
        InputError: the verb or a setting is wrong, or a file was given.
    """
    if verb not in VERBS:
        raise InputError(
            f"Conceptor has no verb {verb!r}. The verbs are {', '.join(VERBS)}. Use one of them."
        )
    if files:
        raise InputError(
            f"{verb} got {len(files)} files. It needs none: concepts are words. Write --set {VERBS[verb].split()[1]}."
        )
    given = dict(params or {})
    preset = given.pop("preset", "full" if given.get("tier") == "full" else "embedded")
    if preset not in PRESETS:
        raise InputError(
            f"There is no preset {preset!r}. There are {', '.join(PRESETS)}. Choose one of them."
        )
    hints = {k: v for k, v in get_type_hints(KINDS[verb]).items() if k not in ("kind", "settings")}
    own = get_type_hints(Settings)
    unknown = [name for name in given if name not in hints and name not in own]
    if unknown:
        every = sorted({*hints, *own, "preset"})
        raise InputError(
            f"{verb} has no setting {unknown[0]!r}. It has {', '.join(every)}. Use one of them."
        )
    settings = to_dict(PRESETS[preset]()) | {
        name: value_of(name, words, own[name]) for name, words in given.items() if name not in hints
    }
    found = {
        name: value_of(name, words, hints[name]) for name, words in given.items() if name in hints
    }
    return KINDS.from_dict({"kind": verb, "settings": settings, **found})


def value_of(name: str, words: str, hint: Any) -> Any:
    """A value from the words of a command line.

    Raises:
        InputError: it does not fit.
    """
    if get_origin(hint) is tuple:
        parts = [part.strip() for part in words.split(",") if part.strip()]
        return [value_of(name, part, get_args(hint)[0]) for part in parts]
    if get_origin(hint) is dict:
        return dict(_pair(name, part) for part in words.split(",") if part.strip())
    if hint is bool:
        if words.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise InputError(f"{name} is {words!r}. It can be true or false. Write one of them.")
        return words.lower() in ("true", "yes", "1")
    kinds = [k for k in (int, float) if hint is k or k in get_args(hint)]
    if not kinds:
        return words
    if words.lower() == "none" and type(None) in get_args(hint):
        return None
    try:
        return kinds[0](words)
    except ValueError:
        raise InputError(f"{name} is {words!r}. It must be a number. Write one.") from None


def _pair(name: str, words: str) -> tuple[str, float]:
    word, colon, factor = words.strip().partition(":")
    if not colon or not word.strip():
        raise InputError(
            f"{name} got {words.strip()!r}. Each part is a word and a factor. Write white:0,hat:2."
        )
    return word.strip(), float(value_of(name, factor.strip(), float))


def summary(result: AnyResult) -> str:
    """What a result says in a few lines."""
    if isinstance(result, DecomposeResult):
        lines = [_words(result.concept, result.elements), result.verdict]
        if result.distribution.kind != "unknown":
            lines.append(f"It is drawn as a {result.distribution.kind}.")
        if result.truth is not None:
            lines.append(f"Of its recipe, {result.truth.recall:.0%} is among the first ten words (chance {result.truth.chance:.0%}).")  # fmt: skip
        if not result.untouched:
            lines.append("The shared model is not what it was before; please report this.")
        return "\n".join(lines)
    if isinstance(result, ExplainResult):
        return f"{_words(f'{result.concept}, picture {result.seed}', result.survivors)}\nLikeness to the {result.target}: {result.similarity:.3f}."
    if isinstance(result, MixResult):
        return _words(f"{result.concept}, mixed", result.after)
    if isinstance(result, AuditResult):
        return "\n".join(
            f"{row.concept}: leaning {row.leaning:+.2f}, measured {_rate(row.measured.value)}, after mitigation {_rate(row.mitigated.value)}"
            for row in result.rows
        )
    if isinstance(result, CompareResult):
        shared = ", ".join(result.shared) or "nothing"
        return f"{result.one.concept} and {result.other.concept} share {shared} (Jaccard {result.jaccard:.2f}, cosine {result.cosine:.2f})."
    if isinstance(result, CheckResult):
        return "\n".join(f"{row.name}: {row.value:g} (n = {row.n})" for row in result.rows)
    return ""


def _rate(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.0%}"


def _words(concept: str, elements: Sequence[Element]) -> str:
    return f"{concept} = " + " + ".join(f"{e.share:.2f} {e.word}" for e in elements)


def write_outputs(result: AnyResult, out: Path) -> list[Path]:
    """Write a result into a folder: `result.json`, `summary.txt` and the files beside them.

    Args:
        result: what `run` returned.
        out: folder; made when missing.

    Returns:
        The files written.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "result.json"
    told = json.dumps(RESULTS.to_dict(result), indent=1, ensure_ascii=False)
    path.write_text(told + "\n", encoding="utf-8")
    written = [path]
    if words := summary(result):
        path = out / "summary.txt"
        path.write_text(words + "\n", encoding="utf-8")
        written.append(path)
    for name, data in result.files.items():
        file = out / re.sub(r"[^A-Za-z0-9._-]", "_", Path(name).name)
        file.write_bytes(data)
        written.append(file)
    return written
