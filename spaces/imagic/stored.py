"""Writes what the page keeps ready: the scenes, their edit kits, and finished results.

    python -m core.methods.imagic.stored            everything; learns ten edits, minutes each
    python -m core.methods.imagic.stored --redraw   all but the kits, after a change of drawing or judging
    python -m core.methods.imagic.stored --scenes   the pictures of the scenes and their list alone

Run it whenever the model changes. Every kit is made by an ordinary edit; every finished strip is what
Draw again gives for its kit with default settings, so that visitors can repeat it to the byte.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import core.gpu  # noqa: F401  # first import of every entry point
from core import settings
from core.jobs import Job

from . import gallery, requests
from .config import Learning
from .requests import BASELINES, CheckRequest, EditRequest, ImagineRequest, Picture, ResampleRequest
from .results import RESULTS, AnyResult, StripResult

logger = logging.getLogger(__name__)

FINISHED = gallery.EXAMPLES / "finished.json"
LISTED = gallery.EXAMPLES / "examples.json"
# `input` is the scene's own picture, which is listed without a suffix
PICTURES = ("strip", "reconstruction", "answer", "baselines")
LICENCE = "Apache-2.0"


def write_scenes() -> None:
    """Draw the ten scenes as PNG files and list everything that the folder holds."""
    from core.media.image_writing import png
    from core.world.render import render

    entries = list(gallery.examples().values())
    for entry, pixels in zip(entries, render([e.scene for e in entries]), strict=True):
        path = gallery.EXAMPLES / entry.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(pixels))
    list_files()


def list_files() -> None:
    """Write `examples.json`: the scenes with what they show, then the files of finished results."""
    scenes = [
        {
            "id": entry.id,
            "file": entry.file,
            "sha256": _sha256(gallery.EXAMPLES / entry.file),
            "title": entry.caption,
            "target": entry.target,
            "source": "drawn by core.world",
            "licence": LICENCE,
        }
        for entry in gallery.examples().values()
    ]
    known = {str(scene["file"]) for scene in scenes}
    files = [
        {"id": path.stem, "file": path.relative_to(gallery.EXAMPLES).as_posix()}
        for path in sorted(gallery.EXAMPLES.glob("*/*"))
        if path.suffix in (".png", ".zip")
        and path.relative_to(gallery.EXAMPLES).as_posix() not in known
    ]
    rows = [json.dumps(row, ensure_ascii=False) for row in scenes]
    more = [json.dumps(row) for row in files]
    text = '{"scenes": [\n' + ",\n".join(rows) + '\n],\n"files": [\n' + ",\n".join(more) + "\n]}\n"
    LISTED.write_text(text, encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def learn_kit(name: str) -> None:
    """Learn one scene with default settings and keep its kit."""
    from . import pipeline

    entry = gallery.example(name)
    asked = EditRequest(
        picture=Picture(source=f"example:{name}"),
        target=entry.target,
        baselines=("DDIM inversion",),  # its start goes into the kit
    )
    result = pipeline.run(Job(method="imagic"), asked)
    assert isinstance(result, StripResult), "an edit gives a strip"
    entry.kit.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(result.files[result.kit])) as kit:
        for member in kit.namelist():
            suffix = Path(member).suffix
            if suffix in (".safetensors", ".json"):
                entry.kit.with_suffix(suffix).write_bytes(kit.read(member))
    if not entry.ready:
        raise RuntimeError(f"the kit of {name} lacks a file: it holds {kit.namelist()}")


def requests_to_keep() -> dict[str, requests.Request]:
    """The requests whose results the page opens on, the quickest kind first."""
    kept: dict[str, requests.Request] = {
        name: ResampleRequest(kit=f"gallery:{name}", baselines=BASELINES)
        for name in gallery.examples()
    }
    first = next(iter(gallery.examples().values()))
    kept["imagine"] = ImagineRequest(text=first.target)
    kept["ablation"] = EditRequest(
        picture=Picture(source=f"example:{first.id}"),
        target=first.target,
        learning=Learning(tuning="none"),
        baselines=(),
    )
    kept["check"] = CheckRequest()
    return kept


def keep(name: str, request: requests.Request, results: dict[str, Any]) -> None:
    """Run one request; put its result into `results` and its pictures beside the scenes."""
    from . import pipeline

    result: AnyResult = pipeline.run(Job(method="imagic"), request)
    for file, data in result.files.items():
        stem = file.rpartition(".")[0]
        shown = stem in PICTURES if name in gallery.examples() else file.endswith(".png")
        if shown and stem not in ("input", "picture", "mask"):
            path = gallery.EXAMPLES / "finished" / f"{name}-{file}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    results[name] = {"request": requests.KINDS.to_dict(request), "result": RESULTS.to_dict(result)}


def main(arguments: Iterable[str] | None = None) -> None:
    """Write everything, or the scenes alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scenes", action="store_true", help="needs no model")
    parser.add_argument(
        "--redraw", action="store_true", help="keep the kits, draw their strips again"
    )
    parser.add_argument("--only", nargs="*", help="scenes or verbs; the others stay as they are")
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    write_scenes()
    if chosen.scenes:
        return
    results: dict[str, Any] = {}
    if FINISHED.exists():
        results = json.loads(FINISHED.read_text("utf-8"))["results"]
    with tempfile.TemporaryDirectory() as folder:  # runs and uploads of this go nowhere
        settings.override(data_dir=Path(folder))
        for name, request in requests_to_keep().items():
            if chosen.only and name not in chosen.only:
                continue
            logger.info("%s", name)
            if name in gallery.examples() and not chosen.redraw:
                learn_kit(name)
            keep(name, request, results)
            ordered = {key: results[key] for key in requests_to_keep() if key in results}
            text = json.dumps({"results": ordered}, ensure_ascii=False, separators=(",", ":"))
            FINISHED.write_text(text + "\n", encoding="utf-8")
    list_files()


if __name__ == "__main__":
    main()
