"""A made-up strip result with real pictures of the world; stands in where no weights are needed."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from core.methods.imagic import results
from core.world import gallery
from core.world.render import render

ETAS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
SIMPLER = ("text to image", "SDEdit 0.4", "SDEdit 0.6", "SDEdit 0.8", "DDIM inversion")


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def strip_pixels(before, after, seeds):
    """One row for each seed: the input up to some eta, then the true answer."""
    rows = []
    for k in range(seeds):
        rows.append([after if eta > 0.5 + 0.2 * k else before for eta in ETAS])
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def strip_result(index=0, seeds=2, kind="edit", truth=True, **changes):
    """A result and its files; the numbers are invented and follow the pictures."""
    pair = gallery.gallery()[index]
    before, after = (render([scene])[0] for scene in (pair.edit.before, pair.edit.after))
    files = {
        "strip.png": png(strip_pixels(before, after, seeds)),
        "input.png": png(before),
        "reconstruction.png": png(before),
        "answer.png": png(after),
        "baselines.png": png(np.concatenate([np.concatenate([after, before, before, after, after], 1)] * seeds)),
        "kit.zip": b"PK kit",
    }  # fmt: skip

    def rows(fn):
        return tuple(tuple(round(fn(eta - 0.2 * k), 3) for eta in ETAS) for k in range(seeds))

    cells = tuple(
        tuple(
            results.TruthCell(
                right=eta > 0.5 + 0.2 * k,
                found="sitting" if eta > 0.5 + 0.2 * k else "standing",
                kept=round(0.97 - 0.2 * eta * eta, 2),
                background=round(0.01 + 0.02 * eta, 3),
            )
            for eta in ETAS
        )
        for k in range(seeds)
    )
    curve = [results.LossPoint(step=s, loss=0.21 - 0.05 * (1 - 0.97**s)) for s in range(0, 151, 10)]
    tuned = [results.LossPoint(step=s, loss=0.16 - 0.09 * (1 - 0.97**s)) for s in range(0, 151, 10)]
    facts = {
        "weights": "0123456789ab",
        "target": pair.target_text,
        "seen": results.Seen(
            name=f"gallery {index + 1}",
            source="example:gallery-1",
            format="scene",
            width=64,
            height=64,
            caption=pair.source_text,
        ),
        "etas": ETAS,
        "seeds": tuple(range(seeds)),
        "strip": results.Sheet(file="strip.png", rows=seeds, columns=len(ETAS), tile=64),
        "scores": results.Scores(
            text=rows(lambda e: 0.22 + 0.12 / (1 + np.exp(-8 * (e - 0.5)))),
            similarity=rows(lambda e: 0.98 - 0.3 * max(e, 0) ** 2 / 2),
            distance=rows(lambda e: 0.02 + 0.1 * max(e, 0)),
            measured_by="the world's small CLIP",
        ),
        "suggestion": results.Suggestion(
            column=3,
            rows=tuple(range(3, 3 + seeds)),
            reason="Eta 0.6 is the smallest at which the text is met by half.",
        ),
        "losses": results.Losses(
            embedding=tuple(curve),
            tuning=tuple(tuned),
            target=curve[0].loss,
            optimised=curve[-1].loss,
            tuned=tuned[-1].loss,
        ),
        "stages": (
            results.Stage(name="embedding", seconds=31.2, peak_bytes=6 * 10**8, steps=150, steps_asked=150),
            results.Stage(name="tuning", seconds=44.0, peak_bytes=8 * 10**8, steps=90, steps_asked=150),
            results.Stage(name="sampling", seconds=7.9, peak_bytes=5 * 10**8),
        ),
        "learning_seconds": 75.2,
        "baselines": tuple(
            results.Baseline(
                name=name,
                about="A simpler way.",
                text=(0.3,) * seeds,
                similarity=(0.7,) * seeds,
                distance=(0.1,) * seeds,
                cells=tuple(cells[0][4:5]) * seeds if truth else (),
            )
            for name in SIMPLER
        ),
        "baseline_sheet": results.Sheet(file="baselines.png", rows=seeds, columns=5, tile=64),
        "truth": results.Truth(family="pose", was="standing dog", asked="sitting dog", cells=cells, best=(0, 3))
        if truth
        else None,
        "reconstruction_psnr": 28.4,
        "base_before": "a" * 64,
        "base_after": "a" * 64,
        "kit_bytes": 412_345,
        "files": files,
    }  # fmt: skip
    made = results.EditResult if kind == "edit" else results.ResampleResult
    return made(**(facts | changes))
