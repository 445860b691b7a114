"""One hub with the TRILL page for all tests of agents, as the command starts it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import served


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """The folder of that hub: data, uploads, log."""
    return tmp_path_factory.mktemp("agents-hub")


@pytest.fixture(scope="session")
def hub(place) -> Iterator[str]:
    """Address of a running hub that may fetch files from elsewhere."""
    env = {**os.environ, "HF_HUB_OFFLINE": "0"}
    with served(place, "--methods", "trill", env=env) as url:
        yield url
