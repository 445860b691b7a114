"""A picture from outside as upright RGB pixels, with a note for everything that was done to it.

Files are probed before they are decoded (`image_probe`), and only pixels come out: place, camera and other
metadata are dropped. Nothing is repaired in silence.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from core.errors import InputError
from core.media.image_probe import (
    DAMAGE,
    FORMATS,
    ImageInfo,
    ImageLimits,
    content,
    image_limits,
    opened,
    probe_image,
    shown_name,
)

__all__ = ["FORMATS", "ImageInfo", "ImageLimits", "Photo", "image_limits", "load", "probe_image"]

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_CHANNELS = {"RGB": 3, "CMYK": 4, "L": 1}  # of the colour profiles that are applied


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photo:
    """A picture, ready to be cut and scaled."""

    pixels: npt.NDArray[np.uint8]  # (H, W, 3) RGB, upright
    source: ImageInfo
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.pixels.shape[0]


def load(source: Path | bytes, *, name: str = "") -> Photo:
    """Read a picture of any usual format as upright 8-bit RGB.

    Args:
        source: a file or its content; nothing in it is trusted.
        name: what to call it in error texts.

    Returns:
        The picture with notes such as "transparent parts put on white".

    Raises:
        InputError: it cannot be used; the text says why and what to do.
    """
    name = shown_name(source, name)
    with opened(content(source, name), name) as (image, info):
        notes: list[str] = []
        if info.animated:
            what = "page" if info.format == "TIFF" else "frame"
            notes.append(f"several {what}s: the first {what} is used")
        size = image.size
        image.load()
        if image.size != size:  # a frame outside its own screen
            raise ValueError("the frame is larger than the header says")
        plain = _rgb(image, info, notes)
        if info.orientation in _TURNS:
            plain = plain.transpose(_TURNS[info.orientation])
            notes.append("turned upright as the camera asked for")
        return Photo(pixels=np.asarray(plain, np.uint8).copy(), source=info, notes=tuple(notes))


def _rgb(image: Any, info: ImageInfo, notes: list[str]) -> Image.Image:
    """The picture as RGB on white, in the colours of sRGB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_deep(image, notes)
    if info.bits > 8:
        notes.append(f"{info.bits} bits for each channel reduced to 8")
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        image = _on_white(image.convert("RGBA"), notes)
    if image.mode == "1":
        image = image.convert("L")
    if profile and image.mode in _CHANNELS:
        image = _in_srgb(image, profile, notes)
    if image.mode == "CMYK":
        notes.append("print colours (CMYK) turned into screen colours")
    return image.convert("RGB")


def _from_deep(image: Any, notes: list[str]) -> Image.Image:
    """Grey values of 16 or 32 bits: whole 16-bit ones by their range, others by their extremes."""
    values = np.asarray(image, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("some grey values are no numbers")
    if image.mode.startswith("I") and values.min() >= 0 and 255 < values.max() < 65536:
        notes.append("16 bits of grey reduced to 8")
        low, high = 0.0, 65535.0
    else:
        low, high = float(values.min()), float(values.max())
        notes.append(f"grey values from {low:g} to {high:g} spread from black to white")
    scaled = np.rint((values - low) * (255.0 / max(high - low, 1e-12)))
    return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")


def _on_white(image: Image.Image, notes: list[str]) -> Image.Image:
    low, _ = image.getchannel("A").getextrema()
    if low == 255:
        return image.convert("RGB")
    notes.append("transparent parts put on white")
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    ground.alpha_composite(image)
    return ground.convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """Apply the file's own colour profile; cameras and print work often use others than sRGB."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        said: Any = own.profile
        space = said.xcolor_space.strip()
        if {"RGB": 3, "CMYK": 4, "GRAY": 1}.get(space) != _CHANNELS[image.mode]:
            return image
        if "sRGB" in (said.profile_description or ""):
            return image
        made = ImageCms.profileToProfile(
            image, own, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, *DAMAGE):
        notes.append("its colour profile is damaged and was left out")
        return image
    if made is None:
        return image
    notes.append("colours brought from the file's own profile to sRGB")
    return made


def cut_square(
    photo: Photo,
    size: int,
    crop: tuple[float, float, float] | None = None,
) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """Cut a square out of a picture and scale it.

    A square that has the size already keeps its bytes. Shrinking averages over areas, so that a picture
    which was enlarged by a whole factor comes back exactly; enlarging uses Lanczos.

    Args:
        photo: the picture.
        size: side of the result, pixels.
        crop: left and top edge as shares of width and height, and the side as a share of the shorter
            side; None is the largest square in the middle.

    Returns:
        (size, size, 3) uint8, and what was done in words.

    Raises:
        InputError: the crop is no part of a picture.
    """
    width, height = photo.width, photo.height
    short = min(width, height)
    notes: list[str] = []
    if crop is None:
        side, left, top = short, (width - short) // 2, (height - short) // 2
        if width != height:
            notes.append(f"the largest square in the middle of {width} x {height} pixels is used")
    else:
        x, y, share = crop
        if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < share <= 1):
            raise InputError(
                f"The crop {crop} lies outside of the picture. Edges are shares from 0 to 1, and the "
                "side is above 0. Draw it again."
            )
        side = max(1, round(short * share))
        left, top = round(x * width), round(y * height)
        inside = min(left, width - side), min(top, height - side)
        if max(left - inside[0], top - inside[1]) > 1:  # more than rounding
            notes.append("the crop reached over the edge and was moved inside")
        left, top = inside
    if side < size:
        notes.append(
            f"{side} x {side} pixels enlarged to {size} x {size}: details cannot come back"
        )
    elif side > size:
        notes.append(f"{side} x {side} pixels scaled to {size} x {size}")
    part = photo.pixels[top : top + side, left : left + side]
    return scaled(part, size), tuple(notes)


def scaled(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Scale a square picture (H, H, 3) to `size`: by areas when it shrinks, by Lanczos when it grows."""
    if len(pixels) == size:
        return np.ascontiguousarray(pixels)
    method = Image.Resampling.BOX if len(pixels) > size else Image.Resampling.LANCZOS
    made = Image.fromarray(np.ascontiguousarray(pixels)).resize((size, size), method)
    return np.asarray(made, np.uint8).copy()
