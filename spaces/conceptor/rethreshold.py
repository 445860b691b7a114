"""Which words a picture needs: the rule that leaves them out one by one, and its replay (no torch)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .results import ExplainResult, Removal


@dataclass(frozen=True, slots=True)
class Replay:
    """What another threshold gives.

    Attributes:
        survivors: the words that are left, the largest share first.
        log: every try.
        complete: whether the log answered all of it; else pictures must be drawn, and the words are those
            that were left when it ended.
    """

    survivors: tuple[str, ...]
    log: tuple[Removal, ...]
    complete: bool


def leave_out(
    words: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    likeness: Callable[[tuple[str, ...]], float],
    threshold: float,
) -> tuple[tuple[str, ...], list[Removal]]:
    """Leave words out while the picture stays alike; again and again until a pass leaves out none.

    Args:
        words: the smallest share first, which is the order in which they are tried.
        groups: words that leave together with each, itself among them.
        likeness: of the picture that some words draw to the target; called once for the same words.
        threshold: a word stays out when the likeness is above it.

    Returns:
        The words that are left, the largest share first, and every try.
    """
    left, log, turn = list(words), [], 1
    known: dict[tuple[str, ...], float] = {}
    while True:
        before = len(left)
        for word in words:
            if word not in left:
                continue
            gone = [w for w in left if w in groups[word]]
            rest = tuple(reversed([w for w in left if w not in gone]))
            if not rest:  # a picture of nothing explains nothing
                continue
            if rest not in known:
                known[rest] = likeness(rest)
            removed = known[rest] > threshold
            log.append(
                Removal(
                    turn=turn, words=tuple(gone), without=rest, similarity=known[rest], removed=removed
                )
            )  # fmt: skip
            if removed:
                left = [w for w in left if w not in gone]
        if len(left) == before:
            return tuple(reversed(left)), log
        turn += 1


class _Unknown(Exception):
    """The log does not hold this try."""


def replay(result: ExplainResult, threshold: float) -> Replay:
    """Apply another threshold to a finished explanation, without drawing.

    Args:
        result: its log is all that is looked at.
        threshold: the new one.
    """
    known = {frozenset(r.without): r.similarity for r in result.log}
    groups = dict(zip(result.words, result.groups, strict=True))
    left = tuple(reversed(result.words))

    def likeness(rest: tuple[str, ...]) -> float:
        nonlocal left
        if frozenset(rest) not in known:
            raise _Unknown
        if known[frozenset(rest)] > threshold:
            left = rest
        return known[frozenset(rest)]

    try:
        survivors, log = leave_out(result.words, groups, likeness, threshold)
    except _Unknown:
        return Replay(left, (), False)
    return Replay(survivors, tuple(log), True)
