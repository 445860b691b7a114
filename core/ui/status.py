"""The Status page: device and memory, the model cache, jobs, versions, disk.

The numbers come through a server function that the page calls every two seconds while it is
visible, so a hidden tab costs nothing and the queue is not used.
"""

from __future__ import annotations

import html
import shutil
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any

import gradio as gr

from core import readiness, settings
from core.ui import chrome

PACKAGES = (
    "gradio",
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "huggingface_hub",
    "numpy",
    "SQLAlchemy",
)


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> str:
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    if not body:
        return f"<section><h2>{caption}</h2><p class='vt-quiet'>{empty}</p></section>"
    cells = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in head)
    return (
        f"<section><h2>{caption}</h2><div class='vt-scroll' tabindex='0' role='region' "
        f"aria-label='{caption}'><table><thead><tr>{cells}</tr></thead>"
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _facts(caption: str, facts: Sequence[tuple[str, str]]) -> str:
    body = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts)
    return f"<section><h2>{caption}</h2><dl class='vt-facts'>{body}</dl></section>"


def machine() -> list[tuple[str, str]]:
    """Device, memory and disk of this machine in words. No torch is imported for it."""
    import psutil

    here = readiness.device()
    memory = psutil.virtual_memory()
    own = psutil.Process().memory_info().rss
    size = settings.size_words
    device = here.name if here.kind != "cpu" else f"CPU, {psutil.cpu_count()} cores"
    facts = [("Device", device)]
    torch = sys.modules.get("torch")
    lent = settings.current().zero_gpu  # outside a job, its figures are invented
    if here.kind == "cuda" and not lent and torch is not None and torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        facts.append(("Device memory", f"{size(free)} of {size(total)} free"))
    elif here.memory:
        facts.append(("Device memory", size(here.memory)))
    facts.append(("Memory", f"{size(memory.available)} of {size(memory.total)} free"))
    facts.append(("This process", size(own)))
    folder = settings.current().data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    disk = shutil.disk_usage(folder)
    facts.append(("Disk", f"{size(disk.free)} of {size(disk.total)} free"))
    facts.append(("Runs and uploads", _kept()))
    return facts


def _kept() -> str:
    """What the run store holds and may hold; the store is not opened for it."""
    limit = settings.current().max_disk
    most = settings.size_words(limit) if limit else "no limit"
    if "core.runs.run_store" not in sys.modules:
        return f"up to {most}" if limit else most
    from core.runs import store

    used, _ = store().disk()
    return f"{settings.size_words(used)} of {most}" if limit else settings.size_words(used)


def _cache() -> str:
    empty = "Nothing is loaded. The first job loads its model."
    if "core.cache" not in sys.modules:
        return _table("Model cache", (), (), empty)
    from core.cache import snapshot

    now = snapshot()
    size = settings.size_words
    parts = [
        (
            part.key,
            ", ".join(part.names),
            part.tier,
            size(part.bytes),
            f"{part.leases}" + (", pinned" if part.pinned else ""),
        )
        for part in now.parts
    ]
    memory = [
        (
            f"{tier.tier} ({tier.device})",
            size(tier.used) + (f" of {size(tier.budget)}" if tier.budget else ""),
        )
        for tier in now.tiers
    ]
    counts = f"hits {now.hits}, loads {now.loads}, evictions {now.evictions}"
    table = _table("Model cache", ("Part", "Used by", "Where", "Size", "Leases"), parts, empty)
    return table + _facts("Cache memory", [*memory, ("Since the start", counts)])


def _jobs() -> str:
    from core.jobs import runner

    rows = [
        (
            chrome.method_title(info.method),
            info.state,
            "" if info.fraction is None else f"{info.fraction:.0%}",
        )
        for info in runner().list(active=True)
    ]
    # Everybody reads this page, so what a job is about stays with whoever started it.
    return _table("Jobs", ("Method", "State", "Done"), rows, "No job is running.")


def _versions() -> list[tuple[str, str]]:
    found = [("Python", ".".join(map(str, sys.version_info[:3])))]
    for name in PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, "not installed"))
    return found


def markup() -> str:
    """The whole page's content, read now."""
    return (
        '<div id="vt-tabs" class="vt-status">'
        f"{_facts('Machine', machine())}{_jobs()}{_cache()}"
        f"{_facts('Versions', _versions())}</div>"
    )


def _read(payload: Any = None) -> str:
    return markup()


def layout() -> None:
    """Lay out the Status page."""
    chrome.plain_header("Status", "What this machine has, what is loaded, and what runs.", "status")
    gr.HTML(
        '<div id="vt-tabs" class="vt-status"><p class="vt-quiet">Reading the machine.</p></div>',
        apply_default_css=False,
        elem_id="vt-status",
        js_on_load=(
            "window.vitrine ? vitrine.poll(element, server._read, props) : "
            "addEventListener('vitrine', () => vitrine.poll(element, server._read, props))"
        ),
        server_functions=[_read],
    )
