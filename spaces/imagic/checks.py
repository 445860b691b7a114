"""The checks on the method from records of trials: losses, the ablation, rising curves, two controls.

Numbers 8, 9, 10, 12 and 13 of the method's list; the comparison with other ways is in `tally`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.registry import Score
from core.world.diffusion.intervals import spearman

from .counting import ByMethod, mean_of, share_of
from .trial import CONTROL, FEW, IMAGIC, UNTUNED

Record = dict[str, Any]

MOST = 1.2  # largest eta of the checks on rising curves
EARLY = 0.4  # where the paper finds outputs that are almost the input
AT = 0.8  # where the paper's failure with ten embedding steps is looked for


def scores(found: ByMethod) -> list[Score]:
    """Every check that the records allow."""
    out: list[Score] = []
    if IMAGIC in found:
        out += _losses(found)
        out += _reconstruction(found)
        out += _rising(found)
    return out + _control(found) + _few(found)


def _losses(found: ByMethod) -> list[Score]:
    """Check 8: both stages lower the loss on the fixed bank."""
    rows = [r["losses"] for r in found[IMAGIC].values() if "losses" in r]
    if not rows:
        return []
    closed = [(a - b) / (a - c) for a, b, c in rows if a > c]
    out = [
        share_of("stage 1 lowers the fixed-bank loss", [b < a for a, b, _ in rows]),
        share_of("stage 2 lowers it further", [c < b for _, b, c in rows]),
    ]
    if closed:
        out.append(
            mean_of(
                "share of the whole gain that stage 1 makes", [100 * x for x in closed], 1, unit="%"
            )
        )
    return out


def _reconstruction(found: ByMethod) -> list[Score]:
    """Check 9: the ablation of stage 2 at eta 0."""
    pairs = []
    for case, ours in found[IMAGIC].items():
        other = found.get(UNTUNED, {}).get(case)
        if other is not None and 0 in ours["columns"]:
            k = ours["columns"].index(0)
            pairs.append((ours["psnr"][k], other["psnr"][k]))
    if not pairs:
        return []
    return [
        mean_of(
            "PSNR of eta 0 to the input, gained by stage 2",
            [a - b for a, b in pairs],
            2,
            unit="dB",
            details={
                "with and without stage 2, dB": [
                    round(float(np.mean(x)), 2) for x in zip(*pairs, strict=True)
                ]
            },
        )
    ]


def curve(rows: Sequence[Record], name: str) -> tuple[list[float], list[float]]:
    """Etas up to `MOST`, and the mean over cases of a value at each."""
    etas = [e for e in rows[0]["columns"] if e <= MOST + 1e-9]
    values = [[r[name][r["columns"].index(e)] for e in etas] for r in rows]
    return etas, np.mean(values, axis=0).tolist()


def _rising(found: ByMethod) -> list[Score]:
    """Check 10: with eta the target comes and the input goes."""
    rows = list(found[IMAGIC].values())
    out = []
    known = [r for r in rows if "chance" in r]
    for title, name, which in (
        ("chance of the target rises with eta", "chance", known),
        ("distance to the input rises with eta", "distance", rows),
    ):
        if which:
            etas, values = curve(which, name)
            out.append(
                Score(
                    name=f"{title} (Spearman)",
                    value=round(spearman(etas, values), 3),
                    n=len(which),
                    chance=0.0,
                    details={"etas": etas, "mean": [round(v, 4) for v in values]},
                )
            )
    etas, values = curve(rows, "distance")
    if 1.0 in etas and EARLY in etas:
        early, late = values[etas.index(EARLY)], values[etas.index(1.0)]
        out.append(
            Score(
                name="distance at eta 0.4 as a share of that at 1",
                value=round(early / max(late, 1e-9), 3),
                better="lower",
                n=len(rows),
            )
        )
    return out


def _control(found: ByMethod) -> list[Score]:
    """Check 12: the picture's own caption as the target changes no pose."""
    rows = [r for r in found.get(CONTROL, {}).values() if r.get("posed")]
    if not rows:
        return []
    flips = [
        bool(f) for r in rows for e, f in zip(r["columns"], r["flipped"], strict=True) if e <= MOST
    ]
    return [
        share_of(
            "poses that change though the text is the picture's own caption",
            flips,
            better="lower",
            details={"scenes": len(rows)},
        )
    ]


def _few(found: ByMethod) -> list[Score]:
    """Check 13: ten embedding steps stay so near to the target that tuning imposes the input."""
    gaps = []
    for case, few in found.get(FEW, {}).items():
        ours = found.get(IMAGIC, {}).get(case)
        if ours is not None and "chance" in ours and AT in ours["columns"] and AT in few["columns"]:
            k, j = ours["columns"].index(AT), few["columns"].index(AT)
            gaps.append(ours["chance"][k] - few["chance"][j])
    if not gaps:
        return []
    return [mean_of("chance of the target at eta 0.8, lost with ten embedding steps", gaps)]
