"""Recordings as log-mel, gathered from folders of speech, and kept on disk in half precision.

A data folder holds either `speech_*` sub-folders (`audio.zip` and `metadata.csv`, one row for each
clip) or any audio files in any sub-folders. Rows whose `subset` is not `train` are never read for
training; a folder without that column is for testing only, and so is not read either.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from core.errors import InputError

from . import synth
from .frontend import FRONT_END, log_mel

logger = logging.getLogger(__name__)
RATE = FRONT_END.sample_rate
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One row of a data folder: where the sound is, and its labels as texts."""

    archive: Path
    file: str
    labels: dict[str, str]


def read_rows(folder: Path) -> list[Clip]:
    """Read `metadata.csv` of a folder that holds `audio.zip`.

    Raises:
        InputError: the table or the archive is missing, or has no column `file`.
    """
    table, archive = folder / "metadata.csv", folder / "audio.zip"
    if not table.is_file() or not archive.is_file():
        raise InputError(
            f"{folder.name} holds no metadata.csv and audio.zip. Give a folder with both, as the "
            "data notes describe, or a folder of plain audio files."
        )
    with table.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    if not rows or "file" not in rows[0]:
        raise InputError(f"{table.name} of {folder.name} has no column 'file'. Add it.")
    return [Clip(archive=archive, file=row["file"], labels=dict(row)) for row in rows]


def read_clips(clips: Iterable[Clip]) -> Iterator[tuple[Clip, np.ndarray]]:
    """Decode clips to float32 (T,) at 16 kHz mono, opening each archive once."""
    opened: dict[Path, zipfile.ZipFile] = {}
    try:
        for clip in clips:
            if clip.archive.suffix == ".zip":
                if clip.archive not in opened:
                    opened[clip.archive] = zipfile.ZipFile(clip.archive)
                source: io.BytesIO | Path = io.BytesIO(opened[clip.archive].read(clip.file))
            else:
                source = clip.archive
            yield clip, _decode(source)
    finally:
        for archive in opened.values():
            archive.close()


def _decode(source: io.BytesIO | Path) -> np.ndarray:
    import soundfile

    samples, rate = soundfile.read(source, dtype="float32", always_2d=True)
    return resample(samples.mean(1), rate, RATE)


def resample(samples: np.ndarray, rate: float, target: float) -> np.ndarray:
    """Change the sampling rate of float32 (T,) samples with soxr; equal rates return the input."""
    if rate == target:
        return samples
    import soxr

    return soxr.resample(samples, rate, target, quality="HQ").astype(np.float32)


def is_training(clip: Clip) -> bool:
    """Whether a row may be trained on: only `subset == train`, never a row without a subset."""
    return clip.labels.get("subset") == "train"


def training_clips(data: Path) -> list[Clip]:
    """List what may be trained on below `data`.

    Raises:
        InputError: there is nothing.
    """
    tables = sorted(p.parent for p in data.glob("speech_*/metadata.csv"))
    if tables:
        clips = [clip for folder in tables for clip in read_rows(folder) if is_training(clip)]
    else:
        files = sorted(p for p in data.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
        clips = [Clip(archive=p, file=p.name, labels={"subset": "train"}) for p in files]
    if len(clips) < 2:
        raise InputError(
            f"{data} holds {len(clips)} recordings to train on. Give at least two audio files, or "
            "speech_* folders whose metadata.csv has rows with subset 'train'."
        )
    return clips


@dataclass(slots=True)
class Corpus:
    """Log-mel of many recordings, back to back, with what groups them."""

    frames: np.ndarray  # (sum of frames, 64) float16
    starts: np.ndarray  # (R + 1,)
    base: np.ndarray  # (R,) number of the original recording; virtual speakers share it
    group: np.ndarray  # (R,) number of the group (a speaker, a language), -1 for none
    source: np.ndarray  # (R,) number of the source in `sources`
    sources: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def lengths(self) -> np.ndarray:
        """Frames of each recording, (R,)."""
        return np.diff(self.starts)

    def save(self, folder: Path) -> None:
        """Write the arrays below `folder`, each by writing beside and renaming."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("frames", "starts", "base", "group", "source"):
            part = folder / f".{name}.tmp.npy"
            np.save(part, getattr(self, name), allow_pickle=False)
            os.replace(part, folder / f"{name}.npy")
        part = folder / ".sources.tmp"
        part.write_text(json.dumps(self.sources), "utf-8")
        os.replace(part, folder / "sources.json")  # last: its presence means complete

    @classmethod
    def open(cls, folder: Path) -> Corpus | None:
        """Read a saved corpus, its frames mapped from disk; None when there is no complete one."""
        if not (folder / "sources.json").exists():
            return None
        names = ("frames", "starts", "base", "group", "source")
        arrays = {
            n: np.load(
                folder / f"{n}.npy", mmap_mode="r" if n == "frames" else None, allow_pickle=False
            )
            for n in names
        }
        return cls(**arrays, sources=json.loads((folder / "sources.json").read_text("utf-8")))


class _Builder:
    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.base: list[int] = []
        self.group: list[int] = []
        self.source: list[int] = []
        self.sources: list[str] = []
        self.groups: dict[str, int] = {}
        self.bases = 0

    def add(self, samples: np.ndarray, source: str, group: str, factors: Iterable[float]) -> None:
        if source not in self.sources:
            self.sources.append(source)
        for factor in factors:
            moved = resample(samples, RATE * factor, RATE)  # faster, higher, smaller tract
            if len(moved) < RATE:
                continue
            self.parts.append(log_mel(torch.from_numpy(moved)).numpy().astype(np.float16))
            self.base.append(self.bases)
            key = f"{source}/{group}/{factor}" if group else ""
            self.group.append(self.groups.setdefault(key, len(self.groups)) if key else -1)
            self.source.append(self.sources.index(source))
        self.bases += 1

    def corpus(self) -> Corpus:
        starts = np.concatenate([[0], np.cumsum([len(p) for p in self.parts])])
        return Corpus(
            frames=np.concatenate(self.parts),
            starts=starts.astype(np.int64),
            base=np.array(self.base, np.int64),
            group=np.array(self.group, np.int64),
            source=np.array(self.source, np.int64),
            sources=self.sources,
        )


def procedural_corpus(num_voices: int, clips_each: int, seconds: float, seed: int) -> Corpus:
    """A small corpus of procedural voices: needs no data at all."""
    build = _Builder()
    for who in range(num_voices):
        voice = synth.voice(seed * 1000 + who)
        for take in range(clips_each):
            sound = synth.procedural(voice, seconds, seed * 100_000 + who * 100 + take)
            build.add(sound, "procedural", f"voice{who}", (1.0,))
    return build.corpus()


def training_corpus(
    data: Path,
    cache: Path,
    *,
    factors: tuple[float, ...],
    espeak_clips: int,
    seed: int,
    notify: Notify | None = None,
) -> Corpus:
    """Log-mel of everything trainable below `data`, with virtual speakers; kept in `cache`.

    Resampling a whole recording by a factor moves pitch and formants alike, so it counts as another
    speaker. A second call with the same files and settings reads the saved arrays.
    """
    clips = training_clips(data)
    identity = json.dumps(
        [
            [(str(c.archive.name), c.archive.stat().st_size, c.file) for c in clips],
            factors,
            espeak_clips,
            seed,
        ]
    )
    folder = cache / hashlib.sha256(identity.encode()).hexdigest()[:16]
    if (saved := Corpus.open(folder)) is not None:
        return saved
    say = notify or logger.info
    build = _Builder()
    for number, (clip, samples) in enumerate(read_clips(clips)):
        if clip.labels.get("file"):
            build.add(samples, clip.archive.parent.name, clip.labels.get("speaker_id", ""), factors)
        else:
            build.add(samples, "files", "", factors)
        if number % 100 == 0:
            say(f"log-mel of recording {number} of {len(clips)}")
    if espeak_clips:
        for number, (samples, rate, language, _) in enumerate(
            synth.espeak_clips(espeak_clips, seed)
        ):
            build.add(resample(samples, rate, RATE), "espeak", language, (1.0,))
            if number % 500 == 0:
                say(f"eSpeak clip {number} of {espeak_clips}")
    corpus = build.corpus()
    corpus.save(folder)
    opened = Corpus.open(folder)
    assert opened is not None
    return opened
