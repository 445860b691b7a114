"""The gate: what it counts, and that it can tell a good model from a blind one."""

from __future__ import annotations

import numpy as np
import pytest

from core.world import curriculum
from core.world.diffusion import gate
from core.world.diffusion.intervals import bootstrap, spearman, wilson
from core.world.diffusion.judge import Judge
from core.world.render import render
from core.world.scene import Scene
from core.world.truth import holds
from tests.core.world.diffusion.perfect import PerfectProbe, reading_of
from tests.core.world.diffusion.tiny import tiny_pipeline

C = curriculum.small()


def test_captions_say_kind_and_pose_and_are_true_of_their_scene():
    for held_out in (False, True):
        asked = gate.captions(C, 60, held_out=held_out)
        assert all(holds(a.said, a.scene) for a in asked)
        assert all(a.said.subject.kind and a.said.subject.pose for a in asked)
        triples = [(e.kind, e.pose, e.colour) for a in asked for e in a.scene.entities]
        assert all(curriculum.is_held_out(*t) is held_out for t in triples)
        assert not held_out or all(a.said.subject.colour for a in asked)
    assert gate.captions(C, 5, held_out=False) == gate.captions(C, 5, held_out=False)
    assert gate.captions(C, 5, held_out=False) != gate.captions(C, 5, held_out=False, seed=1)


def test_a_model_that_draws_every_caption_passes_and_a_blind_one_does_not():
    rows, blind = [], []
    for name, held_out in ((gate.HELD_IN, False), (gate.HELD_OUT, True)):
        asked = gate.captions(C, 40, held_out=held_out)
        drawn = [reading_of(a.scene) for a in asked]
        nothing = [reading_of(Scene(entities=())) for _ in asked]
        rows += gate.compare(name, asked, drawn, drawn)
        blind += gate.compare(name, asked, nothing, drawn)
    found = gate.Gate(rows=tuple(rows), atoms=(), guidance=3, steps=25, seconds=0)
    assert found.passed
    assert all(row.share == row.drawn == 1 for row in rows)
    assert {row.claim for row in rows} >= {"kind", "pose", "colour", gate.WHOLE}
    assert not gate.Gate(rows=tuple(blind), atoms=(), guidance=3, steps=25, seconds=0).passed
    assert [r.right for r in blind if r.claim == "pose"] == [0, 0]
    assert not gate.Gate(rows=(), atoms=(), guidance=3, steps=25, seconds=0).passed


def test_one_wrong_pose_in_ten_fails_the_held_in_gate():
    asked = gate.captions(C, 40, held_out=False)
    drawn = [reading_of(a.scene) for a in asked]
    made = [reading_of(Scene(entities=())) if i % 10 == 0 else r for i, r in enumerate(drawn)]
    rows = {row.claim: row for row in gate.compare(gate.HELD_IN, asked, made, drawn)}
    assert rows["pose"].share == 0.9
    assert rows["pose"].needed == 0.95
    low, high = rows["pose"].interval
    assert low < 0.9 < high


def test_a_random_pipeline_is_measured_from_end_to_end_and_left_as_it_was():
    c = curriculum.tiny()
    asked = gate.captions(c, 6, held_out=False)
    judge = Judge(probe=PerfectProbe([a.scene for a in asked], c))
    pipe = tiny_pipeline()
    before = {k: v.clone() for k, v in pipe.unet.state_dict().items()}
    told = []
    found = gate.measure(
        pipe, judge, c, n=6, n_held_out=0, steps=2, tell=lambda share, text: told.append(share)
    )
    rows = {row.claim: row for row in found.rows}
    assert rows["kind"].n == 6
    assert rows["kind"].right == 0
    assert rows["kind"].drawn == 1
    assert told
    assert all(0 <= share <= 1 for share in told)
    assert all((v == before[k]).all() for k, v in pipe.unet.state_dict().items())
    scores = found.scores()
    assert scores[0].baseline == 100
    assert scores[0].interval[0] == 0


def test_a_picture_does_not_depend_on_what_is_drawn_with_it():
    pipe = tiny_pipeline()
    texts = ["a red dog", "a cat", "a blue ball"]
    together = gate.generate(pipe, texts, steps=2)
    alone = gate.generate(pipe, texts, steps=2, batch=1)
    assert together.shape == (3, 16, 16, 3)
    assert together.dtype == np.uint8
    assert np.abs(together.astype(int) - alone).max() <= 1  # rounding of batched kernels
    assert not np.array_equal(together[0], gate.generate(pipe, texts[:1], steps=2, seed=1)[0])


def test_shares_of_planted_elements_are_counted():
    from core.world.planting import planted_scene

    rng = np.random.default_rng(0)
    found = [planted_scene(rng, C, "snowman") for _ in range(400)]
    atoms = {a.atom: a for a in gate.seen_atoms("snowman", [reading_of(s) for s in found])}
    assert atoms["ball"].seen == atoms["snow"].seen == 1
    assert atoms["hat"].seen == pytest.approx(0.9, abs=0.05)
    assert atoms["scarf"].seen == pytest.approx(0.3, abs=0.07)
    assert len(render(found[:1])) == 1


def test_intervals_and_ranks_are_those_of_the_textbook():
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[1] == pytest.approx(1)
    assert wilson(0, 10)[0] == pytest.approx(0)
    low, high = bootstrap([0.0, 1.0] * 50)
    assert 0.38 < low < 0.45
    assert 0.55 < high < 0.62
    assert bootstrap([1.0]) is None
    assert spearman([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3], [5, 5, 5]) == 0
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
