"""A visit to the Conceptor page in Chromium: choose, decompose, end early, mix, explain, audit, reload, phone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90_000  # milliseconds that a result may take on a busy machine
pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conceptor")
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "VITRINE_DATA_DIR": str(folder / "data"),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
    }
    with (folder / "hub.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.conceptor_hub"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=env,
        )  # fmt: skip
    with process:
        try:
            yield _address(process, folder)
        finally:
            process.stdin.close()
            process.terminate()


def _address(process, folder):
    for line in process.stdout:
        if line.startswith("ADDRESS "):
            return line.split()[1]
    raise AssertionError(f"the hub did not start:\n{(folder / 'hub.log').read_text()[-3000:]}")


@pytest.fixture
def page(chromium, address):
    """A fresh visitor; errors of the page's scripts and failed requests fail the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)
    opened, odd = context.new_page(), []
    opened.on("pageerror", lambda error: odd.append(str(error)))
    opened.on("response", lambda r: odd.append(r.url) if r.status >= 400 else None)
    opened.goto(f"{address}conceptor")
    opened.wait_for_selector("#co-board details")
    opened.wait_for_selector(".vt-history h2")
    yield opened
    context.close()
    assert odd == []


def bar(page, mode):
    return page.locator(f".co-out-{mode} .vt-bar")


def done(page, mode):
    expect(bar(page, mode)).to_have_attribute("data-state", re.compile("done|failed"), timeout=PATIENCE)  # fmt: skip
    assert bar(page, mode).get_attribute("data-state") == "done", bar(page, mode).inner_text()


def test_a_word_of_the_board_goes_into_the_field(page):
    page.locator("#co-board summary").click()
    page.locator('#co-board .vt-chip[data-concept="jester"]').click()
    expect(page.locator("#co-concept input")).to_have_value(re.compile("^jester"))
    expect(page.locator('.vt-chip[data-concept="jester"]')).to_have_attribute("aria-pressed", "true")  # fmt: skip


def test_a_concept_is_learnt_ended_early_mixed_and_found_again(page):
    page.locator("#co-decompose").click()
    page.locator("[data-end-early]").click()
    done(page, "decompose")
    expect(page.locator(".co-out-decompose .co-facts")).to_contain_text("Ended early by you")
    page.locator("#co-mode-mix-button").click()
    snow = page.locator('[data-word="snow"] input')
    snow.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(page.locator('[data-word="snow"] output')).to_have_text("2.0 ×")
    page.locator('[data-word="hat"] [data-mix="mute"]').click()
    page.locator("#co-mix").click()
    done(page, "mix")
    expect(page.locator(".co-out-mix .co-say")).to_contain_text("without “hat”")
    told = page.evaluate("new URLSearchParams(location.search).get('run')")
    assert told
    page.reload()
    expect(page.locator(".co-out-mix .co-stored")).to_have_text("Stored run")
    expect(page.locator('[data-word="snow"] output')).to_have_text("2.0 ×")
    expect(page.locator('[data-word="hat"] [data-mix="mute"]')).to_have_attribute("aria-pressed", "true")  # fmt: skip
    page.locator("[data-mix-reset]").click()
    expect(page.locator('[data-word="snow"] output')).to_have_text("1.0 ×")


def test_stop_throws_the_work_away_and_says_so(page):
    page.locator("#co-decompose").click()
    page.locator("[data-end-early]").wait_for()
    page.locator('.co-out-decompose .vt-bar [data-do="stop"]').click()
    expect(bar(page, "decompose")).to_have_attribute("data-state", "cancelled")
    assert "run=" not in page.url


def test_the_threshold_is_moved_without_drawing_again(page):
    page.locator("#vt-tab-why-button").click()
    page.locator("#co-explain").click()
    slider = page.locator("[data-thresholds]")
    slider.wait_for()
    before = page.locator("[data-from]:not([hidden])").inner_text()
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".co-threshold output")).to_have_text("0.80")
    assert page.locator("[data-from]:not([hidden])").count() == 1
    assert page.locator("[data-from]:not([hidden])").inner_text() != before


@pytest.mark.parametrize(("mode", "words"), [("compare", "share"), ("audit", "rank correlation")])
def test_each_mode_shows_its_own_result(page, mode, words):
    page.locator(f"#co-mode-{mode}-button").click()
    page.locator(f"#co-{mode}").click()
    done(page, mode)
    expect(page.locator(f".co-out-{mode} .co-say")).to_contain_text(words)
    shown = [m for m in ("decompose", "mix", "compare", "audit") if page.locator(f".co-out-{m}").is_visible()]  # fmt: skip
    assert shown == [mode]


def test_the_page_fits_a_phone_in_the_dark(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    phone = context.new_page()
    phone.goto(f"{address}conceptor")
    phone.wait_for_selector("#co-board details")
    phone.locator("#co-decompose").click()
    phone.locator("[data-end-early]").click()
    phone.wait_for_selector(".co-bars", timeout=PATIENCE)
    for mode in ("decompose", "mix", "compare", "audit"):
        phone.locator(f"#co-mode-{mode}-button").click()
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, mode
    context.close()
