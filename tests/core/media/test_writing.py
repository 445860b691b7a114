"""Waveforms out again."""

import numpy as np
import pytest

from core.media import audio, limits


@pytest.mark.parametrize("format", ["flac", "wav"])
def test_what_is_encoded_reads_back_within_half_a_step(recordings, format):
    tone = recordings.tone(level=0.9)
    sound = audio.load(audio.encode(tone, 16_000, format))
    assert np.abs(sound.waveform - tone).max() <= 0.5 / 32768 + 1e-7
    assert sound.source.format == format.upper()


def test_encoding_twice_gives_the_same_bytes(recordings):
    assert audio.encode(recordings.tone(), 16_000) == audio.encode(recordings.tone(), 16_000)


def test_encoding_cuts_at_full_scale_and_never_wraps():
    sound = audio.load(audio.encode(np.array([2.0, -2.0] * 800), 16_000))
    assert sound.waveform[0] == pytest.approx(32767 / 32768)
    assert sound.waveform[1] == -1.0


def test_stereo_can_be_encoded(recordings):
    data = audio.encode(np.stack([recordings.tone()] * 2, 1), 16_000, "wav")
    assert audio.load(data).source.channels == 2


@pytest.mark.parametrize(
    "waveform",
    [np.zeros(0), np.zeros((1, 2, 3)), np.zeros(10, np.int16), np.array([0.0, np.nan])],
)
def test_what_is_no_waveform_is_not_encoded(waveform):
    with pytest.raises(ValueError, match="waveform"):
        audio.encode(waveform, 16_000)


def test_an_unknown_format_is_not_encoded():
    with pytest.raises(ValueError, match="use flac or wav"):
        audio.encode(np.zeros(10), 16_000, "mp3")


def test_peaks_hold_the_lowest_and_highest_sample_of_each_stretch():
    waveform = np.array([0.0, 0.5, -0.25, 0.1, 0.9, -1.0], np.float32)
    expected = np.array([[0.0, 0.5], [-0.25, 0.1], [-1.0, 0.9]], np.float32)
    assert np.array_equal(audio.waveform_peaks(waveform, 3), expected)


def test_peaks_of_any_number_of_bins_cover_the_extremes():
    waveform = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    for bins in (1, 7, 999, 1000):
        peaks = audio.waveform_peaks(waveform, bins)
        assert peaks.shape == (bins, 2)
        assert peaks[:, 0].min() == waveform.min()
        assert peaks[:, 1].max() == waveform.max()


def test_peaks_of_few_or_no_samples_are_defined():
    assert np.array_equal(audio.waveform_peaks(np.zeros(0), 2), np.zeros((2, 2)))
    stretched = audio.waveform_peaks(np.array([1.0, -1.0]), 4)
    assert np.array_equal(stretched, [[1, 1], [1, 1], [-1, -1], [-1, -1]])
    with pytest.raises(ValueError, match="bins"):
        audio.waveform_peaks(np.zeros(5), 0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "0.10 s"), (12.5, "12.5 s"), (90, "90 s"), (600, "10 min"), (605, "10 min 5 s"),
     (7200, "2 h"), (7500, "2 h 5 min"), (float("inf"), "an unknown time")],
)  # fmt: skip
def test_lengths_are_written_for_readers(seconds, words):
    assert limits.in_words(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"), [(12, "12 bytes"), (3_400_000, "3.4 MB"), (50_000_000, "50 MB")]
)
def test_sizes_are_written_for_readers(size, words):
    assert limits.size_in_words(size) == words
