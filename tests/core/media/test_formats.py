"""Every usual kind of recording gives the sound it holds."""

import numpy as np
import pytest

from core.media import audio, probe


def strongest(sound):
    """Frequency of the strongest partial in Hz."""
    middle = sound.waveform[len(sound.waveform) // 4 : -len(sound.waveform) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return np.argmax(spectrum) * sound.sample_rate / len(middle)


@pytest.mark.parametrize(
    ("format", "subtype", "bits"),
    [
        ("WAV", "PCM_U8", 8),
        ("WAV", "PCM_16", 16),
        ("WAV", "PCM_24", 24),
        ("WAV", "PCM_32", 32),
        ("WAV", "FLOAT", 32),
        ("WAV", "DOUBLE", 64),
        ("FLAC", "PCM_24", 24),
        ("AIFF", "PCM_16", 16),
    ],
)
def test_uncompressed_formats_return_the_samples(recordings, format, subtype, bits):
    tone = recordings.tone()
    sound = audio.load(recordings.file(tone, 16_000, format, subtype))
    assert np.abs(sound.waveform - tone).max() < 2.0 ** (1 - min(bits, 20))
    assert sound.source.bit_depth == bits
    assert sound.source.format == format
    assert sound.notes == ()


@pytest.mark.parametrize(("format", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)])
def test_lossy_formats_of_libsndfile_return_the_tone(recordings, format, subtype):
    sound = audio.load(recordings.file(recordings.tone(2.0), 16_000, format, subtype))
    assert strongest(sound) == pytest.approx(440, abs=2)
    assert sound.seconds == pytest.approx(2.0, abs=0.01)
    assert sound.level_db == pytest.approx(-9.0, abs=0.5)  # a sine of 0.5: -6 dB - 3 dB


@pytest.mark.parametrize(
    ("container", "codec", "format"),
    [("ipod", "aac", "M4A"), ("adts", "aac", "AAC"), ("webm", "libopus", "WebM")],
)
def test_formats_of_ffmpeg_return_the_tone(recordings, container, codec, format):
    data = recordings.encoded(recordings.tone(2.0, 48_000), 48_000, container, codec)
    sound = audio.load(data)
    assert sound.source.format == format
    assert sound.source.sample_rate == 48_000
    assert strongest(sound) == pytest.approx(440, abs=2)
    assert sound.seconds == pytest.approx(2.0, abs=0.06)  # AAC pads its last frame
    assert "resampled from 48 kHz to 16 kHz" in sound.notes


@pytest.mark.parametrize(
    ("container", "codec"),
    [("webm", "libopus"), ("mp4", "aac"), ("ogg", "libopus")],
    ids=["chrome", "safari", "firefox"],
)
def test_a_recording_of_the_browser_without_a_length_is_read(recordings, container, codec):
    tone = recordings.tone(2.0, 48_000)
    data = recordings.encoded(tone, 48_000, container, codec, live=True)
    info = probe(data)
    assert (info.kind, info.channels) == ("audio", 1)
    assert info.seconds == pytest.approx(2.0, abs=0.05)
    sound = audio.load(data)
    assert sound.seconds == pytest.approx(2.0, abs=0.05)
    assert strongest(sound) == pytest.approx(440, abs=2)
    assert sound.notes == ("resampled from 48 kHz to 16 kHz",)


def test_the_sound_track_of_a_video_is_used_and_said(recordings):
    data = recordings.encoded(recordings.tone(1.0, 48_000), 48_000, "mp4", "aac", video=True)
    info = probe(data)
    assert (info.kind, info.width, info.height, info.fps) == ("video", 64, 48, 10.0)
    sound = audio.load(data)
    assert strongest(sound) == pytest.approx(440, abs=3)
    assert "sound track of a video (MP4, 64x48)" in sound.notes


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 44_100, 96_000, 192_000, 384_000])
def test_any_rate_arrives_at_16_khz_with_the_same_pitch_and_level(recordings, rate):
    sound = audio.load(recordings.file(recordings.tone(1.0, rate), rate))
    assert sound.waveform.size == pytest.approx(16_000, abs=2)
    assert strongest(sound) == pytest.approx(440, abs=3)
    assert sound.level_db == pytest.approx(-9.0, abs=0.1)
    assert any("resampled" in note for note in sound.notes)
    assert any("nothing above" in note for note in sound.notes) == (rate < 16_000)


def test_block_wise_resampling_equals_resampling_at_once(recordings):
    import soxr

    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(44_100 * 5)).astype(np.float32)
    sound = audio.load(recordings.file(noise, 44_100, subtype="FLOAT"))
    at_once = soxr.resample(noise, 44_100, 16_000, quality="HQ")
    size = min(len(at_once), sound.waveform.size)
    assert abs(len(at_once) - sound.waveform.size) <= 2
    assert np.abs(sound.waveform[:size] - at_once[:size]).max() < 1e-5


def test_the_rate_of_the_result_can_be_chosen(recordings):
    sound = audio.load(recordings.file(recordings.tone()), sample_rate=24_000)
    assert (sound.sample_rate, sound.waveform.size) == (24_000, 24_000)


def test_stereo_is_averaged(recordings):
    left, right = recordings.tone(hz=300), recordings.tone(hz=500)
    sound = audio.load(recordings.file(np.stack([left, right], 1), subtype="FLOAT"))
    assert np.abs(sound.waveform - (left + right) / 2).max() < 1e-6
    assert sound.notes == ("stereo mixed to mono",)
    assert sound.source.channels == 2


def test_channels_that_cancel_are_not_lost(recordings):
    tone = recordings.tone()
    sound = audio.load(recordings.file(np.stack([0.5 * tone, -0.5 * tone], 1), subtype="FLOAT"))
    assert np.abs(sound.waveform - 0.5 * tone).max() < 1e-6
    assert sound.notes == ("the channels cancel each other: channel 1 used alone",)


def test_one_live_channel_of_two_is_mixed_not_called_cancelled(recordings):
    tone = recordings.tone()
    sound = audio.load(recordings.file(np.stack([tone, 0 * tone], 1), subtype="FLOAT"))
    assert np.abs(sound.waveform - tone / 2).max() < 1e-6
    assert sound.notes == ("stereo mixed to mono",)


@pytest.mark.parametrize("container", ["wav", "ipod"])
def test_surround_sound_is_mixed(recordings, container):
    six = np.stack([recordings.tone(1.0, 48_000)] * 6, 1)
    data = (
        recordings.file(six, 48_000)
        if container == "wav"
        else recordings.encoded(six, 48_000, container, "aac")
    )
    sound = audio.load(data)
    assert sound.source.channels == 6
    assert "6 channels mixed to mono" in sound.notes
    assert strongest(sound) == pytest.approx(440, abs=3)


def test_two_files_joined_at_different_rates_keep_their_pitch(recordings):
    parts = [
        recordings.encoded(recordings.tone(1.0, rate), rate, "adts", "aac")
        for rate in (48_000, 24_000)
    ]
    sound = audio.load(b"".join(parts))
    assert "the sample rate changes within the file" in sound.notes
    assert sound.seconds == pytest.approx(2.0, abs=0.15)
    assert strongest(sound) == pytest.approx(440, abs=4)


def test_the_same_bytes_give_the_same_waveform(recordings):
    data = recordings.file(recordings.tone(1.0, 44_100), 44_100, "MP3")
    assert np.array_equal(audio.load(data).waveform, audio.load(data).waveform)


def test_a_file_on_disk_reads_like_its_bytes(recordings, tmp_path):
    data = recordings.file(recordings.tone())
    path = tmp_path / "voice.wav"
    path.write_bytes(data)
    assert np.array_equal(audio.load(path).waveform, audio.load(data).waveform)


def test_the_waveform_cannot_be_changed_by_a_reader(recordings):
    sound = audio.load(recordings.file(recordings.tone()))
    with pytest.raises(ValueError, match="read-only"):
        sound.waveform[0] = 1.0


@pytest.mark.parametrize(
    ("magic", "kind", "format"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "image", "PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "image", "JPEG"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image", "WebP"),
        (b"PK\x03\x04" + bytes(20), "archive", "ZIP"),
        (b"%PDF-1.7\n", "document", "PDF"),
        ("Grüße\n".encode(), "text", "text"),
        (bytes(range(256)), "unknown", "unknown"),
    ],
)
def test_the_type_comes_from_the_content(magic, kind, format):
    info = probe(magic, name="voice.wav")
    assert (info.kind, info.format, info.has_sound) == (kind, format, False)
