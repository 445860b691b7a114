"""A zip of runs for taking away: settings, result, files, uploads, and how to open it again.

Each run has a folder: `README.txt`, `request.json`, `result.json`, its artifacts, and below
`inputs/` the uploads that the request names, each under its sha256.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from core.errors import InputError

from .png import settings_file
from .records import Run, artifact_name, is_sha256

MAX_RUNS = 200
MAX_BYTES = 2 * 2**30
_PACKED = {"png", "jpg", "jpeg", "webp", "flac", "mp3", "ogg", "mp4", "webm", "zip"}
_OWN = {"request.json", "result.json", "readme.txt", "inputs"}


def write_zip(
    runs: Sequence[Run],
    read: Callable[[str], bytes],
    target: Path,
    *,
    inputs: Mapping[str, Mapping[str, int]] | None = None,
) -> Path:
    """Write `runs` to `target`, which appears whole or not at all.

    Names are made anew here, whatever the database says, so that unpacking stays in its folder.

    Args:
        runs: what to export, one folder each.
        read: returns the verified content for a sha256.
        target: path of the zip, chosen by us and never by a visitor.
        inputs: for each run id, the sizes of its uploads by sha256.

    Raises:
        InputError: nothing to export, or too much of it.
        NotFoundError: a file of a run is gone.
    """
    uploads = inputs or {}
    size = sum(artifact.size for run in runs for artifact in run.artifacts.values())
    size += sum(sum(uploads.get(run.id, {}).values()) for run in runs)
    if not runs or len(runs) > MAX_RUNS or size > MAX_BYTES:
        raise InputError(
            f"{len(runs)} runs with {size / 2**20:.0f} MiB were chosen. From 1 to {MAX_RUNS} runs "
            f"with up to {MAX_BYTES // 2**20} MiB fit in one zip. Choose others."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            taken: set[str] = set()
            for run in runs:
                folder = _unused(_folder(run), taken)
                _add_run(archive, folder, run, read, uploads.get(run.id, {}))
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _folder(run: Run) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(run.created))
    return f"{artifact_name(run.method, 'run')}-{stamp}"


def _unused(name: str, taken: set[str]) -> str:
    stem, dot, extension = name.rpartition(".") if "." in name else (name, "", "")
    candidate, number = name, 2
    while candidate.lower() in taken:
        candidate, number = f"{stem}-{number}{dot}{extension}", number + 1
    taken.add(candidate.lower())
    return candidate


def _add_run(
    archive: zipfile.ZipFile,
    folder: str,
    run: Run,
    read: Callable[[str], bytes],
    uploads: Iterable[str],
) -> None:
    date = time.gmtime(max(run.created, 315_532_800))[:6]  # a zip knows no date before 1980

    def add(name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(f"{folder}/{name}", date_time=date)
        packed = name.rpartition(".")[2].lower() in _PACKED
        info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        archive.writestr(info, data)

    add("README.txt", _readme(run).encode())
    add("request.json", settings_file(run.method, run.request))
    add("result.json", (json.dumps(run.result, indent=1, ensure_ascii=False) + "\n").encode())
    taken = set(_OWN)
    for name, artifact in sorted(run.artifacts.items()):
        add(_unused(artifact_name(name), taken), read(artifact.sha256))
    for sha256 in uploads:
        if is_sha256(sha256):
            add(f"inputs/{sha256}", read(sha256))


def _readme(run: Run) -> str:
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(run.created))
    software = ", ".join(f"{name} {version}" for name, version in sorted(run.versions.items()))
    return (
        f"{run.title or run.method}\n"
        f"Made with {run.method} ({run.tier}) on {when} in {run.seconds:.1f} s with {software}.\n"
        "Drop this zip, or request.json, on the method's page to open it with these settings.\n"
    )
