"""Fixtures of all tests: state in a temporary folder, no network but loopback."""

import os
import socket

import pytest

import core.gpu  # noqa: F401  # first, as in every entry point

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "2")

from core import settings

# These wait for clocks, processes and browsers. A second test on the same cores would make them slow, not wrong.
_ALONE = (
    "tests/agents/",
    "tests/browser/",
    "tests/core/cache/",
    "tests/core/commands/",
    "tests/core/hub/",
    "tests/core/jobs/",
    "tests/core/publish/",
    "tests/core/runs/",
    "tests/core/test_",
    "tests/core/zero/",
    "tests/test_every_method.py",
)
_LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}


def pytest_collection_modifyitems(items):
    """Mark what runs alone; `make test` runs the rest two at a time."""
    for item in items:
        if item.nodeid.startswith(_ALONE):
            item.add_marker("alone")


@pytest.fixture(autouse=True)
def _isolated(tmp_path, monkeypatch):
    """Point all state at `tmp_path` and let sockets reach this machine only."""
    monkeypatch.setenv("VITRINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    # Xet remembers by address what it has sent, and another test's imitated Hub may have had the same port
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet"))
    settings.use(None)
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and str(address[0]) not in _LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield
    settings.use(None)
