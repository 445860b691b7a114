"""Changes of a sound that keep its words: pitch, rate, noise, telephone, reverberation.

Pure functions on float32 waveforms of shape (T,) in [-1, 1]; noise comes from a given generator.
"""

from __future__ import annotations

import numpy as np

_FFT = 1024  # 64 ms at 16 kHz: long enough for a low voice
_HOP = _FFT // 4


def _stft(waveform: np.ndarray) -> np.ndarray:
    padded = np.pad(waveform, (_FFT // 2, _FFT // 2 + _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    return np.fft.rfft(frames * np.hanning(_FFT + 1)[:-1], axis=1)


def _overlap_add(spectrum: np.ndarray, length: int) -> np.ndarray:
    window = np.hanning(_FFT + 1)[:-1]
    frames = np.fft.irfft(spectrum, n=_FFT, axis=1) * window
    out = np.zeros((len(frames) - 1) * _HOP + _FFT)
    weight = np.zeros_like(out)
    for index, frame in enumerate(frames):
        start = index * _HOP
        out[start : start + _FFT] += frame
        weight[start : start + _FFT] += window**2
    out = out / np.maximum(weight, 1e-3)
    out = out[_FFT // 2 :][:length]
    return np.pad(out, (0, length - len(out))).astype(np.float32)


def change_rate(waveform: np.ndarray, rate: float) -> np.ndarray:
    """Play `rate` times faster at the same pitch: a phase vocoder with locked peaks.

    Phases follow each bin's own frequency; bins around a spectral peak keep their phase relation
    to it, which avoids the hollow sound of the plain vocoder.

    Args:
        waveform: (T,), at least one sample.
        rate: above 1 is faster and shorter.

    Returns:
        (round(T / rate),), float32.
    """
    length = max(1, round(len(waveform) / rate))
    if rate == 1.0:
        return waveform.astype(np.float32)
    spectrum = _stft(waveform)
    steps = np.arange(0, len(spectrum) - 1, rate)
    omega = 2 * np.pi * _HOP * np.arange(spectrum.shape[1]) / _FFT
    phase = np.angle(spectrum[0])
    out = np.empty((len(steps), spectrum.shape[1]), np.complex128)
    for row, step in enumerate(steps):
        index = int(step)
        share = step - index
        left, right = spectrum[index], spectrum[index + 1]
        magnitude = (1 - share) * np.abs(left) + share * np.abs(right)
        out[row] = magnitude * np.exp(1j * phase)
        turn = np.angle(right) - np.angle(left) - omega
        turn -= 2 * np.pi * np.round(turn / (2 * np.pi))
        phase = phase + omega + turn
        phase = _lock(phase, np.abs(right), np.angle(right))
    return _overlap_add(out, length)


def _lock(phase: np.ndarray, magnitude: np.ndarray, analysed: np.ndarray) -> np.ndarray:
    """Give each bin its nearest peak's phase advance (identity phase locking)."""
    inner = magnitude[2:-2]
    peaks = 2 + np.flatnonzero(
        (inner > magnitude[1:-3])
        & (inner > magnitude[:-4])
        & (inner >= magnitude[3:-1])
        & (inner >= magnitude[4:])
    )
    if not len(peaks):
        return phase
    borders = (peaks[1:] + peaks[:-1] + 1) // 2
    owner = peaks[np.searchsorted(borders, np.arange(len(magnitude)), side="right")]
    return analysed + (phase - analysed)[owner]


def change_pitch(waveform: np.ndarray, semitones: float, sample_rate: int) -> np.ndarray:
    """Move all frequencies, formants too, by `semitones` at the same length.

    Args:
        waveform: (T,).
        semitones: positive is higher.
        sample_rate: in Hz.

    Returns:
        (T,), float32.
    """
    if semitones == 0:
        return waveform.astype(np.float32)
    import soxr

    factor = 2.0 ** (semitones / 12)
    slow = change_rate(waveform, 1 / factor)
    moved = soxr.resample(slow, sample_rate * factor, sample_rate)[: len(waveform)]
    return np.pad(moved, (0, len(waveform) - len(moved))).astype(np.float32)


def add_noise(waveform: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Add white noise whose power lies `snr_db` decibels below that of the clip.

    Args:
        waveform: (T,).
        snr_db: 0 is as loud as the voice.
        rng: source of the noise.

    Returns:
        (T,), float32; scaled down as a whole when it would leave [-1, 1].
    """
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    noise = rng.standard_normal(len(waveform)) * np.sqrt(power / 10 ** (snr_db / 10))
    return _within_range(waveform + noise)


def telephone(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Keep 300 to 3400 Hz, as an analogue telephone line does, with soft edges.

    Args:
        waveform: (T,).
        sample_rate: in Hz.

    Returns:
        (T,), float32.
    """
    frequency = np.fft.rfftfreq(len(waveform), 1 / sample_rate)
    edge = 1 / (1 + np.exp(-(frequency - 300) / 20)) / (1 + np.exp((frequency - 3400) / 60))
    return np.fft.irfft(np.fft.rfft(waveform) * edge, n=len(waveform)).astype(np.float32)


def reverberate(
    waveform: np.ndarray, seconds: float, sample_rate: int, rng: np.random.Generator
) -> np.ndarray:
    """Put the voice in a room: direct sound plus a noise tail that falls by 60 dB in `seconds`.

    Args:
        waveform: (T,).
        seconds: reverberation time; 0 returns the clip.
        sample_rate: in Hz.
        rng: source of the tail.

    Returns:
        (T,), float32, at the loudness of the input; the tail after the end is cut.
    """
    if seconds <= 0:
        return waveform.astype(np.float32)
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail[: sample_rate // 200] = 0  # the first reflection comes after 5 ms
    room = tail / (np.linalg.norm(tail) + 1e-12)  # tail as strong as the direct sound
    room[0] = 1.0
    size = len(waveform) + len(room)
    wet = np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(room, size), n=size)
    wet = wet[: len(waveform)]
    level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    return _within_range(wet * level / (np.sqrt(np.mean(wet**2)) + 1e-12))


def _within_range(waveform: np.ndarray) -> np.ndarray:
    peak = float(np.max(np.abs(waveform), initial=0.0))
    return (waveform / max(peak, 1.0)).astype(np.float32)
