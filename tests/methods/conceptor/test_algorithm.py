"""The method's own identities, and the recovery of planted sums."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.methods.conceptor import algorithm, surrogate
from core.methods.conceptor.algorithm import Best, Coefficients, Dictionary


def dictionary(tables: int = 1, words: int = 12, seed: int = 0) -> Dictionary:
    generator = torch.Generator().manual_seed(seed)
    rows = tuple(torch.randn(words, 6 + 2 * k, generator=generator) for k in range(tables))
    return Dictionary(rows, tuple(0.7 + k for k in range(tables)))


def alphas(words: int = 12, seed: int = 1) -> torch.Tensor:
    return torch.rand(words, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("tables", [1, 2])
@pytest.mark.parametrize("factor", [1e-3, 0.5, 700.0])
def test_the_scale_of_the_coefficients_changes_nothing(tables, factor):
    d, alpha = dictionary(tables), alphas()
    for one, other in zip(algorithm.whole(alpha, d), algorithm.whole(factor * alpha, d), strict=True):  # fmt: skip
        assert torch.allclose(one, other, atol=1e-5)
    a, b = (algorithm.sparsity_loss(x, d, 4) for x in (alpha, factor * alpha))
    assert abs(float(a - b)) < 1e-5
    assert torch.allclose(algorithm.shares(alpha, d), algorithm.shares(factor * alpha, d), atol=1e-6)  # fmt: skip


def test_the_sum_has_the_mean_norm_of_each_table():
    d = dictionary(2)
    for vector, norm in zip(algorithm.whole(alphas(), d), d.norms, strict=True):
        assert float(vector.norm()) == pytest.approx(norm, abs=1e-5)


def test_permuting_the_dictionary_permutes_the_coefficients_and_leaves_the_sum():
    d = dictionary(2)
    order = torch.randperm(len(d), generator=torch.Generator().manual_seed(3))
    moved = Dictionary(tuple(r[order] for r in d.rows), d.norms)
    net = Coefficients(d.features.shape[1], 8, torch.Generator().manual_seed(0))
    alpha, other = net(d.features), net(moved.features)
    assert torch.allclose(alpha[order], other, atol=1e-5)
    for one, two in zip(algorithm.whole(alpha, d), algorithm.whole(other, moved), strict=True):
        assert torch.allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("n", [12, 50])
def test_nothing_is_lost_where_all_words_are_kept(n):
    d = dictionary(2)
    assert float(algorithm.sparsity_loss(alphas(), d, n)) == pytest.approx(0, abs=1e-5)
    assert torch.equal(algorithm.kept(alphas(), n), alphas())


@given(seed=st.integers(0, 10_000), n=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_the_sparsity_loss_lies_between_nothing_and_two(seed, n):
    value = float(algorithm.sparsity_loss(alphas(seed=seed), dictionary(2, seed=seed + 1), n))
    assert -1e-5 <= value <= 2 + 1e-5


def test_the_largest_coefficients_are_kept_and_the_first_of_equal_ones():
    alpha = torch.tensor([0.1, 0.5, 0.3, 0.5, 0.3])
    assert algorithm.top(alpha, 3).tolist() == [1, 3, 2]
    assert algorithm.kept(alpha, 3).nonzero().flatten().tolist() == [1, 2, 3]


def test_a_sparse_sum_gives_gradients_to_its_kept_words_alone():
    alpha = alphas().requires_grad_()
    algorithm.combine(algorithm.kept(alpha, 4), dictionary())[0].sum().backward()
    assert alpha.grad is not None
    assert set(alpha.grad.nonzero().flatten().tolist()) == set(algorithm.top(alpha.detach(), 4).tolist())  # fmt: skip


def test_coefficients_are_never_negative_and_rarely_nothing():
    generator = torch.Generator().manual_seed(0)
    net = Coefficients(32, 100, generator)
    found = net(torch.randn(500, 32, generator=generator))
    assert bool((found >= 0).all())
    assert float((found == 0).float().mean()) < 0.01  # a relu there would give about a half


def test_shares_weigh_a_coefficient_by_the_length_of_its_word_and_sum_to_one():
    rows = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    found = algorithm.shares(torch.tensor([1.0, 1.0]), Dictionary((rows,), (2.0,)))
    assert found.tolist() == pytest.approx([0.75, 0.25])


def test_shares_of_two_tables_weigh_both_alike_whatever_their_norms():
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    d = Dictionary((rows, 100 * rows), (1.0, 100.0))
    assert algorithm.shares(torch.tensor([3.0, 1.0]), d).tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize(
    ("scores", "index"),
    [([0.1, 0.9, 0.9, 0.3], 1), ([0.5], 0), ([0.2, 0.1, 0.3], 2), ([math.nan, -2.0, -3.0], 1)],
)
def test_the_best_candidate_is_that_of_the_highest_score_and_the_first_of_equal_ones(scores, index):
    best: Best[str] = Best()
    for k, score in enumerate(scores):
        best.offer(score, f"state {k}")
    assert best.index == index
    assert best.state == f"state {index}"


def test_agreement_is_the_share_of_common_words_over_all_pairs():
    assert algorithm.agreement([["a", "b"], ["b", "a"]]) == 1
    assert algorithm.agreement([["a", "b"], ["a", "c"], ["d", "e"]]) == pytest.approx(0.5 / 3)
    assert algorithm.agreement([["a"]]) is None


def test_the_network_and_a_high_sparsity_find_a_planted_sum_that_is_not_identifiable():
    assert [surrogate.recall(64, 0.3, seed) for seed in range(2)] == [1.0, 1.0]


def test_free_numbers_without_sparsity_do_not_find_it():
    found = [surrogate.recall(64, 0.0, seed, free=True) for seed in range(2)]
    assert sum(found) / len(found) < 0.4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "free", "sparsity", "low", "high"),
    [
        (64, False, 0.0, 0.6, 1.0),
        (64, False, 0.1, 0.9, 1.0),
        (64, True, 0.01, 0.2, 0.8),
        (64, True, 0.3, 0.9, 1.0),
        (128, False, 0.0, 1.0, 1.0),
        (128, False, 0.03, 1.0, 1.0),
        (128, True, 0.0, 0.9, 1.0),
    ],
)
def test_wide_embeddings_or_sparsity_make_a_sum_identifiable(width, free, sparsity, low, high):
    found = [surrogate.recall(width, sparsity, seed, free=free) for seed in range(4)]
    assert low <= sum(found) / len(found) <= high
