"""A tiny random model and one picture, shared by the tests of a module."""

from __future__ import annotations

import pytest

from core.methods.imagic.parts import Parts
from tests.methods.imagic.tiny import TARGET, picture, tiny_pipeline


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
