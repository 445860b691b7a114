"""From records of trials to scores: Imagic against every other way, then the checks on the method.

What counts as a success and as an identity error is said in `counting`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.registry import Score
from core.world.diffusion.intervals import bootstrap

from . import checks
from .counting import (
    ByMethod,
    Record,
    best,
    by_method,
    error,
    mean_of,
    share_of,
    succeeds,
    suggested,
)
from .trial import COMMUNITY, IMAGIC, INVERSION, METHODS, PLAIN, SDEDIT


def scores(records: Sequence[Record]) -> list[Score]:
    """Every score that the records allow, in the order of importance."""
    found = by_method(records)
    truth = {m: {c: r for c, r in rows.items() if "right" in r} for m, rows in found.items()}
    truth = {m: rows for m, rows in truth.items() if rows}
    out: list[Score] = []
    if IMAGIC in truth:
        out += _success(truth)
        out += _identity(truth)
        out += _time(truth)
    if IMAGIC in found:
        out += _no_truth(found)
    out += checks.scores(found)
    return out


def _success(truth: ByMethod) -> list[Score]:
    out = []
    table: dict[str, dict[str, Any]] = {}
    for method in METHODS:
        rows = list(truth.get(method, {}).values())
        if rows:
            table[method] = {
                "best": round(100 * float(np.mean([succeeds(r, best) for r in rows])), 1),
                "n": len(rows),
            }
            if any(suggested(r) is not None for r in rows):
                hits = [succeeds(r, suggested) for r in rows]
                table[method]["suggested"] = round(100 * float(np.mean(hits)), 1)
    rows = list(truth[IMAGIC].values())
    families: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        families[row["family"]].append(succeeds(row, best))
    readable = [bool(r["readable"]) for r in rows]
    rival = table.get(SDEDIT, {}).get("best")
    out.append(
        share_of(
            "edit success at the best eta",
            [succeeds(r, best) for r in rows],
            baseline=rival,
            baseline_name="SDEdit at its best strength" if rival is not None else "",
            details={
                "methods": table,
                "families": {f: [sum(h), len(h)] for f, h in sorted(families.items())},
                "true answers that the probe reads rightly, %": round(
                    100 * float(np.mean(readable)), 1
                ),
            },
        )
    )
    if "suggested" in table[IMAGIC]:
        none = sum(suggested(r) is None for r in rows)
        out.append(
            share_of(
                "edit success at the suggested eta",
                [succeeds(r, suggested) for r in rows],
                baseline=table.get(PLAIN, {}).get("best"),
                baseline_name="plain text to image" if PLAIN in table else "",
                details={"cases without a suggestion, counted as failures": none},
            )
        )
    return out


def _identity(truth: ByMethod) -> list[Score]:
    """Identity error where both succeed, against every other way."""
    out = []
    for rival in (SDEDIT, INVERSION, PLAIN, COMMUNITY):
        for name, pick in (("best", best), ("suggested", suggested)):
            pairs = _both(truth, rival, pick)
            if not pairs:
                continue
            ours, theirs = zip(*pairs, strict=True)
            out.append(
                share_of(
                    f"identity error below {rival}'s, at the {name} eta, where both succeed",
                    [a < b for a, b in pairs],
                    chance=50.0,
                    details={
                        "mean identity error": [
                            round(float(np.mean(x)), 4) for x in (ours, theirs)
                        ],
                        "interval of the difference": bootstrap([a - b for a, b in pairs]),
                    },
                )
            )
    return out


def _both(
    truth: ByMethod, rival: str, pick: Callable[[Record], int | None]
) -> list[tuple[float, float]]:
    """Identity errors of Imagic's picked column and of the rival's best one, where both are right."""
    out = []
    for case, ours in truth[IMAGIC].items():
        theirs = truth.get(rival, {}).get(case)
        if theirs is None or not succeeds(ours, pick) or not succeeds(theirs, best):
            continue
        one, other = pick(ours), best(theirs)
        assert one is not None
        assert other is not None
        out.append((error(ours, one), error(theirs, other)))
    return out


def _seconds(record: Record) -> float:
    return sum(record["seconds"].values())


def _time(truth: ByMethod) -> list[Score]:
    ours = truth[IMAGIC]
    times = [_seconds(r) for r in ours.values()]
    stages: dict[str, list[float]] = defaultdict(list)
    for record in ours.values():
        for stage, value in record["seconds"].items():
            stages[stage].append(value)
    peaks = [r["peak_bytes"] for r in ours.values() if r.get("peak_bytes")]
    out = [
        Score(
            name="seconds for one edit, median",
            value=round(float(np.median(times)), 1),
            unit="s",
            better="lower",
            n=len(times),
            details={
                "stages, median seconds": {
                    k: round(float(np.median(v)), 1) for k, v in stages.items()
                },
                "peak memory, MiB": round(max(peaks) / 2**20) if peaks else None,
            },
        )
    ]
    shared = [c for c in ours if c in truth.get(COMMUNITY, {})]
    if shared:
        ratios = [_seconds(ours[c]) / _seconds(truth[COMMUNITY][c]) for c in shared]
        hits = [
            100 * float(np.mean([succeeds(truth[m][c], best) for c in shared]))
            for m in (IMAGIC, COMMUNITY)
        ]
        out.append(
            mean_of(
                "time of an edit against the public pipeline's settings",
                ratios,
                unit="x",
                better="lower",
                baseline=1.0,
                baseline_name="500 + 1000 steps of batch 1, all weights, 9 etas of 50 steps",
                details={
                    "success at the best eta, %, ours and theirs": [round(h, 1) for h in hits]
                },
            )
        )
    return out


def _no_truth(found: ByMethod) -> list[Score]:
    """What can be said of pictures whose answer nobody knows: text fit and likeness."""
    rows = [r for r in found[IMAGIC].values() if "right" not in r and r.get("auto") is not None]
    if not rows:
        return []
    others = {
        m: [r for r in found.get(m, {}).values() if "right" not in r] for m in (PLAIN, SDEDIT)
    }
    out = []
    for title, name in (("text score", "text"), ("image similarity to the input", "similarity")):
        table = {
            m: round(float(np.mean([max(r[name]) for r in v])), 4) for m, v in others.items() if v
        }
        out.append(
            mean_of(
                f"{title} at the suggested eta",
                [r[name][r["auto"]] for r in rows],
                4,
                baseline=table.get(PLAIN),
                baseline_name="plain text to image" if PLAIN in table else "",
                details={"highest of each way": table},
            )
        )
    return out
