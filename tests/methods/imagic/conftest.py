"""Tiny random models and what was learnt on them, shared by the tests of a module or of the folder."""

from __future__ import annotations

import dataclasses

import pytest

from core import cache, settings
from core.methods.imagic import borrowing, edit, objective
from core.methods.imagic import requests as rq
from core.methods.imagic.config import BANK_SIZE
from core.world.diffusion import loading
from core.world.diffusion.parts import Parts
from tests.core.world.diffusion.tiny import picture, tiny_pipeline
from tests.methods.imagic.borrowed import PlainJudge
from tests.methods.imagic.piped import EDIT, judged_by, run
from tests.methods.imagic.tiny import TARGET

SMALL_BANK = 4  # pairs


@pytest.fixture(scope="module", autouse=True)
def small_bank():
    """Few pairs in the fixed bank: measuring it takes most of the time of learning in few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "BANK_SIZE", SMALL_BANK)
        yield


@pytest.fixture
def whole_bank(monkeypatch):
    """The bank as it is, for tests that compare losses."""
    monkeypatch.setattr(objective, "BANK_SIZE", BANK_SIZE)


@pytest.fixture(scope="module")
def pipe():
    found = tiny_pipeline()
    found.set_progress_bar_config(disable=True)
    return found


@pytest.fixture(scope="module")
def parts(pipe):
    return Parts.from_pipeline(pipe)


@pytest.fixture(scope="module")
def z0(parts):
    return parts.encode(picture()[None])


@pytest.fixture(scope="module")
def target(parts):
    return parts.encode_text(TARGET)


# --- the pipeline ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The tiny model as the folder that the embedded tier is."""
    place = tmp_path_factory.mktemp("weights") / "text_to_image"
    tiny_pipeline().save_pretrained(place, safe_serialization=True)
    loading.seal(place)
    return place


@pytest.fixture(scope="session")
def held():
    """One real cache for all tests, as in a hub that runs for long."""
    return cache.from_settings(settings.current())


@pytest.fixture
def model(folder, held, monkeypatch):
    """The tiny model in that cache; rough strips are drawn only where a test looks at them."""
    monkeypatch.setattr(loading, "FOLDER", folder)
    monkeypatch.setattr(edit, "previews_of", lambda sampling: None)
    cache.use(held)
    yield
    cache.use(None)


@pytest.fixture
def judge(model, monkeypatch):
    """Lets a test say who judges."""

    def choose(one):
        monkeypatch.setattr(borrowing, "judging", judged_by(one))

    choose(PlainJudge())
    return choose


@pytest.fixture(scope="session")
def edited(folder, held):
    """One edit that several tests look at, with all that there is beside the strip."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "FOLDER", folder)
        patch.setattr(edit, "previews_of", lambda sampling: None)
        patch.setattr(borrowing, "judging", judged_by(PlainJudge()))
        patch.setattr(objective, "BANK_SIZE", SMALL_BANK)  # made before `small_bank` holds
        cache.use(held)
        found = run(dataclasses.replace(EDIT, baselines=rq.BASELINES))
    cache.use(None)
    return found
