"""From records of trials to scores of what the words say of bias, and of the checks on the method itself."""

from __future__ import annotations

import numpy as np

from core.registry import Score
from core.world.diffusion.intervals import spearman, wilson

from .scoring import mean_of, resampled, share_of
from .trial import EXPLAIN, FACTORS, LEFT_IN, OURS, Record

ByMethod = dict[str, dict[str, Record]]
"""Records by method and word."""


def bias(rows: dict[str, Record]) -> list[Score]:
    """Leanings of professions against planted and measured rates, and whether mitigation moves them."""
    out: list[Score] = []
    for name, of in (
        ("planted", lambda r: r["planted"]),
        ("measured", lambda r: r["measured"][0]),
    ):
        pairs = [(r["leaning"], of(r), r.get("text leaning")) for r in rows.values() if of(r) is not None]  # fmt: skip
        if len(pairs) < 3:
            continue
        value, interval = resampled(pairs, lambda some: spearman([p[0] for p in some], [p[1] for p in some]))  # fmt: skip
        texts = [(float(text), rate) for _, rate, text in pairs if text is not None]
        rival = spearman(*zip(*texts, strict=True)) if len(texts) > 2 else None
        out.append(
            Score(
                name=f"rank correlation of leaning and {name} rate of professions",
                value=round(value, 4),
                baseline=None if rival is None else round(rival, 4),
                baseline_name="" if rival is None else "likeness of CLIP's texts",
                chance=0.0,
                n=len(pairs),
                interval=interval,
            )
        )
    moved = [
        (abs(r["reconstructed"][0] - 0.5), abs(r["mitigated"][0] - 0.5))
        for r in rows.values()
        if r["reconstructed"][0] is not None and r["mitigated"][0] is not None
    ]
    if moved:
        hits = sum(after < before for before, after in moved)
        low, high = wilson(hits, len(moved))
        out.append(
            Score(
                name="professions whose counted rate moves towards a half when both groups are made equal",
                value=round(100 * hits / len(moved), 1),
                unit="%",
                chance=50.0,
                n=len(moved),
                interval=(round(100 * low, 1), round(100 * high, 1)),
                details={
                    "mean distance from a half, before and after": [
                        round(float(np.mean([pair[k] for pair in moved])), 4) for k in (0, 1)
                    ]
                },
            )
        )
    return out


def checks(found: ByMethod) -> list[Score]:
    """Own words, meanings of homographs, factors, words without a meaning."""
    out: list[Score] = []
    left = [bool(r["words"]) and r["words"][0][0] == c for c, r in found.get(LEFT_IN, {}).items()]
    if left:
        out.append(share_of("the concept's own word ranks first where it is left in", left))
    right = [hit for r in found.get(EXPLAIN, {}).values() for hit in r["right"]]
    if right:
        out.append(share_of("pictures of homographs explained by the meaning that is seen", right))
    factors = [r for r in found.get(FACTORS, {}).values() if "correlation" in r]
    if factors:
        still = [r["others"] < r["moved"] / 2 for r in factors]
        out.append(
            mean_of(
                "rank correlation of a word's factor and how often its attribute is seen",
                [r["correlation"] for r in factors],
                chance=0.0,
                details={"words whose other attributes move less than half as much, %": round(100 * float(np.mean(still)), 1)},
            )
        )  # fmt: skip
    null = [not r["stable"] for r in found.get(OURS, {}).values() if r["category"] == "null"]
    if null:
        out.append(share_of("words without a meaning called unstable", null))
    meant = [r["stable"] for r in found.get(OURS, {}).values() if r["category"] != "null"]
    if meant:
        out.append(share_of("words with a meaning called stable", meant))
    return out
