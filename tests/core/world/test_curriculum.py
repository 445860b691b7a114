"""What may be learnt, and what stays out of training."""

import numpy as np
import pytest

from core.world.curriculum import HELD_OUT_KINDS, full, is_held_out, narrowed, small, tiny
from core.world.gallery import gallery, tiny_tedbench
from core.world.parsing import check_words, live_words
from core.world.render import render
from core.world.sampling import RESERVED_SEEDS, subject_scene
from core.world.stream import samples

BOTH = pytest.mark.parametrize("c", [small(), full()], ids=["small", "full"])


def triples(c):
    kinds = [k for k in c.posed if k in HELD_OUT_KINDS]
    return [(k, p, x) for k in kinds for p in c.poses(k) for x in c.colours_of(k) if x]


@BOTH
def test_about_a_tenth_of_the_combinations_are_held_out(c):
    every = triples(c)
    out = [t for t in every if is_held_out(*t)]
    assert 0.08 < len(out) / len(every) < 0.13


@BOTH
def test_held_out_combinations_are_never_sampled_for_training(c):
    for s in samples(np.random.default_rng(21), c, 10_000):
        for e in s.scene.entities:
            assert not is_held_out(e.kind, e.pose, e.colour), s


@BOTH
def test_held_out_scenes_hold_nothing_else(c):
    rng = np.random.default_rng(5)
    seen = set()
    for _ in range(400):
        e = subject_scene(rng, c, held_out=True).entities[0]
        assert is_held_out(e.kind, e.pose, e.colour)
        seen.add((e.kind, e.pose, e.colour))
    assert len(seen) > 0.8 * sum(is_held_out(*t) for t in triples(c))


@BOTH
def test_each_part_of_a_held_out_combination_is_trained(c):
    out = [t for t in triples(c) if is_held_out(*t)]
    rest = [t for t in triples(c) if not is_held_out(*t)]
    for kind, pose, colour in out:
        # with fewer left, a colour would tell the pose
        assert sum(t[:2] == (kind, pose) for t in rest) >= 3
        assert sum((t[0], t[2]) == (kind, colour) for t in rest) >= 2


def test_the_hold_out_is_the_same_on_every_machine():
    assert is_held_out("dog", "sitting", "red")
    assert is_held_out("cat", "lying", "blue")
    assert not is_held_out("dog", "sitting", "yellow")
    assert not is_held_out("zebra", "sitting", "")


@BOTH
def test_training_scenes_never_use_a_reserved_seed(c):
    drawn = samples(np.random.default_rng(8), c, 3000)
    assert all(s.scene.backdrop.seed < RESERVED_SEEDS for s in drawn)
    for pair in (*tiny_tedbench(), *gallery()):
        assert pair.edit.before.backdrop.seed >= RESERVED_SEEDS


def test_narrowing_drops_the_planted_words_that_need_more():
    c = narrowed(small(), name="no beach", backgrounds=("plain", "grass", "snow", "night"))
    lost = set(small().planted) - set(c.planted)
    assert "lighthouse" in lost
    assert "snowman" not in lost
    with pytest.raises(ValueError, match="has no colours"):
        narrowed(small(), colours=("red", "mauve"))


def test_the_tiny_world_can_be_sampled_and_drawn():
    c = tiny()
    drawn = samples(np.random.default_rng(0), c, 300)
    assert render([s.scene for s in drawn]).shape == (300, 64, 64, 3)
    assert {s.use for s in drawn} == {"subject", "template", "planted", "pair"}
    assert 60 < len(live_words(c)) < 130
    for s in drawn:
        check_words(s.caption, c)


@BOTH
def test_the_mix_is_kept(c):
    drawn = samples(np.random.default_rng(9), c, 6000)
    assert sum(share for _, share in c.mix) == pytest.approx(1.0)
    for use, share in c.mix:
        assert np.mean([s.use == use for s in drawn]) == pytest.approx(share, abs=0.025)


def test_the_small_world_is_a_part_of_the_full_one():
    s, f = small(), full()
    for name in ("kinds", "colours", "sizes", "textures", "backgrounds", "accessories", "relations", "planted"):  # fmt: skip
        assert set(getattr(s, name)) < set(getattr(f, name)), name
    for kind in s.kinds:
        assert set(s.poses(kind)) <= set(f.poses(kind))


@BOTH
def test_samples_stay_inside_the_curriculum(c):
    for s in samples(np.random.default_rng(10), c, 4000):
        assert s.scene.background in c.backgrounds
        assert s.scene.relation in ("", *c.relations)
        for e in s.scene.entities:
            assert e.kind in c.kinds or s.use == "planted"
            assert e.pose in c.poses(e.kind)
            assert e.colour in ("", *c.colours)
            assert e.size in c.sizes
            assert e.texture in ("", *c.textures)
            assert set(e.accessories) <= set(c.accessories)
