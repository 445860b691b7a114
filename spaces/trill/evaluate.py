"""All scores of one network: the seven tasks on a data folder, or procedural voices without data."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.registry import Score

from . import personal, sheets, synth, tasks
from .choice import Candidate
from .corpus import RATE, Clip, is_training
from .embed import Embedder
from .features import extract, untrained
from .protocol import OURS, RESAMPLES
from .sheets import Sheet, Tell

logger = logging.getLogger(__name__)

SHORT, LONG = 4 / 3, 1.2  # seconds of the windows of verification and of identification


def real_time_factor(embedder: Embedder, seconds: float = 10.0, rounds: int = 5) -> Score:
    """Seconds of audio embedded in one second of one core's time, front end included, hop 17.

    The clock is the thread's own, so that other programs on the machine do not count.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rng = np.random.default_rng(0)
        clip = (0.1 * rng.normal(size=int(seconds * RATE))).astype(np.float32)
        embedder.embed(clip)
        times = []
        for _ in range(rounds):
            began = time.thread_time()
            embedder.embed(clip)
            times.append(time.thread_time() - began)
    finally:
        torch.set_num_threads(threads)
    return Score(
        name="embedding speed on one core",
        value=round(seconds / min(times), 1),
        unit="x real time",
        n=rounds,
        details={
            "seconds of clip": seconds,
            "best": round(min(times), 4),
            "median": round(float(np.median(times)), 4),
        },
    )


def procedural(embedder: Embedder, num_voices: int = 12, tell: Tell | None = None) -> list[Score]:
    """Known answers without any data: voices made here, each saying several things."""
    sounds, names, window = [], [], []
    for who in range(num_voices):
        voice = synth.voice(9000 + who)  # no recipe uses these seeds
        for take in range(4):
            sounds.append(synth.procedural(voice, 1.2, 90_000 + 10 * who + take))
            names.append(f"voice {who}")
            window.append(str(take))
    embedders = {OURS: embedder, "untrained": untrained(embedder.net_config)}
    done = (lambda k: tell("listening to made voices", k / len(sounds))) if tell else None
    found = extract(sounds, embedders, on_clip=done)
    labels = {"speaker_id": np.array(names), "window": np.array(window), "file": np.array(names)}
    sheet = Sheet(found, labels)
    return [
        tasks.voices(None, sheet, None, "made voices: same or different (EER)"),
        tasks.readers(None, sheet, "made voices: which one, from two takes"),
    ]


def everything(
    embedder: Embedder, data: Path, limit: int | None = None, tell: Tell | None = None
) -> list[Score]:
    """The seven tasks, and what belongs to them, on the data sets found below `data`.

    Args:
        embedder: the network to score.
        data: holds `speech_librispeech_mini`, `speech_emodb`, `speech_fsdd`, or some of them; folders
            whose names only begin so are read with them, such as a hold-out beside the shared part.
        limit: clips of each data set, for a quick look; the scores then say little, and tasks for
            which the clips are too few are left out with a note.
        tell: told what is done.

    Raises:
        InputError: none of the data sets is there.
    """
    embedders = {OURS: embedder, "untrained": untrained(embedder.net_config)}
    jobs: list[tuple[str, Callable[..., list[Score]]]] = [
        ("speech_librispeech_mini", _librispeech),
        ("speech_emodb", _emodb),
        ("speech_fsdd", _fsdd),
    ]
    rows = [(sheets.limited(sheets.rows_of(data, name), limit), job) for name, job in jobs]
    found = [(clips, job) for clips, job in rows if clips]
    if not found:
        raise InputError(
            f"{data} holds none of {', '.join(name for name, _ in jobs)}. Give the folder that "
            "holds them, or leave --data away for the built-in check."
        )
    return [score for clips, job in found for score in job(clips, embedders, tell)]


def _timed(began: float, scores: list[Score]) -> list[Score]:
    seconds = round((time.perf_counter() - began) / max(1, len(scores)), 1)
    return [dataclasses.replace(score, seconds=seconds) for score in scores]


def _librispeech(
    clips: list[Clip], embedders: dict[str, Embedder], tell: Tell | None
) -> list[Score]:
    began = time.perf_counter()
    tests = [c for c in clips if not is_training(c)]
    # One clip for each training reader: the others were cut from longer recordings in the same way.
    trains = [c for c in clips if is_training(c) and c.labels.get("source_subset") != "test-other"]

    def cut(which: list, seconds: float, count: int, changed: bool, seed: int) -> Sheet | None:
        if len({c.labels.get("speaker_id") for c in which}) < 4:
            return None
        return sheets.window_sheet(
            which, embedders, seconds=seconds, count=count, changed=changed, seed=seed, tell=tell
        )

    scores = []
    plain, other = cut(trains, SHORT, 3, False, 1), cut(trains, SHORT, 3, True, 2)
    learn = join(plain, other) if plain and other else None
    for changed, train in ((True, other), (False, plain)):
        test = cut(tests, SHORT, 3, changed, 3)
        name = "same voice, {} (EER)".format("other channel" if changed else "as recorded")
        if test:
            scores.append(tasks.voices(train, test, learn, name))
    for changed in (False, True):
        train, test = cut(trains, LONG, 5, changed, 4), cut(tests, LONG, 5, changed, 5)
        name = "which reader, {}".format("other channel" if changed else "as recorded")
        if test:
            scores += _asked(name, tasks.readers, train, test, name)
    whole = sheets.clip_sheet(clips, embedders, "clips of readers", tell)
    scores.append(tasks.gender(whole))
    return _timed(began, scores)


def join(one: Sheet, two: Sheet) -> Sheet:
    """Two sheets below each other."""
    return Sheet(
        {
            rep: {v: np.concatenate([x, two.features[rep][v]]) for v, x in variants.items()}
            for rep, variants in one.features.items()
        },
        {name: np.concatenate([x, two.column(name)]) for name, x in one.labels.items()},
    )


def _emodb(clips: list[Clip], embedders: dict[str, Embedder], tell: Tell | None) -> list[Score]:
    began = time.perf_counter()
    sheet = sheets.clip_sheet(clips, embedders, "emotional sentences", tell)
    if tell:
        tell("emotion", 0.0)
    return _timed(began, tasks.emotion(sheet))


def _fsdd(clips: list[Clip], embedders: dict[str, Embedder], tell: Tell | None) -> list[Score]:
    began = time.perf_counter()
    sheet = sheets.clip_sheet(clips, embedders, "digits", tell)
    scores = []
    for task in (tasks.digit_speakers, tasks.accent):
        name = task.__name__.replace("_", " ")
        if tell:
            tell(name, 0.0)
        scores += _asked(name, task, sheet)
    if tell:
        tell("digits", 0.0)
    digits = _asked("digits", tasks.digits, sheet)
    for score in digits:
        layer = score.details["all"][OURS]["chosen"].split(",")[0]
        scores += [score, *_asked("digits from own clips", own_clips, sheet, layer)]
    return _timed(began, scores)


def _asked(name: str, task: Callable[..., Score], *given: Any) -> list[Score]:
    """The score of a task, or none and a note where there are too few clips for it."""
    try:
        return [task(*given)]
    except InputError as error:
        logger.warning("Left out: %s. %s", name, error)
        return []


def own_clips(sheet: Sheet, layer: str, clips: tuple[int, ...] = (1, 2, 5, 10)) -> Score:
    """Digits of one speaker from own clips, other speakers' clips, and both; mean over speakers.

    Features are reduced to 96 directions learnt on the other speakers, so that the many fits are quick.
    """
    speakers, labels = sheet.column("speaker"), sheet.column("digit")
    x = sheet.features[OURS][layer]
    curves = []
    for speaker in np.unique(speakers):
        reduced = _reduce(x, speakers != speaker, 96)
        curves.append(
            personal.personalise(
                reduced,
                labels,
                speakers,
                speaker,
                clips=clips,
                candidate=Candidate("lda"),
                resamples=RESAMPLES,
            )
        )
    points = {
        str(n): {
            which: round(
                100
                * float(
                    np.mean(
                        [getattr(p, which)[0] for c in curves for p in c.points if p.clips == n]
                    )
                ),
                2,
            )
            for which in ("personal", "both")
        }
        for n in clips
        if any(p.clips == n for c in curves for p in c.points)
    }
    generic = 100 * float(np.mean([c.generic for c in curves]))
    most = points[max(points, key=int)] if points else {"personal": 0.0}
    return Score(
        name="digits from own clips, ten of each",
        value=most["personal"],
        unit="%",
        baseline=round(generic, 2),
        baseline_name="generic: other speakers only",
        chance=10.0,
        n=sum(c.num_test for c in curves),
        details={
            "layer": layer,
            "by own clips of each digit": points,
            "speakers": {c.speaker: round(100 * c.generic, 2) for c in curves},
            "resamples": RESAMPLES,
        },
    )


def _reduce(x: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    mean, std = x[rows].mean(0), x[rows].std(0)
    z = (x - mean) / np.where(std > 1e-6, std, 1)
    _, vectors = np.linalg.eigh(z[rows].T @ z[rows])
    return z @ vectors[:, -size:]


def summary(scores: list[Score]) -> str:
    """A Markdown table of scores with all representations side by side."""
    lines = [
        "| task | ours (95 %) | chosen | log-mel | MFCC | untrained | chance | n |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for score in scores:
        table = score.details.get("all")
        if not table:
            lines.append(f"| {score.name} | {score.value:g} {score.unit} | | | | | | {score.n} |")
            continue
        low, high = score.interval or (np.nan, np.nan)
        others = " | ".join(f"{table[k]['value']:.1f}" for k in ("log-mel", "MFCC", "untrained"))
        chance = "" if score.chance is None else f"{score.chance:.1f}"
        lines.append(
            f"| {score.name} | {score.value:.1f} ({low:.1f}-{high:.1f}) | {table[OURS]['chosen']} "
            f"| {others} | {chance} | {score.n} |"
        )
    return "\n".join(lines)
