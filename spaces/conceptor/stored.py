"""Writes what the page keeps ready: the gallery's concepts, and a finished result of every other verb.

    python -m core.methods.conceptor.stored                      everything; learns each concept, minutes each
    python -m core.methods.conceptor.stored --only snowman mix   some of it; the rest stays
    python -m core.methods.conceptor.stored --shelf DATA_DIR     takes what was learnt in a data directory before
    python -m core.methods.conceptor.stored --list               the list of files alone; needs no model

Run it whenever the model changes. Every concept is learnt by an ordinary request with default settings and
kept in the layout of the shelf, so that a visitor's same request finds it, and what builds on it starts at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import core.gpu  # noqa: F401  # first import of every entry point
from core import settings
from core.jobs import Job

from . import gallery, requests
from .requests import (
    AuditRequest,
    CheckRequest,
    CompareRequest,
    DecomposeRequest,
    ExplainRequest,
    MixRequest,
)
from .results import RESULTS, DecomposeResult

logger = logging.getLogger(__name__)

LISTED = gallery.EXAMPLES / "examples.json"
LICENCE = "Apache-2.0"
_FILES = (".png", ".json", ".safetensors")
_INSIDE = ("decomposition.json", "result.json", "picture.png")  # read by the shelf, never by a page


def requests_to_keep() -> dict[str, requests.Request]:
    """The requests whose results the page opens on: the concepts first, what builds on them behind."""
    first = gallery.CONCEPTS[0]
    kept: dict[str, requests.Request] = {
        word: DecomposeRequest(concept=word) for word in gallery.CONCEPTS
    }
    kept["explain"] = ExplainRequest(concept=gallery.EXPLAINED)
    kept["mix"] = MixRequest(concept=first)
    kept["compare"] = CompareRequest(one=gallery.COMPARED[0], other=gallery.COMPARED[1])
    kept["audit"] = AuditRequest(concepts=gallery.AUDITED)
    kept["check"] = CheckRequest()
    return kept


def _mix_of(result: DecomposeResult) -> MixRequest:
    """A mix that shows something: the first word of a concept at three times its weight, the second gone."""
    words = [e.word for e in result.elements[:2]]
    return MixRequest(concept=result.concept, factors={words[0]: 3.0}, mute=tuple(words[1:]))


def keep(name: str, request: requests.Request) -> dict[str, Any]:
    """Run one request, write its files, and return its entry of `finished.json`."""
    from . import pipeline, shelf

    if isinstance(request, MixRequest):
        known = gallery.finished(request.concept)
        request = _mix_of(known) if isinstance(known, DecomposeResult) else request
    result = pipeline.run(Job(method="conceptor"), request)
    entry: dict[str, Any] = {"request": requests.KINDS.to_dict(request)}
    if isinstance(result, DecomposeResult):
        return entry | {"folder": f"{shelf.GALLERY.name}/{_shelve(result.concept)}"}
    for file, data in result.files.items():
        if file.endswith(_FILES) and file not in _INSIDE:
            path = gallery.EXAMPLES / "finished" / f"{name}-{file}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return entry | {"result": RESULTS.to_dict(result)}


def _concept_of(folder: Path) -> str:
    return str(json.loads((folder / "result.json").read_text("utf-8"))["concept"])


def _shelve(concept: str) -> str:
    """Move what was learnt now into the gallery, in place of what an earlier model meant by the concept.

    Returns:
        The name of its folder; nothing was learnt where the gallery had answered.
    """
    from . import shelf

    old = [p for p in shelf.GALLERY.glob("*") if p.is_dir() and _concept_of(p) == concept]
    new = [p for p in shelf.folder().glob("[!.]*") if _concept_of(p) == concept]
    if not new:
        return old[0].name
    for path in old:
        shutil.rmtree(path)
    shutil.copytree(new[0], shelf.GALLERY / new[0].name)
    return new[0].name


def list_files() -> None:
    """Write `examples.json`: every file that the page may ask for, by its id."""
    rows = []
    for name, entry in _read().items():
        if "folder" in entry:
            found = {f"{name}-{p.name}": p for p in sorted((gallery.EXAMPLES / entry["folder"]).iterdir())}  # fmt: skip
        else:
            found = {p.name: p for p in sorted((gallery.EXAMPLES / "finished").glob(f"{name}-*"))}
        rows += [
            {
                "id": ident,
                "file": path.relative_to(gallery.EXAMPLES).as_posix(),
                "source": "made by core.methods.conceptor.stored",
                "licence": LICENCE,
            }
            for ident, path in found.items()
            if path.name not in _INSIDE
        ]
    text = '{"files": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]}\n"
    LISTED.write_text(text, encoding="utf-8")


def _read() -> dict[str, Any]:
    if not gallery.FINISHED.exists():
        return {}
    return json.loads(gallery.FINISHED.read_text("utf-8"))["results"]


def _write(results: dict[str, Any]) -> None:
    ordered = {key: results[key] for key in requests_to_keep() if key in results}
    text = json.dumps({"results": ordered}, ensure_ascii=False, separators=(",", ":"))
    gallery.FINISHED.write_text(text + "\n", encoding="utf-8")
    gallery.entries.cache_clear()
    gallery.finished.cache_clear()


def main(arguments: Iterable[str] | None = None) -> None:
    """Write everything, or a part of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--list", action="store_true", help="the list of files alone")
    parser.add_argument("--shelf", type=Path, help="data directory whose decompositions are taken")
    parser.add_argument("--only", nargs="*", help="concepts or verbs; the others stay as they are")
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not chosen.list:
        with tempfile.TemporaryDirectory() as folder:  # runs and shelves of this go nowhere
            settings.override(data_dir=chosen.shelf or Path(folder))
            for name, request in requests_to_keep().items():
                if chosen.only and name not in chosen.only:
                    continue
                logger.info("%s", name)
                _write(_read() | {name: keep(name, request)})
    list_files()


if __name__ == "__main__":
    main()
