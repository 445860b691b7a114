"""What an agent gets back: JSON that fits its context, a picture it can look at, and addresses.

A page draws a result from pictures and long series; a language model would pay for each digit. So
what is short stays, and what is long is named by its size, with the address of the whole answer.
"""

from __future__ import annotations

import base64
import json
import re
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp import types

from core.runs.request import canonical_json
from core.ui.links import RESULT_FILE
from core.ui.routes import offer_download

MAX_TEXT = 24_000  # characters of JSON, about 8,000 tokens
MAX_PICTURE = 400_000  # bytes of the picture that comes along
_LEAST = 200  # shorter values always stay
_STARTS = (("iVBORw0KGgo", "PNG"), ("/9j/", "JPEG"), ("UklGR", "RIFF"))
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def content(
    answer: Any, *, whole: Callable[[bytes], str], read: Callable[[str], bytes]
) -> types.CallToolResult:
    """Turn what an endpoint answered into what an agent gets.

    Args:
        answer: plain JSON types.
        whole: keeps the JSON of the whole answer and returns its address; called when something
            is left out.
        read: reads a file of this hub by its address.
    """
    short, text = answer, _text(answer)
    if len(text) > MAX_TEXT or _has_files(answer):
        short = shortened(answer)
        address = _stored(answer, read) or whole(text.encode())
        if isinstance(short, dict):
            short = {**short, "whole_answer": address}
    blocks: list[types.ContentBlock] = [types.TextContent(type="text", text=_text(short))]
    blocks += _pictures(answer, read)
    structured = short if isinstance(short, dict) else {"result": short}
    return types.CallToolResult(content=blocks, structuredContent=structured)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _stored(answer: Any, read: Callable[[str], bytes]) -> str | None:
    """Address of the answer among the files of the run that was saved, when it is just that."""
    if not isinstance(answer, dict) or not isinstance(answer.get("run"), dict):
        return None
    address = answer["run"].get("files", {}).get(RESULT_FILE)
    if address is None:
        return None
    plain = {key: value for key, value in answer.items() if key != "run"}
    stored = read(address)
    # the order of keys changes no length; the order itself is costly to compare for long answers
    same = len(stored) == len(_text(plain).encode()) and stored == canonical_json(plain).encode()
    return address if same else None


class Shelf:
    """Whole answers for a while: ten minutes each, the oldest go first when there are too many."""

    def __init__(self, most: int = 256 * 2**20) -> None:
        """Keep up to `most` bytes."""
        self._most = most
        self._kept: deque[tuple[Path, int]] = deque()
        self._lock = threading.Lock()

    def put(self, data: bytes) -> str:
        """Offer the JSON of an answer; returns its path on this hub."""
        with tempfile.NamedTemporaryFile(prefix="answer-", suffix=".json", delete=False) as file:
            file.write(data)
        path = Path(file.name)
        with self._lock:
            self._kept.append((path, len(data)))
            while len(self._kept) > 1 and sum(size for _, size in self._kept) > self._most:
                self._kept.popleft()[0].unlink(missing_ok=True)
            return "/" + offer_download(path)


def shortened(answer: Any) -> Any:
    """The answer without files in base64, and without its longest values until it is short enough.

    What goes is replaced by a text that says what was there.
    """
    answer = _without_files(answer)
    sizes = sorted(_sizes(answer), key=lambda entry: entry[1], reverse=True)
    total = len(_text(answer))
    for path, size in sizes:
        if total <= MAX_TEXT or size <= _LEAST:
            break
        answer = _replaced(answer, path, size)
        total -= size - 60  # about the length of what stands there now
    return answer


def _file_kind(value: Any) -> str | None:
    if isinstance(value, str) and len(value) > _LEAST and _BASE64.fullmatch(value):
        return next((kind for start, kind in _STARTS if value.startswith(start)), None)
    return None


def _has_files(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_files, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_files, value))
    return _file_kind(value) is not None


def _without_files(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_files(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_files(part) for part in value]
    if (kind := _file_kind(value)) is not None:
        return f"left out: {kind} of {len(value) * 3 // 4:,} bytes"
    return value


def _sizes(value: Any) -> Iterator[tuple[tuple[str, ...], int]]:
    """Path and length of each list and text; a list goes as one, an object by its parts."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            for path, size in _sizes(part):
                yield (key, *path), size
    elif isinstance(value, list | str):
        yield (), len(_text(value))


def _replaced(value: Any, path: tuple[str, ...], size: int) -> Any:
    if path:
        key, *rest = path
        return {**value, key: _replaced(value[key], tuple(rest), size)}
    if isinstance(value, list):
        return f"left out: a list of {len(value):,} ({size:,} characters)"
    return f"left out: a text of {size:,} characters"


def _pictures(answer: Any, read: Callable[[str], bytes]) -> list[types.ContentBlock]:
    """The picture of the run that an endpoint saved, so that the agent can look at it."""
    run = answer.get("run") if isinstance(answer, dict) else None
    files = run.get("files") if isinstance(run, dict) else None
    if not isinstance(files, dict) or not isinstance(files.get("picture.png"), str):
        return []
    data = read(files["picture.png"])
    if len(data) > MAX_PICTURE:
        return []
    text = base64.b64encode(data).decode()
    return [types.ImageContent(type="image", data=text, mimeType="image/png")]
