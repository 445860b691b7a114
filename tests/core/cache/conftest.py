"""Tiny real models, and caches on a device of numbers."""

from __future__ import annotations

import hashlib
import json

import pytest

from core.cache.fake import FakeBackend, VirtualClock
from core.cache.model_cache import ModelCache


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def make_cache(clock):
    """Make a cache on a fake device of `total` bytes."""

    def make(total=100, *, one_tier=False, devices=1, transit=2**62, **options):
        backends = [
            FakeBackend(
                total, clock=clock, one_tier=one_tier, name=f"fake:{index}", transit=transit
            )
            for index in range(devices)
        ]
        cache = ModelCache(backends, clock=clock, **options)
        cache.fakes = backends
        return cache

    return make


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folders of a UNet, an autoencoder and a CLIP text tower of a few thousand weights."""
    import torch
    from diffusers import AutoencoderKL, UNet2DModel
    from transformers import CLIPTextConfig, CLIPTextModel

    folder = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng():
        UNet2DModel(
            sample_size=8,
            in_channels=3,
            out_channels=3,
            layers_per_block=1,
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
            norm_num_groups=4,
        ).save_pretrained(folder / "unet")
        AutoencoderKL(
            block_out_channels=(8,), norm_num_groups=4, latent_channels=2
        ).save_pretrained(folder / "vae")
        config = CLIPTextConfig(
            vocab_size=50,
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=8,
            bos_token_id=0,
            eos_token_id=1,
        )
        CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    return folder


@pytest.fixture
def weights(tmp_path):
    """A folder of embedded weights: `config.json` and half-precision safetensors of a small net."""
    from safetensors.torch import save_file

    folder = tmp_path / "weights"
    folder.mkdir()
    net = build_net({"width": 8})
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in net.state_dict().items()
    }
    save_file(state, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    config = {"width": 8, "sha256": {"model.safetensors": digest}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def build_net(config):
    """The net of the `weights` fixture."""
    from torch import nn

    width = config["width"]
    return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.Linear(width, 2))
