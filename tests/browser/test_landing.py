"""The landing page, the navigation and the looks, as a visitor meets them."""

from __future__ import annotations

import pytest

from tests.browser.conftest import SHOTS

PAGES = ("", "echo", "broken", "jobs", "status", "api")


def test_a_card_leads_to_its_method_and_the_name_back(visit):
    page = visit().open()
    page.get_by_role("link", name="Echo").first.click()
    page.wait_for_selector("#vt-tab-try")
    assert page.title() == "Echo · Vitrine"
    page.get_by_role("link", name="Vitrine").click()
    page.wait_for_selector(".vt-cards")
    assert page.title() == "Vitrine"


def test_search_and_filter_narrow_the_cards_and_say_how_many(visit):
    page = visit().open()
    page.wait_for_selector("#vt-search")
    shown = lambda: page.locator(".vt-card:visible h2").all_inner_texts()  # noqa: E731
    assert shown() == ["Echo", "Broken"]
    page.fill("#vt-search", "letter")
    assert shown() == ["Echo"]
    assert "1 of 2 methods" in page.inner_text(".vt-count")
    page.fill("#vt-search", "nothing like it")
    assert page.locator(".vt-none").is_visible()
    page.keyboard.press("Escape")
    assert shown() == ["Echo", "Broken"]
    page.get_by_role("button", name="counting").click()
    assert shown() == ["Echo"]
    page.get_by_role("button", name="counting").click()
    assert shown() == ["Echo", "Broken"]


def test_the_landing_page_can_be_used_with_the_keyboard_alone(visit):
    page = visit().open()
    page.wait_for_selector("#vt-search")
    page.keyboard.press("/")
    page.keyboard.type("letter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/echo")
    page.wait_for_selector("#vt-tab-try")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.className")
    assert "vt-skip" in focused
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "vt-tabs"


def test_readiness_is_said_in_words(visit):
    page = visit().open()
    assert page.locator(".vt-ready").first.inner_text() == "ready here"
    page = visit().open("echo")
    page.wait_for_selector(".vt-tier label")
    assert page.locator(".vt-tier label").nth(1).inner_text().strip() == "Large (needs 8 GB GPU)"


def test_a_broken_method_says_so_and_the_rest_works(visit):
    visitor = visit()
    page = visitor.open("broken")
    page.wait_for_selector(".vt-failed")
    assert "a wheel <b>fell</b> off" in page.inner_text(".vt-failed")
    assert visitor.open("echo").title() == "Echo · Vitrine"


def test_the_theme_follows_the_system_and_the_visitor(visit):
    dark = visit(color_scheme="dark").open()
    dark.wait_for_function("document.body.classList.contains('dark')")
    visitor = visit(color_scheme="light")
    page = visitor.open()
    page.wait_for_selector("[data-do=theme]")
    page.click("[data-do=theme]")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(22, 22, 22)"
    page = visitor.open("status")
    page.wait_for_function("document.body.classList.contains('dark')")


def test_the_status_page_fills_itself(visit):
    page = visit().open("status")
    page.wait_for_selector(".vt-facts")
    text = page.inner_text("#vt-status")
    assert "Memory" in text
    assert "gradio" in text


def test_help_lists_the_keys_and_closes(visit):
    page = visit().open()
    page.wait_for_selector("#vt-search")
    page.keyboard.press("?")
    assert page.locator(".vt-help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator(".vt-help").is_visible()


@pytest.mark.parametrize("width", [360, 390, 768, 1440, 1920])
def test_no_page_scrolls_sideways(visit, width):
    visitor = visit(viewport={"width": width, "height": 900})
    for path in PAGES:
        page = visitor.open(path)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        for part in page.locator(".vt-nav a:visible, .vt-nav button:visible").all():
            box = part.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width, (path, part.inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_accessibility_finding(visit, scheme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    visitor = visit(color_scheme=scheme, viewport={"width": 1440, "height": 900})
    found = []
    for path in PAGES:
        page = visitor.open(path)
        page.wait_for_timeout(800)
        for violation in axe.Axe().run(page).response["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                nodes = [node["html"][:160] for node in violation["nodes"][:3]]
                found.append((path, violation["id"], nodes))
    assert found == []


def test_motion_stops_for_those_who_ask(visit):
    page = visit(reduced_motion="reduce").open("echo")
    seconds = page.evaluate(
        "(() => { const i = document.createElement('i'); i.className = 'vt-x';"
        "document.querySelector('.gradio-container').append(i); i.style.transition = 'all 3s';"
        "return getComputedStyle(i).transitionDuration })()"
    )
    assert float(seconds.rstrip("s")) < 0.01


@pytest.mark.slow  # pictures to look at
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_of_all_pages(visit, width, scheme):
    """Kept in tests/browser/shots for a person to look at."""
    SHOTS.mkdir(exist_ok=True)
    visitor = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    for path in PAGES:
        page = visitor.open(path)
        page.wait_for_timeout(800)
        target = SHOTS / f"{path or 'landing'}-{width}-{scheme}.png"
        page.screenshot(path=target)
        assert target.stat().st_size > 5000
