"""Public endpoints: the one way in which a script or an agent runs a request.

    CALLS = Calls(SPEC, work=VERBS.work, keep=VERBS.keep, answer=RESULTS.to_dict)

    @CALLS.endpoint(example={"clip": example("reader-1841-a")}, command="run trill explore {clip}")
    def trill_explore(clip: FileData, layer: Layer = "embedding") -> ExploreRequest:
        '''Docstring with Args and Returns: the page, MCP and the tests read it.'''
        return ExploreRequest(clip=take(clip), layer=layer)

    CALLS.publish()          # inside the open Blocks

A function turns arguments into a request, quickly and without torch. The rest is the same for all:
the job, its progress, the stop when the caller leaves, the stored run, the words of an error.
Every call takes its turn (`core.ui.turns`), so that scripts never keep visitors waiting.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from gradio.context import Context
from gradio.events import api

from core.registry import MethodSpec
from core.ui import call_run
from core.ui.actions import Kept
from core.ui.call_run import Asked, Endpoint
from core.ui.errors import visitor_errors
from core.ui.received import Received
from core.ui.received import received as _received

__all__ = ["Asked", "Calls", "Endpoint", "Example", "endpoint_of", "example", "received"]

Make = TypeVar("Make", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Example:
    """A file argument of a printed call: an example that the method ships, by its id."""

    id: str
    file: str = ""  # what the reader calls it; default is the id with the ending of the file


def example(example_id: str, file: str = "") -> Example:
    """Name a shipped example as a file argument of a printed call."""
    return Example(example_id, file)


def received(file: Any) -> Received:
    """The content of a file argument, for the function of an endpoint.

    Raises:
        InputError: it is no upload, and no address that gives a file.
    """
    return _received(file, origin=call_run.origin.get())


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
        work: Callable[[Any, Any], Any] | str,
        keep: Callable[[Any, Any], Kept | None],
        answer: Callable[[Any], dict[str, Any]],
    ) -> None:
        """Start without endpoints.

        Args:
            spec: the method's card.
            work: `(Job, Request) -> Result`, as on the page, or its name "module:function".
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
            command: what to write after `python app.py` for the same, if it can be; `{clip}` stands
                for the file of the example that is the argument `clip`.
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
            return await call_run.run(endpoint, bound.arguments)

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
