"""The judge on random CLIPs of the real class: scores, sizes, missing parts, the cache."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from core import settings
from core.cache import from_settings
from core.cache.construction import construction
from core.errors import InputError, WeightsError
from core.training import save_weights
from core.world.curriculum import tiny
from core.world.diffusion import judge, vocabulary
from core.world.diffusion.judge import Judge, prepared


@construction()
def _clip(length=12):
    tokens = vocabulary.build(tiny(), length)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}  # fmt: skip
    text = {**shape, "vocab_size": len(tokens), "max_position_embeddings": length, "bos_token_id": tokens.bos_token_id, "eos_token_id": tokens.eos_token_id, "pad_token_id": tokens.pad_token_id}  # fmt: skip
    vision = {**shape, "image_size": 32, "patch_size": 8}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    clip = CLIPModel(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in clip.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
    return clip, tokens


@pytest.fixture(scope="module")
def made():
    return Judge(*_clip())


def _pictures(n=3, size=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_a_picture_is_most_like_itself_and_text_scores_are_cosines(made):
    x = _pictures(5)
    alike = made.similarity(x, x[2])
    assert alike[2] == pytest.approx(1, abs=1e-5)
    assert alike.argmax() == 2
    assert np.delete(alike, 2).max() < alike[2] - 1e-5
    scores = made.text_score(x, "a sitting dog")
    assert scores.shape == (5,)
    assert np.abs(scores).max() <= 1
    assert scores.std() > 0
    both = made.text_scores(x, ["a sitting dog", "a red ball"])
    assert np.allclose(both[:, 0], scores, atol=1e-6)
    assert not np.allclose(both[:, 0], both[:, 1], atol=1e-3)


def test_the_features_are_those_of_the_class_itself(made):
    """The projected vector of `get_image_features`, not some hidden state of it."""
    x = _pictures(2, 32)
    with torch.no_grad():
        whole = made.clip(
            pixel_values=prepared(x, 32),
            **made.tokenizer(
                ["a red ball"], padding="max_length", max_length=12, return_tensors="pt"
            ),
        )
    assert torch.allclose(made.embed(x), whole.image_embeds, atol=1e-5)
    assert torch.allclose(made.embed_text(["a red ball"]), whole.text_embeds, atol=1e-5)


def test_batches_change_nothing_and_any_size_is_taken(made):
    x = _pictures(judge.BATCH + 3, 32)
    assert np.allclose(made.embed(x)[-2:], made.embed(x[-2:]), atol=1e-5)
    assert made.embed(_pictures(2, 200)).shape == (2, 8)
    assert made.embed(np.zeros((1, 30, 90, 3), np.uint8)).shape == (1, 8)


def test_what_is_no_picture_is_refused(made):
    for wrong in (np.zeros((2, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8)):
        with pytest.raises(InputError, match="takes"):
            made.text_score(wrong, "a dog")


def test_a_missing_part_is_missed_only_where_it_is_needed():
    empty = Judge()
    assert not empty.scores
    assert not empty.reads
    with pytest.raises(WeightsError, match="CLIP"):
        empty.text_score(_pictures(1), "a dog")
    with pytest.raises(WeightsError, match="probe"):
        empty.read(_pictures(1))


def test_the_cache_lends_a_judge_from_the_folders_of_weights(tmp_path, made):
    clip, tokens = _clip()
    with pytest.raises(WeightsError, match="Neither"):
        judge.spec_for("embedded", tmp_path)
    save_weights(tmp_path / "clip", clip.state_dict(), clip.config.to_dict(), torch.float32)
    tokens.save_pretrained(tmp_path / "clip")
    with from_settings(settings.current()).acquire(judge.spec_for("embedded", tmp_path)) as lease:
        assert lease.obj.scores
        assert not lease.obj.reads
        x = _pictures(2)
        assert np.array_equal(lease.obj.text_score(x, "a dog"), made.text_score(x, "a dog"))
    alone = judge.judge_for("embedded", tmp_path)
    assert np.array_equal(alone.text_score(x, "a dog"), made.text_score(x, "a dog"))


def test_the_full_tier_names_a_commit_that_holds_safetensors():
    spec = judge.spec_for("full")
    assert set(spec.parts) == {"clip", "tokenizer"}
    key = spec.parts["clip"].key
    assert key.source == "openai/clip-vit-base-patch32"
    assert key.revision == judge.FULL_CLIP.revision
    assert len(key.revision) == 40
    assert "model.safetensors" in judge.FULL_CLIP.files
    with pytest.raises(InputError, match="no tier"):
        judge.spec_for("huge")
