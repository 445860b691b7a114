"""`run`: one run of a method without a browser; files in, a folder of files out.

What a method offers for it, in its `pipeline` module:

    VERBS: dict[str, str]                                  # verb to what it takes and gives
    request_from_cli(verb, files, params) -> Request       # InputError when they do not fit
    request_from_json(data) -> Request                     # the content of a request.json
    request_to_json(request) -> dict
    run(job, request) -> Result
    write_outputs(result, out: Path) -> list[Path]         # result.json and the artifacts

A request names its uploads by hash. They are written beside it as `inputs/<sha256>`, so that the
folder alone is enough to repeat the run on another machine.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from core import registry
from core.commands import WrongUsage
from core.commands.progress import Progress
from core.errors import InputError, NotFoundError

_PROTOCOL = ("VERBS", "request_from_cli", "request_from_json", "request_to_json", "write_outputs")
_UPLOAD = re.compile(r"sha256:([0-9a-f]{64})")
MAX_REQUEST_BYTES = 2**20


def parse_settings(given: list[str]) -> dict[str, str]:
    """Turn `["layer=embedding"]` into `{"layer": "embedding"}`.

    Raises:
        WrongUsage: an entry has no `=`, or a name comes twice.
    """
    found: dict[str, str] = {}
    for entry in given:
        name, separator, value = entry.partition("=")
        if not separator or not name.strip() or name.strip() in found:
            raise WrongUsage(
                f"--set got {entry!r}. Each setting is one NAME=VALUE. Write --set seed=1, say."
            )
        found[name.strip()] = value
    return found


def execute(
    slug: str,
    verb: str | None,
    files: list[Path],
    settings: dict[str, str],
    request_file: Path | None,
    out: Path,
) -> list[Path]:
    """Run a method once and return the files that were written to `out`.

    Args:
        slug: the method.
        verb: one of the method's verbs; not needed with `request_file`.
        files: input files of the verb.
        settings: settings of the verb, by name.
        request_file: a `request.json` written by an earlier run, instead of verb and files.
        out: folder; made when missing.

    Raises:
        VitrineError: the request cannot be used, or the run failed.
    """
    spec = registry.load(slug)
    pipeline = _pipeline(slug, spec.title)
    if request_file is not None:
        if verb or files or settings:
            raise WrongUsage(
                "--request came together with a verb, files or settings. The request holds them "
                "already. Give either."
            )
        request = _read_request(pipeline, request_file)
    else:
        request = _request(pipeline, spec.title, slug, verb, files, settings)
    out.mkdir(parents=True, exist_ok=True)
    written = _write_request(pipeline.request_to_json(request), out)
    return written + pipeline.write_outputs(_follow(spec, verb, request), out)


def _pipeline(slug: str, title: str) -> Any:
    try:
        pipeline = registry.module(slug, "pipeline")
    except ModuleNotFoundError as error:
        if not (error.name or "").endswith(".pipeline"):
            raise
        pipeline = None
    if not all(hasattr(pipeline, name) for name in _PROTOCOL):
        raise NotFoundError(f"{title} cannot run without a browser. Its page can. Start the hub.")
    return pipeline


def _request(
    pipeline: Any,
    title: str,
    slug: str,
    verb: str | None,
    files: list[Path],
    settings: dict[str, str],
) -> Any:
    if verb is None:
        verbs = "; ".join(f"{name} ({words})" for name, words in pipeline.VERBS.items())
        raise WrongUsage(
            f"{title} was asked for nothing. It can: {verbs}. "
            f"Write: run {slug} {next(iter(pipeline.VERBS))} FILE"
        )
    if verb not in pipeline.VERBS:
        known = ", ".join(pipeline.VERBS)
        raise WrongUsage(f"{title} cannot {verb!r}. It can: {known}. Use one of them.")
    for file in files:
        if not file.is_file():
            raise WrongUsage(f"There is no file {str(file)!r}. Give the path of one.")
    return pipeline.request_from_cli(verb, files, settings)


def _follow(spec: registry.MethodSpec, verb: str | None, request: Any) -> Any:
    """Run it as a job, as a page would, with a bar; Ctrl-C stops the job."""
    from core.jobs import runner

    handle = runner().submit(
        f"core.methods.{spec.slug}.pipeline:run",
        request,
        method=spec.slug,
        title=verb or getattr(request, "kind", spec.title),
        heavy=spec.heavy,
    )
    with Progress(spec.title) as progress:
        try:
            for event in handle.events(tick=1.0):
                progress.update(event.fraction, event.text, event.eta_seconds)
            return handle.result()
        except KeyboardInterrupt:
            handle.cancel()
            handle.wait(10)
            raise


def _write_request(data: dict[str, Any], out: Path) -> list[Path]:
    from core.runs import store

    path = out / "request.json"
    text = json.dumps(data, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")
    written = [path]
    for digest in sorted(set(_UPLOAD.findall(text))):
        target = out / "inputs" / digest
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(store().get_input(digest))
        written.append(target)
    return written


def _read_request(pipeline: Any, path: Path) -> Any:
    from core.runs import store
    from core.runs.request import parse_json

    text = path.read_text("utf-8", errors="replace")
    data = parse_json(text, max_bytes=MAX_REQUEST_BYTES, what="request")
    for digest in sorted(set(_UPLOAD.findall(text))):
        beside = path.parent / "inputs" / digest
        if beside.is_file():
            kept = store().put_input(beside.read_bytes(), "application/octet-stream")
            if kept != digest:
                raise InputError(
                    f"The file inputs/{digest[:12]}... beside the request was changed. "
                    "Its content must fit its name. Copy the folder once more."
                )
    return pipeline.request_from_json(data)
