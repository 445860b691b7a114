"""The Check and Train tabs: known answers measured now, and the recipe as a job."""

from __future__ import annotations

import time

import numpy as np
import torch

from core.jobs import Job
from core.media.image_writing import tiles
from core.world.diffusion.intervals import wilson

from . import borrowing, choosing, decompose, surrogate, teaching_job, tokens, truth
from .algorithm import whole
from .borrowing import Bench
from .config import PROMPT, TOP, Settings
from .decomposition import Decomposition
from .drawing import laid
from .requests import CheckRequest, TrainRequest
from .results import CheckCase, CheckResult, CheckRow, TrainResult
from .truth import against, planted


def check(job: Job, request: CheckRequest) -> CheckResult:
    """Take planted words apart, and count what of their recipes was found; then the exact checks.

    Raises:
        WeightsError: the model is not here.
        JobCancelled: the job was stopped.
    """
    with borrowing.bench(job, request.tier, request.model) as b:
        return checked(b, request)


def checked(b: Bench, request: CheckRequest) -> CheckResult:
    """The check on a bench that is there."""
    began = time.perf_counter()
    before = b.model.fingerprint()
    own = Settings(steps=request.steps, seed=request.seed)
    cases, sheets, near = [], [], []
    for word in chosen_words(b, request.num_words, request.seed):
        made = decompose.learn_concept(b, word, own)
        assert made.result.truth is not None
        cases.append(
            CheckCase(
                concept=word,
                elements=made.result.elements,
                truth=made.result.truth,
                verdict=made.result.verdict,
            )
        )
        for name in ("concept.png", "reconstruction.png"):
            sheets.append(tiles(made.result.files[name], 1, own.validation_pictures)[0])
        near.append(_nearest_recall(b, made.learnt))
    rows = [*_counted(cases, near), *exact(b, before)]
    sheet, file = laid("check.png", np.stack(sheets))
    return CheckResult(
        weights=b.weights[:12],
        tier=b.tier,
        files={"check.png": file, "picture.png": file},
        rows=tuple(rows),
        cases=tuple(cases),
        sheet=sheet,
        seconds=round(time.perf_counter() - began, 3),
    )


def chosen_words(b: Bench, count: int, seed: int) -> list[str]:
    """Planted words with a meaning that the model knows, composites first, in the order of a seed."""
    known = {form.removesuffix(tokens.END) for form in tokens.live(b.model, b.tier, "all", b.world).forms}  # fmt: skip
    words = [w for w in sorted(known) if (r := planted(w)) is not None and truth.elements(r)]
    order = np.random.default_rng((23, seed)).permutation(len(words))
    drawn = [words[i] for i in order]
    drawn.sort(key=lambda w: getattr(planted(w), "category", "") != "composite")
    return drawn[:count]


def _nearest_recall(b: Bench, learnt: Decomposition) -> float | None:
    """What the words nearest by likeness of picture and text would have found."""
    if not b.judge.scores:
        return None
    from . import shelf

    live = tokens.live(b.model, b.tier, learnt.settings.dictionary, b.world)
    texts = shelf.texts_of(b.judge, live, b.tier)
    own = choosing.features(b.judge, [learnt.concept], choosing.templates_of(b.tier))[0]
    assert texts is not None
    inside = [i for i, number in enumerate(live.ids) if number in set(learnt.ids)]
    order = sorted(inside, key=lambda i: -float(texts[i] @ own))
    words = list(dict.fromkeys(live.shown[i] for i in order))[:TOP]
    found = against(learnt.concept, [(w, 1.0) for w in words], learnt.shown)
    return None if found is None else found.recall


def _counted(cases: list[CheckCase], near: list[float | None]) -> list[CheckRow]:
    parts = [p for case in cases for p in case.truth.parts]
    hits = sum(p.rank is not None and p.rank <= TOP for p in parts)
    known = [v for v in near if v is not None]
    rows = [
        CheckRow(
            name="parts of the recipe found",
            question="Which share of what was planted stands among the first ten words?",
            value=round(hits / len(parts), 4),
            n=len(parts),
            interval=tuple(round(v, 4) for v in wilson(hits, len(parts))),  # type: ignore[arg-type]
            baseline=round(float(np.mean(known)), 4) if known else None,
            baseline_name="the ten words whose text is nearest to the concept's" if known else "",
            chance=round(float(np.mean([c.truth.chance for c in cases])), 4),
        )
    ]
    orders = [c.truth.correlation for c in cases if c.truth.correlation is not None]
    if orders:
        rows.append(
            CheckRow(
                name="order of the recipe",
                question="Do the more frequent parts get the larger shares?",
                value=round(float(np.mean(orders)), 4),
                unit="correlation",
                n=len(orders),
                chance=0.0,
            )
        )
    return rows


def exact(b: Bench, before: str) -> list[CheckRow]:
    """Checks that hold exactly or not at all.

    Args:
        b: with the model that was worked on.
        before: its fingerprint before the work.
    """
    live = tokens.live(b.model, b.tier, "all", b.world)
    chosen = choosing.choose(b.model, live, "", Settings(exclude_concept=False), tier=b.tier)
    alpha = torch.linspace(0.1, 1.0, len(chosen.dictionary))
    pairs = zip(whole(alpha, chosen.dictionary), whole(7 * alpha, chosen.dictionary), strict=True)
    drift = max(float((x - y).abs().max()) for x, y in pairs)
    word, number = live.forms[0].removesuffix(tokens.END), live.ids[0]
    put = b.model.fill([table[number] for table in b.model.tables])
    said = b.model.encode_text(PROMPT.format(word))
    apart = float((put.embeds.float() - said.embeds.float()).abs().max())
    found = surrogate.recall(64, 0.3, 0)

    def row(name: str, question: str, value: float, holds: bool, better: str = "lower") -> CheckRow:
        return CheckRow(name=name, question=question, value=value, unit="", better=better, passed=holds)  # fmt: skip

    return [
        row("scale", "Does w* stay where all weights are seven times as large?", drift, drift < 1e-5),
        row("slot", "Does the slot with a word's own embedding say what the word says?", apart, apart < 1e-5),
        row("shared model", "Is the model bit by bit what it was?", 0.0, before == b.model.fingerprint()),
        row(
            "planted sum",
            "Are four words found again of which only the sum is known, without any picture?",
            found, found == 1, "higher",
        ),
    ]  # fmt: skip


def train(job: Job, request: TrainRequest) -> TrainResult:
    """Teach the text tower to read sums, by a preset of the recipe, in the data directory.

    A run that was stopped, or whose process ended, goes on from its last checkpoint.

    Raises:
        JobCancelled: the job was stopped; its checkpoints stay.
    """
    return teaching_job.train(job, request)
