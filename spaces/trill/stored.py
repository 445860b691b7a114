"""Measures what the page keeps ready: pairs of known answer, and a finished example per verb.

    python -m core.methods.trill.stored --data DATA

Run it whenever the weights change; a test compares their hashes. DATA holds `speech_librispeech_mini`
and `speech_emodb`; only rows of the development part are read.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import logging
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import core.gpu  # noqa: F401  # first import of every entry point
from core import settings
from core.jobs import Job

from . import finished, pairs, pipeline
from . import requests as rq
from .config import LAYERS
from .listening import SAMPLE_RATE, cosine, embedder, hear, weights_id
from .results import RESULTS

logger = logging.getLogger(__name__)
_WINDOW = 2.9  # seconds of each part of a pair of readers
ABOUT = (
    "Known pairs come from the development speakers, whom the net never heard: 28 readers of "
    "LibriSpeech (two parts of one recording; parts of two readers) and two EmoDB actors (clips in "
    "seven acted moods; the two actors). Both sets count the same."
)


def _clips(folder: Path) -> Iterator[tuple[dict[str, str], Any]]:
    from core.media import audio

    with (folder / "metadata.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["subset"] == "dev"]
    with zipfile.ZipFile(folder / "audio.zip") as archive:
        for row in rows:
            yield row, audio.load(io.BytesIO(archive.read(row["file"])).getvalue()).waveform


def measure_pairs(data: Path) -> dict[str, Any]:
    """Cosines of same-voice and different-voice pairs as histograms."""
    job, request = Job(method="trill"), rq.Hearing()
    size = int(_WINDOW * SAMPLE_RATE)
    with embedder(job, request) as net:
        readers = []
        for row, waveform in _clips(data / "speech_librispeech_mini"):
            if len(waveform) >= 2 * size:
                parts = (waveform[:size], waveform[size : 2 * size])
                readers.append([hear(job, net, part, request) for part in parts])
                logger.info("reader %s", row["speaker_id"])
        actors: dict[str, list[Any]] = {}
        for row, waveform in _clips(data / "speech_emodb"):
            actors.setdefault(row["speaker_id"], []).append(hear(job, net, waveform, request))
        weights = weights_id(net)
    layers = {}
    for layer in LAYERS:

        def value(a: Any, b: Any, layer: str = layer) -> float:
            return cosine(a.mean(layer), b.mean(layer))

        same = [[value(a, b) for a, b in readers]]
        different = [
            [value(a, b) for x, y in itertools.combinations(readers, 2) for a in x for b in y]
        ]
        same.append(
            [value(a, b) for clips in actors.values() for a, b in itertools.combinations(clips, 2)]
        )
        first, second = actors.values()
        different.append([value(a, b) for a in first for b in second])
        layers[layer] = pairs.histogram(layer, _weighted(same), _weighted(different))
    return {"weights": weights, "about": ABOUT, "layers": layers}


def _weighted(sets: list[list[float]]) -> list[tuple[float, float]]:
    return [(value, 1 / len(values)) for values in sets for value in values]


def _example(name: str) -> rq.Clip:
    return rq.Clip(source=f"example:{name}")


def requests_to_keep() -> dict[str, rq.Request]:
    """The requests whose results the page opens on."""
    moods = ("neutral", "anger", "sadness")
    return {
        "explore": rq.ExploreRequest(clip=_example("two-readers-in-turn")),
        "compare": rq.CompareRequest(
            first=_example("reader-1841-a"), second=_example("reader-1841-b")
        ),
        "teach": rq.TeachRequest(
            classes=tuple(
                rq.TeachClass(
                    name=mood, clips=tuple(_example(f"actor-13-{mood}-{k}") for k in (1, 2, 3))
                )
                for mood in moods
            )
        ),
        "survive": rq.SurviveRequest(clip=_example("reader-198-a"), pitch=3.0),
        "triplet": rq.TripletRequest(
            anchor=_example("reader-1841-a"),
            positive=_example("reader-1841-b"),
            negative=_example("reader-1898-a"),
        ),
        "personalise": rq.PersonaliseRequest(speaker="george"),
        "check": rq.CheckRequest(),
    }


def main() -> None:
    """Measure everything and write it below `examples/`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="needed for the pairs; without it they stay")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.data is not None:
        _write(pairs.FILE, measure_pairs(arguments.data))
    pairs.known.cache_clear()
    with tempfile.TemporaryDirectory() as folder:  # heads go to a store that nobody needs later
        settings.override(data_dir=Path(folder))
        results = {}
        for kind, request in requests_to_keep().items():
            logger.info("%s", kind)
            result = replace(pipeline.run(Job(method="trill"), request), files={})
            results[kind] = {
                "request": rq.KINDS.to_dict(request),
                "result": RESULTS.to_dict(result),
            }
    _write(finished.FILE, {"results": results})


def _write(path: Path, data: dict[str, Any]) -> None:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
