"""Pictures out again: a PNG, a sheet of equal tiles, and its tiles back."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.errors import InputError

_LEVEL = 6  # of deflate: twice as fast as the highest, and a few per cent larger


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A lossless file of a picture; the same pixels give the same bytes.

    Args:
        pixels: (H, W, 3) RGB or (H, W) grey, uint8.

    Raises:
        ValueError: these are no pixels.
    """
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not fits or pixels.size == 0:
        raise ValueError(f"uint8 pixels are needed, not {pixels.dtype} {pixels.shape}")
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(target, "PNG", compress_level=_LEVEL)
    return target.getvalue()


def sheet(tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Put pictures side by side without gaps: (R, C, H, W, 3) to (R * H, C * W, 3).

    Raises:
        ValueError: there are not five axes.
    """
    if tiles.ndim != 5:
        raise ValueError(f"tiles have the shape (R, C, H, W, 3), not {tiles.shape}")
    rows, columns, height, width, channels = tiles.shape
    return tiles.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def tiles(data: bytes, rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """The pictures of a sheet that `png(sheet(...))` wrote, (R, C, H, W, 3).

    Raises:
        InputError: the file is no such sheet.
    """
    from core.media.image import load

    pixels = load(data, name="The sheet").pixels
    height, rest_y = divmod(pixels.shape[0], rows)
    width, rest_x = divmod(pixels.shape[1], columns)
    if rest_x or rest_y:
        raise InputError(
            f"The sheet has {pixels.shape[1]} x {pixels.shape[0]} pixels, which is no {columns} x "
            f"{rows} of equal pictures. Use the file that belongs to this result."
        )
    cut = pixels.reshape(rows, height, columns, width, 3)
    return np.ascontiguousarray(cut.transpose(0, 2, 1, 3, 4))
