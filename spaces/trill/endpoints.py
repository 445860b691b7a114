"""The public endpoints of TRILL: plain functions, also MCP tools. Files come in, JSON goes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from gradio.data_classes import FileData
from gradio.events import api

from core.errors import InputError
from core.ui.errors import visitor_errors

from . import intake, requests
from .results import AnyResult, result_to_dict

Layer = Literal["layer19", "embedding"]
Padding = Literal["tile", "zero"]


def trill_explore(
    clip: FileData, layer: Layer = "embedding", hop_frames: int = 17, padding: Padding = "tile"
) -> dict:
    """Hear what TRILL hears in a recording of speech.

    Answers with the nearest shipped voices, a two-dimensional map, moments at which the voice
    changes, the log-mel spectrogram and the self-similarity matrix (as PNGs in base64).

    Args:
        clip: a recording of speech; WAV, FLAC, OGG, MP3, M4A, WebM or a video with sound.
        layer: embedding (final layer, suits distances) or layer19 (middle layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.
    """
    with visitor_errors():
        return _answer(
            requests.ExploreRequest(
                clip=_clip(clip), layer=layer, hop_frames=hop_frames, padding=padding
            )
        )


def trill_embed(
    clip: FileData,
    layer: Layer = "layer19",
    hop_frames: int = 17,
    padding: Padding = "tile",
    series: bool = False,
) -> dict:
    """Turn a recording of speech into one vector that says how it sounds.

    Args:
        clip: a recording of speech.
        layer: layer19 (middle layer, suits small classifiers) or embedding (final layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.
        series: also give the vector of every patch, with its time in seconds.
    """
    with visitor_errors():
        request = requests.ExploreRequest(
            clip=_clip(clip), layer=layer, hop_frames=hop_frames, padding=padding
        )
        result = _run(request)
        from safetensors.numpy import load

        arrays = load(result.files["embedding.safetensors"])
        vectors = arrays[layer]
        answer: dict[str, Any] = {
            "layer": layer,
            "weights": result.weights,
            "seconds": result.heard.seconds,  # type: ignore[union-attr]
            "notes": list(result.heard.notes),  # type: ignore[union-attr]
            "mean": [round(float(v), 6) for v in vectors.mean(axis=0)],
        }
        if series:
            answer["times"] = [round(float(t), 3) for t in arrays["times"]]
            answer["series"] = [[round(float(v), 5) for v in row] for row in vectors]
        return answer


def trill_compare(
    first: FileData,
    second: FileData,
    layer: Layer = "embedding",
    hop_frames: int = 17,
    padding: Padding = "tile",
) -> dict:
    """Compare how two recordings of speech sound.

    Gives the cosine for both layers, and the share of known different-voice and same-voice pairs
    that are less alike. It compares sounds, not people, and is no proof of who speaks.

    Args:
        first: a recording of speech.
        second: another one.
        layer: which layer comes first on the page: embedding or layer19; the answer holds both.
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.
    """
    with visitor_errors():
        return _answer(
            requests.CompareRequest(
                first=_clip(first),
                second=_clip(second),
                layer=layer,
                hop_frames=hop_frames,
                padding=padding,
            )
        )


def trill_teach(
    clips: list[FileData],
    labels: list[str],
    classifier: Literal["logistic", "lda", "centroid"] = "logistic",
    layer: Layer = "layer19",
    c: float = 1.0,
) -> dict:
    """Teach a small classifier your own classes from a few recordings each.

    Gives the leave-one-out accuracy with its 95 % interval, the confusion matrix, and the head as
    JSON text for `trill_classify`.

    Args:
        clips: recordings, 1 to 10 for each class.
        labels: the class of each recording, in the same order; 2 to 6 different ones.
        classifier: logistic, lda or centroid.
        layer: layer19 (middle layer) or embedding (final layer).
        c: inverse strength of the regularisation of logistic, 0.001 to 100000.
    """
    with visitor_errors():
        if not clips or len(clips) != len(labels or []):
            raise InputError(
                f"There are {len(clips or [])} clips and {len(labels or [])} labels. Each clip needs "
                "one label. Give two lists of the same length."
            )
        groups: dict[str, list[requests.Clip]] = {}
        for clip, label in zip(clips, labels, strict=True):
            groups.setdefault(str(label).strip(), []).append(_clip(clip))
        request = requests.TeachRequest(
            classes=tuple(
                requests.TeachClass(name=name, clips=tuple(members))
                for name, members in groups.items()
            ),
            classifier=classifier,
            layer=layer,
            c=c,
        )
        result = _run(request)
        return result_to_dict(result) | {"head_json": result.files["head.json"].decode()}


def trill_classify(clip: FileData, head: FileData | None = None, head_json: str = "") -> dict:
    """Ask a head made by `trill_teach` about a recording.

    Args:
        clip: a recording of speech.
        head: the head's file (JSON or safetensors); or leave it out and give `head_json`.
        head_json: the head as JSON text.
    """
    with visitor_errors():
        from . import heads
        from .lessons import keep_head

        data = head_json.encode() if head_json else _bytes(head) if head else b""
        if not data:
            raise InputError(
                "There is no head. The file or the JSON text that trill_teach gave works. Send one."
            )
        written = heads.head_to_json(heads.head_from_bytes(data))
        return _answer(
            requests.ClassifyRequest(clip=_clip(clip), head=f"sha256:{keep_head(written)}")
        )


ENDPOINTS = (trill_explore, trill_embed, trill_compare, trill_teach, trill_classify)


def register() -> None:
    """Add the endpoints to the Blocks that is open."""
    for function in ENDPOINTS:
        api(function, api_name=function.__name__, concurrency_limit=4)


def _bytes(file: Any) -> bytes:
    """The content of a file that was uploaded to this hub; no other path is ever opened.

    Raises:
        InputError: it is no upload.
    """
    from gradio.utils import get_upload_folder

    path = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
    folder = Path(get_upload_folder()).resolve()
    found = Path(str(path)).resolve() if path else None
    if found is None or not found.is_relative_to(folder) or not found.is_file():
        raise InputError(
            "A file argument is not an upload. Files sent with the call work. "
            "Use handle_file of gradio_client, or upload first."
        )
    return found.read_bytes()


def _clip(file: Any) -> requests.Clip:
    data = _bytes(file)
    name = file.get("orig_name") or "recording" if isinstance(file, dict) else "recording"
    return intake.clip_of_bytes(data, str(name))


def _run(request: requests.Request) -> AnyResult:
    from core.jobs import runner

    from .showing import work

    handle = runner().submit(work, request, method="trill", title=f"API: {request.kind}")
    return handle.result()


def _answer(request: requests.Request) -> dict[str, Any]:
    return result_to_dict(_run(request))
