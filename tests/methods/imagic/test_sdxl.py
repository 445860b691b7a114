"""The XL family goes through the same code: two text encoders, a pooled embedding, time ids."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.methods.imagic import kit
from core.methods.imagic.algorithm import learn
from core.methods.imagic.config import Sampling
from core.methods.imagic.strip import interpolate, sample_strip
from core.world.diffusion.parts import Parts, fingerprint
from core.world.diffusion.sampling import start_noise
from tests.core.world.diffusion.tiny import IMAGE, picture, tiny_sdxl
from tests.methods.imagic.tiny import TARGET, learning


@pytest.fixture(scope="module")
def xl():
    found = tiny_sdxl()
    found.set_progress_bar_config(disable=True)
    return found


@pytest.fixture(scope="module")
def xl_parts(xl):
    return Parts.from_pipeline(xl)


@pytest.fixture(scope="module")
def xl_z0(xl_parts):
    return xl_parts.encode(picture()[None])


def by_pipeline(xl, noise, **texts):
    images = xl(
        **texts, latents=noise, height=IMAGE, width=IMAGE, num_inference_steps=3,
        guidance_scale=3.0, output_type="np",
    ).images  # fmt: skip
    return (images * 255).round().astype(np.uint8)


def test_without_learning_all_etas_are_text_to_image_of_the_target(xl, xl_parts, xl_z0):
    target = xl_parts.encode_text(TARGET)
    learnt = learn(xl_parts, xl_z0, target, learning(embedding_steps=0))
    etas = (0.0, 0.5, 1.2)
    found = sample_strip(xl_parts, learnt, target, Sampling(etas=etas, steps=3, start="noise"))[0]
    noise = start_noise(xl_parts, xl_z0.shape, (0,)).repeat(len(etas), 1, 1, 1)
    assert np.array_equal(found, by_pipeline(xl, noise, prompt=[TARGET] * len(etas)))


@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.usefixtures("whole_bank")
def test_both_embeddings_are_learnt_and_the_model_stays(xl, xl_parts, xl_z0, kind):
    networks = (xl.unet, xl.vae, xl.text_encoder, xl.text_encoder_2)
    before = [fingerprint(n) for n in networks]
    target = xl_parts.encode_text(TARGET)
    own = learning(embedding_steps=15, embedding_lr=3e-2, tuning=kind, tuning_steps=15)
    learnt = learn(xl_parts, xl_z0, target, own)
    assert not torch.equal(learnt.optimised.embeds, target.embeds)
    assert not torch.equal(learnt.optimised.pooled, target.pooled)
    assert learnt.losses.tuned < learnt.losses.target
    found = sample_strip(xl_parts, learnt, target, Sampling(etas=(0.0, 1.0), steps=2))
    assert not np.array_equal(found[0, 0], found[0, 1])
    assert [fingerprint(n) for n in networks] == before


def test_eta_zero_without_tuning_is_the_learnt_embeddings_given_as_prompts(xl, xl_parts, xl_z0):
    target = xl_parts.encode_text(TARGET)
    learnt = learn(xl_parts, xl_z0, target, learning())
    found = sample_strip(xl_parts, learnt, target, Sampling(etas=(0.0,), steps=3, start="noise"))[0]
    empty = xl_parts.unconditional()
    expected = by_pipeline(
        xl,
        start_noise(xl_parts, xl_z0.shape, (0,)),
        prompt_embeds=learnt.optimised.embeds,
        pooled_prompt_embeds=learnt.optimised.pooled,
        negative_prompt_embeds=empty.embeds,
        negative_pooled_prompt_embeds=empty.pooled,
    )
    assert np.array_equal(found, expected)


def test_the_pooled_embedding_is_interpolated_as_well(xl_parts, xl_z0):
    target = xl_parts.encode_text(TARGET)
    learnt = learn(xl_parts, xl_z0, target, learning())
    half = interpolate(target, learnt.optimised, 0.5)
    torch.testing.assert_close(half.pooled, (target.pooled + learnt.optimised.pooled) / 2)


def test_a_kit_of_the_family_comes_back(xl_parts, xl_z0):
    target = xl_parts.encode_text(TARGET)
    learnt = learn(xl_parts, xl_z0, target, learning(tuning="lora"))
    again, told = kit.read(*kit.write(learnt, xl_parts.model_hash()))
    kit.check(again, told, xl_parts, xl_parts.model_hash())
    strips = [sample_strip(xl_parts, k, k.target, Sampling(steps=2)) for k in (learnt, again)]
    assert np.array_equal(*strips)
