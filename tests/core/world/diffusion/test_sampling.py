"""The DDIM loop draws what the public pipelines draw, in passes that get smaller where the device is full."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import DeviceOutOfMemory
from core.world.diffusion.parts import Parts
from core.world.diffusion.passes import halving
from core.world.diffusion.sampling import BUDGET, denoise, rows_of_pass, start_noise
from tests.core.world.diffusion.tiny import IMAGE, tiny_pipeline, tiny_sdxl

TEXT = "a red dog"


@pytest.fixture(scope="module", params=["sd", "v", "sdxl"])
def pipe(request):
    kinds = {
        "sd": tiny_pipeline,
        "v": lambda: tiny_pipeline(prediction_type="v_prediction"),
        "sdxl": tiny_sdxl,
    }
    found = kinds[request.param]()
    found.set_progress_bar_config(disable=True)
    return found


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_pictures_are_those_of_the_public_pipeline(pipe, guidance_scale):
    parts = Parts.from_pipeline(pipe)
    noise = start_noise(parts, parts.latent_shape, [3, 4])
    said = parts.encode_text([TEXT] * 2)
    z = denoise(
        parts, parts.unet, noise, lambda _: said, unconditional=parts.unconditional(),
        num_inference_steps=3, guidance_scale=guidance_scale,
    )  # fmt: skip
    theirs = pipe(
        [TEXT] * 2, latents=noise, height=IMAGE, width=IMAGE, num_inference_steps=3,
        guidance_scale=guidance_scale, output_type="np",
    ).images  # fmt: skip
    # theirs decodes both in one pass, which may differ in the last bits
    assert np.abs(parts.decode(z).astype(int) - (theirs * 255).round()).max() <= 1


def test_the_noise_of_a_seed_is_that_of_a_generator_on_the_cpu():
    parts = Parts.from_pipeline(tiny_pipeline())
    found = start_noise(parts, (1, 4, 8, 8), [5, 6])
    alone = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(6))
    assert torch.equal(found[1:], alone)


def test_a_step_may_have_a_condition_of_its_own_and_is_told():
    parts = Parts.from_pipeline(tiny_pipeline())
    noise = start_noise(parts, parts.latent_shape, [0])
    asked, told = [], []
    said = {0: parts.encode_text("a dog"), 1: parts.encode_text("a cat")}

    def at(step):
        asked.append(step)
        return said[step % 2]

    denoise(
        parts, parts.unet, noise, at, unconditional=parts.unconditional(),
        num_inference_steps=4, guidance_scale=2.0, first=1, tick=told.append,
    )  # fmt: skip
    assert asked == told == [1, 2, 3]


def test_passes_are_within_the_budget_and_depend_on_sizes_alone():
    parts = Parts.from_pipeline(tiny_pipeline())
    assert rows_of_pass(parts, torch.zeros(1, 4, 8, 8)) == 64
    each = 2 * 40 * 16 * 512 * 512 * 4
    assert rows_of_pass(parts, torch.zeros(9, 4, 512, 512)) == BUDGET // each == 1
    assert rows_of_pass(parts, torch.zeros(1, 4, 4096, 4096)) == 1


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)  # fmt: skip
def test_a_full_device_gets_smaller_passes_and_every_row_once(error):
    sizes = []

    def part_of(start, stop):
        sizes.append(stop - start)
        if stop - start > 2:
            raise error
        return torch.arange(start, stop)

    assert torch.cat(list(halving(7, 5, part_of))).tolist() == list(range(7))
    assert sizes == [5, 3, 2, 2, 2, 1]


def test_a_device_without_any_room_is_told_in_words():
    def part_of(start, stop):
        raise MemoryError

    with pytest.raises(DeviceOutOfMemory, match=r"while drawing.*one picture.*Choose a smaller"):
        list(halving(3, 2, part_of))


def test_other_errors_are_not_taken_for_a_full_device():
    def part_of(start, stop):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        list(halving(3, 2, part_of))
