"""An audit: how concepts lean, what is counted in pictures, and what is counted after balancing."""

from __future__ import annotations

from core.ui import pictures

from . import charts
from .charts import text
from .panels import Link, figure, frame, number, on_sheet, percent, sheet_of
from .results import AuditResult, AuditRow, Rate


def audit_panel(result: AuditResult, link: Link, stored: str = "") -> str:
    """The table, the scatter, the pictures and the caution."""
    a, b = "/".join(result.group_a), "/".join(result.group_b)
    return frame(
        f'<p class="co-say">{_headline(result, a)}</p>',
        f"<div>{_table(result, a, b)}</div>",
        _scatter(result, a, b),
        _pictures(result, link),
        f"<p><small>{text(result.caution)} Counted by {text(result.measured_by)}. Strength of the mitigation "
        f"{result.strength:g}. {result.seconds:.0f} s. Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def _headline(result: AuditResult, a: str) -> str:
    pairs = [
        (abs(r.reconstructed.value - 0.5), abs(r.mitigated.value - 0.5))
        for r in result.rows
        if r.reconstructed.value is not None and r.mitigated.value is not None
    ]
    nearer = sum(after < before for before, after in pairs)
    said = ""
    if result.correlation is not None:
        said = f"Words and pictures agree with a rank correlation of <b>{number(result.correlation)}</b>. "
    if pairs:
        said += f"Balancing moved {nearer} of {len(pairs)} nearer to a half."
    return said or f"How often “{text(a)}” is seen."


def rate_words(rate: Rate) -> str:
    """A rate with its interval."""
    if rate.value is None:
        return "neither seen"
    return f"{percent(rate.value)} <small>{percent(rate.low)} to {percent(rate.high)}, n {rate.n}</small>"


def _table(result: AuditResult, a: str, b: str) -> str:
    known = any(r.planted is not None for r in result.rows)
    rows = "".join(_row(r, known) for r in result.rows)
    planted = '<th scope="col">planted</th>' if known else ""
    return (
        f'<div class="co-scroll" tabindex="0"><table class="co-table co-wide"><thead><tr><th scope="col">concept</th>'
        f'<th scope="col">leaning of its words</th>{planted}<th scope="col">counted</th><th scope="col">its words</th>'
        f'<th scope="col">balanced</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f"<p><small>Leaning: −1 is only {text(b)}, +1 only {text(a)}. Rates: how often {text(a)} is seen, with 95 % "
        "intervals, in pictures of the concept, of its weighted words, and of these after balancing.</small></p>"
    )


def _row(r: AuditRow, known: bool) -> str:
    doubt = "" if r.stable else ' <small title="no stable decomposition">unstable</small>'
    planted = ""
    if known:
        planted = f"<td>{percent(r.planted) if r.planted is not None else '–'}</td>"
    sign = "+" if r.leaning > 0 else ""
    return (
        f'<tr><th scope="row">{text(r.concept)}{doubt}</th><td><span class="co-lean" style="--at:{50 + 50 * r.leaning:.0f}%">'
        f"</span> {sign}{number(r.leaning)}</td>{planted}<td>{rate_words(r.measured)}</td>"
        f"<td>{rate_words(r.reconstructed)}</td><td>{rate_words(r.mitigated)}</td></tr>"
    )


def _scatter(result: AuditResult, a: str, b: str) -> str:
    marks = [
        charts.Mark(name=r.concept, x=r.leaning, y=r.measured.value, low=r.measured.low, high=r.measured.high)
        for r in result.rows
        if r.measured.value is not None
    ]  # fmt: skip
    if not marks:
        return ""
    label = "; ".join(f"{m.name} leans {m.x:+.2f}, counted {percent(m.y)}" for m in marks)
    return charts.scatter(marks, f"leaning of the words: {b} ← → {a}", f"counted {a}", label)


def _pictures(result: AuditResult, link: Link) -> str:
    sheet = sheet_of(result.sheet, link)
    made = ""
    for k, r in enumerate(result.rows):
        rows = ""
        for row, name in ((2 * k, "before"), (2 * k + 1, "balanced")):
            tiles = "".join(
                pictures.tile(sheet, c, row, f"{r.concept}, {name}, picture {c + 1}")
                for c in range(sheet.columns)
            )
            rows += f'<small>{name}</small><div class="co-tiles" style="--n:{sheet.columns}">{tiles}</div>'
        made += figure(f"<div>{rows}</div>", r.concept)
    return f"<details open><summary>Pictures before and after</summary>{on_sheet(sheet, made, 'co-cases')}</details>"
