"""One repeat of the learning: from pictures' latents to the coefficients of a dictionary.

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
from .config import Settings
from .denoising import Pairs, errors, losses, pairs
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


def learn(task: Task, repeat: int, watch: Watch | None = None) -> Learnt:
    """Learn coefficients. Runs with gradients, whatever the caller's mode.

    Args:
        task: what to learn.
        repeat: 0 for the first; decides start, part of the pictures and draws, together with the seed.
        watch: who is told.

    Raises:
        InputError: the loss is no number any more.
        DeviceOutOfMemory: the device is too small for a batch.
    """
    watch = watch or Watch()
    own = task.settings
    generator = torch.Generator().manual_seed(16 * own.seed + repeat)
    latents = task.latents
    if own.repeats > 1:
        count = max(1, round(SUBSET * len(latents)))
        latents = latents[torch.randperm(len(latents), generator=generator)[:count]]
    found, stopped, step = _Candidates(), False, 0
    with torch.inference_mode(False), torch.enable_grad():
        # the caller may be in inference mode, whose tensors cannot be learnt from
        latents = latents.detach().clone()
        rows = tuple(table.detach().clone() for table in task.dictionary.rows)
        task = replace(task, dictionary=Dictionary(rows, task.dictionary.norms))
        features = task.dictionary.features
        net = Coefficients(features.shape[1], own.hidden, generator).to(features.device)
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=own.lr, betas=(0.9, 0.999), weight_decay=own.weight_decay
        )
        order: list[int] = []
        while step < own.steps:
            if stopped := watch.stop():
                break
            while len(order) < own.batch_size:  # each picture once before any comes again
                order += torch.randperm(len(latents), generator=generator).tolist()
            drawn, order = order[: own.batch_size], order[own.batch_size :]
            z0 = latents[drawn]
            if own.flip:
                mirrored = torch.rand(len(z0), generator=generator) < 0.5
                z0 = torch.where(mirrored[:, None, None, None].to(z0.device), z0.flip(-1), z0)
            asked = pairs(z0, task.model.num_times, generator, stratified=own.stratified)
            alpha = _step(task, net, features, asked, optimizer)
            step += 1
            watch.tick(3 * len(asked))
            watch.step(step, alpha, found.points)
            if step % own.validate_every == 0 or step == own.steps:
                _look(task, net, features, step, found, watch)
        if not found.points or found.points[-1].step != step:
            _look(task, net, features, step, found, watch)
    index = _choose(task, found)
    return Learnt(
        alpha=found.alphas[index],
        step=found.points[index].step,
        loss=found.points[index].loss,
        curve=tuple(found.points),
        steps=step,
        stopped=stopped,
    )


def objective(
    model: Model, dictionary: Dictionary, alpha: Tensor, asked: Pairs, n: int, sparsity: float
) -> Tensor:
    """L = mean squared error of the prediction + λ (1 - cos(v_N, w*)), for one batch."""
    loss = errors(model, model.fill(whole(alpha, dictionary)), asked).mean()
    if sparsity:
        loss = loss + sparsity * sparsity_loss(alpha, dictionary, n).to(loss.device)
    return loss


def _step(
    task: Task,
    net: Coefficients,
    features: Tensor,
    asked: Pairs,
    optimizer: torch.optim.Optimizer,
) -> Tensor:
    own = task.settings
    alpha = net(features)
    values = list(net.parameters())
    try:
        loss = objective(task.model, task.dictionary, alpha, asked, own.n, own.sparsity)
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
    optimizer.step()
    return alpha.detach()


def _look(
    task: Task, net: Coefficients, features: Tensor, step: int, found: _Candidates, watch: Watch
) -> None:
    own = task.settings
    with torch.no_grad():
        alpha = net(features)
        vectors = of_kept(alpha, task.dictionary, own.n)
        loss = losses(task.model, task.model.fill(vectors), task.bank, watch.tick)[0]
        sparsity = float(sparsity_loss(alpha, task.dictionary, own.n))
        score = None
        if own.choice == "pictures" and task.score is not None:
            score = task.score(vectors)
    found.points.append(Point(step=step, loss=round(loss, 7), sparsity=round(sparsity, 6), score=score))  # fmt: skip
    found.alphas.append(alpha)
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
