"""The loop that recipes share: resume bit for bit, kill at any moment, no pickle on disk."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core import training
from core.errors import InputError, WeightsError

ROOT = Path(__file__).resolve().parents[2]


class Accelerator:
    """What `fit` needs of accelerate, on one process."""

    is_main_process = True

    def backward(self, loss):
        loss.backward()

    def clip_grad_norm_(self, parameters, largest):
        return torch.nn.utils.clip_grad_norm_(parameters, largest)

    def unwrap_model(self, model):
        return model

    def wait_for_everyone(self):
        pass


def make(seed: int = 0) -> training.Run:
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1))
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    return training.Run(model, optimizer, training.Ema(model, 0.9))


def fit(run: training.Run, out: Path, steps: int, *, resume=False, sleep=0.0, on_step=None):
    def loss_of(step: int):
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
        time.sleep(sleep)
        loss = (
            (run.model(x)[:, 0] - x.sum(1)) ** 2
        ).mean()  # dropout draws from the global generator
        return loss, {"mse": loss.item()}

    return training.fit(
        run,
        loss_of,
        num_steps=steps,
        lr_of=lambda k: 1e-2 * training.cosine_with_warmup(k, 60, 5),
        out=out,
        accelerator=Accelerator(),
        resume=resume,
        save_every=10,
        log_every=5,
        on_step=on_step,
    )


def weights(run: training.Run) -> list[torch.Tensor]:
    return [*run.model.state_dict().values(), *run.ema.state.values()]


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    training.seed_everything(3)
    whole = fit(make(), tmp_path / "whole", 60)
    training.seed_everything(3)
    fit(make(), tmp_path / "parts", 30)
    training.seed_everything(99)  # the state of the generators must come from the checkpoint
    resumed = fit(make(seed=1), tmp_path / "parts", 60, resume=True)
    assert resumed.step == 60
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))
    for one, two in zip(
        training.read_curve(tmp_path / "whole" / "curve.jsonl"),
        training.read_curve(tmp_path / "parts" / "curve.jsonl"),
        strict=True,
    ):
        assert {k: v for k, v in one.items() if k != "seconds"} == {
            k: v for k, v in two.items() if k != "seconds"
        }


def test_a_run_killed_by_the_system_goes_on_from_a_whole_checkpoint(tmp_path):
    script = (
        "import sys; sys.path[:0] = [{root!r}, {here!r}]\n"
        "from pathlib import Path\n"
        "import test_training as t\n"
        "from core import training\n"
        "training.seed_everything(3)\n"
        "t.fit(t.make(), Path({out!r}), 4000, sleep=0.002, on_step=lambda s: print(s.step, flush=True))\n"
    ).format(root=str(ROOT), here=str(Path(__file__).parent), out=str(tmp_path / "killed"))
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        # as many threads as here: their number decides how sums are rounded
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 45:
            process.send_signal(signal.SIGKILL)
            break
    process.wait(timeout=30)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    found = training.load_checkpoint(tmp_path / "killed" / "checkpoints")
    assert found is not None
    assert found[0] % 10 == 0
    steps = found[0] + 20
    resumed = fit(make(seed=1), tmp_path / "killed", steps, resume=True)
    training.seed_everything(3)
    whole = fit(make(), tmp_path / "whole", steps)
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))


def test_a_checkpoint_cut_short_is_passed_over(tmp_path):
    fit(make(), tmp_path, 20)
    newest = tmp_path / "checkpoints" / "step-00000020" / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-40])
    found = training.load_checkpoint(tmp_path / "checkpoints")
    assert found is not None
    assert found[0] == 10


def test_a_checkpoint_that_was_never_renamed_is_not_seen(tmp_path):
    fit(make(), tmp_path, 10)
    half = tmp_path / "checkpoints" / ".step-00000020.tmp"
    half.mkdir()
    (half / "state.json").write_text("{")
    found = training.load_checkpoint(tmp_path / "checkpoints")
    assert found is not None
    assert found[0] == 10
    fit(make(), tmp_path, 20, resume=True)
    assert not half.exists()


def test_only_the_newest_checkpoints_stay_and_none_is_a_pickle(tmp_path):
    fit(make(), tmp_path, 50)
    kept = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00000040", "step-00000050"]
    files = {p.name for p in (tmp_path / "checkpoints").rglob("*") if p.is_file()}
    assert files == {"state.json", "state.safetensors"}
    json.loads((tmp_path / "checkpoints" / kept[0] / "state.json").read_text())


def test_a_checkpoint_of_another_network_is_refused_in_words(tmp_path):
    fit(make(), tmp_path, 10)
    model = nn.Linear(4, 2)
    other = training.Run(model, torch.optim.AdamW(model.parameters()), None)
    with pytest.raises(InputError, match="does not fit"):
        training.fit(
            other,
            lambda k: (torch.zeros(()), {}),
            num_steps=20,
            lr_of=lambda k: 1.0,
            out=tmp_path,
            accelerator=Accelerator(),
            resume=True,
        )


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    run = make()
    with pytest.raises(WeightsError, match="learning rate"):
        training.fit(
            run,
            lambda k: (torch.tensor(float("nan"), requires_grad=True), {}),
            num_steps=5,
            lr_of=lambda k: 1.0,
            out=tmp_path,
            accelerator=Accelerator(),
        )


def test_the_states_of_all_generators_come_back():
    training.seed_everything(1)
    state = training.rng_state()
    first = (torch.rand(3), np.random.rand(3), __import__("random").random())  # noqa: NPY002
    training.set_rng_state(state)
    again = (torch.rand(3), np.random.rand(3), __import__("random").random())  # noqa: NPY002
    assert torch.equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert first[2] == again[2]


def test_nested_state_survives_with_number_keys_and_tuples(tmp_path):
    state = {"state": {0: {"step": torch.tensor(3.0)}}, "betas": (0.9, 0.99), "none": None}
    training.save_checkpoint(tmp_path, 1, {"optimizer": state})
    found = training.load_checkpoint(tmp_path)
    assert found is not None
    assert found[1]["optimizer"]["betas"] == (0.9, 0.99)
    assert found[1]["optimizer"]["none"] is None
    assert found[1]["optimizer"]["state"][0]["step"].item() == 3
    with pytest.raises(TypeError, match="cannot be kept"):
        training.save_checkpoint(tmp_path, 2, {"bad": object()})


def test_the_average_follows_quickly_at_first_and_copies_buffers():
    model = nn.BatchNorm1d(2)
    ema = training.Ema(model, 0.999)
    with torch.no_grad():
        model.weight.fill_(5)
        model.running_mean.fill_(7)
    ema.update(model, 0)
    assert ema.state["weight"][0] > 4  # 0.1 * 1 + 0.9 * 5
    assert ema.state["running_mean"][0] == 7
    ema.copy_to(model)
    assert model.weight[0].item() == pytest.approx(4.6)


def test_the_learning_rate_rises_then_falls_to_its_floor():
    values = [training.cosine_with_warmup(k, 100, 10) for k in range(101)]
    assert values[0] == pytest.approx(0.1)
    assert max(values) == values[10] == 1
    assert values[100] == pytest.approx(0.01)
    assert all(a >= b for a, b in itertools.pairwise(values[10:]))


def test_a_curve_survives_a_cut_last_line_and_drops_what_a_resume_repeats(tmp_path):
    curve = training.Curve(tmp_path / "curve.jsonl")
    for step in (1, 2, 3):
        curve.add(step, loss=1.0 / step)
    with (tmp_path / "curve.jsonl").open("a") as handle:
        handle.write('{"step": 4, "lo')
    assert [r["step"] for r in training.read_curve(tmp_path / "curve.jsonl")] == [1, 2, 3]
    training.Curve(tmp_path / "curve.jsonl", resume_at=2).add(3, loss=9.0)
    assert [r["step"] for r in training.read_curve(tmp_path / "curve.jsonl")] == [1, 2, 3]
    assert training.read_curve(tmp_path / "curve.jsonl")[-1]["loss"] == 9


def test_saved_weights_carry_their_checksum_and_refuse_infinity(tmp_path):
    import hashlib

    state = {"w": torch.randn(3), "count": torch.tensor(5)}
    training.save_weights(tmp_path, state, {"name": "x"})
    info = json.loads((tmp_path / "config.json").read_text())
    data = (tmp_path / "model.safetensors").read_bytes()
    assert info["sha256"]["model.safetensors"] == hashlib.sha256(data).hexdigest()
    with pytest.raises(WeightsError, match="not finite"):
        training.save_weights(tmp_path, {"w": torch.tensor([1e6])}, {})  # beyond float16


def test_a_card_names_command_seed_minutes_and_device(tmp_path):
    training.write_card(
        tmp_path / "CARD.md",
        training.Card(
            title="A net",
            summary="What it is.",
            command="python app.py train x",
            seed=7,
            minutes=12.34,
            device="CPU, 1 thread",
            data=["some data"],
            curve=[{"step": 10.0, "loss": 0.5}],
            scores=[{"task": "t", "ours": 91.0, "n": 5}],
            limits=["a limit"],
        ),
    )
    text = (tmp_path / "CARD.md").read_text()
    for part in ("python app.py train x", "Seed: 7", "12.3 minutes", "CPU, 1 thread", "a limit"):
        assert part in text
    assert "| 10 | 0.5 |" in text


def test_one_process_trains_in_one_precision_after_another():
    for precision in ("bf16", "no"):
        assert training.accelerator_for(precision).mixed_precision == precision
