"""Runs one call of a public endpoint: its turn, its job, its progress, its stop, its stored run."""

from __future__ import annotations

import asyncio
import functools
import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import gradio as gr
from anyio.to_thread import run_sync

from core.errors import JobCancelled
from core.jobs.job import STOPPED
from core.registry import MethodSpec
from core.ui import caller, links
from core.ui.actions import Kept, store_run
from core.ui.turns import Turns

_LOOK = 0.25  # seconds between two looks at whether the caller is still there
origin: ContextVar[str] = ContextVar("vitrine_origin", default="")
_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One public endpoint; the arguments of `Calls.endpoint`."""

    spec: MethodSpec
    name: str
    make: Callable[..., Any]
    work: Callable[[Any, Any], Any] | str
    keep: Callable[[Any, Any], Kept | None]
    answer: Callable[[Any], dict[str, Any]]
    example: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    action: str = ""
    heavy: bool = False
    grad: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with an answer of its own, from a function whose arguments also shape the answer."""

    request: Any
    answer: Callable[[Any], dict[str, Any]]  # Result -> JSON types


async def run(endpoint: Endpoint, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run one call to its end and return the answer with its run.

    Raises:
        VitrineError: the arguments cannot be used, the job failed, or too many calls wait.
    """
    from core.jobs import runner

    progress = gr.Progress()
    address = caller.own_address()
    origin.set(address)
    asked = await run_sync(functools.partial(endpoint.make, **arguments))
    if not isinstance(asked, Asked):
        asked = Asked(asked, endpoint.answer)
    give_back = await _gate().take(
        caller.name(),
        heavy=endpoint.heavy,
        tell=lambda ahead: progress((0, 100), f"Waiting: {ahead} ahead", unit="%"),
        gone=caller.left,
    )
    try:
        handle = runner().submit(
            endpoint.work,
            asked.request,
            method=endpoint.spec.slug,
            title=f"API: {endpoint.name.removeprefix(endpoint.spec.slug + '_')}",
            heavy=endpoint.heavy,
            grad=endpoint.grad,
            on_done=functools.partial(_save, endpoint),
        )
    except BaseException:
        give_back()
        raise
    last = await _follow(handle, progress, give_back)
    result = handle.result(0)
    answer = await run_sync(asked.answer, result)
    if handle.saved is None:
        return {**answer, "run": {"note": last.error}}
    return {**answer, "run": _told(handle.saved, address)}


async def _follow(handle: Any, progress: gr.Progress, give_back: Callable[[], None]) -> Any:
    """Forward a job's progress until its last event; stop the job when the caller leaves.

    The turn goes back when the job has really ended, not when its caller has left.
    """
    loop = asyncio.get_running_loop()
    box: asyncio.Queue[Any] = asyncio.Queue()

    def read() -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has ended
            for event in handle.events(tick=1.0):
                loop.call_soon_threadsafe(box.put_nowait, event)
            loop.call_soon_threadsafe(give_back)

    threading.Thread(target=read, name=f"call {handle.id[:6]}", daemon=True).start()
    try:
        while True:
            try:
                event = await asyncio.wait_for(box.get(), _LOOK)
            except TimeoutError:
                event = None
            if caller.left():
                raise JobCancelled(STOPPED)
            if event is not None and event.is_last:
                return event
            if event is not None:
                percent = round(100 * (event.fraction or 0.0))
                progress((percent, 100), _words(event), unit="%")
    finally:
        handle.cancel()  # without effect once the job has ended


def _words(event: Any) -> str:
    from core.ui.jobs import seconds_words

    left = "" if event.eta_seconds is None else f", about {seconds_words(event.eta_seconds)} left"
    return f"{event.text or 'Working'}{left}"


def _save(endpoint: Endpoint, handle: Any, result: Any) -> Any | None:
    """Store the result as a run of nobody's history; its address is its only key."""
    kept = endpoint.keep(handle.request, result)
    action = endpoint.action or handle.request.kind
    return store_run(handle, kept, action=action, title=endpoint.name)


def _told(run: Any, address: str) -> dict[str, Any]:
    """What a caller is told of the stored run: addresses that a person can open."""
    base = address.rstrip("/") + "/"
    return {
        "id": run.id,
        "page": urljoin(base, links.run_link(run.method, run.id)),
        "files": {
            name: urljoin(base, links.artifact_link(run.id, name))
            for name in sorted({*run.artifacts, links.RESULT_FILE, links.SETTINGS_FILE})
        },
    }


def _gate() -> Turns:
    """The turns of this event loop: all slots of the runner but one, and at least one."""
    loop = asyncio.get_running_loop()
    if loop not in _turns:
        from core.jobs import runner

        lanes = runner().snapshot()["lanes"]
        _turns[loop] = Turns(light=lanes["light"]["slots"] - 1, heavy=lanes["device"]["slots"] - 1)
    return _turns[loop]
