"""The triplet objective against exact answers and a brute-force loop."""

import pytest
import torch

from core.errors import InputError
from core.methods.trill.algorithm import (
    cosine,
    draw_pair,
    kind,
    normalise,
    pool,
    semi_hard,
    squared_distances,
    triplet_loss,
    triplet_terms,
)


def batch(seed: int, recordings: int = 6, width: int = 8):
    generator = torch.Generator().manual_seed(seed)
    e = torch.randn(2 * recordings, width, generator=generator)
    return e, torch.arange(recordings).repeat_interleave(2), torch.arange(2 * recordings) ^ 1


def test_identical_embeddings_cost_exactly_the_margin():
    e, recordings, positives = batch(0)
    found = triplet_loss(torch.ones_like(e), recordings, positives, 0.2)
    assert found.loss.item() == pytest.approx(0.2, abs=1e-6)
    assert found.spread == pytest.approx(0, abs=1e-6)


def test_opposite_recordings_cost_nothing():
    e = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [-1, 0]])
    found = triplet_loss(e, torch.tensor([0, 0, 1, 1]), torch.tensor([1, 0, 3, 2]), 0.2)
    assert found.loss.item() == 0
    assert found.active == 0
    assert squared_distances(e)[0, 2].item() == 4


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_a_batch_does_not_matter(seed):
    e, recordings, positives = batch(seed)
    order = torch.randperm(len(e), generator=torch.Generator().manual_seed(seed + 9))
    place = order.argsort()
    one = triplet_loss(e, recordings, positives, 0.3).loss
    two = triplet_loss(e[order], recordings[order], place[positives[order]], 0.3).loss
    assert one.item() == pytest.approx(two.item(), abs=1e-6)


@pytest.mark.parametrize("seed", range(50))
def test_the_semi_hard_pick_is_that_of_a_plain_loop(seed):
    e, recordings, positives = batch(seed)
    distances = squared_distances(normalise(e))
    to_positive = distances.gather(1, positives[:, None])[:, 0]
    candidates = recordings[:, None] != recordings[None]
    found = semi_hard(distances, to_positive, candidates)
    for i in range(len(e)):
        best, far = None, None
        for k in range(len(e)):
            if recordings[k] == recordings[i]:
                continue
            d = distances[i, k]
            if far is None or d > distances[i, far]:
                far = k
            if d > to_positive[i] and (best is None or d < distances[i, best]):
                best = k
        assert found[i].item() == (far if best is None else best)


def test_swapping_anchor_and_positive_leaves_the_loss():
    e, recordings, positives = batch(3)
    swap = torch.arange(len(e)) ^ 1
    one = triplet_loss(e, recordings, positives, 0.2).loss
    two = triplet_loss(e[swap], recordings, positives, 0.2).loss
    assert one.item() == pytest.approx(two.item(), abs=1e-6)


def test_there_is_no_gradient_where_a_triplet_is_easy():
    positive = torch.tensor([0.1, 0.5], requires_grad=True)
    negative = torch.tensor([2.0, 0.6], requires_grad=True)
    triplet_terms(positive, negative, 0.2).sum().backward()
    assert positive.grad.tolist() == [0, 1]
    assert negative.grad.tolist() == [0, -1]


def test_squared_distance_on_the_sphere_is_two_minus_two_cosines():
    e = normalise(torch.randn(20, 16, generator=torch.Generator().manual_seed(4)))
    plain = ((e[:, None] - e[None]) ** 2).sum(-1)
    assert torch.allclose(squared_distances(e), plain, atol=1e-6)
    assert torch.allclose(squared_distances(e)[0, 1], 2 - 2 * cosine(e[0], e[1]), atol=1e-6)


def test_a_batch_of_one_recording_is_refused():
    with pytest.raises(InputError, match="two recordings"):
        triplet_loss(torch.randn(2, 4), torch.tensor([0, 0]), torch.tensor([1, 0]), 0.2)


@pytest.mark.parametrize(
    ("positive", "negative", "name"),
    [(1.0, 0.5, "hard"), (1.0, 1.0, "hard"), (1.0, 1.1, "semi-hard"), (1.0, 1.2, "easy")],
)
def test_triplets_are_named_by_where_the_negative_lies(positive, negative, name):
    assert kind(positive, negative, 0.2) == name


def test_pairs_keep_the_gap_and_tau_where_the_recording_is_long_enough():
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        one, two = draw_pair(600, 96, 100, 300, generator)
        assert 0 <= one <= 504
        assert 0 <= two <= 504
        assert 100 <= abs(one - two) <= 300
    assert draw_pair(96, 96, 100, 300, generator) == (0, 0)


def test_a_clip_is_the_mean_of_its_patches():
    assert pool(torch.tensor([[1.0, 3], [3, 5]])).tolist() == [2, 4]
