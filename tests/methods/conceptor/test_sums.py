"""Sums that the text tower learns from: true of their scenes, varied, and never close to a planted word."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from core.methods.conceptor import sums
from core.world import words
from core.world.curriculum import is_held_out, small, tiny
from core.world.parsing import live_words
from core.world.recipes import RECIPES
from core.world.truth import present

COUNT = 2000


def drawn(seed, c, count):
    rng = np.random.default_rng(seed)
    return [sums.sample(rng, c) for _ in range(count)]


@pytest.fixture(scope="module")
def some():
    return drawn(0, small(), COUNT)


def atoms_of(c):
    """Every part of a world by the word that stands for it."""
    poses = {p for k in c.kinds for p in c.poses(k) if p}
    atoms = {*c.kinds, *c.colours, *c.textures, *c.backgrounds, *c.accessories, *poses}
    found = {sums.said(a): a for a in atoms}
    assert len(found) == len(atoms), "two parts would be the same word of a sum"
    return found


def test_a_scene_shows_every_part_of_its_sum(some):
    atoms = atoms_of(small())
    for s in some:
        assert all(present(atoms[word], s.scene) for word in s.parts), s


def test_no_sum_has_three_parts_in_common_with_a_meaning_of_a_planted_word(some):
    planted = [{sums.said(a) for a, _ in m.atoms} for r in RECIPES.values() for m in r.meanings]
    most = max(len(planted_parts & set(s.parts)) for s in some for planted_parts in planted)
    assert most == 2, "two are common, three would tell"


@pytest.mark.parametrize(
    ("parts", "close"),
    [
        (("ball", "white", "snow"), True),  # a snowman
        (("dog", "red", "hat", "snow", "white", "ball"), True),
        (("bird", "black", "wings spread"), True),  # one meaning of a bat
        (("ball", "white", "night"), False),
        (("bird", "black", "ball"), False),  # parts of both meanings of a bat, of none two
        ((), False),
    ],
)
def test_three_parts_of_one_meaning_are_too_close(parts, close):
    assert sums.too_close(parts) is close


def test_weights_stay_in_their_range_and_fill_it(some):
    low, high = sums.WEIGHTS
    weights = np.array([w for s in some for w in s.parts.values()])
    assert low <= weights.min() < low + 0.01
    assert high - 0.01 < weights.max() <= high
    assert abs(weights.mean() - (low + high) / 2) < 0.02


def test_sums_have_one_to_most_parts_and_long_ones_are_not_rare(some):
    sizes = Counter(len(s.parts) for s in some)
    assert set(sizes) == set(range(1, sums.MOST + 1))
    assert sum(n for size, n in sizes.items() if size >= 4) > 0.25 * COUNT


def test_every_word_that_can_be_a_part_is_taught(some):
    seen = {word for s in some for word in s.parts}
    assert seen == set(atoms_of(small()))
    assert seen <= set(live_words(small())) - words.FUNCTION_WORDS, "each has an embedding to sum"


def test_what_is_held_out_of_training_is_held_out_here(some):
    shown = [(e.kind, e.pose, e.colour) for s in some for e in s.scene.entities]
    assert not any(is_held_out(*combination) for combination in shown)


def test_the_same_seed_gives_the_same_sums_and_another_gives_others(some):
    assert drawn(0, small(), 40) == some[:40]
    assert drawn(1, small(), 40) != some[:40]


def test_the_stream_is_the_one_that_the_weights_were_taught_with(some):
    assert list(some[3].parts) == ["door", "beach", "blue"]
    assert some[39].parts == pytest.approx({"house": 0.873, "green": 1.050}, abs=5e-4)


def test_the_tiny_world_has_sums_of_its_own_words():
    atoms = atoms_of(tiny())
    found = drawn(0, tiny(), 400)
    assert {word for s in found for word in s.parts} == set(atoms)
    assert all(present(atoms[word], s.scene) for s in found for word in s.parts)
