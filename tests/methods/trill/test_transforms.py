"""Changes of a sound, on signals whose change can be computed."""

import numpy as np
import pytest

from core.methods.trill import survive, transforms

RATE = 16_000


def tone(hz=440.0, seconds=2.0):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def pitch_of(waveform):
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return spectrum.argmax() * RATE / len(waveform)


@pytest.mark.parametrize("rate", [0.7, 0.85, 1.2, 1.4])
def test_rate_changes_the_length_and_not_the_pitch(rate):
    changed = transforms.change_rate(tone(), rate)
    assert len(changed) == round(2 * RATE / rate)
    assert pitch_of(changed) == pytest.approx(440, abs=1.5)
    assert changed.dtype == np.float32


@pytest.mark.parametrize("semitones", [-6, -1.5, 3, 6])
def test_pitch_changes_by_semitones_and_keeps_length_and_level(semitones):
    changed = transforms.change_pitch(tone(), semitones, RATE)
    assert len(changed) == 2 * RATE
    assert pitch_of(changed) == pytest.approx(440 * 2 ** (semitones / 12), abs=1.5)
    assert np.std(changed) == pytest.approx(np.std(tone()), rel=0.03)


@pytest.mark.parametrize("snr", [0, 10, 40])
def test_noise_lies_as_far_below_as_asked(snr):
    clean = tone()
    noisy = transforms.add_noise(clean, snr, np.random.default_rng(0))
    scale = noisy @ clean / (clean @ clean)  # undo the common scaling
    noise = noisy / scale - clean
    assert 10 * np.log10(np.mean(clean**2) / np.mean(noise**2)) == pytest.approx(snr, abs=0.2)
    assert np.max(np.abs(noisy)) <= 1


def test_the_telephone_keeps_the_middle_and_drops_the_ends():
    def kept(hz):
        return np.std(transforms.telephone(tone(hz), RATE)) / np.std(tone(hz))

    assert kept(1000) == pytest.approx(1, abs=0.01)
    assert kept(100) < 0.02
    assert kept(6000) < 0.02


def test_a_room_adds_a_tail_of_the_asked_length():
    click = np.zeros(2 * RATE, np.float32)
    click[100] = 0.9
    wet = transforms.reverberate(click, 0.5, RATE, np.random.default_rng(0))
    early, late = np.std(wet[200:2000]), np.std(wet[100 + RATE // 4 : 300 + RATE // 4])
    assert 20 * np.log10(early / late) == pytest.approx(30, abs=8)  # half the time, half of 60 dB
    assert np.abs(wet[100 + RATE // 2 + 10 :]).max() < 1e-6


def test_nothing_asked_changes_nothing():
    np.testing.assert_array_equal(survive.apply(tone()), tone())


@pytest.mark.parametrize("length", [1, 50, 399, 1024])
def test_very_short_sounds_stay_finite(length):
    short = np.full(length, 0.1, np.float32)
    changed = survive.apply(short, pitch=3, rate=1.3, snr_db=10, telephone=True, reverb_seconds=0.3)
    assert np.isfinite(changed).all()
    assert len(changed) == round(length / 1.3)


def test_the_same_seed_gives_the_same_sound():
    first, second, other = (
        survive.apply(tone(), snr_db=10, reverb_seconds=0.4, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
