"""What a file is, by its first bytes. Names and extensions are never believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["audio", "video", "image", "text", "archive", "document", "unknown"]


@dataclass(frozen=True, slots=True)
class Detected:
    """A file format: its short name, its kind, and FFmpeg's name for its reader."""

    kind: Kind
    format: str
    demuxer: str = (
        ""  # empty: FFmpeg is not asked; it may never guess, since it would open playlists
    )
    soundfile: bool = False  # libsndfile reads it


_UNKNOWN = Detected("unknown", "unknown")
_MP3 = Detected("audio", "MP3", "mp3", soundfile=True)
_FLAC = Detected("audio", "FLAC", "flac", soundfile=True)
_AAC = Detected("audio", "AAC", "aac")

# (offset, bytes, format), first match wins
_MAGIC: tuple[tuple[int, bytes, Detected], ...] = (
    (0, b"fLaC", _FLAC),
    (0, b"OggS", Detected("audio", "OGG", "ogg", soundfile=True)),
    (0, b"\x1a\x45\xdf\xa3", Detected("video", "WebM", "matroska")),
    (0, b"FLV\x01", Detected("video", "FLV", "flv")),
    (0, b"caff", Detected("audio", "CAF", "caf", soundfile=True)),
    (0, b".snd", Detected("audio", "AU", "au", soundfile=True)),
    (0, b"riff\x2e\x91\xcf\x11", Detected("audio", "W64", "w64", soundfile=True)),
    (0, b"#!AMR", Detected("audio", "AMR", "amr")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Detected("video", "ASF", "asf")),
    (0, b"\x00\x00\x01\xba", Detected("video", "MPEG", "mpeg")),
    (0, b"\x89PNG\r\n\x1a\n", Detected("image", "PNG")),
    (0, b"\xff\xd8\xff", Detected("image", "JPEG")),
    (0, b"GIF8", Detected("image", "GIF")),
    (0, b"II*\x00", Detected("image", "TIFF")),
    (0, b"MM\x00*", Detected("image", "TIFF")),
    (0, b"BM", Detected("image", "BMP")),
    (0, b"%PDF", Detected("document", "PDF")),
    (0, b"PK\x03\x04", Detected("archive", "ZIP")),
    (0, b"\x1f\x8b", Detected("archive", "GZIP")),
    (0, b"7z\xbc\xaf\x27\x1c", Detected("archive", "7Z")),
    (0, b"\xfd7zXZ", Detected("archive", "XZ")),
)
_RIFF = {
    b"WAVE": Detected("audio", "WAV", "wav", soundfile=True),
    b"AVI ": Detected("video", "AVI", "avi"),
    b"WEBP": Detected("image", "WebP"),
}
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"avif", b"hevc")
_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def detect(data: bytes) -> Detected:
    """Return the format of a file from its content (the first 4 KB are enough, ID3 tags aside)."""
    for offset, magic, found in _MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return found
    if data[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX"):
        return _RIFF.get(data[8:12], _UNKNOWN)
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return Detected("audio", "AIFF", "aiff", soundfile=True)
    if data[4:8] in _ATOMS:
        return _iso_media(data)
    if data[:3] == b"ID3":
        return _after_id3(data)
    if len(data) > 188 and data[0] == 0x47 and data[188] == 0x47:
        return Detected("video", "MPEG-TS", "mpegts")
    return _mpeg_audio(data) or (Detected("text", "text") if _is_text(data[:4096]) else _UNKNOWN)


def _iso_media(data: bytes) -> Detected:
    brand = data[8:12]
    if data[4:8] == b"ftyp" and brand in _STILL_BRANDS:
        return Detected("image", "AVIF" if brand == b"avif" else "HEIC")
    if brand in (b"M4A ", b"M4B "):
        return Detected("audio", "M4A", "mov")
    return Detected("video", "MP4", "mov")


def _after_id3(data: bytes) -> Detected:
    """Look behind an ID3 tag, whose length is four bytes of seven bits."""
    if len(data) < 10:
        return _UNKNOWN
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    rest = data[10 + size : 14 + size]
    if rest == b"fLaC":
        return _FLAC
    return _mpeg_audio(rest) or _MP3


def _mpeg_audio(data: bytes) -> Detected | None:
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    if data[1] & 0xF6 == 0xF0:  # layer bits 00: an ADTS header
        return _AAC
    is_valid = data[1] & 0x06 and data[2] >> 4 != 15 and (data[2] >> 2) & 3 != 3
    return _MP3 if is_valid else None


def _is_text(head: bytes) -> bool:
    if not head or b"\x00" in head:
        return False
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character may be cut at the end of the sample
            return False
        text = head[: error.start].decode("utf-8")
    strange = sum(1 for c in text if ord(c) < 32 and c not in "\t\n\r\f\x1b")
    return strange == 0
