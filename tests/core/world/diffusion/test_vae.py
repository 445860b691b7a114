"""The autoencoder's scale, and the pool of pictures it learns from."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from core.world import curriculum
from core.world.diffusion import config, latents, pictures, vae


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    made = pictures.Pool(
        tmp_path_factory.mktemp("pool") / "pictures.bin", curriculum.tiny(), 300, 64, 3
    )
    made.make()
    return made


@pytest.fixture
def coder():
    net = vae.build(config.smoke().net)
    vae.initialise(net, torch.Generator().manual_seed(0))
    return net.eval().requires_grad_(False)


def test_folding_brings_latents_to_one_deviation_at_the_public_factor(pool, coder):
    before = coder.encode(vae.as_tensor(pool.open())).latent_dist.mean * config.SCALING_FACTOR
    vae.fold(coder, pool.open())
    after = coder.encode(vae.as_tensor(pool.open())).latent_dist.mean * config.SCALING_FACTOR
    assert coder.config.scaling_factor == 0.18215
    assert float((before.std((0, 2, 3)) - 0.5).abs().max()) > 0.2
    assert torch.allclose(after.mean((0, 2, 3)), torch.zeros(4), atol=1e-3)
    assert torch.allclose(after.std((0, 2, 3)), torch.full((4,), 0.5), atol=1e-3)


def test_folding_changes_no_picture_and_no_share_of_noise(pool, coder):
    x = vae.as_tensor(pool.open()[:8])
    other = copy.deepcopy(coder)
    vae.fold(other, pool.open())
    assert torch.allclose(vae.reconstruct(coder, x), vae.reconstruct(other, x), atol=1e-4)
    a, b = coder.encode(x).latent_dist, other.encode(x).latent_dist
    ratio = (b.std / a.std) / (b.mean.std((0, 2, 3)) / a.mean.std((0, 2, 3)))[None, :, None, None]
    assert torch.allclose(ratio, torch.ones_like(ratio), atol=1e-3)


def test_psnr_of_a_known_error():
    x = torch.zeros(2, 3, 4, 4)
    assert vae.psnr(x, x + 0.2) == pytest.approx(20.0, abs=1e-4)


def test_a_pool_that_was_cut_short_is_finished_with_the_same_bytes(tmp_path):
    def check():
        raise KeyboardInterrupt

    args = (curriculum.tiny(), 700, 16, 3)
    whole = pictures.Pool(tmp_path / "whole.bin", *args)
    whole.make()
    cut = pictures.Pool(tmp_path / "cut.bin", *args)
    data = whole.path.read_bytes()
    cut.path.write_bytes(data[: pictures.CHUNK * 16 * 16 * 3 + 1000])
    cut.make()
    assert cut.path.read_bytes() == data
    assert whole.open().shape == (700, 16, 16, 3)


def test_the_scenes_of_a_pool_are_those_that_were_drawn(pool):
    from core.world.render import render

    found = pictures.samples(pool.curriculum, pool.seed, pictures.TRAIN, 300)
    assert np.array_equal(render([found[217].scene])[0], pool.open()[217])
    other = pictures.samples(pool.curriculum, pool.seed, pictures.CHECK, 300)
    assert not {s.scene for s in found} & {s.scene for s in other}


def test_latents_are_the_means_in_the_order_of_the_pool(pool, coder, tmp_path):
    from accelerate import Accelerator

    z = latents.encode(coder, pool, tmp_path / "z.npy", Accelerator(cpu=True))
    mean = coder.encode(vae.as_tensor(pool.open()[120:122])).latent_dist.mean
    assert z.shape == (300, 4, 16, 16)
    assert np.allclose(z[120:122], mean.numpy() * config.SCALING_FACTOR, rtol=2e-3, atol=2e-3)
    assert [p.name for p in tmp_path.iterdir()] == ["z.npy"]
