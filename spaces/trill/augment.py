"""Channel changes in the mel domain: cheap stand-ins for microphones, rooms, noise and telephones.

All work on magnitudes, m = exp(log_mel) - 0.001, where a filter is a factor for each band, noise adds
in power, and reverberation smears power along time. Parameters are drawn for each channel, so that
two patches may share one or not.
"""

# N patches, F frames, M mel bands

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .frontend import FRONT_END

OFFSET = FRONT_END.offset
NUM_MELS = FRONT_END.num_mels
LEAD = 32  # frames kept before a patch, for reverberation
_BAND = np.linspace(0, 1, NUM_MELS, dtype=np.float32)
# sqrt of the mean of a band's power for white noise of amplitude 1 in every bin: about constant up to
# the width of the triangles; Rayleigh fluctuation is drawn below.


@dataclass(slots=True)
class Channels:
    """Drawn parameters, one row for each channel."""

    filter: np.ndarray  # (N, M) factor on magnitude
    snr: np.ndarray  # (N,) dB, inf for none
    noise: np.ndarray  # (N, M) shape of the noise's magnitude
    low_pass: np.ndarray  # (N, M) factor after the noise
    decay: np.ndarray  # (N,) power kept from frame to frame by the room, 0 for none
    wet: np.ndarray  # (N,) share of the room


def _smooth(rng: np.random.Generator, count: int, size: float) -> np.ndarray:
    """Random smooth curves over the bands in dB, (count, M), with a std near `size`."""
    order = np.arange(1, 6)
    basis = np.cos(np.pi * order[:, None] * _BAND[None])  # (5, M)
    weight = rng.normal(size=(count, 5)) * size / order**0.5
    return (weight @ basis).astype(np.float32)


def draw_channels(rng: np.random.Generator, count: int, strength: float = 1.0) -> Channels:
    """Draw `count` channels; `strength` scales equaliser and reverberation."""
    db = _smooth(rng, count, 3.5 * strength) + rng.uniform(-12, 8, (count, 1))
    snr = np.where(rng.random(count) < 0.65, rng.uniform(5, 40, count), np.inf)
    noise_db = _smooth(rng, count, 5.0) + rng.uniform(-30, 6, (count, 1)) * _BAND[None]
    cut = np.where(rng.random(count) < 0.7, rng.uniform(44, 50, count), rng.uniform(38, 63, count))
    limited = rng.random(count) < 0.4
    depth = rng.uniform(25, 80, (count, 1)) * np.clip(
        (np.arange(NUM_MELS) - cut[:, None]) / 2, 0, 1
    )
    low_pass = np.where(limited[:, None], 10 ** (-depth / 20), 1)
    seconds = rng.uniform(0.08, 0.6, count)  # time to fall by 60 dB
    wet = np.where(rng.random(count) < 0.3, rng.uniform(0.02, 0.25, count) * strength, 0)
    return Channels(
        filter=(10 ** (db / 20)).astype(np.float32),
        snr=snr.astype(np.float32),
        noise=(10 ** (noise_db / 20)).astype(np.float32),
        low_pass=low_pass.astype(np.float32),
        decay=(10 ** (-6 * 0.01 / seconds)).astype(np.float32),
        wet=wet.astype(np.float32),
    )


def take(channels: Channels, index: np.ndarray) -> Channels:
    """Rows of `channels` by index, so that patches can share one."""
    return Channels(**{n: getattr(channels, n)[index] for n in channels.__slots__})


def apply(log_mel: np.ndarray, channels: Channels, rng: np.random.Generator) -> np.ndarray:
    """Pass (N, LEAD + F, M) log-mel through one channel each and drop the lead, (N, F, M) float32."""
    power = np.square(np.maximum(np.exp(log_mel.astype(np.float32)) - OFFSET, 0))
    wet = np.flatnonzero(channels.wet > 0)
    if len(wet):
        power[wet] = _reverberate(power[wet], channels.decay[wet], channels.wet[wet])
    power = power[:, LEAD:] * np.square(channels.filter)[:, None]
    noisy = np.flatnonzero(np.isfinite(channels.snr))
    if len(noisy):
        shape = np.square(channels.noise[noisy])
        level = power[noisy].mean((1, 2)) / shape.mean(1) * 10 ** (-channels.snr[noisy] / 10)
        # a mel band sums a few bins, so its power varies less than one bin's exponential law
        ripple = rng.standard_gamma(3.0, (len(noisy), *power.shape[1:]), dtype=np.float32) / 3
        power[noisy] += ripple * (shape * level[:, None])[:, None]
    power *= np.square(channels.low_pass)[:, None]
    return np.log(np.sqrt(power) + OFFSET)


def _reverberate(power: np.ndarray, decay: np.ndarray, wet: np.ndarray) -> np.ndarray:
    tail = np.zeros_like(power[:, 0])
    out = np.empty_like(power)
    for frame in range(power.shape[1]):
        out[:, frame] = power[:, frame] + wet[:, None] * tail
        tail = tail * decay[:, None] + power[:, frame]
    return out


def warp_voice(log_mel: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Scale the frequency axis of (N, F, M) by a factor each, by interpolation between mel bands."""
    cfg = FRONT_END
    edges = 1127.0 * np.log1p(np.array([cfg.fmin, cfg.fmax]) / 700.0)
    mel = edges[0] + (np.arange(NUM_MELS) + 1) * (edges[1] - edges[0]) / (NUM_MELS + 1)
    hz = 700.0 * np.expm1(mel / 1127.0)
    wanted = 1127.0 * np.log1p(hz[None] / factors[:, None] / 700.0)
    position = (wanted - edges[0]) / (edges[1] - edges[0]) * (NUM_MELS + 1) - 1
    position = np.clip(position, 0, NUM_MELS - 1).astype(np.float32)
    low = np.minimum(position.astype(np.int64), NUM_MELS - 2)
    share = (position - low).astype(np.float32)[:, None]
    left = np.take_along_axis(log_mel, np.broadcast_to(low[:, None], log_mel.shape), 2)
    right = np.take_along_axis(log_mel, np.broadcast_to(low[:, None] + 1, log_mel.shape), 2)
    return left * (1 - share) + right * share


def shorten(
    log_mel: np.ndarray, rng: np.random.Generator, share: float, silence: float
) -> np.ndarray:
    """Turn a share of (N, F, M) patches into short clips: a cut piece tiled, or followed by silence."""
    out = log_mel
    frames = log_mel.shape[1]
    for index in np.flatnonzero(rng.random(len(out)) < share):
        size = int(rng.integers(24, frames))
        start = int(rng.integers(0, frames - size + 1))
        piece = out[index, start : start + size].copy()
        if rng.random() < 0.6:
            out[index] = np.tile(piece, (-(-frames // size), 1))[:frames]
        else:
            out[index, :size] = piece
            out[index, size:] = silence
    return out
