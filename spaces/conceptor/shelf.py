"""Decompositions that were learnt before, by model, concept and settings; and text features of a vocabulary.

One folder for each: `decomposition.json`, `result.json` and the result's files. The gallery that the method ships has
the same layout, so that a visitor's wish is looked for there too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core import settings
from core.errors import InputError
from core.runs.request import request_hash
from core.world.diffusion.judge import Judge

from . import choosing, decomposition, tokens
from .borrowing import Bench, judge_hash
from .config import Settings, to_dict
from .decomposition import Decomposition
from .results import RESULTS, DecomposeResult
from .tokens import Tokens

GALLERY = Path(__file__).parent / "examples" / "gallery"
KEEP = 200  # decompositions of the data directory; the oldest leave first
VERSION = 1  # of what is computed; a new one leaves the old results alone
_NAME = re.compile(r"[a-z0-9_]+\.(png|json|safetensors)")
_lock = threading.Lock()
_features: dict[str, Tensor] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """A decomposition with the result that shows it."""

    learnt: Decomposition
    result: DecomposeResult


def key_of(bench: Bench, concept: str, wanted: Settings) -> str:
    """What names a decomposition: model, judge, concept, settings."""
    return request_hash(
        {
            "version": VERSION,
            "weights": bench.weights,
            "judge": judge_hash(bench.judge),
            "tier": bench.tier,
            "concept": concept,
            "settings": to_dict(wanted),
        }
    )


def folder() -> Path:
    """Where decompositions are kept."""
    return settings.current().data_dir / "conceptor" / "decompositions"


def find(key: str) -> Found | None:
    """A decomposition that was learnt before; a folder that cannot be read counts as none."""
    for place in (GALLERY / key, folder() / key):
        if not (place / "result.json").is_file():
            continue
        try:
            learnt = decomposition.from_dict(_read(place / "decomposition.json"))
            result = RESULTS.from_dict(_read(place / "result.json"))
            files = {p.name: p.read_bytes() for p in sorted(place.iterdir()) if _is_file(p)}
        except (OSError, ValueError, InputError):
            continue
        if isinstance(result, DecomposeResult):
            return Found(learnt, replace(result, files=files, stored=True))
    return None


def _is_file(path: Path) -> bool:
    own = ("decomposition.json", "result.json")
    return bool(_NAME.fullmatch(path.name)) and path.name not in own


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def keep(key: str, found: Found, place: Path | None = None) -> Path:
    """Write a decomposition; a kill leaves a whole one or none.

    Args:
        key: from `key_of`.
        found: what to keep.
        place: the gallery, or another folder; the data directory by default.
    """
    root = folder() if place is None else place
    root.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", dir=root))
    try:
        files = {
            "decomposition.json": _json(found.learnt.to_dict()),
            "result.json": _json(RESULTS.to_dict(found.result)),
            **found.result.files,
        }
        for name, data in files.items():
            (made / name).write_bytes(data)
        made.chmod(0o755)
        with _lock:
            target = root / key
            if not target.exists():
                os.replace(made, target)
            if place is None:
                _forget(root)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return root / key


def _json(data: object) -> bytes:
    return (json.dumps(data, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _forget(root: Path) -> None:
    known = sorted((p for p in root.iterdir() if not p.name.startswith(".")), key=lambda p: p.stat().st_mtime)  # fmt: skip
    for path in known[:-KEEP]:
        shutil.rmtree(path, ignore_errors=True)


def texts_of(
    judge: Judge, found: Tokens, tier: str, tell: Callable[[float], None] | None = None
) -> Tensor | None:
    """Text features of tokens (V, F), once for a vocabulary; None without CLIP.

    The full tier's take minutes (49 thousand tokens in 27 sentences), so they are kept on disk.
    """
    if not judge.scores:
        return None
    name = request_hash([judge_hash(judge), tier, list(found.forms)])
    with _lock:
        known = _features.get(name)
    if known is not None:
        return known
    path = settings.current().data_dir / "conceptor" / "vocabularies" / f"{name}.safetensors"
    made = _load(path, len(found)) if tier == "full" else None
    if made is None:
        words = [form.removesuffix(tokens.END) for form in found.forms]
        made = choosing.features(judge, words, choosing.templates_of(tier), tell)
        if tier == "full":
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{os.getpid()}-{path.name}")
            save_file({"features": made}, part)
            os.replace(part, path)
    with _lock:
        _features[name] = made
    return made


def _load(path: Path, rows: int) -> Tensor | None:
    if not path.is_file():
        return None
    try:
        found = load_file(path).get("features")
    except (OSError, SafetensorError):
        return None
    if found is None or found.dtype != torch.float32 or len(found) != rows:
        return None
    return found
