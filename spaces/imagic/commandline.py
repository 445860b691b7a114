"""Imagic without a browser: a picture and words in, a folder of results out."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from core.errors import InputError
from core.runs.request import to_json

from .config import PRESETS, Learning, Sampling
from .requests import KINDS, Request
from .results import RESULTS, AnyResult, StripResult

VERBS: dict[str, str] = {
    "edit": 'one picture and --set target="...": a strip of edits, scores, baselines, an edit kit',
    "resample": "one edit kit: another strip without learning, also for another target",
    "imagine": 'no file, --set text="...": what the model shows for a text',
}
_FILES = {"edit": 1, "resample": 1, "imagine": 0}
_PLAIN = {"edit": ("target", "baselines", "tier", "model"), "resample": ("target", "baselines")}
_RENAMED = {"training_seed": "seed"}  # `seeds` are those of the strip


def request_from_cli(
    verb: str, files: Sequence[Path], params: Mapping[str, str] | None = None
) -> Request:
    """Build a request from the words of a command line.

    Args:
        verb: edit, resample or imagine.
        files: the picture, or the kit. `--set scene=7` takes the place of a picture, `--set
            kit=gallery:sitting-dog` that of a kit.
        params: settings by name; lists with commas, such as `{"etas": "0,0.7,1"}`. `preset` starts from
            embedded, full, paper, community or forgedit, `crop` is left,top,side in shares.

    Raises:
        InputError: the verb, the number of files or a setting is wrong.
    """
    if verb not in VERBS:
        raise InputError(
            f"Imagic has no verb {verb!r}. The verbs are {', '.join(VERBS)}. Use one of them."
        )
    given = dict(params or {})
    inside = [name for name in ("scene", "kit") if name in given]
    if len(files) + len(inside) != _FILES[verb]:
        raise InputError(f"{verb} got {len(files)} files. It needs {_FILES[verb]}. {_usage(verb)}")
    data: dict[str, Any] = {"kind": verb}
    if verb == "imagine":
        data |= _values(given, {**get_type_hints(KINDS[verb])}, verb)
        return KINDS.from_dict(data)
    preset = given.pop("preset", "full" if given.get("tier") == "full" else "embedded")
    if preset not in PRESETS:
        raise InputError(
            f"There is no preset {preset!r}. There are {', '.join(PRESETS)}. Choose one of them."
        )
    start = to_json(PRESETS[preset]())
    if verb == "edit":
        data["picture"] = _picture(files, given)
        data["learning"] = start["learning"] | _part(given, Learning, verb)
    else:
        data["kit"] = given.pop("kit", "") or _kit(files[0])
    data["sampling"] = start["sampling"] | _part(given, Sampling, verb)
    hints = {name: get_type_hints(KINDS[verb])[name] for name in _PLAIN[verb]}
    return KINDS.from_dict(data | _values(given, hints, verb))


def _usage(verb: str) -> str:
    return {
        "edit": 'Write: run imagic edit PHOTO.jpg --set target="a photo of a sitting dog"',
        "resample": "Write: run imagic resample kit.zip --set etas=0,0.5,1",
        "imagine": 'Write: run imagic imagine --set text="a photo of a red dog"',
    }[verb]


def _picture(files: Sequence[Path], given: dict[str, str]) -> dict[str, Any]:
    from .intake import picture_of_bytes
    from .requests import Crop, Picture

    crop = None
    if words := given.pop("crop", ""):
        numbers = _list(words, "crop", float)
        if len(numbers) != 3:
            raise InputError(
                f"crop is {words!r}. It has three shares: left, top and side. Write crop=0.1,0,0.8."
            )
        crop = Crop(left=numbers[0], top=numbers[1], side=numbers[2])
    if "scene" in given:
        return to_json(Picture(source=f"scene:{given.pop('scene')}", crop=crop))
    file = _file(files[0], "a picture")
    return to_json(picture_of_bytes(file.read_bytes(), file.name, crop))


def _kit(file: Path) -> str:
    from .intake import kit_of_bytes

    return kit_of_bytes(_file(file, "an edit kit").read_bytes(), file.name)[0]


def _file(file: Path, what: str) -> Path:
    if not file.is_file():
        raise InputError(f"There is no file {file.name!r}. Give the path of {what}.")
    return file


def _part(given: dict[str, str], cls: type, verb: str) -> dict[str, Any]:
    """The settings of one dataclass, taken out of what was given."""
    names = {f.name for f in dataclasses.fields(cls)}
    if cls is Learning:
        names = names - {"seed"} | set(_RENAMED)
    own = {name: given.pop(name) for name in list(given) if name in names}
    hints = get_type_hints(cls)
    found = _values(
        own, hints | {new: hints[old] for new, old in _RENAMED.items() if old in hints}, verb
    )
    return {_RENAMED.get(name, name): value for name, value in found.items()}


def _values(given: Mapping[str, str], hints: Mapping[str, Any], verb: str) -> dict[str, Any]:
    unknown = [name for name in given if name not in hints or name == "kind"]
    if unknown:
        every = sorted({*hints, *_settings(verb)} - {"kind"})
        raise InputError(
            f"{verb} has no setting {unknown[0]!r}. It has {', '.join(every)}. Use one of them."
        )
    return {name: _value(name, str(words), hints[name]) for name, words in given.items()}


def _settings(verb: str) -> set[str]:
    if verb == "imagine":
        return set()
    found = {f.name for f in dataclasses.fields(Sampling)} | {"preset"}
    if verb == "edit":
        found |= {f.name for f in dataclasses.fields(Learning)} - {"seed"} | {
            *_RENAMED,
            "crop",
            "scene",
        }
    return found | {"kit"} if verb == "resample" else found


def _value(name: str, words: str, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return _list(words, name, get_args(hint)[0])
    if hint is bool:
        if words.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise InputError(f"{name} is {words!r}. It can be true or false. Write one of them.")
        return words.lower() in ("true", "yes", "1")
    if hint in (int, float):
        return _number(name, words, hint)
    return words


def _list(words: str, name: str, kind: Any) -> list[Any]:
    parts = [part.strip() for part in words.split(",") if part.strip()]
    return [_number(name, part, kind) if kind in (int, float) else part for part in parts]


def _number(name: str, words: str, kind: Any) -> int | float:
    try:
        return int(words) if kind is int else float(words)
    except ValueError:
        raise InputError(f"{name} is {words!r}. It must be a number. Write one.") from None


def summary(result: AnyResult) -> str:
    """What a result says in two or three sentences."""
    if not isinstance(result, StripResult):
        return ""
    lines = [result.suggestion.reason]
    if result.truth is not None:
        cells = [cell for row in result.truth.cells for cell in row]
        right = sum(cell.right for cell in cells)
        lines.append(
            f"{right} of {len(cells)} pictures show what was asked for "
            f"({result.truth.was} to {result.truth.asked})."
        )
    share = result.losses.first_share
    if share is not None:
        lines.append(f"Stage 1 closed {100 * share:.0f} % of the gap in the loss.")
    if not result.untouched:
        lines.append("The shared model is not what it was before; please report this.")
    return "\n".join(lines)


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
