"""The judge itself, on scenes made by hand."""

import dataclasses

from core.world.curriculum import full
from core.world.parsing import parse
from core.world.scene import Entity, Scene
from core.world.truth import clauses, holds, present

DOG = Entity(kind="dog", pose="sitting", colour="red", accessories=("hat",), place="left", size="small")  # fmt: skip
BOX = Entity(kind="box", pose="open", colour="blue", place="right", size="small")
SCENE = Scene(entities=(DOG, BOX), relation="left of", background="beach")


def said(text, scene=SCENE):
    return holds(parse(text, full()), scene)


def test_what_is_there_is_true():
    for text in (
        "a dog",
        "a red sitting dog",
        "a dog wearing a hat",
        "a dog to the left of a box",
        "a box right of a dog",
        "an open blue box on the beach",
        "a dog on the left",
        "a dog and a box",
    ):
        assert said(text), text


def test_what_is_not_there_is_false():
    for text in (
        "a cat",
        "a blue dog",
        "a standing dog",
        "a dog wearing a scarf",
        "a dog right of a box",
        "a box left of a dog",
        "a closed box",
        "a dog in the snow",
        "a dog on the right",
        "two dogs",
        "a dog above a box",
        "a dog touching a box",
        "a dog and a cat",
    ):
        assert not said(text), text


def test_attributes_of_two_things_are_not_mixed():
    assert not said("a blue dog left of a red box")


def test_a_count_is_exact():
    three = tuple(dataclasses.replace(DOG, place=p) for p in ("left", "middle", "right"))
    scene = Scene(entities=three)
    assert said("three dogs", scene)
    assert not said("two dogs", scene)
    assert said("a dog", scene)


def test_jumping_over_needs_the_jump_and_the_height():
    over = dataclasses.replace(DOG, pose="jumping", place="above right")
    assert said("a dog jumping over a box", Scene(entities=(over, BOX)))
    still = dataclasses.replace(over, pose="sitting")
    assert not said("a dog jumping over a box", Scene(entities=(still, BOX)))
    beside = dataclasses.replace(over, place="left")
    assert not said("a dog jumping over a box", Scene(entities=(beside, BOX)))


def test_clauses_are_judged_one_by_one():
    d = parse("a red standing dog left of an open box in the snow", full())
    verdicts = [holds(c, SCENE) for c in clauses(d)]
    assert len(verdicts) == 7  # dog, standing, red, box, open, left of, snow
    assert verdicts.count(False) == 2


def test_words_are_present_or_not():
    for word in ("dog", "box", "red", "crimson", "hat", "open", "beach", "seaside", "small"):
        assert present(word, SCENE), word
    for word in ("cat", "green", "scarf", "snow", "striped"):
        assert not present(word, SCENE), word


def test_a_pepper_shows_a_finger_and_a_snail_a_spiral():
    assert present("finger", Scene(entities=(Entity(kind="pepper", colour="red"),)))
    assert present("spiral", Scene(entities=(Entity(kind="snail", colour="red"),)))
