"""One thing a visitor can do on a page: its job, its result, its run, its way back.

`Page.action` builds an `Action`; this module wires it: click to job, events to the run bar and the
outputs, result to the run store, and the same `show` for a fresh result, a re-attached job and a
stored run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import VitrineError
from core.ui import jobs, links, snippets
from core.ui.errors import sentence

logger = logging.getLogger(__name__)
Updates = dict[Any, Any]  # component to new value


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What of a result is stored as a run."""

    result: dict[str, Any]
    artifacts: Mapping[str, bytes | Path] = field(default_factory=dict)
    thumbnail: str | None = None  # name of one of the artifacts
    title: str = ""
    tier: str = "embedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A result that is about to be shown, fresh or stored."""

    result: Any  # what `work` returned, or what `restore` made of the run
    run: Any | None = None  # the stored run; None when it could not be saved
    stored: bool = False  # opened from the store rather than just computed
    seconds: float = 0.0

    def link(self, name: str) -> str:
        """Address of one of the run's files, or an empty text without a run."""
        return links.artifact_link(self.run.id, name) if self.run is not None else ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Action:
    """One thing a visitor can do on a page; the arguments of `Page.action`."""

    method: str
    name: str
    title: str
    bar: gr.HTML
    triggers: Sequence[Any]
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    make: Callable[..., Any]
    work: Callable[[Any, Any], Any]
    show: Callable[[Shown], Updates]
    fill: Callable[[dict[str, Any]], Updates] | None = None
    preview: Callable[[Any], Updates] | None = None
    keep: Callable[[Any, Any], Kept | None] | None = None
    restore: Callable[[Any], Any] | None = None
    api_name: str = ""
    api_arguments: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    heavy: bool = False
    grad: bool = False

    def settings(self, request: Any, run: str = "") -> links.Settings:
        """The request as it goes into links and files."""
        from core.runs.request import to_json

        data = request if isinstance(request, dict) else to_json(request)
        return links.Settings(self.method, self.name, data, run)

    def submit(self, values: Sequence[Any], owner: str) -> Any:
        """Start the job and return its handle.

        Raises:
            InputError: the inputs cannot be used.
            BusyError: too many jobs.
        """
        from core.jobs import runner

        return runner().submit(
            self.work,
            self.make(*values),
            method=self.method,
            title=self.title,
            owner=owner,
            heavy=self.heavy,
            grad=self.grad,
            on_done=self.save,
        )

    def save(self, handle: Any, result: Any) -> Any | None:
        """Store the result as a run, in the worker thread; a full disk must not cost the result."""
        if self.keep is None:
            return None
        started = handle.info().started or time.time()
        kept = self.keep(handle.request, result)
        if kept is None:
            return None
        from core.runs import store

        settings = self.settings(handle.request)
        try:
            return store().save(
                method=self.method,
                request={"action": self.name, "request": settings.request},
                result=kept.result,
                artifacts=kept.artifacts,
                owner=handle.owner,
                title=kept.title or self.title,
                seconds=max(time.time() - started, 0.0),
                thumbnail=kept.thumbnail,
                tier=kept.tier,
            )
        except Exception:  # the run store must never take a finished result away from its visitor
            logger.exception("a run of %s could not be saved", self.method)
            return None

    def stream(self, handle: Any) -> Iterator[Updates]:
        """Updates of bar and outputs from a job's first event to its last."""
        for _, event in jobs.follow(handle):
            if event.kind == "done":
                yield self._done(handle, event)
            elif event.kind in {"failed", "cancelled"}:
                text = event.error or ("Stopped." if event.kind == "cancelled" else "")
                yield {self.bar: jobs.ended_html(event.kind, text)}
            else:
                bar = jobs.working_html(
                    handle.id,
                    fraction=event.fraction,
                    text=event.text,
                    position=event.position if event.kind == "queued" else None,
                    eta_seconds=event.eta_seconds,
                )
                updates: Updates = {self.bar: bar}
                if event.kind == "preview" and self.preview is not None:
                    updates |= self.preview(event.preview)
                yield updates

    def _done(self, handle: Any, event: Any) -> Updates:
        info = handle.info()
        seconds = max((info.ended or event.time) - (info.started or event.time), 0.0)
        shown = Shown(result=event.result, run=handle.saved, seconds=seconds)
        text = f"Done in {jobs.seconds_words(seconds)}."
        if self.keep is not None and handle.saved is None:
            text += " It could not be saved; download what you need before you leave."
        return {self.bar: self._ended(shown, handle.request, text)} | self.show(shown)

    def reopen(self, run: Any) -> Updates:
        """Updates that fill the inputs from a stored run and show its result."""
        shown = Shown(
            result=self.restore(run) if self.restore else run.result,
            run=run,
            stored=True,
            seconds=run.seconds,
        )
        request = run.request["request"]
        text = f"Stored run of {time.strftime('%d %b %Y, %H:%M', _clock(run.created))}."
        updates = self.fill(request) if self.fill else {}
        return updates | {self.bar: self._ended(shown, request, text, "stored")} | self.show(shown)

    def _ended(self, shown: Shown, request: Any, text: str, state: str = "done") -> str:
        settings = self.settings(request, shown.run.id if shown.run else "")
        tools = ""
        if shown.run is not None:
            tools += links.copy_button(links.run_link(self.method, shown.run.id))
            tools += links.copy_button(links.params_link(settings), "Copy settings link")
            tools += links.download_menu(shown.run)
        elif self.fill is not None:
            tools += links.copy_button(links.params_link(settings), "Copy settings link")
        if self.api_name:
            arguments = self.api_arguments(settings.request) if self.api_arguments else {}
            tools += snippets.panel(self.api_name, arguments)
        return jobs.ended_html(state, text, tools)

    def handler(self) -> Callable[..., Iterator[Updates]]:
        """The private event handler of the action's triggers."""

        def start(*values: Any) -> Iterator[Updates]:
            *inputs, owner = values
            try:
                handle = self.submit(inputs, jobs.owner_of(owner))
            except (VitrineError, gr.Error) as error:
                yield {self.bar: jobs.ended_html("failed", sentence(error))}
                return
            yield from self.stream(handle)

        start.__name__ = f"{self.method}_{self.name}_start"
        return start


def _clock(created: Any) -> time.struct_time:
    if hasattr(created, "timetuple"):
        return created.timetuple()
    return time.localtime(float(created))
