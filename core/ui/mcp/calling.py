"""Runs an endpoint for an agent: hears its progress, and stops it when the call is taken back.

The function is called in this process, not over HTTP: neither a queue nor a second client lies
between the agent and the job, so progress arrives with the share that is done, and a cancelled call
ends its job at once.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_type_hints

import gradio as gr
from gradio.context import LocalContext

from core.errors import JobCancelled
from core.jobs.job import STOPPED

Tell = Callable[[float | None, str], None]  # share that is done in [0, 1], and what is being done


class _Ear:
    """What `gr.Progress` reports to, in place of Gradio's queue; `tell` hears it on the loop."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._loop = tell, asyncio.get_running_loop()
        self.event_ids_to_events: dict[str, Any] = {}  # this call is no event of the queue
        self.stopped = threading.Event()

    def set_progress(self, event_id: str, steps: Sequence[Any] | None) -> None:
        """Called by `gr.Progress` in any thread; ends a plain function whose caller has left."""
        if self.stopped.is_set():
            raise JobCancelled(STOPPED)
        if not steps:
            return
        step = steps[0]
        share = step.progress
        if share is None and step.index is not None and step.length:
            share = step.index / step.length
        self._loop.call_soon_threadsafe(self._tell, share, step.desc or "")


class _App:
    """The app as the function of an endpoint sees it: progress goes to an agent."""

    def __init__(self, blocks: gr.Blocks, ear: _Ear) -> None:
        self._blocks, self._queue = blocks, ear

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blocks, name)


async def run(
    blocks: gr.Blocks,
    function: Callable[..., Any],
    arguments: dict[str, Any],
    request: gr.Request,
    tell: Tell,
) -> Any:
    """Call an endpoint of any kind (plain, async, generator) and return its last value.

    When the task that awaits this is cancelled, an async endpoint is cancelled with it. A plain one
    is let go; it ends at the next step that it reports.
    """
    ear = _Ear(tell)
    LocalContext.blocks.set(_App(blocks, ear))  # type: ignore[arg-type]  # seen from the function only
    LocalContext.event_id.set(f"mcp-{secrets.token_hex(8)}")
    LocalContext.request.set(request)
    given = {**arguments, **_filled(function, request)}
    try:
        if inspect.iscoroutinefunction(function):
            return await function(**given)
        if inspect.isasyncgenfunction(function):
            last = None
            async for last in function(**given):  # noqa: B007  # the last one counts
                pass
            return last
        return await asyncio.to_thread(_last, function, given)
    finally:
        ear.stopped.set()


def _filled(function: Callable[..., Any], request: gr.Request) -> dict[str, gr.Request | None]:
    """The arguments that Gradio fills for an endpoint, by name; progress has a default."""
    hints = get_type_hints(function)
    filled: dict[str, gr.Request | None] = {}
    for name in inspect.signature(function).parameters:
        kinds = (hints.get(name), *get_args(hints.get(name)))
        if gr.Request in kinds:
            filled[name] = request
        elif gr.OAuthProfile in kinds or gr.OAuthToken in kinds:
            filled[name] = None  # an agent signs in nowhere
    return filled


def _last(function: Callable[..., Any], given: dict[str, Any]) -> Any:
    if not inspect.isgeneratorfunction(function):
        return function(**given)
    last = None
    for last in function(**given):  # noqa: B007  # the last one counts
        pass
    return last
