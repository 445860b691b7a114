"""The learning: from pictures' latents to the coefficients of a dictionary, in repeats side by side.

Candidates are looked at every few steps by the loss on the fixed bank, which costs no sampling; pictures are
drawn for the best two of them, and whose pictures are the most alike to the concept's is kept. With
`choice="pictures"` they are drawn for every candidate, as in the official code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from core.cache.backends import is_out_of_memory
from core.errors import InputError
from core.world.diffusion.passes import out_of_memory

from .algorithm import (
    Best,
    Coefficients,
    Dictionary,
    combine,
    kept,
    renormalised,
    sparsity_loss,
    whole,
)
from .config import BACKWARD, Settings
from .denoising import Pairs, errors, joined, losses, pairs
from .model import Model
from .results import Point

SUBSET = 0.8  # of the training pictures in each of several repeats
SHORTLIST = 2  # candidates whose pictures are drawn


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a repeat learns from.

    Attributes:
        model: whose network predicts.
        dictionary: the words.
        latents: z0 (N, c, h, w) of the training pictures.
        bank: fixed pairs of the validation pictures.
        settings: how.
        score: how alike pictures of the given embeddings are to the concept's; None where nothing can compare.
    """

    model: Model
    dictionary: Dictionary
    latents: Tensor
    bank: Pairs
    settings: Settings
    score: Callable[[tuple[Tensor, ...]], float] | None = None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who is told, and may end it; every call may raise to stop.

    Attributes:
        tick: rows that went through the network.
        step: steps done, coefficients, candidates so far.
        stop: asked before every step; True keeps the best so far.
        candidate: told after each candidate, with its coefficients.
    """

    tick: Callable[[int], None] = lambda _: None
    step: Callable[[int, Tensor, Sequence[Point]], None] = lambda *_: None
    stop: Callable[[], bool] = lambda: False
    candidate: Callable[[int, Tensor], None] = lambda *_: None


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What a repeat leaves.

    Attributes:
        alpha: coefficients (D,) of the candidate that was kept.
        step: steps at that candidate.
        loss: of its n kept words on the bank.
        curve: all candidates.
        steps: that were done.
        stopped: whether it was ended early.
    """

    alpha: Tensor
    step: int
    loss: float
    curve: tuple[Point, ...]
    steps: int
    stopped: bool


@dataclass
class _Candidates:
    points: list[Point] = field(default_factory=list)
    alphas: list[Tensor] = field(default_factory=list)


@dataclass
class _Repeat:
    """One repeat on its way.

    Attributes:
        net: the coefficients' network.
        optimizer: of it.
        generator: of its start and all its draws.
        latents: its part of the pictures.
        order: rows of them that come next.
        found: candidates so far.
    """

    net: Coefficients
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    latents: Tensor
    order: list[int] = field(default_factory=list)
    found: _Candidates = field(default_factory=_Candidates)

    @classmethod
    def begin(cls, task: Task, number: int) -> _Repeat:
        own, features = task.settings, task.dictionary.features
        generator = torch.Generator().manual_seed(16 * own.seed + number)
        latents = task.latents
        if own.repeats > 1:
            count = max(1, round(SUBSET * len(latents)))
            latents = latents[torch.randperm(len(latents), generator=generator)[:count]]
        net = Coefficients(features.shape[1], own.hidden, generator).to(features.device)
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=own.lr, betas=(0.9, 0.999), weight_decay=own.weight_decay
        )
        return cls(net, optimizer, generator, latents)

    def draw(self, task: Task) -> Pairs:
        """Pictures with times and noise for one step; each picture once before any comes again."""
        own = task.settings
        while len(self.order) < own.batch_size:
            self.order += torch.randperm(len(self.latents), generator=self.generator).tolist()
        drawn, self.order = self.order[: own.batch_size], self.order[own.batch_size :]
        z0 = self.latents[drawn]
        if own.flip:
            mirrored = torch.rand(len(z0), generator=self.generator) < 0.5
            z0 = torch.where(mirrored[:, None, None, None].to(z0.device), z0.flip(-1), z0)
        return pairs(z0, task.model.num_times, self.generator, stratified=own.stratified)


def learn(task: Task, repeat: int, watch: Watch | None = None) -> Learnt:
    """Learn coefficients once; see `learn_together`."""
    return learn_together(task, [repeat], watch)[0]


def learn_together(task: Task, repeats: Sequence[int], watch: Watch | None = None) -> list[Learnt]:
    """Learn coefficients in several repeats side by side. Runs with gradients, whatever the caller's mode.

    They share every pass of the network and nothing else: on two processor cores three repeats of batch 6
    take two thirds of the time that they take one after the other.

    Args:
        task: what to learn.
        repeats: number of each, 0 for the first; it decides start, part of the pictures and draws,
            together with the seed.
        watch: who is told; of steps and candidates the first repeat's.

    Raises:
        InputError: the loss is no number any more.
        DeviceOutOfMemory: the device is too small for a batch.
    """
    watch = watch or Watch()
    own = task.settings
    stopped, step = False, 0
    with torch.inference_mode(False), torch.enable_grad():
        # the caller may be in inference mode, whose tensors cannot be learnt from
        rows = tuple(table.detach().clone() for table in task.dictionary.rows)
        task = replace(
            task,
            dictionary=Dictionary(rows, task.dictionary.norms),
            latents=task.latents.detach().clone(),
        )
        several = [_Repeat.begin(task, number) for number in repeats]
        while step < own.steps:
            if stopped := watch.stop():
                break
            alphas = _step(task, several, step, watch)
            step += 1
            watch.step(step, alphas[0], several[0].found.points)
            if step % own.validate_every == 0 or step == own.steps:
                _look(task, several, step, watch)
        if not several[0].found.points or several[0].found.points[-1].step != step:
            _look(task, several, step, watch)
    return [_learnt(task, one.found, step, stopped=stopped) for one in several]


def _learnt(task: Task, found: _Candidates, steps: int, *, stopped: bool) -> Learnt:
    index = _choose(task, found)
    return Learnt(
        alpha=found.alphas[index],
        step=found.points[index].step,
        loss=found.points[index].loss,
        curve=tuple(found.points),
        steps=steps,
        stopped=stopped,
    )


def objective(
    model: Model, dictionary: Dictionary, alphas: Tensor, asked: Pairs, n: int, sparsity: float
) -> Tensor:
    """L = mean squared error of the prediction + λ (1 - cos(v_N, w*)), summed over repeats.

    Args:
        model: whose network predicts.
        dictionary: D words.
        alphas: coefficients (R, D) of R repeats.
        asked: as many pairs for each repeat, one repeat after the other.
        n: words that are kept.
        sparsity: λ.
    """
    count = len(alphas)
    rows = torch.arange(count).repeat_interleave(len(asked) // count)
    condition = model.fill(whole(alphas, dictionary)).rows(rows.to(model.device))
    loss = count * errors(model, condition, asked).mean()
    if sparsity:
        apart = [sparsity_loss(alpha, dictionary, n).to(loss.device) for alpha in alphas]
        loss = loss + sparsity * torch.stack(apart).sum()
    return loss


def _step(task: Task, several: Sequence[_Repeat], step: int, watch: Watch) -> Tensor:
    """One step of every repeat; their coefficients (R, D) before it."""
    own, features = task.settings, task.dictionary.features
    asked = joined([one.draw(task) for one in several])
    alphas = torch.stack([one.net(features) for one in several])
    values = [p for one in several for p in one.net.parameters()]
    try:
        loss = objective(task.model, task.dictionary, alphas, asked, own.n, own.sparsity)
        grads = torch.autograd.grad(loss, values)  # reaches nothing but these
    except BaseException as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory("learning", "Fewer pictures in one step need less.") from error
    if not torch.isfinite(loss):
        raise InputError(
            "The loss is no number any more. The learning rate is too high for this model. Choose a lower one."
        )
    for value, grad in zip(values, grads, strict=True):
        value.grad = grad
    for one in several:
        for group in one.optimizer.param_groups:
            group["lr"] = own.lr * (1 - step / own.steps if own.lr_falls else 1.0)
        one.optimizer.step()
    watch.tick(BACKWARD * len(asked))
    return alphas.detach()


def _look(task: Task, several: Sequence[_Repeat], step: int, watch: Watch) -> None:
    """One more candidate of every repeat."""
    own = task.settings
    for k, one in enumerate(several):
        with torch.no_grad():
            alpha = one.net(task.dictionary.features)
            vectors = of_kept(alpha, task.dictionary, own.n)
            loss = losses(task.model, task.model.fill(vectors), task.bank, watch.tick)[0]
            sparsity = float(sparsity_loss(alpha, task.dictionary, own.n))
            score = None
            if own.choice == "pictures" and task.score is not None:
                score = task.score(vectors)
        point = Point(step=step, loss=round(loss, 7), sparsity=round(sparsity, 6), score=score)
        one.found.points.append(point)
        one.found.alphas.append(alpha)
        if k == 0:
            watch.candidate(step, alpha)


def _choose(task: Task, found: _Candidates) -> int:
    """The index of the candidate to keep."""
    points = found.points
    if task.settings.choice == "pictures" and task.score is not None:
        by_pictures: Best[None] = Best()
        for point in points:
            by_pictures.offer(point.score if point.score is not None else -2.0, None)
        return by_pictures.index
    shortlist = sorted(range(len(points)), key=lambda k: (points[k].loss, k))[:SHORTLIST]
    if task.score is None or len(shortlist) == 1:
        return shortlist[0]
    best: Best[int] = Best()
    for k in shortlist:  # the lowest loss first, which wins a tie
        score = task.score(of_kept(found.alphas[k], task.dictionary, task.settings.n))
        points[k] = replace(points[k], score=score)
        best.offer(score, k)
    assert best.state is not None
    return best.state


def of_kept(alpha: Tensor, dictionary: Dictionary, n: int) -> tuple[Tensor, ...]:
    """w*_N: the n kept words, renormalised."""
    return renormalised(combine(kept(alpha, n), dictionary), dictionary.norms)
