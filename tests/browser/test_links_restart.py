"""A link opens what was seen: after a crash on the same disk, and on a hub that never saw it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.browser.taken import KINDS, READY, SECONDS, drop, give, kill, own_clip, said, seen, take
from tests.serving import served

METHODS = ("--methods", "trill")


@pytest.fixture
def visitor(chromium):
    """A factory of fresh browser profiles; errors of a page's scripts fail the test."""
    errors: list[str] = []

    @contextmanager
    def new():
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        context.close()

    yield new
    assert errors == []


@pytest.fixture
def folders(tmp_path):
    """Data of the hub where a result is made, and of one that never saw it."""
    made = tmp_path / "here", tmp_path / "there"
    for folder in made:
        folder.mkdir()
    return made


def explored(visitor, address, clip, folder):
    """Explore a clip on a hub, and take away all that it offers."""
    with visitor() as page:
        page.goto(f"{address}/trill")
        page.wait_for_selector(READY)
        give(page, clip)
        page.click("#tr-explore")
        return take(page, address, folder)


def opened(visitor, address, taken):
    """Open everything that was taken, each in a browser of its own; yields what and the page."""
    for what, link in {"run link": taken.run, "settings link": taken.settings}.items():
        with visitor() as page:
            page.goto(f"{address}/{link}")
            yield what, page
    for what, path in taken.files.items():
        with visitor() as page:
            drop(page, address, path)
            yield what, page


@pytest.mark.slow
def test_what_was_taken_away_opens_after_a_crash_and_on_a_hub_that_never_saw_it(
    visitor, folders, tmp_path
):
    here, there = folders
    clip = own_clip(tmp_path)
    with served(here, *METHODS) as address:
        taken = explored(visitor, address, clip, tmp_path / "taken")
        assert set(taken.files) == {"png", "json", "zip"}
        kill(address)
    with served(here, *METHODS) as address:
        for what, page in opened(visitor, address, taken):
            assert seen(page) == taken.seen, what
    zipped = taken.files.pop("zip")
    with served(there, *METHODS) as address:
        for what, page in opened(visitor, address, taken):
            words = said(page)
            assert "“my voice.wav”" in words, what
            assert "not on this hub" in words, what
            assert ("is gone" in words) == (what == "run link"), what
        with visitor() as page:
            drop(page, address, zipped)  # it brings its inputs
            assert seen(page) == taken.seen
        for what, page in opened(visitor, address, taken):  # and now the others have them too
            assert seen(page) == taken.seen, what


@pytest.mark.slow
def test_bringing_the_file_that_a_link_asks_for_shows_what_was_seen(visitor, folders, tmp_path):
    here, there = folders
    clip = own_clip(tmp_path)
    with served(here, *METHODS) as address:
        taken = explored(visitor, address, clip, tmp_path / "taken")
    with served(there, *METHODS) as address, visitor() as page:
        page.goto(f"{address}/{taken.settings}")
        assert "Bring that file" in said(page)
        give(page, clip)
        page.click("#tr-explore")
        page.wait_for_selector(".tr-out-explore .vt-bar[data-state=done]")
        assert seen(page) == taken.seen


@pytest.mark.slow
def test_every_kind_of_result_opens_again_everywhere(visitor, folders, tmp_path):
    here, there = folders
    everything = {}
    with served(here, *METHODS) as address:
        for kind, make in KINDS.items():
            with visitor() as page:
                page.goto(f"{address}/trill")
                page.wait_for_selector(READY)
                make(page)
                everything[kind] = take(page, address, tmp_path / kind)
        kill(address)
    with served(here, *METHODS) as address:
        for kind, taken in everything.items():
            for what, page in opened(visitor, address, taken):
                if kind == "train" and what == "zip":
                    assert "Press its button" in said(page)  # long work waits for a click
                else:
                    assert seen(page) == taken.seen, (kind, what)
    with served(there, *METHODS) as address:
        for kind, taken in everything.items():
            if kind == "classify":  # the head travels in the zip, not in a link
                with visitor() as page:
                    page.goto(f"{address}/{taken.settings}")
                    assert "the head" in said(page)
                with visitor() as page:
                    drop(page, address, taken.files["zip"])
                    assert seen(page) == taken.seen
            for what, page in opened(visitor, address, taken):
                if kind == "train":
                    assert "Press its button" in said(page)
                    page.click("#tr-train")
                    page.wait_for_selector(".vt-bar[data-state=done]")
                assert seen(page) == taken.seen, (kind, what)
