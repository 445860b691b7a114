"""The top of every page: navigation, title, one sentence, links. One HTML component.

Our navigation stands in for Gradio's bar, which lists every page of the hub in one row; the style
sheet hides that bar.
"""

from __future__ import annotations

import html

import gradio as gr

from core import registry, settings
from core.errors import VitrineError
from core.registry import MethodSpec
from core.ui.theme import NEUTRAL_ACCENT, accent_css

_single: str | None = None  # slug when the process serves one method only


def single(slug: str | None) -> None:
    """Tell the navigation that this process serves one method at `/`, or all of them (`None`)."""
    global _single
    _single = slug


def is_single() -> bool:
    """Whether the process serves one method at `/`."""
    return _single is not None


def method_at(page: str) -> str:
    """The method whose page is at path `page`; the path itself unless one method serves alone."""
    return _single if page == "" and _single is not None else page


def _navigation(current: str) -> str:
    if _single is not None:
        return (
            '<nav class="vt-nav" aria-label="Main"><a class="vt-brand" href="./">Vitrine</a>'
            f'<span class="vt-nav-end"><a href="api">API</a>{_log_out()}{_switch()}</span></nav>'
        )
    links = []
    for slug in registry.slugs():
        if settings.current().methods and slug not in settings.current().methods:
            continue
        try:
            title = registry.load(slug).title
        except Exception:  # a broken method still has a page that says so
            title = slug
        mark = ' aria-current="page"' if slug == current else ""
        links.append(f'<li><a href="{html.escape(slug)}"{mark}>{html.escape(title)}</a></li>')
    if leave := _log_out():
        links.append(f"<li>{leave}</li>")  # in the menu, because a narrow bar has no room
    ends = []
    for slug, title in (("jobs", "Jobs"), ("status", "Status"), ("api", "API")):
        mark = ' aria-current="page"' if slug == current else ""
        ends.append(f'<a href="{slug}"{mark}>{title}</a>')
    home = ' aria-current="page"' if current == "" else ""
    return (
        f'<nav class="vt-nav" aria-label="Main"><a class="vt-brand" href="./"{home}>Vitrine</a>'
        f'<details class="vt-methods"><summary>Methods</summary><ul>{"".join(links)}</ul></details>'
        f'<span class="vt-nav-end">{"".join(ends)}{_switch()}</span></nav>'
    )


def _log_out() -> str:
    if settings.current().auth is None:
        return ""
    return '<a href="logout?all_session=false">Log out</a>'  # others keep their login


def _switch() -> str:
    return (
        '<button type="button" class="vt-switch" data-do="theme" '
        'aria-label="Switch between light and dark">◐</button>'
        '<button type="button" class="vt-switch" data-do="help" '
        'aria-label="Keyboard shortcuts">?</button>'
    )


def _skip() -> str:
    return '<a class="vt-skip" href="#vt-tabs" data-do="skip">Skip to the content</a>'


def _emit(body: str, *, colour: str, title: str) -> gr.HTML:
    return gr.HTML(
        f'<style>{accent_css(colour)}</style><div data-title="{html.escape(title)}">{body}</div>',
        elem_classes="vt-top",
        apply_default_css=False,
        js_on_load=None,
    )


def short_authors(authors: str) -> str:
    """`Shor et al.` of a list of three or more; the About tab has them all."""
    names = [name.strip() for name in authors.split(",")]
    return authors if len(names) < 3 else f"{names[0].split()[-1]} et al."


def header(spec: MethodSpec) -> gr.HTML:
    """Navigation and head of a method page."""
    paper = spec.paper
    cited = html.escape(
        f"{short_authors(paper.authors)}: {paper.title}. {paper.venue} {paper.year}."
    )
    if paper.url:
        cited = (
            f'<a href="{paper.url}" target="_blank" rel="noopener noreferrer">{cited}'
            '<span class="vt-sr"> (opens in a new tab)</span></a>'
        )
    body = (
        f"{_skip()}{_navigation(spec.slug)}"
        f'<header class="vt-head vt-compact"><h1>{html.escape(spec.title)}</h1>'
        f'<p class="vt-lead">{html.escape(spec.summary)}</p>'
        f'<p class="vt-paper">{cited}{_embedding(spec)}</p></header>'
    )
    return _emit(body, colour=spec.colour, title=f"{spec.title} · Vitrine")


def _embedding(spec: MethodSpec) -> str:
    """Embed, on the hub; on a page that is embedded, the way back to the hub."""
    page = "./" if is_single() else html.escape(spec.slug)
    return (
        f' <button type="button" class="vt-link vt-alone" data-do="embed" aria-haspopup="dialog" '
        f'data-link="{page}" data-name="{html.escape(spec.title)}">Embed this page</button>'
        f'<a class="vt-link vt-whole" data-do="whole" href="{page}" target="_blank" rel="noopener">'
        "Open in Vitrine</a>"
    )


def plain_header(title: str, lead: str, current: str = "") -> gr.HTML:
    """Navigation and head of a page that is no method: landing, Jobs, Status, a failed method."""
    body = (
        f"{_skip()}{_navigation(current)}"
        f'<header class="vt-head"><h1>{html.escape(title)}</h1>'
        f'<p class="vt-lead">{html.escape(lead)}</p></header>'
    )
    shown = "Vitrine" if title == "Vitrine" else f"{title} · Vitrine"
    return _emit(body, colour=NEUTRAL_ACCENT, title=shown)


def method_title(slug: str) -> str:
    """The title of a method, or its slug when its card cannot be read."""
    try:
        return registry.load(slug).title
    except VitrineError:
        return slug
