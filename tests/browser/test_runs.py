"""A run from click to link: progress, Stop, reload, history, files, a second browser."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path


def start(page, text: str, delay: float = 0.0) -> None:
    page.get_by_label("Your text").fill(text)
    if delay:
        page.get_by_role("spinbutton").first.fill(str(delay))
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Repeat", exact=True).click()


def state(page, wanted: str) -> str:
    return page.wait_for_selector(f'.vt-bar[data-state="{wanted}"] .vt-bar-text').inner_text()


def finish(page, text: str) -> None:
    start(page, text)
    state(page, "done")


def test_progress_is_shown_and_the_result_can_be_taken_away(visit):
    page = visit().open_echo()
    start(page, "hello", 0.4)
    state(page, "working")
    page.wait_for_function("document.querySelector('.vt-bar-text').textContent.includes('left')")
    said = page.inner_text(".vt-bar-text")
    assert "Repeating" in said
    assert "%" in said
    assert "Done in" in state(page, "done")
    assert page.get_by_label("Repeated").input_value() == "hello"
    page.get_by_text("Download").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="settings.json").click()
    assert json.loads(Path(download.value.path()).read_text())["method"] == "echo"
    page.keyboard.press("Escape")
    page.get_by_text("Use in API").click()
    shown = page.locator(".vt-code code").first.inner_text()
    assert "Client(" in shown
    assert page.url.split("/echo")[0] in shown


def test_a_reload_finds_the_running_job_again(visit):
    page = visit().open_echo()
    start(page, "reloaded", 0.6)
    state(page, "working")
    page.reload()
    state(page, "working")
    assert page.get_by_label("Your text").input_value() == "reloaded"
    state(page, "done")
    page.wait_for_selector(".vt-run")


def test_stop_stops_by_click_and_by_escape(visit):
    page = visit().open_echo()
    start(page, "never finished", 0.9)
    state(page, "working")
    page.get_by_role("button", name="Stop").click()
    assert "stopped" in state(page, "cancelled")
    start(page, "neither is this")
    state(page, "working")
    page.keyboard.press("Escape")
    assert "stopped" in state(page, "cancelled")


def test_a_job_goes_on_without_its_tab_and_is_listed(visit):
    visitor = visit()
    page = visitor.open_echo()
    start(page, "alone", 0.3)
    state(page, "working")
    page = visitor.open("jobs")
    page.wait_for_selector(".vt-job")
    page.wait_for_selector('.vt-job[data-state="done"]')
    page.get_by_role("button", name="Run again").click()
    page.wait_for_function("document.querySelectorAll('.vt-job').length === 2")
    page.get_by_role("link", name="Open").last.click()
    assert "Stored result" in state(page, "stored")
    assert page.get_by_label("Repeated").input_value() == "alone"


def test_links_open_in_a_second_browser_which_may_not_change_the_run(visit):
    page = visit().open_echo()
    finish(page, "shared")
    run, settings = (
        button.get_attribute("data-link") for button in page.locator("[data-do=copy-link]").all()
    )
    other = visit()
    seen = other.open(run)
    assert "Stored result" in state(seen, "stored")
    assert seen.get_by_label("Repeated").input_value() == "shared"
    assert seen.locator(".vt-run").count() == 0
    seen = other.open(settings)  # of a run that is still here: the run itself
    assert "Stored result" in state(seen, "stored")
    assert seen.get_by_label("Your text").input_value() == "shared"


def test_a_result_file_dropped_back_fills_the_settings(visit, tmp_path):
    page = visit().open_echo()
    finish(page, "from a file")
    page.get_by_text("Download").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="echo.png").click()
    kept = tmp_path / "echo.png"
    download.value.save_as(kept)
    seen = visit().open_echo()
    seen.set_input_files("input[type=file]", kept)
    assert "filled in" in state(seen, "note")
    assert seen.get_by_label("Your text").input_value() == "from a file"


def test_a_result_file_may_be_dropped_anywhere_and_no_drop_leaves_the_page(visit, tmp_path):
    page = visit().open_echo()
    finish(page, "dropped on the title")
    page.get_by_text("Download").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="echo.png").click()
    data = base64.b64encode(Path(download.value.path()).read_bytes()).decode()
    seen = visit().open_echo()
    assert drop_on(seen, "h1", data, "echo.png")
    assert "filled in" in state(seen, "note")
    assert seen.get_by_label("Your text").input_value() == "dropped on the title"
    assert drop_on(seen, "h1", data, "echo.txt")  # nothing here takes it, and the page stays
    seen.get_by_text("takes no such file").wait_for()


def drop_on(page, selector, data, name):
    """Drop a file there; returns whether the page took the event before the browser could."""
    moved = page.evaluate_handle(
        """([data, name]) => {
            const moved = new DataTransfer();
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            moved.items.add(new File([bytes], name));
            return moved;
        }""",
        [data, name],
    )
    return page.evaluate(
        """([selector, moved]) => ["dragover", "drop"].every((kind) => !document.querySelector(selector).dispatchEvent(
            new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: moved })))""",
        [selector, moved],
    )


def test_history_pins_opens_exports_and_deletes(visit):
    page = visit().open_echo()
    finish(page, "kept")
    page.wait_for_selector(".vt-run")
    page.get_by_role("button", name="Pin").click()
    page.wait_for_selector('[data-do=pin][aria-pressed="true"]')
    page.locator("a[data-do=open]").click()
    state(page, "stored")
    assert re.search(r"run=[0-9a-f]{32}", page.url)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as zip").click()
    assert download.value.suggested_filename == "vitrine-echo.zip"
    remove = page.locator("[data-do=delete]")
    remove.click()
    remove.click()
    page.wait_for_selector(".vt-run", state="detached")


def test_bad_input_and_bad_links_get_one_clear_sentence(visit):
    visitor = visit()
    page = visitor.open_echo()
    page.get_by_role("button", name="Repeat", exact=True).click()
    assert state(page, "failed") == "The text is empty. One letter is enough. Write something."
    start(page, "bug")
    page.wait_for_function(
        "document.querySelector('.vt-bar-text').textContent.includes('inside the program')"
    )
    assert "secret" not in page.inner_text("body")
    assert "p=" in state(visitor.open("echo?p=damaged"), "failed")
    assert "no such run" in state(visitor.open("echo?run=0000"), "failed")


def test_the_page_runs_by_keyboard_alone(visit):
    page = visit().open_echo()
    page.keyboard.press("/")
    page.keyboard.type("typed")
    page.keyboard.press("Control+Enter")
    state(page, "done")
    assert page.get_by_label("Repeated").input_value() == "typed"


def test_a_lost_connection_is_followed_again(visit):
    visitor = visit()
    page = visitor.open_echo()
    start(page, "a long text to lose", 0.8)
    state(page, "working")
    visitor.context.set_offline(True)
    page.wait_for_timeout(3000)
    visitor.context.set_offline(False)
    state(page, "done")
    assert page.get_by_label("Repeated").input_value() == "a long text to lose"
