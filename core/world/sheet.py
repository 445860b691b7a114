"""The contact sheet of the world, `docs/world.png`.

Made by `python -m core.world.sheet FILE`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from core.world import sampling, words
from core.world.curriculum import Curriculum, full
from core.world.gallery import tiny_tedbench
from core.world.planting import planted_scene
from core.world.render import render
from core.world.scene import Backdrop, Scene
from core.world.stream import samples

COLUMNS = 14
ZOOM = 2  # crisp: each pixel becomes a square
_GAP, _TITLE, _LABEL = 8, 30, 16

Row = tuple[str, list[tuple[str, Scene]]]  # a title, then labelled scenes

PLANTED = ("snowman", "daybreak", "treasure", "firebug", "birthday", "circus", "taxi", "odo", "una", "president", "president", "crane", "crane", "bulb", "pepper", "snail", "happiness", "sadness", "calm", "doctor", "gardener", "judge", "comet", "jester", "valentine", "frostling", "lighthouse", "ufo")  # fmt: skip


def rows() -> list[Row]:
    """What the sheet shows, with a fixed seed."""
    c = full()
    rng = np.random.default_rng(12)
    out: list[Row] = [("Training pictures", [("", s.scene) for s in samples(rng, c, 28)])]
    posed = [(k, p) for k in words.SUBJECTS if k in words.POSES for p in words.POSES[k]]
    out.append(
        ("Subjects, poses and states", [(f"{k}, {p}", _one(rng, c, k, p)) for k, p in posed])
    )
    rest = [k for k in words.KINDS if k not in words.POSES]
    out.append(("Forms and things", [(k, _one(rng, c, k)) for k in rest]))
    figures = [
        (k, p) for k in ("roundhead", "squarehead", "conehead", "starhead") for p in ("waving",)
    ]
    figures += [("face", p) for p in words.POSES["face"]]
    out.append(("Figures and faces", [(f"{k}, {p}", _one(rng, c, k, p)) for k, p in figures]))
    shades = [(x, _one(rng, c, "cat", "sitting", colour=x)) for x in words.COLOURS]
    shades += [(x, _one(rng, c, "house", size=x)) for x in words.SIZES]
    out.append(("Colours and sizes", shades))
    worn = [(x, _one(rng, c, "ball", texture=x, colour="blue")) for x in words.TEXTURES]
    worn += [(a, _one(rng, c, "person", "waving", accessories=(a,))) for a in words.ACCESSORIES[:8]]
    out.append(("Textures and accessories", worn))
    places = [(b, _one(rng, c, "dog", "standing", background=b)) for b in words.BACKGROUNDS]
    places += [(r, sampling.pair_scene(rng, c, r)) for r in (*words.RELATIONS[:5], "count")]
    out.append(("Backgrounds, relations, counts", places))
    identity = [
        ("", _one(rng, c, "dog", "sitting", colour="yellow", background="grass")) for _ in range(14)
    ]
    out.append(("One caption, fourteen identities: a yellow dog sitting on the grass", identity))
    out.append(("Planted words", [(w, planted_scene(rng, c, w)) for w in PLANTED]))
    edits: list[tuple[str, Scene]] = []
    for pair in tiny_tedbench()[0:60:9][:7]:
        edits += [
            ("", pair.edit.before),
            (pair.target_text.removeprefix("a photo of "), pair.edit.after),
        ]
    out.append(("Edits with their true answers", edits))
    return out


def _one(
    rng: np.random.Generator,
    c: Curriculum,
    kind: str,
    pose: str = "",
    *,
    colour: str | None = None,
    size: str = "large",
    texture: str = "",
    accessories: tuple[str, ...] = (),
    background: str = "",
) -> Scene:
    if kind in words.COLOURLESS:
        colour = ""
    e = sampling.entity(rng, c, kind, size=size, texture=texture, accessories=accessories)
    chosen = colour if colour is not None else e.colour
    e = dataclasses.replace(e, colour=chosen, pose=pose or e.pose)
    behind: Backdrop = sampling.backdrop(rng)
    where = background or sampling.pick(rng, c.backgrounds)
    return Scene(entities=(e,), background=where, backdrop=behind)


def contact_sheet(sections: Sequence[Row]) -> Image.Image:
    """Lay sections out, enlarged with crisp edges."""
    cell = 64 * ZOOM + _GAP
    height = _GAP
    for _, items in sections:
        height += _TITLE + -(-len(items) // COLUMNS) * (cell + _LABEL)
    sheet = Image.new("RGB", (COLUMNS * cell + _GAP, height), (250, 249, 246))
    pen = ImageDraw.Draw(sheet)
    top = _GAP
    for title, items in sections:
        pen.text((_GAP, top + 6), title, fill=(40, 40, 48), font_size=17)
        top += _TITLE
        pictures = render([scene for _, scene in items])
        for i, (label, _) in enumerate(items):
            row, column = divmod(i, COLUMNS)
            x, y = _GAP + column * cell, top + row * (cell + _LABEL)
            picture = Image.fromarray(pictures[i])
            sheet.paste(picture.resize((64 * ZOOM, 64 * ZOOM), Image.Resampling.NEAREST), (x, y))
            pen.text((x, y + 64 * ZOOM + 2), label[:24], fill=(96, 96, 104), font_size=11)
        top += -(-len(items) // COLUMNS) * (cell + _LABEL)
    return sheet


def main(path: str) -> None:
    """Write the sheet as a PNG of 256 colours."""
    sheet = contact_sheet(rows())
    small = sheet.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(Path(path), optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
