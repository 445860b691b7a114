"""Explain one image: the fewest words of a decomposition that still draw it (section 4.2 of the paper)."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from core.jobs import Job
from core.world.diffusion.parts import Pictures
from core.world.language import describe, write

from . import choosing, shelf, tokens
from .borrowing import Bench, bench
from .decompose import obtain
from .decomposition import Decomposition
from .drawing import laid, own, pictures_of
from .following import Follower
from .portrait import alone_of
from .requests import ExplainRequest
from .results import ExplainResult
from .rethreshold import leave_out

NEAR = 0.85  # likeness above which the original itself is the target
GROUPED = 0.95  # cosine of text features above which words leave together, for ViT-B/32
LIKE_CONCEPT = 0.92  # cosine above which a word is the concept itself, for ViT-B/32


def explain(job: Job, request: ExplainRequest) -> ExplainResult:
    """Find the words that one picture needs.

    Raises:
        InputError: the concept is unknown, or only its near-synonyms are left.
        WeightsError: the model or its CLIP is not here.
        JobCancelled: the job was stopped.
    """
    tokens.check_concept(request.concept, request.tier)
    with bench(job, request.tier, request.model, request.settings) as b:
        learnt = obtain(b, request.concept, request.settings, early=True).learnt
        return explained(b, learnt, request)


def explained(b: Bench, learnt: Decomposition, request: ExplainRequest) -> ExplainResult:
    """Explain one picture of a decomposition that is there."""
    began = time.perf_counter()
    settings, seed = learnt.settings, [request.seed]
    each = settings.drawing_steps * (2 if settings.guidance > 1 else 1)
    follower = Follower(b.job, {"explaining": each * (2 * len(learnt.entries()) + 2)})
    with follower.stage("explaining"):
        original = pictures_of(b, own(b, learnt.concept), seed, settings, follower.tick)
        first = _picture(b, learnt, learnt.kept(), request.seed, follower)
        likeness = float((b.judge.embed(original) * b.judge.embed(first)).sum())
        wanted = request.target
        if wanted == "auto":
            wanted = "original" if likeness > NEAR else "reconstruction"
        target = b.judge.embed(original if wanted == "original" else first)[0]
        words, groups = _tried(b, learnt)
        drawn: dict[tuple[str, ...], Pictures] = {}

        def like(rest: tuple[str, ...]) -> float:
            drawn[rest] = _picture(b, learnt, _only(learnt, rest), request.seed, follower)
            follower.row(current=drawn[rest])
            return round(float((b.judge.embed(drawn[rest])[0] * target).sum()), 6)

        left, log = leave_out(words, groups, like, request.threshold)
        last = drawn[left] if left in drawn else _picture(b, learnt, _only(learnt, left), request.seed, follower)  # fmt: skip
        alone = alone_of(b, learnt, list(left), settings, request.seed, follower.tick)
    sheets, files = {}, {}
    rows = [("three", np.concatenate([original, first, last])), ("alone", alone)]
    if log:
        rows.append(("steps", np.concatenate([drawn[r.without] for r in log])))
    for name, pictures in rows:
        file = "survivors.png" if name == "alone" else f"{name}.png"
        sheets[name], files[file] = laid(file, pictures)
    files["picture.png"] = files["three.png"]
    survivors = learnt.elements(b.model, _only(learnt, left))
    return ExplainResult(
        weights=b.weights[:12],
        tier=b.tier,
        model=b.name,
        files=files,
        concept=learnt.concept,
        seed=request.seed,
        target=wanted,
        likeness=round(likeness, 5),
        threshold=request.threshold,
        survivors=tuple(replace(e, column=left.index(e.word)) for e in survivors),
        words=words,
        groups=tuple(groups[w] for w in words),
        log=tuple(log),
        similarity=round(float((b.judge.embed(last)[0] * target).sum()), 6),
        three=sheets["three"],
        steps=sheets.get("steps"),
        alone=sheets["alone"],
        seen=_seen(b, original),
        seconds=round(time.perf_counter() - began, 3),
    )


def _tried(b: Bench, learnt: Decomposition) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The words at the beginning, the smallest share first, and which leave together."""
    elements = learnt.elements(b.model)
    words = [e.word for e in reversed(elements)]
    templates = choosing.templates_of(b.tier)
    plain = [w.rstrip("-") for w in words]
    said = choosing.features(b.judge, [learnt.concept, *plain], templates)
    concept, texts = said[0], said[1:]
    own_limit, limit = LIKE_CONCEPT, GROUPED
    if learnt.settings.synonym_cosine is None:  # a CLIP other than ViT-B/32
        live = tokens.live(b.model, b.tier, learnt.settings.dictionary, b.world)
        every = shelf.texts_of(b.judge, live, b.tier)
        assert every is not None, "there is a CLIP"
        own_limit = limit = choosing.synonym_limit(every)
    near = (texts @ concept > own_limit).tolist()
    kept = [k for k, is_near in enumerate(near) if not is_near] or list(range(len(words)))
    together = texts @ texts.T > limit
    groups = {
        words[k]: tuple(words[j] for j in kept if j == k or bool(together[k, j])) for k in kept
    }
    return tuple(words[k] for k in kept), groups


def _only(learnt: Decomposition, words: tuple[str, ...]) -> torch.Tensor:
    values, entries = torch.zeros(len(learnt.alpha)), learnt.entries()
    for word in words:
        places = entries[word]
        values[places] = learnt.kept()[places]
    return values


def _picture(
    b: Bench, learnt: Decomposition, alpha: torch.Tensor, seed: int, follower: Follower
) -> Pictures:
    condition = b.model.fill(learnt.vectors(b.model, alpha))
    return pictures_of(b, condition, [seed], learnt.settings, follower.tick)


def _seen(b: Bench, picture: Pictures) -> str:
    if not b.judge.reads:
        return ""
    scene = b.judge.read(picture)[0].scene
    if not scene.entities:
        return "nothing"
    return write(describe(scene), np.random.default_rng(0), opening="")
