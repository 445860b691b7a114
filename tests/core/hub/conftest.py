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


def no_event_loops(patch: pytest.MonkeyPatch) -> None:
    """Gradio makes event loops for the locks of an app and never closes them; locks need none."""
    from gradio import queueing, utils

    patch.setattr(queueing, "safe_get_lock", asyncio.Lock)
    patch.setattr(utils, "safe_get_lock", asyncio.Lock)
    patch.setattr(utils, "safe_get_stop_event", asyncio.Event)


@pytest.fixture(autouse=True)
def no_leaked_event_loops(monkeypatch) -> None:
    """Apps that are built in a test leave no event loop behind."""
    no_event_loops(monkeypatch)


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


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[tuple]:
    """The hub of the fake methods, built once but not launched: app, arguments, broken pages."""
    import core.methods
    from core import health, registry, settings
    from core import hub as module

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        no_event_loops(patch)
        patch.setenv("VITRINE_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.setattr(registry, "SPACES", SPACES)
        patch.setattr(core.methods, "__path__", [str(SPACES)])
        settings.use(None)
        _forget()
        warnings.simplefilter("error")
        blocks, arguments = module.build_hub()
        yield blocks, arguments, list(health.built["broken"])
    _forget()
    settings.use(None)


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> Iterator[str]:
    """Address of a running hub of the fake methods, one for all tests."""
    with serving(tmp_path_factory.mktemp("hub")) as url:
        yield url
