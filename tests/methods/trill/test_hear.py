"""The HEAR interface: ours, and somebody else's module behind our embedder."""

import sys
import types

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.methods.trill import embed, features, hear


def clips(count: int = 2, seconds: float = 1.5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(count, int(seconds * 16_000), generator=generator)


def test_scene_and_timestamp_embeddings_have_the_promised_sizes():
    model = hear.load_model()
    audio = clips()
    scene = hear.get_scene_embeddings(audio, model)
    series, times = hear.get_timestamp_embeddings(audio, model)
    assert model.sample_rate == 16_000
    assert scene.shape == (2, model.scene_embedding_size)
    assert series.shape == (2, 4, model.timestamp_embedding_size)
    assert times.shape == (2, 4)
    assert times[0].tolist() == pytest.approx([480, 650, 820, 990])
    assert torch.allclose(series.mean(1), scene, atol=1e-5)
    assert scene.dtype == torch.float32


def test_weights_of_a_folder_can_be_named_by_folder_or_file():
    audio = clips(1)
    rows = [
        hear.get_scene_embeddings(audio, hear.load_model(str(path)))
        for path in (embed.WEIGHTS, embed.WEIGHTS / "model.safetensors")
    ]
    assert torch.equal(rows[0], rows[1])


def test_audio_of_another_shape_is_refused():
    with pytest.raises(InputError, match="clips, samples"):
        hear.get_scene_embeddings(torch.zeros(16_000), hear.load_model())


def other_module(**changes) -> types.ModuleType:
    module = types.ModuleType("somebody_hear")
    model = types.SimpleNamespace(
        sample_rate=8000, scene_embedding_size=3, timestamp_embedding_size=3
    )
    seen = module.seen = []  # type: ignore[attr-defined]

    def scene(audio, model):
        seen.append(audio.shape)
        return torch.stack([audio.mean(1), audio.std(1), audio.abs().amax(1)], 1)

    module.load_model = lambda path="": model  # type: ignore[attr-defined]
    module.get_scene_embeddings = scene  # type: ignore[attr-defined]
    module.get_timestamp_embeddings = lambda audio, model: None  # type: ignore[attr-defined]
    for name, value in changes.items():
        setattr(module, name, value)
    return module


def test_another_module_takes_part_in_the_benchmark_at_its_own_rate(monkeypatch):
    module = other_module()
    monkeypatch.setitem(sys.modules, "somebody_hear", module)
    theirs = hear.load_third_party("somebody_hear")
    found = features.extract([clips(1)[0].numpy()], {"theirs": theirs})
    assert found["theirs"]["layer19"].shape == (1, 3)
    assert module.seen == [(1, 12_000)]
    assert np.isfinite(found["theirs"]["embedding"]).all()


def test_modules_that_do_not_follow_hear_are_named(monkeypatch):
    with pytest.raises(InputError, match="module name"):
        hear.load_third_party("../evil.py")
    with pytest.raises(InputError, match="cannot be imported"):
        hear.load_third_party("no_such_module_here")
    monkeypatch.setitem(sys.modules, "somebody_hear", other_module(get_scene_embeddings=None))
    with pytest.raises(InputError, match="get_scene_embeddings"):
        hear.load_third_party("somebody_hear")
    bare = other_module(load_model=lambda: types.SimpleNamespace(sample_rate=8000))
    monkeypatch.setitem(sys.modules, "somebody_hear", bare)
    with pytest.raises(InputError, match="scene_embedding_size"):
        hear.load_third_party("somebody_hear")
