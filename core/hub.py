"""The hub: one Gradio app with a landing page, a page per method, Jobs and Status.

    blocks, launch_kwargs = build_hub()      # everything that `VITRINE_METHODS` asks for
    blocks, launch_kwargs = build_one(slug)  # one method at `/`, for a Space of its own
    serve()                                  # build, queue, launch, block
    with running(port=0) as url: ...         # the same in a background thread, for tests

Method pages are laid out inline by their `ui.layout()`, which must not import torch. One that fails
becomes a page with its error.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import core.gpu  # first: settles what `import spaces` means

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from core import background, registry, settings, sharing
from core.health import built
from core.registry import MethodSpec
from core.settings import Settings
from core.ui import (
    account,
    api_page,
    chrome,
    gate,
    head,
    landing,
    leftovers,
    origins,
    routes,
    sessions,
    status,
    theme,
    visitor_jobs,
)
from core.ui.page import failed_page

logger = logging.getLogger(__name__)

CONCURRENT = 8  # events of one handler at a time; jobs have their own limits
THREADS = 96  # a page that follows a job holds one thread of Gradio's pool
SESSIONS = 500  # states kept; one of a large hub costs about 1 MB


def _load_specs(only: tuple[str, ...]) -> tuple[list[MethodSpec], list[landing.Broken]]:
    found, broken = [], []
    for slug in only or registry.slugs():
        try:
            found.append(registry.load(slug))
        except Exception as error:  # one bad card must not take the hub down
            logger.exception("the card of %s cannot be read", slug)
            broken.append(landing.Broken(slug, slug, _brief(error)))
    return sorted(found, key=lambda spec: (spec.order, spec.slug)), broken


def _brief(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}".strip()
    return text if len(text) <= 400 else text[:400] + "…"


@contextmanager
def _rollback(blocks: gr.Blocks) -> Iterator[None]:
    """Take away what a layout added before it failed, so that its page starts empty again."""
    config = blocks.default_config
    kept_blocks, kept_fns = set(config.blocks), set(config.fns)
    children = list(blocks.children)
    endpoint = config.fn_id
    try:
        yield
    except BaseException:
        for ident in set(config.blocks) - kept_blocks:
            del config.blocks[ident]
        for ident in set(config.fns) - kept_fns:
            del config.fns[ident]
        config.fn_id = endpoint
        blocks.children[:] = children
        raise


def _method_page(blocks: gr.Blocks, spec: MethodSpec) -> landing.Broken | None:
    """Lay out one method inside the open page; returns what went wrong, if anything."""
    try:
        with _rollback(blocks):
            registry.module(spec.slug, "ui").layout()
    except Exception as error:  # the other methods must live
        logger.exception("the page of %s could not be built", spec.slug)
        broken = landing.Broken(spec.slug, spec.title, _brief(error))
        failed_page(spec.slug, spec.title, broken.error)
        return broken
    return None


def _endpoints(
    blocks: gr.Blocks, specs: list[MethodSpec], titles: dict[str, tuple[str, str]]
) -> dict[str, landing.Broken]:
    """Lay out the API page with the public endpoints of all methods; returns what went wrong.

    On a page of their own they do not weigh on the method pages: Gradio sends every endpoint's
    description with the page it was declared on.
    """
    failed: dict[str, landing.Broken] = {}
    titles["api"] = ("API · Vitrine", "")
    with blocks.route("API", "/api", show_in_navbar=False):
        for spec in specs:
            try:
                with _rollback(blocks):
                    publish = getattr(registry.module(spec.slug, "ui"), "api", None)
                    if publish is not None:
                        publish()
            except Exception as error:  # the other methods must live
                logger.exception("the endpoints of %s could not be declared", spec.slug)
                failed[spec.slug] = landing.Broken(spec.slug, spec.title, _brief(error))
        api_page.layout(blocks)
    return failed


def build_hub(given: Settings | None = None) -> tuple[gr.Blocks, dict[str, Any]]:
    """Build every page; returns the app and the arguments of `launch`.

    Args:
        given: settings to use for the process; default is what is current.
    """
    if given is not None:
        settings.use(given)
    chosen = settings.current()
    leftovers.settle(chosen)
    chrome.single(None)
    specs, broken = _load_specs(chosen.methods)
    titles = {"": ("Vitrine", landing.LEAD)}
    with gr.Blocks(title="Vitrine", analytics_enabled=False) as hub:
        pass
    unpublished = _endpoints(hub, specs, titles)
    for spec in specs:
        titles[spec.slug] = (f"{spec.title} · Vitrine", spec.summary)
        with hub.route(spec.title, f"/{spec.slug}", show_in_navbar=False):
            if (failed := unpublished.get(spec.slug)) is not None:
                failed_page(spec.slug, spec.title, failed.error)
            else:
                failed = _method_page(hub, spec)
        if failed is not None:
            broken.append(failed)
    for bad in broken:
        if bad.slug not in titles:
            titles[bad.slug] = (f"{bad.title} · Vitrine", "This page could not be built.")
            with hub.route(bad.title, f"/{bad.slug}", show_in_navbar=False):
                failed_page(bad.slug, bad.title, bad.error)
    for slug, title, lay_out in (
        ("jobs", "Jobs", visitor_jobs.layout),
        ("status", "Status", status.layout),
        *_account_page(),
    ):
        titles[slug] = (f"{title} · Vitrine", "")
        with hub.route(title, f"/{slug}", show_in_navbar=False):
            lay_out()
    failed_slugs = {bad.slug for bad in broken}
    hub.current_page = ""
    with hub:
        landing.layout([s for s in specs if s.slug not in failed_slugs], broken)
    return _ready(hub, chosen, titles, [s.slug for s in specs], broken)


def _account_page() -> list[tuple[str, str, Callable[[], None]]]:
    return [(account.PAGE, account.TITLE, account.layout)] if account.offered() else []


def build_one(slug: str, given: Settings | None = None) -> tuple[gr.Blocks, dict[str, Any]]:
    """Build a single method at `/`, as its own Space runs it.

    Raises:
        NotFoundError: there is no such method.
    """
    if given is not None:
        settings.use(given)
    leftovers.settle(settings.current())
    spec = registry.load(slug)
    chrome.single(slug)
    titles = {"": (spec.title, spec.summary)}
    with gr.Blocks(title=spec.title, analytics_enabled=False) as app:
        failed = _method_page(app, spec)
    if failed is None:
        failed = _endpoints(app, [spec], titles).get(slug)
    for path, title, lay_out in _account_page():
        titles[path] = (f"{title} · {spec.title}", "")
        with app.route(title, f"/{path}", show_in_navbar=False):
            lay_out()
    broken = [failed] if failed is not None else []
    return _ready(app, settings.current(), titles, [slug], broken)


def _ready(
    blocks: gr.Blocks,
    chosen: Settings,
    titles: dict[str, tuple[str, str]],
    pages: list[str],
    broken: list[landing.Broken],
) -> tuple[gr.Blocks, dict[str, Any]]:
    blocks.queue(max_size=chosen.queue_size, default_concurrency_limit=CONCURRENT)
    built.update(pages=pages, broken=broken, blocks=blocks, started=time.time())
    arguments = launch_kwargs(chosen, titles)
    if mcp_wanted(chosen):
        _serve_mcp(blocks, arguments, tuple(pages))
    return blocks, arguments


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


def serve(
    given: Settings | None = None,
    *,
    single: str | None = None,
    warm_up: bool = True,
    on_ready: Callable[[str], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> None:
    """Build the hub, or one method at `/`, launch it and block until it is stopped.

    See `serve_built` for the other arguments.
    """
    app = build_hub(given) if single is None else build_one(single, given)
    serve_built(*app, warm_up=warm_up, on_ready=on_ready, on_note=on_note)


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
    if chosen.zero_gpu and chosen.device != "cpu":
        _prepare_zero_gpu()
    _, url, share = blocks.launch(**arguments)
    return url, share


def _prepare_zero_gpu() -> None:
    """Declare the GPU function, which must exist when the launch reports, and place the models."""
    core.gpu.check()
    zero = importlib.import_module("core.jobs.zero")
    preload = importlib.import_module("core.preload")
    built["unplaced"] = preload.preload(built["pages"])
    zero.expect_weights(preload.placed_bytes())
