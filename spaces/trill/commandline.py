"""TRILL without a browser: files and words in, a folder of results out."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from core.errors import InputError

from .requests import KINDS, Request
from .results import RESULTS, AnyResult

VERBS: dict[str, str] = {
    "explore": "one clip: log-mel, map, nearest examples, self-similarity, vectors",
    "compare": "two clips: cosine of both layers beside known pairs",
    "teach": "clips in one folder per class: a head, its accuracy and its confusion matrix",
    "survive": "one clip: what pitch, rate, noise, telephone and room do to the embedding",
}
_CLIPS = {"explore": ("clip",), "compare": ("first", "second"), "survive": ("clip",)}


def request_from_cli(
    verb: str, files: Sequence[Path], params: Mapping[str, str] | None = None
) -> Request:
    """Build a request from the words of a command line.

    Args:
        verb: explore, compare, teach or survive.
        files: sound files; for teach the name of a file's folder is its class.
        params: settings by name, such as `{"layer": "embedding", "pitch": "3"}`.

    Raises:
        InputError: the verb, the number of files or a setting is wrong.
    """
    if verb not in VERBS:
        raise InputError(
            f"TRILL has no verb {verb!r}. The verbs are {', '.join(VERBS)}. Use one of them."
        )
    data: dict[str, Any] = {"kind": verb, **_settings(verb, params or {})}
    if verb == "teach":
        classes: dict[str, list[dict[str, Any]]] = {}
        for file in files:
            classes.setdefault(file.resolve().parent.name[:40], []).append(_clip(file))
        data["classes"] = [{"name": name, "clips": clips} for name, clips in classes.items()]
        return KINDS.from_dict(data)
    names = _CLIPS[verb]
    if len(files) != len(names):
        raise InputError(
            f"{verb} got {len(files)} files. It needs {len(names)}. "
            f"Write: run trill {verb} {' '.join(name.upper() + '.wav' for name in names)}"
        )
    return KINDS.from_dict(data | {name: _clip(f) for name, f in zip(names, files, strict=True)})


def _clip(file: Path) -> dict[str, Any]:
    from core.runs.request import to_json

    from .intake import clip_of_bytes

    if not file.is_file():
        raise InputError(f"There is no file {file.name!r}. Give the path of a recording.")
    return to_json(clip_of_bytes(file.read_bytes(), file.name))


def _settings(verb: str, params: Mapping[str, str]) -> dict[str, Any]:
    cls = KINDS[verb]
    hints = get_type_hints(cls)
    allowed = [
        f.name
        for f in dataclasses.fields(cls)
        if f.name not in ("clip", "first", "second", "classes")
    ]
    found: dict[str, Any] = {}
    for name, text in params.items():
        if name not in allowed:
            raise InputError(
                f"{verb} has no setting {name!r}. It has {', '.join(allowed)}. Use one of them."
            )
        found[name] = _value(name, str(text), hints[name])
    return found


def _value(name: str, text: str, hint: Any) -> Any:
    if hint is bool:
        if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise InputError(f"{name} is {text!r}. It can be true or false. Write one of them.")
        return text.lower() in ("true", "yes", "1")
    if hint in (int, float, float | None):
        try:
            return int(text) if hint is int else float(text)
        except ValueError:
            raise InputError(f"{name} is {text!r}. It must be a number. Write one.") from None
    return text


def summary(result: AnyResult) -> str:
    """The sentences above the pictures on the page, as plain text; "" where there are none."""
    from . import lesson_panels, panels

    draw: dict[str, Callable[..., str]] = {
        "explore": panels.explore_panel,
        "compare": panels.compare_panel,
        "teach": lesson_panels.teach_panel,
        "survive": panels.survive_panel,
    }
    if result.kind not in draw:
        return ""
    found = re.search(r'<p class="tr-say">(.*?)</p>', draw[result.kind](result, lambda name: ""))
    return html.unescape(re.sub(r"<[^>]+>", "", found[1])).strip() if found else ""


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
    text = json.dumps(RESULTS.to_dict(result), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    written = [path]
    words = summary(result)
    if words:
        path = out / "summary.txt"
        path.write_text(words + "\n", encoding="utf-8")
        written.append(path)
    for name, data in result.files.items():
        file = out / Path(name).name
        file.write_bytes(data)
        written.append(file)
    return written
