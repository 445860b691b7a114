"""Features of a clip under each representation: ours, and what it must be compared with.

Baselines: mean and std over time of the log-mel; 20 MFCC (DCT of the same log-mel) as mean, std and
std of the difference; the same network with random weights. All see the same front end.
"""

# N clips, T samples, D width

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch

from core.cache.construction import construction

from . import frontend
from .config import NetConfig, Padding
from .embed import Embedder
from .model import ResNetish, initialise

NUM_MFCC = 20
Variants = dict[str, np.ndarray]  # layer -> (N, D)
Features = dict[str, Variants]  # representation -> variants


@functools.cache
def dct_matrix(size: int = 64, count: int = NUM_MFCC) -> np.ndarray:
    """Orthonormal DCT-II, (size, count)."""
    n, k = np.arange(size)[:, None] + 0.5, np.arange(count)[None]
    basis = np.cos(np.pi * n * k / size) * np.sqrt(2 / size)
    basis[:, 0] /= np.sqrt(2)
    return basis


def mel_statistics(log_mel: np.ndarray) -> np.ndarray:
    """Mean and std over time of each band, (F, 64) to (128,)."""
    return np.concatenate([log_mel.mean(0), log_mel.std(0)])


def mfcc_statistics(log_mel: np.ndarray) -> np.ndarray:
    """Mean, std and std of the frame-to-frame difference of 20 MFCC, (F, 64) to (60,)."""
    mfcc = log_mel @ dct_matrix()
    return np.concatenate([mfcc.mean(0), mfcc.std(0), np.diff(mfcc, axis=0).std(0)])


@construction()
def untrained(cfg: NetConfig, seed: int = 0) -> Embedder:
    """The same network with random weights."""
    net = ResNetish(cfg)
    initialise(net, torch.Generator().manual_seed(seed))
    return Embedder(net.eval().requires_grad_(False), info={"name": "the same network, untrained"})


def own_log_mel(waveform: np.ndarray) -> np.ndarray:
    """Log-mel of the clip alone, without padding (a clip under one frame is padded to one)."""
    missing = frontend.FRONT_END.frame_length + frontend.FRONT_END.hop_length - len(waveform)
    if missing > 0:
        waveform = np.pad(waveform, (0, missing))
    with torch.inference_mode():
        return frontend.log_mel(torch.from_numpy(waveform), pad=False).numpy()


def extract(
    waveforms: Sequence[np.ndarray],
    embedders: dict[str, Embedder],
    padding: Padding = "tile",
    on_clip: Callable[[int], None] | None = None,
) -> Features:
    """Clip vectors of all representations.

    Args:
        waveforms: N clips at 16 kHz.
        embedders: networks by name, such as `trained` and `untrained`.
        padding: of clips under one second, for the networks; the statistics see the clip alone.
        on_clip: told the number of clips done.

    Returns:
        `log-mel` and `MFCC` with the one variant `statistics`, and each network with its two layers.
    """
    rows: dict[str, dict[str, list[np.ndarray]]] = {
        "log-mel": {"statistics": []},
        "MFCC": {"statistics": []},
        **{name: {"embedding": [], "layer19": []} for name in embedders},
    }
    for number, waveform in enumerate(waveforms):
        log_mel = own_log_mel(waveform)
        rows["log-mel"]["statistics"].append(mel_statistics(log_mel))
        rows["MFCC"]["statistics"].append(mfcc_statistics(log_mel))
        for name, embedder in embedders.items():
            out = embedder.embed(waveform, padding=padding)
            rows[name]["embedding"].append(out.mean("embedding"))
            rows[name]["layer19"].append(out.mean("layer19"))
        if on_clip:
            on_clip(number + 1)
    return {
        name: {layer: np.stack(values) for layer, values in variants.items()}
        for name, variants in rows.items()
    }
