"""How far a run is: one fraction over all its stages, counted in rows that go through the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from core.jobs import Job
from core.media.image_writing import png, sheet

from .config import BACKWARD, Settings
from .results import Glimpse, Point, Stage

WORDS = {
    "pictures": "Drawing what the concept looks like",
    "dictionary": "Choosing the words",
    "learning": "Learning the weights of the words",
    "choosing": "Comparing the best candidates",
    "attribution": "Measuring what each word adds",
    "drawing": "Drawing the words",
    "explaining": "Leaving out words one by one",
    "mixing": "Drawing the mix",
    "counting": "Drawing pictures to count",
}
ROUGH, ROUGH_STEPS = 4, 8  # pictures and DDIM steps of a glimpse, in the first repeat
QUIET = 0.8  # seconds between two glimpses, which carry pictures, at least


def passes(settings: Settings) -> dict[str, int]:
    """Rows that each stage of a decomposition sends through the network, learning counted twice."""
    branches = 2 if settings.guidance > 1 else 1
    each = settings.drawing_steps * branches
    bank = settings.bank_pictures * settings.bank_pairs
    candidates = -(-settings.steps // settings.validate_every)
    drawn = min(2, candidates) if settings.choice == "bank" else candidates
    rough = min(ROUGH, settings.validation_pictures) * ROUGH_STEPS * branches
    repeat = BACKWARD * settings.steps * settings.batch_size + candidates * bank
    repeat += drawn * settings.validation_pictures * each
    found = {
        "pictures": each * (settings.training_pictures + settings.validation_pictures),
        "learning": settings.repeats * repeat + candidates * rough,
        "choosing": (settings.repeats + 6) * bank,
        "attribution": (settings.n + 1) * bank if settings.attribution else 0,
        "drawing": each * (settings.validation_pictures + settings.n),
    }
    if settings.distribution:
        extra = max(0, settings.distribution - settings.validation_pictures)
        found["drawing"] += each * (2 * extra + settings.distribution)
    return found


def repeats_words(seen: Glimpse) -> str:
    """Which repeat is learnt, or that all are."""
    if not seen.repeat:
        return f"{seen.repeats} repeats at once"
    return f"repeat {seen.repeat} of {seen.repeats}"


class Follower:
    """Turns what the algorithm tells into what the job says, and measures the stages."""

    def __init__(self, job: Job, planned: Mapping[str, int]) -> None:
        """Stages with the rows that each will send through the network; they may come in any order."""
        self.job = job
        self.stages: list[Stage] = []
        self._planned = dict(planned)
        self._total = max(1, sum(planned.values()))
        self._done = dict.fromkeys(planned, 0)
        self._name = ""
        self._rows = 0
        self._last = self._seen = 0.0
        self.glimpse = Glimpse(stage="", step=0, of=0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block as one stage; a stage that comes again is added to."""
        outer, began, rows = self._name, time.perf_counter(), self._rows
        self._name, self._rows = name, 0
        self.show(stage=name, step=0, of=0)
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self._add(Stage(name=name, seconds=round(seconds, 3), passes=self._rows))
            self._name, self._rows = outer, rows + self._rows

    def _add(self, stage: Stage) -> None:
        for k, known in enumerate(self.stages):
            if known.name == stage.name:
                seconds = round(known.seconds + stage.seconds, 3)
                self.stages[k] = replace(known, seconds=seconds, passes=known.passes + stage.passes)
                return
        self.stages.append(stage)

    def tick(self, rows: int) -> None:
        """Count rows of a pass; raises when the job was stopped."""
        self._rows += rows
        if self._name in self._done:
            limit = self._planned[self._name]
            self._done[self._name] = min(limit, self._done[self._name] + rows)
        now = time.monotonic()
        if now - self._last < QUIET:
            self.job.check()
            return
        self._tell(None)

    def show(self, **changes: object) -> None:
        """Change what a page may show, and send it."""
        self.glimpse = replace(self.glimpse, **changes)  # pyright: ignore[reportArgumentType]
        self._tell(self.glimpse)

    def learnt(
        self, step: int, words: Callable[[], Sequence[tuple[str, float]]], curve: Sequence[Point]
    ) -> None:
        """Show the words of a step while learning, a few times a second at most; only then are they asked for."""
        now = time.monotonic()
        if now - self._seen < QUIET:
            return
        self._seen = now
        self.show(step=step, words=tuple(words()), curve=tuple(curve))

    def row(self, **pictures: npt.NDArray[np.uint8]) -> None:
        """Show rows of pictures (N, H, W, 3) by the field of the glimpse that they are."""
        columns = max(len(p) for p in pictures.values())
        self.show(columns=columns, **{name: png(sheet(p[None])) for name, p in pictures.items()})

    def _tell(self, glimpse: Glimpse | None) -> None:
        self._last = time.monotonic()
        words = WORDS.get(self._name, self._name)
        if self._name == "learning" and self.glimpse.of:
            words += f", {self.glimpse.step} of {self.glimpse.of} steps"
            if self.glimpse.repeats > 1:
                words += f", {repeats_words(self.glimpse)}"
        self.job.report(sum(self._done.values()) / self._total, words, glimpse)
