"""Public endpoints: the one way in which a script or an agent runs a request.

    CALLS = Calls(SPEC, work=work, keep=keep, answer=result_to_dict)

    @CALLS.endpoint(example={"clip": example("reader-1841-a")}, command="explore clip.flac")
    def trill_explore(clip: FileData, layer: Layer = "embedding") -> ExploreRequest:
        '''Docstring with Args and Returns: the page, MCP and the tests read it.'''
        return ExploreRequest(clip=take(clip), layer=layer)

    CALLS.publish()          # inside the open Blocks

A function turns arguments into a request, quickly and without torch. The rest is the same for all:
the job, its progress, the stop when the caller leaves, the stored run, the words of an error.
Every call takes its turn (`core.ui.turns`), so that scripts never keep visitors waiting.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import time
import typing
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urljoin

import gradio as gr
from anyio.to_thread import run_sync
from gradio.context import Context, LocalContext
from gradio.events import api

from core.errors import JobCancelled
from core.jobs.job import STOPPED
from core.registry import MethodSpec
from core.ui import links
from core.ui.actions import Kept
from core.ui.errors import visitor_errors
from core.ui.received import Received
from core.ui.received import received as _received
from core.ui.turns import Turns

Make = TypeVar("Make", bound=Callable[..., Any])

_LOOK = 0.25  # seconds between two looks at whether the caller is still there
_origin: ContextVar[str] = ContextVar("vitrine_origin", default="")
_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Example:
    """A file argument of a printed call: an example that the method ships, by its id."""

    id: str
    file: str = ""  # what the reader calls it; default is the id with the ending of the file


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One public endpoint; the arguments of `Calls.endpoint`."""

    spec: MethodSpec
    name: str
    make: Callable[..., Any]
    work: Callable[[Any, Any], Any]
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


def example(example_id: str, file: str = "") -> Example:
    """Name a shipped example as a file argument of a printed call."""
    return Example(example_id, file)


def received(file: Any) -> Received:
    """The content of a file argument, for the function of an endpoint.

    Raises:
        InputError: it is no upload, and no address that gives a file.
    """
    return _received(file, origin=_origin.get())


async def _keep_address(gradios_way: Callable[[Any], Awaitable[Any]], url_or_file_path: Any) -> Any:
    """Leave the address of a file alone; a path goes Gradio's way, which checks it is an upload.

    Gradio would fetch addresses before the call, without a limit, and refuses those of a hub on
    this machine; `core.ui.received` reads them.
    """
    if str(url_or_file_path).startswith(("http://", "https://")):
        return str(url_or_file_path)
    return await gradios_way(url_or_file_path)


class Calls:
    """The public endpoints of one method."""

    def __init__(
        self,
        spec: MethodSpec,
        *,
        work: Callable[[Any, Any], Any],
        keep: Callable[[Any, Any], Kept | None],
        answer: Callable[[Any], dict[str, Any]],
    ) -> None:
        """Start without endpoints.

        Args:
            spec: the method's card.
            work: `(Job, Request) -> Result`, as on the page; imports the pipeline inside.
            keep: `(Request, Result) -> Kept`, what is stored as a run.
            answer: `Result -> JSON types`, what the caller gets.
        """
        self.spec = spec
        self.endpoints: dict[str, Endpoint] = {}
        self._work, self._keep, self._answer = work, keep, answer

    def endpoint(
        self,
        *,
        example: Mapping[str, Any],
        command: str = "",
        action: str = "",
        heavy: bool | None = None,
        grad: bool = False,
    ) -> Callable[[Make], Make]:
        """Declare the decorated function as an endpoint of its name.

        The function turns arguments into a request, or into `Asked`.

        Args:
            example: arguments of the call that the API page prints; files as `example(id)`.
            command: what to write after `python app.py run SLUG` for the same, if it can be.
            action: action of the page that opens the stored run; default is the request's `kind`.
            heavy: whether the job needs the device; default is what the card says.
            grad: whether the job trains, so that gradients are on.

        Raises:
            ValueError: the name is taken, or does not begin with the slug.
        """

        def declare(make: Make) -> Make:
            name = make.__name__
            if name in self.endpoints or not name.startswith(f"{self.spec.slug}_"):
                raise ValueError(f"endpoint {name!r} is declared twice, or lacks {self.spec.slug}_")
            self.endpoints[name] = Endpoint(
                spec=self.spec,
                name=name,
                make=make,
                work=self._work,
                keep=self._keep,
                answer=self._answer,
                example=example,
                command=command,
                action=action,
                heavy=self.spec.heavy if heavy is None else heavy,
                grad=grad,
            )
            return make

        return declare

    def publish(self) -> None:
        """Add the endpoints to the Blocks that is open."""
        for endpoint in self.endpoints.values():
            # no limit here: a call that waits in Gradio's queue would take a visitor's place in it
            api(handler(endpoint), api_name=endpoint.name, concurrency_limit=None)
        blocks = Context.root_block
        assert blocks is not None, "endpoints are declared inside a Blocks"
        for fn in blocks.default_config.fns.values():
            if fn.api_name in self.endpoints:
                for argument in fn.inputs:  # no class of our own: Gradio writes stubs beside those
                    gradios_way = argument.async_move_resource_to_block_cache
                    argument.async_move_resource_to_block_cache = functools.partial(
                        _keep_address, gradios_way
                    )


def handler(endpoint: Endpoint) -> Callable[..., Awaitable[dict[str, Any]]]:
    """The function that Gradio calls: same name, arguments and docstring, gives the answer.

    A coroutine: it holds no thread while it waits, and Gradio interrupts it at once on a cancel.
    """
    signature = inspect.signature(endpoint.make)

    @functools.wraps(endpoint.make)
    async def call(*args: Any, **kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        with visitor_errors():
            return await run(endpoint, bound.arguments)

    hints = typing.get_type_hints(endpoint.make) | {"return": dict}
    call.__annotations__ = hints
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            p.replace(annotation=hints.get(p.name, p.annotation))
            for p in signature.parameters.values()
        ],
        return_annotation=dict,
    )
    call.endpoint = endpoint  # type: ignore[attr-defined]
    return call


def endpoint_of(fn: Callable[..., Any]) -> Endpoint | None:
    """The declaration behind a published function; None for one that was published otherwise."""
    return getattr(fn, "endpoint", None)


async def run(endpoint: Endpoint, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run one call to its end and return the answer with its run.

    Raises:
        VitrineError: the arguments cannot be used, the job failed, or too many calls wait.
    """
    from core.jobs import runner

    progress = gr.Progress()
    caller, origin = _caller(), _own_address()
    _origin.set(origin)
    asked = await run_sync(functools.partial(endpoint.make, **arguments))
    if not isinstance(asked, Asked):
        asked = Asked(asked, endpoint.answer)
    give_back = await _gate().take(
        caller,
        heavy=endpoint.heavy,
        tell=lambda ahead: progress((0, 100), f"Waiting: {ahead} ahead", unit="%"),
        gone=_caller_left,
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
    return {**answer, "run": _told(handle.saved, origin)}


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
            if _caller_left():
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
    if kept is None:
        return None
    from core.runs import store
    from core.runs.request import to_json

    started = handle.info().started
    return store().save(
        method=endpoint.spec.slug,
        request={
            "action": endpoint.action or handle.request.kind,
            "request": to_json(handle.request),
        },
        result=kept.result,
        artifacts=kept.artifacts,
        title=kept.title or endpoint.name,
        seconds=time.time() - started if started else 0.0,
        thumbnail=kept.thumbnail,
        tier=kept.tier,
    )


def _told(run: Any, origin: str) -> dict[str, Any]:
    """What a caller is told of the stored run: addresses that a person can open."""
    base = origin.rstrip("/") + "/"
    return {
        "id": run.id,
        "page": urljoin(base, links.run_link(run.method, run.id)),
        "files": {
            name: urljoin(base, links.artifact_link(run.id, name))
            for name in sorted({*run.artifacts, links.RESULT_FILE})
        },
    }


def _gate() -> Turns:
    """The turns of this event loop: all light slots of the runner but one, one heavy slot."""
    loop = asyncio.get_running_loop()
    if loop not in _turns:
        from core.jobs import runner

        _turns[loop] = Turns(light=runner().snapshot()["lanes"]["light"]["slots"] - 1)
    return _turns[loop]


def _request() -> Any | None:
    found = LocalContext.request.get(None)
    return getattr(found, "request", None) or found


def _own_address() -> str:
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


def _caller() -> str:
    """Who calls: a user name, else the first address that a proxy tells of, else the connection's.

    A caller can lie about it; what protects visitors is the limit of all calls together.
    """
    request = _request()
    if request is None:
        return ""
    user = getattr(LocalContext.request.get(None), "username", None)
    forwarded = request.headers.get("x-forwarded-for", "").partition(",")[0].strip()
    return str(user or forwarded or getattr(request.client, "host", ""))


def _caller_left() -> bool:
    """Whether the event stream of this call was closed.

    Gradio tells a plain function nothing of it; its queue marks the event.
    """
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event_id is None:
        return False
    event = blocks._queue.event_ids_to_events.get(event_id)
    return event is not None and not event.alive
