"""One thing a visitor can do on a page: its job, its result, its run, its way back.

`Page.action` builds an `Action`; this module wires it: click to job, events to the run bar and the
outputs, result to the run store, and the same `show` for a fresh result, a re-attached job and a
stored run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import InputError
from core.ui import jobs, links, snippets

Updates = dict[Any, Any]  # component to new value
SETTINGS_LINK = (
    "Opens these settings on any hub. On this one, whoever has it also sees this result and gets "
    "what you uploaded for it."
)


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


def store_run(handle: Any, kept: Kept | None, *, action: str, title: str) -> Any | None:
    """Store what a job made as a run of its owner; for a job's `on_done`.

    Args:
        handle: the job.
        kept: what is stored; None stores nothing.
        action: action of the page that opens the run again.
        title: what the history shows when `kept` has no title of its own.
    """
    if kept is None:
        return None
    from core.runs import store

    started = handle.info().started
    return store().save(
        method=handle.method,
        request={"action": action, "request": _plain(handle.request)},
        result=kept.result,
        artifacts=kept.artifacts,
        owner=handle.owner,
        title=kept.title or title,
        seconds=time.time() - started if started else 0.0,
        thumbnail=kept.thumbnail,
        tier=kept.tier,
    )


def _plain(request: Any) -> dict[str, Any]:
    """A request as JSON types."""
    from core.runs.request import to_json

    return request if isinstance(request, dict) else to_json(request)


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
    work: Callable[[Any, Any], Any] | str
    show: Callable[[Shown], Updates]
    fill: Callable[[dict[str, Any]], Updates] | None = None
    preview: Callable[[Any], Updates] | None = None
    keep: Callable[[Any, Any], Kept | None] | None = None
    restore: Callable[[Any], Any] | None = None
    parse: Callable[[dict[str, Any]], Any] | None = None
    describe: Callable[[dict[str, Any]], str] | None = None
    api_name: str = ""
    api_arguments: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    heavy: bool = False
    grad: bool = False

    def envelope(self, request: Any) -> dict[str, Any]:
        """What to hand to `core.runs.png.write_png`, so that the picture reopens the page."""
        return links.envelope(self.settings(request))

    def settings(self, request: Any, run: str = "") -> links.Settings:
        """The request as it goes into links and files."""
        return links.Settings(self.method, self.name, _plain(request), run)

    def submit(self, values: Sequence[Any], owner: str) -> Any:
        """Start the job for what stands in the inputs and return its handle.

        Raises:
            InputError: the inputs cannot be used.
            BusyError: too many jobs.
        """
        return self.start(self.make(*values), owner)

    def start(self, request: Any, owner: str) -> Any:
        """Start the job for a request and return its handle.

        Raises:
            BusyError: too many jobs.
        """
        from core.jobs import runner

        return runner().submit(
            self.work,
            request,
            method=self.method,
            title=self.title,
            owner=owner,
            heavy=self.heavy,
            grad=self.grad,
            on_done=self.save,
        )

    def save(self, handle: Any, result: Any) -> Any | None:
        """Store the result as a run; called in the worker thread before the job's last event."""
        kept = self.keep(handle.request, result) if self.keep else None
        return store_run(handle, kept, action=self.name, title=self.title)

    def stream(self, handle: Any, note: str = "") -> Iterator[Updates]:
        """Updates of bar and outputs from a job's first event to its last.

        Args:
            handle: the job.
            note: a sentence that the bar adds when the job is done.
        """
        for _, event in jobs.follow(handle):
            if event.kind == "done":
                yield self._done(handle, event, note)
            elif event.kind in {"failed", "cancelled"}:
                text = event.error or ("Stopped." if event.kind == "cancelled" else "")
                yield self.say(event.kind, text)
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

    def say(self, state: str, text: str, tools: str = "") -> Updates:
        """The bar without a new result: what stands in the outputs is from before."""
        return {self.bar: jobs.ended_html(state, text, tools, outputs=self._shown_in())}

    def results(self) -> list[Any]:
        """The outputs that show the result: those that stand below the bar."""
        return [
            part
            for part in self.outputs
            if part._id > self.bar._id and not isinstance(part, gr.State | gr.Tabs)
        ]

    def _shown_in(self) -> list[str]:
        return [part.elem_id for part in self.results() if part.elem_id]

    def _done(self, handle: Any, event: Any, note: str) -> Updates:
        if event.result is None and handle.saved is not None:
            return self.reopen(handle.saved)  # the job's memory has expired, its run has not
        if event.result is None and event.error:
            return self.say("failed", event.error)
        info = handle.info()
        seconds = max((info.ended or event.time) - (info.started or event.time), 0.0)
        shown = Shown(result=event.result, run=handle.saved, seconds=seconds)
        words = (f"Done in {jobs.seconds_words(seconds)}.", note, event.error)
        text = " ".join(word for word in words if word)
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
        when = time.strftime("%d %B %Y, %H:%M", time.localtime(run.created))
        updates = self.fill(request) if self.fill else {}
        bar = self._ended(shown, request, f"Stored result of {when}.", "stored")
        return updates | {self.bar: bar} | self.show(shown)

    def tools(self, request: dict[str, Any], run: Any | None) -> str:
        """Buttons that take a result, or its settings, away."""
        settings = self.settings(request, run.id if run is not None else "")
        made = ""
        link = ""
        if run is not None:
            link = links.run_link(self.method, run.id, settings if self.fill else None)
            made += links.copy_button(link)
        if self.fill is not None:
            with suppress(InputError):  # too long for an address; the run link and the file remain
                alone = links.params_link(settings)
                link = link or alone
                made += links.copy_button(alone, "Settings link", SETTINGS_LINK)
        if link:
            made += links.embed_button(link, self.title)
        if run is not None:
            made += links.download_menu(run)
        if self.api_name:
            arguments = self.api_arguments(settings.request) if self.api_arguments else {}
            made += snippets.panel(self.api_name, arguments)
        return made

    def _ended(self, shown: Shown, request: Any, text: str, state: str = "done") -> str:
        data = self.settings(request).request
        link = ""
        if shown.run is not None:
            settings = self.settings(data) if self.fill else None
            link = links.run_link(self.method, shown.run.id, settings)
        tools = self.tools(data, shown.run)
        return jobs.ended_html(state, text, tools, outputs=self._shown_in(), link=link)
