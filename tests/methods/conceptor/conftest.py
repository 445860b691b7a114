"""The tiny model as the files that are shipped: a pipeline's folder, and a text tower taught for it."""

from __future__ import annotations

import pytest

from core import cache, settings
from core.methods.conceptor import borrowing, recipe
from core.world.diffusion import loading
from tests.methods.conceptor.tiny import TEACHING, pipe, ship


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The tiny model as the folder that Imagic ships."""
    place = tmp_path_factory.mktemp("weights") / "text_to_image"
    pipe().save_pretrained(place, safe_serialization=True)
    loading.seal(place)
    return place


@pytest.fixture(scope="session")
def held():
    """One real cache for all tests, as in a hub that runs for long."""
    return cache.from_settings(settings.current())


@pytest.fixture(scope="session")
def tower(folder, held, tmp_path_factory):
    """What the recipe leaves after a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        ship(patch, folder, held)
        place = recipe.train(TEACHING, None, tmp_path_factory.mktemp("run"))
    cache.use(None)
    return place


@pytest.fixture
def shipped(folder, held, tower, monkeypatch):
    """Let this method find the tiny model, its tower and its judge."""
    ship(monkeypatch, folder, held)
    monkeypatch.setattr(borrowing, "WEIGHTS", tower)
    yield
    cache.use(None)
