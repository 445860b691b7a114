"""A waveform out again: as a file, and as the outline that pages draw."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np


def encode(
    waveform: np.ndarray, sample_rate: int, format: Literal["flac", "wav"] = "flac"
) -> bytes:
    """Write a waveform as a 16-bit FLAC or WAV file; the same samples give the same bytes.

    Args:
        waveform: (T,) or (T, channels) floats in [-1, 1]; what lies outside is cut.
        sample_rate: in Hz.
        format: FLAC is half the size, WAV is read by everything.

    Raises:
        ValueError: not a waveform, values that are not numbers, or an unknown format.
    """
    import soundfile

    samples = np.asarray(waveform)
    if samples.ndim not in (1, 2) or samples.dtype.kind != "f" or samples.size == 0:
        raise ValueError(f"a float waveform (T,) is needed, not {samples.dtype} {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValueError("the waveform holds values that are not numbers")
    if format not in ("flac", "wav"):
        raise ValueError(f"format {format!r} is unknown; use flac or wav")
    # rounded here, since libsndfile scales floats by 32767 and reads them back by 32768
    whole = np.clip(np.round(samples.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)
    target = io.BytesIO()
    soundfile.write(target, whole, sample_rate, format=format.upper(), subtype="PCM_16")
    return target.getvalue()


def waveform_peaks(waveform: np.ndarray, bins: int) -> np.ndarray:
    """Return the lowest and highest sample in each of `bins` equal stretches, for drawing.

    Args:
        waveform: (T,) samples.
        bins: number of stretches; with fewer samples than bins each sample is repeated.

    Returns:
        (bins, 2) float32, lowest before highest; zeros for an empty waveform.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    if waveform.size == 0:
        return np.zeros((bins, 2), np.float32)
    edges = np.arange(bins) * waveform.size // bins
    low = np.minimum.reduceat(waveform, edges)
    high = np.maximum.reduceat(waveform, edges)
    return np.stack([low, high], axis=1).astype(np.float32)
