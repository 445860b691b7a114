"""The probe: its labels, its windows, its recipe, and what it reads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from core.training import read_curve
from core.world import curriculum, sampling, words
from core.world.diffusion import instruments, judge, probe, probe_report, probing
from core.world.diffusion.probe import LOOKS, SURROUNDINGS, Probe, net_for
from core.world.layout import PLACES
from core.world.render import render, silhouettes


def _scenes(n=40, c=None):
    return probing.scenes(np.random.default_rng(0), c or curriculum.small(), n)


def _scores(found, net):
    """What the net would give if it were sure of every label."""
    right = probing.labels(found, net)
    out = {}
    for name, value in right.items():
        if name in ("looks", "surroundings"):
            out[name] = value
        elif name == "accessory":
            out[name] = value * 40 - 20
        else:
            sizes = {**{k: len(v) for k, v in net.values.items()}, **probe.CHOICES, "background": len(net.backgrounds), "emblem": 4, "emblem_hue": 4}  # fmt: skip
            hot = torch.nn.functional.one_hot(value.clamp(min=0), sizes[name]).float()
            out[name] = hot * 40
    return out


class _Sure(torch.nn.Module):
    """Gives the labels of fixed scenes in place of a forward pass."""

    def __init__(self, found, net):
        super().__init__()
        self.net, self.given, self.at = net, _scores(found, net), 0
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        rows = slice(self.at, self.at + len(x))
        self.at += len(x)
        return {name: value[rows] for name, value in self.given.items()}


def test_labels_that_are_read_back_give_the_scene_again():
    net = net_for(curriculum.small())
    found = _scenes(80)
    readings = Probe(_Sure(found, net)).read(render(found))
    for scene, reading in zip(found, readings, strict=True):
        assert reading.scene.background == scene.background
        seen = {e.place: e for e in reading.scene.entities}
        assert set(seen) == {e.place for e in scene.entities}
        for e in scene.entities:
            same = seen[e.place]
            for name in ("kind", "pose", "colour", "size", "texture", "accessories"):
                assert getattr(same, name) == getattr(e, name), name
            for name in LOOKS:
                assert getattr(same.look, name) == pytest.approx(getattr(e.look, name), abs=1e-4)
        for name in SURROUNDINGS:
            assert getattr(reading.scene.backdrop, name) == pytest.approx(
                getattr(scene.backdrop, name), abs=1e-4
            )
    assert probe_report.accuracy(readings, found) == dict.fromkeys(
        ("accessories", "background", "colour", "kind", "pose", "size", "texture", "things"), 1.0
    )


def test_accuracy_counts_a_thing_that_is_not_found_as_wrong_in_all():
    net = net_for(curriculum.small())
    found = [sampling.subject_scene(np.random.default_rng(4), curriculum.small(), kind="dog")]
    blind = _scores(found, net)
    blind["kind"] = torch.zeros_like(blind["kind"])
    blind["kind"][..., 0] = 10
    sure = _Sure(found, net)
    sure.given = blind
    seen = probe_report.accuracy(Probe(sure).read(render(found)), found)
    assert seen["kind"] == seen["pose"] == seen["colour"] == seen["things"] == 0
    assert seen["background"] == 1


def test_identity_is_one_for_knowing_and_nothing_for_always_saying_the_mean():
    net = net_for(curriculum.small())
    rng = np.random.default_rng(5)
    found = [sampling.subject_scene(rng, curriculum.small(), kind="dog") for _ in range(200)]
    known = probe_report.identity(Probe(_Sure(found, net)).read(render(found)), found)
    assert known["dog"]["hue"] == pytest.approx(1, abs=1e-3)
    assert known["dog"]["marking"] == known["scene"]["emblem"] == 1
    dull = _Sure(found, net)
    dull.given["looks"] = torch.zeros_like(dull.given["looks"])
    assert probe_report.identity(Probe(dull).read(render(found)), found)["dog"]["hue"] < 0.02


def test_the_probe_meets_combinations_that_the_text_to_image_model_never_does():
    c = curriculum.small()
    found = [e for scene in _scenes(600) for e in scene.entities]
    held = [e for e in found if curriculum.is_held_out(e.kind, e.pose, e.colour)]
    posed = [e for e in found if e.kind in curriculum.HELD_OUT_KINDS]
    assert 0.02 < len(held) / len(posed) < 0.2
    assert {e.place for e in found} == set(net_for(c).places)
    assert all(e.pose in c.poses(e.kind) for e in found if e.kind in c.kinds)


def test_every_thing_lies_in_the_window_of_its_place():
    """A slot sees at least nine tenths of what stands in it, else its head is asked to guess."""
    net = net_for(curriculum.small())
    windows = probe._windows(net.places, 64, net.grid).T.unflatten(0, (len(net.places), -1)).sum(1)
    seen = {place: (windows[i].reshape(64, 64) > 0).numpy() for i, place in enumerate(net.places)}
    shares = {place: [] for place in net.places}
    for scene in _scenes(300):
        for k, e in enumerate(scene.entities):
            if e.kind in words.POSES or e.place.startswith(("beside", "sky")):
                cover = silhouettes([scene], [[k]])[0]
                shares[e.place].append(float((cover * seen[e.place]).sum() / cover.sum()))
    for place, found in shares.items():
        assert not found or np.mean(found) > 0.9, (place, np.mean(found))
    assert len([place for place in PLACES if place in seen]) == len(net.places)


def test_softened_pictures_are_as_many_and_half_of_them_untouched():
    x = probe.as_input(render(_scenes(8)), 64)
    y = probing.worn_out(x, np.random.default_rng(0))
    changed = [not torch.equal(a, b) for a, b in zip(x, y, strict=True)]
    assert changed == [True] * 4 + [False] * 4
    assert y.min() >= -1
    assert y.max() <= 1
    assert torch.equal(y, probing.worn_out(x, np.random.default_rng(0)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("probe") / "run"
    return out, instruments.train_probe("smoke", out)


def test_the_recipe_leaves_weights_that_the_judge_loads(trained):
    _out, folder = trained
    reader = judge.load_probe(folder)
    pictures = render(_scenes(3, curriculum.tiny()))
    readings = reader.read(pictures)
    assert len(readings) == 3
    assert reader.net == probing.smoke().net
    assert "python -m core.world.diffusion.instruments probe" in (folder / "CARD.md").read_text()
    # one picture alone is read as in a batch
    alone = reader.scores(pictures[1:2])["kind"][0]
    assert np.allclose(alone, reader.scores(pictures)["kind"][1], atol=1e-5)


def test_a_run_that_was_cut_off_ends_in_the_same_weights(trained, tmp_path):
    class Cut(Exception):
        pass

    def cut(step):
        if step.step == 4:
            raise Cut

    with pytest.raises(Cut):
        instruments.train_probe("smoke", tmp_path, on_step=cut)
    again = instruments.train_probe("smoke", tmp_path, resume=True)
    one, other = (judge.load_probe(folder).module.state_dict() for folder in (trained[1], again))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_more_training_lowers_the_loss(tmp_path):
    cfg = dataclasses.replace(probing.smoke(), num_steps=30, log_every=10, save_every=30)
    probing.train(cfg, tmp_path)
    curve = read_curve(tmp_path / "curve.jsonl")
    assert curve[-1]["loss"] < 0.95 * curve[0]["loss"]
