"""Drawing: forgetting, other starts, the branch without text, and the simpler ways from the same noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import DeviceOutOfMemory, InputError
from core.methods.imagic import baselines, forgetting, strip
from core.methods.imagic.algorithm import learn
from core.methods.imagic.config import FORGETS, Learning, Sampling
from core.methods.imagic.inversion import ROUNDS, invert
from core.methods.imagic.strip import sample_strip, tuned_unet
from core.world.diffusion.parts import Parts, fingerprint
from core.world.diffusion.sampling import ddim, denoise, start_noise
from tests.core.world.diffusion.tiny import picture, tiny_pipeline
from tests.methods.imagic.tiny import SOURCE, TARGET, learning


@pytest.fixture(scope="module")
def tuned(parts, z0, target):
    return learn(
        parts, z0, target, learning(tuning="lora", layers="wide", tuning_steps=8, tuning_lr=3e-2)
    )


@pytest.fixture(scope="module")
def whole(parts, z0, target):
    return learn(parts, z0, target, learning(tuning="full"))


def drawn(**changes) -> Sampling:
    return Sampling(**{"etas": (0.0, 0.6, 1.0), "steps": 3, "start": "noise", **changes})


@pytest.mark.parametrize("pattern", [f for f in FORGETS if f != "none"])
def test_a_pattern_forgets_its_blocks_and_keeps_what_its_name_says(parts, pattern):
    names = [n for n, _ in parts.unet.named_parameters()]
    gone = {n for n in names if forgetting.forgets(pattern, n)}
    place = {"enc": "down_blocks.", "dec": "up_blocks.", "mid": "mid_block."}[pattern[:3]]
    inside = {n for n in names if n.startswith(place)}
    kept = inside - gone
    assert gone <= inside
    assert gone
    if pattern.endswith("kv"):
        assert kept == {n for n in inside if ".attn2.to_k." in n or ".attn2.to_v." in n}
    elif pattern.endswith("attn"):
        assert kept == {n for n in inside if ".attn1." in n or ".attn2." in n}
    else:
        assert not kept
    assert kept or pattern in ("encoder", "decoder", "middle")


@pytest.mark.parametrize("kind", ["tuned", "whole"])
def test_forgetting_everything_is_the_untouched_network_there(parts, kind, request):
    learnt = request.getfixturevalue(kind)
    other = tuned_unet(parts, learnt, drawn(forget="decoder", forget_strength=1.0))
    half = tuned_unet(parts, learnt, drawn(forget="decoder", forget_strength=0.5))
    full = tuned_unet(parts, learnt, drawn())
    changed = 0
    for name, base in parts.unet.named_parameters():
        a, b, c = (net.get_parameter(name) for net in (other, half, full))
        if name.startswith("up_blocks."):
            assert torch.equal(a, base)
            torch.testing.assert_close(b, (base + c) / 2, rtol=0, atol=1e-6)
            changed += not torch.equal(c, base)
        else:
            assert torch.equal(a, c)
    assert changed


def test_forgetting_of_no_strength_changes_nothing(parts, target, tuned):
    plain = sample_strip(parts, tuned, target, drawn())
    none = sample_strip(parts, tuned, target, drawn(forget="encoder", forget_strength=0.0))
    some = sample_strip(parts, tuned, target, drawn(forget="encoder"))
    assert np.array_equal(plain, none)
    assert not np.array_equal(plain, some)


def test_a_pattern_that_would_change_nothing_is_refused(parts, z0, target):
    attention = learn(parts, z0, target, learning(tuning="lora"))
    with pytest.raises(InputError, match="would change nothing"):
        sample_strip(parts, attention, target, drawn(forget="decoderattn"))
    sample_strip(parts, attention, target, drawn(forget="decoderkv"))
    untuned = learn(parts, z0, target, learning())
    with pytest.raises(InputError, match="would change nothing"):
        sample_strip(parts, untuned, target, drawn(forget="encoder"))


def test_the_branch_without_text_may_have_the_untouched_weights(parts, z0, target, tuned):
    own, base = (
        sample_strip(parts, tuned, target, drawn(unconditional=name)) for name in ("tuned", "base")
    )
    assert not np.array_equal(own, base)
    noise = start_noise(parts, z0.shape, (0,))
    scheduler, z = ddim(parts, 3), noise
    unet, e = tuned_unet(parts, tuned, drawn()), tuned.optimised
    with torch.no_grad():
        for t in scheduler.timesteps:
            without = parts.predict(parts.unet, z, t, parts.unconditional())
            noise = without + 3 * (parts.predict(unet, z, t, e) - without)
            z = scheduler.step(noise, t, z).prev_sample
    assert np.abs(parts.decode(z)[0].astype(int) - base[0, 0]).max() <= 1
    untuned = learn(parts, z0, target, learning())
    same = [sample_strip(parts, untuned, target, drawn(unconditional=n)) for n in ("tuned", "base")]
    assert np.array_equal(*same)


def test_guidance_one_needs_no_branch_without_text(pipe, parts, z0, target, tuned, monkeypatch):
    calls = []
    predict = Parts.predict

    def counted(self, unet, latents, t, condition):
        calls.append(len(latents))
        return predict(self, unet, latents, t, condition)

    monkeypatch.setattr(Parts, "predict", counted)
    sample_strip(parts, tuned, target, drawn(guidance=1.0))
    assert calls == [3, 3, 3]
    calls.clear()
    sample_strip(parts, tuned, target, drawn(seeds=(0, 1)))
    assert calls == [12, 12, 12]


def test_progress_of_a_strip_counts_its_steps(parts, target, tuned):
    seen = []
    sample_strip(parts, tuned, target, drawn(), report=lambda *a: seen.append(a), chunk=2)
    assert [a[0] for a in seen] == ["sampling"] * 6
    steps = [a[1] for a in seen]
    assert steps == sorted(steps)
    assert steps[-1] == seen[-1][2] == 3


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError()])
def test_a_full_device_draws_fewer_pictures_at_a_time(parts, target, tuned, monkeypatch, error):
    expected = sample_strip(parts, tuned, target, drawn(seeds=(0, 1)))
    predict, most = Parts.predict, [4]

    def small(self, unet, latents, t, condition):
        if len(latents) > most[0]:
            raise error
        return predict(self, unet, latents, t, condition)

    monkeypatch.setattr(Parts, "predict", small)
    found = sample_strip(parts, tuned, target, drawn(seeds=(0, 1)))
    assert np.abs(found.astype(int) - expected).max() <= 1
    most[0] = 1  # guidance needs two
    with pytest.raises(DeviceOutOfMemory, match="while drawing"):
        sample_strip(parts, tuned, target, drawn())


def test_another_target_needs_no_learning(parts, tuned, target):
    other = parts.encode_text(SOURCE)
    again = sample_strip(parts, tuned, other, drawn())
    first = sample_strip(parts, tuned, target, drawn())
    assert np.abs(again[0, 0].astype(int) - first[0, 0]).max() <= 1  # eta 0 does not see the text
    assert not np.array_equal(again[0, -1], first[0, -1])


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_inversion_finds_the_noise_that_draws_the_picture(kind):
    parts = Parts.from_pipeline(tiny_pipeline(prediction_type=kind))
    z0, target = parts.encode(picture()[None]), parts.encode_text(TARGET)
    found = {}
    for rounds in (1, ROUNDS):
        noise = invert(parts, parts.unet, z0, target, 30, rounds)
        back = denoise(
            parts, parts.unet, noise, lambda _: target, unconditional=parts.unconditional(),
            num_inference_steps=30, guidance_scale=1.0,
        )  # fmt: skip
        found[rounds] = (back - z0).abs().max().item()
    # a random network is harder to invert than one that was trained
    assert found[ROUNDS] < 0.1 * z0.abs().max()
    assert found[ROUNDS] < found[1] / 20


def test_an_inverted_start_gives_the_picture_back_at_eta_zero_without_guidance(
    parts, z0, target, tuned
):
    own = drawn(etas=(0.0, 1.0), steps=30, guidance=1.0, start="inverted")
    found = sample_strip(parts, tuned, target, own)[0]
    wanted = parts.decode(z0)[0].astype(int)
    assert np.abs(found[0] - wanted).max() <= 2
    fresh = sample_strip(parts, tuned, target, drawn(etas=(0.0,), steps=30, guidance=1.0))[0, 0]
    assert np.abs(fresh - wanted).max() > 2


def test_rows_of_an_inverted_start_are_the_pictures_own_noise_and_variations_of_it(
    parts, z0, target, tuned
):
    def starts(*seeds):
        own = drawn(seeds=seeds, start="inverted")
        return strip.start_of(parts, parts.unet, z0, target, own, lambda *told: said.append(told))

    said: list = []
    noise = starts(0, 7, 8)
    assert [told[:3] for told in said] == [("inversion", k, 3) for k in (1, 2, 3)]
    assert torch.equal(noise[:1], invert(parts, parts.unet, z0, target, 3))
    assert torch.equal(noise[1:2], starts(7)), "a row does not depend on the others"
    fresh = (noise[1:] - (1 - strip.VARIED) ** 0.5 * noise[0]) / strip.VARIED**0.5
    torch.testing.assert_close(fresh, start_noise(parts, z0.shape, (7, 8)), rtol=0, atol=1e-4)
    rows = sample_strip(parts, tuned, target, drawn(seeds=(0, 7), start="inverted"))
    assert not np.array_equal(rows[0], rows[1])


def test_text_to_image_is_the_public_pipeline(pipe, parts, z0, target):
    found = baselines.text_to_image(parts, target, drawn(seeds=(4, 5)), z0.shape)
    noise = start_noise(parts, z0.shape, (4, 5))
    images = pipe(
        [TARGET] * 2, latents=noise, num_inference_steps=3, guidance_scale=3.0, output_type="np"
    ).images
    assert np.array_equal(found, (images * 255).round().astype(np.uint8))


@pytest.mark.parametrize("strength", [0.35, 0.6, 1.0])
def test_sdedit_is_the_public_image_to_image_pipeline(pipe, parts, z0, target, strength):
    from diffusers import StableDiffusionImg2ImgPipeline

    public = StableDiffusionImg2ImgPipeline(
        **{k: v for k, v in pipe.components.items() if k != "scheduler"},
        scheduler=parts.scheduler,
        requires_safety_checker=False,
    )
    public.set_progress_bar_config(disable=True)
    images = public(
        TARGET,
        image=z0,
        strength=strength,
        num_inference_steps=6,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(4),
        output_type="np",
    ).images
    found = baselines.sdedit(parts, z0, target, drawn(steps=6, seeds=(4,)), (strength,))
    assert np.array_equal(found[:, 0], (images * 255).round().astype(np.uint8))


def test_weak_sdedit_is_the_input_and_a_strength_out_of_range_is_refused(parts, z0, target):
    found = baselines.sdedit(parts, z0, target, drawn(seeds=(1, 2)), (0.1, 0.7))
    assert found.shape == (2, 2, 16, 16, 3)
    assert np.array_equal(found[0, 0], parts.decode(z0)[0])
    with pytest.raises(InputError, match=r"strength of SDEdit is 1\.5"):
        baselines.sdedit(parts, z0, target, drawn(), (1.5,))


def test_ddim_inversion_with_its_own_text_and_no_guidance_is_the_input(parts, z0, target):
    own = drawn(steps=30, guidance=1.0)
    wanted = parts.decode(z0)[0].astype(int)
    same = baselines.ddim_inversion(parts, z0, target, own, source=target)
    fresh = baselines.text_to_image(parts, target, own, z0.shape)
    assert np.abs(same[0] - wanted).mean() < 2
    assert np.abs(fresh[0] - wanted).mean() > 10
    other = baselines.ddim_inversion(parts, z0, target, drawn(steps=10))
    assert not np.array_equal(same, other)


def test_the_public_settings_run_through_the_same_code(parts, z0, target, monkeypatch):
    seen = []

    def quick(parts, z0, target, learning: Learning, **_):
        seen.append(learning)
        return learn(parts, z0, target, Learning(**{**QUICK, "tuning": learning.tuning}))

    monkeypatch.setattr(baselines, "learn", quick)
    monkeypatch.setattr(
        baselines.config, "with_seeds", lambda s, seeds: Sampling(etas=s.etas, seeds=seeds, steps=2)
    )
    before = fingerprint(parts.unet)
    learnt, found = baselines.community(parts, z0, target, seeds=(0, 1))
    assert (seen[0].embedding_steps, seen[0].tuning_steps, seen[0].batch_size) == (500, 1000, 1)
    assert (seen[0].embedding_lr, seen[0].tuning_lr, seen[0].tuning) == (1e-3, 2e-6, "full")
    assert learnt.weights
    assert found.shape == (2, 9, 16, 16, 3)
    assert fingerprint(parts.unet) == before


QUICK = {"embedding_steps": 1, "tuning_steps": 1, "batch_size": 1}
