"""A fixed pool of training pictures on disk, with the scenes they were drawn from.

Scenes are drawn again from their seeds wherever they are needed; only pixels are kept. Every process of
a run sees the same pool.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from core.world import stream
from core.world.curriculum import Curriculum
from core.world.render import render
from core.world.stream import Sample

CHUNK = 500  # pictures that share a seed
TRAIN, CHECK = 0, 1  # streams that never share a scene


def drawn(c: Curriculum, seed: int, part: int, chunk: int) -> list[Sample]:
    """The samples of one chunk of a stream."""
    return stream.samples(np.random.default_rng((seed, part, chunk)), c, CHUNK)


def samples(c: Curriculum, seed: int, part: int, n: int) -> list[Sample]:
    """The first `n` samples of a stream."""
    chunks = (drawn(c, seed, part, k) for k in range(-(-n // CHUNK)))
    return [s for chunk in chunks for s in chunk][:n]


class Pool:
    """Pictures (N, S, S, 3) uint8 in a file; made by one process, read by all."""

    def __init__(self, path: Path, c: Curriculum, n: int, size: int, seed: int) -> None:
        self.path, self.curriculum, self.n, self.size, self.seed = path, c, n, size, seed

    def make(self, check: Callable[[], None] | None = None) -> None:
        """Draw what is missing; a file cut short by a kill is gone on with at its last chunk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        row = self.size * self.size * 3
        done = self.path.stat().st_size // (row * CHUNK) if self.path.exists() else 0
        if done * CHUNK >= self.n:
            return
        with self.path.open("r+b" if done else "wb") as file:
            file.truncate(done * CHUNK * row)
            file.seek(0, os.SEEK_END)
            for chunk in range(done, -(-self.n // CHUNK)):
                if check:
                    check()
                found = drawn(self.curriculum, self.seed, TRAIN, chunk)
                file.write(render([s.scene for s in found], size=self.size).tobytes())

    def open(self) -> np.ndarray:
        """The pictures, mapped into memory."""
        return np.memmap(self.path, np.uint8, "r").reshape(-1, self.size, self.size, 3)[: self.n]

    def chunks(self, rows: int = CHUNK) -> Iterator[np.ndarray]:
        """The pictures in order, `rows` at a time."""
        pixels = self.open()
        for start in range(0, self.n, rows):
            yield pixels[start : start + rows]
