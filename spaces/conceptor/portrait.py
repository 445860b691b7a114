"""What shows a decomposition: its pictures, its files, its verdict."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.world.diffusion.parts import Pictures

from . import measuring, truth
from .algorithm import agreement, shares
from .borrowing import Bench
from .config import TOP, Settings, to_dict
from .decomposition import Decomposition
from .denoising import Tick
from .drawing import laid, own, pictures_of, seeds_of, thumbnail
from .export import inversion_file
from .following import Follower
from .results import DecomposeResult, Element, Truth
from .verdict import judged


def shown(
    b: Bench, learnt: Decomposition, pictures: Pictures, seeds: list[int], follower: Follower
) -> DecomposeResult:
    """The result of a decomposition, with its pictures.

    Args:
        b: the bench.
        learnt: what was learnt.
        pictures: validation pictures of the concept.
        seeds: of these.
        follower: told how far it is.
    """
    settings, tick = learnt.settings, follower.tick
    elements = tuple(replace(e, column=k) for k, e in enumerate(learnt.elements(b.model)))
    condition = b.model.fill(learnt.vectors(b.model))
    made = pictures_of(b, condition, seeds, settings, tick)
    follower.row(current=made)
    alone = alone_of(b, learnt, [e.word for e in elements], settings, seeds[0], tick)
    sheets, files = {}, {}
    for field, name, row in (
        ("pictures", "concept.png", pictures),
        ("reconstruction", "reconstruction.png", made),
        ("tokens", "tokens.png", alone),
    ):
        sheets[field], files[name] = laid(name, row)
    distribution = measuring.Distribution(kind="unknown", mixture=None)
    if settings.distribution:
        distribution, mixed = _distribution(b, learnt, pictures, made, seeds, tick)
        sheets["mixture"], files["mixture.png"] = laid("mixture.png", mixed)
    files["picture.png"] = thumbnail(pictures, made)
    files["concept.safetensors"] = inversion_file(learnt.vectors(b.model), learnt.concept)
    files["coefficients.json"] = coefficients_file(learnt, b)
    tops = [r.top[:TOP] for r in learnt.repeats]
    common = agreement(tops)
    stable, verdict = judged(elements, common)
    return DecomposeResult(
        weights=b.weights[:12],
        tier=b.tier,
        model=b.name,
        files=files,
        concept=learnt.concept,
        elements=elements,
        dictionary=len(learnt.ids),
        excluded=learnt.excluded,
        stable=stable,
        verdict=verdict,
        agreement=None if common is None else round(common, 4),
        repeats=learnt.repeats,
        chosen=learnt.chosen,
        losses=learnt.losses,
        similarity=measuring.similarity(b.judge, made, pictures),
        distribution=distribution,
        truth=truth_of(learnt, elements) if b.tier == "embedded" else None,
        ended_early=learnt.ended_early,
        notes=_notes(settings, learnt),
        **sheets,
    )


def _distribution(
    b: Bench,
    learnt: Decomposition,
    concept: Pictures,
    made: Pictures,
    first: list[int],
    tick: Tick,
) -> tuple[measuring.Distribution, Pictures]:
    """The check for a mixture, on as many pictures of each kind."""
    settings, count = learnt.settings, learnt.settings.distribution
    seeds = (first + seeds_of("further", count, settings.seed))[:count]
    more = seeds[len(concept) :]
    if more:
        condition = b.model.fill(learnt.vectors(b.model))
        concept = np.concatenate([concept, pictures_of(b, own(b, learnt.concept), more, settings, tick)])  # fmt: skip
        made = np.concatenate([made, pictures_of(b, condition, more, settings, tick)])
    elements = learnt.elements(b.model)
    weights = torch.tensor([max(e.share, 0.0) for e in elements])
    generator = torch.Generator().manual_seed(16 * settings.seed + 7)
    drawn = torch.multinomial(weights, count, replacement=True, generator=generator).tolist()
    words = [elements[k].word for k in drawn]
    condition = b.model.fill(word_vectors(b, learnt, words))
    mixed = pictures_of(b, condition, seeds, settings, tick)
    return measuring.mixture(b.judge, concept[:count], mixed, made[:count], words), mixed


def word_vectors(b: Bench, learnt: Decomposition, words: list[str]) -> tuple[Tensor, ...]:
    """Embeddings (B, d) of kept words, each alone, at the mean norm."""
    entries, values = learnt.entries(), learnt.kept()
    alphas = torch.zeros(len(words), len(values))
    for row, word in enumerate(words):
        alphas[row, entries[word]] = values[entries[word]]
    return learnt.vectors(b.model, alphas)


def alone_of(
    b: Bench, learnt: Decomposition, words: list[str], settings: Settings, seed: int, tick: Tick
) -> Pictures:
    """Each of some kept words alone, all from the same start noise."""
    condition = b.model.fill(word_vectors(b, learnt, words))
    return pictures_of(b, condition, [seed] * len(words), settings, tick)


def truth_of(learnt: Decomposition, elements: tuple[Element, ...]) -> Truth | None:
    """The decomposition beside the recipe of its planted word; None for other words."""
    return truth.against(learnt.concept, [(e.word, e.share) for e in elements], learnt.shown)


def coefficients_file(learnt: Decomposition, b: Bench) -> bytes:
    """Every coefficient of the dictionary as JSON, the largest share first."""
    dictionary = learnt.dictionary(b.model)
    part = shares(learnt.coefficients().to(dictionary.rows[0].device), dictionary).tolist()
    rows = [
        {"token": form, "word": shown, "id": number, "alpha": alpha, "share": round(share, 7)}
        for form, shown, number, alpha, share in zip(
            learnt.forms, learnt.shown, learnt.ids, learnt.alpha, part, strict=True
        )
    ]
    told = {
        "concept": learnt.concept,
        "model": b.name or "embedded",
        "weights": learnt.weights,
        "settings": to_dict(learnt.settings),
        "norms": list(learnt.norms),
        "words": sorted(rows, key=lambda row: -row["share"]),
    }
    return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()


def _notes(settings: Settings, learnt: Decomposition) -> tuple[str, ...]:
    notes = []
    if settings.n > len(learnt.ids):
        notes.append(
            f"{settings.n} words were asked for and the dictionary has {len(learnt.ids)}, so all of them are kept"
        )
    if learnt.ended_early:
        notes.append("the learning was ended early; these are the best words so far")
    return tuple(notes)
