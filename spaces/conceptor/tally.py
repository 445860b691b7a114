"""From records of trials to scores: the method against every simpler way, beside the recipes.

Words that tuned the settings (the development concepts) count in no comparison.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.registry import Score

from . import tally_checks
from .config import TOP
from .scoring import against, auc, mean_of, resampled
from .tally_checks import ByMethod
from .trial import AUDIT, FREQUENCY, INVERSION, NEVER_TAUGHT, OURS, RANDOM, WAYS, Record
from .truth import correlation

BLENDED = ("composite", "blend", "abstract")  # all elements in one picture
MIXED = ("exemplar",)  # one element in each picture
ORDERED = ("exemplar", "abstract")


def by_method(records: Sequence[Record]) -> ByMethod:
    """Records by method and word; a later record of the same replaces an earlier one."""
    out: ByMethod = defaultdict(dict)
    for record in records:
        if record.get("split") != "development":
            out[record["method"]][record["concept"]] = record
    return out


def scores(records: Sequence[Record]) -> list[Score]:
    """Every score that the records allow, in the order of importance."""
    found = by_method(records)
    out: list[Score] = []
    if found.get(OURS):
        out += _recall(found)
        out += _untaught(found)
        out += _order(found)
        out += _mixtures(found[OURS])
        out += _homographs(found)
        out += _pictures(found)
        out += _stability(found[OURS])
        out += _time(found)
    out += tally_checks.bias(found.get(AUDIT, {}))
    out += tally_checks.checks(found)
    return out


# --- words ----------------------------------------------------------------------------------------


def _recall(found: ByMethod) -> list[Score]:
    out = []
    for title, categories in (
        ("parts of blends found in the first ten words", BLENDED),
        ("planted parts found in the first ten words, all words", None),
    ):
        rows = {
            way: {
                c: r["recall"]
                for c, r in found.get(way, {}).items()
                if r.get("recall") is not None and (categories is None or r["category"] in categories)
            }
            for way in (*WAYS, RANDOM)
        }  # fmt: skip
        if not rows[OURS]:
            continue
        chance = [r["chance"] for c, r in found[OURS].items() if c in rows[OURS] and "chance" in r]
        by_category: dict[str, list[float]] = defaultdict(list)
        for c, value in rows[OURS].items():
            by_category[found[OURS][c]["category"]].append(value)
        out.append(
            against(
                title,
                rows,
                better="higher",
                scale=100,
                unit="%",
                chance=round(100 * float(np.mean(chance)), 2),
                details={
                    "categories, mean % and n": {k: [round(100 * float(np.mean(v)), 1), len(v)] for k, v in sorted(by_category.items())}
                },
            )
        )  # fmt: skip
    return out


def _untaught(found: ByMethod) -> list[Score]:
    """What teaching the text tower to read sums is worth: the same words on the tower as it was before."""
    before = {c: r["recall"] for c, r in found.get(NEVER_TAUGHT, {}).items() if "recall" in r}
    pairs = [(found[OURS][c]["recall"], value) for c, value in before.items() if c in found[OURS]]
    if not pairs:
        return []
    return [
        mean_of(
            "the same on a text tower that was never taught to read sums",
            [100 * b for _, b in pairs],
            unit="%",
            digits=1,
            details={"taught, on the same words": round(100 * float(np.mean([a for a, _ in pairs])), 1)},
        )
    ]  # fmt: skip


def _order(found: ByMethod) -> list[Score]:
    """Rank correlation of shares with what was planted, and with what the model itself draws."""
    out = []
    measured = {c: r.get("atoms") for c, r in found.get(FREQUENCY, {}).items()}
    for title, of in (("planted", None), ("measured", measured)):
        rows: dict[str, dict[str, float]] = {}
        for way in WAYS:
            values = {}
            for c, r in found.get(way, {}).items():
                if r.get("category") not in (*ORDERED, "composite") or "parts" not in r:
                    continue
                value = r.get("correlation")
                if of is not None:
                    seen = of.get(c)
                    value = None if not seen else correlation([seen.get(p[0], 0.0) for p in r["parts"]], [p[3] for p in r["parts"]])  # fmt: skip
                if value is not None:
                    values[c] = value
            rows[way] = values
        if not rows[OURS]:
            continue
        some = [v for c, v in rows[OURS].items() if found[OURS][c]["category"] in ORDERED]
        out.append(
            against(
                f"rank correlation of shares and {title} probabilities",
                rows,
                better="higher",
                chance=0.0,
                details={"exemplars and abstract words alone": [round(float(np.mean(some)), 3), len(some)] if some else None},
            )
        )  # fmt: skip
    return out


def _mixtures(ours: dict[str, Record]) -> list[Score]:
    """Exemplar words told from blends, by the distributional check."""
    pairs = [
        (r["mixture"], r["category"] in MIXED)
        for r in ours.values()
        if r.get("mixture") is not None and r["category"] in (*MIXED, *BLENDED)
    ]
    if len({is_mixture for _, is_mixture in pairs}) < 2:
        return []

    def area(rows: Sequence[tuple[float, bool]]) -> float:
        return auc([v for v, m in rows if m], [v for v, m in rows if not m])

    value, interval = resampled(pairs, area)
    right = [(v > 0.5) == m for v, m in pairs]
    return [
        Score(
            name="mixtures told from blends, area under the curve",
            value=round(value, 4),
            baseline=0.5,
            baseline_name="a blind guess",
            chance=0.5,
            n=len(pairs),
            interval=interval,
            details={
                "right at the threshold, %": round(100 * float(np.mean(right)), 1),
                "mixtures": sum(m for _, m in pairs),
            },
        )
    ]


def _homographs(found: ByMethod) -> list[Score]:
    rows = {
        way: {c: float(all(r["meanings"])) for c, r in found.get(way, {}).items() if r.get("meanings")}
        for way in WAYS
    }  # fmt: skip
    if not rows[OURS]:
        return []
    return [against("homographs with both meanings in the first ten words", rows, better="higher", scale=100, unit="%")]  # fmt: skip


# --- pictures -------------------------------------------------------------------------------------


def _pictures(found: ByMethod) -> list[Score]:
    out = []
    for title, name, better in (
        ("likeness of the reconstruction, CLIP", "similarity", "higher"),
        ("words the probe sees in both, of those it sees in either", "seen", "higher"),
        ("loss of the kept words on the fixed bank", "loss", "lower"),
    ):
        ways = (*WAYS, RANDOM)
        rows = {
            way: {c: r[name] for c, r in found.get(way, {}).items() if r.get(name) is not None}
            for way in ways
        }
        if not rows[OURS]:
            continue
        floor = [r[name] for c, r in found.get(INVERSION, {}).items() if c in rows[OURS] and r.get(name) is not None]  # fmt: skip
        details: dict[str, Any] = {}
        if floor:
            details["textual inversion, which explains nothing"] = round(float(np.mean(floor)), 5)
        if name == "loss":
            details |= _levels(found[OURS])
        out.append(against(title, rows, better=better, digits=5, details=details))
    return out


def _levels(ours: dict[str, Record]) -> dict[str, Any]:
    names = ("concept", "whole", "kept", "nearest", "chance")
    rows = [r["losses"] for r in ours.values() if r.get("losses")]
    whole = [row for row in rows if all(row[name] is not None for name in names)]
    if not whole:
        return {}
    means = {name: round(float(np.mean([row[name] for row in whole])), 6) for name in names}
    values = list(means.values())
    return {"losses in order": means, "the order holds": values == sorted(values)}


def _stability(ours: dict[str, Record]) -> list[Score]:
    values = [r["agreement"] for r in ours.values() if r.get("agreement") is not None and r["category"] != "null"]  # fmt: skip
    if not values:
        return []
    size = [r["dictionary"] for r in ours.values()]
    return [
        mean_of(
            "first ten words kept over repeats",
            [100 * v for v in values],
            unit="%",
            digits=1,
            baseline=72.0,
            baseline_name="lower end of the published range, 72 to 80 %",
            chance=round(100 * min(1.0, TOP / float(np.mean(size))), 1),
        )
    ]


def _time(found: ByMethod) -> list[Score]:
    rows = {way: {c: r["seconds"] for c, r in found.get(way, {}).items() if "seconds" in r} for way in WAYS}  # fmt: skip
    times = list(rows[OURS].values())
    table = {way: round(float(np.median(list(v.values()))), 1) for way, v in rows.items() if v}
    return [
        Score(
            name="seconds for one word, median",
            value=round(float(np.median(times)), 1),
            unit="s",
            better="lower",
            n=len(times),
            details={
                "ways": table,
                "slowest": max(times),
                "rows through the network": round(float(np.median([r["passes"] for r in found[OURS].values() if "passes" in r]))),
            },
        )
    ]  # fmt: skip
