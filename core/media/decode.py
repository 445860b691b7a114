"""Blocks of samples out of a file, one bounded block at a time."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from core.media.container import Damaged, MemoryFile, open_ffmpeg, packets, sound_tracks
from core.media.detect import Detected

if TYPE_CHECKING:
    from av import AudioFrame

BLOCK = 65_536  # values of all channels together; 256 KB as float32

Block = tuple[int, np.ndarray]  # sample rate in Hz, samples (n, channels) float32


def soundfile_blocks(data: bytes) -> Iterator[Block]:
    """Decode WAV, FLAC, OGG, MP3 and their kin with libsndfile.

    Raises:
        Damaged: libsndfile gave up in the middle.
    """
    import soundfile

    with soundfile.SoundFile(MemoryFile(data)) as file:
        frames = max(1, BLOCK // file.channels)
        while True:
            try:
                block = file.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise Damaged(str(error)) from error
            if not len(block):
                return
            yield file.samplerate, block


def ffmpeg_blocks(data: bytes, found: Detected, name: str) -> Iterator[Block]:
    """Decode the first sound track of anything else with FFmpeg; skips packets that are broken.

    Raises:
        Damaged: at the end, when packets were skipped, or where the file breaks off.
        InputError: it cannot be opened at all.
    """
    gathered: list[np.ndarray] = []  # frames of 20 ms are joined: each block costs the mixer 50 us
    held, rate = 0, 0
    trouble = ""
    with open_ffmpeg(data, found.demuxer, name) as container:
        frames = _frames(container)
        while True:
            try:
                frame_rate, samples = next(frames)
            except StopIteration:
                break
            except Damaged as error:
                trouble = str(error)
                break
            is_other = gathered and (frame_rate, samples.shape[1]) != (rate, gathered[0].shape[1])
            if is_other or held > BLOCK:
                yield rate, np.concatenate(gathered)
                gathered.clear()
                held = 0
            rate = frame_rate
            held += samples.size
            gathered.append(samples)
    if gathered:
        yield rate, np.concatenate(gathered)
    if trouble:
        raise Damaged(trouble)


def _frames(container: Any) -> Iterator[Block]:
    from av.error import FFmpegError

    broken = 0
    for packet in packets(container, sound_tracks(container)[0]):
        try:
            frames = packet.decode()
        except FFmpegError:
            broken += 1
            continue
        for frame in frames:
            yield frame.sample_rate, _samples(frame)
    if broken:
        raise Damaged(f"{broken} packets")


def _samples(frame: AudioFrame) -> np.ndarray:
    """Turn an FFmpeg audio frame into (n, channels) float32 in [-1, 1]."""
    samples = frame.to_ndarray()
    is_planar = frame.format.is_planar
    return to_float(samples.T if is_planar else samples.reshape(-1, frame.layout.nb_channels))


def to_float(samples: np.ndarray) -> np.ndarray:
    """Scale integers by the range of their type; floats are taken as they are.

    Args:
        samples: uint8 (silence is 128), int8, int16, int32, int64 or a float type.
    """
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128.0) / 128.0
    if np.issubdtype(samples.dtype, np.integer):
        full_scale = -float(np.iinfo(samples.dtype).min)
        return (samples / full_scale).astype(np.float32)
    with np.errstate(over="ignore"):  # beyond float32: becomes infinite and is refused as such
        return samples.astype(np.float32)


def array_blocks(sample_rate: int, samples: np.ndarray) -> Iterator[Block]:
    """Cut an array (n, channels) into blocks and convert each."""
    step = max(1, BLOCK // samples.shape[1])
    for start in range(0, len(samples), step):
        yield sample_rate, to_float(samples[start : start + step])


def missing_share(data: bytes) -> float:
    """Share of the samples that a WAV header promises and the file does not hold, 0 to 1."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return 0.0
    position = 12
    while position + 8 <= len(data):
        tag, size = struct.unpack_from("<4sI", data, position)
        position += 8
        if tag == b"data":
            held = len(data) - position
            # streamed files carry 0 or 2**32 - 1 here: no promise
            return 1 - held / size if 0 < size < 0xFFFFFF00 and held < size else 0.0
        position += size + size % 2
    return 0.0
