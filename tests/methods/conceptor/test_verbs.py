"""What builds on a decomposition: explain, mix, audit, compare."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from safetensors.torch import load

from core.errors import InputError
from core.media.image_writing import tiles
from core.methods.conceptor import audit, compare, decompose, measuring, mix, single_image
from core.methods.conceptor.algorithm import whole
from core.methods.conceptor.requests import AuditRequest, ExplainRequest, MixRequest
from core.methods.conceptor.results import ExplainResult, Rate, Sheet
from core.methods.conceptor.rethreshold import leave_out, replay
from core.world.diffusion.judge import Judge
from tests.core.world.diffusion.tiny import tokenizer
from tests.methods.conceptor.tiny import SeeingJudge, bench, clip, settings

CONCEPT = "playball"
ALONE = {"a": ("a",), "b": ("b",), "c": ("c",), "d": ("d",)}


@pytest.fixture(scope="module")
def b():
    return bench()


@pytest.fixture(scope="module")
def found(b):
    return decompose.learn_concept(b, CONCEPT, settings(repeats=1, distribution=0))


# --- explain --------------------------------------------------------------------------------------


def test_the_smallest_word_goes_first_and_what_is_needed_stays():
    asked = []

    def like(rest):
        asked.append(rest)
        return 0.99 if "a" in rest and "c" in rest else 0.5

    left, log = leave_out(("d", "c", "b", "a"), ALONE, like, 0.93)
    assert left == ("a", "c")
    assert [r.words for r in log[:4]] == [("d",), ("c",), ("b",), ("a",)]
    assert [r.removed for r in log[:4]] == [True, False, True, False]
    assert log[-1].turn == 2
    assert len(asked) == len(set(asked)), "no picture is drawn twice"


def test_words_that_mean_the_same_leave_together():
    groups = {**ALONE, "b": ("b", "d"), "d": ("b", "d")}
    left, log = leave_out(("d", "c", "b", "a"), groups, lambda _: 0.99, 0.93)
    assert log[0].words == ("d", "b")
    assert left == ("a",)


def test_the_last_word_always_stays():
    left, log = leave_out(("b", "a"), {"a": ("a", "b"), "b": ("a", "b")}, lambda _: 1.0, 0.9)
    assert left == ("a", "b")
    assert log == []


@given(st.integers(0, 2**20), st.floats(0.5, 0.99), st.floats(0.5, 0.99))
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_replay_is_what_drawing_again_would_give_or_says_that_it_cannot(seed, one, other):
    def like(rest):
        return float(np.random.default_rng((seed, *sorted(map(ord, rest)))).uniform(0.4, 1))

    words = ("d", "c", "b", "a")
    left, log = leave_out(words, ALONE, like, one)
    sheet = Sheet(file="x.png", rows=1, columns=1, tile=1)
    stored = ExplainResult(
        weights="", concept="x", seed=0, target="original", likeness=1.0, threshold=one, survivors=(),
        words=words, groups=tuple(ALONE[w] for w in words), log=tuple(log), similarity=1.0, three=sheet,
        steps=None, alone=sheet,
    )  # fmt: skip
    assert replay(stored, one).survivors == left
    again = replay(stored, other)
    if again.complete:
        assert again.survivors == leave_out(words, ALONE, like, other)[0]
    if other > one:
        assert len(again.survivors) >= 1


def test_an_explanation_shows_every_try_and_a_survivor_alone(b, found):
    request = ExplainRequest(concept=CONCEPT, settings=found.learnt.settings, seed=3, threshold=0.9)
    result = single_image.explained(b, found.learnt, request)
    kept = {e.word for e in result.survivors}
    assert kept
    assert kept <= {e.word for e in found.result.elements}
    assert sum(e.share for e in result.survivors) == pytest.approx(1, abs=1e-3)
    assert result.three.columns == 3
    assert result.alone.columns == len(result.survivors)
    assert result.steps is None or result.steps.columns == len(result.log)
    assert all(r.removed == (r.similarity > 0.9) for r in result.log)
    assert replay(result, 0.9).complete
    assert result.target in ("original", "reconstruction")


@pytest.mark.parametrize(("target", "wanted"), [("original", "original"), ("reconstruction", "reconstruction")])  # fmt: skip
def test_the_target_can_be_chosen(b, found, target, wanted):
    request = ExplainRequest(concept=CONCEPT, settings=found.learnt.settings, target=target)
    assert single_image.explained(b, found.learnt, request).target == wanted


# --- mix ------------------------------------------------------------------------------------------


def test_factors_of_one_change_nothing(b, found):
    words = [e.word for e in found.result.elements]
    request = MixRequest(concept=CONCEPT, settings=found.learnt.settings, factors=dict.fromkeys(words, 1.0), seeds=(0, 1))  # fmt: skip
    result = mix.mixed(b, found.learnt, request)
    before, after = tiles(result.files["mix.png"], 2, 2)
    assert np.array_equal(before, after)
    assert [e.share for e in result.before] == [e.share for e in result.after]


def test_the_same_factor_on_all_words_changes_nothing(b, found):
    words = [e.word for e in found.result.elements]
    alpha = mix.weighted(found.learnt, dict.fromkeys(words, 3.0))
    for one, other in zip(found.learnt.vectors(b.model, alpha), found.learnt.vectors(b.model), strict=True):  # fmt: skip
        assert torch.allclose(one, other, atol=1e-5)


def test_a_factor_is_a_share_that_grows_and_nothing_leaves_a_word_out(b, found):
    first, second = (e.word for e in found.result.elements[:2])
    alpha = mix.weighted(found.learnt, {first: 2.0, second: 0.0})
    shares = {e.word: e.share for e in found.learnt.elements(b.model, alpha)}
    before = {e.word: e.share for e in found.result.elements}
    assert second not in shares
    assert shares[first] > before[first]
    muted = mix.weighted(found.learnt, {first: 2.0}, mute=(second,))
    assert torch.equal(alpha, muted)


def test_a_negative_factor_pushes_away(b, found):
    word = found.result.elements[-1].word
    alpha = mix.weighted(found.learnt, {word: -1.0})
    assert {e.word: e.share for e in found.learnt.elements(b.model, alpha)}[word] < 0


def test_solo_is_the_word_itself_at_the_mean_norm(b, found):
    element = next(e for e in found.result.elements if len(e.forms) == 1)
    alpha = mix.weighted(found.learnt, {}, solo=element.word)
    place = found.learnt.forms.index(element.forms[0])
    one = torch.zeros(len(alpha))
    one[place] = 1
    wanted = whole(one, found.learnt.dictionary(b.model))
    for x, y in zip(found.learnt.vectors(b.model, alpha), wanted, strict=True):
        assert torch.allclose(x, y, atol=1e-5)


def test_a_mix_is_exported_as_it_is_drawn(b, found):
    word = found.result.elements[0].word
    request = MixRequest(concept=CONCEPT, settings=found.learnt.settings, factors={word: 0.5}, seeds=(0,))  # fmt: skip
    result = mix.mixed(b, found.learnt, request)
    (vector,) = load(result.files["mixed.safetensors"]).values()
    wanted = found.learnt.vectors(b.model, mix.weighted(found.learnt, {word: 0.5}))[0]
    assert torch.equal(vector, wanted)
    assert float(vector.norm()) == pytest.approx(found.learnt.norms[0], abs=1e-5)


def test_a_word_that_is_none_of_them_is_named_with_the_nearest(found):
    word = found.result.elements[0].word
    with pytest.raises(InputError, match=f"Did you mean {word}"):
        mix.weighted(found.learnt, {word + "x": 2.0})


def test_a_mix_of_nothing_is_refused(found):
    words = dict.fromkeys([e.word for e in found.result.elements], 0.0)
    with pytest.raises(InputError, match="nothing is left to draw"):
        mix.weighted(found.learnt, words)


# --- audit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_the_mitigation_moves_both_groups_to_the_middle_and_keeps_their_sum(b, found, strength):
    a, c = ("dog",), ("red", "star")
    one, other = (found.learnt.share_of(g, b.model) for g in (a, c))
    alpha = audit.mitigated(b, found.learnt, a, c, strength)
    lengths = found.learnt.dictionary(b.model).lengths
    sums = [float((alpha * lengths)[found.learnt.places(g)].sum()) for g in (a, c)]
    assert sum(sums) == pytest.approx(one + other, rel=1e-4)
    assert sums[0] - sums[1] == pytest.approx((1 - strength) * (one - other), abs=1e-6)


def test_a_group_without_any_weight_gets_the_middle_too(b, found):
    places = found.learnt.places(["dog"])
    silent = tuple(0.0 if i in places else a for i, a in enumerate(found.learnt.alpha))
    from dataclasses import replace

    alpha = audit.mitigated(b, replace(found.learnt, alpha=silent), ("dog",), ("red",), 1.0)
    lengths = found.learnt.dictionary(b.model).lengths
    sums = [float((alpha * lengths)[found.learnt.places([w])].sum()) for w in ("dog", "red")]
    assert sums[0] == pytest.approx(sums[1], rel=1e-4)
    assert sums[0] > 0


def test_an_audit_counts_pictures_before_and_after(found):
    seeing = bench(judge=SeeingJudge(clip(), tokenizer()))
    request = AuditRequest(concepts=(CONCEPT,), group_a=("dog",), group_b=("cat",), pictures=4, settings=found.learnt.settings)  # fmt: skip
    row, pictures = audit.audited(seeing, found.learnt, request)
    assert row.measured.n == 0, "the probe sees neither a dog nor a cat"
    assert row.measured.value is None
    assert -1 <= row.leaning <= 1
    assert [len(p) for p in pictures] == [4, 4]


def test_a_rate_counts_pictures_that_show_one_group():
    judge = SeeingJudge()
    pictures = np.stack([np.full((8, 8, 3), v, np.uint8) for v in (0, 10, 20, 250)])
    found = measuring.rate(judge, pictures, ("roundhead",), ("squarehead",))
    assert (found.value, found.n) == (0.75, 4)
    assert found.low < 0.75 < found.high
    assert measuring.rate(Judge(), pictures, ("a",), ("b",)) == Rate(value=None, low=0.0, high=1.0, n=0)  # fmt: skip


def test_a_group_outside_the_dictionary_is_refused(b, found):
    request = AuditRequest(concepts=(CONCEPT,), group_a=("playball",), group_b=("cat",), settings=found.learnt.settings)  # fmt: skip
    with pytest.raises(InputError, match="None of playball is in the dictionary"):
        audit.audited(b, found.learnt, request)


# --- compare --------------------------------------------------------------------------------------


def test_a_concept_compared_with_itself_shares_everything(b, found):
    result = compare.compared(b, found, found)
    assert result.jaccard == 1
    assert result.cosine == pytest.approx(1, abs=1e-5)
    assert list(result.shared) == [e.word for e in found.result.elements]


def test_the_cosine_is_over_the_words_of_both():
    assert compare.cosine({"a": 1.0}, {"b": 1.0}) == 0
    assert compare.cosine({"a": 1.0, "b": 1.0}, {"a": 1.0}) == pytest.approx(0.5**0.5)
    assert compare.cosine({}, {"a": 1.0}) == 0


def test_pictures_of_two_meanings_are_split_with_their_words():
    generator = torch.Generator().manual_seed(0)
    one, two = torch.eye(6)[:2]
    noise = 0.05 * torch.randn(8, 6, generator=generator)
    points = torch.nn.functional.normalize(torch.cat([one.repeat(4, 1), two.repeat(4, 1)]) + noise, dim=-1)  # fmt: skip
    meanings, apart = compare.split(points, torch.stack([two, one]), ["machine", "bird"])
    assert apart is not None
    assert apart > 0.8
    assert [m.words for m in meanings] == [("bird",), ("machine",)]
    assert [m.pictures for m in meanings] == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_pictures_of_one_meaning_are_not_split():
    generator = torch.Generator().manual_seed(0)
    points = torch.nn.functional.normalize(torch.randn(12, 64, generator=generator) + 1, dim=-1)
    assert compare.split(points, points[:2], ["a", "b"])[0] == ()
    same = points[:1].repeat(5, 1)
    assert compare.split(same, points[:1], ["a"]) == ((), 0.0)


# --- what pictures say ----------------------------------------------------------------------------


def test_the_energy_distance_is_nothing_for_one_source_and_grows_with_the_distance():
    generator = torch.Generator().manual_seed(0)

    def cloud(axis, n=40):
        middle = torch.eye(8)[axis]
        return torch.nn.functional.normalize(middle + 0.2 * torch.randn(n, 8, generator=generator), dim=-1)  # fmt: skip

    assert measuring.energy(cloud(0), cloud(0)) < 0.05
    assert measuring.energy(cloud(0), cloud(1)) > 0.5
    assert measuring.energy(cloud(0)[:1], cloud(1)[:1]) > 0


def test_a_mixture_is_told_from_a_blend():
    class Painted(Judge):
        """A picture's feature is its mean colour."""

        scores = True

        def embed(self, pictures):
            x = torch.from_numpy(pictures.reshape(len(pictures), -1, 3).mean(1)).float()
            return torch.nn.functional.normalize(x + 1, dim=-1)

    def of(*colours):
        return np.stack([np.full((4, 4, 3), c, np.uint8) for c in colours])

    red, blue, purple = (250, 0, 0), (0, 0, 250), (125, 0, 125)
    either, both = of(red, blue, red, blue), of(purple, purple, purple, purple)
    mixed = measuring.mixture(Painted(), either, either, both, ["r", "b", "r", "b"])
    blended = measuring.mixture(Painted(), both, either, both, ["r", "b", "r", "b"])
    assert (mixed.kind, blended.kind) == ("mixture", "blend")
    assert mixed.mixture is not None
    assert blended.mixture is not None
    assert mixed.mixture > 0.9 > 0.1 > blended.mixture
