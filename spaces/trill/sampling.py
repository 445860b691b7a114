"""Which patches make a batch: recordings by temporal proximity, and moments within a recording.

A batch has two parts. *Recordings*: two patches of each, at least a second apart where the recording
allows; some recordings share a speaker or a language, some are virtual speakers made from the same
original, so that neither voice nor channel nor content alone tells them apart. *Moments*: two views
of nearly the same moment (small tau), through different channels and warped voices, against other
moments of the same recording, so that content is kept by the lower layers.
"""

# N patches, F frames, M mel bands

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import augment
from .config import TrainConfig
from .corpus import Corpus
from .frontend import FRONT_END

FRAMES = FRONT_END.patch_frames
SECOND = 100  # frames
# Many readers teach more about voices than many takes of a few actors, or than synthetic speech.
SOURCE_WEIGHT = {"speech_librispeech_mini": 2.0, "espeak": 0.5}
# A batch part from one reader pushes clips of the same voice apart, so it is kept rare.
GROUP_WEIGHT = {"speech_librispeech_mini": 0.3}
SILENCE = float(np.log(FRONT_END.offset))


@dataclass(slots=True)
class Batch:
    """One batch; `recording` and `moment` number what an item may not be contrasted with."""

    patches: np.ndarray  # (N, 96, 64) float32
    recording: np.ndarray  # (N,), the first part only
    positive: np.ndarray  # (N,) index of each item's positive within its part
    num_recordings: int  # items of the first part


class Sampler:
    """Draws batches; batch `k` depends on the seed and on `k` only, so that a run can be resumed."""

    def __init__(self, corpus: Corpus, cfg: TrainConfig) -> None:
        self.corpus, self.cfg = corpus, cfg
        self.lengths = corpus.lengths()
        self.by_source = [
            np.flatnonzero(corpus.source == number) for number in range(len(corpus.sources))
        ]
        counts = np.bincount(corpus.group[corpus.group >= 0], minlength=1)
        self.groups = [
            np.flatnonzero(corpus.group == number) for number in np.flatnonzero(counts >= 4)
        ]
        order = np.argsort(corpus.base, kind="stable")
        cuts = np.flatnonzero(np.diff(corpus.base[order])) + 1
        self.family = np.split(order, cuts)  # recordings made from one original
        self.family_of = np.empty(len(corpus), np.int64)
        for number, members in enumerate(self.family):
            self.family_of[members] = number
        # The square root evens out sources of very different size.
        weights = np.array([self.lengths[s].sum() ** 0.5 for s in self.by_source])
        weights *= [SOURCE_WEIGHT.get(name, 1.0) for name in corpus.sources]
        self.source_share = weights / weights.sum()
        self.group_share = self._group_share()

    def _group_share(self) -> np.ndarray:
        sources = np.array([self.corpus.source[g[0]] for g in self.groups], np.int64)
        if not len(sources):
            return np.zeros(0)
        counts = np.bincount(sources, minlength=len(self.corpus.sources)).astype(np.float64)
        weights = np.array([GROUP_WEIGHT.get(name, 1.0) for name in self.corpus.sources])
        share = weights[sources] / counts[sources]
        return share / share.sum()

    def batch(self, step: int) -> Batch:
        """Draw batch number `step`."""
        rng = np.random.default_rng([self.cfg.seed, step])
        chosen = self._recordings(rng)
        first = self._pairs(rng, chosen)
        second = self._moments(rng)
        count = len(first)
        return Batch(
            patches=np.concatenate([first, second]),
            recording=np.repeat(chosen, 2),
            positive=np.arange(count + len(second)) ^ 1,  # views lie side by side
            num_recordings=count,
        )

    def _recordings(self, rng: np.random.Generator) -> np.ndarray:
        """Choose distinct recordings: a group, families of virtual speakers, and a mixture."""
        total = min(self.cfg.num_recordings, len(self.corpus))
        chosen: list[int] = []
        if self.groups and self.cfg.num_same_group:
            group = self.groups[int(rng.choice(len(self.groups), p=self.group_share))]
            size = min(self.cfg.num_same_group, len(group), total // 2)
            chosen += rng.choice(group, size, replace=False).tolist()
        taken = set(chosen)
        while len(chosen) < total:
            source = self.by_source[int(rng.choice(len(self.by_source), p=self.source_share))]
            one = int(rng.choice(source))
            family = self.family[self.family_of[one]]
            picks = [one]
            if len(family) > 1 and rng.random() < 0.5:
                picks.append(int(rng.choice(family)))
            for pick in picks:
                if pick not in taken and len(chosen) < total:
                    taken.add(pick)
                    chosen.append(pick)
            if len(taken) >= len(self.corpus):
                break
        return np.array(chosen, np.int64)

    def _cut(self, recording: int, start: int) -> np.ndarray:
        """A patch with its lead, (LEAD + 96, M); silence before the beginning of a recording."""
        begin = int(self.corpus.starts[recording])
        lead = min(augment.LEAD, start)
        cut = self.corpus.frames[begin + start - lead : begin + start + FRAMES]
        out = np.full((augment.LEAD + FRAMES, cut.shape[1]), SILENCE, np.float32)
        out[-len(cut) :] = cut
        return out

    def _pairs(self, rng: np.random.Generator, chosen: np.ndarray) -> np.ndarray:
        cuts = []
        for recording in chosen:
            last = int(self.lengths[recording]) - FRAMES
            gap = min(SECOND, last // 2)
            one = int(rng.integers(0, last + 1))
            room = np.arange(last + 1)
            room = room[np.abs(room - one) >= gap]
            cuts += [
                self._cut(int(recording), one),
                self._cut(int(recording), int(rng.choice(room))),
            ]
        count = len(cuts)
        channels = augment.draw_channels(rng, count)
        # The channel is mostly drawn for each patch, so that it is no shortcut; about a third of the
        # batches keep one for each recording, because a microphone also tells recordings apart.
        index = np.arange(count)
        if rng.random() < 0.3:
            index = index - index % 2
        out = augment.apply(np.stack(cuts), augment.take(channels, index), rng)
        return augment.shorten(out, rng, 0.2, SILENCE)

    def _moments(self, rng: np.random.Generator) -> np.ndarray:
        cfg, cuts = self.cfg, []
        if not cfg.num_moment_recordings:
            return np.zeros((0, FRAMES, FRONT_END.num_mels), np.float32)
        sources = rng.choice(len(self.by_source), cfg.num_moment_recordings, p=self.source_share)
        for source in sources:
            recording = int(rng.choice(self.by_source[source]))
            last = int(self.lengths[recording]) - FRAMES
            wanted = np.linspace(0, last, cfg.moments) + rng.uniform(-20, 20, cfg.moments)
            for start in np.clip(wanted, 0, last).astype(int):
                moved = int(np.clip(start + rng.integers(-6, 7), 0, last))
                cuts += [self._cut(recording, int(start)), self._cut(recording, moved)]
        channels = augment.draw_channels(rng, len(cuts))
        out = augment.apply(np.stack(cuts), channels, rng)
        return augment.warp_voice(
            out, np.exp(rng.uniform(-0.25, 0.25, len(out))).astype(np.float32)
        )
