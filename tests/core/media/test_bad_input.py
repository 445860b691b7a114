"""Whatever comes in gives a right result with a note, or one clear sentence; nothing hangs."""

import contextlib
import os
import time
import tracemalloc

import numpy as np
import pytest

from core import settings
from core.errors import InputError
from core.media import audio, probe

NAN = float("nan")


def refused(source, **options):
    """The one sentence of a refusal."""
    with pytest.raises(InputError) as caught:
        audio.load(source, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert 40 < len(text) < 320
    return text


def test_an_empty_file_is_refused():
    assert "is empty (0 bytes)" in refused(b"", name="take1.wav")


def test_silence_is_allowed_and_said(recordings):
    sound = audio.load(recordings.file(np.zeros(16_000, np.float32)))
    assert sound.notes == ("silent",)
    assert sound.level_db == -120


def test_a_tenth_of_a_second_is_allowed_and_said(recordings):
    sound = audio.load(recordings.file(recordings.tone(0.1)))
    assert sound.notes == ("very short: 0.10 s",)
    assert sound.waveform.size == 1600


def test_a_few_samples_are_refused(recordings):
    assert "at least 0.02 s is needed" in refused(recordings.file(recordings.tone(0.005)))


def test_a_header_without_samples_is_refused(recordings):
    assert "holds 0.00 s of sound" in refused(recordings.file(np.zeros(0, np.float32)))


@pytest.mark.parametrize("format", ["FLAC", "WAV", "MP3"])
def test_two_hours_are_refused_at_once(recordings, format):
    settings.override(max_upload_bytes=200 * 2**20)
    if format == "MP3":  # frames follow each other without a header that counts them
        ten_seconds = recordings.tone(10)
        data = 720 * recordings.encoded(ten_seconds, 16_000, "mp3", "libmp3lame", xing=False)
    else:
        data = recordings.file(np.zeros(8000 * 7200, np.int16), 8000, format)
    start = time.monotonic()
    text = refused(data, name="lecture")
    assert time.monotonic() - start < 2
    assert "lecture is 2 h long; at most 10 min can be read" in text


def test_two_hours_of_flac_whose_header_gives_no_length_are_refused(recordings):
    data = bytearray(recordings.file(np.zeros(8000 * 7200, np.int16), 8000, "FLAC"))
    fields = int.from_bytes(data[18:26], "big")  # STREAMINFO: the last 36 bits count the samples
    data[18:26] = (fields >> 36 << 36).to_bytes(8, "big")
    start = time.monotonic()
    assert "goes on for more than 10 min" in refused(bytes(data))
    assert time.monotonic() - start < 2


def test_two_hours_of_webm_whose_header_gives_no_length_are_refused(recordings):
    data = recordings.encoded(recordings.tone(60, 48_000), 48_000, "webm", "libopus", live=True)
    start = time.monotonic()
    assert "can be read" in refused(data, max_seconds=20)
    assert time.monotonic() - start < 2


def test_a_wav_that_claims_two_hours_and_holds_a_second_is_read(recordings):
    data = recordings.wav_with_header(recordings.tone(1, 8000), data_size=8000 * 7200)
    sound = audio.load(data)
    assert sound.seconds == pytest.approx(1.0)
    assert "cut-off file: 1 s of 2 h could be read" in sound.notes


@pytest.mark.parametrize("data_size", [0, 0xFFFFFFFF])
def test_a_streamed_wav_without_a_length_is_read(recordings, data_size):
    data = recordings.wav_with_header(recordings.tone(1, 8000), data_size=data_size)
    sound = audio.load(data)
    assert sound.seconds == pytest.approx(1.0, abs=0.01)
    assert not any("cut-off" in note for note in sound.notes)


def test_more_bytes_than_allowed_are_refused_before_reading(recordings, tmp_path):
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.truncate(2**40)  # a sparse file: reading it would never end
    start = time.monotonic()
    assert "has 1099.5 GB; at most 52.4 MB" in refused(path)
    assert time.monotonic() - start < 1


def test_a_compressed_bomb_is_decoded_in_bounded_memory(recordings):
    frames = np.zeros((48_000 * 60, 8), np.int16)
    data = recordings.file(frames, 48_000, "FLAC")
    assert len(data) < 200_000  # 46 MB of samples, 92 MB as floats
    tracemalloc.start()
    try:
        sound = audio.load(data, max_seconds=60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sound.notes[-1] == "silent"
    assert peak < 20 * 2**20  # the result is 3.8 MB


def test_decoding_stops_at_its_deadline(recordings, monkeypatch):
    from core.media import limits

    short = limits.AudioLimits(max_bytes=10**9, max_seconds=600, max_decode_seconds=0.0)
    monkeypatch.setattr(audio, "audio_limits", lambda seconds: short)
    assert "to decode" in refused(recordings.file(recordings.tone(30, 48_000), 48_000))


@pytest.mark.parametrize("bad", [NAN, float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 9_000, 15_999])
def test_values_that_are_not_numbers_are_refused(recordings, bad, place):
    samples = recordings.tone()
    samples[place] = bad
    text = refused(recordings.file(samples, subtype="FLOAT"), name="take.wav")
    assert text.startswith("take.wav holds values that are not numbers")
    assert "not numbers" in refused((16_000, samples))


def test_a_clipped_recording_is_said_to_be_clipped(recordings):
    sound = audio.load(recordings.file(np.clip(recordings.tone(level=1.3), -1, 1)))
    # |1.3 sin| > 1 for 1 - 2/pi * asin(1/1.3) = 44 % of the time
    note = next(n for n in sound.notes if n.startswith("clipped"))
    assert float(note.split()[1]) == pytest.approx(44, abs=3)


def test_a_loud_sine_is_not_called_clipped(recordings):
    assert audio.load(recordings.file(recordings.tone(level=0.99997))).notes == ()


def test_a_quiet_recording_is_said_to_be_quiet_and_left_alone(recordings):
    sound = audio.load(recordings.file(recordings.tone(level=0.002), subtype="PCM_24"))
    assert sound.notes == ("very quiet: -57 dB of full scale on average",)
    assert np.abs(sound.waveform).max() == pytest.approx(0.002, rel=0.01)


def test_a_float_recording_over_full_scale_is_turned_down(recordings):
    sound = audio.load(recordings.file(recordings.tone(level=3.0), subtype="FLOAT"))
    assert np.abs(sound.waveform).max() <= 1
    assert "louder than full scale (peak 3.0): turned down to fit" in sound.notes


def test_floats_in_the_range_of_integers_are_refused(recordings):
    assert "samples up to 1.638e+04" in refused((16_000, 32767 * recordings.tone()))


def test_a_video_without_sound_is_refused(recordings):
    data = recordings.encoded(None, 1, "mp4", "", video=True, sound=False)
    assert "video without a sound track" in refused(data, name="clip.mp4")


def test_text_renamed_to_wav_is_called_text(tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("dear diary\n" * 100, "utf-8")
    assert "notes.wav is a text file, whatever its name says" in refused(path)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "picture (PNG)"),
        (b"PK\x03\x04" + bytes(50), "archive (ZIP)"),
        (b"%PDF-1.7 ....", "document (PDF)"),
        (b"\x00\x01\x02\x03" * 50, "not known"),
    ],
)
def test_other_types_are_named(data, word):
    assert word in refused(data)


@pytest.mark.parametrize(
    "playlist",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    ],
)
def test_playlists_that_name_other_files_are_only_text(playlist):
    assert "text file" in refused(playlist, name="list.m3u8")


def test_a_truncated_mp3_is_read_as_far_as_it_goes(recordings):
    data = recordings.encoded(recordings.tone(5, 44_100), 44_100, "mp3", "libmp3lame")
    sound = audio.load(data[: len(data) // 2])
    assert sound.seconds == pytest.approx(2.5, abs=0.1)
    assert "cut-off file: 2.5 s of 5 s could be read" in sound.notes


def test_a_truncated_wav_is_read_as_far_as_it_goes(recordings):
    data = recordings.file(recordings.tone(5))
    sound = audio.load(data[: len(data) // 2])
    assert sound.seconds == pytest.approx(2.5, abs=0.01)
    assert "cut-off file: 2.5 s of 5 s could be read" in sound.notes


def test_a_truncated_flac_is_read_as_far_as_it_goes(recordings):
    data = recordings.file(recordings.tone(5), format="FLAC")
    sound = audio.load(data[: len(data) // 2])
    assert 2.0 < sound.seconds < 2.6
    assert any(note.startswith("damaged file") for note in sound.notes)


def test_a_truncated_webm_is_read_as_far_as_it_goes(recordings):
    data = recordings.encoded(recordings.tone(5, 48_000), 48_000, "webm", "libopus")
    sound = audio.load(data[: len(data) // 2])
    assert 2.0 < sound.seconds < 3.0
    assert any(note.startswith("cut-off file") for note in sound.notes)


def test_an_m4a_without_its_end_is_refused(recordings):
    data = recordings.encoded(recordings.tone(5, 44_100), 44_100, "ipod", "aac")
    assert "damaged or cut off" in refused(data[: len(data) // 2])


@pytest.mark.parametrize("size", [4, 12, 20, 30, 40])
@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
def test_the_first_bytes_alone_are_refused(recordings, format, size):
    refused(recordings.file(recordings.tone(), format=format)[:size])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "webm", "ipod", "mp4"])
def test_damaged_bytes_give_sound_or_a_sentence(recordings, kind, seed):
    tone = recordings.tone(1, 48_000)
    if kind.isupper():
        data = bytearray(recordings.file(tone, 48_000, kind))
    else:
        codec = "libopus" if kind == "webm" else "aac"
        data = bytearray(recordings.encoded(tone, 48_000, kind, codec, video=kind == "mp4"))
    rng = np.random.default_rng(seed)
    for place in rng.integers(4, len(data), 30):
        data[place] = rng.integers(256)
    start = time.monotonic()
    with contextlib.suppress(InputError):  # any other error fails the test
        sound = audio.load(bytes(data))
        assert np.isfinite(sound.waveform).all()
        assert np.abs(sound.waveform).max() <= 1
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("rate", [1, 3999, 400_000, 2**31])
def test_impossible_rates_are_refused(recordings, rate):
    data = bytearray(recordings.file(recordings.tone(), 16_000))
    data[24:28] = rate.to_bytes(4, "little")
    text = refused(bytes(data))
    assert "samples a second" in text or "damaged" in text


def test_too_many_channels_are_refused(recordings):
    data = recordings.file(np.zeros((1000, 64), np.float32))
    assert "has 64 channels; 1 to 16 can be read" in refused(data)


def test_a_folder_a_missing_file_and_a_pipe_are_refused(tmp_path):
    assert "is not a file" in refused(tmp_path)
    assert "cannot be opened" in refused(tmp_path / "gone.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert "is not a file" in refused(tmp_path / "pipe.wav")


def test_a_text_is_no_source():
    with pytest.raises(TypeError, match="Path, bytes or"):
        audio.load("/etc/passwd")


def test_a_name_with_a_folder_is_shown_without_it():
    assert refused(b"", name="/home/someone/private/take.wav").startswith("take.wav ")


def test_probe_refuses_what_is_damaged_beyond_reading(recordings):
    data = recordings.encoded(recordings.tone(1, 44_100), 44_100, "ipod", "aac")
    with pytest.raises(InputError, match="damaged or cut off"):
        probe(data[:200], name="voice.m4a")
