"""Between files and requests: uploads in, the pixels that a model sees out. No torch."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.errors import InputError

from . import gallery
from .requests import Crop, Picture
from .results import Seen

if TYPE_CHECKING:
    from core.world.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """A picture as a model gets it.

    Attributes:
        pixels: (size, size, 3) uint8.
        seen: what is known of it.
        scene: its truth, where the whole of a scene is shown; None else.
    """

    pixels: npt.NDArray[np.uint8]
    seen: Seen
    scene: Scene | None = None


def picture_of_file(path: str | Path | None, name: str = "") -> Picture:
    """Keep the content of an uploaded file and name it by its hash.

    Args:
        path: file that Gradio wrote; None when the visitor gave nothing.
        name: what the visitor called it.

    Raises:
        InputError: there is no file, or it is no picture; the text says why.
    """
    if not path:
        raise InputError(
            "There is no picture yet. Any photo or drawing works, and the scenes have a known answer. "
            "Upload one, or choose a scene."
        )
    file = Path(path)
    return picture_of_bytes(file.read_bytes(), name or file.name)


def picture_of_bytes(data: bytes, name: str, crop: Crop | None = None) -> Picture:
    """Probe and keep the content of a picture.

    A scene of the gallery is named by its id, through whichever door it comes back: then its true
    answer is known.

    Raises:
        InputError: it is no picture that can be read.
    """
    from core.media.image import load
    from core.runs import store

    shown = clean_name(name)
    photo = load(
        data, name=shown
    )  # decoded at once: a damaged file is refused here, not in the job
    known = _scenes_by_pixels().get(_digest(photo.pixels))
    if known is not None:
        return Picture(source=f"example:{known}", crop=crop)
    digest = store().put_input(data, "application/octet-stream")
    return Picture(source=f"sha256:{digest}", name=shown, crop=crop)


def _digest(pixels: npt.NDArray[np.uint8]) -> str:
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()


@functools.cache
def _scenes_by_pixels() -> dict[str, str]:
    from core.world.render import render

    entries = list(gallery.examples().values())
    drawn = render([entry.scene for entry in entries])
    return {_digest(pixels): entry.id for pixels, entry in zip(drawn, entries, strict=True)}


def clean_name(name: str) -> str:
    """A file name that is safe to show and to keep: one line, at most 60 characters."""
    words = re.sub(r"[\x00-\x1f\x7f]+", " ", Path(str(name).replace("\\", "/")).name).strip()
    return words[:60] or "picture"


def open_picture(picture: Picture, size: int) -> Opened:
    """The pixels of a request's picture.

    Args:
        picture: what the request names.
        size: side that the model wants, pixels.

    Raises:
        InputError: it is no picture that can be read.
        NotFoundError: there is no such scene or upload (any more).
    """
    if picture.kind == "sha256":
        return _open_upload(picture, size)
    if picture.kind == "example":
        entry = gallery.example(picture.ident)
        scene, caption, name = entry.scene, entry.caption, picture.name or entry.caption
    else:
        scene, caption = gallery.random_scene(int(picture.ident))
        name = picture.name or caption
    return _open_scene(picture, size, scene, caption, name)


def _open_scene(picture: Picture, size: int, scene: Scene, caption: str, name: str) -> Opened:
    from core.media.image import ImageInfo, Photo, cut_square
    from core.world.render import render

    crop = picture.crop
    whole = crop is None or crop.side == 1
    # a part is drawn large enough that cutting it out costs no sharpness
    drawn = size if crop is None or whole else min(2048, round(size / crop.side))
    pixels = render([scene], size=drawn)[0]
    notes: tuple[str, ...] = ()
    if crop is not None and not whole:
        info = ImageInfo(format="scene", width=drawn, height=drawn, mode="RGB")
        photo = Photo(pixels=pixels, source=info)
        pixels, _ = cut_square(photo, size, (crop.left, crop.top, crop.side))
        notes = ("a part of the scene: its true answer is not known",)
    seen = Seen(
        name=name,
        source=picture.source,
        format="scene",
        width=size,
        height=size,
        notes=notes,
        caption=caption,
    )
    return Opened(pixels=pixels, seen=seen, scene=scene if whole else None)


def _open_upload(picture: Picture, size: int) -> Opened:
    from core.media.image import cut_square, load
    from core.runs import store

    name = picture.name or "The picture"
    photo = load(store().get_input(picture.ident), name=name)
    crop = picture.crop
    square = None if crop is None else (crop.left, crop.top, crop.side)
    pixels, notes = cut_square(photo, size, square)
    return Opened(
        pixels=pixels,
        seen=Seen(
            name=name,
            source=picture.source,
            format=photo.source.format,
            width=photo.width,
            height=photo.height,
            notes=(*photo.notes, *notes),
        ),
    )


def kit_of_file(path: str | Path | None, name: str = "") -> tuple[str, str]:
    """Check and keep an uploaded edit kit.

    Returns:
        Its source for a request, and the text that it was learnt for.

    Raises:
        InputError: there is no file, or it is no kit.
    """
    if not path:
        raise InputError(
            "There is no edit kit yet. An edit gives one as kit.zip. Choose the file, or a scene, "
            "which brings its own."
        )
    file = Path(path)
    return kit_of_bytes(file.read_bytes(), name or file.name)


def kit_of_bytes(data: bytes, name: str) -> tuple[str, str]:
    """Do what `kit_of_file` does, for content that was read already."""
    from .kit_file import keep_kit

    return keep_kit(data, clean_name(name))


def check_text(text: str, tier: str) -> None:
    """Refuse a text with words that the embedded model has never seen; the full tier takes any.

    Raises:
        InputError: the words are named, with the nearest known ones.
    """
    if tier != "embedded":
        return
    from core.world.curriculum import small
    from core.world.parsing import check_words

    check_words(text, small())


def true_edit(scene: Scene | None, target: str) -> tuple[Any, str]:
    """The true answer of an edit.

    Returns:
        An `Edit` and an empty text; or None and why no answer is known.
    """
    if scene is None:
        return None, "The true answer is known only for whole scenes of the small world."
    from core.world.curriculum import small
    from core.world.edit import edited
    from core.world.parsing import parse

    try:
        return edited(scene, parse(target, small())), ""
    except InputError as error:
        return None, f"No true answer is known for this text. {error}"
