"""How far a run is: one fraction over all its stages, the batch losses so far, the newest rough strip."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.jobs import Job
from core.media.image_writing import png, sheet

from .config import Learning, Sampling
from .learnt import Preview
from .peak import Peak
from .results import Glimpse, Stage

WORDS = {
    "embedding": "Learning the embedding",
    "tuning": "Tuning the network",
    "joint": "Learning embedding and network together",
    "inversion": "Finding the picture's own noise",
    "sampling": "Drawing the strip",
    "baselines": "Drawing the simpler ways",
    "scores": "Judging the pictures",
}
_BACKWARD = 3  # a step of learning costs about three passes of the network
_ROUNDS = 3  # predictions of a step of the inversion: 51 for 20 steps were counted
_CURVE = 200  # points of a curve at most
QUIET = 0.3  # seconds between two glimpses, which carry a picture, at least


def passes_of_learning(learning: Learning) -> dict[str, int]:
    """Passes of the network that each stage of learning costs."""
    each = _BACKWARD * learning.batch_size
    if learning.tuning == "joint":
        return {"joint": each * learning.tuning_steps}
    found = {"embedding": each * learning.embedding_steps}
    if learning.tuning != "none":
        found["tuning"] = each * learning.tuning_steps
    return found


def passes_of_drawing(sampling: Sampling, num_baselines: int) -> dict[str, int]:
    """Passes of the network for the strip, and for each seed of some baselines."""
    each = 2 * sampling.steps * len(sampling.seeds)
    found = {"sampling": each * len(sampling.etas), "baselines": each * num_baselines}
    return {"inversion": _ROUNDS * sampling.steps} | found if sampling.start != "noise" else found


class Follower:
    """Turns what the algorithm reports into what the job says."""

    def __init__(self, job: Job, passes: dict[str, int], device: Any) -> None:
        """Stages come in the order of `passes`, each as long as its passes of the network say."""
        self._job, self._passes, self._device = job, passes, device
        self._total = max(1, sum(passes.values()))
        self._strip = b""
        self._etas: tuple[float, ...] = ()
        self._stage = ""
        self._curve: list[tuple[int, float]] = []
        self._last = 0.0
        self.stages: list[Stage] = []

    def report(
        self, stage: str, step: int, of: int, loss: float | None, preview: Preview | None
    ) -> None:
        """What the algorithm calls; raises when the job was stopped."""
        if stage != self._stage:
            self._stage, self._curve = stage, []
        if loss is not None:
            self._curve.append((step, round(loss, 5)))
            if len(self._curve) > _CURVE:
                del self._curve[1::2]
        if preview is not None:
            self._strip = png(sheet(preview.pictures[None]))
            self._etas = preview.etas
        share = step / max(1, of)
        done = 0
        for name, cost in self._passes.items():
            if name == stage:
                done += share * cost
                break
            done += cost
        words = WORDS.get(stage, stage)
        if of:
            words += f", step {step} of {of}"
        self._job.report(done / self._total, words, self._glimpse(step, of, preview is not None))

    def _glimpse(self, step: int, of: int, new: bool) -> Glimpse | None:
        now = time.monotonic()
        if not new and now - self._last < QUIET:
            return None
        self._last = now
        return Glimpse(
            stage=self._stage,
            step=step,
            of=of,
            curve=tuple(self._curve),
            strip=self._strip,
            etas=self._etas,
        )

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure time and memory of a block as one stage."""
        began = time.perf_counter()
        with Peak(self._device) as peak:
            yield
        seconds = round(time.perf_counter() - began, 3)
        self.stages.append(Stage(name=name, seconds=seconds, peak_bytes=peak.bytes))
