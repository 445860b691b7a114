"""The hub: one Gradio app with a landing page, a page per method, Jobs and Status.

    blocks, launch_kwargs = build_hub()      # everything that `VITRINE_METHODS` asks for
    blocks, launch_kwargs = build_one(slug)  # one method at `/`, for a Space of its own
    serve()                                  # build, queue, launch, block
    with running(port=0) as url: ...         # the same in a background thread, for tests

Method pages are laid out inline by their `ui.layout()`, which must not import torch. One that fails
becomes a page with its error.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import core.gpu  # noqa: F401  # first: settles what `import spaces` means

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from core import registry, settings
from core.health import built
from core.launching import launch, mcp_wanted, prepared, running, serve_built
from core.registry import MethodSpec
from core.settings import Settings
from core.ui import (
    account,
    api_page,
    chrome,
    landing,
    leftovers,
    status,
    visitor_jobs,
)
from core.ui.page import failed_page

logger = logging.getLogger(__name__)

__all__ = ["build_hub", "build_one", "launch", "mcp_wanted", "running", "serve", "serve_built"]

CONCURRENT = 8  # events of one handler at a time; jobs have their own limits


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
    return blocks, prepared(blocks, chosen, titles, tuple(pages))


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
