"""The public endpoints of TRILL that learn: own classes, asking a taught head, own weights."""

from __future__ import annotations

from typing import Any, Literal

from gradio.data_classes import FileData

from core.errors import InputError
from core.ui.calls import example, received

from . import requests
from .config import Layer, Padding
from .endpoint_parts import CALLS, take, take_parts

MAX_STEPS = 2000  # as on the page; the command line trains longer

_MOODS = ("anger", "neutral")
_LESSON = [(f"actor-13-{mood}-{k}", mood) for mood in _MOODS for k in (1, 2)]


@CALLS.endpoint(
    example={
        "clips": [example(name) for name, _ in _LESSON],
        "labels": [label for _, label in _LESSON],
    }
)
def trill_teach(
    clips: list[FileData],
    labels: list[str],
    parts: list[str] | None = None,
    classifier: Literal["logistic", "lda", "centroid"] = "logistic",
    c: float = 1.0,
    l2: bool = True,
    standardise: bool = True,
    layer: Layer = "layer19",
    hop_frames: int = 17,
    padding: Padding = "tile",
) -> requests.TeachRequest:
    """Teach a small classifier your own classes from a few recordings each.

    Gives the leave-one-out accuracy with its 95 % interval and the confusion matrix. The head is
    among the files of the run; `trill_classify` takes the file, its address or its id.

    Args:
        clips: recordings, 1 to 10 for each class.
        labels: the class of each recording, in the same order; 2 to 6 different ones.
        parts: what to hear of each recording, in seconds, such as 1.5-3.0; "" for all.
        classifier: logistic, lda or centroid.
        c: inverse strength of the regularisation of logistic, 0.001 to 100000.
        l2: put every clip on the unit sphere first.
        standardise: divide by the spread of the shipped examples first.
        layer: layer19 (middle layer) or embedding (final layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.

    Returns:
        kind: always teach.
        weights: first 12 digits of the sha256 of the weights that answered.
        classes: the labels in the order of the answers.
        counts: recordings of each class.
        classifier: the one that was asked for.
        layer: the layer that was learnt from.
        clips: each recording: truth, answer and probability of a head that never heard it, x, y.
        confusion: rows are the truth, columns the answers.
        accuracy: share right, leaving one recording out at a time.
        interval: of the accuracy, 95 %.
        chance: share right of always answering the largest class.
        notes: what limits the lesson.
        head: id of the head, for trill_classify.
    """
    if not clips or len(clips) != len(labels or []):
        raise InputError(
            f"There are {len(clips or [])} clips and {len(labels or [])} labels. Each clip needs "
            "one label. Give two lists of the same length."
        )
    groups: dict[str, list[requests.Clip]] = {}
    for clip, label in zip(take_parts(clips, parts), labels, strict=True):
        groups.setdefault(str(label).strip(), []).append(clip)
    return requests.TeachRequest(
        classes=tuple(
            requests.TeachClass(name=name, clips=tuple(members)) for name, members in groups.items()
        ),
        classifier=classifier,
        c=c,
        l2=l2,
        standardise=standardise,
        layer=layer,
        hop_frames=hop_frames,
        padding=padding,
    )


@CALLS.endpoint(example={"clip": example("actor-11-anger-1"), "head": example("head", "head.json")})
def trill_classify(
    clip: FileData, head: FileData | None = None, head_json: str = "", head_id: str = ""
) -> requests.ClassifyRequest:
    """Ask a head made by `trill_teach` about a recording.

    Args:
        clip: a recording of speech.
        head: the head's file (JSON or safetensors), one of the files that trill_teach names.
        head_json: or the head as JSON text.
        head_id: or the head's id, which trill_teach calls head, while its run is kept.

    Returns:
        kind: always classify.
        weights: first 12 digits of the sha256 of the weights that answered.
        heard: what is known of the recording: seconds, format, level_db, notes, ...
        classes: the labels in the order of the probabilities.
        probabilities: of each class, for the whole recording.
        times: centres of the moments, in seconds.
        series: for each moment, the probability of each class.
    """
    return requests.ClassifyRequest(
        clip=take(clip), head=f"sha256:{_head(head, head_json, head_id)}"
    )


@CALLS.endpoint(
    example={"steps": 10},
    command="train trill --preset smoke --out weights",
    heavy=True,
    grad=True,
)
def trill_train(
    clips: list[FileData] | None = None, steps: int = 60, seed: int = 20, resume: bool = True
) -> requests.TrainRequest:
    """Train the small net on your own recordings, or on procedural voices, and get the weights.

    Takes seconds to minutes: follow the progress, and cancel or hang up to stop it. The weights
    (model.safetensors, config.json) are files of the run.

    Args:
        clips: at least 4 recordings, up to 60; leave them out for procedural voices.
        steps: of the optimiser, 10 to 2000.
        seed: of the draws.
        resume: go on from the last checkpoint of the same recordings and seed.

    Returns:
        kind: always train.
        weights: first 12 digits of the sha256 of your weights.
        num_clips: how many recordings were learnt from; 0 means procedural voices.
        steps: the number that was asked for.
        points: of the curve: step, loss, top1, spread.
    """
    if not 10 <= steps <= MAX_STEPS:
        raise InputError(
            f"steps is {steps}. A call trains 10 to {MAX_STEPS} steps. Choose fewer, or use "
            "python app.py train trill for more."
        )
    return requests.TrainRequest(
        clips=tuple(take(clip) for clip in clips or []), steps=steps, seed=seed, resume=resume
    )


def _head(head: Any, head_json: str, head_id: str) -> str:
    """The sha256 of a head in the input store."""
    from core.errors import NotFoundError
    from core.runs import store

    from . import heads
    from .lessons import keep_head

    data = head_json.encode() if head_json else received(head).data if head else b""
    if head_id and not data:
        try:
            data = store().get_input(head_id.strip().removeprefix("sha256:"))
        except (NotFoundError, ValueError):
            raise InputError(
                f"There is no head {head_id[:80]!r}, or no longer. The id that trill_teach calls "
                "head works while its run is kept. Teach again, or send the file."
            ) from None
    if not data:
        raise InputError(
            "There is no head. The file, the JSON text or the id that trill_teach gave works. "
            "Send one."
        )
    return keep_head(heads.head_to_json(heads.head_from_bytes(data)))
