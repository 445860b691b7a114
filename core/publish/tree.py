"""Which files go up. Decided from the tree itself: an unpacked archive gives the same as a checkout.

Only kinds of files that the hub reads are taken, from places where it reads them. Anything hidden,
cached, linked, or named like a secret stays here, and what a person may miss is told.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core import registry
from core.errors import InputError, NotFoundError
from core.registry import SPACES

ROOT = SPACES.parent
SHARED = "core/world/weights/"  # goes with the methods that run on it, and with no other

_CODE = {".py", ".css", ".js", ".html", ".svg", ".json", ".mako", ".toml"}
_WORDS = {".md", ".txt"}
_MEDIA = {
    ".flac",
    ".wav",
    ".mp3",
    ".ogg",
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".gif",
    ".mp4",
    ".webm",
}
_KINDS = {
    "core": _CODE,
    "code": _CODE | {".md"},
    "weights": {".safetensors", ".json"} | _WORDS,
    "examples": {".json", ".csv"} | _WORDS | _MEDIA,
    "assets": _CODE | _MEDIA | {".md"},
}
# folders of a method in which work leaves things; they never go up, whatever they hold
_LEFT_OUT = {
    "node_modules", "build", "dist", "out", "site", "tests", "test", "data", "runs", "checkpoints",
    "cache", "logs", "tmp", "temp", "venv", "env", "flagged", "wandb",
}  # fmt: skip
_SECRET_NAME = re.compile(
    r"(^|[-_. ])(token|secrets?|credentials?|passwords?|passwd|api[-_]?keys?)([-_. ]|$)"
    r"|^id_(rsa|dsa|ecdsa|ed25519)|\.(pem|key|p12|pfx|kdbx)$"
)
_NOT_WORTH_A_WORD = {".pyc", ".pyo", ".pyi"}  # Gradio writes stubs beside a module when it likes


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the tree: where it is, and its path in the export."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that stays here although it lies among those that go up."""

    name: str
    why: str


def carried(methods: tuple[str, ...], root: Path = ROOT) -> tuple[list[Source], list[LeftOut]]:
    """The files of `core/` and of the chosen methods, sorted, and those left out, with reasons.

    Raises:
        InputError: a folder is missing, or is a link to somewhere else.
    """
    sources: list[Source] = []
    left: list[LeftOut] = []
    shared = _runs_on_shared(methods)
    for top in ("core", *(f"spaces/{slug}" for slug in sorted(methods))):
        if (root / top).is_symlink() or not (root / top).is_dir():
            what = "a link" if (root / top).is_symlink() else "missing"
            raise InputError(f"{top} is {what}. A real folder is needed. Put it there.")
        for name, path in _walk(root / top, top):
            if name.startswith(SHARED) and not shared:
                continue
            why = _why_not(name, path)
            if why is None:
                sources.append(Source(path, name))
            elif why:
                left.append(LeftOut(name, why))
    return sorted(sources, key=lambda s: s.name), sorted(left, key=lambda s: s.name)


def _runs_on_shared(methods: tuple[str, ...]) -> bool:
    """Whether any method's card names weights that methods share."""
    for slug in methods:
        try:
            spec = registry.load(slug)
        except NotFoundError:  # a tree of another place, whose methods are not ours
            continue
        if any(f"{folder}/".startswith(SHARED) for folder in spec.shared_weights):
            return True
    return False


def untracked(names: Iterable[str], root: Path = ROOT) -> tuple[str, ...]:
    """Those of `names` that git does not know, where the project is a checkout; else none."""
    try:
        top = _git(root, "rev-parse", "--show-toplevel").strip()
        known = set(_git(root, "ls-files", "-z", "--", "core", "spaces").split("\0"))
    except (OSError, subprocess.SubprocessError):  # no git, or no checkout
        return ()
    return tuple(sorted(set(names) - known)) if Path(top) == root.resolve() else ()


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


def _walk(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Every file below `folder` except in folders of caches; links are told, never followed."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        inside = f"{name}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if not _is_left_out(inside):
                yield from _walk(Path(entry.path), inside)
        else:
            yield inside, Path(entry.path)


def _is_left_out(folder: str) -> bool:
    *above, name = folder.split("/")
    if name.startswith(".") or name in {"__pycache__", "node_modules"}:
        return True
    return above[0] == "spaces" and name.lower() in _LEFT_OUT


def _why_not(name: str, path: Path) -> str | None:
    """Why a file stays here; None when it goes up, an empty text when that needs no word."""
    file = path.name
    if path.is_symlink():
        return "a link; a Space has nothing at its other end"
    if not path.is_file():
        return "no regular file"
    if path.suffix != ".py" and _SECRET_NAME.search(file.lower()):
        return "named like a secret"
    if file.startswith("."):
        return "hidden"
    if path.suffix.lower() in _NOT_WORTH_A_WORD:
        return ""
    place = _place(name)
    if path.suffix.lower() not in _KINDS[place]:
        kinds = " ".join(sorted(_KINDS[place]))
        return f"of a kind that is not used there ({kinds})"
    return None


def _place(name: str) -> str:
    """What kind of folder a path of the export lies in."""
    parts = name.split("/")
    if name.startswith(SHARED):
        return "weights"
    if parts[0] == "core":
        return "core"
    return parts[2] if len(parts) > 3 and parts[2] in _KINDS else "code"
