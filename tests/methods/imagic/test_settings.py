"""Settings: published numbers, limits, JSON; and the rule that suggests an eta."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.methods.imagic import config
from core.methods.imagic.choosing import explain, suggest
from core.methods.imagic.config import Learning, Sampling, Settings
from core.runs.request import from_json, to_json

ETAS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
EDIT = (
    0.20,
    0.20,
    0.21,
    0.24,
    0.29,
    0.30,
    0.31,
    0.31,
)  # text scores of an edit that appears at 0.8
FAR = (0.02, 0.02, 0.04, 0.10, 0.16, 0.30, 0.32, 0.33)  # and its distances, which level off at 1


def test_the_papers_and_the_public_pipelines_numbers():
    paper, public = config.paper(), config.community()
    own = ("embedding_steps", "embedding_lr", "tuning_steps", "tuning_lr", "tuning", "batch_size")
    assert [getattr(paper.learning, k) for k in own] == [1000, 2e-3, 1500, 5e-7, "full", 1]
    assert [getattr(public.learning, k) for k in own] == [500, 1e-3, 1000, 2e-6, "full", 1]
    assert public.sampling.guidance == 7.5
    assert public.sampling.steps == 50
    assert {1.0, 1.2, 1.5, 2.0} <= set(public.sampling.etas)


@pytest.mark.parametrize("name", sorted(config.PRESETS))
def test_presets_go_to_json_and_back(name):
    settings = config.PRESETS[name]()
    assert from_json(Settings, json.loads(json.dumps(to_json(settings)))) == settings


def test_missing_keys_are_the_defaults_and_unknown_ones_are_refused():
    assert from_json(Settings, {}) == Settings()
    assert from_json(Settings, {"learning": {"rank": 3}}).learning == Learning(rank=3)
    for wrong in (
        {"surprise": 1},
        {"learning": {"surprise": 1}},
        {"sampling": []},
        {"learning": 3},
    ):
        with pytest.raises(InputError, match=r"Correct|Known ones"):
            from_json(Settings, wrong)


@pytest.mark.parametrize(
    ("cls", "ranges"),
    [(Learning, config.LEARNING_RANGES), (Sampling, config.SAMPLING_RANGES)],
)
def test_every_number_has_a_range_that_holds_at_its_ends_and_not_beyond(cls, ranges):
    numbers = {f.name for f in dataclasses.fields(cls) if f.type in ("int", "float")}
    assert numbers == set(ranges)
    for name, allowed in ranges.items():
        for value in (allowed.low, allowed.high):
            cls(**{name: int(value) if allowed.whole else value})
        beyond = (allowed.low - 1, allowed.high + 1)
        for value in (*(int(v) if allowed.whole else v for v in beyond), math.nan, "1", None, True):
            with pytest.raises(InputError, match=name):
                cls(**{name: value})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"etas": ()}, "There are 0 etas"),
        ({"etas": tuple(k / 20 for k in range(17))}, "There are 17 etas"),
        ({"etas": (0.1, 0.1)}, "repeat"),
        ({"etas": (2.5,)}, "from -0.5 to 2"),
        ({"etas": (float("inf"),)}, "One of the etas is inf"),
        ({"seeds": (-1,)}, "One of the seeds is -1"),
        ({"seeds": (0.5,)}, "whole number"),
        ({"seeds": tuple(range(9))}, "There are 9 seeds"),
        ({"start": "middle"}, "Known are noise, inverted"),
        ({"schedule": "never"}, "Known are constant"),
        ({"blend": ""}, "Known are linear"),
        ({"forget": "all"}, "Known are none"),
        ({"unconditional": None}, "Known are tuned"),
    ],
)
def test_a_strip_that_cannot_be_drawn_is_refused_in_words(changes, words):
    with pytest.raises(InputError, match=words):
        Sampling(**changes)


@pytest.mark.parametrize(
    "changes", [{"tuning": "all"}, {"layers": 1}, {"source_caption": 1}, {"freeze_padding": "no"}]
)
def test_learning_of_an_unknown_kind_is_refused_in_words(changes):
    with pytest.raises(InputError):
        Learning(**changes)


def test_the_smallest_eta_past_halfway_whose_picture_has_changed_is_suggested():
    found = explain(ETAS, EDIT, FAR)
    assert found.index == 4
    assert found.halfway == pytest.approx(0.255)
    assert "Eta 0.8" in found.reason
    specks = (0.20, 0.30, 0.30, *EDIT[3:])  # what the score says of pictures that look the same
    assert suggest(ETAS, specks, FAR) == 4
    assert suggest(ETAS, EDIT, (0.0,) * 5 + (0.3,) * 3) == 5


def test_the_order_of_the_columns_does_not_matter():
    order = [3, 7, 0, 4, 1, 6, 2, 5]
    mixed = [[values[k] for k in order] for values in (ETAS, EDIT, FAR)]
    assert mixed[0][suggest(*mixed)] == 0.8


@pytest.mark.parametrize(
    ("etas", "scores", "distances", "words"),
    [
        (ETAS, (0.2,) * 8, FAR, "does not rise"),
        (ETAS, EDIT[::-1], FAR, "does not rise"),
        ((0.2, 0.6, 1.0), (0.2, 0.25, 0.3), (0.1, 0.2, 0.3), "does not reach"),
        ((0.0, 0.4, 0.8), (0.2, 0.25, 0.3), (0.1, 0.2, 0.3), "does not reach"),
        ((0.5,), (0.2,), (0.1,), "does not reach"),
        (ETAS, (0.2, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2), FAR, "hardly changed"),
    ],
)  # fmt: skip
def test_where_no_rule_holds_nothing_is_suggested_and_the_reason_said(
    etas, scores, distances, words
):
    found = explain(etas, scores, distances)
    assert found.index is None
    assert words in found.reason
    assert suggest(etas, scores, distances) is None


def test_lists_of_different_lengths_and_holes_are_errors_of_the_caller():
    for wrong in (((), (), ()), ((0.0,), (0.1, 0.2), (0.1,)), ((0.0,), (math.nan,), (0.1,))):
        with pytest.raises(ValueError, match=r"got|finite"):
            explain(*wrong)


@given(
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
)
def test_a_suggestion_is_past_halfway_and_never_the_input_and_pixels_are_far_from_it(
    scores, distances
):
    found = explain(ETAS, scores, distances)
    if found.index is None:
        return
    assert ETAS[found.index] > 0
    far = min(distances) + (max(distances[1:]) - min(distances)) / 3
    fits = [k for k in range(1, 8) if scores[k] >= found.halfway and distances[k] >= far - 1e-12]
    assert fits[0] == found.index
