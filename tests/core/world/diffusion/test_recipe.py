"""The whole recipe at its smallest: one ordinary pipeline comes out, and a stop loses nothing."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from core.training import flat_then_down, read_curve
from core.world import stream
from core.world.diffusion import config, gate, pipeline_report, recipe, unet, vocabulary


def _short(**changes):
    cfg = config.smoke()
    return dataclasses.replace(
        cfg,
        num_pictures=60,
        vae=dataclasses.replace(cfg.vae, num_steps=4, save_every=2, log_every=2),
        unet=dataclasses.replace(cfg.unet, num_steps=6, save_every=2, log_every=2),
        **changes,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    seen = []
    folder = recipe.train(_short(), out, on_step=seen.append)
    return out, folder, seen


def test_public_code_loads_what_was_trained(trained):
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(trained[1], dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    made = pipe("a photo of a dog", num_inference_steps=2, output_type="np").images
    assert made.shape == (1, 64, 64, 3)
    assert pipe.vae.config.scaling_factor == 0.18215
    assert pipe.scheduler.config.steps_offset == 1
    assert not [p for p in trained[1].rglob("*") if p.suffix in {".bin", ".pt", ".pkl"}]


def test_the_folder_has_hashes_and_a_card_that_a_gate_joins_later(trained):
    folder = trained[1]
    told = json.loads((folder / "config.json").read_text())
    assert set(told["sha256"]) == {
        f"{part}.safetensors"
        for part in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model")
    }  # fmt: skip
    row = gate.Row(captions="held-in", claim="pose", right=90, n=100, drawn=0.99, needed=0.95)
    found = gate.Gate(rows=(row,), atoms=(), guidance=3.0, steps=25, seconds=1.0)
    pipeline_report.record(folder, pipeline_report.of_gate(found))
    text = (folder / "CARD.md").read_text()
    assert "app.py train imagic --preset smoke" in text
    assert "pose of held-in captions 90 % (asked 95 %)" in text
    assert json.loads((folder / "config.json").read_text())["sha256"] == told["sha256"]


def test_progress_counts_the_steps_of_both_stages(trained):
    assert [s.step for s in trained[2]] == [2, 4, 6, 8, 10]
    assert {s.num_steps for s in trained[2]} == {10}


def test_a_run_that_was_stopped_ends_with_the_same_weights(trained, tmp_path):
    class Stopped(Exception):
        pass

    def stop(step):
        if step.step == 8:  # the fourth step of the denoiser
            raise Stopped

    with pytest.raises(Stopped):
        recipe.train(_short(), tmp_path, on_step=stop)
    folder = recipe.train(_short(), tmp_path, resume=True)
    for name in ("unet", "vae"):
        file = f"{name}/diffusion_pytorch_model.safetensors"
        assert (folder / file).read_bytes() == (trained[1] / file).read_bytes()
    assert [r["step"] for r in read_curve(tmp_path / "unet" / "curve.jsonl")] == [2, 4, 6]


def test_captions_are_dropped_said_anew_and_mixed_as_the_recipe_says():
    cfg = _short()
    from core.world.diffusion import pictures

    samples = pictures.samples(cfg.curriculum, 0, pictures.TRAIN, 500)
    tokenizer = vocabulary.build(cfg.curriculum, 24)
    z = np.arange(500, dtype=np.float16)[:, None, None, None] * np.ones((1, 4, 2, 2), np.float16)
    batches = unet.Batches(cfg, samples, z, tokenizer)
    rows, times, ids = [], [], []
    for step in range(20):
        latent, noise, t, tokens = batches.of(step, 0, 50)
        rows += latent[:, 0, 0, 0].int().tolist()
        times += t.tolist()
        ids += tokens.tolist()
        assert sorted(x // 20 for x in t.tolist()) == list(range(50))
        assert noise.shape == latent.shape
    empty = tokenizer("", padding="max_length", max_length=24).input_ids
    assert ids.count(empty) / 1000 == pytest.approx(0.1, abs=0.03)
    uses = [samples[r].use for r in rows]
    for use, share in cfg.unet.first_mix:
        assert uses.count(use) / 1000 == pytest.approx(share, abs=0.06)
    one = next(r for r, s in enumerate(samples) if s.use == "subject")
    rng = np.random.default_rng(0)
    assert len({stream.recaption(rng, cfg.curriculum, samples[one]) for _ in range(20)}) > 5
    same, other = batches.of(3, 0, 50), batches.of(3, 1, 50)
    assert torch.equal(same[1], batches.of(3, 0, 50)[1])
    assert not torch.equal(same[1], other[1])


def test_the_first_weights_come_from_the_generator_alone():
    from core.world.diffusion import text
    from core.world.diffusion.vae import initialise

    cfg = config.smoke()
    tokenizer = vocabulary.build(cfg.curriculum, 24)
    states = []
    for _ in range(2):  # built anew, so the global generator has moved on
        model = unet.Denoiser(unet.build(cfg.net), text.build(cfg.net, tokenizer))
        initialise(model, torch.Generator().manual_seed(1))
        states.append(model.state_dict())
    assert [k for k in states[0] if not torch.equal(states[0][k], states[1][k])] == []


def test_the_loss_is_the_error_of_the_velocity_that_the_scheduler_means():
    from core.world.diffusion import text

    cfg = config.smoke()
    tokenizer = vocabulary.build(cfg.curriculum, 24)
    model = unet.Denoiser(unet.build(cfg.net), text.build(cfg.net, tokenizer)).eval()
    z, noise = torch.randn(2, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0)).unbind()
    ids, t = unet.tokens(tokenizer, ["a dog", "a cat"]), torch.tensor([20, 900])
    schedule = unet.scheduler()
    with torch.no_grad():
        noisy = schedule.add_noise(z, noise, t)
        found = model.unet(noisy, t, model.text(ids).last_hidden_state).sample
        wanted = (found - schedule.get_velocity(z, noise, t)).square().mean((1, 2, 3))
        assert torch.allclose(model(z, noise, t, ids), wanted, rtol=1e-4)


def test_the_learning_rate_stays_flat_until_the_last_quarter():
    rates = [flat_then_down(k, 100, 10) for k in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[10:75]) == {1.0}
    assert all(a > b for a, b in pairwise(rates[75:]))
    assert 0 < rates[-1] < 0.05


def test_presets_are_plain_data():
    for preset in config.PRESETS.values():
        assert json.loads(json.dumps(dataclasses.asdict(preset())))["name"]
        assert preset().curriculum.kinds
