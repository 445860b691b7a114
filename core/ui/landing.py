"""The landing page: a card per method, search and filter without a round trip."""

from __future__ import annotations

import base64
import html
import random
from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from core.readiness import method_readiness
from core.registry import MethodSpec
from core.ui import chrome

LEAD = (
    "Research methods you can try on your own pictures, sounds and words, "
    "see work step by step, and check against answers that are known."
)


@dataclass(frozen=True, slots=True)
class Broken:
    """A method folder whose card or page could not be built."""

    slug: str
    title: str
    error: str


def _picture(spec: MethodSpec) -> str:
    """The card's picture: `card.svg` or `card.png` of the folder, else colour and emoji."""
    svg = spec.folder / "card.svg"
    if svg.exists() and svg.stat().st_size < 40_000:
        data = base64.b64encode(svg.read_bytes()).decode()
        return f'<img src="data:image/svg+xml;base64,{data}" alt="">'
    png = spec.folder / "card.png"
    if png.exists() and png.stat().st_size < 80_000:
        data = base64.b64encode(png.read_bytes()).decode()
        return f'<img src="data:image/png;base64,{data}" alt="">'
    return f'<span class="vt-card-plain" aria-hidden="true">{drawing(spec)}</span>'


def drawing(spec: MethodSpec) -> str:
    """A plate for a method without a picture: arcs in its colour, laid by its name, and its initial.

    No emoji: a machine without an emoji font would show an empty box.
    """
    draw = random.Random(spec.slug)
    x, y = draw.choice(((0, 200), (300, 200), (0, 0), (300, 0)))
    arcs = "".join(
        f'<circle cx="{x}" cy="{y}" r="{radius}" stroke-width="{draw.choice((1, 1, 2, 6))}"/>'
        for radius in range(30, 330, 22)
    )
    colour = html.escape(spec.colour)
    return (
        f'<svg viewBox="0 0 300 200" preserveAspectRatio="xMidYMid slice" style="--c:{colour}">'
        f'<g fill="none" stroke="{colour}" stroke-opacity=".5">{arcs}</g>'
        f'<text x="{300 - x * 0.72 - 42:.0f}" y="{112 if y else 150}" fill="{colour}">'
        f"{html.escape(spec.title[:1])}</text></svg>"
    )


def _card(spec: MethodSpec) -> str:
    ready = method_readiness(spec)
    state = "ready" if ready.ready else "wait"
    tasks = "".join(f"<li>{html.escape(task)}</li>" for task in spec.tasks)
    words = f"{spec.title} {spec.summary} {spec.paper.title} {spec.paper.authors} {' '.join(spec.tasks)}"
    return (
        f'<li class="vt-card" data-words="{html.escape(words.lower())}" '
        f'data-tasks="{html.escape("|".join(spec.tasks))}">'
        f'<a href="{html.escape(spec.slug)}"><span class="vt-card-picture">{_picture(spec)}</span>'
        f"<h2>{html.escape(spec.title)}</h2></a><p>{html.escape(spec.summary)}</p>"
        f'<ul class="vt-tags" aria-label="Tasks">{tasks}</ul>'
        f'<p class="vt-ready" data-state="{state}">{html.escape(ready.words)}</p></li>'
    )


def _broken_card(broken: Broken) -> str:
    return (
        f'<li class="vt-card" data-words="{html.escape(broken.slug)}" data-tasks="">'
        f'<a href="{html.escape(broken.slug)}"><span class="vt-card-picture">'
        '<span class="vt-card-plain" aria-hidden="true"></span></span>'
        f"<h2>{html.escape(broken.title)}</h2></a>"
        "<p>This page could not be built. Open it to read why.</p>"
        '<p class="vt-ready" data-state="wait">not available</p></li>'
    )


def _filters(specs: Sequence[MethodSpec]) -> str:
    tasks = sorted({task for spec in specs for task in spec.tasks})
    buttons = "".join(
        f'<button type="button" class="vt-chip" data-task="{html.escape(task)}" '
        f'aria-pressed="false">{html.escape(task)}</button>'
        for task in tasks
    )
    return (
        '<div class="vt-find"><label class="vt-sr" for="vt-search">Search methods</label>'
        '<input id="vt-search" type="search" placeholder="Search methods" autocomplete="off">'
        f'<div class="vt-chips" role="group" aria-label="Filter by task">{buttons}</div></div>'
    )


def layout(specs: Sequence[MethodSpec], broken: Sequence[Broken] = ()) -> None:
    """Lay out the landing page inside the hub's Blocks."""
    chrome.plain_header("Vitrine", LEAD)
    cards = "".join(_card(spec) for spec in specs) + "".join(_broken_card(b) for b in broken)
    empty = "" if cards else '<p class="vt-quiet">No method is installed in this copy.</p>'
    gr.HTML(
        f'<div id="vt-tabs" class="vt-landing">{_filters(specs)}'
        '<p class="vt-count vt-quiet" role="status"></p>'
        f'<ul class="vt-cards">{cards}</ul>{empty}'
        '<p class="vt-none vt-quiet" hidden>No method matches. Clear the search or the filter.</p></div>',
        apply_default_css=False,
        js_on_load=(
            "window.vitrine ? vitrine.landing(element) : "
            "addEventListener('vitrine', () => vitrine.landing(element))"
        ),
    )
