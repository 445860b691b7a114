"""The API page: every public endpoint with arguments, answer and calls that run as printed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence

import gradio as gr

from core import settings
from core.errors import VitrineError
from core.registry import load
from core.ui import api_connect, chrome, manual, snippets
from core.ui.manual import Manual
from core.ui.manual import functions as endpoints

__all__ = ["endpoints", "layout", "section"]

LEAD = "All that a visitor can do, from Python, a shell, JavaScript, an agent or the command line."
LANGUAGES: dict[str, Callable[..., str]] = {
    "Python": snippets.python,
    "Shell": snippets.curl,
    "JavaScript": snippets.javascript,
}
COMMAND = "Command line"
STYLE = """<style>
#vt-tabs.vt-api { max-width: 860px; margin-top: 8px;
h2 { font-family: var(--vt-serif); font-weight: 500; font-size: 26px; margin: 40px 0 6px; color: var(--vt-text); }
h3 { font: 550 18px var(--vt-mono); margin: 0 0 4px; overflow-wrap: anywhere; color: var(--vt-text); }
h4 { font-size: 14px; font-weight: 500; margin: 20px 0 2px; color: var(--vt-quiet); }
p { margin: 0 0 10px; font-size: 16px; line-height: 1.55; }
h3 code { font: inherit; }
.vt-api-part, .vt-endpoint { scroll-margin-top: 16px; }
.vt-endpoint { padding: 24px 0 28px; border-top: 1px solid var(--vt-line); border-bottom: 0; }
.vt-anchor { margin-left: 8px; color: var(--vt-quiet); text-decoration: underline; }
.vt-toc { list-style: none; margin: 0 0 22px; padding: 0; }
.vt-toc li { display: grid; grid-template-columns: 180px minmax(0, 1fr); gap: 12px; margin: 0; padding: 3px 0; font-size: 15px; }
.vt-toc a { text-underline-offset: 6px; }
.vt-toc span { color: var(--vt-quiet); }
.vt-lang { display: flex; flex-wrap: wrap; gap: 4px; margin: 14px 0 8px; border-bottom: 1px solid var(--vt-line); }
.vt-lang button { font: inherit; font-size: 14px; padding: 5px 10px; margin-bottom: -1px; border: 0; border-bottom: 2px solid transparent; background: none; color: var(--vt-quiet); cursor: pointer; }
.vt-lang button[aria-selected="true"] { color: var(--vt-text); border-bottom-color: var(--vt-accent); }
.vt-code { margin: 0 0 18px; }
.vt-code small { font-size: 13px; overflow-wrap: anywhere; }
.vt-code pre, .vt-code pre code { white-space: pre; overflow-wrap: normal; }
.vt-args { width: 100%; border-collapse: collapse; font-size: 15px; line-height: 1.45; }
.vt-args :is(th, td) { text-align: left; vertical-align: top; padding: 6px 20px 6px 0; border-bottom: 1px solid var(--vt-line); font-weight: 400; color: var(--vt-text); }
.vt-args thead th { font-size: 13px; color: var(--vt-quiet); }
.vt-args :is(th[scope="row"], td:nth-child(3)) { font: 14px/1.5 var(--vt-mono); white-space: nowrap; }
.vt-args td:last-child { width: 100%; }
.vt-args td:nth-child(2):not(:last-child) { min-width: 120px; }
.vt-tools code { margin-right: 10px; }
@media (max-width: 640px) {
.vt-toc li { grid-template-columns: minmax(0, 1fr); gap: 0; padding: 5px 0; }
.vt-args, .vt-args tbody { display: block; }
.vt-args thead { position: absolute; clip-path: inset(50%); }
.vt-args tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--vt-line); }
.vt-args :is(th[scope="row"], td) { display: block; padding: 0 0 2px; border: 0; white-space: normal; overflow-wrap: anywhere; }
.vt-args td[data-label]::before { content: attr(data-label) ": "; color: var(--vt-quiet); font-family: var(--vt-sans, inherit); }
}
}
</style>"""
SCRIPT = """
const ready = () => {
  vitrine.origins(element);
  const tabs = [...element.querySelectorAll("[role=tab]")];
  const choose = (language) => {
    for (const list of element.querySelectorAll("[role=tablist]")) {
      const own = [...list.children];
      const chosen = own.find((tab) => tab.textContent === language) || own[0];
      for (const tab of own) {
        tab.setAttribute("aria-selected", tab === chosen);
        tab.tabIndex = tab === chosen ? 0 : -1;
        element.querySelector("#" + tab.getAttribute("aria-controls")).hidden = tab !== chosen;
      }
    }
  };
  const pick = (tab) => {
    const before = tab.getBoundingClientRect().top;
    choose(tab.textContent);
    scrollBy(0, tab.getBoundingClientRect().top - before);
    try { localStorage.setItem("vitrine-language", tab.textContent); } catch (error) { /* private mode */ }
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => pick(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const own = [...tab.parentElement.children];
      const next = own[(own.indexOf(tab) + step + own.length) % own.length];
      event.preventDefault(); next.focus(); pick(next);
    });
  }
  let kept = null;
  try { kept = localStorage.getItem("vitrine-language"); } catch (error) { /* private mode */ }
  if (kept) choose(kept);
  const there = location.hash.length > 1 && element.querySelector("#" + CSS.escape(location.hash.slice(1)));
  if (there) setTimeout(() => there.scrollIntoView(), 50);
};
window.vitrine ? ready() : addEventListener("vitrine", ready, { once: true });
"""


def layout(blocks: gr.Blocks) -> None:
    """Lay out the page after all endpoints were declared."""
    found = manual.manuals(blocks)
    chrome.plain_header("API", LEAD, "api")
    if found:
        body = (
            api_connect.start_section()
            + _methods(found)
            + api_connect.mcp_section([entry.name for entry in found])
        )
    else:
        body = '<p class="vt-quiet">No method has published an endpoint.</p>'
    gr.HTML(
        f'{STYLE}<div id="vt-tabs" class="vt-api">{body}</div>',
        apply_default_css=False,
        js_on_load=SCRIPT,
    )


def _methods(found: Sequence[Manual]) -> str:
    parts = []
    for slug in dict.fromkeys(entry.method for entry in found):
        own = [entry for entry in found if entry.method == slug]
        listed = "".join(
            f'<li><a href="api#{html.escape(e.name)}"><code>{html.escape(e.name)}</code></a>'
            f"<span>{_coded(e.summary)}</span></li>"
            for e in own
        )
        title, summary = _head(slug)
        parts.append(
            f'<section class="vt-api-part" id="{html.escape(slug or "other")}">'
            f"<h2>{html.escape(title)}</h2><p>{html.escape(summary)}</p>"
            f'<ul class="vt-toc">{listed}</ul>{"".join(section(e) for e in own)}</section>'
        )
    return "".join(parts)


def _head(slug: str) -> tuple[str, str]:
    try:
        spec = load(slug)
    except VitrineError:
        return "Other", ""
    return spec.title, spec.summary


def section(entry: Manual) -> str:
    """One endpoint. HTML."""
    name = html.escape(entry.name)
    details = f"<p>{_coded(entry.details)}</p>" if entry.details else ""
    return (
        f'<section class="vt-endpoint" id="{name}"><h3><code>{name}</code>'
        f'<a class="vt-anchor" href="api#{name}" aria-label="Link to {name}">#</a></h3>'
        f"<p>{_coded(entry.summary)}</p>{details}{_snippets(entry)}"
        f"{_arguments(entry)}{_returns(entry)}</section>"
    )


def texts(entry: Manual) -> dict[str, str]:
    """The printed calls of an endpoint by language."""
    login = settings.current().auth is not None
    found = {
        label: write(entry.name, entry.call, login=login) for label, write in LANGUAGES.items()
    }
    return found | ({COMMAND: f"python app.py {entry.command}"} if entry.command else {})


def _snippets(entry: Manual) -> str:
    tabs, panels = [], []
    for k, (label, text) in enumerate(texts(entry).items()):
        ident = f"{html.escape(entry.name)}-{k}"
        first = k == 0
        tabs.append(
            f'<button type="button" role="tab" id="{ident}-tab" aria-controls="{ident}" '
            f'aria-selected="{"true" if first else "false"}" tabindex="{0 if first else -1}">'
            f"{label}</button>"
        )
        note = "<small>in the folder of the hub</small>" if label == COMMAND else ""
        panels.append(
            f'<div role="tabpanel" id="{ident}" aria-labelledby="{ident}-tab"'
            f"{'' if first else ' hidden'}>{snippets.figure('', text, note)}</div>"
        )
    return (
        f'<div class="vt-lang" role="tablist" aria-label="Language">{"".join(tabs)}</div>'
        f"{''.join(panels)}"
    )


def _arguments(entry: Manual) -> str:
    if not entry.arguments:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(a.name)}</th>'
        f'<td data-label="Type">{html.escape(a.kind)}</td>'
        f'<td data-label="Default">{"required" if a.required else html.escape(a.default)}</td>'
        f"<td>{_coded(a.meaning)}</td></tr>"
        for a in entry.arguments
    )
    return (
        '<h4>Arguments</h4><table class="vt-args"><thead><tr><th scope="col">Name</th>'
        '<th scope="col">Type</th><th scope="col">Default</th><th scope="col">Meaning</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _returns(entry: Manual) -> str:
    keyed = [pair for pair in entry.returns if pair[0]]
    said = "".join(f"<p>{_coded(text)}</p>" for key, text in entry.returns if not key)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(key)}</th><td>{_coded(text)}</td></tr>'
        for key, text in keyed
    )
    table = f'<table class="vt-args"><tbody>{rows}</tbody></table>' if rows else ""
    return f"<h4>Answer</h4>{said}{table}" if said or table else ""


def _coded(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
