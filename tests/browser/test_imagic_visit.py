"""A visit to the Imagic page in Chromium: scene, words, upload, crop, edit, early end, films, stop, reload."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright")
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90_000  # milliseconds that a result may take on a busy machine
pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagic")
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "VITRINE_DATA_DIR": str(folder / "data"),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
    }
    with (folder / "hub.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.imagic_hub"],
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
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    opened, odd = context.new_page(), []
    opened.on("pageerror", lambda error: odd.append(str(error)))
    opened.on("response", lambda r: odd.append(r.url) if r.status >= 400 else None)
    opened.goto(f"{address}imagic")
    opened.wait_for_selector(".im-thumbs img")
    opened.wait_for_selector(".vt-history h2")
    yield opened
    context.close()
    assert odd == []


def field(page):
    return page.locator("#im-target textarea, #im-target input").first


def bring(page, path):
    page.locator('#im-work input[type=file][accept="image/*"]').set_input_files(path)


@pytest.fixture
def photo(tmp_path):
    """A wide photo with a dark left half and a bright right half."""
    pixels = np.full((300, 600, 3), 20, np.uint8)
    pixels[:, 300:] = 230
    path = tmp_path / "photo.jpg"
    Image.fromarray(pixels).save(path)
    return path


def test_a_scene_brings_its_text_and_words_that_the_model_does_not_know_are_named(page):
    page.locator('[data-scene="zebra"]').click()
    expect(field(page)).to_have_value("a zebra")
    expect(page.locator('[data-scene="zebra"]')).to_have_attribute("aria-pressed", "true")
    page.locator(".vt-chip[data-text]").nth(1).click()
    assert field(page).input_value() == page.locator(".vt-chip").nth(1).inner_text()
    field(page).fill("a sitting puppy")
    page.keyboard.press("Tab")
    expect(page.locator(".im-unknown")).to_contain_text("puppy")
    field(page).fill("a sitting dog")
    page.keyboard.press("Tab")
    expect(page.locator(".im-unknown")).to_have_text("")


def test_a_file_that_is_no_picture_is_refused_at_once_and_the_board_stays(page, tmp_path):
    bad = tmp_path / "holiday.png"
    bad.write_bytes(b"%PDF-1.4 no picture")
    bring(page, bad)
    expect(page.locator(".toast-body").first).to_contain_text("holiday.png is a PDF")
    assert page.locator(".vt-frame").count() == 0


def test_an_upload_is_cropped_edited_ended_early_filmed_and_found_again(page, photo):
    bring(page, photo)
    frame = page.locator(".vt-frame")
    frame.wait_for()
    box = frame.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 20)
    page.mouse.up()
    assert float(frame.get_attribute("data-left")) == pytest.approx(0.5)
    bright = "document.querySelector('.im-side canvas').getContext('2d').getImageData(8, 32, 1, 1).data[0] > 200"
    page.wait_for_function(bright)
    field(page).fill("a sitting dog")
    page.locator("#im-edit").click()
    page.locator("[data-end-early]").click()
    bar = page.locator("#vt-tab-try .vt-bar, .vt-bar").first
    expect(bar).to_have_attribute("data-state", re.compile("done|failed"))
    assert bar.get_attribute("data-state") == "done", bar.inner_text()
    expect(page.locator(".im-facts")).to_contain_text("Ended early by you (embedding)")
    with page.expect_download() as gif:
        page.locator('[data-film="gif"]').click()
    with Image.open(io.BytesIO(Path(gif.value.path()).read_bytes())) as film:
        assert film.format == "GIF"
    told = page.evaluate("new URLSearchParams(location.search).get('run')")
    assert told
    page.reload()
    page.wait_for_selector(".vt-strip")
    expect(page.locator(".vt-frame")).to_have_attribute("data-left", re.compile("0.5"))
    page.locator("#im-again").click()
    expect(page.locator(".vt-bar").first).to_have_attribute("data-state", "done")


def test_stop_throws_the_work_away_and_says_so(page):
    page.locator('[data-scene="zebra"]').click()
    expect(field(page)).to_have_value("a zebra")
    page.locator("#im-edit").click()
    page.locator("[data-end-early]").wait_for()
    page.locator('.vt-bar [data-do="stop"]').first.click()
    expect(page.locator(".vt-bar").first).to_have_attribute("data-state", "cancelled")
    assert "run=" not in page.url


def test_the_page_fits_a_phone_in_the_dark(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    phone = context.new_page()
    phone.goto(f"{address}imagic")
    phone.wait_for_selector(".im-thumbs img")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
