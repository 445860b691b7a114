"""Exact answers that follow from the definitions of the paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.cache.weight_sharing import view
from core.errors import InputError
from core.methods.imagic import adapters
from core.methods.imagic.algorithm import learn
from core.methods.imagic.config import Sampling
from core.methods.imagic.strip import (
    eta_shares,
    interpolate,
    project,
    sample_strip,
    tuned_unet,
)
from core.world.diffusion.condition import Condition
from core.world.diffusion.parts import fingerprint
from core.world.diffusion.sampling import start_noise
from tests.methods.imagic.tiny import TARGET, learning

ETAS = (0.0, 0.3, 0.6, 1.0, 1.2)
DRAWN = Sampling(etas=ETAS, steps=3, guidance=3.0, start="noise")


@pytest.fixture(scope="module")
def untuned(parts, z0, target):
    return learn(parts, z0, target, learning())


def by_pipeline(pipe, noise, **texts):
    images = pipe(
        **texts,
        latents=noise,
        num_inference_steps=DRAWN.steps,
        guidance_scale=DRAWN.guidance,
        output_type="np",
    ).images
    return (images * 255).round().astype(np.uint8)


def test_without_learning_all_etas_are_text_to_image_of_the_target(pipe, parts, z0, target):
    learnt = learn(parts, z0, target, learning(embedding_steps=0))
    strip = sample_strip(parts, learnt, target, DRAWN)[0]
    noise = start_noise(parts, z0.shape, (0,))
    expected = by_pipeline(pipe, noise.repeat(len(ETAS), 1, 1, 1), prompt=[TARGET] * len(ETAS))
    assert np.array_equal(strip, expected)
    assert all(np.array_equal(strip[0], column) for column in strip)
    assert learnt.losses.target == learnt.losses.optimised == learnt.losses.tuned


def test_eta_one_without_tuning_is_text_to_image_after_any_number_of_steps(
    pipe, parts, z0, target, untuned
):
    strip = sample_strip(parts, untuned, target, replace(DRAWN, etas=(1.0,)))
    noise = start_noise(parts, z0.shape, (0,))
    assert np.array_equal(strip[0], by_pipeline(pipe, noise, prompt=[TARGET]))


def test_eta_zero_without_tuning_is_the_learnt_embedding_given_as_a_prompt(
    pipe, parts, z0, target, untuned
):
    strip = sample_strip(parts, untuned, target, replace(DRAWN, etas=(0.0,)))
    noise = start_noise(parts, z0.shape, (0,))
    expected = by_pipeline(
        pipe,
        noise,
        prompt_embeds=untuned.optimised.embeds,
        negative_prompt_embeds=parts.unconditional().embeds,
    )
    assert np.array_equal(strip[0], expected)
    assert not np.array_equal(strip[0], by_pipeline(pipe, noise, prompt=[TARGET]))


def test_interpolation_is_linear_also_beyond_one():
    generator = torch.Generator().manual_seed(3)
    a, b = (Condition(torch.randn(1, 4, 8, generator=generator)) for _ in range(2))
    assert torch.equal(interpolate(a, b, 0.0).embeds, b.embeds)
    assert torch.equal(interpolate(a, b, 1.0).embeds, a.embeds)
    mean = (a.embeds + b.embeds) / 2
    torch.testing.assert_close(interpolate(a, b, 0.5).embeds, mean, rtol=0, atol=1e-6)
    for eta in (-0.3, 0.25, 1.2, 2.0):
        expected = eta * a.embeds + (1 - eta) * b.embeds
        torch.testing.assert_close(interpolate(a, b, eta).embeds, expected, rtol=0, atol=1e-6)
    assert torch.equal(interpolate(a, a, 0.37).embeds, a.embeds)


def test_both_ends_of_an_interpolation_need_one_shape():
    with pytest.raises(InputError, match="one model"):
        interpolate(Condition(torch.zeros(1, 4, 8)), Condition(torch.zeros(1, 5, 8)), 0.5)


def test_projection_adds_only_what_is_orthogonal_to_the_learnt_embedding():
    generator = torch.Generator().manual_seed(4)
    a, b = (Condition(torch.randn(1, 4, 8, generator=generator)) for _ in range(2))
    assert torch.equal(project(a, b, 0.0).embeds, b.embeds)
    added = project(a, b, 0.8).embeds - b.embeds
    assert (added * b.embeds).sum(-1).abs().max() < 1e-5
    assert added.abs().max() > 0.1
    torch.testing.assert_close(project(b, b, 1.0, 0.7).embeds, 0.7 * b.embeds)


def test_a_batch_of_columns_equals_single_calls(parts, target, untuned):
    together = sample_strip(parts, untuned, target, DRAWN)[0]
    for column, eta in enumerate(ETAS):
        alone = sample_strip(parts, untuned, target, replace(DRAWN, etas=(eta,)))[0, 0]
        # rounded to whole numbers after less than 1e-4 of difference, so at most one step apart
        assert np.abs(alone.astype(int) - together[column]).max() <= 1
    chunked = sample_strip(parts, untuned, target, DRAWN, chunk=2)[0]
    assert np.abs(chunked.astype(int) - together).max() <= 1


def test_columns_of_a_row_share_their_noise_and_rows_differ(parts, target, untuned):
    both = sample_strip(parts, untuned, target, replace(DRAWN, etas=(0.5, 1.0), seeds=(3, 4)))
    for row, seed in enumerate((3, 4)):
        one = sample_strip(parts, untuned, target, replace(DRAWN, etas=(0.5, 1.0), seeds=(seed,)))
        assert np.abs(one[0].astype(int) - both[row]).max() <= 1
    assert np.abs(both[0].astype(int) - both[1]).max() > 5


def test_learning_leaves_every_byte_of_the_model(pipe, parts, z0, target):
    networks = (pipe.unet, pipe.vae, pipe.text_encoder)
    before = [(fingerprint(n), list(n.state_dict())) for n in networks]
    for tuning in ("none", "lora", "full", "joint"):
        learnt = learn(parts, z0, target, learning(tuning=tuning))
        sample_strip(parts, learnt, target, DRAWN)
    assert [(fingerprint(n), list(n.state_dict())) for n in networks] == before
    assert all(p.grad is None and not p.requires_grad for n in networks for p in n.parameters())


def test_stage_two_leaves_the_embedding(parts, z0, target, untuned):
    for tuning in ("lora", "full"):
        tuned = learn(parts, z0, target, learning(tuning=tuning))
        assert torch.equal(tuned.optimised.embeds, untuned.optimised.embeds)
        assert torch.equal(tuned.target.embeds, target.embeds)


@pytest.mark.parametrize("layers", ["attention", "wide"])
def test_a_fresh_adapter_answers_exactly_as_the_network(parts, z0, target, layers):
    generator = torch.Generator().manual_seed(1)
    attached = adapters.attach(parts.unet, 4, layers, generator)
    t = torch.tensor(500)
    with torch.no_grad():
        expected = parts.predict(parts.unet, z0, t, target)
        assert torch.equal(parts.predict(attached, z0, t, target), expected)
        folded = view(parts.unet, adapters.fold(parts.unet, adapters.extract(attached)))
        assert torch.equal(parts.predict(folded, z0, t, target), expected)
    assert len(adapters.trained(attached)) == len(adapters.extract(attached)) > 0


@pytest.mark.parametrize("layers", ["attention", "wide"])
def test_a_folded_adapter_draws_what_the_adapter_draws(parts, z0, target, layers):
    generator = torch.Generator().manual_seed(1)
    attached = adapters.attach(parts.unet, 4, layers, generator)
    with torch.no_grad():
        for name, p in attached.named_parameters():
            if ".lora_B" in name:
                p.copy_(0.1 * torch.randn(p.shape, generator=generator))
        t = torch.tensor(500)
        folded = view(parts.unet, adapters.fold(parts.unet, adapters.extract(attached)))
        apart = parts.predict(attached, z0, t, target)
        torch.testing.assert_close(parts.predict(folded, z0, t, target), apart, rtol=0, atol=1e-5)
        assert (apart - parts.predict(parts.unet, z0, t, target)).abs().max() > 1e-3
    assert list(folded.state_dict()) == list(parts.unet.state_dict())


def test_adam_moves_an_embedding_no_farther_than_its_rate_times_its_steps(parts, z0, target):
    for steps in (1, 5, 20):
        own = learning(embedding_steps=steps, embedding_lr=1e-3)
        moved = (learn(parts, z0, target, own).optimised.embeds - target.embeds).abs().max()
        assert 0.3e-3 < moved <= 1.1 * 1e-3 * steps


@pytest.mark.parametrize("tuning", ["lora", "full", "joint"])
def test_equal_seeds_give_equal_bits_and_others_do_not(parts, z0, target, tuning):
    one, two, other = (
        learn(parts, z0, target, learning(tuning=tuning, seed=seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(one.optimised.embeds, two.optimised.embeds)
    assert one.curve == two.curve
    weights = [found.adapter or found.weights for found in (one, two, other)]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
    assert any(not torch.equal(weights[0][k], weights[2][k]) for k in weights[0])
    assert not torch.equal(one.optimised.embeds, other.optimised.embeds)
    strips = [sample_strip(parts, found, target, DRAWN) for found in (one, two, other)]
    assert np.array_equal(strips[0], strips[1])
    assert not np.array_equal(strips[0], strips[2])


def test_learning_draws_nothing_from_the_global_generator(parts, z0, target):
    before = torch.get_rng_state()
    learn(parts, z0, target, learning(tuning="lora"))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_schedules_are_low_where_they_say(parts):
    late, early = (eta_shares(name, 30) for name in ("late", "early"))
    assert eta_shares("constant", 4) == [1.0] * 4
    assert max(late[:6]) == min(early[13:]) == 0.25
    assert min(late[13:]) == max(early[:6]) == 1.0
    assert late == sorted(late)
    assert early == sorted(early, reverse=True)


def test_a_schedule_changes_the_strip_but_not_where_both_ends_agree(parts, z0, target, untuned):
    for name in ("late", "early"):
        plain = replace(DRAWN, etas=(0.0, 1.0), steps=4)
        own = replace(plain, schedule=name)
        found, expected = (sample_strip(parts, untuned, target, s)[0] for s in (own, plain))
        assert np.array_equal(found[0], expected[0])
        assert not np.array_equal(found[1], expected[1])


def test_sampling_copies_only_what_was_tuned(parts, z0, target):
    learnt = learn(parts, z0, target, learning(tuning="lora"))
    own = tuned_unet(parts, learnt, DRAWN)
    base = {n: p.data_ptr() for n, p in parts.unet.named_parameters()}
    differ = {n for n, p in own.named_parameters() if p.data_ptr() != base[n]}
    assert differ == set(adapters.touched(learnt.adapter, None))
    assert tuned_unet(parts, learn(parts, z0, target, learning()), DRAWN) is parts.unet
