"""The words of the world: what can be said of a scene, and how it is written.

Every value that an attribute can take is listed here once. Which of them a model learns is a
`Curriculum`; how they join into sentences is `language`.
"""

from __future__ import annotations

from core.world.draw.people import FIGURES
from core.world.layout import SIZES as _SCALES

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black", "brown", "pink")
SIZES = tuple(_SCALES)
TEXTURES = ("striped", "dotted", "checked", "inky", "glowing", "fuzzy")
BACKGROUNDS = ("plain", "grass", "street", "beach", "snow", "night", "rain", "stage")
RELATIONS = ("left of", "right of", "above", "jumping over", "touching", "beside")
PLACES = {"left": "on the left", "right": "on the right"}
COUNTS = {2: "two", 3: "three"}
COUNTED = (
    "dog",
    "cat",
    "horse",
    "bird",
    "teddy",
    "person",
    "tree",
    "door",
    "box",
    "ball",
    "star",
    "car",
)
"""Kinds that come in twos and threes: a plural is a word of its own and must be seen often."""

GAITS = ("standing", "sitting", "lying", "jumping")
ARMS = ("arms down", "arms up", "arms crossed", "waving")
POSES: dict[str, tuple[str, ...]] = {
    "dog": GAITS,
    "cat": GAITS,
    "horse": GAITS,
    "zebra": GAITS,
    "teddy": GAITS,
    "bird": ("perched", "wings spread", "leaning"),
    "person": ARMS,
    **dict.fromkeys(FIGURES, ARMS),
    "door": ("closed", "open"),
    "box": ("closed", "open"),
    "tree": ("green", "autumn", "bare"),
    "cake": ("whole", "sliced"),
    "vase": ("roses", "tulips", "daisies"),
    "face": ("smile", "tears", "frown"),
}
"""Poses and states of each kind that has them."""

SUBJECTS = ("dog", "cat", "horse", "zebra", "teddy", "bird", "person", "tree", "door", "box", "vase", "car", "cake")  # fmt: skip
FORMS = ("ball", "cone", "triangle", "spiral", "ring", "star", "heart", "diamond", "cross")
THINGS = ("house", "balloon", "hat", "scarf", "carrot", "tie", "book", "hammer", "spoon", "club", "hoist", "sun", "moon", "finger", "bug", "face")  # fmt: skip
KINDS = (*SUBJECTS, *FORMS, *THINGS, *FIGURES)
"""Kinds that captions name; `pepper` and `snail` are drawn for planted words alone."""

COLOURLESS = frozenset(("zebra", "tree", "carrot", "hammer", "spoon", "sun", "moon", "club"))
WORN = ("hat", "scarf", "tie", "apron")
HELD = ("book", "hammer", "spoon", "carrot", "balloon", "club")
ACCESSORIES = tuple(dict.fromkeys((*WORN, *HELD)))
PEOPLE = ("person", *FIGURES)
HANDED = frozenset((*PEOPLE, "teddy"))  # those that can hold something

SYNONYMS = {
    "crimson": "red",
    "azure": "blue",
    "meadow": "grass",
    "big": "large",
    "little": "small",
    "seaside": "beach",
}
"""Other words for the same; `parse` takes them, captions use the ones in `TAUGHT_SYNONYMS`."""
TAUGHT_SYNONYMS = {"red": "crimson", "blue": "azure", "grass": "meadow", "beach": "seaside"}

OPENINGS = ("", "a photo of ", "a picture of ", "an image of ", "this is ", "there is ")
"""What may stand before a noun phrase. The second is the one-word template of Conceptor."""

WHERE: dict[str, tuple[str, ...]] = {
    "plain": ("on a plain floor", "in a plain room"),
    "grass": ("on the grass", "on grass"),
    "street": ("on the street", "in the street"),
    "beach": ("on the beach", "at the beach"),
    "snow": ("in the snow", "in snow"),
    "night": ("at night", "in the night"),
    "rain": ("in the rain", "in rain"),
    "stage": ("on a stage", "on the stage"),
}

_SMALL = (
    "a an the of photo picture image this is there that are with its in on at to and wearing "
    "holding both room floor next"
)
FUNCTION_WORDS = frozenset(_SMALL.split())
"""Words that join the others."""


def wears(kind: str) -> tuple[str, ...]:
    """The accessories that a kind can wear or hold."""
    if kind in PEOPLE or kind == "teddy":
        return ACCESSORIES
    if kind in ("dog", "cat", "horse", "zebra", "bird"):
        return ("hat", "scarf")
    if kind in ("ball", "face"):
        return ("hat", "scarf")
    return ()


def plural(kind: str) -> str:
    """More than one of a kind."""
    odd = {"person": "people", "teddy": "teddies", "box": "boxes", "cross": "crosses"}
    return odd.get(kind, kind + "s")
