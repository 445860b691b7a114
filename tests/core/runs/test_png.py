"""Settings inside pictures and files that a visitor drops."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from core.errors import InputError
from core.runs import png

REQUEST = {"kind": "explore", "seed": 3, "text": "ä 漢 \u0000"}


def picture(size=(7, 5)) -> Image.Image:
    return Image.effect_noise(size, 40).convert("RGB")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(body: bytes, kind: bytes = b"iTXt") -> bytes:
    out = io.BytesIO()
    picture().save(out, format="PNG")
    data = out.getvalue()
    return data[:33] + chunk(kind, body) + data[33:]


def zipped(members: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16"])
def test_a_picture_carries_its_request_and_keeps_its_pixels(mode):
    image = Image.new("I;16", (4, 4), 40_000) if mode == "I;16" else picture().convert(mode)
    data = png.write_png(image, REQUEST)
    assert png.read_request(data) == REQUEST
    with Image.open(io.BytesIO(data)) as back:
        back.load()
        assert np.array_equal(np.asarray(back), np.asarray(image))


def test_other_programs_read_the_chunk_as_international_text():
    with Image.open(io.BytesIO(png.write_png(picture(), REQUEST))) as image:
        image.load()
        assert json.loads(image.text["vitrine"]) == REQUEST


def test_a_chunk_written_by_another_program_is_read():
    info = PngImagePlugin.PngInfo()
    info.add_itxt("vitrine", json.dumps(REQUEST), lang="en", tkey="Vitrine")
    for data in (io.BytesIO(), io.BytesIO()):
        picture().save(data, format="PNG", pnginfo=info)
        assert png.read_request(data.getvalue()) == REQUEST


def test_arrays_and_png_bytes_are_accepted():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    first = png.write_png(grey, {"n": 1})
    second = png.write_png(first, {"n": 2})
    assert png.read_request(first) == {"n": 1}
    assert png.read_request(second) == {"n": 2}
    assert second.count(b"iTXt") == 1
    with Image.open(io.BytesIO(second)) as back:
        assert np.array_equal(np.asarray(back), grey)
    assert png.write_png(grey, {"n": 1}) == first


@pytest.mark.parametrize("image", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"x" * 100])
def test_bytes_that_are_no_png_are_refused_when_writing(image):
    with pytest.raises(ValueError, match="not a PNG"):
        png.write_png(image, {})


def test_arrays_outside_0_to_255_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        png.write_png(np.zeros((2, 2), dtype=np.float32), {})
    with pytest.raises(ValueError, match="mode CMYK"):
        png.write_png(Image.new("CMYK", (2, 2)), {})


def test_a_request_too_large_for_a_picture_is_refused():
    with pytest.raises(ValueError, match="carries up to"):
        png.write_png(picture(), {"x": "a" * png.MAX_REQUEST})


def test_a_picture_without_settings_has_none():
    out = io.BytesIO()
    picture().save(out, format="PNG")
    assert png.read_request(out.getvalue()) is None
    assert png.read_request(with_chunk(b"vitrine\0{}", b"tEXt")) is None
    with pytest.raises(InputError, match="without settings"):
        png.read_request_any(out.getvalue(), "shot.png")


def test_every_truncation_of_a_picture_gives_the_request_or_an_input_error():
    data = png.write_png(picture(), REQUEST)
    for length in range(8, len(data)):
        with contextlib.suppress(InputError):
            assert png.read_request(data[:length]) == REQUEST


@pytest.mark.parametrize(
    "body",
    [
        b"vitrine\0",
        b"vitrine\0\0\0",
        b"vitrine\0\0\0{}",
        b"vitrine\0\2\0\0\0{}",
        b"vitrine\0\1\1\0\0" + zlib.compress(b"{}"),
        b"vitrine\0\1\0\0\0not zlib",
        b"vitrine\0\1\0\0\0" + zlib.compress(b"{}") + b"more",
        b"vitrine\0\0\0\0\0[1]",
        b"vitrine\0\0\0\0\0\xff",
        b"vitrine\0\0\0\0\0" + b"[" * 100_000,
        b'vitrine\0\0\0\0\0{"a":NaN}',
        b"vitrine\0\0\0\0\0" + b'{"a":"' + b"x" * png.MAX_REQUEST + b'"}',
    ],
)
def test_a_malformed_chunk_is_refused_in_words(body):
    with pytest.raises(InputError):
        png.read_request(with_chunk(body))


def test_a_wrong_checksum_is_refused():
    data = bytearray(png.write_png(picture(), REQUEST))
    data[data.index(b"iTXt") + 20] ^= 1
    with pytest.raises(InputError, match="damaged"):
        png.read_request(bytes(data))


def test_a_bomb_in_a_chunk_is_refused_without_being_unpacked():
    bomb = zlib.compress(b"0" * 50_000_000, 9)
    start = time.process_time()
    with pytest.raises(InputError):
        png.read_request(with_chunk(b"vitrine\0\1\0\0\0" + bomb))
    assert time.process_time() - start < 0.2


def test_a_picture_of_countless_chunks_is_given_up():
    data = png.SIGNATURE + chunk(b"IHDR", bytes(13)) + chunk(b"teSt", b"") * (png.MAX_CHUNKS + 1)
    with pytest.raises(InputError):
        png.read_request(data)


def test_a_settings_file_says_its_method():
    data = png.settings_file("trill", REQUEST)
    assert png.open_file(data, "s.json") == png.Opened("trill", REQUEST)
    assert png.open_file(b"\xef\xbb\xbf" + data).request == REQUEST  # as Windows editors save it
    assert png.read_request_any(data) == REQUEST
    assert png.open_file(b' {"seed": 1}') == png.Opened(None, {"seed": 1})


def test_a_picture_may_carry_the_method_too():
    data = png.write_png(picture(), json.loads(png.settings_file("trill", REQUEST)))
    assert png.open_file(data, "x.png") == png.Opened("trill", REQUEST)


def test_an_exported_zip_is_opened_by_its_request():
    data = zipped({"trill-1/request.json": png.settings_file("trill", REQUEST), "a/b.txt": b"x"})
    assert png.open_file(data, "x.zip") == png.Opened("trill", REQUEST)


@pytest.mark.parametrize(
    "data",
    [
        zipped({"a.txt": b"x"}),
        zipped({"a/request.json": b"{}", "b/request.json": b"{}"}),
        zipped({"xrequest.json": b"{}"}),
        zipped({"request.json": b"{}"})[:-4],
        zipped({"request.json": b"{}"}) + b"tail",
        zipped({"request.json": b"[]"}),
        zipped({"request.json": b'{"a":"' + b"0" * 50_000_000 + b'"}'}),
        zipped({"request.json": b"{}"}, zipfile.ZIP_LZMA),
        zipped({f"{i:05d}": b"" for i in range(6000)} | {"request.json": b"{}"}),
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\0" * 1000,
    ],
)
def test_a_zip_that_is_no_export_is_refused_in_words(data):
    start = time.process_time()
    with pytest.raises(InputError):
        png.read_request_any(data, "x.zip")
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"\xff\xd8\xff\xe0", b"[1]", b"{", b"\x80\x04K\x01.", b"text", b" " * 99],
)
def test_any_other_file_is_refused_by_name_without_its_folder(data):
    with pytest.raises(InputError) as caught:
        png.read_request_any(data, "C:\\secret\\folder/holiday.gif")
    assert "secret" not in str(caught.value)


def test_a_file_too_large_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(png, "MAX_FILE", 100)
    for data in (png.write_png(picture((64, 64)), {}), b"{" + b" " * 100):
        with pytest.raises(InputError, match="are read"):
            png.read_request_any(data)


@given(st.binary(max_size=300), st.sampled_from([b"", png.SIGNATURE, b"PK\x03\x04", b"{"]))
def test_random_bytes_give_a_request_or_an_input_error(tail, head):
    with contextlib.suppress(InputError):
        assert isinstance(png.read_request_any(head + tail), dict)


@given(st.data())
@hypothesis_settings(max_examples=150)
def test_a_picture_with_changed_bytes_gives_a_request_or_an_input_error(data):
    whole = bytearray(png.write_png(np.zeros((2, 2), np.uint8), REQUEST))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        assert isinstance(png.read_request_any(bytes(whole)), dict)
