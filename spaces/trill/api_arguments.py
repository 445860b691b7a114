"""From a stored request back to the arguments of its endpoint, for "Use in API".

A shipped example is fetched from the hub by the printed call; an upload is a file of the reader's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.ui.snippets import file_argument
from core.ui.verbs import Call

from . import gallery

Data = dict[str, Any]


def _file(clip: Data, name: str) -> Data:
    kind, _, ident = clip["source"].partition(":")
    if kind == "example" and ident in gallery.examples():
        return file_argument(Path(gallery.example(ident).file).name, f"example/trill/{ident}")
    return file_argument(name)


def _part(clip: Data) -> str:
    start, end = clip.get("start") or 0.0, clip.get("end")
    if not start and end is None:
        return ""
    return f"{start:g}-" + ("" if end is None else f"{end:g}")


def _parts(clips: list[Data]) -> Data:
    """The argument `parts`, when any clip was cut."""
    cuts = [_part(clip) for clip in clips]
    return {"parts": cuts} if any(cuts) else {}


def _hearing(request: Data) -> Data:
    return {key: request[key] for key in ("layer", "hop_frames", "padding")}


def _explore(request: Data) -> Data:
    return {"clip": _file(request["clip"], "clip.wav"), **_hearing(request)}


def _compare(request: Data) -> Data:
    return {
        "first": _file(request["first"], "a.wav"),
        "second": _file(request["second"], "b.wav"),
        **_hearing(request),
    }


def _teach(request: Data) -> Data:
    named = [(group["name"], clip) for group in request["classes"] for clip in group["clips"]]
    return {
        "clips": [_file(clip, f"{name}-{k}.wav") for k, (name, clip) in enumerate(named, 1)],
        "labels": [name for name, _ in named],
        **_parts([clip for _, clip in named]),
        **{key: request[key] for key in ("classifier", "c", "l2", "standardise")},
        **_hearing(request),
    }


def _classify(request: Data) -> Data:
    return {
        "clip": _file(request["clip"], "clip.wav"),
        "head_id": request["head"].partition(":")[2],
    }


def _change(request: Data) -> Data:
    noise = {} if request["snr_db"] is None else {"noise_db": request["snr_db"]}
    changes = ("pitch", "rate", "telephone", "reverb_seconds", "seed")
    return {
        "clip": _file(request["clip"], "clip.wav"),
        **noise,
        **{key: request[key] for key in changes},
        **_hearing(request),
    }


def _triplet(request: Data) -> Data:
    names = ("anchor", "positive", "negative")
    return {
        **{name: _file(request[name], f"{name}.wav") for name in names},
        **_parts([request[name] for name in names]),
        "margin": request["margin"],
        **_hearing(request),
    }


def _personalise(request: Data) -> Data:
    return {key: request[key] for key in ("speaker", "resamples", "seed")} | _hearing(request)


def _train(request: Data) -> Data:
    clips = [_file(clip, f"{k}.wav") for k, clip in enumerate(request["clips"], 1)]
    return ({"clips": clips} if clips else {}) | {k: request[k] for k in ("steps", "seed")}


CALLS: dict[str, Call] = {
    "explore": ("trill_explore", _explore),
    "compare": ("trill_compare", _compare),
    "teach": ("trill_teach", _teach),
    "classify": ("trill_classify", _classify),
    "survive": ("trill_change", _change),
    "triplet": ("trill_triplet", _triplet),
    "check": ("trill_check", _hearing),
    "personalise": ("trill_personalise", _personalise),
    "train": ("trill_train", _train),
}
