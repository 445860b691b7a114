"""What the page says and shows around links: the address bar, earlier results, menus on a phone."""

from __future__ import annotations

import json


def start(page, text: str) -> None:
    page.get_by_label("Your text").fill(text)
    page.get_by_role("button", name="Repeat", exact=True).click()


def state(page, wanted: str) -> str:
    return page.wait_for_selector(f'.vt-bar[data-state="{wanted}"] .vt-bar-text').inner_text()


def test_the_address_bar_follows_the_result_and_a_reload_shows_it(visit):
    page = visit().open_echo("?__theme=dark")
    start(page, "followed")
    state(page, "done")
    page.wait_for_function("location.search.includes('run=')")
    assert "__theme=dark" in page.url
    page.reload()
    assert "Stored result" in state(page, "stored")
    assert page.get_by_label("Repeated").input_value() == "followed"
    start(page, "another")
    page.wait_for_function("document.querySelector('.vt-bar').dataset.state === 'done'")
    assert page.get_by_label("Repeated").input_value() == "another"


def test_after_an_error_the_earlier_result_is_marked_until_a_new_one_comes(visit):
    page = visit().open_echo()
    start(page, "first")
    state(page, "done")
    start(page, "")
    state(page, "failed")
    page.wait_for_selector(".vt-earlier")
    assert "shown before" in page.inner_text(".vt-earlier")
    assert page.locator("[data-earlier]").count() == 2  # both outputs
    start(page, "second")
    state(page, "done")
    page.wait_for_function("!document.querySelector('[data-earlier], .vt-earlier')")


def test_an_error_before_any_result_marks_nothing(visit):
    page = visit().open_echo()
    start(page, "")
    state(page, "failed")
    page.wait_for_timeout(300)
    assert page.locator("[data-earlier], .vt-earlier").count() == 0


def test_a_deleted_run_is_said_and_its_settings_come_with_the_link(visit):
    page = visit().open_echo()
    start(page, "short life")
    state(page, "done")
    link = page.locator("[data-do=copy-link]").first.get_attribute("data-link")
    remove = page.locator("[data-do=delete]")
    remove.click()
    remove.click()
    page.wait_for_selector(".vt-run", state="detached")
    seen = visit().open(link)
    words = state(seen, "note")
    assert "is gone" in words
    assert "filled in" in words
    assert seen.get_by_label("Your text").input_value() == "short life"


def test_the_message_about_a_dropped_file_comes_into_view(visit, tmp_path):
    page = visit(viewport={"width": 390, "height": 600}).open_echo()
    page.locator(".vt-history").scroll_into_view_if_needed()
    (tmp_path / "x.json").write_text(json.dumps({"another": "program"}))
    page.set_input_files(".vt-history-column input[type=file]", tmp_path / "x.json")
    state(page, "failed")
    page.wait_for_function(
        """() => { const box = document.querySelector('.vt-bar').getBoundingClientRect();
                   return box.top >= 0 && box.bottom <= innerHeight; }"""
    )


def test_menus_of_a_result_stay_on_the_screen_of_a_phone(visit):
    page = visit(viewport={"width": 390, "height": 800}).open_echo()
    start(page, "narrow")
    state(page, "done")
    for name in ("Download", "Use in API"):
        page.get_by_text(name, exact=True).click()
        box = page.locator(".vt-fold[open] .vt-fold-body").bounding_box()
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= 390, name
        page.keyboard.press("Escape")


def test_copied_links_use_the_public_address_of_a_shared_hub(visit):
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    tag = '<meta name="vitrine-address" content="https://shared.example/">'

    def shared(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("<head>", f"<head>{tag}", 1))

    page.route("**/echo", shared)
    visitor.open_echo()
    start(page, "for others")
    state(page, "done")
    page.locator("[data-do=copy-link]").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("https://shared.example/echo?run=")
    page.locator(".vt-bar [data-do=embed]").click()
    assert "https://shared.example/embed.js" in page.locator(".vt-embed code").first.inner_text()
    assert "this computer only" not in page.inner_text(".vt-embed")
