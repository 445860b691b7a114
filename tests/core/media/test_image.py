"""Pictures at the edge: every usual format read right, every bad one refused in words."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from core import settings
from core.errors import InputError
from core.media import image
from core.media.image_probe import FORMATS

RED, GREEN, BLUE = (200, 30, 40), (20, 160, 60), (10, 40, 190)


def corners(width=40, height=30):
    """Red left half, green right half, a blue bar at the top: every turn of it differs."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = RED, GREEN
    pixels[: height // 3] = BLUE
    return pixels


def saved(pixels, format="PNG", mode=None, **options):
    made = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels, mode=None)
    if mode:
        made = made.convert(mode)
    target = io.BytesIO()
    made.save(target, format, **options)
    return target.getvalue()


def empty_png(width, height):
    """A PNG that only claims its size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for tag, data in ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    return out


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("GIF", {}),
    ],
)
def test_every_usual_format_gives_its_pixels(format, options):
    if format == "AVIF" and "AVIF" not in FORMATS:
        pytest.skip("this build of Pillow reads no AVIF")
    photo = image.load(saved(corners(), format, **options), name="a picture")
    assert photo.pixels.shape == (30, 40, 3)
    assert photo.source.format.upper() == format
    assert (photo.source.width, photo.source.height) == (40, 30)
    inner = np.abs(photo.pixels.astype(int) - corners())[12:28, 4:16]
    assert inner.max() <= 4
    assert photo.notes == ()


def test_lossless_formats_keep_every_byte():
    for format in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(image.load(saved(corners(), format)).pixels, corners())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_whatever_way_the_camera_was_held(orientation):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = Image.fromarray(corners())
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(stored, "PNG", exif=exif)
    photo = image.load(data)
    assert np.array_equal(photo.pixels, corners())
    assert image.probe_image(data).shown_size == (40, 30)
    assert ("turned upright as the camera asked for" in photo.notes) == (orientation > 1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow's own words, for the log
def test_a_damaged_exif_block_costs_the_turn_and_not_the_picture():
    data = saved(corners(), "PNG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert np.array_equal(image.load(data).pixels, corners())


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_stand_on_white(mode):
    made = Image.fromarray(corners()).convert(mode)
    alpha = Image.new("L", made.size, 255)
    alpha.paste(0, (0, 0, 20, 30))
    made.putalpha(alpha)
    photo = image.load(saved(made))
    assert (photo.pixels[:, :20] == 255).all()
    assert not (photo.pixels[:, 20:] == 255).any()
    assert "transparent parts put on white" in photo.notes


def test_a_palette_with_a_transparent_colour_stands_on_white():
    made = Image.fromarray(corners()).quantize(8)
    index = made.getpixel((2, 20))
    photo = image.load(saved(made, "GIF", transparency=index))
    assert (photo.pixels[20, 2] == 255).all()
    assert tuple(photo.pixels[20, 38]) == GREEN


def test_an_alpha_channel_that_hides_nothing_is_not_mentioned():
    assert image.load(saved(Image.fromarray(corners()).convert("RGBA"))).notes == ()


def test_half_transparent_means_half_white():
    made = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    assert abs(int(image.load(saved(made)).pixels[5, 5, 0]) - 127) <= 1


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_print_colours_become_screen_colours(format):
    made = Image.new("CMYK", (20, 20), (0, 255, 255, 0))  # red ink
    photo = image.load(saved(made, format))
    assert photo.pixels[10, 10, 0] > 240
    assert photo.pixels[10, 10, 1:].max() < 15
    assert any("CMYK" in note for note in photo.notes)


def test_sixteen_bits_of_grey_keep_their_brightness():
    ramp = np.linspace(0, 65535, 400).reshape(20, 20).astype(np.uint16)
    for format in ("PNG", "TIFF"):
        photo = image.load(saved(Image.fromarray(ramp), format))
        assert np.abs(photo.pixels[..., 0].astype(float) - ramp / 257).max() <= 0.51
        assert any("16 bits" in note for note in photo.notes)


def test_sixteen_bits_of_colour_keep_their_brightness():
    width = height = 20
    rows = b"".join(
        b"\x00" + struct.pack(">3H", 0xC800, 0x1E00, 0x2800) * width for _ in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for tag, part in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        data += (
            struct.pack(">I", len(part)) + tag + part + struct.pack(">I", zlib.crc32(tag + part))
        )
    photo = image.load(data)
    assert tuple(photo.pixels[3, 3]) == (200, 30, 40)
    assert photo.source.bits == 16
    assert any("16 bits" in note for note in photo.notes)


def test_grey_values_without_a_range_are_spread_and_that_is_said():
    values = np.linspace(-3.0, 5.0, 400, dtype=np.float32).reshape(20, 20)
    photo = image.load(saved(Image.fromarray(values), "TIFF"))
    assert photo.pixels.min() == 0
    assert photo.pixels.max() == 255
    assert any("-3 to 5" in note for note in photo.notes)


def test_grey_values_that_are_no_numbers_are_refused():
    values = np.full((20, 20), np.nan, np.float32)
    with pytest.raises(InputError, match="damaged"):
        image.load(saved(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_used_and_that_is_said(format):
    first, second = Image.fromarray(corners()), Image.new("RGB", (40, 30), GREEN)
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(first, format, save_all=True, append_images=[second], **options)
    photo = image.load(data)
    assert np.abs(photo.pixels[20, 2].astype(int) - RED).max() <= 4
    what = "page" if format == "TIFF" else "frame"
    assert f"several {what}s: the first {what} is used" in photo.notes


def test_black_and_white_and_grey_pictures_are_read():
    grey = Image.fromarray(corners()).convert("L")
    assert np.array_equal(image.load(saved(grey)).pixels[..., 1], np.asarray(grey))
    dots = Image.new("1", (20, 20), 1)
    assert (image.load(saved(dots)).pixels == 255).all()


def test_colours_of_another_profile_are_brought_to_srgb():
    lab = ImageCms.createProfile("LAB")
    assert lab is not None
    swapped = _swapped_profile()
    photo = image.load(saved(corners(), "PNG", icc_profile=swapped))
    assert any("profile" in note for note in photo.notes)
    red, green = photo.pixels[20, 2].astype(int), photo.pixels[20, 38].astype(int)
    assert red[1] > red[0], "the profile says that its first colorant is green"
    assert green[0] > green[1]


def _swapped_profile():
    """An sRGB profile whose red and green colorants change places."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for i in range(struct.unpack(">I", data[128:132])[0]):
        at = 132 + 12 * i
        tags[bytes(data[at : at + 4])] = at
    one, two = tags[b"rXYZ"], tags[b"gXYZ"]
    data[one : one + 4], data[two : two + 4] = b"gXYZ", b"rXYZ"
    description = data.find(b"s\x00R\x00G\x00B")
    if description > 0:  # not called sRGB any more
        data[description : description + 7] = b"o\x00d\x00d\x00 "
    plain = data.find(b"sRGB")
    if plain > 0:
        data[plain : plain + 4] = b"oddd"
    return bytes(data)


def test_a_damaged_profile_is_left_out_and_that_is_said():
    photo = image.load(saved(corners(), "PNG", icc_profile=b"not a profile at all"))
    assert np.array_equal(photo.pixels, corners())
    assert any("profile is damaged" in note for note in photo.notes)


def test_place_and_camera_do_not_leave_with_the_pixels():
    exif = Image.Exif()
    exif[271] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    photo = image.load(saved(corners(), "JPEG", exif=exif))
    assert not {"exif", "info", "metadata"} & set(dir(photo))
    from core.media.image_writing import png

    assert b"A camera" not in png(photo.pixels)


# --- what cannot be used ------------------------------------------------------------------------


def test_a_huge_picture_is_refused_by_its_header_without_making_room_for_it():
    data = empty_png(20_000, 20_000)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="20,000 x 20,000"):
            image.load(data, name="huge.png")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(40),
        b"RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(4) + b"\xff\xff\x3f\xff\xff\x3f" + bytes(40),
        b"RIFF\x40\x00\x00\x00WEBPVP8L\x20\x00\x00\x00\x2f\xff\xff\xff\x0f" + bytes(40),
    ],
)  # fmt: skip
def test_headers_of_other_formats_that_claim_too_much_are_refused(data):
    with pytest.raises(InputError, match="pixels"):
        image.load(data)


def test_our_limit_of_pixels_lies_below_pillows_own():
    assert image.image_limits().max_pixels < Image.MAX_IMAGE_PIXELS


def test_one_pixel_is_too_small_to_be_a_picture():
    with pytest.raises(InputError, match=r"1 x 1 pixels\. At least 16 x 16"):
        image.load(saved(np.zeros((1, 1, 3), np.uint8)))


def test_a_pdf_named_png_is_called_a_pdf():
    with pytest.raises(InputError, match=r"holiday\.png is a PDF document.*PNG, JPEG"):
        image.load(b"%PDF-1.7\n%\xe2\xe3\n1 0 obj", name="holiday.png")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"fLaC" + bytes(60), "is a recording"),
        (b"\x1a\x45\xdf\xa3" + bytes(60), "is a video"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "is a text"),
        (b"PK\x03\x04" + bytes(60), "is an archive"),
        (bytes(range(1, 200)) * 3, "no picture that is known"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(40), "HEIC.*phones can share"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(data, words):
    with pytest.raises(InputError, match=words):
        image.load(data, name="file")


def test_an_empty_and_an_oversized_file_are_refused():
    with pytest.raises(InputError, match="empty"):
        image.load(b"")
    settings.override(max_upload_bytes=1000)
    with pytest.raises(InputError, match="at most 1 kB"):
        image.load(saved(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)))


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nothing.png"):
        with pytest.raises(InputError, match="not a file"):
            image.load(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_file_that_breaks_off_is_refused_in_words(format):
    data = saved(np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8), format)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(InputError, match=r"damaged|no picture|pixels"):
            image.load(data[: int(len(data) * share)], name="photo")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own words, for the log
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bytes_give_a_picture_or_a_sentence(format, data):
    whole = bytearray(saved(corners(), format))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    try:
        photo = image.load(bytes(whole), name="photo")
    except InputError:  # anything else would reach the visitor as a fault of the program
        return
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape[2] == 3


# --- cutting and scaling ------------------------------------------------------------------------


def photo_of(pixels):
    return image.load(saved(pixels))


def test_a_picture_of_the_right_size_keeps_its_bytes():
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    cut, notes = image.cut_square(photo_of(pixels), 64)
    assert np.array_equal(cut, pixels)
    assert notes == ()


@pytest.mark.parametrize("factor", [2, 5, 8])
def test_a_picture_enlarged_by_a_whole_factor_comes_back_exactly(factor):
    pixels = np.random.default_rng(2).integers(0, 255, (32, 32, 3), np.uint8)
    large = pixels.repeat(factor, 0).repeat(factor, 1)
    assert np.array_equal(image.cut_square(photo_of(large), 32)[0], pixels)


def test_without_a_crop_the_middle_square_is_used_and_that_is_said():
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = RED
    cut, notes = image.cut_square(photo_of(wide), 32)
    assert (cut == RED).all()
    assert any("largest square in the middle of 96 x 32" in note for note in notes)


@pytest.mark.parametrize(
    ("crop", "colour"),
    [((0.0, 0.0, 0.5), RED), ((0.5, 0.0, 0.5), GREEN), ((0.0, 0.5, 0.5), BLUE)],
)
def test_a_crop_is_cut_where_it_was_drawn(crop, colour):
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32, :32], pixels[:32, 32:], pixels[32:, :32] = RED, GREEN, BLUE
    cut, _ = image.cut_square(photo_of(pixels), 32, crop)
    assert (cut == colour).all()


def test_a_crop_over_the_edge_is_moved_inside_and_that_is_said():
    cut, notes = image.cut_square(photo_of(corners(64, 64)), 32, (0.9, 0.9, 0.5))
    assert cut.shape == (32, 32, 3)
    assert any("moved inside" in note for note in notes)


def test_a_crop_outside_of_every_picture_is_refused():
    for crop in ((1.5, 0, 0.5), (0, -0.1, 0.5), (0, 0, 0), (0, 0, float("nan"))):
        with pytest.raises(InputError, match="outside of the picture"):
            image.cut_square(photo_of(corners()), 32, crop)


def test_enlarging_is_said_and_shrinking_too():
    _, notes = image.cut_square(photo_of(corners(20, 20)), 64)
    assert any("enlarged to 64 x 64" in note for note in notes)
    _, notes = image.cut_square(photo_of(corners(640, 640)), 64)
    assert any("scaled to 64 x 64" in note for note in notes)


@given(
    width=st.integers(16, 300), height=st.integers(16, 300), x=st.floats(0, 1), y=st.floats(0, 1),
    side=st.floats(0.01, 1.0), size=st.sampled_from([8, 64]),
)  # fmt: skip
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_crop_of_any_picture_gives_a_square_of_the_size(width, height, x, y, side, size):
    photo = image.Photo(
        pixels=np.full((height, width, 3), 7, np.uint8),
        source=image.ImageInfo(format="PNG", width=width, height=height, mode="RGB"),
    )
    cut, _ = image.cut_square(photo, size, (x, y, side))
    assert cut.shape == (size, size, 3)
    assert (cut == 7).all()
