"""Recordings of every kind, made on the spot."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile


class Recordings:
    """Makes sound as arrays and as files."""

    @staticmethod
    def tone(seconds=1.0, rate=16_000, hz=440.0, level=0.5):
        """A sine (n,) float32."""
        return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(
            np.float32
        )

    @staticmethod
    def file(samples, rate=16_000, format="WAV", subtype=None):
        """A file written by libsndfile."""
        target = io.BytesIO()
        soundfile.write(target, samples, rate, format=format, subtype=subtype)
        return target.getvalue()

    @staticmethod
    def encoded(samples, rate, container, codec, *, video=False, sound=True, live=False, xing=True):
        """A file written by FFmpeg; `live` as a browser records: no length in the header."""
        target = _Unseekable() if live else io.BytesIO()
        options = {"live": "1"} if live and container == "webm" else {}
        if live and container == "mp4":
            options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        if not xing:  # no ID3 tag and no frame that counts the others
            options = {"write_xing": "0", "id3v2_version": "0"}
        with av.open(target, "w", format=container, options=options) as out:
            picture = _add_picture(out, container) if video else None
            if sound:
                _write_sound(out, samples, rate, codec)
            if picture is not None:
                _write_picture(out, picture)
        return target.getvalue()

    @staticmethod
    def wav_with_header(samples, rate=8000, *, data_size):
        """A mono 8-bit WAV whose header claims `data_size` bytes of samples."""
        body = (samples * 127 + 128).astype(np.uint8).tobytes()
        head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", (36 + data_size) & 0xFFFFFFFF, b"WAVE",
                           b"fmt ", 16, 1, 1, rate, rate, 1, 8)  # fmt: skip
        return head + struct.pack("<4sI", b"data", data_size) + body


class _Unseekable(io.BytesIO):
    def seekable(self):
        return False


def _add_picture(out, container):
    stream = out.add_stream("libvpx" if container == "webm" else "mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    return stream


def _write_picture(out, stream):
    for index in range(10):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index * 20, np.uint8))
        frame.pts, frame.time_base = index, Fraction(1, 10)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def _write_sound(out, samples, rate, codec):
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    stream = out.add_stream(codec, rate=rate)
    stream.layout = layout
    planes = samples.reshape(-1, channels).T
    for start in range(0, planes.shape[1], rate):
        block = np.ascontiguousarray(planes[:, start : start + rate], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, start
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


@pytest.fixture
def recordings():
    return Recordings
