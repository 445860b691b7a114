"""What a picture file is, read from its header: size, depth, frames. Nothing is decoded here."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from core import settings
from core.errors import InputError
from core.media.detect import Detected, detect
from core.media.limits import check_bytes

# The readers are called by name, never by guess: `Image.open` would try others on a damaged file.
_READERS: dict[str, Callable[..., ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
}
if AvifImagePlugin.SUPPORTED:
    _READERS["AVIF"] = AvifImagePlugin.AvifImageFile
FORMATS = tuple(_READERS)
_WORKS = ", ".join(FORMATS[:-1]) + f" and {FORMATS[-1]} work"

# What Pillow's readers raise on files that are damaged, or made to confuse them.
DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError,
    ArithmeticError, AssertionError, NotImplementedError, RuntimeError, MemoryError, struct.error,
)  # fmt: skip
_ARTICLES = {"audio": "a recording", "video": "a video", "text": "a text", "archive": "an archive"}
_ORIENTATION = 274  # EXIF tag


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """What a picture may be at most before it is decoded."""

    max_bytes: int
    max_pixels: int = 64_000_000  # 8000 x 8000; under the limit that Pillow itself warns at
    max_side: int = 30_000
    min_side: int = 16  # below that nothing can be recognised


def image_limits() -> ImageLimits:
    """Return the limits of this installation."""
    return ImageLimits(max_bytes=settings.current().max_upload_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What a picture file says of itself.

    Attributes:
        format: "PNG", "JPEG", ...
        width: as stored, pixels; before any rotation that the file asks for.
        height: likewise.
        mode: Pillow's name for how pixels are stored, such as "RGB" or "CMYK".
        bits: of one channel, as far as the header tells; else 8.
        animated: whether there are more frames or pages.
        orientation: as in EXIF, 1 (upright) to 8.
        bytes: size of the file.
    """

    format: str
    width: int
    height: int
    mode: str
    bits: int = 8
    animated: bool = False
    orientation: int = 1
    bytes: int = 0

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height as the picture is meant to be seen."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.height, self.width) if turned else (self.width, self.height)


def probe_image(source: Path | bytes, *, name: str = "") -> ImageInfo:
    """Say what a picture is, without decoding it.

    Args:
        source: a file or its content; nothing in it is trusted.
        name: what to call it in error texts.

    Raises:
        InputError: it is no picture that can be read here, damaged, or beyond the limits.
    """
    name = shown_name(source, name)
    data = content(source, name)
    with opened(data, name) as (_, info):
        return info


def shown_name(source: Path | bytes | object, name: str) -> str:
    """What to call a picture in a sentence."""
    if name:
        return Path(name).name[:80]
    return source.name[:80] if isinstance(source, Path) else "The picture"


def content(source: Path | bytes, name: str) -> bytes:
    """The bytes of a picture, within the limit of uploads.

    Raises:
        InputError: it cannot be opened, is empty or is too large.
    """
    limit = image_limits().max_bytes
    if not isinstance(source, Path):
        check_bytes(len(source), limit, name)
        return bytes(source)
    try:
        if not source.is_file():
            raise InputError(f"{name} is not a file. Choose a single picture.")
        with source.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InputError(
            f"{name} cannot be opened ({error.strerror}). Upload the file once more."
        ) from error
    check_bytes(len(data), limit, name)
    return data


@contextmanager
def opened(data: bytes, name: str) -> Iterator[tuple[ImageFile.ImageFile, ImageInfo]]:
    """Open a picture whose header is within the limits; its pixels are not decoded yet.

    Raises:
        InputError: it cannot be read, also when that shows only inside the `with` block.
    """
    found = detect(data)
    if found.kind != "image" or found.format not in _READERS:
        raise InputError(_refusal(found, name))
    limits = image_limits()
    if (size := _declared(data, found.format)) is not None:
        _check_size(*size, limits, name)  # before a reader makes room for the frame
    try:
        with _READERS[found.format](io.BytesIO(data)) as image:
            _check_size(*image.size, limits, name)
            yield image, _info(image, data, found.format)
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(
            f"{name} is damaged or cut off and cannot be read as {found.format}. {_WORKS}. "
            "Save it again and upload the new file."
        ) from error


def _refusal(found: Detected, name: str) -> str:
    if found.kind == "image":
        return (
            f"{name} is a {found.format} picture, which cannot be read here. {_WORKS}. "
            "Export it as JPEG or PNG; phones can share pictures as JPEG."
        )
    if found.kind == "document":
        what = f"a {found.format} document"
    else:
        what = _ARTICLES.get(found.kind, "no picture that is known here")
    return f"{name} is {what}. {_WORKS}. Choose a picture, or make one with a screenshot."


def _check_size(width: int, height: int, limits: ImageLimits, name: str) -> None:
    if min(width, height) < limits.min_side:
        raise InputError(
            f"{name} has {width} x {height} pixels. At least {limits.min_side} x {limits.min_side} "
            "are needed to recognise anything. Choose a larger picture."
        )
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise InputError(
            f"{name} has {width:,} x {height:,} pixels. Up to {limits.max_pixels / 1e6:.0f} million, "
            f"and {limits.max_side:,} on a side, can be read. Save it at a smaller size."
        )


def _declared(data: bytes, format: str) -> tuple[int, int] | None:
    """Width and height from the first bytes of the formats whose readers allocate at once."""
    if format == "PNG" and data[12:16] == b"IHDR" and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if format == "GIF" and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    if format == "WebP" and len(data) >= 30:
        if data[12:16] == b"VP8X":
            sizes = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
            return next(sizes), next(sizes)
        if data[12:16] == b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _info(image: ImageFile.ImageFile, data: bytes, format: str) -> ImageInfo:
    return ImageInfo(
        format=format,
        width=image.width,
        height=image.height,
        mode=image.mode,
        bits=_bits(image, data, format),
        animated=bool(getattr(image, "is_animated", False)),
        orientation=_orientation(image),
        bytes=len(data),
    )


def _bits(image: Any, data: bytes, format: str) -> int:
    if format == "PNG" and data[12:16] == b"IHDR":
        return data[24]
    if format == "TIFF":
        depth = image.tag_v2.get(258, (8,))  # BitsPerSample
        return int(max(depth)) if isinstance(depth, tuple) else int(depth)
    return 32 if image.mode in ("I", "F") else 16 if image.mode.startswith("I;16") else 8


def _orientation(image: ImageFile.ImageFile) -> int:
    """As the file asks; 1 where its EXIF data is missing or damaged."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except DAMAGE:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
