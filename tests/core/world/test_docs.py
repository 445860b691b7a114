"""The page of the world tells the truth."""

import re
from pathlib import Path

import numpy as np

from core.world.curriculum import full, small
from core.world.parsing import live_words
from core.world.recipes import recipe

PAGE = Path(__file__).parents[3] / "docs" / "world.md"


def test_the_examples_run(monkeypatch):
    monkeypatch.chdir(PAGE.parents[1])
    scenes, model = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    space: dict = {}
    exec(scenes, space)
    assert space["pictures"].shape == (1000, 64, 64, 3)
    assert space["truth"].holds(space["target"], space["answer"].after)
    exec(model, space)
    assert space["picture"].size == (64, 64)
    assert np.asarray(space["picture"]).std() > 10, "a picture, not one colour"


def test_the_numbers_of_the_table_are_current():
    text = PAGE.read_text()
    s, f = small(), full()
    for label, count in (
        ("kinds that captions name", lambda c: len(c.kinds)),
        ("live words", lambda c: len(live_words(c))),
        ("planted words (test, development)", lambda c: f"{len(c.planted)} (12, 4)"),
        ("colours, textures, sizes, backgrounds", lambda c: f"{len(c.colours)}, {len(c.textures)}, {len(c.sizes)}, {len(c.backgrounds)}"),
    ):  # fmt: skip
        assert f"| {label} | {count(s)} | {count(f)} |" in text, label
    assert str(recipe("snowman").atoms).replace("'", '"') in text
