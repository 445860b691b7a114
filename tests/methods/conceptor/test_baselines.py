"""Simpler ways find what they must find, and say nothing that the dictionary does not hold."""

from __future__ import annotations

import pytest
import torch

from core.methods.conceptor import baselines, decompose, tokens
from core.methods.conceptor.algorithm import Dictionary, shares, top
from core.methods.conceptor.baselines import Inverted
from core.methods.conceptor.choosing import Chosen
from core.methods.conceptor.tokens import Tokens
from tests.methods.conceptor.tiny import WORLD, bench, settings

FEATURES = 6


def chosen(words: int = 12) -> Chosen:
    """Words whose text features are axes, so that a picture of one word is its axis."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(words, 16, generator=generator)
    texts = torch.nn.functional.one_hot(torch.arange(words) % FEATURES, FEATURES).float()
    texts[FEATURES:] = torch.nn.functional.normalize(texts[FEATURES:] + 1, dim=-1)
    likeness = texts @ torch.eye(FEATURES)[:2].mean(0)
    names = tuple(f"w{k}" for k in range(words))
    return Chosen(
        tokens=Tokens(tuple(range(words)), names, names),
        dictionary=Dictionary((rows,), (float(rows.norm(dim=-1).mean()),)),
        excluded=(), likeness=likeness, texts=texts,
    )  # fmt: skip


def images(*counts: int) -> torch.Tensor:
    return torch.cat([torch.eye(FEATURES)[k].repeat(n, 1) for k, n in enumerate(counts)])


def share(alpha, c):
    return shares(alpha, c.dictionary)


def test_the_nearest_words_are_those_of_the_largest_likeness():
    c = chosen()
    alpha = baselines.nearest(c, 2)
    assert set(top(alpha, 2).tolist()) == set(top(c.likeness, 2).tolist())
    assert int((alpha > 0).sum()) == 2


def test_groups_of_pictures_are_named_and_weighted_by_their_size():
    c = chosen()
    found = share(baselines.k_means(images(6, 2), c, 2), c)
    assert found[0] == pytest.approx(0.75)
    assert found[1] == pytest.approx(0.25)


def test_more_groups_than_different_pictures_are_no_error():
    c = chosen()
    assert float(share(baselines.k_means(images(3), c, 10), c)[0]) == pytest.approx(1)


def test_non_negative_parts_find_the_words_of_both_kinds_of_pictures():
    c = chosen()
    found = share(baselines.nmf(images(6, 3), c, 2), c)
    assert {0, 1} == set(found.nonzero().flatten().tolist())
    assert float(found.sum()) == pytest.approx(1)


def planted(c, *weights):
    alpha = torch.zeros(len(c.dictionary))
    alpha[: len(weights)] = torch.tensor(weights)
    return Inverted(vectors=(alpha @ c.dictionary.rows[0],), loss=0.0)


@pytest.mark.parametrize("way", [baselines.nnls, baselines.matching_pursuit])
def test_least_squares_find_the_words_of_a_sum(way):
    c = chosen()
    alpha = way(planted(c, 3.0, 2.0, 1.0), c.dictionary, 3)
    assert top(alpha, 3).tolist() == [0, 1, 2]
    assert alpha[0] / alpha[2] == pytest.approx(3, rel=1e-3)
    assert bool((alpha >= 0).all())


def test_matching_pursuit_ends_where_nothing_is_left():
    c = chosen()
    assert int((baselines.matching_pursuit(planted(c, 2.0), c.dictionary, 5) > 0).sum()) == 1


@pytest.fixture(scope="module")
def work():
    b = bench()
    made = decompose.Work(b, "dog", settings())
    return b, made, made.material()


def test_a_hard_prompt_finds_the_word_whose_text_it_is_shown(work):
    b, _, material = work
    c = material.chosen
    said = b.judge.embed_text(["red"])
    alpha = baselines.pez(b.judge, said, c, 1)
    best = int(alpha.argmax())
    texts = b.judge.embed_text([f.removesuffix("</w>") for f in c.tokens.forms])
    order = top(texts @ said[0], len(c.tokens)).tolist()
    assert order.index(best) < 3, "among the three nearest of all words"
    assert all(p.grad is None for p in b.judge.clip.parameters())


def test_a_hard_prompt_has_no_more_words_than_asked_for(work, monkeypatch):
    monkeypatch.setattr(baselines, "PEZ_STEPS", 20)
    b, _, material = work
    alpha = baselines.pez(b.judge, b.judge.embed_text(["red dog"]), material.chosen, 3)
    assert 1 <= int((alpha > 0).sum()) <= 3


def test_an_inversion_keeps_its_lowest_loss_and_leaves_the_model_alone(work):
    b, made, material = work
    before = b.model.fingerprint()
    found = baselines.invert(b.model, material.chosen, material.training, material.pairs, made.settings, made.tick)  # fmt: skip
    assert found.loss > 0
    assert len(found.vectors) == len(b.model.tables)
    assert b.model.fingerprint() == before


def test_the_world_of_the_tests_has_words_to_choose_from():
    assert len(tokens.live(bench().model, "embedded", "all", WORLD)) > 30
