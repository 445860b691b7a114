"""How large an upload may be, and the sentences that say so."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core import settings
from core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLimits:
    """What a recording may be at most before it is decoded."""

    max_bytes: int
    max_seconds: float
    min_seconds: float = 0.02  # below one analysis window (25 ms) nothing can be heard
    min_rate: int = 4_000  # Hz; telephone speech is 8 kHz
    max_rate: int = 384_000  # Hz; the highest rate of sound cards
    max_channels: int = 16  # libsndfile would allow 1024
    max_decode_seconds: float = 60.0  # of our own time, so that no file can hold a worker


def audio_limits(max_seconds: float | None = None) -> AudioLimits:
    """Return the limits of this installation, with a caller's own length limit if it has one."""
    chosen = settings.current()
    return AudioLimits(
        max_bytes=chosen.max_upload_bytes,
        max_seconds=chosen.max_audio_seconds if max_seconds is None else max_seconds,
    )


def in_words(seconds: float) -> str:
    """Write a length for a reader: `0.10 s`, `12.5 s`, `10 min`, `2 h 5 min`."""
    if not math.isfinite(seconds):
        return "an unknown time"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")


def size_in_words(size: int) -> str:
    """Write a size for a reader: `812 bytes`, `3.4 MB`, `50 MB`."""
    if size < 1000:
        return f"{size} bytes"
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


def check_bytes(size: int, limit: int, name: str) -> None:
    """Refuse an empty or oversized file.

    Raises:
        InputError: `size` is 0 or more than `limit` bytes.
    """
    if size == 0:
        raise InputError(
            f"{name} is empty (0 bytes). A file with content is needed. Choose another file."
        )
    if size > limit:
        raise InputError(
            f"{name} has {size_in_words(size)}; at most {size_in_words(limit)} can be read. "
            "Choose a shorter or compressed file."
        )


def check_seconds(seconds: float, limit: float, name: str) -> None:
    """Refuse a recording that is longer than `limit` seconds.

    Raises:
        InputError: it is longer.
    """
    if seconds > limit:
        raise InputError(
            f"{name} is {in_words(seconds)} long; at most {in_words(limit)} can be read. "
            "Cut out the part you care about."
        )


def check_format(sample_rate: float, channels: int, limits: AudioLimits, name: str) -> None:
    """Refuse sample rates and channel counts that no recording has.

    Raises:
        InputError: the rate or the number of channels is out of range.
    """
    if not limits.min_rate <= sample_rate <= limits.max_rate:
        raise InputError(
            f"{name} has {sample_rate:g} samples a second; rates from {limits.min_rate // 1000} kHz "
            f"to {limits.max_rate // 1000} kHz can be read. Save it at 16 kHz or 48 kHz."
        )
    if not 1 <= channels <= limits.max_channels:
        raise InputError(
            f"{name} has {channels} channels; 1 to {limits.max_channels} can be read. "
            "Save it as mono or stereo."
        )
