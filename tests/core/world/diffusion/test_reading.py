"""A reading judges a picture as the truth judges its scene."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.world import asking, sampling
from core.world.curriculum import small
from core.world.language import Description, Phrase, describe, shorten
from core.world.truth import holds
from tests.core.world.diffusion.perfect import reading_of


def _scenes(n):
    rng = np.random.default_rng(0)
    made = [sampling.subject_scene(rng, small()) for _ in range(n)]
    return made + [sampling.pair_scene(rng, small()) for _ in range(n)]


def test_a_sure_reading_gives_each_claim_the_chance_one_or_zero_as_the_truth_says():
    rng = np.random.default_rng(1)
    scenes = _scenes(60)
    agreed = {True: 0, False: 0}
    for scene in scenes:
        for other in (scene, scenes[int(rng.integers(len(scenes)))]):
            said = shorten(describe(other), rng)
            true = holds(said, scene)
            # a thing that jumps over another is asked for its pose as well as for its place
            assert reading_of(scene).chance(said) == pytest.approx(float(true)), (said, scene)
            assert reading_of(scene).holds(said) is true
            agreed[true] += 1
    assert min(agreed.values()) > 50  # both answers were given, so agreement means something


def test_chances_of_a_true_edit_rise_from_zero_to_one():
    rng = np.random.default_rng(2)
    for family in ("pose", "state", "add", "replace", "texture", "background", "count", "relation"):
        edit, _ = asking.random_edit(rng, small(), family)
        assert reading_of(edit.before).chance(edit.target) == pytest.approx(0.0), family
        assert reading_of(edit.after).chance(edit.target) == pytest.approx(1.0), family


def test_a_count_asks_for_exactly_as_many():
    rng = np.random.default_rng(3)
    one = sampling.entity(rng, small(), "dog", size="small", place="left")
    two = dataclasses.replace(one, place="right")
    scene = dataclasses.replace(_scenes(1)[0], entities=(one, two))
    reading = reading_of(scene)
    for count, chance in ((1, 0.0), (2, 1.0), (3, 0.0)):
        said = Description(subject=Phrase(kind="dog", count=count))
        assert reading.chance(said) == pytest.approx(chance)
    # each there with half a chance: exactly one of two is half as well
    half = {name: v.copy() for name, v in reading.slots.items()}
    half["kind"] *= 0.5
    unsure = dataclasses.replace(reading, slots=half)
    assert unsure.chance(Description(subject=Phrase(kind="dog", count=1))) == pytest.approx(0.5)
    assert unsure.chance(Description(subject=Phrase(kind="dog"))) == pytest.approx(0.75)


def test_a_word_that_the_probe_does_not_know_has_no_chance():
    reading = reading_of(_scenes(1)[0])
    assert reading.chance(Description(subject=Phrase(kind="unicorn"))) == 0.0
    assert reading.chance(Description(background="stage")) == 0.0
