"""The exact log-mel front end of TRILL, in torch, and its streaming twin.

Follows `tf_frontend.py` of non_semantic_speech_benchmark: periodic Hann, no centring, magnitude,
TensorFlow's mel matrix (triangles linear in mel, peak 1), ln(max(mel, 1e-12) + 0.001).
"""

# T samples, F frames, M mel bands, P patches

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from core.errors import InputError

from .config import FrontEnd, Padding

FRONT_END = FrontEnd()


def hz_to_mel(hz: Tensor) -> Tensor:
    """HTK mel scale with natural logarithm: 1127 ln(1 + f / 700)."""
    return 1127.0 * torch.log1p(hz / 700.0)


@functools.lru_cache(maxsize=4)
def mel_matrix(cfg: FrontEnd = FRONT_END) -> Tensor:
    """TensorFlow's `linear_to_mel_weight_matrix`, (n_fft / 2 + 1, num_mels), float32."""
    bins = torch.linspace(0, cfg.sample_rate / 2, cfg.n_fft // 2 + 1, dtype=torch.float64)[1:]
    low, high = hz_to_mel(torch.tensor([cfg.fmin, cfg.fmax], dtype=torch.float64)).tolist()
    edges = torch.linspace(low, high, cfg.num_mels + 2, dtype=torch.float64)
    mel = hz_to_mel(bins)[:, None]
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    weights = torch.minimum(rising, falling).clamp(min=0)
    return torch.cat([weights.new_zeros(1, cfg.num_mels), weights]).float()  # DC row is zero


@functools.lru_cache(maxsize=4)
def window(cfg: FrontEnd = FRONT_END) -> Tensor:
    """Periodic Hann window of one frame, (frame_length,)."""
    return torch.hann_window(cfg.frame_length, periodic=True, dtype=torch.float64).float()


def pad_short(waveform: Tensor, padding: Padding = "zero", cfg: FrontEnd = FRONT_END) -> Tensor:
    """Bring a clip shorter than `min_samples` to that length; longer ones are returned as they are.

    Args:
        waveform: (T,) in [-1, 1].
        padding: `zero` appends silence (the authors' export), `tile` repeats the clip.
        cfg: front end.

    Raises:
        InputError: the clip is empty.
    """
    missing = cfg.min_samples - waveform.shape[-1]
    if waveform.shape[-1] == 0:
        raise InputError("The clip holds no samples. Give a recording of at least 0.1 s.")
    if missing <= 0:
        return waveform
    if padding == "tile":
        repeats = math.ceil(cfg.min_samples / waveform.shape[-1])
        return waveform.repeat(repeats)[: cfg.min_samples]
    return torch.nn.functional.pad(waveform, (0, missing))


def frames_to_log_mel(frames: Tensor, cfg: FrontEnd = FRONT_END) -> Tensor:
    """Log-mel of frames of samples, (F, frame_length) to (F, num_mels), in nats."""
    magnitude = torch.fft.rfft(frames * window(cfg).to(frames.device), n=cfg.n_fft).abs()
    mel = magnitude @ mel_matrix(cfg).to(frames.device)
    return torch.log(mel.clamp(min=cfg.floor) + cfg.offset)


# Frames are always computed in blocks of this many rows, the last one filled with zeros: a matrix
# product may round a row differently when the number of rows changes, and streaming must not.
_BLOCK = 64


def _in_blocks(frames: Tensor, cfg: FrontEnd) -> Tensor:
    parts = []
    for block in frames.split(_BLOCK):
        rows = block.shape[0]
        if rows < _BLOCK:
            block = torch.nn.functional.pad(block, (0, 0, 0, _BLOCK - rows))
        parts.append(frames_to_log_mel(block, cfg)[:rows])
    return torch.cat(parts)


def log_mel(
    waveform: Tensor, padding: Padding = "zero", cfg: FrontEnd = FRONT_END, *, pad: bool = True
) -> Tensor:
    """Log-mel of a clip, (T,) in [-1, 1] to (F, 64) in nats, F = (T - 400) // 160 + 1.

    Args:
        waveform: mono samples at 16 kHz.
        padding: how a clip shorter than one second is brought to one second.
        cfg: front end.
        pad: False leaves a short clip as it is (it must hold one frame).

    Raises:
        InputError: the clip is empty, is not one-dimensional or holds values that are not finite.
    """
    if waveform.ndim != 1:
        raise InputError(
            f"A clip must be one row of samples, got shape {tuple(waveform.shape)}. "
            "Mix the channels to mono first."
        )
    if not bool(torch.isfinite(waveform).all()):
        raise InputError("The clip holds values that are not finite. Export the recording again.")
    waveform = waveform.float()
    if pad:
        waveform = pad_short(waveform, padding, cfg)
    return _in_blocks(waveform.unfold(0, cfg.frame_length, cfg.hop_length), cfg)


def patches(log_mel: Tensor, hop: int = FRONT_END.patch_hop, cfg: FrontEnd = FRONT_END) -> Tensor:
    """Cut (F, M) into overlapping patches, (P, 96, M); a view, so copy before writing to it.

    Raises:
        InputError: fewer frames than a patch needs, or a hop below one frame.
    """
    if hop < 1 or log_mel.shape[0] < cfg.patch_frames:
        raise InputError(
            f"{log_mel.shape[0]} frames with a hop of {hop} give no patch. At least "
            f"{cfg.patch_frames} frames and a hop of 1 are needed: use a longer clip."
        )
    return log_mel.unfold(0, cfg.patch_frames, hop).transpose(1, 2)


class StreamingFrontEnd:
    """Log-mel patches from chunks of samples of any size, equal to the offline ones bit for bit."""

    def __init__(self, hop: int = FRONT_END.patch_hop, cfg: FrontEnd = FRONT_END) -> None:
        self.cfg, self.hop = cfg, hop
        self._samples = torch.zeros(0)
        self._frames = torch.zeros(0, cfg.num_mels)
        self._skip = 0  # frames to drop before the next patch, when the hop exceeds a patch
        self._total = 0

    def push(self, chunk: Tensor) -> Tensor:
        """Take (T,) more samples and return the patches they complete, (P, 96, 64), P may be 0."""
        cfg = self.cfg
        self._total += chunk.shape[0]
        self._samples = torch.cat([self._samples, chunk.float()])
        count = max(0, (self._samples.shape[0] - cfg.frame_length) // cfg.hop_length + 1)
        if count:
            frames = self._samples.unfold(0, cfg.frame_length, cfg.hop_length)
            self._frames = torch.cat([self._frames, _in_blocks(frames, cfg)])
            self._samples = self._samples[count * cfg.hop_length :]
        return self._take()

    def finish(self) -> Tensor:
        """Pad a recording that stayed under one second with silence; return what it completes."""
        missing = self.cfg.min_samples - self._total
        return self.push(torch.zeros(max(0, missing)))

    def _take(self) -> Tensor:
        size = self.cfg.patch_frames
        dropped = min(self._skip, self._frames.shape[0])
        self._frames, self._skip = self._frames[dropped:], self._skip - dropped
        if self._skip or self._frames.shape[0] < size:
            return torch.zeros(0, size, self.cfg.num_mels)
        out = patches(self._frames, self.hop, self.cfg).clone()
        used = out.shape[0] * self.hop
        self._skip = max(0, used - self._frames.shape[0])
        self._frames = self._frames[used:]
        return out
