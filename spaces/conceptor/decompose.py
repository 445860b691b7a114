"""Take a concept apart: its pictures, its dictionary, the learning in several repeats, what each word adds."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.jobs import Job
from core.world.diffusion.sampling import start_noise

from . import measuring, portrait, shelf, tokens
from .algorithm import scaled
from .borrowing import Bench, bench
from .config import Settings
from .decomposition import Decomposition, rounded
from .denoising import Pairs, draw, losses
from .drawing import own, pictures_of, seeds_of
from .following import ROUGH, ROUGH_STEPS, Follower, passes
from .learning import Learnt, Task, Watch, learn_together, of_kept
from .material import Material, gather
from .requests import DecomposeRequest
from .results import DecomposeResult, Losses, Repeat
from .shelf import Found
from .summing import of_equal, spread, top_words

_CHANCE = 11  # seed of the random words that a loss is read against


def decompose(job: Job, request: DecomposeRequest) -> DecomposeResult:
    """Take a concept apart, or take it from the shelf.

    Args:
        job: told how far it is; a stop raises here, an early end keeps the best so far.
        request: everything that decides the result.

    Raises:
        InputError: the concept is unknown, or a setting cannot be used.
        WeightsError: the model is not here.
        DeviceOutOfMemory: the device is too small; the shared model is unchanged.
        JobCancelled: the job was stopped; the shared model is unchanged.
    """
    tokens.check_concept(request.concept, request.tier)
    with bench(job, request.tier, request.model, request.settings) as b:
        before = b.model.fingerprint()
        found = obtain(b, request.concept, request.settings, early=True)
        after = b.model.fingerprint()
    return replace(found.result, base_before=before, base_after=after)


def obtain(b: Bench, concept: str, settings: Settings, *, early: bool = False) -> Found:
    """The decomposition of a concept: from the shelf, or learnt now and put there.

    Args:
        b: the bench.
        concept: as somebody wrote it.
        settings: how it is learnt.
        early: whether the visitor may end the learning with the best so far. Such a wish holds for a whole
            job, so it is offered where one concept is all there is to learn.

    Raises:
        InputError: the concept is unknown.
    """
    concept = tokens.check_concept(concept, b.tier, b.world)
    key = shelf.key_of(b, concept, settings)
    known = shelf.find(key)
    if known is not None:
        return known
    made = learn_concept(b, concept, settings, early=early)
    if not made.learnt.ended_early:  # else the same request would later give a part of its work
        shelf.keep(key, made)
    return made


def learn_concept(b: Bench, concept: str, settings: Settings, *, early: bool = False) -> Found:
    """Learn a concept that `check_concept` has seen, and draw what shows it."""
    return Work(b, concept, settings, early=early).go()


class Work:
    """One decomposition from the start."""

    def __init__(self, b: Bench, concept: str, settings: Settings, *, early: bool = False) -> None:
        self.early = early
        self.b, self.concept, self.settings = b, concept, settings
        self.follower = Follower(b.job, passes(settings))
        self.tick = self.follower.tick
        self.seeds = seeds_of("validation", settings.validation_pictures, settings.seed)

    def go(self) -> Found:
        """All of it."""
        material = self.material()
        repeats, stopped = self._learn(material)
        with self.follower.stage("choosing"):
            alpha, chosen, levels = self._chosen(material, repeats)
        learnt = self._numbers(material, repeats, alpha, chosen, levels, stopped)
        if self.settings.attribution:
            with self.follower.stage("attribution"):
                growth = _growth(self.b, learnt, material.pairs, self.tick)
            learnt = replace(learnt, growth=growth)
        with self.follower.stage("drawing"):
            result = portrait.shown(self.b, learnt, material.pictures, self.seeds, self.follower)
        seconds = round(sum(s.seconds for s in self.follower.stages), 3)
        learnt = replace(learnt, seconds=seconds)
        result = replace(result, seconds=seconds, stages=tuple(self.follower.stages))
        return Found(learnt, result)

    def material(self) -> Material:
        """Draw the pictures and choose the words."""
        return gather(self.b, self.concept, self.settings, self.follower)

    # --- learning -----------------------------------------------------------------------------

    def _learn(self, material: Material) -> tuple[list[Learnt], bool]:
        """Every repeat; one that was ended early counts only where there is no other."""
        task = Task(
            model=self.b.model,
            dictionary=material.chosen.dictionary,
            latents=material.training,
            bank=material.pairs,
            settings=self.settings,
            score=self._score(material) if self.b.judge.scores else None,
        )
        found: list[Learnt] = []
        repeats = range(self.settings.repeats)
        # side by side costs memory, of which a processor has enough
        size = len(repeats) if self.b.tier == "embedded" else 1
        with self.b.job.early_end.offered() if self.early else nullcontext():
            for first in range(0, len(repeats), size):
                if found and self._ended():
                    return found, True
                with self.follower.stage("learning"):
                    self.follower.show(
                        of=self.settings.steps, repeat=first + 1 if size == 1 else 0,
                        repeats=len(repeats), words=(), curve=(),
                    )  # fmt: skip
                    watch = self._watch(material, first)
                    made = learn_together(task, repeats[first : first + size], watch)
                if found and made[0].stopped:
                    return found, True
                found += made
        return found, found[0].stopped

    def _score(self, material: Material) -> Any:
        def score(vectors: tuple[Tensor, ...]) -> float:
            condition = self.b.model.fill(vectors)
            made = pictures_of(self.b, condition, self.seeds, self.settings, self.tick)
            return round(float(np.mean(measuring.pairwise(self.b.judge, made, material.pictures))), 6)  # fmt: skip

        return score

    def _watch(self, material: Material, repeat: int) -> Watch:
        chosen = material.chosen

        def step(number: int, alpha: Tensor, curve: Any) -> None:
            self.follower.learnt(number, lambda: top_words(alpha, chosen, self.settings.n), curve)

        def candidate(number: int, alpha: Tensor) -> None:
            if repeat == 0:  # the visitor sees it grow; other repeats only confirm it
                vectors = of_kept(alpha, chosen.dictionary, self.settings.n)
                noise = start_noise(self.b.model, self.b.model.latent_shape, self.seeds[:ROUGH])
                z = draw(
                    self.b.model, self.b.model.fill(vectors), noise,
                    guidance=self.settings.guidance, steps=ROUGH_STEPS, tick=self.tick,
                )  # fmt: skip
                self.follower.row(current=self.b.model.decode(z))

        return Watch(tick=self.tick, step=step, stop=self._ended, candidate=candidate)

    def _ended(self) -> bool:
        return self.early and self.b.job.early_end.asked

    def _chosen(
        self, material: Material, repeats: list[Learnt]
    ) -> tuple[Tensor, int | None, Losses]:
        """The repeat whose kept words explain best, or the mean of all, and the losses to read it against."""
        model, dictionary, n = self.b.model, material.chosen.dictionary, self.settings.n
        alphas = [scaled(r.alpha, dictionary) for r in repeats]
        names: list[int | None] = list(range(len(alphas)))
        if len(alphas) > 1:
            alphas.append(torch.stack(alphas).mean(0))
            names.append(None)
        levels = self._bank(material, [of_kept(a, dictionary, n) for a in alphas])
        best = min(range(len(alphas)), key=lambda k: (levels[k], k))
        alpha = scaled(alphas[best], dictionary)
        generator = torch.Generator().manual_seed(_CHANCE)
        random = torch.randperm(len(dictionary), generator=generator)[:n]
        ways = [of_kept(alpha, dictionary, len(dictionary)), of_equal(random, material.chosen)]
        if material.chosen.likeness is not None:
            nearest = torch.sort(material.chosen.likeness, descending=True, stable=True).indices
            ways.append(of_equal(nearest[:n], material.chosen))
        others = self._bank(material, ways)
        concept = losses(model, own(self.b, self.concept), material.pairs, self.tick)[0]
        found = Losses(
            concept=round(concept, 7),
            whole=round(others[0], 7),
            kept=round(levels[best], 7),
            nearest=round(others[2], 7) if len(others) > 2 else None,
            chance=round(others[1], 7),
        )
        return alpha, names[best], found

    def _bank(self, material: Material, ways: list[tuple[Tensor, ...]]) -> list[float]:
        vectors = [torch.stack(table) for table in zip(*ways, strict=True)]
        return losses(self.b.model, self.b.model.fill(vectors), material.pairs, self.tick)

    # --- numbers and pictures -----------------------------------------------------------------

    def _numbers(
        self,
        material: Material,
        repeats: list[Learnt],
        alpha: Tensor,
        chosen: int | None,
        levels: Losses,
        stopped: bool,
    ) -> Decomposition:
        words, dictionary = material.chosen.tokens, material.chosen.dictionary
        n = self.settings.n
        tops = [[w for w, _ in top_words(r.alpha, material.chosen, n)] for r in repeats]
        likeness = material.chosen.likeness
        found = Decomposition(
            concept=self.concept,
            weights=self.b.weights,
            tier=self.b.tier,
            settings=self.settings,
            ids=words.ids,
            forms=words.forms,
            shown=words.shown,
            norms=dictionary.norms,
            alpha=rounded(alpha),
            spread={},
            growth={},
            excluded=material.chosen.excluded,
            repeats=tuple(
                Repeat(
                    seed=16 * self.settings.seed + k,
                    steps=r.steps,
                    kept=r.step,
                    curve=r.curve,
                    top=tuple(tops[k]),
                )
                for k, r in enumerate(repeats)
            ),
            chosen=chosen,
            losses=levels,
            likeness={},
            ended_early=stopped,
        )
        entries = found.entries()
        return replace(
            found,
            spread=spread(entries, repeats, material.chosen, n),
            likeness={w: round(float(likeness[i].max()), 5) for w, i in entries.items()} if likeness is not None else {},
        )  # fmt: skip


def _growth(b: Bench, learnt: Decomposition, pairs: Pairs, tick: Any) -> dict[str, float]:
    """How much the loss on the bank grows without each word."""
    entries, values = learnt.entries(), learnt.kept()
    if len(entries) < 2:
        return {}
    alphas = values.repeat(len(entries) + 1, 1)
    for row, places in enumerate(entries.values(), 1):
        alphas[row, places] = 0
    found = losses(b.model, b.model.fill(learnt.vectors(b.model, alphas)), pairs, tick)
    return {word: round(loss - found[0], 7) for word, loss in zip(entries, found[1:], strict=True)}
