"""Scenes: immutable, complete, through JSON unchanged."""

import dataclasses
import json

import numpy as np
import pytest

from core.world.curriculum import full
from core.world.scene import Entity, Scene, scene_from_dict
from core.world.stream import samples


def test_a_scene_reads_back_from_its_json_unchanged():
    for s in samples(np.random.default_rng(0), full(), 500):
        text = json.dumps(s.scene.to_dict(), allow_nan=False)
        assert scene_from_dict(json.loads(text)) == s.scene


def test_a_key_that_no_scene_has_is_refused():
    data = Scene(entities=(Entity(kind="ball", colour="red"),)).to_dict()
    data["weather"] = "fine"
    with pytest.raises(ValueError, match="a Scene has no weather"):
        scene_from_dict(data)
    del data["weather"]
    data["entities"][0]["look"]["nose"] = 1
    with pytest.raises(ValueError, match="a Look has no nose"):
        scene_from_dict(data)


def test_a_scene_cannot_be_changed_in_place():
    scene = Scene(entities=(Entity(kind="ball", colour="red"),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        scene.background = "beach"  # type: ignore[misc]


def test_the_same_generator_seed_gives_the_same_examples():
    one = samples(np.random.default_rng(3), full(), 200)
    two = samples(np.random.default_rng(3), full(), 200)
    assert one == two
    assert one != samples(np.random.default_rng(4), full(), 200)
