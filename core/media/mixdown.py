"""Blocks of many channels and any rate in, one mono waveform out, with what was noticed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from core.errors import InputError
from core.media.limits import AudioLimits, check_format, in_words

_ABSURD = 32.0  # peak of float samples; 30 dB over full scale means another unit, not a loud voice
_CANCELLED = 0.01  # power of the mix beside that of the channels: 20 dB lost


class Mixdown:
    """Collects blocks: checks, measures, mixes and resamples them one by one."""

    def __init__(
        self,
        sample_rate: int,
        limits: AudioLimits,
        name: str,
        bit_depth: int | None = None,
        channel: int | None = None,
    ) -> None:
        """Start a collection.

        Args:
            sample_rate: rate of the result in Hz.
            limits: refuses what goes beyond them while it arrives.
            name: what to call the recording in error texts.
            bit_depth: of the source, to tell where its full scale lies.
            channel: take this channel alone instead of the mean of all.
        """
        self.sample_rate = sample_rate
        self.rates: list[int] = []  # of the source, in order of appearance
        self.channels = 0
        self.peak = 0.0  # over all channels
        self._limits, self._name, self._channel = limits, name, channel
        self._full = 1 - 1.5 / 2 ** (min(bit_depth or 16, 16) - 1)
        self._counts: list[int] = []  # frames at each of the rates
        self._flat = 0  # frames within flat tops
        self._power_mix = 0.0
        self._power = np.zeros(0)
        self._chunks: list[np.ndarray] = []
        self._stream: Any = None
        self._deadline = time.monotonic() + limits.max_decode_seconds

    def add(self, rate: int, block: np.ndarray) -> None:
        """Take one block (n, channels) of float32.

        Raises:
            InputError: values that are not numbers, another unit than full scale, or too long.
        """
        if not len(block):
            return
        if not self.rates or rate != self.rates[-1]:
            check_format(rate, block.shape[1], self._limits, self._name)
            self._change_rate(rate)
        self._check(block)
        self._measure(block)
        pick = self._channel
        if block.shape[1] == 1:
            mono = block[:, 0]
        elif pick is not None and pick < block.shape[1]:
            mono = block[:, pick]
        else:
            mono = block.mean(axis=1, dtype=np.float32)
        self._power_mix += float(np.dot(mono, mono))
        self._push(np.ascontiguousarray(mono), last=False)

    def _check(self, block: np.ndarray) -> None:
        self._counts[-1] += len(block)
        # a tenth of a second is lost in encoder padding, nobody's fault
        if self.seconds > self._limits.max_seconds + 0.1:
            raise InputError(
                f"{self._name} goes on for more than {in_words(self._limits.max_seconds)}, which is "
                "the most that can be read. Cut out the part you care about."
            )
        if time.monotonic() > self._deadline:
            raise InputError(
                f"{self._name} takes over {in_words(self._limits.max_decode_seconds)} to decode. "
                "Sound at 48 kHz or less is quick. Save it as WAV or FLAC and upload that."
            )
        if not np.isfinite(block).all():
            raise InputError(
                f"{self._name} holds values that are not numbers (NaN or infinite). "
                "Every sample must lie between -1 and 1. Export the recording again."
            )
        peak = float(np.max(np.abs(block)))
        if peak > _ABSURD:
            raise InputError(
                f"{self._name} has samples up to {peak:.4g}; floats must lie between -1 and 1. "
                "Divide them by their full scale, or send integers."
            )
        self.peak = max(self.peak, peak)

    def _measure(self, block: np.ndarray) -> None:
        if block.shape[1] > self.channels:
            self._power = np.pad(self._power, (0, block.shape[1] - self.channels))
            self.channels = block.shape[1]
        power = np.einsum("nc,nc->c", block, block, dtype=np.float64)
        self._power[: len(power)] += power
        full = np.abs(block) >= self._full
        if len(block) > 2 and full.any():
            # three full samples in a row: a loud sine touches full scale with one at a time
            centre = full[:-2] & full[1:-1] & full[2:]
            flat = full & False
            flat[:-2] |= centre
            flat[1:-1] |= centre
            flat[2:] |= centre
            self._flat += int(flat.any(axis=1).sum())

    def _change_rate(self, rate: int) -> None:
        self._push(np.zeros(0, np.float32), last=True)
        self.rates.append(rate)
        self._counts.append(0)
        if rate != self.sample_rate:
            import soxr

            self._stream = soxr.ResampleStream(
                rate, self.sample_rate, 1, dtype="float32", quality="HQ"
            )

    def _push(self, mono: np.ndarray, *, last: bool) -> None:
        if self._stream is not None:
            mono = self._stream.resample_chunk(mono, last=last)
            if last:
                self._stream = None
        if len(mono):
            self._chunks.append(np.array(mono, np.float32))

    @property
    def seconds(self) -> float:
        """Length of the source as decoded so far."""
        return sum(n / rate for n, rate in zip(self._counts, self.rates, strict=True))

    @property
    def clipped(self) -> float:
        """Share of the frames that lie in flat tops at full scale."""
        return self._flat / max(1, sum(self._counts))

    def loudest_if_cancelled(self) -> int | None:
        """The loudest channel when mixing destroyed the sound, else None."""
        if self.channels < 2 or self._channel is not None:
            return None
        loudest = int(np.argmax(self._power))
        # one live channel among C loses a factor C squared by averaging; that is not cancelling
        expected = self._power[loudest] / self.channels**2
        is_lost = self._power[loudest] > 0 and self._power_mix < _CANCELLED * expected
        return loudest if is_lost else None

    def finish(self) -> np.ndarray:
        """Return the waveform (T,) float32 at the wanted rate; it may still exceed [-1, 1]."""
        self._push(np.zeros(0, np.float32), last=True)
        if not self._chunks:
            return np.zeros(1, np.float32)
        waveform = np.concatenate(self._chunks)
        self._chunks.clear()
        return waveform
