"""The front end against known answers computed from its definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.methods.trill import corpus, frontend

SILENCE = math.log(0.001)


def tone(hz: float, amplitude: float = 0.5, samples: int = 16_000, rate: int = 16_000):
    time = torch.arange(samples, dtype=torch.float64) / rate
    return (amplitude * torch.sin(2 * math.pi * hz * time)).float()


def test_silence_is_the_logarithm_of_the_offset_everywhere():
    log_mel = frontend.log_mel(torch.zeros(16_000))
    assert log_mel.shape == (98, 64)
    assert torch.allclose(log_mel, torch.tensor(-6.907755), atol=1e-6)


@pytest.mark.parametrize(
    ("samples", "frames", "hop17", "hop48"),
    [(16_000, 98, 1, 1), (48_000, 298, 12, 5), (160_000, 998, 54, 19), (15_600, 98, 1, 1)],
)
def test_counts_of_frames_and_patches(samples, frames, hop17, hop48):
    log_mel = frontend.log_mel(torch.zeros(samples))
    assert log_mel.shape == (frames, 64)
    assert frontend.patches(log_mel, 17).shape == (hop17, 96, 64)
    assert frontend.patches(log_mel, 48).shape == (hop48, 96, 64)


@pytest.mark.parametrize(
    ("hz", "band", "peak"),
    [(250, 3, 3.9928), (440, 8, 4.0890), (1000, 19, 4.1179), (4000, 48, 4.5810)],
)
def test_a_tone_peaks_in_its_band_with_the_known_value(hz, band, peak):
    log_mel = frontend.log_mel(tone(hz))
    assert (log_mel.argmax(1) == band).all()
    assert log_mel[:, band].mean().item() == pytest.approx(peak, abs=2e-3)


def test_ten_times_louder_adds_ln_ten_up_to_the_offset():
    quiet, loud = frontend.log_mel(tone(1000, 0.01)), frontend.log_mel(tone(1000, 0.1))
    rise = (loud[:, 19] - quiet[:, 19]).mean().item()
    assert rise == pytest.approx(2.3019, abs=3e-4)
    assert rise < math.log(10)


def test_the_mel_matrix_is_tensorflows():
    matrix = frontend.mel_matrix()
    assert matrix.shape == (257, 64)
    assert matrix.sum().item() == pytest.approx(230.91360, abs=1e-3)
    assert matrix.max().item() == pytest.approx(0.99619, abs=1e-5)
    assert (matrix.sum(0) > 0).all()
    assert (matrix[0] == 0).all()


def test_the_window_is_periodic_hann():
    assert frontend.window().double().sum().item() == pytest.approx(200, abs=1e-5)
    assert frontend.window()[0] == 0
    assert frontend.window()[-1] > 0  # the symmetric window would end on zero


def test_an_impulse_is_flat_in_its_frame_and_absent_elsewhere():
    waveform = torch.zeros(16_000)
    waveform[10 * 160 + 200] = 1  # the centre of frame 10, where the window is 1
    log_mel = frontend.log_mel(waveform)
    flat = torch.log(frontend.mel_matrix().sum(0) + 1e-3)
    assert torch.allclose(log_mel[10], flat, atol=1e-4)
    assert log_mel[10].mean().item() == pytest.approx(1.078, abs=1e-3)
    # frames 8 to 12 hold the sample; 9 and 11 see it at 40 samples from an edge
    outside = [k for k in range(98) if abs(k - 10) > 1]
    assert torch.allclose(log_mel[outside], torch.tensor(SILENCE), atol=1e-5)


def test_a_shift_by_one_hop_shifts_frames_by_one():
    waveform = torch.randn(16_000, generator=torch.Generator().manual_seed(1)) * 0.1
    later = torch.cat([torch.zeros(160), waveform])
    assert torch.equal(frontend.log_mel(later)[1:], frontend.log_mel(waveform))


def test_short_clips_are_padded_with_silence_or_tiled():
    clip = tone(440, samples=4000)
    zero = frontend.log_mel(clip, "zero")
    tiled = frontend.log_mel(clip, "tile")
    assert zero.shape == tiled.shape == (98, 64)
    assert torch.allclose(zero[60:], torch.tensor(SILENCE), atol=1e-5)
    assert (tiled[60:].max(1).values > 2).all()
    assert torch.equal(frontend.pad_short(clip, "tile")[4000:8000], clip)


def test_a_clip_of_no_samples_two_channels_or_nan_is_refused_in_words():
    for bad in (torch.zeros(0), torch.zeros(2, 16_000), torch.full((16_000,), torch.nan)):
        with pytest.raises(InputError, match=r"\."):
            frontend.log_mel(bad)
    with pytest.raises(InputError, match="longer clip"):
        frontend.patches(torch.zeros(95, 64))


def test_resampling_keeps_the_band_and_agrees_with_scipy():
    from scipy.signal import resample_poly

    cd = tone(1000, samples=44_100, rate=44_100).numpy()
    ours = corpus.resample(cd, 44_100, 16_000)
    theirs = resample_poly(cd.astype(np.float64), 160, 441)
    assert (frontend.log_mel(torch.from_numpy(ours)).argmax(1)[3:-3] == 19).all()
    # scipy's default filter has a gain of 0.9989 at 1 kHz; soxr's is 1 to five digits
    assert np.abs(ours[2000:14_000] - theirs[2000:14_000]).max() < 1.2e-3 * 0.5


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    samples=st.integers(3000, 40_000),
    cuts=st.lists(st.integers(1, 9000), min_size=1, max_size=12),
    hop=st.sampled_from([4, 17, 48, 96, 120]),
)
def test_chunks_of_any_size_give_the_offline_patches_bit_for_bit(seed, samples, cuts, hop):
    waveform = torch.randn(samples, generator=torch.Generator().manual_seed(seed)) * 0.2
    offline = frontend.patches(frontend.log_mel(waveform), hop)
    stream = frontend.StreamingFrontEnd(hop)
    parts, at, turn = [], 0, 0
    while at < samples:
        size = cuts[turn % len(cuts)]
        parts.append(stream.push(waveform[at : at + size]))
        at, turn = at + size, turn + 1
    parts.append(stream.finish())
    assert torch.equal(torch.cat(parts), offline)
