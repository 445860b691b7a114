"""Strip, wipe and cropping square in Chromium, on a page that holds nothing else."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from core.ui import pictures, theme

ETAS = ("0", "0.4", "0.8", "1.2")
ROWS = 2


def address(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def sheet():
    """Every picture of the sheet has one grey of its own: 20 * (4 * row + column) + 40."""
    greys = np.arange(ROWS * len(ETAS)).reshape(ROWS, len(ETAS)) * 20 + 40
    pixels = np.kron(greys, np.ones((8, 8)))[..., None].repeat(3, -1).astype(np.uint8)
    return pictures.Sheet(url=address(pixels), columns=len(ETAS), rows=ROWS)


def markup():
    grid = [
        [
            pictures.Cell(
                value=f"η {eta}", label=f"picture {r} {eta}", say=f"says {r} {eta}", x=10.0 * c
            )
            for c, eta in enumerate(ETAS)
        ]
        for r in range(ROWS)
    ]
    white, black = (np.full((8, 8, 3), v, np.uint8) for v in (255, 0))
    unders = [
        pictures.Under(name="input", url=address(white), label="the input"),
        pictures.Under(name="true answer", url=address(black), label="the answer"),
    ]
    strip = pictures.strip(
        sheet(),
        f'<div style="width:200px">{pictures.wipe(unders, pictures.tile(sheet()), "η 0.4")}</div>'
        + pictures.under_choice(unders, "under")
        + pictures.dial(len(ETAS), 1, "η 0.4", "eta")
        + pictures.cells(sheet(), grid, ETAS, ("seed 0", "seed 1"), column=1, row=0, label="strip")
        + '<p data-strip="say"></p>',
        column=1,
        row=0,
        x=10.0,
    )
    wide = address(np.zeros((100, 200, 3), np.uint8))
    crop = pictures.crop(wide, "upload", (0.2, 0.1, 0.6), width=200, height=100)
    return f'{strip}<div data-crops>{crop}<canvas width="8" height="8"></canvas></div>'


@pytest.fixture
def page(chromium):
    """A page of these parts alone; errors of its script fail the test."""
    opened = chromium.new_page(viewport={"width": 800, "height": 900})
    errors = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.set_content(
        f'<style>{theme.styles().decode()}</style><body><div class="gradio-container"></div></body>'
    )
    opened.add_script_tag(content=theme.script().decode())
    opened.evaluate(  # as Gradio does it: the script is there before the parts are
        "(html) => { document.querySelector('.gradio-container').innerHTML = html; }", markup()
    )
    opened.evaluate(
        "addEventListener('vt-crop', ({ detail }) => { (window.told ??= []).push(detail); })"
    )
    yield opened
    opened.close()
    assert errors == []


def grey(page, x, y):
    """The grey of one point of the wipe, as the visitor sees it."""
    box = page.locator(".vt-wipe").bounding_box()
    shot = page.screenshot(clip={"x": box["x"] + x, "y": box["y"] + y, "width": 1, "height": 1})
    return np.asarray(Image.open(io.BytesIO(shot)).convert("L"))[0, 0]


def test_the_dial_moves_along_the_row_and_everything_follows(page):
    assert grey(page, 150, 40) == 60
    page.locator(".vt-dial input").focus()
    page.keyboard.press("ArrowRight")
    assert grey(page, 150, 40) == 80
    assert page.locator(".vt-dial output").inner_text() == "η 0.8"
    assert page.locator(".vt-dial input").get_attribute("aria-valuetext") == "η 0.8"
    assert page.locator('[data-strip="say"]').inner_text() == "says 0 0.8"
    assert page.locator(".vt-strip").evaluate("(s) => s.style.getPropertyValue('--x')") == "20"


def test_a_click_chooses_a_seed_and_arrow_keys_walk_through_the_grid(page):
    page.locator('button[data-c="3"][data-r="1"]').click()
    assert grey(page, 150, 40) == 40 + 20 * 7
    assert page.locator(".vt-dial input").input_value() == "3"
    for key in ("ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)  # the last one stands at the end already
    assert grey(page, 150, 40) == 40
    assert page.locator('.vt-cells [tabindex="0"]').count() == 1
    assert page.locator('.vt-cells [aria-pressed="true"]').evaluate("(b) => b === document.activeElement")  # fmt: skip
    page.keyboard.press("End")
    assert grey(page, 150, 40) == 40 + 20 * 3


def test_the_line_of_the_wipe_uncovers_what_lies_below(page):
    assert (grey(page, 40, 40), grey(page, 160, 40)) == (255, 60)
    page.locator(".vt-wipe input").focus()
    page.keyboard.press("Home")
    assert grey(page, 40, 40) == 60
    page.keyboard.press("End")
    assert grey(page, 160, 40) == 255
    page.get_by_label("true answer").check()
    assert grey(page, 160, 40) == 0
    assert page.locator(".vt-side").first.inner_text() == "true answer"


def test_play_goes_on_until_somebody_takes_over(page):
    button = page.locator('[data-do="strip-play"]')
    button.click()
    page.wait_for_function("document.querySelector('.vt-dial input').value === '3'")
    page.wait_for_function("document.querySelector('.vt-dial input').value === '2'")
    assert button.get_attribute("aria-pressed") == "true"
    page.locator('button[data-c="0"][data-r="0"]').click()
    assert button.get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(500)
    assert page.locator(".vt-dial input").input_value() == "0"


def square(page):
    frame = page.locator(".vt-frame")
    return [float(frame.get_attribute(f"data-{name}")) for name in ("left", "top", "side")]


def test_the_square_follows_the_mouse_and_stays_inside(page):
    box = page.locator(".vt-frame").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    page.mouse.up()
    assert square(page) == pytest.approx([0.3, 0.2, 0.6], abs=0.01)
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 900, box["y"] + 900)
    page.mouse.up()
    assert square(page) == pytest.approx([0.7, 0.4, 0.6], abs=0.01)
    assert page.evaluate("told.length") == 2
    assert page.evaluate("told.at(-1).left") == pytest.approx(0.7, abs=0.01)


def test_the_square_is_resized_at_its_corner_and_by_keys(page):
    corner = page.locator(".vt-frame i").bounding_box()
    page.mouse.move(corner["x"] + 12, corner["y"] + 12)
    page.mouse.down()
    page.mouse.move(corner["x"] - 8, corner["y"] - 8)
    page.mouse.up()
    assert square(page) == pytest.approx([0.2, 0.1, 0.4], abs=0.01)
    page.locator(".vt-frame").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    assert square(page) == pytest.approx([0.22, 0.1, 0.424], abs=0.01)
    for _ in range(40):
        page.keyboard.press("-")
    assert square(page)[2] * 100 >= 24  # never too small to be taken hold of


def test_the_cut_out_shows_what_stands_in_the_square(page):
    page.wait_for_function(
        "document.querySelector('canvas').getContext('2d').getImageData(4, 4, 1, 1).data[3] === 255"
    )
