"""One planted word in one way: what comes out, as records of plain numbers. Who wins is counted in `tally`.

A unit of work is a way and a word. The simpler ways share their pictures, so they are one unit.
"""

# N pictures, D words of the dictionary

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.world import words as world_words
from core.world.diffusion.intervals import spearman
from core.world.recipes import FIGURE_A, FIGURE_B, RECIPES
from core.world.truth import present

from . import audit, baselines, borrowing, config, decompose, measuring, mix, single_image, truth
from .borrowing import Bench
from .config import TOP, Settings
from .decompose import Work
from .decomposition import Decomposition
from .denoising import losses
from .drawing import own, pictures_of, seeds_of
from .learning import of_kept
from .material import Material
from .requests import AuditRequest, ExplainRequest
from .summing import top_words

Record = dict[str, Any]

OURS, SIMPLE, OFFICIAL = "conceptor", "simpler ways", "official settings"
FREQUENCY, AUDIT, EXPLAIN, FACTORS, LEFT_IN = "frequency", "audit", "explain", "factors", "concept left in"  # fmt: skip
NEVER_TAUGHT = "tower never taught to read sums"
NEAREST, KMEANS, NMF, PEZ, NNLS, OMP = "nearest words", "k-means parts", "NMF parts", "PEZ prompt", "NNLS of an inversion", "OMP of an inversion"  # fmt: skip
INVERSION = "textual inversion"
RANDOM = "random words"
WAYS = (OURS, NEAREST, KMEANS, NMF, PEZ, NNLS, OMP, OFFICIAL)
"""The ways whose words are compared."""

COUNTED = 64  # pictures of a frequency, and of each side of an audit
EXPLAINED = 8  # pictures of a homograph
STRENGTHS = (0.0, 0.5, 1.0, 2.0, 3.0)
MIXED = 16  # pictures of each factor


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What all units share.

    Attributes:
        bench: the borrowed model and judge; the model is never changed.
        settings: of the method.
    """

    bench: Bench
    settings: Settings


def run(trial: Trial, concept: str, unit: str) -> list[Record]:
    """Do one unit of work.

    Raises:
        KeyError: there is no such unit.
    """
    return _UNITS[unit](trial, concept)


def official_settings() -> Settings:
    """The official numbers, guidance and near-synonyms aside, which belong to another model."""
    plain = Settings()
    return replace(config.official(), guidance=plain.guidance, synonym_cosine=plain.synonym_cosine)


def _ours(trial: Trial, concept: str) -> list[Record]:
    return [_learnt(trial.bench, concept, trial.settings, OURS)]


def _official(trial: Trial, concept: str) -> list[Record]:
    return [_learnt(trial.bench, concept, official_settings(), OFFICIAL)]


def _left_in(trial: Trial, concept: str) -> list[Record]:
    """Among all words, because a planted one is no atom."""
    settings = replace(trial.settings, dictionary="all", exclude_concept=False, repeats=1, attribution=False, distribution=0)  # fmt: skip
    return [_learnt(trial.bench, concept, settings, LEFT_IN)]


def _untaught(trial: Trial, concept: str) -> list[Record]:
    """The same algorithm on the model as it is for everybody else."""
    settings = replace(trial.settings, repeats=1, attribution=False, distribution=0)
    with borrowing.bench(trial.bench.job, "embedded", borrowing.UNTAUGHT) as b:
        return [_learnt(b, concept, settings, NEVER_TAUGHT)]


def _learnt(b: Bench, concept: str, settings: Settings, way: str) -> Record:
    found = decompose.obtain(b, concept, settings)
    result = found.result
    words = [(e.word, e.share) for e in result.elements]
    record = _record(concept, way, words, found.learnt.shown)
    return record | {
        "loss": result.losses.kept,
        "losses": {
            "concept": result.losses.concept,
            "whole": result.losses.whole,
            "kept": result.losses.kept,
            "nearest": result.losses.nearest,
            "chance": result.losses.chance,
        },
        "similarity": result.similarity.image,
        "seen": result.similarity.seen,
        "mixture": result.distribution.mixture,
        "agreement": result.agreement,
        "stable": result.stable,
        "seconds": round(result.seconds, 2),
        "passes": sum(stage.passes for stage in result.stages),
        "chosen": result.chosen,
    }


def _record(
    concept: str, way: str, words: list[tuple[str, float]], shown: tuple[str, ...]
) -> Record:
    record: Record = {
        "concept": concept,
        "method": way,
        "category": RECIPES[concept].category if concept in RECIPES else "",
        "split": RECIPES[concept].split if concept in RECIPES else "",
        "words": [[w, round(s, 5)] for w, s in words[: 2 * TOP]],
        "dictionary": len(set(shown)),
    }
    found = truth.against(concept, words, shown)
    if found is not None and found.parts:
        record |= {
            "recall": found.recall,
            "chance": found.chance,
            "correlation": found.correlation,
            "meanings": list(found.meanings),
            "parts": [[p.word, p.planted, p.rank, p.share] for p in found.parts],
        }
    return record


def _simple(trial: Trial, concept: str) -> list[Record]:
    """Every baseline, on the pictures and the dictionary that the method sees."""
    b, settings = trial.bench, trial.settings
    began = time.perf_counter()
    work = Work(b, concept, settings)
    material = work.material()
    shared = time.perf_counter() - began
    chosen, n = material.chosen, settings.n
    ways: dict[str, Callable[[], Tensor]] = {}
    if b.judge.scores:
        images = b.judge.embed(b.model.decode(material.training))
        ways |= {
            NEAREST: lambda: baselines.nearest(chosen, n),
            KMEANS: lambda: baselines.k_means(images, chosen, n),
            NMF: lambda: baselines.nmf(images, chosen, n),
            PEZ: lambda: baselines.pez(b.judge, images, chosen, n),
        }
    began = time.perf_counter()
    inverted = baselines.invert(b.model, chosen, material.training, material.pairs, settings, work.tick)  # fmt: skip
    took = time.perf_counter() - began
    ways |= {
        NNLS: lambda: baselines.nnls(inverted, chosen.dictionary, n),
        OMP: lambda: baselines.matching_pursuit(inverted, chosen.dictionary, n),
        RANDOM: lambda: _random(material, n),
    }
    records = []
    for way, make in ways.items():
        began = time.perf_counter()
        alpha = make()
        seconds = shared + time.perf_counter() - began + (took if way in (NNLS, OMP) else 0)
        words = top_words(alpha, chosen, n)
        record = _record(concept, way, words, chosen.tokens.shown)
        records.append(record | _drawn(work, material, of_kept(alpha, chosen.dictionary, n)) | {"seconds": round(seconds, 2)})  # fmt: skip
    floor = _record(concept, INVERSION, [], chosen.tokens.shown)
    floor.pop("recall", None)
    records.append(floor | _drawn(work, material, inverted.vectors) | {"loss": round(inverted.loss, 7), "seconds": round(shared + took, 2)})  # fmt: skip
    return records


def _random(material: Material, n: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    wanted = torch.zeros(len(material.chosen.dictionary))
    wanted[torch.randperm(len(wanted), generator=generator)[:n]] = 1
    return baselines.of_shares(wanted, material.chosen.dictionary)


def _drawn(work: Work, material: Material, vectors: tuple[Tensor, ...]) -> Record:
    """Loss and likeness of the pictures of a vector, from the noise of the validation pictures."""
    b = work.b
    condition = b.model.fill(vectors)
    made = pictures_of(b, condition, work.seeds, work.settings, work.tick)
    found = measuring.similarity(b.judge, made, material.pictures)
    level = losses(b.model, condition, material.pairs, work.tick)[0]
    return {"loss": round(level, 7), "similarity": found.image, "seen": found.seen}


def _frequency(trial: Trial, concept: str) -> list[Record]:
    """How often the model itself draws each element: what the method explains is the model, not the data."""
    b, settings = trial.bench, trial.settings
    if not b.judge.reads:
        return [{"concept": concept, "method": FREQUENCY}]
    seeds = seeds_of("further", COUNTED, settings.seed)
    pictures = pictures_of(b, own(b, concept), seeds, settings, lambda _: b.job.check())
    readings = b.judge.read(pictures)
    atoms = truth.elements(RECIPES[concept])
    seen = {a: round(float(np.mean([present(a, r.scene) for r in readings])), 4) for a in atoms}
    return [{"concept": concept, "method": FREQUENCY, "category": RECIPES[concept].category, "atoms": seen, "n": COUNTED}]  # fmt: skip


def _audit(trial: Trial, concept: str) -> list[Record]:
    b = trial.bench
    learnt = decompose.obtain(b, concept, trial.settings).learnt
    request = AuditRequest(concepts=(concept,), pictures=COUNTED, settings=trial.settings)
    row, _ = audit.audited(b, learnt, request)
    record: Record = {
        "concept": concept,
        "method": AUDIT,
        "leaning": row.leaning,
        "planted": row.planted,
    }
    for name in ("measured", "reconstructed", "mitigated"):
        rate = getattr(row, name)
        record[name] = [rate.value, rate.low, rate.high, rate.n]
    if b.judge.scores:
        text = b.judge.embed_text([f"a photo of a {w}" for w in (concept, FIGURE_A, FIGURE_B)])
        record["text leaning"] = round(float(text[0] @ text[1] - text[0] @ text[2]), 6)
    return [record]


def _explain(trial: Trial, concept: str) -> list[Record]:
    """For a homograph: does a picture keep words of the meaning that is seen in it, and drop the other's?"""
    b = trial.bench
    learnt = decompose.obtain(b, concept, trial.settings).learnt
    recipe = RECIPES[concept]
    said = [frozenset().union(*(truth.said_by(a) for a, _ in m.atoms)) for m in recipe.meanings]
    only = [s - frozenset().union(*(o for j, o in enumerate(said) if j != k)) for k, s in enumerate(said)]  # fmt: skip
    hits: list[bool] = []
    for seed in range(EXPLAINED):
        request = ExplainRequest(concept=concept, settings=trial.settings, seed=seed)
        found = single_image.explained(b, learnt, request)
        picture = pictures_of(b, own(b, concept), [seed], trial.settings, lambda _: b.job.check())
        scene = b.judge.read(picture)[0].scene
        held = [np.mean([present(a, scene) for a, _ in m.atoms]) for m in recipe.meanings]
        if held[0] == held[1]:  # the probe cannot tell which it is
            continue
        meaning = int(held[1] > held[0])
        words = {truth.canonical(e.word) for e in found.survivors}
        hits.append(bool(words & only[meaning]) and not words & only[1 - meaning])
    return [{"concept": concept, "method": EXPLAIN, "right": hits}]


def _factors(trial: Trial, concept: str) -> list[Record]:
    """Does a word's attribute come and go with its factor, and the others stay?"""
    b, settings = trial.bench, trial.settings
    learnt = decompose.obtain(b, concept, settings).learnt
    word = _visible(b, learnt, concept)
    if word is None or not b.judge.reads:
        return [{"concept": concept, "method": FACTORS, "word": word}]
    others = [e.word for e in learnt.elements(b.model) if e.word != word]
    seeds = list(range(MIXED))
    seen, rest = [], []
    for factor in STRENGTHS:
        alpha = mix.weighted(learnt, {word: factor})
        condition = b.model.fill(learnt.vectors(b.model, alpha))
        pictures = pictures_of(b, condition, seeds, settings, lambda _: b.job.check())
        found = measuring.frequencies(b.judge, pictures, [word, *others])
        seen.append(found[word])
        rest.append([found[w] for w in others])
    moved = float(np.ptp(seen))
    drift = float(np.mean(np.ptp(np.array(rest), axis=0))) if others else 0.0
    return [
        {
            "concept": concept,
            "method": FACTORS,
            "word": word,
            "seen": seen,
            "correlation": round(spearman(STRENGTHS, seen), 4),
            "moved": round(moved, 4),
            "others": round(drift, 4),
        }
    ]


def _visible(b: Bench, learnt: Decomposition, concept: str) -> str | None:
    """The largest kept word that is an element of the recipe and that a probe can see."""
    wanted = truth.elements(RECIPES[concept])
    can_be_seen = {*world_words.KINDS, *world_words.COLOURS, *world_words.TEXTURES, *world_words.BACKGROUNDS}  # fmt: skip
    for element in learnt.elements(b.model):
        word = truth.canonical(element.word)
        if word in can_be_seen and any(word in truth.said_by(a) for a in wanted):
            return element.word
    return None


_UNITS: dict[str, Callable[[Trial, str], list[Record]]] = {
    OURS: _ours,
    SIMPLE: _simple,
    OFFICIAL: _official,
    FREQUENCY: _frequency,
    AUDIT: _audit,
    EXPLAIN: _explain,
    FACTORS: _factors,
    LEFT_IN: _left_in,
    NEVER_TAUGHT: _untaught,
}
