"""Asks a running Space for one real prediction of each method, as a visitor's script would.

What to ask stands in the method's folder, `examples/smoke.json`:

    {"calls": [{"endpoint": "trill_embed",
                "arguments": {"clip": {"file": "librispeech/reader-1841-a.flac"}, "layer": "layer19"},
                "same": ["weights", "mean"]}]}

`{"file": ...}` is a file beside it. `same` names the parts of the answer (`a.b.0` goes deeper) that
must be the same on every machine: numbers may differ in the last places, all else may not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import VitrineError

_TOLERANCE = 1e-3  # relative to the largest number beside it: CPUs and torch versions round apart
_TRIES, _PAUSE = 20, 3.0  # a Space that has just started may refuse connections for a minute


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a public endpoint."""

    method: str
    endpoint: str
    arguments: Mapping[str, Any]
    folder: Path  # in which the files of the arguments lie
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, reduced to the parts that must be the same everywhere."""

    call: Call
    seconds: float
    same: Mapping[str, Any] = field(default_factory=dict)


def calls(spaces: Path, methods: Sequence[str]) -> list[Call]:
    """The calls that the methods of a tree offer.

    Args:
        spaces: the folder `spaces/` of a checkout or an export.
        methods: slugs.

    Raises:
        VitrineError: a file with calls cannot be used.
    """
    found = []
    for slug in methods:
        path = spaces / slug / "examples" / "smoke.json"
        if not path.is_file():
            continue
        try:
            rows = json.loads(path.read_text("utf-8"))["calls"]
            found += [
                Call(
                    slug,
                    row["endpoint"],
                    row["arguments"],
                    path.parent,
                    tuple(row.get("same", ())),
                )
                for row in rows
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise VitrineError(
                f"spaces/{slug}/examples/smoke.json cannot be used ({error}). "
                "It needs calls with endpoint and arguments. Correct it."
            ) from error
    return found


def ask(address: str, wanted: Sequence[Call], *, token: str | None = None) -> list[Answer]:
    """Send each call to a running hub or Space.

    Args:
        address: where it answers.
        wanted: the calls.
        token: for a private Space; None sends none.

    Raises:
        VitrineError: the Space does not answer, or answers with an error.
    """
    client = _connect(address, token)
    try:
        return [_ask(client, call) for call in wanted]
    finally:
        client.close()


def _connect(address: str, token: str | None) -> Any:
    from gradio_client import Client

    for turn in range(_TRIES):
        try:
            return Client(
                address,
                token=token if token else False,  # type: ignore[arg-type]  # never one by chance
                verbose=False,
                download_files=False,
                analytics_enabled=False,
            )
        except Exception as error:
            if turn == _TRIES - 1:
                raise VitrineError(
                    f"The smoke test failed: {address} does not answer from here ({_words(error)})."
                ) from error
            time.sleep(_PAUSE)
    raise AssertionError("unreachable")


def _ask(client: Any, call: Call) -> Answer:
    began = time.monotonic()
    try:
        result = client.predict(
            api_name=f"/{call.endpoint}", **_with_files(call.arguments, call.folder)
        )
        same = {path: pick(result, path) for path in call.same}
    except Exception as error:
        raise VitrineError(
            f"The smoke test failed: {call.endpoint} gave no answer ({_words(error)})."
        ) from error
    return Answer(call, time.monotonic() - began, same)


def _with_files(value: Any, folder: Path) -> Any:
    from gradio_client import handle_file

    if isinstance(value, Mapping) and set(value) == {"file"}:
        return handle_file(folder / value["file"])
    if isinstance(value, Mapping):
        return {key: _with_files(part, folder) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_files(part, folder) for part in value]
    return value


def pick(answer: Any, path: str) -> Any:
    """The part of an answer at `a.b.0`.

    Raises:
        KeyError: the answer has no such part.
    """
    for step in path.split("."):
        try:
            answer = answer[int(step)] if isinstance(answer, list | tuple) else answer[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise KeyError(f"the answer has no {path}") from None
    return answer


def check_same(here: Sequence[Answer], there: Sequence[Answer]) -> None:
    """Compare the answers of two machines.

    Raises:
        VitrineError: a part that must be the same is not.
    """
    for one, other in zip(here, there, strict=True):
        for path, value in one.same.items():
            if not alike(value, other.same[path]):
                raise VitrineError(
                    f"The smoke test failed: {one.call.endpoint} answers another {path} on the "
                    "Space than here. The weights or the versions of torch may differ."
                )


def alike(one: Any, other: Any) -> bool:
    """Whether two parts of answers are the same but for the rounding of numbers."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE * 1e-3)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return False
        if all(isinstance(value, int | float) for value in (*one, *other)):
            scale = max((abs(value) for value in one), default=0.0)
            return all(
                abs(a - b) <= _TOLERANCE * max(scale, 1e-9) for a, b in zip(one, other, strict=True)
            )
        return all(alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return one == other


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(" .") or type(error).__name__
