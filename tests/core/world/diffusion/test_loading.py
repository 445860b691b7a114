"""Text-to-image models through the cache: shared parts, own schedulers, checked weights, pinned checkpoints."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from diffusers import DDIMScheduler

from core import settings
from core.cache import from_settings
from core.errors import InputError, WeightsError
from core.methods.imagic import SPEC
from core.methods.imagic.requests import MODELS
from core.world.diffusion import judge, loading
from tests.core.world.diffusion.tiny import IMAGE, tiny_pipeline, tiny_sdxl


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sd") / "text_to_image"
    tiny_pipeline().save_pretrained(place, safe_serialization=True)
    loading.seal(place, {"seed": 0})
    return place


@pytest.fixture(scope="module")
def xl_folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("xl") / "text_to_image"
    tiny_sdxl().save_pretrained(place, safe_serialization=True)
    return place


@pytest.fixture
def held():
    return from_settings(settings.current())


def drawn(pipe, **more):
    pipe.set_progress_bar_config(disable=True)
    return pipe(
        "a dog", height=IMAGE, width=IMAGE, num_inference_steps=2, output_type="np",
        generator=torch.Generator().manual_seed(0), **more,
    ).images[0]  # fmt: skip


def test_a_lent_pipeline_draws_what_the_saved_one_draws(folder, held):
    with held.acquire(loading.from_folder(folder)) as lease:
        assert (drawn(lease.obj) == drawn(tiny_pipeline())).all()
        assert not any(p.requires_grad for p in lease.obj.unet.parameters())
        assert not lease.obj.unet.training


def test_the_xl_family_goes_through_the_same_loader(xl_folder, held):
    with held.acquire(loading.from_folder(xl_folder)) as lease:
        assert type(lease.obj).__name__ == "StableDiffusionXLPipeline"
        assert (drawn(lease.obj) == drawn(tiny_sdxl())).all()


def test_two_leases_share_their_parts_and_have_a_scheduler_each(folder, held):
    spec = loading.from_folder(folder)
    with held.acquire(spec) as one, held.acquire(loading.from_folder(folder)) as other:
        for name in ("unet", "vae", "text_encoder", "tokenizer"):
            assert getattr(one.obj, name) is getattr(other.obj, name)
        one.obj.scheduler.set_timesteps(7)
        assert other.obj.scheduler.num_inference_steps is None


def test_parts_have_their_true_size_before_they_are_loaded(folder):
    spec = loading.from_folder(folder)
    own = tiny_pipeline()
    for name in ("unet", "vae", "text_encoder"):
        numbers = sum(p.numel() for p in getattr(own, name).state_dict().values())
        assert abs(spec.parts[name].est_bytes() - 4 * numbers) <= 8 * 64, name


def test_a_checkpoint_of_another_sampler_gets_ddim_with_its_own_noise_levels(
    folder, held, tmp_path
):
    copy = tmp_path / "text_to_image"
    shutil.copytree(folder, copy)
    told = {"_class_name": "PNDMScheduler", "beta_schedule": "scaled_linear", "beta_start": 0.00085,
            "beta_end": 0.012, "num_train_timesteps": 1000, "skip_prk_steps": True}  # fmt: skip
    (copy / "scheduler" / "scheduler_config.json").write_text(json.dumps(told))
    with held.acquire(loading.from_folder(copy)) as lease:
        found = lease.obj.scheduler
        assert type(found).__name__ == "DDIMScheduler"
        assert torch.equal(found.alphas_cumprod, DDIMScheduler.from_config(told).alphas_cumprod)
        assert found.config.prediction_type == "epsilon"
        assert not found.config.clip_sample
        assert not found.config.set_alpha_to_one
        assert found.config.steps_offset == 1


def test_a_weights_file_that_was_exchanged_is_refused(folder, held, tmp_path):
    copy = tmp_path / "text_to_image"
    shutil.copytree(folder, copy)
    file = copy / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match=r"not the one that config\.json describes"):
        held.acquire(loading.from_folder(copy))


def test_a_seal_names_every_weights_file_and_keeps_what_it_is_told(folder):
    told = json.loads((folder / "config.json").read_text())
    assert set(told["sha256"]) == {
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    }
    assert told["seed"] == 0


@pytest.mark.parametrize("missing", ["model_index.json", "unet/config.json", "vae", "text_encoder"])
def test_a_folder_that_lacks_a_part_is_not_ready_and_says_how_to_train_it(
    folder, tmp_path, missing
):
    copy = tmp_path / "text_to_image"
    shutil.copytree(folder, copy)
    assert loading.ready(copy)
    gone = copy / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    assert not loading.ready(copy)
    with pytest.raises(WeightsError, match="train imagic --preset cpu"):
        loading.from_folder(copy)


@pytest.mark.parametrize("file", ["model_index.json", "config.json"])
def test_a_damaged_index_is_said_in_words(folder, tmp_path, file):
    copy = tmp_path / "text_to_image"
    shutil.copytree(folder, copy)
    (copy / file).write_text("{")
    with pytest.raises(WeightsError, match="cannot be read"):
        loading.from_folder(copy)


def test_tiers_and_models_that_are_not_there_are_refused():
    with pytest.raises(InputError, match="no tier 'huge'"):
        loading.spec_for("huge")
    with pytest.raises(InputError, match="no model 'sd9'"):
        loading.spec_for("full", "sd9")


def test_the_full_tier_names_its_parts_at_one_commit_and_downloads_nothing_yet(held):
    for name, model in loading.FULL.items():
        spec = loading.spec_for("full", name)
        assert set(spec.parts) >= {"unet", "vae", "text_encoder", "tokenizer", "scheduler"}
        assert ("text_encoder_2" in spec.parts) == (model.family == "sdxl")
        assert {part.key.revision for part in spec.parts.values()} == {model.hub.revision}
        assert spec.parts["vae"].key.dtype == "float32"
    with pytest.raises(WeightsError, match=r"offline|not on this machine|not here"):
        held.acquire(loading.spec_for("full"))


def test_the_card_and_the_requests_name_the_models_that_the_loader_has():
    assert set(MODELS) == set(loading.FULL)
    default = next(iter(loading.FULL.values()))
    assert SPEC.tier("full").models == (default.hub, judge.FULL_CLIP)
    assert all("as stated on its page" in model.licence for model in loading.FULL.values())
    assert loading.FOLDER.as_posix().endswith(SPEC.shared_weights[0])
