"""The taught text tower as files, and as the one part of a pipeline that is not shared."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open

from core.errors import InputError, WeightsError
from core.jobs import Job
from core.methods.conceptor import borrowing, recipe, sums, taught, teaching
from core.world.diffusion import loading
from core.world.diffusion.borrowing import model_hash
from core.world.diffusion.parts import Parts
from tests.methods.conceptor.tiny import TEACHING, pipe

FILE = "text_encoder/model.safetensors"
SHIPPED = loading.FOLDER
pytestmark = pytest.mark.usefixtures("shipped")


# --- files ----------------------------------------------------------------------------------------


def test_the_recipe_leaves_the_tower_alone_with_its_record_and_card(tower):
    files = {p.relative_to(tower).as_posix() for p in tower.rglob("*") if p.is_file()}
    assert files == {"CARD.md", "config.json", "text_encoder/config.json", FILE}
    with safe_open(tower / FILE, "pt") as file:
        assert {file.get_tensor(k).dtype for k in file.keys()} == {torch.float16}  # noqa: SIM118


def test_the_record_names_the_hash_and_how_it_was_made(tower):
    told = json.loads((tower / "config.json").read_text())
    assert told["sha256"] == {FILE: sha256((tower / FILE).read_bytes()).hexdigest()}
    assert (told["preset"], told["world"], told["seed"]) == ("try", "tiny", 0)
    assert (told["steps"], told["batch_size"]) == (6, 2)
    assert [row["step"] for row in told["curve"]] == [2, 4, 6]
    assert set(told["curve"][0]) == {"step", "loss", "error", "change"}


def test_the_card_says_the_steps_and_what_no_sum_holds(tower):
    card = (tower / "CARD.md").read_text()
    assert "6 of 2 sums" in card
    assert f"No sum has {sums.SHARED} or more parts in common with a planted word" in card
    assert "python app.py train conceptor --preset try --out OUT" in card
    assert "| step | loss | error | change |" in card


def test_a_long_curve_is_thinned_and_keeps_its_end(tmp_path):
    rows = [{"step": k, "loss": 1.0, "error": 0.9, "change": 0.1, "lr": 0.1} for k in range(1, 121)]
    (tmp_path / "curve.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    taught.save(pipe().text_encoder, TEACHING, tmp_path, 60.0)
    told = json.loads((tmp_path / "weights" / "config.json").read_text())
    assert len(told["curve"]) == 13
    assert told["curve"][-1]["step"] == 120
    assert told["minutes"] == 1.0


def test_saving_leaves_the_tower_that_is_given_as_it_is(tmp_path):
    given = pipe().text_encoder
    taught.save(given, TEACHING, tmp_path, 1.0)
    assert {p.dtype for p in given.parameters()} == {torch.float32}


def test_only_the_main_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(taught.settings, "current", lambda: SimpleNamespace(process_index=1))
    assert not taught.save(pipe().text_encoder, TEACHING, tmp_path, 1.0).exists()


def test_a_folder_of_data_is_refused(tmp_path):
    with pytest.raises(InputError, match="Leave --data out"):
        recipe.train(TEACHING, tmp_path, tmp_path)


# --- as a part of a pipeline ----------------------------------------------------------------------


def test_the_tower_is_the_only_part_that_is_not_shared(folder, held, tower):
    one, other = loading.from_folder(folder), loading.from_folder(folder, text_encoder=tower)
    assert {n for n in one.parts if one.parts[n].key != other.parts[n].key} == {"text_encoder"}
    assert one.name != other.name
    with held.acquire(one) as before, held.acquire(other) as after:
        for name in ("unet", "vae", "tokenizer"):
            assert getattr(before.obj, name) is getattr(after.obj, name)
        found = after.obj.text_encoder.state_dict()
        own = before.obj.text_encoder.state_dict()
        with safe_open(tower / FILE, "pt") as file:
            assert all(torch.equal(found[k], file.get_tensor(k).float()) for k in file.keys())  # noqa: SIM118
        assert any(not torch.equal(found[k], own[k]) for k in own)


def test_models_that_differ_in_the_tower_alone_have_hashes_of_their_own(folder, held, tower):
    specs = (loading.from_folder(folder), loading.from_folder(folder, text_encoder=tower))
    with held.acquire(specs[0]) as before, held.acquire(specs[1]) as after:
        one, other = (Parts.from_pipeline(lease.obj) for lease in (before, after))
        assert one.unet is other.unet
        assert len({model_hash(one), model_hash(other)}) == 2
        assert model_hash(one) == one.model_hash()
        assert model_hash(other) == other.model_hash()


def test_a_bench_has_the_taught_tower_unless_it_is_asked_for_another(tower, tmp_path):
    def found(**asked):
        with borrowing.bench(Job(method="conceptor"), "embedded", **asked) as b:
            return b.model.encode_text("a dog").embeds, b.weights, b.name

    before, after = found(name=borrowing.UNTAUGHT), found()
    mine = taught.save(pipe().text_encoder, TEACHING, tmp_path, 1.0)
    assert not torch.equal(before[0], after[0])
    assert torch.equal(found(tower=tower)[0], after[0])
    assert torch.allclose(found(tower=mine)[0], before[0], atol=0.01), "the same but for float16"
    assert len({before[1], after[1], found(tower=mine)[1]}) == 2
    assert {before[2], after[2]} == {""}


def copied(tower, tmp_path):
    return shutil.copytree(tower, tmp_path / "mine" / "weights")


def test_a_damaged_tower_is_refused(folder, held, tower, tmp_path):
    place = copied(tower, tmp_path)
    data = bytearray((place / FILE).read_bytes())
    data[-1] ^= 1
    (place / FILE).write_bytes(bytes(data))
    with pytest.raises(WeightsError, match=r"not the one that config\.json describes"):
        held.acquire(loading.from_folder(folder, text_encoder=place))


def test_a_tower_of_another_shape_is_refused(folder, held, tower, tmp_path):
    place = copied(tower, tmp_path)
    config = place / "text_encoder" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "hidden_size": 8}))
    (place / "config.json").unlink()
    with pytest.raises(WeightsError, match="same revision"):
        held.acquire(loading.from_folder(folder, text_encoder=place))


@pytest.mark.parametrize("gone", ["weights", "weights/text_encoder", f"weights/{FILE}"])
def test_a_missing_tower_is_said_in_words(folder, tower, tmp_path, gone):
    place = copied(tower, tmp_path)
    path = tmp_path / "mine" / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(WeightsError, match="There is no text encoder in mine/weights") as told:
        loading.from_folder(folder, text_encoder=place)
    assert str(tmp_path) not in str(told.value)


# --- the shipped model ----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_smoke_preset_teaches_the_shipped_model(held, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "FOLDER", SHIPPED)
    place = recipe.train(teaching.smoke(), None, tmp_path)
    specs = (loading.from_folder(SHIPPED), loading.from_folder(SHIPPED, text_encoder=place))
    with held.acquire(specs[0]) as before, held.acquire(specs[1]) as after:
        one, other = (x.obj.text_encoder.get_input_embeddings().weight for x in (before, after))
        assert torch.equal(one, other), "the shipped table is of float16 too"
    told = json.loads((place / "config.json").read_text())
    assert all(0 < row["error"] < 1 for row in told["curve"])
