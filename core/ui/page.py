"""The frame of a method page: header, five tabs in a fixed order, runs, links, re-attachment."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import gradio as gr
from gradio.context import Context

from core import registry
from core.errors import VitrineError
from core.readiness import tier_readiness
from core.registry import MethodSpec
from core.ui import chrome, history, jobs
from core.ui.actions import Action, Kept, Shown, Updates
from core.ui.errors import sentence
from core.ui.reopening import Reopening

TabName = Literal["try", "why", "check", "train", "about"]
TABS: dict[str, str] = {
    "try": "Try",
    "why": "Why",
    "check": "Check",
    "train": "Train your own",
    "about": "About",
}
MAX_COMPONENTS = 60
FOLLOWERS = 32  # pages that may follow jobs of one action at a time
LOST = (
    "The hub was restarted while this job ran, so the job is gone. Results that were finished are "
    "under Your runs. Press the button to start again."
)


class Page:
    """What `page(spec)` hands to a layout: tabs, run bars and actions.

    Attributes:
        spec: the method's card.
        browser: holds the visitor's id; a handler passes its value through `jobs.owner_of`.
        tier: radio whose value is a tier name, or None when the method has one tier.
        history: the panel of the visitor's runs.
    """

    def __init__(self, spec: MethodSpec) -> None:
        self.spec = spec
        self.actions: dict[str, Action] = {}
        self.tabs: gr.Tabs | None = None
        self._opened: list[str] = []
        self._opening: Callable[[], Updates] | None = None
        self.browser = jobs.browser_id()
        chrome.header(spec)
        self.tier = _tier_selector(spec)

    @contextmanager
    def tab(self, name: TabName) -> Iterator[gr.Tab]:
        """Open one of the five tabs; they must come in the order of `TABS`, each at most once.

        Raises:
            ValueError: the order is wrong.
        """
        order = list(TABS)
        if self._opened and order.index(name) <= order.index(self._opened[-1]):
            raise ValueError(f"tab {name!r} comes before {self._opened[-1]!r}; order: {order}")
        self._opened.append(name)
        with gr.Tab(TABS[name], id=name, elem_id=f"vt-tab-{name}") as tab:
            yield tab

    def run_bar(self) -> gr.HTML:
        """Place a run bar (progress and Stop, then the result's tools); give it to one action."""
        return jobs.run_bar()

    def action(
        self,
        name: str,
        *,
        bar: gr.HTML,
        triggers: Sequence[Any],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        make: Callable[..., Any],
        work: Callable[[Any, Any], Any] | str,
        show: Callable[[Shown], Updates],
        title: str = "",
        fill: Callable[[dict[str, Any]], Updates] | None = None,
        preview: Callable[[Any], Updates] | None = None,
        keep: Callable[[Any, Any], Kept | None] | None = None,
        restore: Callable[[Any], Any] | None = None,
        parse: Callable[[dict[str, Any]], Any] | None = None,
        describe: Callable[[dict[str, Any]], str] | None = None,
        api_name: str = "",
        api_arguments: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        heavy: bool | None = None,
        grad: bool = False,
    ) -> Action:
        """Declare one thing the visitor can do; everything around it is wired for you.

        Args:
            name: short and unique on the page; part of links and stored runs, so never rename it.
            bar: a run bar from `run_bar()`, used by this action only.
            triggers: events such as `button.click`.
            inputs: components whose values go to `make`.
            outputs: components that `show`, `preview` and `fill` may update, besides the inputs.
            make: `(*values) -> Request`, a dataclass; raises `InputError`. Quick, no torch.
            work: `(Job, Request) -> Result` in the worker thread, or its name "module:function".
            show: `(Shown) -> {component: update}` for a fresh or stored result. No torch.
            title: words for the Jobs page and the history; default is `name` capitalised.
            fill: `(request as JSON) -> {component: update}`; puts the settings back.
            preview: `(what the job reported) -> {component: update}`.
            keep: `(Request, Result) -> Kept` in the worker thread; without it nothing is stored.
            restore: `(Run) -> Result` for `show`; default passes `run.result`, the stored JSON.
            parse: `(request as JSON) -> Request`; with it a settings link and a dropped file show
                the result at once instead of only filling the inputs, unless the action is heavy.
            describe: `(request as JSON) -> str`, the settings in words for the history.
            api_name: public endpoint that does the same, for "Use in API".
            api_arguments: `(request as JSON) -> arguments` of that endpoint for the code snippet.
            heavy: whether the job needs the device lease; default is what the method's card says.
            grad: whether the job trains, so that gradients are on.

        Raises:
            ValueError: the name is taken.
        """
        if name in self.actions:
            raise ValueError(f"the page has an action {name!r} already")
        action = Action(
            method=self.spec.slug,
            name=name,
            title=title or name.capitalize(),
            bar=bar,
            triggers=tuple(triggers),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            make=make,
            work=work,
            show=show,
            fill=fill,
            preview=preview,
            keep=keep,
            restore=restore,
            parse=parse,
            describe=describe,
            api_name=api_name,
            api_arguments=api_arguments,
            heavy=self.spec.heavy if heavy is None else heavy,
            grad=grad,
        )
        self.actions[name] = action
        return action

    def opens_with(self, fn: Callable[[], Updates]) -> None:
        """Give the updates of a finished example, shown when nothing else asks to be shown.

        Args:
            fn: `() -> {component: update}`, quick and without torch. Outputs of any action may be
                updated. Prefer initial component values when the example is small.
        """
        self._opening = fn

    # --- wiring, done when the frame closes -----------------------------------------------------

    def _wire(self) -> None:
        history.describe(
            self.spec.slug, {n: a.describe for n, a in self.actions.items() if a.describe}
        )
        panel, opener = history.panel(self.spec.slug)
        self.history, self.opener = panel, opener
        self.reopening = Reopening(self)
        for action in self.actions.values():
            for part in action.results():
                part.elem_id = part.elem_id or f"vt-o{part._id}"
            gr.on(
                list(action.triggers),
                self._starter(action),
                [*action.inputs, self.browser],
                _unique([panel, action.bar, *action.inputs, *action.outputs]),
                api_visibility="private",
                show_progress="hidden",
                concurrency_limit=FOLLOWERS,
            )
        everything = [panel, self.browser, self.tabs]
        for action in self.actions.values():
            everything += [action.bar, *action.inputs, *action.outputs]
        everything = _unique(everything)
        blocks = Context.root_block
        assert blocks is not None, "a page is laid out inside a Blocks"
        blocks.load(
            self._on_load,
            [self.browser],
            everything,
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=FOLLOWERS,
        )
        panel.follow(
            self._on_follow,
            [self.browser],
            everything,
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=FOLLOWERS,
        )
        opener.upload(
            self._on_file,
            [opener, self.browser],
            everything,
            api_visibility="private",
            show_progress="hidden",
        )
        panel.open(
            self._on_open,
            None,
            everything,
            api_visibility="private",
            show_progress="hidden",
        )

    def _starter(self, action: Action) -> Callable[..., Iterator[Updates]]:
        def start(*values: Any) -> Iterator[Updates]:
            *inputs, owner = values
            try:
                handle = action.submit(inputs, jobs.owner_of(owner))
            except (VitrineError, gr.Error) as error:
                yield action.say("failed", sentence(error))
                return
            yield from self.stream(action, handle)

        start.__name__ = f"{action.method}_{action.name}_start"
        return start

    def stream(self, action: Action, handle: Any, note: str = "") -> Iterator[Updates]:
        """Updates of a job to its end, and then of the history that its result went into."""
        yield from action.stream(handle, note)
        if handle.saved is not None:
            yield {self.history: history.markup(self.spec.slug, handle.owner)}

    def _on_load(self, owner: Any, request: gr.Request) -> Iterator[Updates]:
        owner = jobs.owner_of(owner)
        query = dict(request.query_params) if request else {}
        first = {self.browser: owner, self.history: history.markup(self.spec.slug, owner)}
        # the finished example stands wherever nothing else is asked for, so no part is blank
        first |= self._opening() if self._opening else {}
        if query.get("run") or query.get("p"):
            asked = self.reopening.link(str(query.get("run", "")), str(query.get("p", "")), owner)
            yield first | next(asked)
            yield from asked
            return
        yield first
        if handle := jobs.reattach(owner, self.spec.slug):
            yield from self.reopening.job(handle)

    def _on_open(self, event: gr.EventData) -> Iterator[Updates]:
        yield from self.reopening.link(str(event._data.get("run", "")), "", "")

    def _on_file(self, data: Any, owner: Any) -> Iterator[Updates]:
        yield from self.reopening.file(data or b"", jobs.owner_of(owner))

    def _on_follow(self, owner: Any) -> Iterator[Updates]:
        """Called by the page's script when a bar has stood still: the connection was lost."""
        handle = jobs.reattach(jobs.owner_of(owner), self.spec.slug)
        if handle is None:
            yield {a.bar: jobs.ended_html("failed", LOST) for a in self.actions.values()}
        else:
            yield from self.reopening.job(handle)


def _unique(components: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(components))


def _tier_selector(spec: MethodSpec) -> gr.Radio | None:
    if len(spec.tiers) < 2:
        return None
    choices = [(f"{t.title} ({tier_readiness(spec, t).words})", t.name) for t in spec.tiers]
    return gr.Radio(
        choices,
        value=spec.tiers[0].name,
        label="Model",
        elem_classes="vt-tier",
    )


@contextmanager
def page(spec: MethodSpec) -> Iterator[Page]:
    """Open the frame of a method page, inside a `Blocks` or a route.

    Use it as `with page(SPEC) as frame:`.

    The header comes first, then the tabs that the body opens, then the visitor's runs. Events are
    wired when the body ends.
    """
    frame = Page(spec)
    with gr.Tabs(elem_classes="vt-tabs", elem_id="vt-tabs") as frame.tabs:
        yield frame
    frame._wire()


def failed_page(slug: str, title: str, error: str) -> None:
    """Lay out the page of a method that could not be built; the hub goes on without it."""
    chrome.plain_header(title, "This page could not be built. The other methods are not affected.")
    gr.HTML(
        f'<div class="vt-failed" role="alert"><p>{html.escape(error)}</p>'
        f"<p>The log of the hub holds the details. To see them again: "
        f"<code>python app.py run {html.escape(slug)} --debug</code></p></div>",
        apply_default_css=False,
        js_on_load=None,
    )


def shown_slugs() -> list[str]:
    """Methods that the navigation lists."""
    from core import settings

    return [spec.slug for spec in registry.specs(settings.current().methods)]
