"""A recording from outside, as a mono waveform, with a note for everything that was done to it.

Files are probed before they are decoded, decoded block by block, mixed and resampled on the way,
so that memory stays near the size of the result whatever the file claims. Nothing is repaired in
silence: `Audio.notes` says what was changed or noticed. Levels are never normalised.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.media.container import Damaged, MediaInfo, display_name, probe_data, read_bytes
from core.media.decode import (
    Block,
    array_blocks,
    ffmpeg_blocks,
    missing_share,
    soundfile_blocks,
)
from core.media.detect import detect
from core.media.limits import (
    AudioLimits,
    audio_limits,
    check_format,
    check_seconds,
    in_words,
)
from core.media.mixdown import Mixdown
from core.media.notes import level_notes, mix_notes, within_full_scale
from core.media.writing import encode, waveform_peaks

__all__ = ["Audio", "AudioInfo", "encode", "load", "waveform_peaks"]

Decoder = Callable[[], Iterator[Block]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """What a recording was before it was converted."""

    format: str
    codec: str
    sample_rate: int  # Hz
    channels: int
    seconds: float  # as decoded
    bit_depth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audio:
    """A mono recording, ready for a model."""

    waveform: np.ndarray  # (T,) float32 in [-1, 1]
    sample_rate: int  # Hz
    seconds: float
    source: AudioInfo
    notes: tuple[str, ...] = ()

    @property
    def level_db(self) -> float:
        """Root mean square in dB of full scale, at least -120."""
        power = float(np.mean(np.square(self.waveform, dtype=np.float64)))
        return 10 * float(np.log10(max(power, 1e-12)))


def load(
    source: Path | bytes | tuple[int, np.ndarray],
    *,
    sample_rate: int = 16_000,
    max_seconds: float | None = None,
    name: str = "",
) -> Audio:
    """Read a recording of any usual format as mono at `sample_rate`.

    Args:
        source: a file, its content, or (sample rate, array) as Gradio's microphone gives it;
            arrays are (n,) or (n, channels) of integers or floats.
        sample_rate: rate of the result in Hz.
        max_seconds: longest recording accepted; the installation's limit when None.
        name: what to call it in error texts; the file's name when empty.

    Returns:
        The recording with notes such as "stereo mixed to mono".

    Raises:
        InputError: it cannot be used; the text says why and what to do.
    """
    limits = audio_limits(max_seconds)
    name = display_name(source, name)
    if source is None:
        raise InputError(
            "There is no recording. A few seconds of sound are needed. Record or upload some."
        )
    if isinstance(source, tuple):
        return _load_array(source, sample_rate, limits, name)
    if not isinstance(source, Path | bytes):
        raise TypeError(
            f"source must be a Path, bytes or (rate, array), not {type(source).__name__}"
        )
    data = read_bytes(source, limits.max_bytes, name)
    info = probe_data(data, limits, name)
    notes = _check_kind(info, name)
    if info.sample_rate is not None:
        check_format(info.sample_rate, info.channels or 1, limits, name)
    if info.seconds is not None:
        check_seconds(info.seconds, limits.max_seconds, name)
    described = AudioInfo(
        format=info.format,
        codec=info.codec,
        sample_rate=info.sample_rate or 0,
        channels=info.channels or 0,
        seconds=0.0,
        bit_depth=info.bit_depth,
    )
    decoders = _decoders(data, info, name)
    audio = _convert(decoders, described, info.seconds, sample_rate, limits, name, notes)
    return _note_missing(audio, info, missing_share(data))


def _decoders(data: bytes, info: MediaInfo, name: str) -> list[Decoder]:
    """Libsndfile first where it can open the file; FFmpeg else, or when that breaks off."""
    found = detect(data)
    decoders: list[Decoder] = []
    if found.soundfile and info.codec.isupper():  # FFmpeg's codec names are in small letters
        decoders.append(lambda: soundfile_blocks(data))
    if found.demuxer:
        decoders.append(lambda: ffmpeg_blocks(data, found, name))
    return decoders


def _check_kind(info: MediaInfo, name: str) -> list[str]:
    """Refuse what holds no sound; say which part of a video is used."""
    if info.kind == "video" and not info.has_sound:
        raise InputError(
            f"{name} is a video without a sound track. A recording with sound is needed. "
            "Choose another file or record your voice."
        )
    if not info.has_sound:
        what = {
            "image": f"a picture ({info.format})",
            "text": "a text file, whatever its name says",
            "archive": f"an archive ({info.format})",
            "document": f"a document ({info.format})",
            "audio": "a sound file without any sound track",
        }.get(info.kind, "of a type that is not known here")
        raise InputError(
            f"{name} is {what}. WAV, FLAC, OGG, MP3, M4A, WebM and videos with sound work. "
            "Choose a recording."
        )
    notes = []
    if info.kind == "video":
        size = f", {info.width}x{info.height}" if info.width and info.height else ""
        notes.append(f"sound track of a video ({info.format}{size})")
    if info.tracks > 1:
        notes.append(f"first of {info.tracks} sound tracks")
    return notes


def _load_array(source: tuple[Any, ...], sample_rate: int, limits: AudioLimits, name: str) -> Audio:
    """Read what Gradio's audio component gives with `type="numpy"`."""
    if len(source) != 2 or not isinstance(source[1], np.ndarray) or isinstance(source[0], bool):
        raise InputError(
            f"{name} did not arrive as (sample rate, samples). Record it again or upload a file."
        )
    try:
        rate = operator.index(source[0])
    except TypeError:
        raise InputError(
            f"{name} came with the sample rate {source[0]!r}; a whole number of Hz is needed. "
            "Use 16000 if unsure."
        ) from None
    samples, notes = _as_frames(source[1], name)
    check_format(rate, samples.shape[1], limits, name)
    check_seconds(len(samples) / rate, limits.max_seconds, name)
    described = AudioInfo(
        format="array",
        codec=str(samples.dtype),
        sample_rate=rate,
        channels=samples.shape[1],
        seconds=0.0,
        bit_depth=samples.dtype.itemsize * 8,
    )
    decoders: list[Decoder] = [lambda: array_blocks(rate, samples)]
    return _convert(decoders, described, None, sample_rate, limits, name, notes)


def _as_frames(samples: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Return samples as (n, channels) and a note when the axes were swapped."""
    kind = samples.dtype.kind
    if kind not in "iuf" or (kind == "u" and samples.dtype.itemsize > 1):
        raise InputError(
            f"{name} has samples of type {samples.dtype}; int16, int32 and float32 work. "
            "Convert the array."
        )
    if samples.ndim not in (1, 2):
        raise InputError(
            f"{name} has the shape {samples.shape}; (samples,) and (samples, channels) work. "
            "Reshape the array."
        )
    if samples.size == 0:
        raise InputError(
            f"{name} holds no sound (0 samples). At least 0.02 s is needed. Record it again."
        )
    if samples.ndim == 1:
        return samples[:, None], []
    if samples.shape[0] <= 16 < samples.shape[1]:
        return samples.T, ["channels came before samples and were swapped"]
    return samples, []


def _convert(
    decoders: list[Decoder],
    described: AudioInfo,
    promised: float | None,
    sample_rate: int,
    limits: AudioLimits,
    name: str,
    notes: list[str],
) -> Audio:
    """Decode, mix and resample; decode a second time when the channels cancel out."""

    def mix(channel: int | None = None) -> tuple[Mixdown, bool]:
        def start() -> Mixdown:
            return Mixdown(sample_rate, limits, name, described.bit_depth, channel)

        return _decode(decoders, start, promised, limits.min_seconds)

    mixdown, is_damaged = mix()
    loudest = mixdown.loudest_if_cancelled()
    if loudest is not None:
        mixdown, is_damaged = mix(loudest)
    if mixdown.seconds < limits.min_seconds:
        raise InputError(
            f"{name} holds {in_words(mixdown.seconds)} of sound; at least "
            f"{in_words(limits.min_seconds)} is needed. Record a little more."
        )
    waveform = mixdown.finish()
    described = replace(
        described,
        seconds=mixdown.seconds,
        sample_rate=mixdown.rates[0],
        channels=mixdown.channels,
    )
    notes = notes + mix_notes(mixdown, loudest)
    if is_damaged:
        notes.append(f"damaged file: {in_words(mixdown.seconds)} could be read")
    waveform, turned_down = within_full_scale(waveform)
    notes += turned_down + level_notes(waveform, mixdown)
    waveform.setflags(write=False)
    return Audio(
        waveform=waveform,
        sample_rate=sample_rate,
        seconds=len(waveform) / sample_rate,
        source=described,
        notes=tuple(notes),
    )


def _decode(
    decoders: list[Decoder], start: Callable[[], Mixdown], promised: float | None, least: float
) -> tuple[Mixdown, bool]:
    """Return the first complete result of the decoders, or else the longest, and if it is damaged."""
    best: Mixdown | None = None
    is_damaged = False
    for blocks in decoders:
        mixdown, is_broken = start(), False
        try:
            for rate, block in blocks():
                mixdown.add(rate, block)
        except Damaged:
            is_broken = True
        except InputError:
            if best is None or best.seconds < least:
                raise
            continue
        is_whole = mixdown.seconds >= max(least, 0.98 * (promised or 0.0) - 0.2)
        if is_whole and not is_broken:
            return mixdown, False
        if best is None or mixdown.seconds > best.seconds:
            best, is_damaged = mixdown, is_broken
    assert best is not None  # there is at least one decoder for whatever has sound
    return best, is_damaged


def _note_missing(audio: Audio, info: MediaInfo, missing: float) -> Audio:
    """Say when a file holds less than its header promises."""
    read = audio.source.seconds
    promised = read / (1 - missing) if 0 < missing < 1 else info.seconds or 0.0
    is_told = any(note.startswith("damaged") for note in audio.notes)
    if is_told or promised - read <= max(0.2, 0.02 * promised):
        return audio
    note = f"cut-off file: {in_words(read)} of {in_words(promised)} could be read"
    return replace(audio, notes=(*audio.notes, note))
