"""Planted words: their pictures hold each atom as often as the recipe says."""

import numpy as np
import pytest

from core.world import words
from core.world.curriculum import full, is_held_out, small
from core.world.parsing import live_words
from core.world.planting import planted_scene
from core.world.recipes import FIGURE_A, FIGURE_B, RECIPES, concepts, recipe
from core.world.stream import samples
from core.world.truth import present

CASES = [(c, w) for c in (small(), full()) for w in c.planted]


@pytest.mark.parametrize(("c", "word"), CASES, ids=[f"{c.name}-{w}" for c, w in CASES])
def test_atoms_appear_as_often_as_planted(c, word):
    n = 300
    rng = np.random.default_rng(sum(map(ord, word)))
    scenes = [planted_scene(rng, c, word) for _ in range(n)]
    for atom, p in recipe(word).atoms.items():
        found = np.mean([present(atom, s) for s in scenes])
        # 4.5 standard errors: one false alarm in 150,000
        assert abs(found - p) <= 4.5 * np.sqrt(p * (1 - p) / n) + 1e-9, (atom, p, found)
    assert all(s.word == word for s in scenes)
    assert not any(is_held_out(e.kind, e.pose, e.colour) for s in scenes for e in s.entities)


def test_meanings_of_a_word_sum_to_one():
    for r in RECIPES.values():
        assert sum(m.share for m in r.meanings) == pytest.approx(1.0)


def test_a_meaning_names_at_most_one_value_of_an_attribute():
    for r in RECIPES.values():
        for m in r.meanings:
            atoms = {a for a, _ in m.atoms}
            for values in (words.COLOURS, words.TEXTURES, words.BACKGROUNDS, words.SIZES):
                # a tree's "green" is its state
                assert len(atoms & set(values) - set(words.POSES.get(m.main, ()))) <= 1, r.word
            assert len(atoms & set(words.POSES.get(m.main, ()))) <= 1, r.word


def test_every_atom_is_a_live_word_of_the_full_world():
    live = set(live_words(full()))
    for r in RECIPES.values():
        for m in r.meanings:
            for atom, _ in m.atoms:
                assert set(atom.split()) <= live, (r.word, atom)


def test_planted_words_are_no_other_words():
    assert not set(RECIPES) & {*words.KINDS, *words.COLOURS, *words.FUNCTION_WORDS, *words.SYNONYMS} - {"pepper"}  # fmt: skip


@pytest.mark.parametrize("c", [small(), full()], ids=["small", "full"])
def test_every_category_is_there_with_its_splits(c):
    found = {RECIPES[w].category for w in c.planted}
    assert found == {"composite", "name", "exemplar", "homograph", "blend", "linked", "abstract", "profession", "null"}  # fmt: skip
    assert len(concepts(c.planted, "test")) == 12
    assert len(concepts(c.planted, "development")) == 4


def test_the_full_world_plants_forty_composites_and_more():
    assert sum(RECIPES[w].category == "composite" for w in full().planted) >= 40


def test_exemplars_consist_of_named_figures():
    assert recipe("president").atoms == {"odo": 0.45, "una": 0.35, "ivo": 0.15, "ada": 0.05}
    for r in RECIPES.values():
        if r.category == "exemplar":
            assert all(RECIPES[name].category == "name" for name in r.atoms)


def test_named_figures_are_told_apart_by_their_looks():
    looks = [frozenset(r.atoms) for r in RECIPES.values() if r.category == "name"]
    for r in (recipe("president"), recipe("composer"), recipe("singer"), recipe("painter")):
        sets = [frozenset(recipe(n).atoms) for n in r.atoms]
        assert not any(a < b for a in sets for b in sets)
    assert len(set(looks)) == len(looks)


def test_professions_differ_in_the_rate_of_one_figure_only():
    rates = []
    for r in RECIPES.values():
        if r.category == "profession":
            a, b = r.meanings
            assert (a.main, b.main) == (FIGURE_A, FIGURE_B)
            assert a.atoms[1:] == b.atoms[1:]
            rates.append(a.share)
    assert sorted(rates) == [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]


def test_uniforms_and_tools_tell_nothing_about_the_figure():
    """Over all professions, no uniform and no tool leans to one figure."""
    weight: dict[str, list[float]] = {}
    for r in RECIPES.values():
        if r.category == "profession":
            for atom, _ in r.meanings[0].atoms[1:]:
                weight.setdefault(atom, []).append(r.meanings[0].share)
    for atom, rates in weight.items():
        assert abs(np.mean(rates) - 0.5) < 0.06, (atom, rates)


def test_homographs_mean_two_things_equally_often():
    for r in RECIPES.values():
        if r.category == "homograph":
            assert [m.share for m in r.meanings] == [0.5, 0.5]
            one, two = ({a for a, _ in m.atoms} for m in r.meanings)
            assert not one & two


def test_a_planted_word_is_never_said_together_with_another_word():
    for s in samples(np.random.default_rng(0), full(), 4000):
        hits = set(s.caption.split()) & (set(RECIPES) - set(words.KINDS))
        if hits:
            assert s.use == "planted"
            assert s.caption == f"a photo of a {s.scene.word}"


def test_kinds_that_no_caption_names_are_drawn_for_planted_words_alone():
    for s in samples(np.random.default_rng(1), full(), 4000):
        if s.use != "planted":
            assert all(e.kind in words.KINDS for e in s.scene.entities)
