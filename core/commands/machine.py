"""`list` and `doctor`: what is here, in words. Neither torch nor Gradio is imported."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from core import doctor, registry
from core.readiness import tier_readiness
from core.settings import size_words

_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "missing": ("MISSING", "bold red")}


def _console() -> Console:
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=140)


def print_methods() -> None:
    """Print each method with its tiers, their size, and whether they run here."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("method", "tier", "what it is", "size", "on this machine"):
        table.add_column(heading, overflow="fold")
    for slug in registry.slugs():
        try:
            spec = registry.load(slug)
        except Exception as error:  # one bad card must not hide the others
            table.add_row(slug, "", f"its card cannot be read: {error}", "", "no")
            continue
        for number, tier in enumerate(spec.tiers):
            state = tier_readiness(spec, tier)
            size = tier.size_bytes or _weights_size(spec)
            table.add_row(
                spec.slug if number == 0 else "",
                tier.name,
                tier.title,
                size_words(size) if size else "",
                state.words,
                style=None if state.ready else "dim",
            )
    _console().print(table)


def _weights_size(spec: registry.MethodSpec) -> int:
    return sum(file.stat().st_size for file in (spec.folder / "weights").rglob("*.safetensors"))


def print_findings() -> bool:
    """Print what `doctor` found; returns whether everything needed is there."""
    console = _console()
    findings = doctor.examine()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.state]
        table.add_row(f"[{style}]{mark}[/]", finding.name, finding.words)
        if finding.advice:
            table.add_row("", "", f"[{style}]→ {finding.advice}[/]")
    console.print(table)
    missing = [finding for finding in findings if finding.state == "missing"]
    if missing:
        console.print(f"{len(missing)} thing(s) are missing. Follow the arrows above.")
    else:
        console.print("Everything that the hub needs is here.")
    return not missing
