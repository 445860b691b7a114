"""Draw a strip of what was learnt, compare it with simpler ways, and judge all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.media.image_writing import png, sheet
from core.world.diffusion.condition import Condition
from core.world.diffusion.judge import Judge
from core.world.diffusion.parts import Parts
from core.world.render import render

from . import baselines, scoring
from .config import Sampling
from .following import Follower
from .intake import Opened, true_edit
from .learnt import Learnt
from .results import Baseline, Losses, LossPoint, Sheet, Truth
from .strip import sample_strip

_ABOUT = {
    "text to image": "The text alone, from the noise of the seed: nothing of your picture is in it.",
    "SDEdit": "Your picture, noised part of the way and drawn again with the text.",
    "DDIM inversion": "Your picture's own noise by inversion, drawn with the text; it has no seed.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What drawing and judging a strip needs, whether it was learnt now or comes from a kit."""

    parts: Parts
    judge: Judge
    tier: str
    opened: Opened
    learnt: Learnt
    text: str
    condition: Condition
    sampling: Sampling
    baselines: tuple[str, ...]


def count(names: tuple[str, ...]) -> int:
    """Columns of the baselines' sheet."""
    return sum(len(baselines.STRENGTHS) if name == "SDEdit" else 1 for name in names)


def drawn(work: Work, follower: Follower) -> dict[str, Any]:
    """Draw and judge a strip: the fields that an edit and another strip share, with their files."""
    parts, opened, sampling = work.parts, work.opened, work.sampling
    with follower.timed("sampling"):
        strip = sample_strip(parts, work.learnt, work.condition, sampling, report=follower.report)
    others: np.ndarray | None = None
    if work.baselines:
        with follower.timed("baselines"):
            others = compared(work, follower)
    follower.report("scores", 0, 0, None, None)
    size = opened.pixels.shape[0]
    with follower.timed("scores"):
        scores = scoring.scores_of(work.judge, strip, opened.pixels, work.text, work.tier)
        back = parts.decode(work.learnt.z0.to(parts.device))[0]
        files = {
            "strip.png": png(sheet(strip)),
            "input.png": png(opened.pixels),
            "reconstruction.png": png(back),
        }
        truth, note = judged(work, strip, others, files)
        ways = described(work, others, truth)
    follower.report("scores", 1, 1, None, None)  # the last place where a stop is seen
    suggestion = scoring.suggest(sampling.etas, scores, work.judge.scores)
    files["picture.png"] = picture_of(strip, opened.pixels, suggestion.column)
    if others is not None:
        files["baselines.png"] = png(sheet(others))
    rows, columns = strip.shape[:2]
    return {
        "files": files,
        "etas": sampling.etas,
        "seeds": sampling.seeds,
        "strip": Sheet(file="strip.png", rows=rows, columns=columns, tile=size),
        "scores": scores,
        "suggestion": suggestion,
        "losses": losses_of(work.learnt),
        "stages": tuple(follower.stages),
        "baselines": ways,
        "baseline_sheet": None
        if others is None
        else Sheet(file="baselines.png", rows=rows, columns=others.shape[1], tile=size),
        "truth": truth[0] if truth else None,
        "truth_note": note,
        "reconstruction_psnr": scoring.psnr(back, opened.pixels),
    }


def compared(work: Work, follower: Follower) -> np.ndarray:
    """The simpler ways, (S, number of them, H, W, 3), for the seeds of the strip."""
    parts, sampling, z0 = work.parts, work.sampling, work.learnt.z0.to(work.parts.device)
    starts: list[baselines.Join] = []
    for name in work.baselines:
        if name == "text to image":
            starts.append(baselines.text_start(parts, z0.shape, sampling))
        elif name == "SDEdit":
            starts += [
                baselines.sdedit_start(parts, z0, sampling, strength)
                for strength in baselines.STRENGTHS
            ]
        else:
            own = {"report": follower.report, "starts": work.learnt.starts}
            starts.append(baselines.inverted_start(parts, z0, sampling, **own))
    found = baselines.drawn(parts, work.condition, sampling, starts, report=follower.report)
    seeds = len(sampling.seeds)  # an inverted picture has one noise for all of them
    return np.stack([np.repeat(made, seeds // len(made), axis=0) for made in found], axis=1)


def judged(
    work: Work, strip: np.ndarray, others: np.ndarray | None, files: dict[str, bytes]
) -> tuple[tuple[Truth, Any] | None, str]:
    """The true answer and the judgement of strip and baselines; or None and why there is none."""
    edit, note = true_edit(work.opened.scene, work.text) if work.tier == "embedded" else (None, "")
    if work.tier != "embedded":
        note = "The true answer is known only in the small world."
    if edit is None:
        return None, note
    size = strip.shape[2]
    if not work.judge.reads:
        files["answer.png"] = png(render([edit.after], size=size)[0])
        return None, "The scene probe is not on this machine, so the answer is not judged."
    answer = scoring.answer_of(work.judge, edit, size)
    before = work.opened.pixels
    files["answer.png"] = png(answer.picture)
    files["mask.png"] = png(answer.mask.astype(np.uint8) * 255)
    truth = scoring.truth_of(answer, scoring.cells(work.judge, answer, strip, before))
    theirs = None if others is None else scoring.cells(work.judge, answer, others, before)
    return (truth, theirs), ""


def described(
    work: Work, others: np.ndarray | None, truth: tuple[Truth, Any] | None
) -> tuple[Baseline, ...]:
    """The baselines with their scores, in the order of the sheet's columns."""
    if others is None:
        return ()
    scores = scoring.scores_of(work.judge, others, work.opened.pixels, work.text, work.tier)
    cells = truth[1] if truth else None
    names: list[tuple[str, str, float | None]] = []
    for name in work.baselines:
        if name == "SDEdit":
            names += [(f"SDEdit {s:g}", _ABOUT[name], s) for s in baselines.STRENGTHS]
        else:
            names.append((name, _ABOUT[name], None))
    return tuple(
        Baseline(
            name=name,
            about=about,
            strength=strength,
            text=tuple(row[k] for row in scores.text),
            similarity=tuple(row[k] for row in scores.similarity),
            distance=tuple(row[k] for row in scores.distance),
            cells=() if cells is None else tuple(row[k] for row in cells),
        )
        for k, (name, about, strength) in enumerate(names)
    )


def losses_of(learnt: Learnt) -> Losses:
    """Curves and reference heights as results hold them."""

    def curve(*stages: str) -> tuple[LossPoint, ...]:
        return tuple(
            LossPoint(step=p.step, loss=round(p.loss, 6)) for p in learnt.curve if p.stage in stages
        )

    return Losses(
        embedding=curve("embedding"),
        tuning=curve("tuning", "joint"),
        target=round(learnt.losses.target, 6),
        optimised=round(learnt.losses.optimised, 6),
        tuned=round(learnt.losses.tuned, 6),
    )


def picture_of(strip: np.ndarray, before: np.ndarray, column: int | None) -> bytes:
    """The card of a run: the input beside the suggested picture, else the middle one of the strip."""
    chosen = strip[0, column if column is not None else strip.shape[1] // 2]
    pair = np.concatenate([before, chosen], axis=1)
    times = max(1, 256 // pair.shape[0])  # small pictures are enlarged with sharp edges
    return png(pair.repeat(times, 0).repeat(times, 1))
