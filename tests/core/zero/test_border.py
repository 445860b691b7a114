"""What passes between the hub and a worker: values, whatever held them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.jobs.border import pack, unpack


@dataclass(frozen=True)
class Box:
    content: Any


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).t(),
        torch.tensor(2.5),
        torch.tensor([1 + 2j, 3 - 1j]).conj(),
        torch.tensor([True, False]),
        torch.arange(3, dtype=torch.int16),
        torch.ones(2, 2, dtype=torch.bfloat16),
        torch.empty(0, 4),
    ],
    ids=["strided", "scalar", "conjugate", "bool", "int16", "bfloat16", "empty"],
)
def test_a_tensor_keeps_shape_kind_and_values(tensor):
    back = unpack(pack(Box(tensor))).content
    assert (back.shape, back.dtype, back.device.type) == (tensor.shape, tensor.dtype, "cpu")
    assert torch.equal(back, tensor.resolve_conj())


def test_a_view_brings_only_its_own_values():
    large = torch.zeros(1_000_000)
    assert len(pack(large[:10])) < 1000


def test_a_tensor_made_in_inference_mode_or_with_gradients_is_a_plain_one_afterwards():
    with torch.inference_mode():
        made = torch.ones(3)
    learned = torch.nn.Parameter(torch.ones(3))
    for tensor in (made, learned):
        back = unpack(pack(tensor))
        assert not back.is_inference()
        back += 1
        assert back.tolist() == [2.0, 2.0, 2.0]


def test_a_tensor_passes_as_bytes_and_not_as_shared_memory():
    import multiprocessing.resource_sharer as sharer

    pack(torch.ones(100))
    assert sharer._resource_sharer._listener is None


def test_arrays_pictures_and_nested_values_pass():
    picture = Image.new("RGB", (3, 2), "red")
    back = unpack(pack({"a": [np.arange(3), picture, Box((1, "two", None))]}))["a"]
    assert back[0].tolist() == [0, 1, 2]
    assert back[1].tobytes() == picture.tobytes()
    assert back[2] == Box((1, "two", None))


@pytest.mark.parametrize(
    "thing",
    [
        lambda: 0,
        threading.Lock(),
        torch.eye(2).to_sparse(),
        torch.empty(2, device="meta"),
    ],
    ids=["lambda", "lock", "sparse", "meta"],
)
def test_what_cannot_pass_is_refused_with_its_reason(thing):
    with pytest.raises(TypeError, match="Box cannot pass to another process: "):
        pack(Box(thing))
