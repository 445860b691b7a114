"""The learning: bit-equal, honest about its best candidate, stoppable, and without a trace on the model."""

from __future__ import annotations

import itertools

import pytest
import torch

from core.errors import InputError, JobCancelled
from core.methods.conceptor import choosing, denoising, learning, tokens
from core.methods.conceptor.algorithm import whole
from core.methods.conceptor.learning import Task, Watch, learn, learn_together
from tests.methods.conceptor.tiny import WORLD, bench, settings


@pytest.fixture(scope="module", params=["sd", "sdxl"])
def b(request):
    return bench(request.param)


def task(b, *, score=None, **changes) -> Task:
    own = settings(**changes)
    live = tokens.live(b.model, "embedded", "all", WORLD)
    chosen = choosing.choose(b.model, live, "dog", own, tier="embedded")
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn((4, *b.model.latent_shape), generator=generator)
    return Task(
        model=b.model, dictionary=chosen.dictionary, latents=latents,
        bank=denoising.bank(latents[:2], 2, b.model.num_times), settings=own, score=score,
    )  # fmt: skip


def test_the_same_seed_gives_the_same_bits_and_another_repeat_others(b):
    one, other = learn(task(b), 0), learn(task(b), 0)
    assert torch.equal(one.alpha, other.alpha)
    assert one.curve == other.curve
    assert not torch.equal(one.alpha, learn(task(b), 1).alpha)
    assert not torch.equal(one.alpha, learn(task(b, seed=1), 0).alpha)


def test_repeats_side_by_side_are_what_they_are_one_by_one(b):
    side_by_side = learn_together(task(b, steps=3), [0, 1, 2])
    for number, found in enumerate(side_by_side):
        alone = learn(task(b, steps=3), number)
        assert torch.allclose(found.alpha, alone.alpha, atol=1e-4)
        assert [p.step for p in found.curve] == [p.step for p in alone.curve]
    assert not torch.allclose(side_by_side[0].alpha, side_by_side[1].alpha, atol=1e-2)


def test_the_learning_rate_falls_to_nothing_or_stays(b):
    def moves(**changes):
        seen = []
        watch = Watch(step=lambda _, alpha, __: seen.append(alpha))
        learn(task(b, steps=12, lr=1e-2, **changes), 0, watch)
        return [float((x - y).abs().max()) for x, y in itertools.pairwise(seen)]

    falling, constant = moves(), moves(lr_falls=False)
    assert falling[0] == pytest.approx(constant[0])  # both begin at the rate itself
    assert falling[-1] < 0.4 * constant[-1]


def test_without_sparsity_nothing_of_it_is_left_in_the_learning(b, monkeypatch):
    single = {"sparsity": 0.0, "validate_every": 4}
    with_it = learn(task(b, n=4, **single), 0)
    monkeypatch.setattr(learning, "sparsity_loss", lambda *_: torch.tensor(9.0))
    without = learn(task(b, n=7, **single), 0)
    assert torch.equal(with_it.alpha, without.alpha)


def test_sparsity_changes_the_learning(b):
    one, other = (learn(task(b, sparsity=s, validate_every=4), 0) for s in (0.0, 1.0))
    assert not torch.equal(one.alpha, other.alpha)


def test_learning_comes_nearer_to_what_the_network_says_of_a_word(monkeypatch):
    b = bench("sd")
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():  # a network that listens to its text
        for module in (b.model.unet, *b.model.text_encoders):
            for p in module.parameters():
                p.data = p.data + 0.4 * torch.randn(p.shape, generator=generator)
    wanted = task(b, steps=40, lr=2e-2, validate_every=20, batch_size=4, repeats=1)
    alpha = torch.zeros(len(wanted.dictionary))
    alpha[7] = 1
    said = b.model.fill(whole(alpha, wanted.dictionary))

    def apart(model, condition, asked):
        """As the loss is, with the network's answer to the planted word in place of the noise."""
        rows = len(asked)
        goal = model.predict(model.unet, asked.z0, asked.t, said.expand(rows)).detach()
        found = model.predict(model.unet, asked.z0, asked.t, condition.expand(rows))
        return (found - goal).square().mean((1, 2, 3))

    monkeypatch.setattr(learning, "errors", apart)
    monkeypatch.setattr(denoising, "errors", apart)
    found = learn(wanted, 0)
    start = learn(wanted, 0, Watch(stop=lambda: True))
    assert found.loss < 0.2 * start.loss


def test_the_candidate_with_the_most_alike_pictures_is_kept_and_the_first_of_equals(b):
    scores = iter([0.2, 0.9, 0.9, 0.1])
    seen = {}
    own = task(b, score=lambda _: next(scores), choice="pictures", validate_every=1)
    found = learn(own, 0, Watch(candidate=lambda step, alpha: seen.setdefault(step, alpha)))
    assert found.step == 2
    assert torch.equal(found.alpha, seen[2])
    assert [p.score for p in found.curve] == [0.2, 0.9, 0.9, 0.1]


def test_pictures_are_drawn_for_the_two_candidates_of_the_lowest_loss_alone(b):
    asked = []
    own = task(b, score=lambda v: asked.append(v) or float(len(asked)), validate_every=1)
    found = learn(own, 0)
    low = sorted(found.curve, key=lambda p: (p.loss, p.step))[:2]
    assert len(asked) == 2
    assert found.step == low[1].step  # it was given the higher score
    assert {p.step for p in found.curve if p.score is not None} == {p.step for p in low}


def test_without_anything_to_compare_pictures_the_lowest_loss_is_kept(b):
    found = learn(task(b, validate_every=1), 0)
    assert found.loss == min(p.loss for p in found.curve)


@pytest.mark.parametrize("after", [0, 3])
def test_a_stop_keeps_the_best_so_far(b, after):
    seen = []
    watch = Watch(step=lambda step, *_: seen.append(step), stop=lambda: len(seen) == after)
    found = learn(task(b), 0, watch)
    assert (found.steps, found.stopped) == (after, True)
    assert found.curve[-1].step == after
    assert bool(torch.isfinite(found.alpha).all())


@pytest.mark.parametrize("way", ["success", "error", "cancel"])
def test_nothing_shared_changes_and_nothing_shared_gets_gradients(b, way, monkeypatch):
    before = b.model.fingerprint()

    def cancel(_):
        raise JobCancelled("stopped")

    def break_it(*_):
        raise RuntimeError("broken")

    if way == "success":
        learn(task(b), 0)
    elif way == "cancel":
        with pytest.raises(JobCancelled):
            learn(task(b), 0, Watch(tick=cancel))
    else:
        monkeypatch.setattr(learning, "objective", break_it)
        with pytest.raises(RuntimeError):
            learn(task(b), 0)
    assert b.model.fingerprint() == before
    for module in (*b.model.shared, b.model.unet, *b.model.text_encoders):
        assert all(p.grad is None for p in module.parameters())
        assert not module._forward_hooks
    for encoder in b.model.text_encoders:
        assert not encoder.get_input_embeddings()._forward_hooks


def test_a_loss_that_is_no_number_is_told_in_words(b, monkeypatch):
    monkeypatch.setattr(learning, "objective", lambda *a: a[2].sum() * float("nan"))
    with pytest.raises(InputError, match="learning rate"):
        learn(task(b), 0)


def test_it_learns_inside_inference_mode_too(b):
    with torch.inference_mode():
        assert learn(task(b), 0).steps == 4


def test_the_bank_is_the_same_in_every_run_and_has_several_pairs_of_each_picture(b):
    latents = torch.randn((2, *b.model.latent_shape), generator=torch.Generator().manual_seed(1))
    one, other = (denoising.bank(latents, 3, 1000) for _ in range(2))
    assert torch.equal(one.t, other.t)
    assert torch.equal(one.noise, other.noise)
    assert len(one) == 6
    assert torch.equal(one.z0[0], one.z0[2])
