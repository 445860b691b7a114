"""The denoising loss: the published definition, both kinds of prediction, times that are spread."""

from __future__ import annotations

import pytest
import torch

from core.world.diffusion.objective import add_noise, draw, errors, wanted
from core.world.diffusion.parts import Parts
from tests.core.world.diffusion.tiny import picture, tiny_pipeline

TEXT = "a dog sitting on grass"


@pytest.fixture(scope="module")
def pipe():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def parts(pipe):
    return Parts.from_pipeline(pipe)


@pytest.fixture(scope="module")
def z0(parts):
    return parts.encode(picture()[None])


@pytest.fixture(scope="module")
def target(parts):
    return parts.encode_text(TEXT)


def test_the_loss_is_the_mean_squared_error_of_the_noise(pipe, parts, z0, target):
    pairs = draw(z0, 4, 1000, torch.Generator().manual_seed(0))
    z_t = pipe.scheduler.add_noise(z0.expand(4, -1, -1, -1), pairs.noise, pairs.t)
    torch.testing.assert_close(add_noise(parts.scheduler.alphas_cumprod, z0, pairs), z_t)
    with torch.no_grad():
        found = errors(parts, parts.unet, z0, target, pairs)
        for row in range(4):
            noise = pipe.unet(z_t[row : row + 1], pairs.t[row], target.embeds).sample
            expected = torch.nn.functional.mse_loss(noise, pairs.noise[row : row + 1])
            torch.testing.assert_close(found[row], expected, rtol=0, atol=1e-5)


def test_a_model_that_predicts_velocity_is_asked_for_velocity(z0):
    parts = Parts.from_pipeline(tiny_pipeline(prediction_type="v_prediction"))
    pairs = draw(z0, 3, 1000, torch.Generator().manual_seed(0))
    expected = parts.scheduler.get_velocity(z0.expand(3, -1, -1, -1), pairs.noise, pairs.t)
    torch.testing.assert_close(wanted(parts, z0, pairs), expected)
    condition = parts.encode_text(TEXT)
    z_t = add_noise(parts.scheduler.alphas_cumprod, z0, pairs)
    with torch.no_grad():
        said = parts.predict(parts.unet, z_t, pairs.t, condition.expand(3))
        found = errors(parts, parts.unet, z0, condition, pairs)
    torch.testing.assert_close(found, (said - expected).square().mean((1, 2, 3)))


def test_each_row_may_have_a_latent_of_its_own(parts, z0, target):
    pairs = draw(z0, 2, 1000, torch.Generator().manual_seed(0))
    both = torch.cat([z0, 2 * z0])
    with torch.no_grad():
        found = errors(parts, parts.unet, both, target, pairs)
        for row, pair in enumerate(pairs.split(1)):
            alone = errors(parts, parts.unet, both[row : row + 1], target, pair)
            torch.testing.assert_close(found[row], alone[0])


def test_times_are_uniform_and_spread_over_each_batch(z0):
    generator = torch.Generator().manual_seed(1)
    batches = [draw(z0, 8, 1000, generator).t for _ in range(300)]
    for t in batches:
        assert sorted((t // 125).tolist()) == list(range(8))
    counts = torch.histc(torch.cat(batches).float(), bins=10, min=0, max=1000)
    assert counts.min() > 180  # 240 in each on average
    first = torch.stack([t[0] for t in batches])  # the place in the batch says nothing of the time
    assert abs(first.float().mean() - 500) < 60
    assert {int(draw(z0, 1, 1000, generator).t) for _ in range(50)} - set(range(500))


def test_times_that_are_not_stratified_are_drawn_one_by_one(z0):
    generator = torch.Generator().manual_seed(1)
    batches = [draw(z0, 8, 1000, generator, stratified=False).t for _ in range(50)]
    assert any(sorted((t // 125).tolist()) != list(range(8)) for t in batches)
    free = torch.cat(batches)
    assert int(free.min()) >= 0
    assert int(free.max()) < 1000
    assert abs(free.float().mean() - 500) < 60
