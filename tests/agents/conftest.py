"""One hub with the TRILL page for all tests of agents, as the command starts it."""

from collections.abc import Iterator

import pytest

from tests.serving import served


@pytest.fixture(scope="session")
def hub(tmp_path_factory) -> Iterator[str]:
    """Address of a running hub."""
    with served(tmp_path_factory.mktemp("agents-hub"), "--methods", "trill") as url:
        yield url
