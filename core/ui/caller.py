"""Who calls a public endpoint, by which address, and whether they are still there."""

from __future__ import annotations

from typing import Any

from gradio.context import LocalContext


def _request() -> Any | None:
    found = LocalContext.request.get(None)
    return getattr(found, "request", None) or found


def own_address() -> str:
    """Address of this hub as the caller sees it, with the path that a proxy puts before it."""
    from gradio.route_utils import get_api_call_path, get_root_url

    request, blocks = _request(), LocalContext.blocks.get(None)
    if request is None or blocks is None:
        return ""
    try:
        path = get_api_call_path(request=request)
    except ValueError:  # called without Gradio's queue
        path = request.url.path
    return get_root_url(request=request, route_path=path, root_path=blocks.app.root_path)


def name() -> str:
    """Who calls: a user name, else the first address that a proxy tells of, else the connection's.

    A caller can lie about it; what protects visitors is the limit of all calls together.
    """
    request = _request()
    if request is None:
        return ""
    user = getattr(LocalContext.request.get(None), "username", None)
    forwarded = request.headers.get("x-forwarded-for", "").partition(",")[0].strip()
    return str(user or forwarded or getattr(request.client, "host", ""))


def left() -> bool:
    """Whether the event stream of this call was closed.

    Gradio tells a plain function nothing of it; its queue marks the event.
    """
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event_id is None:
        return False
    event = blocks._queue.event_ids_to_events.get(event_id)
    return event is not None and not event.alive
