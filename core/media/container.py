"""What a file holds, read from its container without decoding it."""

from __future__ import annotations

import io
import math
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.media.detect import Detected, Kind, detect
from core.media.limits import AudioLimits, audio_limits, check_bytes

_BIT_DEPTHS = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "FLOAT": 32,
    "DOUBLE": 64,
}
_OPTIONS = {"protocol_whitelist": "none"}  # a hostile file may not name another file or address


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What a file is, from its content."""

    kind: Kind
    format: str  # "WAV", "MP4", "PNG", ...
    bytes: int
    codec: str = ""  # of the sound
    seconds: float | None = None  # of the sound; None when only decoding can tell
    sample_rate: int | None = None  # Hz
    channels: int | None = None
    bit_depth: int | None = None  # of uncompressed sound and FLAC
    has_sound: bool = False
    tracks: int = 0  # sound tracks
    width: int | None = None  # pixels of the picture track
    height: int | None = None
    fps: float | None = None


def read_bytes(source: Path | bytes, limit: int, name: str) -> bytes:
    """Return the content of `source` if it is a regular file of at most `limit` bytes.

    Raises:
        InputError: it does not exist, is no file, is empty or is too large.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        check_bytes(len(source), limit, name)
        return bytes(source)
    try:
        status = source.stat()
    except OSError as error:
        raise InputError(
            f"{name} cannot be opened ({error.strerror}). Upload the file once more."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{name} is not a file. Choose a single sound file.")
    check_bytes(status.st_size, limit, name)
    with source.open("rb") as file:
        data = file.read(limit + 1)  # the file may have grown since it was measured
    check_bytes(len(data), limit, name)
    return data


def display_name(source: Path | bytes | object, name: str) -> str:
    """What to call an input in a sentence: the given name, the file's name, or a general word."""
    if name:
        return Path(name).name[:80]
    return source.name[:80] if isinstance(source, Path) else "The recording"


def probe(source: Path | bytes, *, name: str = "") -> MediaInfo:
    """Say what a file is, how long it is and what it holds, without decoding it.

    Args:
        source: a file or its content; nothing in it is trusted.
        name: what to call it in error texts.

    Raises:
        InputError: it is empty, larger than the upload limit, or damaged beyond reading.
    """
    limits = audio_limits()
    name = display_name(source, name)
    return probe_data(read_bytes(source, limits.max_bytes, name), limits, name)


def probe_data(data: bytes, limits: AudioLimits, name: str) -> MediaInfo:
    """Do what `probe` does, for content that was read already."""
    found = detect(data)
    info = MediaInfo(kind=found.kind, format=found.format, bytes=len(data))
    if found.soundfile and (sound := _probe_soundfile(data, info)) is not None:
        return sound
    if found.demuxer:
        return _probe_ffmpeg(data, found, info, limits, name)
    return info


class MemoryFile(io.BytesIO):
    """Content for libsndfile, which seeks before the start in damaged files."""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Stay where it is when the target lies before the start; an error would be printed."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _probe_soundfile(data: bytes, info: MediaInfo) -> MediaInfo | None:
    import soundfile

    try:
        with soundfile.SoundFile(MemoryFile(data)) as file:
            frames, rate = file.frames, file.samplerate
            is_known = 0 <= frames < 2**62 and rate > 0  # a stream of unknown length has 2**63 - 1
            return replace(
                info,
                codec=file.subtype,
                seconds=frames / rate if is_known else None,
                sample_rate=rate,
                channels=file.channels,
                bit_depth=_BIT_DEPTHS.get(file.subtype),
                has_sound=True,
                tracks=1,
            )
    except soundfile.LibsndfileError:
        return None


@contextmanager
def open_ffmpeg(data: bytes, demuxer: str, name: str) -> Iterator[Any]:
    """Open content with one named FFmpeg reader; FFmpeg never chooses the reader itself.

    Raises:
        InputError: the content is damaged, also when that shows only inside the `with` block.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(
            io.BytesIO(data), format=demuxer, options=_OPTIONS, metadata_errors="replace"
        ) as container:
            yield container
    except (FFmpegError, UnicodeDecodeError) as error:
        raise InputError(
            f"{name} is damaged or cut off and cannot be read. "
            "WAV, FLAC, OGG, MP3, M4A and WebM work. Save it again and upload the new file."
        ) from error


def _probe_ffmpeg(
    data: bytes, found: Detected, info: MediaInfo, limits: AudioLimits, name: str
) -> MediaInfo:
    with open_ffmpeg(data, found.demuxer, name) as container:
        pictures = [s for s in container.streams.video if s.codec_context and not _is_cover(s)]
        tracks = sound_tracks(container)
        kind: Kind = "video" if pictures else "audio"
        info = replace(info, kind=kind)
        if pictures:
            stream = pictures[0]
            info = replace(
                info,
                width=stream.codec_context.width,
                height=stream.codec_context.height,
                fps=float(stream.average_rate) if stream.average_rate else None,
            )
        if not tracks:
            return info
        stream = tracks[0]
        return replace(
            info,
            codec=stream.codec_context.name,
            sample_rate=stream.codec_context.sample_rate or None,
            channels=stream.codec_context.layout.nb_channels or None,
            has_sound=True,
            tracks=len(tracks),
            seconds=_seconds(container, stream, limits.max_seconds),
        )


class Damaged(Exception):
    """Reading stopped before the end; what came before it can be used."""


def packets(container: Any, stream: Any) -> Iterator[Any]:
    """The packets of one track.

    Raises:
        Damaged: the file breaks off, or names tracks that it does not have.
    """
    from av.error import FFmpegError

    try:
        yield from container.demux(stream)
    except (FFmpegError, IndexError) as error:  # PyAV counts the tracks once, at the start
        raise Damaged(str(error)) from error


def sound_tracks(container: Any) -> list[Any]:
    """Sound tracks of an open container that have a decoder; damaged files have some without."""
    return [stream for stream in container.streams.audio if stream.codec_context]


def _is_cover(stream: Any) -> bool:
    return "attached_pic" in (stream.disposition.name or "")


def _seconds(container: Any, stream: Any, until: float) -> float | None:
    """Length by header and by time stamps, whichever is more; stops counting beyond `until`.

    Recordings of a browser carry no length, and a header may lie; reading the time stamps costs
    a hundredth of decoding.
    """
    import av

    declared = 0.0
    if stream.duration and stream.time_base:
        declared = float(stream.duration * stream.time_base)
    elif container.duration:
        declared = container.duration / av.time_base
    if declared > until:
        return declared
    first, last = math.inf, 0.0
    try:
        for packet in packets(container, stream):
            if packet.pts is None or packet.time_base is None:
                continue
            start = float(packet.pts * packet.time_base)
            first = min(first, start)
            last = max(last, start + float((packet.duration or 0) * packet.time_base))
            if last - min(first, last) > until:
                break
    except Damaged:
        pass  # a cut-off file: what was counted so far is what can be read
    counted = last - first if math.isfinite(first) else 0.0
    return max(declared, counted) or None
