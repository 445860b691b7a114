"""The sentences that tell a visitor what was done to a recording, or noticed in it."""

from __future__ import annotations

import numpy as np

from core.media.limits import in_words
from core.media.mixdown import Mixdown

_SHORT = 0.3  # seconds; under a syllable
_SILENT = 1e-4  # peak; -80 dB of full scale, three steps of 16 bits
_QUIET_DB = -50.0  # RMS; speech at a microphone lies near -30 dB
_CLIPPED = 0.002  # share of samples in flat tops before it is mentioned; codecs make a few
_WIDE_PEAK = 1.25  # decoders overshoot full scale by less than this; more is a float recording


def within_full_scale(waveform: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Bring a waveform into [-1, 1]: small overshoots are cut, wide float recordings turned down.

    Returns:
        The waveform, and a note when it was turned down.
    """
    peak = float(np.max(np.abs(waveform)))
    if peak <= _WIDE_PEAK:
        return np.clip(waveform, -1.0, 1.0), []
    turned_down = np.clip(waveform / np.float32(peak), -1.0, 1.0)
    return turned_down, [f"louder than full scale (peak {peak:.1f}): turned down to fit"]


def mix_notes(mixdown: Mixdown, loudest: int | None) -> list[str]:
    """Say what was done to channels and rate; `loudest` is the channel that was used alone."""
    notes = []
    if loudest is not None:
        notes.append(f"the channels cancel each other: channel {loudest + 1} used alone")
    elif mixdown.channels > 1:
        names = {2: "stereo"}
        what = names.get(mixdown.channels, f"{mixdown.channels} channels")
        notes.append(f"{what} mixed to mono")
    if len(mixdown.rates) > 1:
        notes.append("the sample rate changes within the file")
    rate, sample_rate = mixdown.rates[0], mixdown.sample_rate
    if rate != sample_rate:
        notes.append(f"resampled from {rate / 1000:g} kHz to {sample_rate / 1000:g} kHz")
    if rate < sample_rate:
        notes.append(f"nothing above {rate / 2000:g} kHz was recorded")
    return notes


def level_notes(waveform: np.ndarray, mixdown: Mixdown) -> list[str]:
    """Say when a recording is very short, silent, very quiet or clipped."""
    notes = []
    if mixdown.seconds < _SHORT:
        notes.append(f"very short: {in_words(mixdown.seconds)}")
    if mixdown.peak <= _SILENT:
        notes.append("silent")
        return notes
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    level = 10 * float(np.log10(max(power, 1e-12)))
    if level < _QUIET_DB:
        notes.append(f"very quiet: {level:.0f} dB of full scale on average")
    if mixdown.clipped > _CLIPPED:
        notes.append(f"clipped: {100 * mixdown.clipped:.2g} % of samples at full scale")
    return notes
