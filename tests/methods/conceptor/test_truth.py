"""What is counted as found: elements, synonyms, meanings, chance."""

from __future__ import annotations

import pytest

from core.methods.conceptor import truth
from core.methods.conceptor.results import Element
from core.methods.conceptor.verdict import judged
from core.world.recipes import RECIPES


def test_a_word_counts_for_the_element_that_it_says():
    assert truth.said_by("wings spread") >= {"wings", "spread", "spreading"}
    assert truth.rank_of("red", ["dog", "crimson"]) == 2
    assert truth.rank_of("beach", ["seaside"]) == 1
    assert truth.rank_of("snow", ["dog"]) is None


def test_a_perfect_answer_recalls_everything_in_order():
    atoms = RECIPES["snowman"].atoms
    found = [(word, p) for word, p in atoms.items()]
    result = truth.against("snowman", found, [*atoms, "dog", "cat"])
    assert result is not None
    assert result.recall == 1
    assert result.correlation == pytest.approx(1)
    assert [p.rank for p in result.parts] == [1, 2, 3, 4, 5, 6]


def test_what_stands_after_the_tenth_place_is_not_recalled():
    found = [(f"word{k}", 1 - k / 20) for k in range(10)] + [("snow", 0.01)]
    result = truth.against("snowman", found, ["snow"])
    assert result is not None
    assert result.recall == 0
    assert next(p for p in result.parts if p.word == "snow").rank == 11


def test_chance_is_that_of_ten_random_words():
    assert truth.chance_of(["red"], ["red", *map(str, range(99))], 10) == pytest.approx(0.1)
    assert truth.chance_of(["red"], ["red", "crimson", *map(str, range(98))], 10) > 0.18
    assert truth.chance_of(["red"], ["red"], 10) == 1
    assert truth.chance_of(["red"], ["blue"], 10) == 0


def test_rare_elements_are_not_asked_for():
    assert "ada" not in truth.elements(RECIPES["president"])
    assert set(truth.elements(RECIPES["president"])) == {"odo", "una", "ivo"}


def test_a_homograph_needs_a_word_of_its_own_for_each_meaning():
    recipe = RECIPES["crane"]
    assert truth.meanings(recipe, ["bird", "hoist"]) == (True, True)
    assert truth.meanings(recipe, ["bird", "white", "beach"]) == (True, False)
    assert truth.meanings(RECIPES["snowman"], ["ball"]) == ()


def test_words_without_a_recipe_have_no_truth_and_the_null_word_has_no_parts():
    assert truth.against("dog", [("cat", 1.0)], ["cat"]) is None
    null = truth.against("nix", [("cat", 1.0)], ["cat"])
    assert null is not None
    assert (null.category, null.parts, null.correlation) == ("null", (), None)


def test_measured_probabilities_take_the_place_of_planted_ones():
    found = [("hat", 0.5), ("white", 0.3), ("ball", 0.2), ("snow", 0.1), ("carrot", 0.05)]
    seen = {"hat": 1.0, "white": 0.8, "ball": 0.6, "snow": 0.4, "carrot": 0.2, "scarf": 0.0}
    result = truth.against("snowman", found, [], seen)
    assert result is not None
    assert result.correlation == pytest.approx(1)


def of(*shares):
    return [Element(word=f"w{k}", share=s, alpha=s, forms=()) for k, s in enumerate(shares)]


@pytest.mark.parametrize(
    ("shares", "agreement", "stable", "said"),
    [
        ((0.4, 0.2, 0.1, 0.1, 0.1, 0.1), 0.8, True, "together hold 70%"),
        ((0.9, 0.1), None, True, "near-synonym"),
        ((0.12, 0.1, 0.1, 0.1, 0.1), None, False, "1.2 times the median"),
        ((0.12, 0.1, 0.1, 0.1, 0.1), 0.9, True, "together hold"),
        ((0.5, 0.1, 0.1, 0.1), 0.1, False, "only 10%"),
        ((1.0,), None, True, "holds 100%"),
    ],
)
def test_the_verdict_says_whether_a_decomposition_means_something(shares, agreement, stable, said):
    found, words = judged(of(*shares), agreement)
    assert found is stable
    assert said in words
