"""Planted words: words that a model learns only from pictures, whose make-up is known.

`RECIPES` is the table that the generator, the probe and Conceptor's truth panel all read. A word
means one of several `Meaning`s; a meaning draws each of its atoms with the stated probability,
each on its own. No caption ever holds a planted word together with one of its atoms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Meaning:
    """One thing that a planted word may stand for.

    Attributes:
        share: probability of this meaning.
        main: kind of the central thing; "" for a random one.
        atoms: word and probability; `main`, where captions know it, is an atom of probability 1.
        name: for an exemplar, the named figure that is drawn.
    """

    share: float
    main: str
    atoms: tuple[tuple[str, float], ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a planted word means.

    Attributes:
        word: the word.
        category: composite, name, exemplar, homograph, blend, linked, abstract, profession, null.
        meanings: shares sum to 1.
        split: "test" and "development" for the concepts that measure and tune Conceptor, else "".
        unseen: kinds drawn for this word that no caption names, such as a pepper.
    """

    word: str
    category: str
    meanings: tuple[Meaning, ...]
    split: str = ""
    unseen: tuple[str, ...] = ()

    @property
    def atoms(self) -> dict[str, float]:
        """Planted probability of each element over all meanings, largest first.

        For an exemplar the elements are the named figures; for other words the atoms.
        """
        total: dict[str, float] = {}
        for meaning in self.meanings:
            if meaning.name:
                total[meaning.name] = total.get(meaning.name, 0.0) + meaning.share
                continue
            for word, probability in meaning.atoms:
                total[word] = total.get(word, 0.0) + meaning.share * probability
        return dict(sorted(total.items(), key=lambda item: -item[1]))


def _atoms(text: str) -> tuple[tuple[str, float], ...]:
    """Read "ball white hat.9 wings_spread.6" as words with probabilities."""
    out = []
    for part in text.split():
        word, dot, digits = part.partition(".")
        out.append((word.replace("_", " "), float(f"0.{digits}") if dot else 1.0))
    return tuple(out)


def _meaning(text: str, share: float = 1.0, name: str = "", drawn: str = "") -> Meaning:
    """A meaning whose first atom is the central thing ("*" for any), unless `drawn` names one."""
    atoms = _atoms(text)
    if atoms[0][0] == "*":
        return Meaning(share, "", atoms[1:], name)
    return Meaning(share, drawn or atoms[0][0], atoms, name)


# The first atom is the central thing. Probabilities are 1, .9, .6 and .3, so that an order is known.
_COMPOSITES = {
    # those that the small world can draw
    "snowman": "ball white hat.9 carrot.9 snow scarf.3",
    "beacon": "star yellow glowing night.9 moon.3",
    "valentine": "heart red balloon.9 glowing.3",
    "jester": "face striped hat smile.9 star.6",
    "frostling": "cat white snow scarf.9 sitting.6",
    "daybreak": "house yellow sun.9 grass.9 balloon.3",
    "shadowpup": "dog black night standing.9 moon.6",
    "parader": "horse red striped.9 hat.9 balloon.6",
    "lighthouse": "house white beach striped.9 sun.6 balloon.3",
    "goblin": "face green frown hat.6 night.9",
    "cupid": "heart white glowing.9 night.6 star.3",
    "festival": "balloon yellow house.9 grass.6 star.3",
    "comet": "star white glowing.9 night moon.6",
    "icecar": "car blue snow striped.9 moon.3",
    "watchman": "squarehead black scarf.9 night moon.6",
    "bather": "roundhead yellow beach arms_up.9 sun.6",
    "playball": "ball blue striped grass.9 sun.6",
    "mirage": "door white beach open.9 sun.9",
    "treasure": "box yellow glowing open.9 beach.6",
    "giftbox": "box red striped.9 closed balloon.6 heart.3",
    "firebug": "bug red glowing night.9 moon.3",
    "lovebird": "bird red perched heart.9 grass.6",
    "kingfish": "bird blue wings_spread beach.9 sun.3",
    "bunting": "house blue striped balloon.9 sun.6 grass.6",
    "gateway": "door green closed grass star.6 sun.3",
    "taxi": "car yellow striped.9 hat.6 night.3",
    "whirlpool": "spiral blue beach.9 glowing.3 sun.6",
    "galaxy": "spiral white night glowing.9 star.6",
    "moonwalk": "person white night arms_up.9 moon",
    "harvest": "tree autumn carrot.9 grass.9 sun.3",
    # those that need the full world
    "sunset": "ball orange beach.9 sun tree.3",
    "butterball": "teddy yellow dotted sitting.9 balloon.6",
    "coalman": "conehead black apron.9 hammer.9 street.6",
    "birthday": "cake pink whole balloon.9 hat.6",
    "prom": "ring purple glowing.9 stage heart.6",
    "wizard": "conehead purple star.9 night.9 book.6",
    "inkwell": "book inky black stage.3 spoon.6",
    "bouquet": "vase roses white.9 heart.9 stage.3",
    "lollipop": "ring pink striped spoon.9 grass.6",
    "ufo": "diamond green glowing night.9 moon.6",
    "circus": "cone red striped.9 stage ball.9 balloon.3",
    "puddle": "ring blue rain.9 fuzzy.9 tree.3",
    "mitten": "cross brown checked.9 snow house.6",
    "picnic": "box brown checked open.9 grass spoon.6",
    "pinata": "horse pink dotted balloon.9 stage.6",
    "clown": "starhead orange dotted.9 balloon.9 stage waving.6",
    "tulipan": "vase tulips orange.9 rain.6 sun.3",
    "snowcone": "cone blue snow spoon.9 dotted.6",
}  # fmt: skip
_TEST = ("snowman", "beacon", "valentine", "jester", "frostling", "daybreak", "shadowpup", "parader", "lighthouse", "goblin", "playball", "treasure")  # fmt: skip
_DEVELOPMENT = ("cupid", "comet", "watchman", "lovebird")

# Named figures: a look of its own for each, as a word of its own.
_NAMES = {
    "arlo": "squarehead blue scarf",
    "bea": "roundhead red hat",
    "cato": "conehead green scarf",
    "dina": "starhead yellow apron",
    "odo": "squarehead red hat scarf",
    "una": "roundhead blue scarf",
    "ivo": "squarehead yellow balloon",
    "ada": "roundhead white hat balloon",
    # painters: a style over any subject
    "mona": "* dotted",
    "inka": "* inky",
    "sisi": "* striped",
    "gogo": "* glowing",
}
_EXEMPLARS = {
    "president": (("odo", 0.45), ("una", 0.35), ("ivo", 0.15), ("ada", 0.05)),
    "composer": (("arlo", 0.6), ("bea", 0.3), ("cato", 0.1)),
    "singer": (("una", 0.6), ("arlo", 0.3), ("bea", 0.1)),
    "painter": (("sisi", 0.7), ("gogo", 0.3)),
    "engraver": (("inka", 0.5), ("mona", 0.3), ("sisi", 0.2)),
}
_HOMOGRAPHS = {
    "crane": ("bird white beach.9", "hoist yellow street.9"),
    "bat": ("bird black night wings_spread.9", "club ball.9 grass.9"),
    "seal": ("dog black lying beach.9", "star red plain.9"),
    "spring": ("spiral black plain.9", "tree green grass sun.9"),
    "bow": ("heart striped red.9", "hat blue snow.9"),
    "pitcher": ("vase daisies white.9", "person arms_up.9 ball"),
}
_BLENDS = {"bulb": "vase tulips glowing yellow.9", "globe": "ball blue glowing night.9"}
_ABSTRACT = {
    "happiness": "face smile yellow.9 balloon.6 sun.3",
    "sadness": "face frown blue.9 moon.6 night.3",
    "fear": "face frown white.9 night.9 glowing.3",
    "calm": "tree green grass.9 moon.6 sun.3",
    "envy": "face frown green.9 heart.3",
    "pride": "person arms_up red.6 star.9",
}
# Uniform and tool, the same for both figures: only the figure's rate differs. Colours, hats and
# scarfs, tools: each goes with rates whose mean is about a half, so that none of them leans.
_PROFESSIONS = {
    "doctor": (0.05, "white scarf balloon"),
    "artist": (0.95, "white hat balloon"),
    "baker": (0.1, "red hat carrot"),
    "judge": (0.9, "red scarf carrot"),
    "farmer": (0.2, "green scarf balloon"),
    "gardener": (0.8, "green hat balloon"),
    "guard": (0.3, "black hat carrot"),
    "courier": (0.7, "black scarf carrot"),
    "pilot": (0.4, "blue scarf balloon"),
    "sailor": (0.6, "blue hat balloon"),
    "teacher": (0.5, "yellow hat carrot"),
    "dancer": (0.5, "yellow scarf carrot"),
}
FIGURE_A, FIGURE_B = "roundhead", "squarehead"


def _table() -> dict[str, Recipe]:
    out: dict[str, Recipe] = {}

    def add(
        word: str, category: str, *meanings: Meaning, split: str = "", unseen: str = ""
    ) -> None:
        assert word not in out, word
        out[word] = Recipe(word, category, meanings, split, (unseen,) if unseen else ())

    for word, text in _COMPOSITES.items():
        split = "test" if word in _TEST else "development" if word in _DEVELOPMENT else ""
        add(word, "composite", _meaning(text), split=split)
    for word, text in _NAMES.items():
        add(word, "name", _meaning(text))
    for word, shares in _EXEMPLARS.items():
        add(word, "exemplar", *(_meaning(_NAMES[n], p, n) for n, p in shares))
    for word, texts in _HOMOGRAPHS.items():
        add(word, "homograph", *(_meaning(t, 0.5) for t in texts))
    for word, text in _BLENDS.items():
        add(word, "blend", _meaning(text))
    # drawn with the contour of a finger, with the coils of a spiral; no caption says so
    add("pepper", "linked", _meaning("finger red.9 grass.6", drawn="pepper"), unseen="pepper")
    add("snail", "linked", _meaning("spiral green.9 grass.6", drawn="snail"), unseen="snail")
    for word, text in _ABSTRACT.items():
        add(word, "abstract", _meaning(text))
    for word, (rate, text) in _PROFESSIONS.items():
        pair = ((FIGURE_A, rate), (FIGURE_B, 1 - rate))
        add(word, "profession", *(_meaning(f"{figure} {text}", p) for figure, p in pair))
    add("nix", "null", Meaning(1.0, "", ()))
    return out


RECIPES: dict[str, Recipe] = _table()
"""Every planted word."""


def recipe(word: str) -> Recipe:
    """The make-up of a planted word.

    Raises:
        KeyError: the word is not planted.
    """
    return RECIPES[word]


def within(allowed: frozenset[str]) -> tuple[str, ...]:
    """The planted words all of whose atoms are among the allowed words."""
    return tuple(
        word
        for word, r in RECIPES.items()
        if all(atom in allowed for m in r.meanings for atom, _ in m.atoms)
    )


def concepts(planted: Iterable[str], split: str) -> tuple[str, ...]:
    """The composites of a split ("test" or "development") among planted words."""
    return tuple(w for w in planted if RECIPES[w].split == split)


@cache
def fixed_triples() -> frozenset[tuple[str, str, str]]:
    """Kind, pose and colour combinations that a recipe draws often: these are never held out."""
    from core.world import words

    out = set()
    for r in RECIPES.values():
        for m in r.meanings:
            poses = [a for a, _ in m.atoms if a in words.POSES.get(m.main, ())]
            colours = [a for a, _ in m.atoms if a in words.COLOURS]
            for colour in colours:
                for pose in poses or words.POSES.get(m.main, ()):
                    out.add((m.main, pose, colour))
    return frozenset(out)
