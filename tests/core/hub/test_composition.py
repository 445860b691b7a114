"""Pages, endpoints and launch arguments of the hub."""

from __future__ import annotations

import re

import pytest

from core import health, settings
from core.errors import NotFoundError
from core.ui.page import MAX_COMPONENTS

LAYOUT = {"row", "column", "tab", "tabs", "tabitem", "group", "accordion", "form", "page", "api"}


def config(blocks):
    return blocks.get_config_file()


def test_every_method_has_a_page_and_so_have_jobs_status_and_api(hub):
    blocks, *_ = hub
    assert [path for path, _, _ in blocks.pages] == ["", "api", "echo", "broken", "jobs", "status"]


def test_a_page_that_fails_shows_its_error_and_leaves_nothing_behind(hub):
    blocks, _, broken = hub
    assert [page.slug for page in broken] == ["broken"]
    found = config(blocks)
    on_page = set(found["page"]["broken"]["components"])
    texts = [str(c["props"].get("value", "")) for c in found["components"] if c["id"] in on_page]
    assert any("a wheel &lt;b&gt;fell&lt;/b&gt; off" in text for text in texts)
    assert not any(c["props"].get("elem_id") == "half-a-page" for c in found["components"])
    assert "half_endpoint" not in {d["api_name"] for d in found["dependencies"]}


def test_a_card_that_cannot_be_read_becomes_a_page_too(fake_methods, monkeypatch):
    from core import hub, registry

    true_load = registry.load

    def load(slug):
        if slug == "broken":
            raise SyntaxError("a comma is missing")
        return true_load(slug)

    monkeypatch.setattr(registry, "load", load)
    blocks, _ = hub.build_hub()
    assert "broken" in [path for path, _, _ in blocks.pages]
    assert "a comma is missing" in str(config(blocks)["components"])


def test_endpoints_that_cannot_be_declared_break_only_their_method(fake_methods, monkeypatch):
    from core import hub, registry

    def fail():
        raise RuntimeError("no endpoint today")

    monkeypatch.setattr(registry.module("echo", "ui"), "api", fail)
    blocks, _ = hub.build_hub()
    assert {broken.slug for broken in health.built["broken"]} == {"echo", "broken"}
    assert "no endpoint today" in str(config(blocks)["components"])


def test_public_endpoints_are_named_once_and_after_their_method(hub):
    blocks, *_ = hub
    public = [
        d["api_name"] for d in config(blocks)["dependencies"] if d["api_visibility"] == "public"
    ]
    assert public == ["echo_repeat"]
    assert not any(re.search(r"_\d+$", name) for name in public)


def test_a_page_stays_within_sixty_components(hub):
    blocks, *_ = hub
    found = config(blocks)
    for page in found["page"]:
        ids = set(found["page"][page]["components"])
        parts = [c for c in found["components"] if c["id"] in ids and c["type"] not in LAYOUT]
        assert len(parts) <= MAX_COMPONENTS, page


def test_the_frame_costs_few_components(hub):
    blocks, *_ = hub
    found = config(blocks)
    ids = set(found["page"]["echo"]["components"])
    parts = [c for c in found["components"] if c["id"] in ids and c["type"] not in LAYOUT]
    own = 10  # what the layout of echo itself places
    assert len(parts) - own == 5  # header, browser id, tier, history, file opener


def test_tabs_come_in_the_order_of_the_design(hub):
    blocks, *_ = hub
    labels = [c["props"]["label"] for c in config(blocks)["components"] if c["type"] == "tabitem"]
    assert labels == ["Try", "Why", "Check", "Train your own", "About"]


def test_only_the_methods_asked_for_are_shown(fake_methods):
    from core import hub

    settings.override(methods=("echo",))
    blocks, _ = hub.build_hub()
    assert "broken" not in [path for path, _, _ in blocks.pages]
    landing = str(config(blocks)["components"])
    assert 'href="broken"' not in landing


def test_one_method_alone_stands_at_the_root(fake_methods):
    from core import hub

    blocks, _ = hub.build_one("echo")
    assert [path for path, _, _ in blocks.pages] == ["", "api"]
    root = config(blocks)["page"][""]["components"]
    assert any(c["type"] == "tabitem" for c in config(blocks)["components"] if c["id"] in set(root))


def test_an_unknown_method_alone_is_refused(fake_methods):
    from core import hub

    with pytest.raises(NotFoundError, match="There is no method 'nothing'"):
        hub.build_one("nothing")


def test_launch_arguments_bound_queue_sessions_and_uploads(hub):
    blocks, arguments, _ = hub
    assert arguments["state_session_capacity"] == 500
    assert arguments["max_file_size"] == settings.current().max_upload_bytes
    assert arguments["ssr_mode"] is False
    assert blocks._queue.max_size == settings.current().queue_size
    assert blocks._queue.default_concurrency_limit == 8


def test_a_password_turns_mcp_off(fake_methods):
    from core import hub

    settings.override(auth=("ann", "secret"))
    blocks, arguments = hub.build_hub()
    assert not blocks.mcp_server
    assert not any("mcp" in route.path for route in arguments["app_kwargs"]["routes"])
    check = arguments["auth"]
    assert check("ann", "secret")
    assert not check("ann", "wrong")
    assert not check("bob", "secret")


def test_without_a_password_mcp_is_on_when_it_can_be(hub, monkeypatch):
    import importlib.util

    from core import hub as module

    there = importlib.util.find_spec("mcp") is not None
    assert hub[0].mcp_server is there
    assert any("mcp" in route.path for route in hub[1]["app_kwargs"]["routes"]) is there
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert module.mcp_wanted(settings.current()) is False
