"""Success against identity for every way of editing, as an SVG picture for documents.

    python -m core.methods.imagic.plot RECORDS.jsonl OUT.svg

The records are what `eval imagic` keeps in `evaluation/imagic` of the data directory.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from .counting import error
from .trial import COMMUNITY, FROM_NOISE, IMAGIC, INVERSION, PLAIN, SDEDIT

# name, colour (told apart also by those who do not see red and green), label
_STYLES = {
    IMAGIC: ("#0b6bcb", "Imagic, an adapter, own noise"),
    FROM_NOISE: ("#b8860b", "the same from random noise"),
    COMMUNITY: ("#7b3fa0", "Imagic, public pipeline's settings"),
    SDEDIT: ("#c2570c", "SDEdit"),
    INVERSION: ("#3f7d20", "DDIM inversion"),
    PLAIN: ("#666666", "plain text to image"),
}
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 420, 70, 30, 20, 60


def points(records: Sequence[dict[str, Any]]) -> dict[str, list[tuple[float, float, float]]]:
    """For each way its columns as (identity error, share of successes, eta or strength), means over cases."""
    out = {}
    for method in _STYLES:
        rows = [r for r in records if r["method"] == method and "right" in r]
        if rows:
            columns = rows[0]["columns"]
            out[method] = [
                (
                    float(np.mean([error(r, k) for r in rows])),
                    float(np.mean([r["right"][k] for r in rows])),
                    value,
                )
                for k, value in enumerate(columns)
            ]
    return out


def trade_off(records: Sequence[dict[str, Any]]) -> str:
    """The plot; up and to the left is better."""
    found = points(records)
    cases = len({r["case"] for r in records if "right" in r})
    most = max((x for row in found.values() for x, _, _ in row), default=1.0) * 1.08 or 1.0
    inner = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)

    def at(x: float, y: float) -> tuple[float, float]:
        return round(_LEFT + inner[0] * x / most, 1), round(_TOP + inner[1] * (1 - y), 1)

    marks = []
    for k, (method, row) in enumerate(found.items()):
        colour, label = _STYLES[method]
        own = len({r["case"] for r in records if r["method"] == method and "right" in r})
        label += f" ({own} cases)" if own != cases else ""
        places = [at(x, y) for x, y, _ in row]
        line = " ".join(f"{x},{y}" for x, y in places)
        if len(places) > 1:
            marks.append(
                f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
            )
        for (x, y), (_, _, value) in zip(places, row, strict=True):
            marks.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>')
            if len(row) > 1:
                marks.append(
                    f'<text x="{x + 6}" y="{y - 5}" class="s" fill="{colour}">{value:g}</text>'
                )
        y = (
            _TOP + round(0.55 * inner[1]) + 18 * k
        )  # few ways change much and succeed seldom: free there
        marks.append(
            f'<rect x="{_WIDTH - 296}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
        )
        marks.append(f'<text x="{_WIDTH - 280}" y="{y}" class="t">{escape(label)}</text>')
    ticks = []
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        _, y = at(0, share)
        ticks.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        ticks.append(
            f'<text x="{_LEFT - 8}" y="{y + 4}" class="t" text-anchor="end">{share:.0%}</text>'
        )
    for k in range(5):
        x, _ = at(most * k / 4, 0)
        ticks.append(
            f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" class="t" text-anchor="middle">{most * k / 4:.2f}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Share of successful edits against identity error, {cases} cases">'
        "<style>.t{font:12px system-ui,sans-serif;fill:#333}.s{font:10px system-ui,sans-serif}</style>"
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>{"".join(ticks)}{"".join(marks)}'
        f'<text x="{_LEFT}" y="{_HEIGHT - 20}" class="t">identity error: unasked parameters that changed, '
        "plus the error outside the mask</text>"
        f'<text x="14" y="{_TOP - 12}" class="t">edits that show what was asked</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="{_TOP - 12}" class="t" text-anchor="end">{cases} cases; the numbers are '
        "eta or strength</text></svg>\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Draw the plot of a file of records."""
    from core.runs.json_lines import read

    if len(arguments) != 2:
        sys.stderr.write(f"Got {len(arguments)} names; give RECORDS.jsonl and OUT.svg.\n")
        return 2
    Path(arguments[1]).write_text(trade_off(read(Path(arguments[0]))), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
