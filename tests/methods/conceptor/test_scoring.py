"""How ours is put beside the other ways where not all were run on the same words."""

from __future__ import annotations

import pytest

from core.methods.conceptor import scoring
from core.methods.conceptor.trial import NEAREST, OFFICIAL, OMP, OURS, RANDOM

ROWS = {
    OURS: {"cupid": 0.8, "comet": 0.6, "goblin": 0.1},
    NEAREST: {"cupid": 0.5, "comet": 0.5},
    OMP: {"cupid": 0.7, "comet": 0.4},
    OFFICIAL: {"cupid": 1.0},
    RANDOM: {"cupid": 0.9, "comet": 0.9},
}


def test_ours_is_compared_on_the_words_that_the_others_have():
    score = scoring.against("recall", ROWS, better="higher", scale=100)
    assert score.value == pytest.approx(70.0)
    assert score.n == 2
    assert score.details["ours on all its words, mean and n"] == [50.0, 3]


@pytest.mark.parametrize(
    ("better", "best", "value"), [("higher", OMP, 0.55), ("lower", NEAREST, 0.5)]
)
def test_the_baseline_is_the_best_way_that_was_run_on_all_of_them(better, best, value):
    score = scoring.against("recall", ROWS, better=better)
    assert (score.baseline_name, score.baseline) == (best, pytest.approx(value))
    assert score.details["ways"][OFFICIAL]["n"] == 1


def test_without_other_ways_there_is_no_baseline():
    score = scoring.against("recall", {OURS: {"cupid": 0.8}}, better="higher")
    assert (score.value, score.baseline, score.baseline_name) == (0.8, None, "")
