"""An agent that knows nothing of the hub teaches two classes, asks about a clip, shows the page."""

import shutil

import pytest

from core.methods.trill import gallery
from tests.agents.novice import Novice
from tests.agents.talking import talk_to

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def asked(hub, tmp_path_factory):
    """What the user got: the lesson and the answer about a seventh clip."""
    folder = tmp_path_factory.mktemp("users-files")
    lesson = {
        mood: [
            shutil.copy(gallery.example(f"actor-13-{mood}-{k}").path, folder / f"{mood} {k}.flac")
            for k in (1, 2, 3)
        ]
        for mood in ("anger", "neutral")
    }
    seventh = folder / "who knows.flac"
    shutil.copy(gallery.example("actor-11-anger-1").path, seventh)

    async def talk(session):
        novice = Novice(session, hub)
        taught = await novice.teach(lesson)
        return taught, await novice.classify(taught, seventh)

    return talk_to(hub, talk)


def test_two_classes_are_taught_from_six_clips_and_a_seventh_is_told(asked):
    taught, told = asked
    assert taught["classes"] == ["anger", "neutral"]
    assert taught["counts"] == [3, 3]
    assert 0 <= taught["interval"][0] <= taught["accuracy"] <= taught["interval"][1] <= 1
    best = max(zip(told["probabilities"], told["classes"], strict=True))
    assert best[1] == "anger"


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_of_the_answer_shows_it_to_a_person(asked):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    taught, told = asked
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        for run, words in ((taught["run"], "of 6"), (told["run"], "anger")):
            page.goto(run["page"])
            shown = page.locator(".tr-out-teach .tr").filter(has_text=words).first
            shown.wait_for(timeout=90_000)
            assert shown.is_visible()
            assert "Stored run" in page.locator(".tr-out-teach").inner_text()
        browser.close()
    assert errors == []
