"""The Check tab: edits of fresh scenes whose true answer is known, made and judged now.

Two questions are exact: what the method must do to the last bit. The others are counted over the scenes
that were asked for, beside SDEdit at its best strength and plain text to image.
"""

# N scenes, K columns

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import WeightsError
from core.jobs import Job
from core.media.image_writing import png, sheet
from core.world.diffusion.intervals import wilson
from core.world.diffusion.judge import Judge
from core.world.diffusion.parts import Parts
from core.world.edit import Edit
from core.world.render import render

from . import baselines, benchmark, borrowing, choosing, config, scoring
from .algorithm import learn
from .benchmark import Case
from .config import Learning, Sampling
from .learnt import Learnt
from .requests import CheckRequest
from .results import CheckCase, CheckResult, CheckRow, Sheet, TruthCell
from .strip import sample_strip

Pictures = npt.NDArray[np.uint8]

SHOWN = (0.0, 0.6, 0.8, 1.0, 1.2)  # etas of the sheet
STRENGTHS = (0.4, 0.6, 0.8)
# enough for what must hold to the last bit
_QUICK = Sampling(etas=(0.0, 1.0), steps=4, start="noise")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """One scene, edited in every way.

    Attributes:
        case: the edit.
        learnt: what was learnt of it.
        strip: (K, H, W, 3) for the etas of the default strip.
        plain: one picture.
        sdedit: one picture for each strength.
        cells: the judgement of strip, plain and SDEdit, in that order.
        suggested: column of the strip that the page would mark.
        untuned: eta 0 without stage 2.
    """

    case: Case
    learnt: Learnt
    strip: Pictures
    plain: Pictures
    sdedit: Pictures
    cells: tuple[TruthCell, ...]
    suggested: int | None
    untuned: Pictures

    @property
    def own(self) -> tuple[TruthCell, ...]:
        """The judgement of the strip."""
        return self.cells[: len(self.strip)]

    @property
    def rivals(self) -> tuple[TruthCell, ...]:
        """The judgement of SDEdit."""
        return self.cells[len(self.strip) + 1 :]


def live_check(job: Job, parts: Parts, judge: Judge, request: CheckRequest) -> CheckResult:
    """Edit fresh scenes and count what is right.

    Args:
        job: told how far it is; a stop raises at the next step.
        parts: the borrowed model; never changed.
        judge: one that reads.
        request: how many scenes, which, and how long to learn.

    Raises:
        WeightsError: the judge has no probe.
        JobCancelled: the job was stopped.
    """
    if not judge.reads:
        raise WeightsError(
            "There is no scene probe here, so no answer can be checked. Its weights belong in "
            "core/world/weights/probe. Get the repository again, or train the probe."
        )
    began = time.perf_counter()
    before = parts.base_hash()
    cases = benchmark.fresh(request.num_scenes, request.seed, size=parts.image_size)
    exact = _exact(parts, cases[0])
    done = []
    for k, case in enumerate(cases):
        job.report(k / len(cases), f"Scene {k + 1} of {len(cases)}: {case.target}")
        done.append(_edited(job, parts, judge, request, case, (k / len(cases), 1 / len(cases))))
    same = before == parts.base_hash()
    rows = (*exact, _unchanged(same, len(cases)), *_counted(done))
    tiles, told = _shown(done)
    return CheckResult(
        weights=borrowing.model_hash(parts)[:12],
        tier=request.tier,
        model=request.model if request.tier == "full" else "",
        rows=rows,
        cases=told,
        sheet=Sheet(file="check.png", rows=len(tiles), columns=tiles.shape[1], tile=tiles.shape[2]),
        seconds=round(time.perf_counter() - began, 1),
        files={"check.png": png(sheet(tiles))},
    )


def _exact(parts: Parts, case: Case) -> tuple[CheckRow, ...]:
    """What must hold bit by bit, tried on one scene with few steps."""
    z0, target = parts.encode(case.picture[None]), parts.encode_text(case.target)
    untouched = learn(parts, z0, target, Learning(embedding_steps=0, tuning="none"))
    strip = sample_strip(parts, untouched, target, _QUICK, chunk=1)[0]
    plain = baselines.text_to_image(parts, target, _QUICK, z0.shape)
    short = Learning(embedding_steps=2, tuning="lora", tuning_steps=2, batch_size=2)
    twice = [
        sample_strip(parts, learn(parts, z0, target, short), target, _QUICK)[0] for _ in range(2)
    ]
    nothing = all(np.array_equal(p, plain[0]) for p in strip)
    again = np.array_equal(*twice)
    return (
        CheckRow(
            name="nothing learnt",
            question="With no learning at all, does every eta give plain text to image, bit by bit?",
            value=float(nothing),
            passed=nothing,
        ),
        CheckRow(
            name="same again",
            question="Does the same edit twice give the same bytes?",
            value=float(again),
            passed=again,
        ),
    )


def _unchanged(same: bool, n: int) -> CheckRow:
    return CheckRow(
        name="shared model",
        question="Is the shared model the same to the last bit after all edits?",
        value=float(same),
        n=n,
        passed=same,
    )


def _edited(
    job: Job,
    parts: Parts,
    judge: Judge,
    request: CheckRequest,
    case: Case,
    share: tuple[float, float],
) -> _Done:
    defaults = config.embedded() if request.tier == "embedded" else config.full()
    sampling = defaults.sampling
    learning = dataclasses.replace(
        defaults.learning,
        embedding_steps=request.embedding_steps,
        tuning_steps=request.tuning_steps,
        seed=request.seed,
    )
    stages = {"embedding": (0.0, 0.4), "tuning": (0.4, 0.4), "inversion": (0.8, 0.02), "sampling": (0.82, 0.08), "baselines": (0.9, 0.1)}  # fmt: skip
    names = {"embedding": "learning the embedding", "tuning": "tuning", "inversion": "finding its noise", "sampling": "drawing the strip", "baselines": "drawing the baselines"}  # fmt: skip

    far = 0.0  # a stage that is drawn in several goes is told once

    def report(stage: str, step: int, of: int, *_: object) -> None:
        nonlocal far
        start, length = stages.get(stage, (0.9, 0.1))
        far = inner = max(far, start + length * step / max(1, of))
        job.report(share[0] + share[1] * inner, f"{case.target}: {names.get(stage, stage)}")

    z0, target = parts.encode(case.picture[None]), parts.encode_text(case.target)
    learnt = learn(parts, z0, target, learning, report=report)
    strip = sample_strip(parts, learnt, target, sampling, report=report)[0]
    bare = dataclasses.replace(learnt, adapter=None, weights=None)
    at_zero = dataclasses.replace(sampling, etas=(0.0,))
    untuned = sample_strip(parts, bare, target, at_zero, report=report)[0]
    plain = baselines.text_to_image(parts, target, sampling, z0.shape, report=report)
    rivals = baselines.sdedit(parts, z0, target, sampling, STRENGTHS, report=report)[0]
    edit = case.edit
    assert edit is not None
    every = np.concatenate([strip, plain, rivals])
    answer = scoring.answer_of(judge, edit, strip.shape[1])
    cells = scoring.cells(judge, answer, every[None], case.picture)[0]
    return _Done(
        case=case,
        learnt=learnt,
        strip=strip,
        plain=plain,
        sdedit=rivals,
        cells=cells,
        suggested=_suggested(judge, strip, case, sampling),
        untuned=untuned,
    )


def _suggested(judge: Judge, strip: Pictures, case: Case, sampling: Sampling) -> int | None:
    if not judge.scores:
        return None
    distances = scoring.rms(strip, case.picture).tolist()
    return choosing.suggest(sampling.etas, judge.text_score(strip, case.target).tolist(), distances)


def _best(cells: Sequence[TruthCell]) -> int | None:
    right = [k for k, cell in enumerate(cells) if cell.right]
    return max(right, key=lambda k: cells[k].kept - (cells[k].background or 0.0)) if right else None


def _counted(done: Sequence[_Done]) -> list[CheckRow]:
    """The measured questions."""
    n = len(done)
    rows = [
        _share(
            "what was asked for",
            "At the best eta of the strip, does the picture show what the text asks for?",
            [_best(d.own) is not None for d in done],
            baseline=float(np.mean([_best(d.rivals) is not None for d in done])),
            baseline_name="SDEdit at its best of three strengths",
        ),
        _share(
            "at the suggested eta",
            "Does the suggested picture show what the text asks for?",
            [d.suggested is not None and d.own[d.suggested].right for d in done],
            baseline=float(np.mean([d.cells[len(d.strip)].right for d in done])),
            baseline_name="plain text to image",
        ),
    ]
    picked = [(d.own[i], d) for d in done if (i := _best(d.own)) is not None]
    if picked:
        rivals = [d.rivals[i].kept for _, d in picked if (i := _best(d.rivals)) is not None]
        rows.append(
            CheckRow(
                name="what was not asked for",
                question="Of what no text names (hue, build, place, horizon), how much stayed in the best picture?",
                value=round(float(np.mean([cell.kept for cell, _ in picked])), 3),
                n=len(picked),
                baseline=round(float(np.mean(rivals)), 3) if rivals else None,
                baseline_name="SDEdit where it succeeds" if rivals else "",
            )
        )
    losses = [d.learnt.losses for d in done]
    rows.append(
        _share(
            "both stages learn",
            "Does each stage lower the loss on the fixed bank of noise?",
            [x.optimised < x.target and x.tuned < x.optimised for x in losses],
        )
    )
    with_tuning = [scoring.psnr(d.strip[0], d.case.picture) for d in done]
    without = [scoring.psnr(d.untuned[0], d.case.picture) for d in done]
    rows.append(
        CheckRow(
            name="the input again",
            question="How near to the input is eta 0, in dB, against the same without stage 2?",
            value=round(float(np.mean(with_tuning)), 2),
            unit="dB",
            n=n,
            baseline=round(float(np.mean(without)), 2),
            baseline_name="without stage 2",
        )
    )
    return rows


def _share(name: str, question: str, hits: list[bool], **more: Any) -> CheckRow:
    low, high = wilson(sum(hits), len(hits))
    return CheckRow(
        name=name,
        question=question,
        value=round(float(np.mean(hits)), 4),
        n=len(hits),
        interval=(round(low, 4), round(high, 4)),
        **more,
    )


def _shown(done: Sequence[_Done]) -> tuple[Pictures, tuple[CheckCase, ...]]:
    """The sheet (N, K, H, W, 3) and what its tiles are."""
    rows, cases = [], []
    etas = config.embedded().sampling.etas
    for d in done:
        edit: Edit | None = d.case.edit
        assert edit is not None
        answer = render([edit.after], size=d.strip.shape[1])[0]
        columns = [etas.index(eta) for eta in SHOWN]
        rival = _best(d.rivals)
        rival = len(STRENGTHS) // 2 if rival is None else rival
        rows.append(
            np.stack(
                [
                    d.case.picture,
                    answer,
                    *(d.strip[k] for k in columns),
                    d.plain[0],
                    d.sdedit[rival],
                ]
            )
        )
        cells = (*(d.own[k] for k in columns), d.cells[len(d.strip)], d.rivals[rival])
        names = (
            *(
                f"eta {eta:g}{', suggested' if k == d.suggested else ''}"
                for eta, k in zip(SHOWN, columns, strict=True)
            ),
            "text to image",
            f"SDEdit {STRENGTHS[rival]:g}",
        )
        cases.append(
            CheckCase(
                target=d.case.target,
                was=d.case.source,
                pictures=("input", "true answer", *names),
                cells=(None, None, *cells),
            )
        )
    return np.stack(rows), tuple(cases)
