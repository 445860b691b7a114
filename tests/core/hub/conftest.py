"""Fixtures of the hub's tests: the fake methods, in this process and behind an address."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.hub.fake_hub import SPACES, serving


def _forget() -> None:
    for name in [
        n for n in sys.modules if n.startswith(("core.methods.echo", "core.methods.broken"))
    ]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def no_leaked_event_loops(monkeypatch) -> None:
    """Gradio makes event loops for the locks of an app and never closes them; locks need none."""
    from gradio import queueing, utils

    monkeypatch.setattr(queueing, "safe_get_lock", asyncio.Lock)
    monkeypatch.setattr(utils, "safe_get_lock", asyncio.Lock)
    monkeypatch.setattr(utils, "safe_get_stop_event", asyncio.Event)


@pytest.fixture
def fake_methods(monkeypatch) -> Iterator[Path]:
    """Let the registry find the methods of `spaces/` beside this file, and no others."""
    import core.methods
    from core import registry

    monkeypatch.setattr(registry, "SPACES", SPACES)
    monkeypatch.setattr(core.methods, "__path__", [str(SPACES)])
    _forget()
    yield SPACES
    _forget()


@pytest.fixture
def hub(fake_methods):
    """The hub of the fake methods, built but not launched."""
    from core import hub as module

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        blocks, arguments = module.build_hub()
    return blocks, arguments


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> Iterator[str]:
    """Address of a running hub of the fake methods, one for all tests."""
    with serving(tmp_path_factory.mktemp("hub")) as url:
        yield url
