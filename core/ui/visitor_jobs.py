"""The Jobs page: the visitor's own jobs with place, time left, cancel, re-run, open."""

from __future__ import annotations

import html
import time
from typing import Any

import gradio as gr
from gradio.context import Context

from core.errors import VitrineError
from core.ui import chrome, jobs, links
from core.ui.errors import sentence
from core.ui.history import when

_WORDS = {
    "queued": "waiting",
    "running": "running",
    "stopping": "stopping",
    "done": "done",
    "failed": "failed",
    "cancelled": "stopped",
}

_NOT_YOURS = (
    "There is no such job among yours. Jobs of this browser can be stopped here. Reload the page."
)


def _line(info: Any) -> str:
    words = [_WORDS[str(info.state)]]
    if info.position:
        words.append(f"number {info.position} in the queue")
    if info.fraction is not None and info.active:
        words.append(f"{info.fraction:.0%}".replace("%", " %"))
    if info.eta_seconds is not None and info.active:
        words.append(f"about {jobs.seconds_words(info.eta_seconds)} left")
    if info.started and info.ended:
        words.append(f"took {jobs.seconds_words(info.ended - info.started)}")
    words.append(when(info.created))
    return " · ".join(words)


def _item(info: Any) -> str:
    ident = html.escape(info.id)
    title = f"{chrome.method_title(info.method)}: {info.title}"
    run = getattr(_handle(info.id), "saved", None)
    link = links.address(info.method)
    if run is not None:
        link = links.run_link(info.method, run.id)
    tools = f'<a class="vt-button" href="{html.escape(link)}">Open</a>'
    if info.active:
        tools += f'<button type="button" class="vt-button" data-do="cancel" data-job="{ident}">Stop</button>'
    else:
        tools += f'<button type="button" class="vt-button" data-do="rerun" data-job="{ident}">Run again</button>'
    meter = ""
    if info.active:
        percent = round(100 * (info.fraction or 0))
        meter = (
            f'<div class="vt-meter" role="progressbar" aria-label="Progress of {html.escape(title)}" '
            f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}">'
            f'<i style="width:{percent}%"></i></div>'
        )
    error = f'<p class="vt-bad">{html.escape(info.error)}</p>' if info.error else ""
    return (
        f'<li class="vt-job" data-state="{html.escape(info.state)}"><div><strong>'
        f"{html.escape(title)}</strong><small>{html.escape(_line(info))}</small>{error}</div>"
        f'{meter}<div class="vt-bar-tools">{tools}</div></li>'
    )


def _handle(job_id: str) -> Any | None:
    from core.jobs import runner

    try:
        return runner().get(job_id)
    except VitrineError:
        return None


def markup(owner: str, note: str = "") -> str:
    """The list of one visitor's jobs, newest first."""
    from core.jobs import runner

    found = sorted(runner().list(owner=owner), key=lambda info: info.created, reverse=True)
    body = "".join(_item(info) for info in found)
    if body:
        body = f'<ul class="vt-jobs">{body}</ul>'
    else:
        body = (
            '<p class="vt-quiet">You have no jobs. Start one on a method\'s page; it goes on when '
            "you close the tab, and you find it here.</p>"
        )
    said = f'<p class="vt-bad" role="alert">{html.escape(note)}</p>' if note else ""
    return f'<div id="vt-tabs" data-owner="{html.escape(owner)}">{said}{body}</div>'


def _read(payload: Any) -> str:
    return markup(jobs.known_owner(payload))


def _act(payload: Any) -> str:
    """Cancel or re-run a job of this browser."""
    from core.jobs import runner

    owner = jobs.known_owner(payload)
    if not owner:  # jobs of scripts have no owner either, and are nobody's to stop
        return markup("", _NOT_YOURS)
    job_id = str(payload.get("job", ""))
    try:
        if payload.get("do") == "rerun":
            runner().rerun(job_id, owner=owner)
        else:
            runner().cancel(job_id, owner=owner)
            time.sleep(0.05)  # the worker marks itself; the answer should already show it
    except VitrineError as error:
        return markup(owner, sentence(error))
    return markup(owner)


def _on_load(owner: Any) -> tuple[str, str]:
    owner = jobs.owner_of(owner)
    return owner, markup(owner)


def layout() -> None:
    """Lay out the Jobs page."""
    browser = jobs.browser_id()
    chrome.plain_header(
        "Jobs", "Your own jobs in this browser. They go on when you close the tab.", "jobs"
    )
    shown = gr.HTML(
        '<div id="vt-tabs"><p class="vt-quiet">Looking for your jobs.</p></div>',
        apply_default_css=False,
        elem_id="vt-jobs",
        js_on_load=(
            "window.vitrine ? vitrine.jobs(element, server, props) : "
            "addEventListener('vitrine', () => vitrine.jobs(element, server, props))"
        ),
        server_functions=[_read, _act],
    )
    blocks = Context.root_block
    assert blocks is not None, "the page is laid out inside a Blocks"
    blocks.load(
        _on_load, [browser], [browser, shown], api_visibility="private", show_progress="hidden"
    )
