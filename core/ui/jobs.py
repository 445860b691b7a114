"""Jobs as a page sees them: who the browser is, the run bar, and following a job to its end.

The job itself lives in `core.jobs` and outlives the page. A handler only reads its event log, so a
closed tab, a lost connection and a reload are one case: the page asks for the visitor's newest job
and reads the log again.
"""

from __future__ import annotations

import html
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from core import settings
from core.errors import NotFoundError

STORAGE_KEY = "vitrine-browser"
_OWNER = re.compile(r"[A-Za-z0-9_-]{16,64}")
_LONG = 90  # characters that get a row of their own above the buttons
_SHORTEST_GAP = 0.12  # seconds between two updates of the bar; faster is noise to the eye


def installation_secret() -> str:
    """A random text kept in the data directory, made at first use.

    It lets a browser's stored id survive restarts: Gradio draws a new secret at each start
    otherwise and the browser forgets its jobs.
    """
    path = settings.current().data_dir / "browser-secret"
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    value = secrets.token_urlsafe(24)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(value)
        path.chmod(0o600)
    except FileExistsError:
        return path.read_text("utf-8").strip()
    return value


def browser_id() -> gr.BrowserState:
    """The component that keeps this browser's id; pass its value through `owner_of`."""
    return gr.BrowserState("", storage_key=STORAGE_KEY, secret=installation_secret())


def owner_of(value: Any) -> str:
    """The id that a browser sent when it looks like one of ours, else a fresh one."""
    return (
        value if isinstance(value, str) and _OWNER.fullmatch(value) else secrets.token_urlsafe(18)
    )


def known_owner(payload: Any) -> str:
    """The id in what a page's script sent, or an empty text, which owns nothing."""
    value = payload.get("owner") if isinstance(payload, dict) else None
    return value if isinstance(value, str) and _OWNER.fullmatch(value) else ""


def seconds_words(seconds: float) -> str:
    """A duration for people: `0.4 s`, `12 s`, `3 min`, `1.5 h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _button(do: str, text: str, **data: str) -> str:
    attributes = "".join(f' data-{k}="{html.escape(v)}"' for k, v in data.items())
    return f'<button type="button" class="vt-button" data-do="{do}"{attributes}>{text}</button>'


def idle_html(text: str = "") -> str:
    """The bar before anything runs; `text` is shown quietly when given."""
    if not text:
        return '<div class="vt-bar" data-state="idle"></div>'
    return (
        '<div class="vt-bar" data-state="note"><p class="vt-bar-text" role="status">'
        f"{html.escape(text)}</p></div>"
    )


def working_html(
    job_id: str,
    *,
    fraction: float | None,
    text: str,
    position: int | None = None,
    eta_seconds: float | None = None,
) -> str:
    """The bar while a job waits or runs: fraction, text, time left, place in the queue, Stop.

    It carries the time, so that it changes with every event; the script on the page takes a bar
    that stands still for a lost connection and asks for the job again.
    """
    words = [html.escape(text or ("Waiting" if position else "Working"))]
    if position:
        words.append(f"number {position} in the queue")
    if fraction is not None:
        words.append(f"{fraction:.0%}".replace("%", " %"))
    if eta_seconds is not None:
        words.append(f"about {seconds_words(eta_seconds)} left")
    line = " · ".join(words)
    if fraction is None:
        meter = (
            '<div class="vt-meter" data-open role="progressbar" aria-label="Progress"><i></i></div>'
        )
    else:
        percent = round(100 * min(max(fraction, 0.0), 1.0))
        meter = (
            f'<div class="vt-meter" role="progressbar" aria-label="Progress" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        )
    stop = _button("stop", "Stop", job=job_id)
    return (
        f'<div class="vt-bar" data-state="working" data-seen="{time.time():.1f}">{meter}'
        f'<p class="vt-bar-text">{line}</p><div class="vt-bar-tools">{stop}</div></div>'
    )


def ended_html(
    state: str, text: str, tools: str = "", *, outputs: Sequence[str] = (), link: str = ""
) -> str:
    """The bar after a job.

    Args:
        state: done, stored, failed, cancelled or note.
        text: one or two sentences.
        tools: markup of the buttons.
        outputs: ids of the elements that hold the action's result; while the state says that
            nothing new was made, the script of the page marks them as shown before.
        link: address of the result, which the browser's address bar takes over.
    """
    role = "alert" if state == "failed" else "status"
    data = f' data-outputs="{html.escape(" ".join(outputs))}"' if outputs else ""
    data += f' data-link="{html.escape(link)}"' if link else ""
    long = " data-long" if len(text) > _LONG else ""
    return (
        f'<div class="vt-bar" data-state="{state}"{data}>'
        f'<p class="vt-bar-text" role="{role}"{long}>'
        f'{html.escape(text)}</p><div class="vt-bar-tools">{tools}</div></div>'
    )


_BAR_JS = "window.vitrine ? vitrine.bar(element, server, watch) : addEventListener('vitrine', () => vitrine.bar(element, server, watch))"


def _stop(payload: dict[str, Any]) -> bool:
    """Server side of the Stop button: the job's unguessable id is the permission."""
    from core.jobs import runner

    job = payload.get("job") if isinstance(payload, dict) else None
    try:
        return runner().cancel(str(job or ""))
    except NotFoundError:  # it has expired, or somebody guesses
        return False


def run_bar(elem_id: str | None = None) -> gr.HTML:
    """A run bar: empty, then progress with Stop, then the result's tools. One component."""
    return gr.HTML(
        idle_html(),
        elem_id=elem_id,
        elem_classes="vt-bar-host",
        apply_default_css=False,
        js_on_load=_BAR_JS,
        server_functions=[_stop],
    )


def run_and_stream(
    fn: Callable[[Any, Any], Any],
    request: Any,
    *,
    method: str,
    owner: str,
    title: str = "",
    heavy: bool = False,
    grad: bool = False,
    on_done: Callable[[Any, Any], Any] | None = None,
) -> Iterator[tuple[Any, Any]]:
    """Submit a job and yield `(handle, event)` until it ends; see `follow`.

    Raises:
        BusyError: the queue is full or this visitor has too many jobs.
    """
    from core.jobs import runner

    handle = runner().submit(
        fn,
        request,
        method=method,
        title=title,
        owner=owner,
        heavy=heavy,
        grad=grad,
        on_done=on_done,
    )
    yield from follow(handle)


def follow(handle: Any) -> Iterator[tuple[Any, Any]]:
    """Yield `(handle, event)` of a job from its start to its end, at a pace the eye can use.

    Progress that comes faster is dropped; the start, the end and the newest preview never are.
    Closing the iterator leaves the job running.
    """
    last = float("-inf")
    held = None
    for event in handle.events(tick=1.0):
        if event.kind in {"progress", "preview"}:
            now = time.monotonic()
            if now - last < _SHORTEST_GAP:
                if event.kind == "preview":
                    held = event
                continue
            last = now
        elif held is not None:
            yield handle, held
        held = None
        yield handle, event


def reattach(owner: str, method: str) -> Any | None:
    """The visitor's newest job on a page, running or ended within the hour; `None` if there is none."""
    from core.jobs import runner

    return runner().current(owner, method)
