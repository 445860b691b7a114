"""From a clip of a request to what the net hears in it: bytes, waveform, vectors."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import settings
from core.errors import InputError, WeightsError
from core.jobs import Job

from . import gallery
from .requests import MAX_CLIP_SECONDS, ClassifyRequest, Clip, Hearing
from .results import Heard, Picture

SAMPLE_RATE = 16_000
_PEAKS = 240  # bars of a drawn waveform
_PATCHES_AT_ONCE = 48  # about 8 s of sound between two questions whether to stop
_PATCH_SAMPLES = 95 * 160 + 400  # samples under the 96 frames of one patch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """A clip as a waveform, (T,) float32 at 16 kHz in [-1, 1], with what is known of it."""

    waveform: np.ndarray
    heard: Heard


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vectors:
    """What the net says of a clip, patch by patch."""

    embedding: np.ndarray  # (P, D) float32
    layer19: np.ndarray  # (P, D2) float32
    times: np.ndarray  # (P,) centre of each patch, seconds
    log_mel: np.ndarray  # (F, 64), nats

    @property
    def nbytes(self) -> int:
        """Bytes of the four arrays."""
        return self.embedding.nbytes + self.layer19.nbytes + self.times.nbytes + self.log_mel.nbytes

    def layer(self, name: str) -> np.ndarray:
        """The vectors of one of the two layers, (P, D)."""
        return self.embedding if name == "embedding" else self.layer19

    def mean(self, name: str) -> np.ndarray:
        """The clip as one vector: the mean over its patches, (D,)."""
        return self.layer(name).mean(axis=0)


def clip_bytes(clip: Clip) -> bytes:
    """The file behind a clip: a shipped example, or an upload in the run store.

    Raises:
        NotFoundError: there is no such example or upload (any more).
    """
    kind, _, name = clip.source.partition(":")
    if kind == "example":
        return gallery.example_bytes(name)
    from core.runs import store

    return store().get_input(name)


def open_clip(clip: Clip) -> Sound:
    """Decode a clip, cut it, and describe it.

    Raises:
        InputError: the sound cannot be used, or the cut lies outside of it.
    """
    from core.media import audio

    known = clip.source.partition(":")[2]
    name = clip.name or (
        gallery.example(known).title if clip.source.startswith("example:") else "The clip"
    )
    loaded = audio.load(clip_bytes(clip), sample_rate=SAMPLE_RATE, name=name)
    notes = list(loaded.notes)
    waveform = _cut(loaded.waveform, clip, name)
    if len(waveform) > MAX_CLIP_SECONDS * SAMPLE_RATE:
        waveform = waveform[: int(MAX_CLIP_SECONDS * SAMPLE_RATE)]
        notes.append(f"only the first {MAX_CLIP_SECONDS:.0f} s are heard")
    elif len(waveform) < SAMPLE_RATE:
        notes.append("under one second: filled up to the second that the net needs")
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    peak = float(np.max(np.abs(waveform)))
    heard = Heard(
        name=name,
        source=clip.source,
        seconds=round(len(waveform) / SAMPLE_RATE, 3),
        format=loaded.source.format,
        codec=loaded.source.codec,
        sample_rate=loaded.source.sample_rate,
        channels=loaded.source.channels,
        level_db=round(10 * float(np.log10(max(power, 1e-12))), 1),
        peak_db=round(20 * float(np.log10(max(peak, 1e-6))), 1),
        notes=tuple(notes),
        peaks=tuple(round(float(p), 3) for p in _peaks(waveform)),
    )
    return Sound(waveform=waveform, heard=heard)


def _cut(waveform: np.ndarray, clip: Clip, name: str) -> np.ndarray:
    if clip.start == 0 and clip.end is None:
        return waveform
    seconds = len(waveform) / SAMPLE_RATE
    end = seconds if clip.end is None else min(clip.end, seconds)
    part = waveform[round(clip.start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    if len(part) < SAMPLE_RATE // 10:
        raise InputError(
            f"{name} lasts {seconds:.1f} s, and the cut from {clip.start:g} s leaves "
            f"{max(0.0, end - clip.start):.2f} s of it. At least 0.1 s is needed. "
            "Choose a cut inside the clip."
        )
    return part


def _peaks(waveform: np.ndarray) -> np.ndarray:
    bins = max(1, min(_PEAKS, len(waveform) // 80))
    edges = np.linspace(0, len(waveform), bins + 1).astype(int)[:-1]
    return np.maximum.reduceat(np.abs(waveform), edges)


@contextmanager
def embedder(job: Job, request: Hearing | ClassifyRequest) -> Iterator[Any]:
    """Borrow the net of a tier from the cache for the length of the block.

    Yields:
        The `Embedder`; its net is shared and may not be changed.
    """
    from core.cache import cache
    from core.cache.embedded import module_spec

    from . import embed

    folder = weights_folder(request.tier)
    info = embed.read_config(folder)
    job.report(0.0, "Fetching the net")
    spec = module_spec(f"trill {request.tier}", folder, embed.build)
    with cache().acquire(spec, cancel=job.cancel_event) as lease:
        yield embed.Embedder(lease.obj, info=info)


def full_folder() -> Path:
    """Where the full tier's weights lie: `weights/trill` of the data directory."""
    return settings.current().data_dir / "weights" / "trill"


def weights_folder(tier: str) -> Path:
    """Where the weights of a tier lie: in the repository, or in the data directory.

    Raises:
        WeightsError: the full tier has no weights on this machine yet.
    """
    if tier == "embedded":
        return Path(__file__).parent / "weights"
    folder = full_folder()
    if not (folder / "config.json").is_file():
        raise WeightsError(
            "ResNetish-50 has no weights on this machine. Its config.json and model.safetensors "
            "belong into weights/trill of the data directory. Make them with the gpu preset, "
            "“python app.py train trill --preset gpu”, or choose the small net."
        )
    return folder


def hear(
    job: Job,
    net: Any,
    waveform: np.ndarray,
    request: Hearing,
    *,
    share: tuple[float, float] = (0.0, 1.0),
    text: str = "Listening",
) -> Vectors:
    """Embed a waveform, asking between pieces whether the job shall stop.

    Pieces start at multiples of the patch hop, so that the patches are those of one long pass.

    Args:
        job: asked and told.
        net: the `Embedder`.
        waveform: (T,) at 16 kHz.
        request: hop and padding.
        share: part of the job's progress that this call covers.
        text: what the progress line says.
    """
    hop = request.hop_frames * 160
    count = max(0, len(waveform) - _PATCH_SAMPLES) // hop + 1
    parts = []
    for first in range(0, count, _PATCHES_AT_ONCE):
        job.report(share[0] + (share[1] - share[0]) * first / count, text)
        last = min(first + _PATCHES_AT_ONCE, count)
        stop = None if last == count else (last - 1) * hop + _PATCH_SAMPLES
        piece = np.array(waveform[first * hop : stop])  # torch wants memory it may write to
        got = net.embed(piece, hop_frames=request.hop_frames, padding=request.padding)
        keep = None if last == count else (last - first) * request.hop_frames
        parts.append(
            (
                _array(got.embedding),
                _array(got.layer19),
                _array(got.times) + first * hop / SAMPLE_RATE,
                _array(got.log_mel)[:keep],
            )
        )
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Vectors(embedding=joined[0], layer19=joined[1], times=joined[2], log_mel=joined[3])


def _array(value: Any) -> np.ndarray:
    return value if isinstance(value, np.ndarray) else value.detach().cpu().numpy()


_kept: OrderedDict[tuple[str, ...], Vectors] = OrderedDict()
_kept_lock = threading.Lock()
_KEPT_BYTES = 48 * 2**20  # of short clips: lessons and the shipped examples


def hear_clip(
    job: Job,
    net: Any,
    clip: Clip,
    request: Hearing,
    *,
    share: tuple[float, float] = (0.0, 1.0),
    text: str = "Listening",
) -> Vectors:
    """Like `hear` for a clip; short clips are remembered, so that a lesson can be changed quickly."""
    key = (
        f"{net.name} {weights_id(net)}",
        clip.source,
        f"{clip.start}-{clip.end}",
        str(request.hop_frames),
        request.padding,
    )
    with _kept_lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
    if found is not None:
        job.report(share[1], text)
        return found
    vectors = hear(job, net, open_clip(clip).waveform, request, share=share, text=text)
    if len(vectors.times) <= 64:
        with _kept_lock:
            _kept[key] = vectors
            while sum(v.nbytes for v in _kept.values()) > _KEPT_BYTES:
                _kept.popitem(last=False)
    return vectors


def gallery_vectors(
    job: Job, net: Any, request: Hearing, *, share: tuple[float, float] = (0.0, 1.0)
) -> dict[str, Vectors]:
    """Vectors of the shipped clips that stand on the map, by example id."""
    found = {}
    clips = gallery.on_the_map()
    for index, clip in enumerate(clips):
        assert clip.gallery is not None
        start, end = clip.gallery
        part = Clip(source=f"example:{clip.id}", start=start, end=end)
        low = share[0] + (share[1] - share[0]) * index / len(clips)
        high = share[0] + (share[1] - share[0]) * (index + 1) / len(clips)
        found[clip.id] = hear_clip(
            job, net, part, request, share=(low, high), text="Listening to the examples"
        )
    return found


def gallery_means(
    job: Job, net: Any, request: Hearing, *, share: tuple[float, float] = (0.0, 1.0)
) -> dict[str, np.ndarray]:
    """Mean vectors of the shipped clips that stand on the map, by example id."""
    found = gallery_vectors(job, net, request, share=share)
    return {name: vectors.mean(request.layer) for name, vectors in found.items()}


def weights_id(net: Any) -> str:
    """A short name of the weights, for results and heads: the start of their sha256."""
    return str(net.info.get("sha256", {}).get("model.safetensors", "unknown"))[:12]


def unit(x: np.ndarray) -> np.ndarray:
    """Put vectors on the unit sphere, in float64, (..., D)."""
    x = np.asarray(x, np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two vectors, (D,) each, in [-1, 1]."""
    return float(np.clip(unit(a) @ unit(b), -1.0, 1.0))


def squared_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared distance on the unit sphere: 2 - 2 cos, from 0 to 4."""
    return 2.0 - 2.0 * cosine(a, b)


# Dark to bright in even steps of lightness, so that it also reads in grey and on both grounds.
_COLOURS = ("#0b1f2a", "#0f4a52", "#1f7a6d", "#79a34e", "#e6c34a", "#fff3c4")


def _palette() -> bytes:
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in _COLOURS], float)
    at = np.linspace(0, len(stops) - 1, 256)
    columns = [np.interp(at, np.arange(len(stops)), stops[:, k]) for k in range(3)]
    return np.round(np.stack(columns, axis=1)).astype(np.uint8).tobytes()


def shade(matrix: np.ndarray, low: float, high: float) -> Picture:
    """Write a matrix as a PNG from dark (`low`) to bright (`high`), row 0 on top."""
    from PIL import Image

    scaled = np.clip((matrix - low) / max(high - low, 1e-9), 0, 1)
    image = Image.fromarray(np.round(scaled * 255).astype(np.uint8))
    image.putpalette(_palette())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return Picture(
        png=base64.b64encode(file.getvalue()).decode(),
        rows=matrix.shape[0],
        columns=matrix.shape[1],
        low=round(float(low), 3),
        high=round(float(high), 3),
    )


def pool(matrix: np.ndarray, rows: int) -> np.ndarray:
    """Average neighbouring rows until at most `rows` are left, (N, D) to (<= rows, D)."""
    if len(matrix) <= rows:
        return matrix
    edges = np.linspace(0, len(matrix), rows + 1).astype(int)
    counts = np.diff(edges)[:, None]
    return np.add.reduceat(matrix, edges[:-1], axis=0) / counts


def content_hash(data: bytes) -> str:
    """The sha256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
