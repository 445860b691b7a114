"""One case of a benchmark by one way of editing: what comes out, as a record of plain numbers.

Every way has the same seed and starts from the same weights. What a record says of a picture is what the page
says of it (`scoring`); who wins is counted in `tally`.
"""

# K columns: etas of a strip or strengths of SDEdit

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.world.diffusion.condition import Condition
from core.world.diffusion.judge import Judge
from core.world.diffusion.parts import Parts

from . import baselines, choosing, config, scoring
from .algorithm import learn
from .benchmark import Case
from .config import Learning, Sampling
from .learnt import Learnt, Report
from .strip import sample_strip

Pictures = npt.NDArray[np.uint8]
Record = dict[str, Any]

IMAGIC, COMMUNITY = "imagic", "community"
UNTUNED, FROM_NOISE = "without stage 2", "imagic from random noise"
SDEDIT, PLAIN, INVERSION = "SDEdit", "text to image", "DDIM inversion"
FEW, CONTROL = "ten embedding steps", "the true caption"
METHODS = (IMAGIC, FROM_NOISE, SDEDIT, PLAIN, INVERSION, COMMUNITY)
"""The ways that are compared."""
STRENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # as many as a strip has etas
FEW_STEPS = 10  # the paper's failure: too near to the target (its supplement)
SEED = 0  # of all start noise and all learning


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all trials share.

    Attributes:
        parts: the borrowed model; never changed.
        judge: of the tier.
        tier: "embedded" or "full".
        settings: of Imagic; community settings are their own.
        report: progress of the algorithm; it may raise to stop.
    """

    parts: Parts
    judge: Judge
    tier: str
    settings: config.Settings
    report: Report | None = None


def run(bench: Bench, case: Case, method: str) -> list[Record]:
    """Make one edit in one way; Imagic also gives its two ablations, which cost a drawing each.

    Args:
        bench: what to work with.
        case: the edit.
        method: one of `METHODS`, `FEW` or `CONTROL`.

    Raises:
        KeyError: there is no such method.
    """
    return _WAYS[method](bench, case, method)


def _imagic(bench: Bench, case: Case, method: str) -> list[Record]:
    learning = dataclasses.replace(bench.settings.learning, seed=SEED)
    if method == FEW:
        learning = dataclasses.replace(learning, embedding_steps=FEW_STEPS)
    sampling = config.with_seeds(bench.settings.sampling, (SEED,))
    text = case.source if method == CONTROL else case.target
    learnt, strip, seconds = _strip(bench, case, text, learning, sampling)
    found = [_record(bench, case, method, text, sampling.etas, strip[0], learnt=learnt, seconds=seconds)]  # fmt: skip
    if method != IMAGIC:
        return found
    again: dict[str, tuple[Learnt, Sampling]] = {}
    if learning.tuning in ("lora", "full") and learning.tuning_steps:
        again[UNTUNED] = dataclasses.replace(learnt, adapter=None, weights=None), sampling
    if sampling.start != "noise":
        again[FROM_NOISE] = learnt, dataclasses.replace(sampling, start="noise")
    for name, (weights, how) in again.items():
        drawn, took = _timed(
            lambda weights=weights, how=how: sample_strip(
                bench.parts, weights, learnt.target, how, report=bench.report
            )
        )
        took = {**learnt.seconds, "sampling": took} if name == FROM_NOISE else {"sampling": took}
        found.append(_record(bench, case, name, text, how.etas, drawn[0], seconds=took))
    return found


def _community(bench: Bench, case: Case, method: str) -> list[Record]:
    settings = config.community()
    sampling = config.with_seeds(settings.sampling, (SEED,))
    learning = dataclasses.replace(settings.learning, seed=SEED)
    learnt, strip, seconds = _strip(bench, case, case.target, learning, sampling)
    return [_record(bench, case, method, case.target, sampling.etas, strip[0], learnt=learnt, seconds=seconds)]  # fmt: skip


def _strip(
    bench: Bench, case: Case, text: str, learning: Learning, sampling: Sampling
) -> tuple[Learnt, Pictures, dict[str, float]]:
    parts = bench.parts
    z0, target = parts.encode(case.picture[None]), parts.encode_text(text)
    learnt = learn(parts, z0, target, learning, report=bench.report)
    strip, took = _timed(lambda: sample_strip(parts, learnt, target, sampling, report=bench.report))
    return learnt, strip, {**learnt.seconds, "sampling": took}


def _sdedit(bench: Bench, case: Case, method: str) -> list[Record]:
    z0, target, sampling = _start(bench, case)
    made, took = _timed(
        lambda: baselines.sdedit(bench.parts, z0, target, sampling, STRENGTHS, report=bench.report)
    )
    return [_record(bench, case, method, case.target, STRENGTHS, made[0], seconds={"sampling": took})]  # fmt: skip


def _plain(bench: Bench, case: Case, method: str) -> list[Record]:
    z0, target, sampling = _start(bench, case)
    made, took = _timed(
        lambda: baselines.text_to_image(
            bench.parts, target, sampling, z0.shape, report=bench.report
        )
    )
    return [_record(bench, case, method, case.target, (1.0,), made, seconds={"sampling": took})]


def _inversion(bench: Bench, case: Case, method: str) -> list[Record]:
    z0, target, sampling = _start(bench, case)
    source = bench.parts.encode_text(case.source) if case.source else None
    made, took = _timed(
        lambda: baselines.ddim_inversion(
            bench.parts, z0, target, sampling, source=source, report=bench.report
        )
    )
    return [_record(bench, case, method, case.target, (1.0,), made, seconds={"sampling": took})]


def _start(bench: Bench, case: Case) -> tuple[Any, Condition, Sampling]:
    parts = bench.parts
    sampling = config.with_seeds(bench.settings.sampling, (SEED,))
    return parts.encode(case.picture[None]), parts.encode_text(case.target), sampling


_WAYS: dict[str, Callable[[Bench, Case, str], list[Record]]] = {
    IMAGIC: _imagic,
    FEW: _imagic,
    CONTROL: _imagic,
    COMMUNITY: _community,
    SDEDIT: _sdedit,
    PLAIN: _plain,
    INVERSION: _inversion,
}


def _timed(work: Callable[[], Pictures]) -> tuple[Pictures, float]:
    began = time.perf_counter()
    made = work()
    return made, time.perf_counter() - began


def _record(
    bench: Bench,
    case: Case,
    method: str,
    text: str,
    columns: Sequence[float],
    pictures: Pictures,
    *,
    seconds: dict[str, float],
    learnt: Learnt | None = None,
) -> Record:
    """What is said of the pictures (K, H, W, 3) of one case."""
    scores = scoring.scores_of(bench.judge, pictures[None], case.picture, text, bench.tier)
    record: Record = {
        "case": case.id,
        "family": case.family,
        "method": method,
        "columns": list(columns),
        "text": list(scores.text[0]),
        "similarity": list(scores.similarity[0]),
        "distance": list(scores.distance[0]),
        "psnr": [scoring.psnr(p, case.picture) for p in pictures],
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }
    if bench.judge.scores and len(columns) > 1:
        record["auto"] = choosing.suggest(columns, record["text"], record["distance"])
    if learnt is not None:
        record["losses"] = [learnt.losses.target, learnt.losses.optimised, learnt.losses.tuned]
        record["peak_bytes"] = learnt.peak_bytes
    if case.edit is not None and bench.judge.reads:
        record |= _truth(bench, case, method, pictures)
    return record


def _truth(bench: Bench, case: Case, method: str, pictures: Pictures) -> Record:
    assert case.edit is not None
    answer = scoring.answer_of(bench.judge, case.edit, pictures.shape[1])
    judged = scoring.cells(bench.judge, answer, pictures[None], case.picture)[0]
    readings = bench.judge.read(pictures)
    found: Record = {
        "right": [cell.right for cell in judged],
        "found": [cell.found for cell in judged],
        "kept": [cell.kept for cell in judged],
        "background": [cell.background for cell in judged],
        "chance": [round(r.chance(case.edit.target), 4) for r in readings],
        "readable": answer.reading.holds(case.edit.target),
    }
    if method == CONTROL:
        before = case.edit.before.entities[0]
        poses = [next((e.pose for e in r.scene.entities if e.place == before.place), "") for r in readings]  # fmt: skip
        found["flipped"] = [pose != before.pose for pose in poses]
        original = bench.judge.read(case.picture[None])[0].scene.entities
        found["posed"] = any(e.pose == before.pose and e.place == before.place for e in original) and bool(before.pose)  # fmt: skip
    return found
