"""A visit to the TRILL page in Chromium: record, upload, compare, teach, stop, reload, share, drop."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("playwright")
from playwright.sync_api import expect, sync_playwright

from core.methods.trill import gallery
from tests.serving import served

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
SECONDS = 90_000  # milliseconds that a result may take on a busy machine


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("visit"), "--methods", "trill") as url:
        yield url


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium whose microphone hears one of the shipped readers."""
    voice, rate = soundfile.read(gallery.example("reader-248-a").path)
    heard = tmp_path_factory.mktemp("voice") / "voice.wav"
    soundfile.write(heard, np.tile(voice, 4), rate)
    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[*FLAGS, f"--use-file-for-fake-audio-capture={heard}"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    """A fresh visitor on the page; errors of the page's scripts fail the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened, errors = context.new_page(), []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{address}/trill")
    opened.wait_for_selector(".tr-out-explore .tr-say", timeout=SECONDS)
    yield opened
    context.close()
    assert errors == []


def path_of(name):
    return str(gallery.example(name).path)


def ended(page, kind, state="done"):
    bar = page.locator(f".tr-out-{kind} .vt-bar")
    expect(bar).to_have_attribute(
        "data-state", re.compile("done|failed|cancelled"), timeout=SECONDS
    )
    assert bar.get_attribute("data-state") == state, bar.inner_text()
    return page.locator(f".tr-out-{kind} .tr").first.inner_text()


def give(page, path):
    """Replace “Your clip” by a file."""
    page.locator("#tr-clip [aria-label='Clear']").click()
    page.locator("#tr-clip [aria-label='Upload file']").click()
    page.locator("#tr-clip input[type=file]").set_input_files(path)
    page.locator("#tr-clip .timestamps").wait_for(timeout=SECONDS)
    page.wait_for_timeout(500)


def spoken(path, codec, rate):
    """One of the shipped readers as a file with a video's name."""
    av = pytest.importorskip("av")
    voice, source = soundfile.read(gallery.example("reader-248-a").path, dtype="float32")
    frame = av.AudioFrame.from_ndarray(voice[None], format="fltp", layout="mono")
    frame.rate = source
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        size = 960 if codec == "libopus" else 1024
        resampler = av.AudioResampler(
            format=stream.codec_context.format or "fltp", layout="mono", rate=rate, frame_size=size
        )
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def drop(page, path, kind, where="#tr-clip .upload-container"):
    """Drop a file of a kind, on the emptied “Your clip” unless told otherwise."""
    if where.startswith("#tr-clip"):
        page.locator("#tr-clip [aria-label='Clear']").click()
        page.locator("#tr-clip [aria-label='Upload file']").click()
    moved = page.evaluate_handle(
        """([data, name, type]) => {
            const moved = new DataTransfer();
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            moved.items.add(new File([bytes], name, { type }));
            return moved;
        }""",
        [base64.b64encode(path.read_bytes()).decode(), path.name, kind],
    )
    page.dispatch_event(where, "drop", {"dataTransfer": moved})
    if where == "h1":
        page.locator(f"#tr-clip a[href*='{path.name}']").wait_for(state="attached", timeout=SECONDS)
    page.locator("#tr-clip .timestamps").wait_for(timeout=SECONDS)
    page.wait_for_timeout(500)


def test_the_page_opens_on_a_finished_example_above_the_fold(page):
    mark = page.locator(".tr-out-explore .tr-stored")
    expect(mark).to_contain_text("Finished example")
    say = page.locator(".tr-out-explore .tr-say").bounding_box()
    wave = page.locator(".tr-out-explore .tr-wave").bounding_box()
    assert say["y"] + say["height"] < 900
    assert wave["y"] + wave["height"] < 900


def test_an_uploaded_clip_is_explored_and_kept(page):
    give(page, path_of("actor-13-anger-1"))
    page.click("#tr-explore")
    text = ended(page, "explore")
    assert "sounds most like" in text
    assert "2.0 s" in text
    expect(page.locator(".vt-run").filter(has_text="Explore").first).to_be_visible()
    page.click("#vt-tab-why-button")
    expect(page.locator("text=The clip becomes a log-mel picture")).to_be_visible()


@pytest.mark.parametrize(
    ("ending", "codec", "rate"), [("webm", "libopus", 48_000), ("mp4", "aac", 44_100)]
)
@pytest.mark.parametrize("how", ["chosen", "dropped", "dropped on the title"])
def test_recordings_that_browsers_call_videos_are_heard(page, tmp_path, ending, codec, rate, how):
    file = spoken(tmp_path / f"voice.{ending}", codec, rate)
    if how == "chosen":
        give(page, file)
    elif how == "dropped":
        drop(page, file, f"video/{ending}")
    else:  # the clip that the page opened on gives way
        drop(page, file, f"video/{ending}", "h1")
    page.click("#tr-explore")
    assert ending in ended(page, "explore").lower()


def test_the_microphone_is_heard(page):
    page.locator("#tr-clip [aria-label='Clear']").click()
    page.locator("#tr-clip [aria-label='Record audio']").click()
    page.locator("#tr-clip button:has-text('Record')").click()
    page.wait_for_timeout(4000)
    page.locator("#tr-clip button:has-text('Stop')").first.click()
    page.locator("#tr-clip .timestamps").wait_for(timeout=SECONDS)
    page.wait_for_timeout(500)
    page.click("#tr-explore")
    text = ended(page, "explore")
    assert "Reader 248" in text  # the voice that the fake microphone plays is among the nearest


def test_two_clips_are_compared_on_known_pairs(page):
    page.click("text=One reader twice")
    page.wait_for_timeout(1000)
    page.click("#tr-mode-compare-button")
    page.click("#tr-compare")
    text = ended(page, "compare")
    assert "no proof of who speaks" in text
    assert page.locator(".tr-out-compare .tr-marker").count() == 2


def test_three_classes_of_three_clips_are_taught_and_used(page):
    page.click("#tr-mode-teach-button")
    for mood in ("neutral", "anger", "sadness"):
        page.locator("#tr-name input, #tr-name textarea").fill(mood)
        files = [path_of(f"actor-13-{mood}-{k}") for k in (1, 2, 3)]
        page.locator("#tr-files input[type=file]").set_input_files(files)
        expect(page.locator(".tr-class", has_text=mood)).to_contain_text("3 clips", timeout=SECONDS)
    page.click("#tr-teach")
    text = ended(page, "teach")
    assert "of 9" in text
    assert page.locator(".tr-out-teach .tr-confusion").count() == 1
    give(page, path_of("actor-13-happiness-1"))
    page.click("#tr-classify")
    page.locator(".tr-out-teach .tr-shares").wait_for(timeout=SECONDS)
    with page.expect_download() as download:
        page.locator(".vt-run-text a", has_text="Teach: neutral, anger").first.click()
        page.locator("a:has-text('Download head (JSON)')").click(timeout=SECONDS)
    head = json.loads(Path(download.value.path()).read_text())
    assert head["labels"] == ["neutral", "anger", "sadness"]


def test_a_link_shows_the_result_to_another_browser(page, browser, address):
    page.click("#tr-explore")
    said = ended(page, "explore")
    link = page.locator(".tr-out-explore [data-do=copy-link]").first.get_attribute("data-link")
    other = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    other.goto(f"{address}/{link}")
    expect(other.locator(".tr-out-explore .tr-stored")).to_contain_text(
        "Stored run", timeout=SECONDS
    )
    assert other.locator(".tr-out-explore .tr-say").inner_text() in said
    other.context.close()


def test_settings_come_back_from_a_link_and_from_a_dropped_file(page, browser, address, tmp_path):
    page.click("#tr-mode-survive-button")
    page.locator("input[type=number][aria-label*='Pitch']").fill("-4")
    page.click("#tr-survive")
    ended(page, "survive")
    links = page.locator(".tr-out-survive [data-do=copy-link]")
    run = re.search(r"run=([\w-]+)", links.first.get_attribute("data-link"))[1]
    stored = page.request.get(f"{address}/artifact/{run}/settings.json").body()
    picture = page.request.get(f"{address}/artifact/{run}/picture.png").body()
    for name, data in (("settings.json", stored), ("picture.png", picture)):
        file = tmp_path / name
        file.write_bytes(data)
        other = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        other.goto(f"{address}/trill")
        other.wait_for_selector(".tr-out-explore .tr-say", timeout=SECONDS)
        other.locator(".vt-history-column input[type=file]").set_input_files(file)
        shown = other.locator(".tr-out-survive .vt-bar:is([data-state=done], [data-state=stored])")
        expect(shown).to_be_attached(timeout=SECONDS)
        expect(other.locator("#tr-mode-survive-button")).to_have_attribute(
            "aria-selected", "true", timeout=SECONDS
        )
        expect(other.locator("input[type=number][aria-label*='Pitch']")).to_have_value(
            "-4", timeout=SECONDS
        )
        other.context.close()


def test_a_job_survives_a_reload_and_then_stops(page):
    page.click("#vt-tab-train-button")
    page.locator("input[type=number][aria-label*='Steps']").fill("2000")
    page.click("#tr-train")
    working = page.locator(".vt-bar[data-state=working]")
    working.wait_for(timeout=SECONDS)
    page.wait_for_timeout(2000)
    page.reload()
    # the page turns to the tab where the job is under way
    working.wait_for(timeout=SECONDS)
    expect(page.locator("#vt-tab-train-button")).to_have_attribute("aria-selected", "true")
    working.locator("[data-do=stop]").click()
    expect(page.locator(".vt-bar[data-state=cancelled]")).to_have_count(1, timeout=SECONDS)


def test_no_clip_and_wrong_files_are_answered_in_one_sentence(page, tmp_path):
    page.locator("#tr-clip [aria-label='Clear']").click()
    page.wait_for_timeout(300)
    page.click("#tr-explore")
    bar = page.locator(".tr-out-explore .vt-bar[data-state=failed]")
    expect(bar).to_contain_text("Record or upload one", timeout=SECONDS)
    assert "Traceback" not in page.content()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_runs_off_the_page(browser, address, width, dark):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.goto(f"{address}/trill")
    page.wait_for_selector(".tr-out-explore .tr-say", timeout=SECONDS)
    for tab in ("try", "why", "check", "train", "about"):
        page.click(f"#vt-tab-{tab}-button")
        page.wait_for_timeout(400)
        assert page.evaluate("document.documentElement.scrollWidth") <= width + 1, tab
    context.close()
