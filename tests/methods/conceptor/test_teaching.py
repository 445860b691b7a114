"""Teaching the text tower: what may change and what may not, in a few steps on tiny random networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.errors import JobCancelled
from core.methods.conceptor import sums, teaching
from core.methods.conceptor.algorithm import Dictionary, whole
from core.methods.conceptor.choosing import mean_norm
from core.methods.conceptor.config import PROMPT
from core.methods.conceptor.model import Model
from core.methods.conceptor.teaching import Examples, Reader, train
from core.methods.conceptor.tokens import END, live
from core.training import read_curve
from core.world.diffusion import objective
from core.world.diffusion.parts import fingerprint
from tests.core.world.diffusion.tiny import tiny_pipeline
from tests.methods.conceptor.tiny import WORLD, bench
from tests.methods.conceptor.tiny import teaching as few_steps

PARTS = {"dog": 1.3, "red": 0.6, "night": 0.9}


@pytest.fixture(scope="module")
def model():
    return bench().model


@pytest.fixture(scope="module")
def taught(model, tmp_path_factory):
    """A run that nothing interrupts: its tower, its steps, its folder, and the model's hash before it."""
    before, steps, out = model.fingerprint(), [], tmp_path_factory.mktemp("run")
    tower, _ = train(few_steps(), model, out, on_step=steps.append)
    return tower, steps, out, before


def is_table(name):
    return "embeddings" in name


def same(one, other):
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


# --- what is trained ------------------------------------------------------------------------------


def test_gradients_reach_every_layer_of_the_tower_and_nothing_else(model):
    reader = Reader(model)
    errors, _ = reader(*Examples(few_steps(), model).of(0, 0, 4))
    errors.mean().backward()
    trained = {n for n, p in reader.text.named_parameters() if p.grad is not None and p.grad.any()}
    names = {n for n, _ in reader.text.named_parameters()}
    silent = {
        n for n in names if n.endswith("k_proj.bias")
    }  # it shifts all scores of a softmax alike
    assert trained | silent == {n for n in names if not is_table(n)} | silent
    assert {n for n, p in reader.named_parameters() if p.requires_grad} >= {f"text.{n}" for n in trained}  # fmt: skip
    assert all(p.grad is None for part in model.shared for p in part.parameters())


def test_the_borrowed_model_is_the_same_to_the_last_bit(model, taught):
    assert model.fingerprint() == taught[3]
    assert not any(e.training or any(p.requires_grad for p in e.parameters()) for e in model.shared)
    assert not any(m._forward_hooks for part in model.shared for m in part.modules())


def test_the_tower_that_comes_out_keeps_every_embedding_and_changes_every_matrix(model, taught):
    own, found = model.base.text_encoders[0].state_dict(), taught[0].state_dict()
    assert found.keys() == own.keys()
    changed = {name for name in own if not torch.equal(own[name], found[name])}
    assert not {name for name in changed if is_table(name)}
    assert {n for n in own if n.endswith(".weight") and not is_table(n)} <= changed
    assert not taught[0].training
    assert not any(p.requires_grad for p in taught[0].parameters())


# --- what stands in the slot ----------------------------------------------------------------------


def test_a_sum_is_what_a_decomposition_writes_with_the_same_coefficients(model):
    words = live(model, "embedded", "all", WORLD)
    table = model.tables[0]
    dictionary = Dictionary((table[list(words.ids)],), (mean_norm(table, words, "embedded"),))
    alpha = torch.tensor([PARTS.get(form.removesuffix(END), 0.0) for form in words.forms])
    assert int(alpha.count_nonzero()) == len(PARTS)
    wanted = whole(alpha, dictionary)[0]
    assert torch.allclose(Examples(few_steps(), model).sum_of(PARTS), wanted, atol=1e-6)


def test_only_the_proportions_of_the_weights_count(model):
    examples = Examples(few_steps(), model)
    found = examples.sum_of(PARTS)
    assert torch.allclose(examples.sum_of({k: 7 * w for k, w in PARTS.items()}), found, atol=1e-5)
    assert not torch.allclose(examples.sum_of({**PARTS, "dog": 0.1}), found, atol=1e-2)


def test_a_sum_of_one_word_is_read_as_the_prompt_with_this_word():
    pipe = tiny_pipeline(3)
    with torch.no_grad():  # as if all words were of the usual length
        table = pipe.text_encoder.get_input_embeddings().weight
        table /= table.norm(dim=-1, keepdim=True)
    own = Model.from_pipeline(pipe)
    found = own.fill((Examples(few_steps(), own).sum_of({"dog": 0.7}),)).embeds
    assert torch.allclose(found, own.encode_text(PROMPT.format("dog")).embeds, atol=1e-5)
    assert not torch.allclose(found, own.encode_text(PROMPT.format("cat")).embeds, atol=1e-2)


def test_the_tower_reads_in_training_what_is_drawn_with_afterwards(model, monkeypatch):
    seen = []
    true = objective.errors

    def errors(parts, unet, z0, condition, pairs):
        seen.append(condition)
        return true(parts, unet, z0, condition, pairs)

    monkeypatch.setattr(objective, "errors", errors)
    given = Examples(few_steps(), model).of(0, 0, 3)
    Reader(model)(*given)
    assert torch.allclose(seen[0].embeds, model.fill((given[5],)).embeds, atol=1e-6)


# --- examples -------------------------------------------------------------------------------------


def test_an_example_depends_on_its_step_and_its_process_alone(model):
    cfg = few_steps()
    one, again = (Examples(cfg, model).of(3, 1, 4) for _ in range(2))
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(one, again, strict=True))  # fmt: skip
    for step, process in ((4, 1), (3, 0)):
        other = Examples(cfg, model).of(step, process, 4)
        assert not torch.equal(other[0], one[0]), "other pictures"
        assert not torch.equal(other[2], one[2]), "other noise"
    assert not torch.equal(Examples(replace(cfg, seed=1), model).of(3, 1, 4)[2], one[2])


def test_pictures_and_sums_of_an_example_belong_together(model, monkeypatch):
    cfg, kept = few_steps(), []
    true = sums.sample
    monkeypatch.setattr(sums, "sample", lambda rng, c: kept.append(true(rng, c)) or kept[-1])
    examples = Examples(cfg, model)
    z0, _, _, _, _, vectors, _ = examples.of(0, 0, 4)
    edge = model.image_size
    for k, s in enumerate(kept):
        assert torch.equal(vectors[k], examples.sum_of(s.parts))
        alone = model.encode(teaching.render([s.scene], size=edge))
        assert torch.allclose(z0[k], alone[0], atol=1e-5)


def test_times_are_spread_from_the_first_to_the_last(model):
    cfg = few_steps(first_time=200)
    _, t, *_ = Examples(cfg, model).of(0, 0, 8)
    assert sorted(((t - 200) // 100).tolist()) == list(range(8)), "one in each of eight intervals"
    assert t.dtype == torch.int64


# --- runs -----------------------------------------------------------------------------------------


def test_nothing_has_changed_at_the_first_step_and_more_and_more_afterwards(model, tmp_path):
    steps, cfg = [], few_steps(kept=0.0, lr=1e-4)
    train(cfg, model, tmp_path, on_step=steps.append)
    changes = [s.values["change"] for s in steps]
    assert changes[0] == 0
    assert 0 < changes[1] < changes[2] < changes[3]


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(model, taught, tmp_path):
    steps = []

    def check():
        if len(steps) == 3:  # one step after the checkpoint
            raise JobCancelled

    with pytest.raises(JobCancelled):
        train(few_steps(), model, tmp_path, on_step=steps.append, check=check)
    resumed = []
    tower, _ = train(few_steps(), model, tmp_path, resume=True, on_step=resumed.append)
    assert [s.step for s in resumed] == [3, 4]
    assert same(tower, taught[0])
    wanted, found = (read_curve(folder / "curve.jsonl") for folder in (taught[2], tmp_path))
    assert [{**row, "seconds": 0} for row in found] == [{**row, "seconds": 0} for row in wanted]


def test_a_run_that_is_not_resumed_begins_anew(model, taught, tmp_path):
    train(few_steps(seed=1), model, tmp_path)
    tower, _ = train(few_steps(), model, tmp_path)
    assert same(tower, taught[0])


def test_runs_of_two_precisions_follow_each_other_in_one_process(model, tmp_path):
    cfg = few_steps(num_steps=1)
    first, half, again = (
        train(replace(cfg, mixed_precision=p), model, tmp_path / f"{k}")[0]
        for k, p in enumerate(("no", "bf16", "no"))
    )
    assert same(first, again)
    assert not same(first, half)


def error_on(model, tower, given):
    reader = Reader(model)
    reader.text.load_state_dict(tower.state_dict())
    with torch.no_grad():
        errors, change = reader(*given)
    return float(errors.mean()), float(change)


@pytest.fixture(scope="module")
def batch(model):
    return Examples(few_steps(), model).of(99, 0, 8)


def learnt(model, batch, out, monkeypatch, **changes):
    """Error and change after thirty steps on one batch."""
    monkeypatch.setattr(Examples, "of", lambda *_: batch)
    cfg = few_steps(num_steps=30, save_every=30, lr=1e-2, ema_decay=0.0, **changes)
    return error_on(model, train(cfg, model, out)[0], batch)


def test_steps_on_a_batch_lower_its_error(model, batch, tmp_path, monkeypatch):
    before, none = error_on(model, model.base.text_encoders[0], batch)
    free, far = learnt(model, batch, tmp_path, monkeypatch, kept=0.0)
    assert free < 0.96 * before, "a random UNet leaves a text this much to say"
    assert far > 1 > none == 0


def test_the_second_term_holds_ordinary_captions(model, batch, tmp_path, monkeypatch):
    _, near = learnt(model, batch, tmp_path, monkeypatch)
    assert near < 0.1, "without it the change is above one"


# --- presets --------------------------------------------------------------------------------------


def test_every_preset_is_named_by_itself_and_knows_its_world():
    for name, make in teaching.PRESETS.items():
        cfg = make()
        assert cfg.name == name
        assert cfg.curriculum.name == cfg.world
        assert cfg.warmup_steps < cfg.num_steps
        assert cfg.save_every % cfg.log_every == 0


def test_the_smoke_preset_runs_as_it_is_but_for_the_world(model, tmp_path):
    cfg = replace(teaching.smoke(), world="tiny")
    tower, seconds = train(cfg, model, tmp_path)
    assert seconds > 0
    assert [row["step"] for row in read_curve(tmp_path / "curve.jsonl")] == [2, 4]
    assert fingerprint(tower) != fingerprint(model.base.text_encoders[0])
