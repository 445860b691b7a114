"""Pictures out again: the same pixels give the same bytes, and a sheet gives its tiles back."""

import numpy as np
import pytest

from core.errors import InputError
from core.media import image
from core.media.image_writing import png, sheet, tiles


def noise(*shape):
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def test_a_png_gives_its_pixels_back_and_the_same_bytes_each_time():
    pixels = noise(24, 32, 3)
    assert np.array_equal(image.load(png(pixels)).pixels, pixels)
    assert png(pixels) == png(pixels.copy())


def test_a_grey_picture_can_be_written():
    grey = noise(20, 20)
    assert np.array_equal(image.load(png(grey)).pixels[..., 0], grey)


def test_what_are_no_pixels_is_refused():
    for wrong in (noise(4, 4, 4), noise(4, 4, 3).astype(float), noise(0, 4, 3)):
        with pytest.raises(ValueError, match="uint8 pixels"):
            png(wrong)


def test_a_sheet_gives_its_tiles_back_in_their_places():
    pictures = noise(2, 3, 16, 16, 3)
    laid = sheet(pictures)
    assert laid.shape == (32, 48, 3)
    assert np.array_equal(laid[16:, 16:32], pictures[1, 1])
    assert np.array_equal(tiles(png(laid), 2, 3), pictures)


def test_a_sheet_of_another_layout_is_refused():
    with pytest.raises(InputError, match="no 5 x 2 of equal pictures"):
        tiles(png(sheet(noise(2, 3, 16, 16, 3))), 2, 5)
    with pytest.raises(ValueError, match="R, C, H, W, 3"):
        sheet(noise(3, 16, 16, 3))
