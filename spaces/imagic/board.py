"""The board at the left of the page: which picture is edited, which part of it, and words that fit.

The picture that stands on the board travels as a small JSON text (`held`), because the square that a
visitor draws changes it in the browser, without a round trip.
"""

from __future__ import annotations

import base64
import functools
import io
import json
from collections.abc import Sequence
from typing import Any

from core.errors import InputError, NotFoundError
from core.ui import pictures

from . import gallery
from .charts import text
from .requests import Crop, Picture

LONGEST = 640  # pixels of the longer side of what the browser gets of an upload
SMALL = 64  # side of the pictures that the embedded model sees
_WORDS_SHOWN = 6  # texts that are offered for one scene

# Choosing a scene, dropping, pasting; a text of the chips goes into the text field; words that the small
# model has never seen are named while they are typed.
BOARD_JS = """
const input = () => document.getElementById("im-bring")?.parentElement.querySelector("input[type=file]");
const give = (files) => {
const images = [...files].filter((file) => !/[.](zip|json)$/i.test(file.name));
if (!images.length || !input()) return false;
const moved = new DataTransfer();
moved.items.add(images[0]);
input().files = moved.files;
input().dispatchEvent(new Event("change", { bubbles: true }));
return true;
};
element.addEventListener("click", ({ target }) => {
const scene = target.closest("[data-scene]");
if (scene) trigger("scene", { id: scene.dataset.scene });
});
element.addEventListener("drop", (event) => {
if (event.dataTransfer?.files.length && give(event.dataTransfer.files)) event.preventDefault();
});
element.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("paste", (event) => {
if (event.clipboardData?.files.length && give(event.clipboardData.files)) event.preventDefault();
});
"""
HELD_JS = """
document.addEventListener("vt-crop", ({ detail }) => {
try { props.value = JSON.stringify({ ...JSON.parse(props.value), crop: detail }); } catch (error) { /* nothing is held */ }
});
"""
WORDS_JS = """
const field = () => document.querySelector("#im-target textarea, #im-target input");
const look = () => {
const out = element.querySelector(".im-unknown"), known = element.querySelector("[data-known]")?.dataset.known;
if (!out) return;
const words = known ? (field()?.value.toLowerCase().match(/[a-z]+/g) || []) : [];
const list = new Set(known?.split(" "));
const strange = [...new Set(words)].filter((word) => !list.has(word));
const typing = document.activeElement === field() ? strange.filter((word) => !known.match(new RegExp("(^| )" + word))) : strange;
out.textContent = typing.length ? "This small world does not know: " + typing.join(", ") : "";
};
element.addEventListener("click", ({ target }) => {
const chip = target.closest("[data-text]");
if (!chip || !field()) return;
field().value = chip.dataset.text;
field().dispatchEvent(new Event("input", { bubbles: true }));
look();
});
document.addEventListener("input", ({ target }) => { if (target === field()) look(); });
document.addEventListener("focusout", ({ target }) => { if (target === field()) setTimeout(look); });
watch("value", look);
"""


def held(picture: Picture | None) -> str:
    """What stands on the board as JSON; an empty text for an empty board."""
    if picture is None:
        return ""
    crop = picture.crop
    box = None if crop is None else {"left": crop.left, "top": crop.top, "side": crop.side}
    return json.dumps({"source": picture.source, "name": picture.name, "crop": box})


def picture_of(told: Any) -> Picture:
    """The picture that the browser names, checked like every other input.

    Raises:
        InputError: the board is empty, or what came is no picture.
    """
    try:
        data = json.loads(told) if told else None
    except (TypeError, ValueError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("source"), str):
        raise InputError(
            "There is no picture yet. One picture is edited at a time. "
            "Choose a scene, or bring a picture of your own."
        )
    box = data.get("crop")
    crop = None
    if isinstance(box, dict):
        names = ("left", "top", "side")
        if not all(isinstance(box.get(name), int | float) for name in names):
            raise InputError(
                "The square on the picture cannot be read. Three numbers place it. Draw it again."
            )
        crop = Crop(**{name: round(min(max(float(box[name]), 0.0), 1.0), 4) for name in names})
    return Picture(source=data["source"], name=str(data.get("name") or "")[:60], crop=crop)


def data_url(pixels: Any) -> str:
    """Pixels (H, W, 3) uint8 as a data address: PNG while small, WebP above."""
    from PIL import Image

    image = Image.fromarray(pixels)
    out = io.BytesIO()
    small = max(image.size) <= 2 * SMALL
    if small:
        image.save(out, "PNG")
    else:
        image.save(out, "WEBP", quality=88, method=2)
    kind = "png" if small else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"


def thumbs(chosen: str) -> str:
    """The scenes of the gallery as buttons; `chosen` is the source of what stands on the board."""
    made = ""
    for entry in gallery.examples().values():
        on = str(chosen == f"example:{entry.id}").lower()
        made += (
            f'<button type="button" data-scene="{text(entry.id)}" aria-pressed="{on}" '
            f'title="{text(entry.caption)} → {text(entry.target)}">'
            + pictures.plate(f"example/imagic/{entry.id}", entry.caption, lazy=True)
            + "</button>"
        )
    return (
        '<div class="im-thumbs" role="group" aria-label="Scenes with a known answer, ready to look at">'
        f"{made}</div>"
    )


def board(picture: Picture | None) -> str:
    """The board with what stands on it.

    Raises:
        InputError: it is no picture that can be used.
    """
    if picture is None:
        return _board('<div class="im-none">Choose a scene, or drop a picture here.</div>', "", "")
    if picture.kind != "sha256":
        url, caption = scene_view(picture)
        shown = pictures.plate(url, caption)
        return _board(shown, f"<p>{text(caption)}</p>", picture.source)
    url, width, height, notes = upload_view(picture)
    crop = picture.crop
    short = min(width, height)
    box = (
        ((width - short) / 2 / width, (height - short) / 2 / height, 1.0)
        if crop is None
        else (crop.left, crop.top, crop.side)
    )
    drawn = pictures.crop(url, picture.title, box, width=width, height=height)
    said = " · ".join(notes)
    side = (
        f'<canvas width="{SMALL}" height="{SMALL}" role="img" '
        'aria-label="The part that is used, as the small model sees it"></canvas>'
        f"<p>{text(picture.title)}<br><small>Move the square and pull its corner. Beside it: what "
        f"the small model gets, {SMALL} × {SMALL} pixels. {text(said)}</small></p>"
    )
    return _board(drawn, side, picture.source, wide=True)


def _board(shown: str, side: str, chosen: str, *, wide: bool = False) -> str:
    kind = " im-wide" if wide else ""
    return (
        f'<div class="im im-board{kind}" data-crops><div class="im-chosen">{shown}</div>'
        f'<div class="im-side">{side}{thumbs(chosen)}</div></div>'
    )


def scene_view(picture: Picture) -> tuple[str, str]:
    """Address and caption of a scene of the gallery or of a random one.

    Raises:
        NotFoundError: the gallery has no such scene.
    """
    if picture.kind == "example":
        entry = gallery.example(picture.ident)
        return f"example/imagic/{entry.id}", entry.caption
    from core.world.render import render

    scene, caption = gallery.random_scene(int(picture.ident))
    return data_url(render([scene])[0]), caption


@functools.lru_cache(maxsize=32)
def _uploaded(digest: str, name: str) -> tuple[str, int, int, tuple[str, ...]]:
    import numpy as np
    from PIL import Image

    from core.media import image
    from core.runs import store

    photo = image.load(store().get_input(digest), name=name)
    shown = Image.fromarray(photo.pixels)
    shown.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return data_url(np.asarray(shown)), photo.width, photo.height, photo.notes


def upload_view(picture: Picture) -> tuple[str, int, int, tuple[str, ...]]:
    """Address of a smaller copy of an upload, its true width and height, and what was done to it.

    Raises:
        InputError: the upload is gone, or is no picture.
    """
    try:
        return _uploaded(picture.ident, picture.name)
    except NotFoundError as error:
        raise InputError(
            "That upload is no longer on this hub. Uploads are kept for a while. Bring it again."
        ) from error


def scene_of(picture: Picture | None) -> Any | None:
    """The world's scene behind a picture, or None for an upload."""
    if picture is None or picture.kind == "sha256":
        return None
    try:
        if picture.kind == "example":
            return gallery.example(picture.ident).scene
        return gallery.random_scene(int(picture.ident))[0]
    except NotFoundError:
        return None


def offers(picture: Picture | None) -> list[str]:
    """Texts that suit a picture: other poses, a hat, other places; those of the gallery for an upload."""
    from core.world import curriculum

    scene = scene_of(picture)
    if scene is None:
        targets = dict.fromkeys(entry.target for entry in gallery.examples().values())
        return list(targets)[:_WORDS_SHOWN]
    world = curriculum.small()
    first = scene.entities[0]
    texts = [_say(first.kind, pose=pose) for pose in world.poses(first.kind) if pose != first.pose]
    texts += [_say(first.kind, accessory=thing) for thing in world.wears(first.kind)[:1]]
    texts += [_say(first.kind, background=b) for b in world.backgrounds if b != scene.background]
    if first.kind == "horse":
        texts.insert(0, _say("zebra"))
    return [said for said in texts if said][:_WORDS_SHOWN]


def _say(kind: str, *, pose: str = "", accessory: str = "", background: str = "") -> str:
    """A target text in the world's own grammar, the same each time."""
    import numpy as np

    from core.world.language import Description, Phrase, write

    worn = (accessory,) if accessory else ()
    what = Description(
        subject=Phrase(kind=kind, pose=pose, accessories=worn), background=background
    )
    return write(what, np.random.default_rng(0), opening="")


def chips(picture: Picture | None, tier: str) -> str:
    """Texts to click on; with the small model also the words that it knows."""
    if tier != "embedded":
        return (
            '<div class="im"><p><small>Any text up to 77 tokens. Say what the whole picture shall '
            "show, not what to change.</small></p></div>"
        )
    from core.world import curriculum, parsing, words

    world = curriculum.small()
    made = "".join(
        f'<button type="button" class="vt-chip" data-text="{text(said)}">{text(said)}</button>'
        for said in offers(picture)
    )
    live = parsing.live_words(world)
    known = sorted({*live, *(s for s, plain in words.SYNONYMS.items() if plain in live)})
    groups: Sequence[tuple[str, Sequence[str]]] = (
        ("things", world.kinds),
        ("poses", sorted({p for kind in world.kinds for p in world.poses(kind) if p})),
        ("colours", world.colours),
        ("places", world.backgrounds),
        ("worn or held", world.accessories),
        ("patterns", world.textures),
    )
    listed = "".join(
        f"<dt>{name}</dt><dd>{text(', '.join(values))}</dd>" for name, values in groups
    )
    return (
        f'<div class="im" data-known="{text(" ".join(known))}"><p class="im-unknown" role="status"></p>'
        f'<div class="vt-chips" role="group" aria-label="Texts that fit">{made}</div>'
        f"<details><summary>Words it knows ({len(known)})</summary><dl>{listed}</dl></details></div>"
    )
