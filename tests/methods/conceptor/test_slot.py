"""The slot: the hook's path is the official path, and nothing shared notices it."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from core.methods.conceptor import denoising
from core.methods.conceptor.algorithm import Dictionary, whole
from core.methods.conceptor.learning import objective
from core.methods.conceptor.model import Model
from core.methods.conceptor.slot import filled
from core.world.diffusion.sampling import start_noise
from tests.core.world.diffusion.tiny import tiny_pipeline
from tests.methods.conceptor.tiny import bench, pipe

FAMILIES = ["sd", "sdxl"]


@pytest.fixture(params=FAMILIES)
def model(request):
    return Model.from_pipeline(pipe(request.param))


def number(model, word):
    return model.tokenizers[0].get_vocab()[f"{word}</w>"]


def vectors(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(0.3 * torch.randn(t.shape[1], generator=generator) for t in model.tables)


def same(one, other):
    assert torch.equal(one.embeds, other.embeds)
    assert (one.pooled is None) == (other.pooled is None)
    if one.pooled is not None:
        assert torch.equal(one.pooled, other.pooled)


@pytest.mark.parametrize("word", ["dog", "red", "night"])
def test_the_embedding_of_a_word_in_the_slot_says_what_the_word_says(model, word):
    own = tuple(table[number(model, word)] for table in model.tables)
    same(model.fill(own), model.encode_text(f"a photo of a {word}"))


def test_one_coefficient_draws_the_picture_of_its_word(model):
    rows = tuple(t[[number(model, w) for w in ("dog", "cat", "sun")]] for t in model.tables)
    norms = tuple(float(r[1].norm()) for r in rows)
    made = model.fill(whole(torch.tensor([0.0, 3.0, 0.0]), Dictionary(rows, norms)))
    said = model.encode_text("a photo of a cat")
    assert torch.allclose(made.embeds, said.embeds, atol=1e-5)
    noise = start_noise(model, model.latent_shape, [4])
    drawn = [
        model.decode(denoising.draw(model, c, noise, guidance=3.0, steps=3)) for c in (made, said)
    ]
    assert (drawn[0].astype(int) - drawn[1]).__abs__().max() <= 1


def test_the_hook_gives_what_writing_into_the_table_would_give(model):
    wanted = vectors(model)
    written = Model.from_pipeline(copy.deepcopy(pipe("sdxl" if model.is_xl else "sd")))
    place = written.tokenizers[0].get_vocab()["<v1>"]
    for encoder, vector in zip(written.shared[2:], wanted, strict=True):
        with torch.no_grad():
            encoder.get_input_embeddings().weight[place] = vector
    # views of `written` share its tables
    same(model.fill(wanted), written.encode_text("a photo of a <v1>"))


def test_several_vectors_are_encoded_as_one_by_one(model):
    rows = [vectors(model, seed) for seed in range(3)]
    together = model.fill([torch.stack(table) for table in zip(*rows, strict=True)])
    for k, one in enumerate(rows):
        assert torch.allclose(together.rows(slice(k, k + 1)).embeds, model.fill(one).embeds, atol=1e-6)  # fmt: skip


def test_a_model_without_reserved_tokens_has_a_slot_too(model):
    class Plain:
        """A tokenizer that hides the placeholders, as public ones lack them."""

        def __init__(self, real):
            self._real = real

        def get_vocab(self):
            return {k: v for k, v in self._real.get_vocab().items() if not k.startswith("<v")}

        def __call__(self, *args, **kwargs):
            return self._real(*args, **kwargs)

        def __getattr__(self, name):
            return getattr(self._real, name)

    plain = replace(model, tokenizers=tuple(Plain(t) for t in model.tokenizers))
    same(plain.fill(vectors(model)), model.fill(vectors(model)))


def test_the_hook_is_gone_after_success_and_after_an_error():
    module = torch.nn.Embedding(5, 3)
    with filled(module, [1], torch.ones(1, 3)):
        assert module(torch.tensor([[0, 1, 2]]))[0, 1].tolist() == [1, 1, 1]
    assert not module._forward_hooks
    with pytest.raises(KeyError), filled(module, [1], torch.ones(1, 3)):
        raise KeyError
    assert not module._forward_hooks


def test_gradients_reach_the_coefficients_alone_and_match_finite_differences():
    double = Model.from_pipeline(_double(tiny_pipeline(prediction_type="v_prediction")))
    words = ["dog", "cat", "red", "sun", "night"]
    rows = tuple(t[[number(double, w) for w in words]].double() for t in double.tables)
    d = Dictionary(rows, tuple(float(r.norm(dim=-1).mean()) for r in rows))
    generator = torch.Generator().manual_seed(1)
    z0 = torch.randn((3, *double.latent_shape), generator=generator).double()
    asked = denoising.pairs(z0, double.num_times, generator)
    asked = replace(asked, noise=asked.noise.double())
    alpha = torch.rand(5, generator=generator).double().requires_grad_()

    def loss(values):
        return objective(double, d, values[None], asked, 3, 0.1)

    (found,) = torch.autograd.grad(loss(alpha), alpha)
    for module in double.shared:
        assert all(p.grad is None for p in module.parameters())
    for k in range(5):
        step = torch.zeros(5).double()
        step[k] = 1e-6
        with torch.no_grad():
            slope = float(loss(alpha + step) - loss(alpha - step)) / 2e-6
        assert float(found[k]) == pytest.approx(slope, rel=1e-2, abs=1e-9)


def _double(pipe):
    """In float64, and with weights large enough for a slope."""
    generator = torch.Generator().manual_seed(8)
    for module in (pipe.unet, pipe.text_encoder):
        module.double()
        with torch.no_grad():
            for p in module.parameters():
                p.add_(0.1 * torch.randn(p.shape, generator=generator).double())
    return pipe


def test_pictures_are_those_of_the_public_pipeline():
    b = bench("sd")
    noise = start_noise(b.model, b.model.latent_shape, [3, 4])
    ours = b.model.decode(
        denoising.draw(b.model, b.model.encode_text("a red dog"), noise, guidance=3.0, steps=4)
    )
    theirs = pipe("sd")(
        ["a red dog"] * 2, latents=noise, num_inference_steps=4, guidance_scale=3.0, output_type="np"
    ).images  # fmt: skip
    assert (ours.astype(int) - (theirs * 255).round()).__abs__().max() <= 1
