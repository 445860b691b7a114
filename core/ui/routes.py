"""HTTP beside Gradio: health, metrics, our assets, files of stored runs, and the page's head.

A file is named by a run's id and one of its artifact names, never by a path; the store decides what
there is. With a password on the hub, files and metrics want the same login as the pages.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from gradio.route_utils import get_root_url
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from core import health, registry, settings
from core import metrics as metrics_of
from core.errors import NotFoundError
from core.ui import embed, links, theme

_YEAR = "public, max-age=31536000, immutable"
_INLINE = re.compile(
    r"(image/(png|jpeg|webp|gif)|audio/[\w.+-]+|video/[\w.+-]+|application/json|text/plain)"
)
_DOWNLOAD_SECONDS = 600.0
_EXPORT = "vitrine-export-"  # how `core.ui.history` names the folder of an export
_DOWNLOAD_SHARE = 8  # part of the disk limit that downloads may take

_downloads: dict[str, tuple[Path, float]] = {}


def offer_download(path: Path) -> str:
    """Offer a finished file for ten minutes; returns its address, relative to the hub.

    The oldest go earlier when all of them together take too much of the disk.
    """
    now = time.monotonic()
    most = settings.current().max_disk // _DOWNLOAD_SHARE
    held = _size(path)
    for token, (old, until) in reversed(list(_downloads.items())):
        held += _size(old)
        if until < now or 0 < most < held:
            _downloads.pop(token, None)
            held -= _size(old)
            old.unlink(missing_ok=True)
            if old.parent.name.startswith(_EXPORT):  # a folder that was made for it
                with contextlib.suppress(OSError):
                    old.parent.rmdir()
    token = secrets.token_urlsafe(18)
    _downloads[token] = (path, now + _DOWNLOAD_SECONDS)
    return f"download/{token}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _may_read(request: Request) -> bool:
    app = request.app
    if getattr(app, "auth", None) is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(request.cookies.get(name) in app.tokens for name in names)


def _refuse(status: int, text: str) -> Response:
    return PlainTextResponse(
        text, status_code=status, headers={"x-content-type-options": "nosniff"}
    )


async def asset(request: Request) -> Response:
    """Our style sheet and script; the name holds their hash."""
    found = theme.asset_names().get(request.path_params["name"])
    if found is None:
        return _refuse(404, "There is no such asset.")
    body, media_type = found
    headers = {"cache-control": _YEAR, "x-content-type-options": "nosniff"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["vary"] = "accept-encoding"
    return Response(body, media_type=media_type, headers=headers)


def run_file(run_id: str, name: str) -> tuple[bytes | Path, str]:
    """Content (or a local file) and media type of one file of a stored run.

    Raises:
        NotFoundError: there is no such run or file.
    """
    from core.runs import store
    from core.runs.request import canonical_json

    run = store().get(run_id)
    if name == links.SETTINGS_FILE and name not in run.artifacts:
        stored = {"vitrine": links.FORMAT, "method": run.method, "request": run.request}
        data = json.dumps(stored | {"run": run.id}, indent=1, ensure_ascii=False)
        return data.encode(), "application/json"
    if name == links.RESULT_FILE and name not in run.artifacts:
        return canonical_json(run.result).encode(), "application/json"
    if name not in run.artifacts:
        raise NotFoundError("The run has no such file.")
    return store().artifact_file(run_id, name), run.artifacts[name].media_type


async def artifact(request: Request) -> Response:
    """One file of a stored run, inline for media and as a download for the rest."""
    if not _may_read(request):
        return _refuse(401, "Log in first.")
    run_id, name = request.path_params["run"], request.path_params["name"]
    try:
        content, media_type = await run_in_threadpool(run_file, run_id, name)
    except NotFoundError:
        return _refuse(404, "There is no such file, or no longer.")
    inline = (
        bool(_INLINE.fullmatch(media_type))
        and "download" not in request.query_params
        and name != links.SETTINGS_FILE
    )
    headers = {
        "content-disposition": f'{"inline" if inline else "attachment"}; filename="{quote(name)}"',
        "cache-control": "private, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    if isinstance(content, Path):
        return FileResponse(content, media_type=media_type, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


@lru_cache(maxsize=64)
def examples(slug: str) -> dict[str, Path]:
    """Files that a method's `examples/examples.json` lists, by id; nothing else is served."""
    folder = registry.load(slug).folder / "examples"
    listed = json.loads((folder / "examples.json").read_text("utf-8"))
    entries = [entry for rows in listed.values() for entry in rows]
    return {entry["id"]: folder / entry["file"] for entry in entries}


async def example(request: Request) -> Response:
    """One of the examples that a method ships, by its id."""
    if not _may_read(request):
        return _refuse(401, "Log in first.")
    try:
        files = await run_in_threadpool(examples, request.path_params["method"])
        path = files[request.path_params["id"]]
    except (NotFoundError, KeyError, OSError):
        return _refuse(404, "There is no such example.")
    headers = {"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"}
    return FileResponse(path, headers=headers)


async def download(request: Request) -> Response:
    """A file that a server function offered a moment ago."""
    if not _may_read(request):
        return _refuse(401, "Log in first.")
    path, until = _downloads.get(request.path_params["token"], (Path(), 0.0))
    if until < time.monotonic() or not path.is_file():
        return _refuse(404, "This download has expired. Export again.")
    return FileResponse(path, filename=path.name, headers={"cache-control": "no-store"})


async def healthz(request: Request) -> Response:
    """Whether the process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Whether the hub can take work: its queue runs and every shown method has a page."""
    state = health.state()
    return JSONResponse(state, status_code=200 if state["ready"] else 503)


async def llms(request: Request) -> Response:
    """The hub in plain text for language models."""
    if not _may_read(request):
        return _refuse(401, "Log in first.")
    from core.ui import llms as words
    from core.ui.manual import manuals

    blocks = health.built["blocks"]
    origin = get_root_url(request, route_path="/llms.txt", root_path=blocks.app.root_path)
    return PlainTextResponse(await run_in_threadpool(words.text, manuals(blocks), origin))


async def metrics(request: Request) -> Response:
    """Prometheus text."""
    if not _may_read(request):
        return _refuse(401, "Log in first.")
    body, media_type = await run_in_threadpool(metrics_of.render)
    return Response(body, media_type=media_type)


def routes() -> list[Route]:
    """All routes beside Gradio's own."""
    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/llms.txt", llms),
        Route("/vitrine/{name}", asset),
        Route("/artifact/{run}/{name}", artifact),
        Route("/download/{token}", download),
        Route("/example/{method}/{id}", example),
        *embed.routes(),
    ]
