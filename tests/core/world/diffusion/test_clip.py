"""The small CLIP: its positives are the truth, its folder is an ordinary one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.world import curriculum
from core.world.diffusion import clip, instruments, judge
from core.world.language import describe
from core.world.render import render
from core.world.truth import holds

C = curriculum.small()


def test_every_picture_has_its_own_caption_among_its_positives():
    scenes, claims = clip.examples(np.random.default_rng(0), C, 64)
    true = clip.positives(scenes, claims)
    assert torch.equal(true.diagonal(), torch.ones(64))
    # a caption that fits a second picture is no negative of it
    assert true.sum() > 64
    for i, j in true.nonzero().tolist():
        assert claims[j].word or holds(claims[j].said, scenes[i])


def test_half_of_a_batch_are_edits_whose_text_is_false_of_the_picture_before():
    scenes, claims = clip.examples(np.random.default_rng(1), C, 64)
    for k in range(0, 32, 2):
        assert claims[k + 1].true_of(scenes[k + 1])
        assert not claims[k + 1].true_of(scenes[k])
        # the picture before is said so that it is false afterwards, wherever that can be said at all
        telling = not holds(describe(scenes[k]), scenes[k + 1])
        assert claims[k].true_of(scenes[k])
        assert claims[k].true_of(scenes[k + 1]) is not telling


def test_the_loss_is_least_where_the_scores_are_the_shares_of_the_positives():
    true = torch.tensor([[1.0, 1, 0], [0, 1, 0], [1, 0, 1]])
    best = clip._spread(20 * true, true)
    assert best == pytest.approx(
        np.log(2) * 2 / 3, abs=1e-4
    )  # the spread over two positives remains
    assert clip._spread(20 * (1 - true), true) > 10


def test_only_a_true_caption_counts_as_a_hit():
    true = torch.tensor([[1.0, 0], [1, 0]])
    assert clip._hit(torch.tensor([[2.0, 1], [1, 2]]), true) == 0.5


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return instruments.train_clip("smoke", tmp_path_factory.mktemp("clip") / "run")


def test_public_code_loads_the_folder_and_scores_as_the_judge_does(trained, tmp_path):
    from transformers import CLIPModel, CLIPTokenizer

    (tmp_path / "clip").symlink_to(trained, target_is_directory=True)
    ours = judge.judge_for("embedded", tmp_path)
    public = judge.Judge(
        CLIPModel.from_pretrained(trained, dtype=torch.float32).eval(),
        CLIPTokenizer.from_pretrained(trained),
    )
    x = render(clip.examples(np.random.default_rng(2), curriculum.tiny(), 4)[0])
    assert np.allclose(ours.text_score(x, "a dog"), public.text_score(x, "a dog"), atol=1e-5)
    assert "instruments clip" in (trained / "CARD.md").read_text()


def test_a_run_that_was_cut_off_ends_in_the_same_weights(trained, tmp_path):
    class Cut(Exception):
        pass

    def cut(step):
        if step.step == 4:
            raise Cut

    with pytest.raises(Cut):
        instruments.train_clip("smoke", tmp_path, on_step=cut)
    again = instruments.train_clip("smoke", tmp_path, resume=True)
    files = [(folder / "model.safetensors").read_bytes() for folder in (trained, again)]
    assert files[0] == files[1]
