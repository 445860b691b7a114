"""The networks of a pipeline: asked as the public pipelines ask them, and never changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import InputError, WeightsError
from core.world.diffusion.parts import Parts, fingerprint
from tests.core.world.diffusion.tiny import IMAGE, picture, tiny_pipeline, tiny_sdxl

TEXT = "a dog sitting on grass"
TEXTS = [TEXT, "a red cat"]


@pytest.fixture(scope="module")
def pipe():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def parts(pipe):
    return Parts.from_pipeline(pipe)


@pytest.fixture(scope="module")
def xl():
    return tiny_sdxl()


@pytest.fixture(scope="module")
def xl_parts(xl):
    return Parts.from_pipeline(xl)


def test_texts_are_embedded_as_the_pipeline_embeds_them(pipe, parts):
    embeds, empty = pipe.encode_prompt(TEXTS, "cpu", 1, True)
    assert torch.equal(parts.encode_text(TEXTS).embeds, embeds)
    assert torch.equal(parts.unconditional().embeds, empty[:1])


def test_texts_are_embedded_as_the_xl_pipeline_embeds_them(xl, xl_parts):
    embeds, empty, pooled, empty_pooled = xl.encode_prompt(TEXTS)
    found, without = xl_parts.encode_text(TEXTS), xl_parts.unconditional()
    assert torch.equal(found.embeds, embeds)
    assert torch.equal(found.pooled, pooled)
    assert torch.equal(without.embeds, empty[:1])
    assert torch.equal(without.pooled, empty_pooled[:1])


def test_embeddings_of_tokens_carry_gradients_and_those_of_texts_do_not(parts):
    table = parts.text_encoders[0].get_input_embeddings()
    table.weight.requires_grad_(True)
    try:
        assert parts.encode_tokens(parts.tokens(TEXTS)).embeds.requires_grad
        assert not parts.encode_text(TEXTS).embeds.requires_grad
    finally:
        table.weight.requires_grad_(False)


def test_the_mask_is_of_the_words_with_start_and_end(parts):
    mask = parts.encode_text(TEXTS).mask
    assert mask[:, :, 0].sum(1).tolist() == [7, 5]


def test_what_a_text_encoder_cannot_take_is_told(parts):
    assert parts.cut(TEXT) == ""
    assert parts.cut(" ".join(["dog"] * 14)) == "dog dog dog dog"


def test_sizes_are_those_of_the_networks(parts):
    assert parts.image_size == IMAGE
    assert parts.latent_shape == (4, IMAGE // 2, IMAGE // 2)
    assert parts.encode(picture()[None]).shape[1:] == parts.latent_shape
    assert parts.num_times == 1000


def test_a_picture_does_not_depend_on_what_is_decoded_beside_it(parts):
    z = torch.randn((5, *parts.latent_shape), generator=torch.Generator().manual_seed(0))
    together = parts.decode(z)
    for row in range(5):
        assert np.array_equal(parts.decode(z[row : row + 1])[0], together[row])


def test_a_picture_of_unfit_edges_is_refused_in_words(parts):
    with pytest.raises(InputError, match=r"multiples of 4.*16x16"):
        parts.encode(np.zeros((1, 18, 16, 3), np.uint8))


def test_a_pipeline_without_a_part_is_refused_in_words(pipe):
    given = {**pipe.components, "unet": None}
    with pytest.raises(WeightsError, match="has no unet"):
        Parts.from_components(given)


def test_a_model_of_another_objective_is_refused_in_words(pipe):
    odd = type(pipe.scheduler).from_config(pipe.scheduler.config, prediction_type="sample")
    with pytest.raises(WeightsError, match="epsilon and v_prediction"):
        Parts.from_components({**pipe.components, "scheduler": odd})


def test_the_model_hash_is_of_the_values_not_of_their_precision(parts):
    other = tiny_pipeline()
    for part in ("unet", "vae", "text_encoder"):
        getattr(other, part).half()
    found = Parts.from_pipeline(other)
    assert found.model_hash() == parts.model_hash()
    assert found.base_hash() != parts.base_hash()
    with torch.no_grad():
        other.unet.conv_in.bias[0] += 0.5
    assert found.model_hash() != parts.model_hash()


def test_the_base_hash_changes_with_one_bit():
    pipe = tiny_pipeline()
    parts = Parts.from_pipeline(pipe)
    before = parts.base_hash()
    assert parts.base_hash() == before
    with torch.no_grad():
        pipe.text_encoder.get_input_embeddings().weight[0, 0] += 1e-6
    assert parts.base_hash() != before


def test_an_autoencoder_that_overflows_in_half_precision_is_widened_in_private():
    pipe = tiny_sdxl()
    pipe.vae.register_to_config(force_upcast=True)
    plain = Parts.from_pipeline(pipe)
    expected = plain.decode(plain.encode(picture()[None]))
    pipe.vae.half()
    parts = Parts.from_pipeline(pipe)
    before = fingerprint(pipe.vae)
    found = parts.decode(parts.encode(picture()[None]))
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert fingerprint(pipe.vae) == before
    assert pipe.vae.dtype == torch.float16
