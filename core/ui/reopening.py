"""Brings a page back: from a link, a dropped file, the history, or a job that goes on.

A link opens what was seen. A stored run is shown as it was stored; settings alone are computed again
where that is quick, because the same request gives the same result. What cannot be shown is said in
words, with the next best thing to do.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from core import registry, settings
from core.errors import InputError, NotFoundError, VitrineError
from core.ui import chrome, links
from core.ui.actions import Action, Updates
from core.ui.errors import sentence

if TYPE_CHECKING:
    from core.ui.page import Page

GONE = "The stored result of this link is gone: deleted, expired, or lost with the hub's disk."
ASK = "Ask for a new link, or open a downloaded PNG, settings.json or zip below."


class Reopening:
    """What a page shows when something old is asked for; all methods yield updates."""

    def __init__(self, page: Page) -> None:
        """Serve `page`, whose actions and tabs are read when they are needed."""
        self.page = page

    @property
    def _slug(self) -> str:
        return self.page.spec.slug

    def link(self, run_id: str, params: str, owner: str) -> Iterator[Updates]:
        """Open `?run=`, `?p=`, or a run link that carries its settings as well.

        Args:
            run_id: the value of `run`, or an empty text.
            params: the value of `p`, or an empty text.
            owner: the visitor, to whom a result that is computed now belongs.
        """
        try:
            if run_id:
                try:
                    yield self._run(self._stored(run_id))
                    return
                except NotFoundError as error:
                    if not params:
                        raise InputError(f"{sentence(error)} {ASK}") from error
            found = links.read_params(params, method=self._slug)
            yield from self._settings(found, owner, gone=bool(run_id))
        except VitrineError as error:
            yield self._refusal(error)

    def file(self, data: bytes, owner: str) -> Iterator[Updates]:
        """Open a PNG, a settings file or an exported zip, whose uploads are kept."""
        try:
            yield from self._settings(links.take_file(data, "", method=self._slug), owner)
        except VitrineError as error:
            yield self._refusal(error)

    def job(self, handle: Any) -> Iterator[Updates]:
        """Go on showing a job that the visitor started before."""
        for action in self.page.actions.values():
            if action.title == handle.title:
                front = self._in_front(action) if handle.info().active else {}
                if action.fill is not None:
                    yield front | action.fill(action.settings(handle.request).request)
                elif front:
                    yield front
                yield from self.page.stream(action, handle)
                return

    # --- stored runs ----------------------------------------------------------------------------

    def _stored(self, run_id: str) -> Any:
        from core.runs import store

        return store().get(run_id)

    def _run(self, run: Any) -> Updates:
        if run.method != self._slug:
            link = links.run_link(run.method, run.id)
            return self._elsewhere("This run", run.method, link)
        action = self.page.actions.get(str(run.request.get("action")))
        if action is None:
            return self._say(
                "This run was made by another version of the page, which cannot show it. Its files "
                "can still be downloaded.",
                links.download_menu(run),
            )
        try:
            return self._in_front(action) | action.reopen(run)
        except (VitrineError, KeyError, TypeError, ValueError):
            said = action.say(
                "failed",
                "This run was stored by another version of the method, which cannot show it. Its "
                "files can still be downloaded.",
                links.download_menu(run),
            )
            return self._in_front(action) | said

    # --- settings -------------------------------------------------------------------------------

    def _settings(
        self, found: links.Settings, owner: str, *, gone: bool = False
    ) -> Iterator[Updates]:
        action = self.page.actions.get(found.action)
        if action is None or action.fill is None:
            yield self._say("These settings were made by another version of the page.")
            return
        if (run := self._same(found)) is not None:
            yield self._run(run)
            return
        try:
            front = self._in_front(action) | action.fill(found.request)
            request = action.parse(found.request) if action.parse else None
        except (VitrineError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, VitrineError):
                raise
            raise InputError(
                "These settings were made by another version of the page, or were changed. "
                "Settings from this version would work. Copy the link again from the result."
            ) from error
        before = f"{GONE} " if gone else ""
        if missing := links.missing_uploads(found.request):
            yield front | action.say("note", f"{before}{_bring(missing, action)}")
            return
        # what takes long, or may first fetch large weights, waits for the visitor's own click
        if request is None or action.heavy or found.request.get("tier", "embedded") != "embedded":
            note = f"Settings of “{action.title}” are filled in. Press its button to run them."
            yield front | action.say("note", f"{before}{note}")
            return
        yield front
        note = f"{before}It was computed again from the settings."
        yield from self.page.stream(action, action.start(request, owner), note)

    def _same(self, found: links.Settings) -> Any | None:
        """The stored run that these settings were taken from, if it is here and unchanged."""
        if not found.run:
            return None
        try:
            run = self._stored(found.run)
        except NotFoundError:
            return None
        asked = {"action": found.action, "request": found.request}
        return run if run.method == self._slug and run.request == asked else None

    # --- words ----------------------------------------------------------------------------------

    def _refusal(self, error: VitrineError) -> Updates:
        if isinstance(error, links.ForeignSettings):
            try:
                link = links.params_link(error.settings)
            except InputError:
                link = links.address(error.settings.method)
            return self._elsewhere("These settings", error.settings.method, link)
        return self._say(sentence(error))

    def _elsewhere(self, what: str, method: str, link: str) -> Updates:
        """Say that something belongs to another method, and link to its page if there is one."""
        known = method in registry.slugs() and not chrome.is_single()
        chosen = settings.current().methods
        if not known or (chosen and method not in chosen):
            return self._say(
                f"{what} belongs to {method[:40]!r}, a method that is not on this hub. A hub that "
                "has it can open the same file or settings link."
            )
        title = chrome.method_title(method)
        there = (
            f'<a class="vt-button" href="{html.escape(link)}">Open it on the page of '
            f"{html.escape(title)}</a>"
        )
        return self._say(f"{what} belongs to {title}, another method of this hub.", there)

    def _in_front(self, action: Action) -> Updates:
        """Turn to the tab that holds the action's run bar."""
        from core.ui.page import TABS

        block: Any = action.bar
        while block is not None and not (isinstance(block, gr.Tab) and block.id in TABS):
            block = block.parent
        return {self.page.tabs: gr.Tabs(selected=block.id)} if block is not None else {}

    def _say(self, text: str, tools: str = "") -> Updates:
        actions = self.page.actions.values()
        if not actions:
            return {}
        first = min(actions, key=lambda action: action.bar._id)  # the one that opens in front
        return self._in_front(first) | first.say("failed", text, tools)


def _bring(missing: list[str], action: Action) -> str:
    files = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    few = len(missing) == 1
    return (
        f"Settings of “{action.title}” are filled in, but {files} {'is' if few else 'are'} not on "
        f"this hub. Bring {'that file' if few else 'those files'} and press the button, or open the "
        "exported zip of the run, which carries its inputs."
    )
