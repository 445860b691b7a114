"""A Space on an imitated ZeroGPU, with our stand-in for the platform's package and with the package."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.core.zero.device_api import DeviceApi
from tests.core.zero.space import Space, why_not_real

PACKAGES = ["stub"] if why_not_real() else ["stub", "real"]


@pytest.fixture(scope="session", params=PACKAGES)
def space(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[Space]:
    """A Space that was launched, one for all tests of a package."""
    folder = tmp_path_factory.mktemp(request.param)
    with DeviceApi() as api, Space(api, folder, package=request.param) as started:
        yield started


@pytest.fixture
def new_calls(space: Space):
    """The calls of the device API since the test began, by path."""
    before = len(space.api.calls())
    return lambda path="": [c for c in space.api.calls()[before:] if path in ("", c.path)]
