"""Fixed scenes with edits: tinyTEdBench (60 pairs) and the ten scenes of the gallery.

The pairs follow TEdBench (Imagic, section 4.3): real-life edits of one picture by one short text,
several texts for some pictures. `input_list` gives them under the keys of its `input_list.json`.
All of it fits the small world. Backdrop seeds are reserved ones, so no training scene is among
them.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from core.world import sampling
from core.world.curriculum import small
from core.world.edit import Edit, edited
from core.world.language import describe, write
from core.world.parsing import parse
from core.world.render import render
from core.world.scene import Entity, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One edit of the benchmark.

    Attributes:
        img_name: file name of the source picture; the same for all edits of one picture.
        target_text: what the edited picture shall show.
        source_text: what the source shows, in full.
        edit: the scenes before and after.
    """

    img_name: str
    target_text: str
    source_text: str
    edit: Edit


# source in words, then the texts; a leading "2" puts a related thing into the source
_SOURCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "dog standing yellow grass",
        (
            "a photo of a sitting dog",
            "a photo of a jumping dog",
            "a photo of a dog lying on the grass",
        ),
    ),
    ("dog sitting white beach", ("a photo of a standing dog", "a photo of a dog wearing a scarf")),
    ("dog lying blue plain", ("a photo of a jumping dog", "a picture of a dog with a hat")),
    (
        "cat sitting black snow",
        ("a cat that is lying in the snow", "a photo of a cat on the beach"),
    ),
    ("cat standing red plain", ("a photo of a sitting cat", "a photo of a red dog")),
    ("cat lying white night", ("a photo of a standing cat", "a photo of a cat on the grass")),
    ("cat sitting green beach", ("a photo of a cat wearing a hat",)),
    ("horse standing white grass", ("a photo of a zebra", "a photo of a striped horse")),
    ("horse sitting red snow", ("a photo of a standing horse", "a photo of a zebra standing")),
    ("horse lying yellow beach", ("a picture of a horse that is standing",)),
    ("zebra standing - grass", ("a zebra lying on the grass", "a photo of a zebra in the snow")),
    (
        "bird perched blue beach",
        ("a photo of a bird spreading its wings", "a photo of a bird with a scarf"),
    ),
    ("bird perched red grass", ("a photo of a bird with its wings spread",)),
    ("bird wings_spread yellow plain", ("a photo of a perched bird", "a photo of a bird at night")),
    (
        "person arms_down green grass",
        ("a photo of a waving person", "a photo of a person with arms up"),
    ),
    (
        "person arms_up white beach",
        ("a person with arms down on the beach", "a photo of a person holding a balloon"),
    ),
    ("person waving red plain", ("a photo of a person with both arms up",)),
    (
        "roundhead arms_down blue plain",
        ("a photo of a roundhead waving", "a photo of a roundhead wearing a hat"),
    ),
    (
        "squarehead waving yellow night",
        ("a squarehead with arms down", "a squarehead on the beach"),
    ),
    ("door closed blue plain", ("a photo of an open door",)),
    ("door open white grass", ("this is a door that is closed",)),
    ("door closed green night", ("there is an open door at night",)),
    ("box closed yellow beach", ("a photo of an open box",)),
    ("box open red plain", ("a photo of a closed box",)),
    (
        "tree green - grass",
        ("a photo of an autumn tree", "a photo of a bare tree", "a tree in the snow"),
    ),
    ("tree bare - snow", ("a green tree in the snow",)),
    ("face frown yellow plain", ("a face with a smile",)),
    ("face smile red beach", ("a face with a frown", "a face wearing a hat")),
    ("dog sitting green plain", ("a photo of a dog beside a ball",)),
    ("cat standing blue grass", ("a cat next to a yellow box",)),
    ("ball - blue beach", ("a photo of a striped ball", "a photo of a glowing ball")),
    ("house - white grass", ("a photo of a house at night",)),
    ("dog standing black plain left", ("a photo of two dogs",)),
    ("cat sitting yellow snow right", ("two cats",)),
    ("tree green - plain left", ("a photo of two green trees",)),
    ("star - yellow night", ("an image of a glowing star",)),
)
_RELATED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("horse standing red grass left", "box closed yellow right", "", ("a horse jumping over a box",)),
    ("dog standing white plain left", "ball - blue right", "", ("a dog to the right of a ball",)),
    ("cat standing blue beach right", "car - red left", "", ("a cat jumping over a car",)),
    ("bird perched green snow right", "heart - red left", "", ("a bird to the left of a heart",)),
)  # fmt: skip
_GALLERY: tuple[tuple[str, str], ...] = (
    ("dog standing yellow beach", "a sitting dog"),
    ("horse standing white grass", "a zebra"),
    ("bird perched blue snow", "a bird spreading its wings"),
    ("cat sitting yellow grass", "a cat lying on the grass"),
    ("person arms_down blue beach", "a waving person"),
    ("door closed blue plain", "an open door"),
    ("tree green - grass", "an autumn tree"),
    ("dog sitting blue snow", "a dog wearing a hat"),
    ("cat standing white grass", "a cat on the beach"),
    ("dog standing black grass left", "two black dogs on the grass"),
)


def _entity(text: str, rng: np.random.Generator) -> tuple[Entity, str]:
    """Read "kind pose colour background place"; background and place may lack."""
    parts = [p.replace("_", " ") for p in text.replace("-", "").split(" ")]
    kind, pose, colour = parts[:3]
    place = parts[-1] if parts[-1] in ("left", "right") else "middle"
    e = Entity(
        kind=kind,
        pose=pose,
        colour=colour,
        size="large" if place == "middle" else "small",
        place=place,
        look=sampling.look(rng),
    )
    return e, parts[3]


def _scene(text: str, seed: int, related: str = "", relation: str = "") -> Scene:
    rng = np.random.default_rng([7, seed])
    e, background = _entity(text, rng)
    backdrop = dataclasses.replace(sampling.backdrop(rng), seed=sampling.RESERVED_SEEDS + seed)
    entities = (e, _entity(related, rng)[0]) if related else (e,)
    return Scene(entities=entities, relation=relation, background=background, backdrop=backdrop)


def _say(scene: Scene) -> str:
    """A plain caption of a source, the same each time."""
    e = scene.entities[0]
    d = describe(scene)
    d = dataclasses.replace(d, subject=dataclasses.replace(d.subject, size="", colour=e.colour))
    return write(d, np.random.default_rng(0), opening="a photo of ")


def _pairs(name: str, scene: Scene, texts: tuple[str, ...]) -> list[Pair]:
    c = small()
    said = _say(scene)
    return [
        Pair(img_name=name, target_text=t, source_text=said, edit=edited(scene, parse(t, c)))
        for t in texts
    ]


@cache
def tiny_tedbench() -> tuple[Pair, ...]:
    """The 60 pairs."""
    out: list[Pair] = []
    names: dict[str, int] = {}

    def name(text: str) -> str:
        kind = text.split(" ")[0]
        names[kind] = names.get(kind, 0) + 1
        return f"{kind}_{names[kind]}.png"

    for i, (text, targets) in enumerate(_SOURCES):
        out += _pairs(name(text), _scene(text, i), targets)
    for i, (text, related, relation, targets) in enumerate(_RELATED):
        scene = _scene(text, 100 + i, related, relation)
        out += _pairs(name(text), scene, targets)
    return tuple(out)


@cache
def gallery() -> tuple[Pair, ...]:
    """The ten scenes that the page opens with, one edit each."""
    return tuple(
        pair
        for i, (text, target) in enumerate(_GALLERY)
        for pair in _pairs(f"gallery_{i + 1}.png", _scene(text, 200 + i), (target,))
    )


def input_list() -> list[dict[str, str]]:
    """The benchmark under TEdBench's keys."""
    return [{"img_name": p.img_name, "target_text": p.target_text} for p in tiny_tedbench()]


def write_benchmark(folder: Path) -> None:
    """Write the benchmark in TEdBench's layout: `input_list.json` and the pictures in `originals`.

    The true answers stand beside them in `answers`, numbered as the rows of the list.
    """
    pairs = tiny_tedbench()
    (folder / "originals").mkdir(parents=True, exist_ok=True)
    (folder / "answers").mkdir(exist_ok=True)
    (folder / "input_list.json").write_text(json.dumps(input_list(), indent=1) + "\n")
    before = render([p.edit.before for p in pairs])
    after = render([p.edit.after for p in pairs])
    for i, pair in enumerate(pairs):
        Image.fromarray(before[i]).save(folder / "originals" / pair.img_name)
        Image.fromarray(after[i]).save(folder / "answers" / f"{i:02d}.png")
