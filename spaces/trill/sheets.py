"""From a data folder to tables of features: whole clips, or windows cut from them.

A row whose `subset` is not `train` is for testing. Windows can also be passed through a random channel
(equaliser, noise, telephone band), drawn for each window, in the waveform domain: the training uses
another kind of channel, so this one is new to the network.
"""

# N clips or windows, T samples

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import features
from .corpus import RATE, Clip, read_clips, read_rows
from .embed import Embedder
from .features import Features, Variants

Tell = Callable[[str, float], None]  # what is done, and which share of it


@dataclass(slots=True)
class Sheet:
    """Features of N clips under each representation, and their labels."""

    features: Features
    labels: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    def rows(self, keep: np.ndarray) -> Sheet:
        """The rows given by a mask or by indices."""
        return Sheet(
            {n: {v: x[keep] for v, x in vs.items()} for n, vs in self.features.items()},
            {n: x[keep] for n, x in self.labels.items()},
        )

    def column(self, name: str) -> np.ndarray:
        """A column of labels; empty texts when the table does not have it."""
        return self.labels.get(name, np.full(len(self), ""))

    @property
    def is_train(self) -> np.ndarray:
        """Which rows belong to the training part."""
        return self.column("subset") == "train"


def pick(variants: Variants, rows: np.ndarray) -> Variants:
    """Rows of all variants."""
    return {name: x[rows] for name, x in variants.items()}


def limited(clips: Sequence[Clip], limit: int | None, seed: int = 0) -> list[Clip]:
    """At most `limit` clips, drawn without order."""
    if limit is None or len(clips) <= limit:
        return list(clips)
    rows = np.sort(np.random.default_rng(seed).permutation(len(clips))[:limit])
    return [clips[i] for i in rows]


def rows_of(data: Path, name: str) -> list[Clip]:
    """Rows of the data set `name` below `data`, of all folders whose name begins with it.

    So a hold-out can lie beside the shared part, as `speech_emodb` and `speech_emodb_holdout`.
    """
    tables = sorted(p.parent for p in data.glob(f"{name}*/metadata.csv"))
    return [clip for folder in tables for clip in read_rows(folder)]


def clip_sheet(
    clips: Sequence[Clip], embedders: dict[str, Embedder], name: str, tell: Tell | None = None
) -> Sheet:
    """Features of whole clips."""
    sounds = [sound for _, sound in read_clips(clips)]
    return _sheet(sounds, [clip.labels for clip in clips], embedders, name, tell)


def _sheet(
    sounds: Sequence[np.ndarray],
    labels: Sequence[dict[str, str]],
    embedders: dict[str, Embedder],
    name: str,
    tell: Tell | None,
) -> Sheet:
    def on_clip(done: int) -> None:
        if tell and done % 20 == 0:
            tell(f"listening to {name}", done / len(sounds))

    found = features.extract(sounds, embedders, on_clip=on_clip)
    columns = sorted({key for row in labels for key in row})
    return Sheet(found, {c: np.array([row.get(c, "") for row in labels]) for c in columns})


def windows(sound: np.ndarray, seconds: float, count: int) -> list[np.ndarray]:
    """`count` windows spread evenly over the first 6 s of a sound, none if it is too short."""
    size, span = int(seconds * RATE), min(len(sound), 6 * RATE)
    if span < size * count:
        return []
    starts = np.linspace(0, span - size, count).astype(int)
    return [sound[s : s + size] for s in starts]


def change_channel(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another microphone and room: smooth equaliser, noise of 10-30 dB, half the time 3.6 kHz, level."""
    count = len(sound)
    freq = np.fft.rfftfreq(count, 1 / RATE)
    db = np.zeros_like(freq)
    for order in range(1, 6):
        db += rng.normal() * 5 / np.sqrt(order) * np.cos(np.pi * order * freq / (RATE / 2))
    if rng.random() < 0.5:
        db -= 60 * np.clip((freq - 3600) / 300, 0, 1)
    out = np.fft.irfft(np.fft.rfft(sound) * 10 ** (db / 20), count)
    level = np.sqrt(np.mean(out**2)) * 10 ** (-rng.uniform(10, 30) / 20)
    out = out + rng.normal(size=count) * level
    return (out * 10 ** (rng.uniform(-10, 4) / 20)).astype(np.float32)


def window_sheet(
    clips: Sequence[Clip],
    embedders: dict[str, Embedder],
    *,
    seconds: float,
    count: int,
    changed: bool,
    seed: int,
    tell: Tell | None = None,
) -> Sheet:
    """Features of windows; labels gain `window`, the number of a window within its clip."""
    rng = np.random.default_rng([seed, 81])
    sounds, labels = [], []
    for clip, sound in read_clips(clips):
        for number, window in enumerate(windows(sound, seconds, count)):
            sounds.append(change_channel(window, rng) if changed else window)
            labels.append({**clip.labels, "window": str(number)})
    name = "windows of clips" + (" through other channels" if changed else "")
    return _sheet(sounds, labels, embedders, name, tell)
