"""What Gradio's microphone gives, and everything that resembles it."""

import numpy as np
import pytest

from core.errors import InputError
from core.media import audio


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_integers_are_scaled_by_their_type(recordings, dtype):
    tone = recordings.tone()
    limits = np.iinfo(dtype)
    middle = 128 if dtype == "uint8" else 0
    scale = 127.0 if limits.bits == 8 else float(limits.max // 2 * 2)
    samples = (tone.astype(np.float64) * scale + middle).astype(dtype)
    sound = audio.load((16_000, samples))
    assert np.abs(sound.waveform - tone).max() < (0.02 if limits.bits == 8 else 1e-4)
    assert sound.source.codec == dtype


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_are_taken_as_they_are(recordings, dtype):
    tone = recordings.tone()
    sound = audio.load((16_000, tone.astype(dtype)))
    assert np.abs(sound.waveform - tone).max() < 1e-3


def test_full_scale_of_int16_is_one():
    sound = audio.load((16_000, np.full(1600, -32768, np.int16)))
    assert sound.waveform.min() == -1.0


def test_the_array_given_is_left_alone(recordings):
    samples = recordings.tone()
    before = samples.copy()
    audio.load((16_000, samples))
    assert samples.flags.writeable
    assert np.array_equal(samples, before)


def test_stereo_of_the_microphone_is_mixed(recordings):
    left, right = recordings.tone(hz=300), recordings.tone(hz=500)
    sound = audio.load((16_000, np.stack([left, right], 1)))
    assert np.abs(sound.waveform - (left + right) / 2).max() < 1e-6


def test_channels_before_samples_are_swapped_and_said(recordings):
    tone = recordings.tone()
    sound = audio.load((16_000, np.stack([tone, tone])))
    assert np.abs(sound.waveform - tone).max() < 1e-6
    assert sound.notes[0] == "channels came before samples and were swapped"


def test_a_numpy_rate_is_a_rate(recordings):
    assert audio.load((np.int64(16_000), recordings.tone())).source.sample_rate == 16_000


@pytest.mark.parametrize(
    ("source", "word"),
    [
        (None, "There is no recording"),
        ((16_000, np.zeros(0, np.int16)), "0 samples"),
        ((16_000, np.zeros((0, 2), np.int16)), "0 samples"),
        ((16_000, np.zeros((2, 0), np.float32)), "0 samples"),
        ((16_000, np.zeros((4, 4, 4), np.float32)), "shape (4, 4, 4)"),
        ((16_000, np.float32(1.0)), "(sample rate, samples)"),
        ((16_000, np.array(1.0)), "shape ()"),
        ((16_000, np.zeros(1600, complex)), "complex128"),
        ((16_000, np.zeros(1600, bool)), "type bool"),
        ((16_000, np.array(["a"] * 1600)), "type <U1"),
        ((16_000, np.zeros(1600, object)), "type object"),
        ((16_000, np.zeros(1600, np.uint16)), "type uint16"),
        ((16_000, [0.0] * 1600), "(sample rate, samples)"),
        ((16_000,), "(sample rate, samples)"),
        ((True, np.zeros(1600)), "(sample rate, samples)"),
        (("16000", np.zeros(1600)), "'16000'"),
        ((16_000.5, np.zeros(1600)), "16000.5"),
        ((0, np.zeros(1600)), "0 samples a second"),
        ((-16_000, np.zeros(1600)), "-16000 samples a second"),
        ((16_000, np.zeros((1600, 17))), "17 channels"),
        ((16_000, np.zeros(16_000 * 601, np.int16)), "is 10 min 1 s long; at most 10 min"),
        ((16_000, np.full(1600, 1e300)), "not numbers"),
    ],
)
def test_what_is_no_recording_is_refused_in_words(source, word):
    with pytest.raises(InputError) as caught:
        audio.load(source)
    assert word in str(caught.value)
