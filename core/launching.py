"""Launching an app that `core.hub` built: the arguments, the GPU first, then serving until it stops."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

import core.gpu  # first: settles what `import spaces` means
from core import background, settings, sharing
from core.health import built
from core.settings import Settings
from core.ui import account, gate, head, leftovers, origins, routes, sessions, theme

logger = logging.getLogger(__name__)

THREADS = 96  # a page that follows a job holds one thread of Gradio's pool
SESSIONS = 500  # states kept; one of a large hub costs about 1 MB


def prepared(
    blocks: gr.Blocks, chosen: Settings, titles: dict[str, tuple[str, str]], slugs: tuple[str, ...]
) -> dict[str, Any]:
    """The arguments of an app's launch, with our MCP server where it is wanted."""
    arguments = launch_kwargs(chosen, titles)
    if mcp_wanted(chosen):
        _serve_mcp(blocks, arguments, slugs)
    return arguments


def _serve_mcp(blocks: gr.Blocks, arguments: dict[str, Any], slugs: tuple[str, ...]) -> None:
    """Put our MCP server where Gradio would put its own; the app's config says that it is there."""
    from core.ui.mcp import McpRoutes

    agents = McpRoutes(blocks, slugs)
    blocks.mcp_server = True
    app_kwargs = arguments["app_kwargs"]
    inner = app_kwargs["lifespan"]

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with agents.lifespan(), inner(app):
            yield

    app_kwargs.update(lifespan=lifespan, routes=[*agents.routes(), *app_kwargs["routes"]])


def _auth(chosen: Settings) -> Callable[[str, str], bool] | None:
    if chosen.auth is None:
        return None
    name, word = (part.encode() for part in chosen.auth)

    def check(user: str, password: str) -> bool:
        """Compare both in constant time, always both."""
        right_user = secrets.compare_digest(user.encode(), name)
        right_word = secrets.compare_digest(password.encode(), word)
        return right_user and right_word

    return check


def mcp_wanted(chosen: Settings) -> bool:
    """MCP is served when its package is there and no password guards the hub.

    An agent cannot log in on a page, and its list of tools must not be public there.
    """
    return chosen.auth is None and importlib.util.find_spec("mcp") is not None


def launch_kwargs(chosen: Settings, titles: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """The arguments of `Blocks.launch` for these settings."""
    return {
        "server_name": chosen.host,
        "server_port": chosen.port or None,
        "share": chosen.share,
        "root_path": chosen.root_path or None,
        "auth": _auth(chosen),
        "theme": theme.theme(),
        "footer_links": [],  # the navigation has API; light and dark are there too
        "max_file_size": chosen.max_upload_bytes,
        "max_threads": THREADS,
        "state_session_capacity": SESSIONS,
        "mcp_server": False,  # ours is among the routes where it is wanted
        "ssr_mode": False,
        "enable_monitoring": False,
        "show_error": True,
        "pwa": False,
        # Results are kept in our own run store; Gradio's copy in the browser would be a second,
        # unbounded one that the visitor cannot see from here.
        "run_history": False,
        "quiet": True,
        "app_kwargs": {
            "lifespan": sessions.lean,
            "routes": routes.routes(),
            "middleware": [
                Middleware(GZipMiddleware, minimum_size=1000),
                Middleware(head.PageHead, titles=titles),
                Middleware(origins.ForeignOrigins),
                *([Middleware(gate.Gate, pages=titles)] if chosen.auth else []),
                Middleware(leftovers.UploadLimit),
                *([Middleware(account.LoginAnswers)] if account.offered() else []),
            ],
        },
    }


@contextmanager
def running(
    blocks: gr.Blocks, arguments: dict[str, Any], *, port: int | None = None
) -> Iterator[str]:
    """Serve in a background thread and yield the address; closes on exit."""
    arguments = {**arguments, "prevent_thread_lock": True, "inbrowser": False}
    if port is not None:
        arguments["server_port"] = port or _free_port()
    url, _ = launch(blocks, arguments)
    try:
        yield url
    finally:
        blocks.close()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve_built(
    blocks: gr.Blocks,
    arguments: dict[str, Any],
    *,
    warm_up: bool = True,
    on_ready: Callable[[str], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> None:
    """Launch an app that `build_hub` or `build_one` made and block until it is stopped.

    Args:
        blocks: the app.
        arguments: the arguments of its `launch`.
        warm_up: import torch once the hub has been up for a while, so that the first job is quick.
        on_ready: called with the address as soon as the hub answers.
        on_note: called with each line about the public address, when one is asked for.
    """
    url, _ = launch(blocks, {**arguments, "share": False, "prevent_thread_lock": True})
    if on_ready is not None:
        on_ready(url)
    if arguments.get("share"):
        guarded = arguments.get("auth") is not None
        sharing.share(blocks, guarded=guarded, say=on_note or logger.warning)
    # On ZeroGPU the platform's package has imported torch already.
    background.start(warm=warm_up and not settings.current().zero_gpu)
    blocks.block_thread()


def launch(blocks: gr.Blocks, arguments: dict[str, Any]) -> tuple[str, str | None]:
    """Launch an app; returns its address and its public one, if it is shared.

    On ZeroGPU the launch itself is what packs the models for the workers and reports the start to
    the platform, so everything that needs the GPU is brought in just before it.

    Raises:
        VitrineError: this is a ZeroGPU Space whose package or torch does not fit.
    """
    chosen = settings.current()
    if chosen.zero_gpu:
        _prepare_zero_gpu(chosen)
    _, url, share = blocks.launch(**arguments)
    return url, share


def _prepare_zero_gpu(chosen: Settings) -> None:
    """Declare the GPU function, without which no start is reported, and place the models."""
    core.gpu.check()
    zero = importlib.import_module("core.jobs.zero")
    if chosen.device == "cpu":
        return
    preload = importlib.import_module("core.preload")
    built["unplaced"] = preload.preload(built["pages"])
    zero.expect_weights(preload.placed_bytes())
