"""Views: the storage of every weight shared, and nothing else."""

from __future__ import annotations

import pytest
import torch

from core.cache.weight_sharing import view


@pytest.fixture
def module():
    return torch.nn.Sequential(
        torch.nn.Embedding(5, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 3)
    ).train()


def test_a_view_shares_storage_and_nothing_else(module):
    other = view(module)
    shared = [*module.named_parameters(), *module.named_buffers()]
    for (name, a), (same, b) in zip(
        shared, [*other.named_parameters(), *other.named_buffers()], strict=True
    ):
        assert name == same
        assert a.data_ptr() == b.data_ptr()
    for a, b in zip(module.parameters(), other.parameters(), strict=True):
        assert a is not b
        assert not b.requires_grad
    module.requires_grad_(False).eval()
    other.requires_grad_(True)
    other.train()
    other[2].register_forward_hook(lambda *_: None)
    assert not any(p.requires_grad for p in module.parameters())
    assert not module.training
    assert not module[2]._forward_hooks


def test_a_view_is_in_evaluation_mode_and_leaves_the_mode_of_the_shared_module(module):
    assert not view(module).training
    assert module.training


def test_gradients_of_a_view_do_not_reach_the_shared_module(module):
    other = view(module).requires_grad_(True)
    other(torch.tensor([1, 2])).sum().backward()
    assert other[2].weight.grad is not None
    assert all(p.grad is None for p in module.parameters())


def test_a_view_may_have_some_weights_of_its_own(module):
    before = module[2].bias.detach().clone()
    other = view(module, {"2.bias": torch.full((3,), 7.0)})
    assert other[2].bias.tolist() == [7, 7, 7]
    assert torch.equal(module[2].bias, before)
    assert other[2].weight.data_ptr() == module[2].weight.data_ptr()


def test_a_view_refuses_weights_that_do_not_fit(module):
    with pytest.raises(ValueError, match="has shape"):
        view(module, {"2.bias": torch.zeros(4)})
    with pytest.raises(AttributeError):
        view(module, {"2.nothing": torch.zeros(3)})
