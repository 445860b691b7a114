"""One prediction, bit-equal: the page of the hub, an exported Space, the command line, the API, MCP."""

import shutil
from pathlib import Path

import pytest

from core.methods.trill import gallery
from tests.agents import doors

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def question(verb: str, folder: Path) -> doors.Question:
    """Two on shipped examples, one on a clip that nobody has seen."""
    one, two = (gallery.example(name).path for name in ("reader-1841-a", "reader-1898-a"))
    mine = doors.recording(folder)
    return {
        "explore an example": doors.Question("explore", (one,)),
        "explore a clip of one's own": doors.Question("explore", (mine,)),
        "compare examples": doors.Question("compare", (one, two)),
        "compare an example and one's own": doors.Question("compare", (one, mine)),
    }[verb]


QUESTIONS = (
    "explore an example",
    "explore a clip of one's own",
    "compare examples",
    "compare an example and one's own",
)


def same(answers: dict[str, doors.Answer]) -> None:
    """All doors gave the same bytes; the message names the first field that differs."""
    first_name, first = next(iter(answers.items()))
    for name, answer in answers.items():
        differs = [
            key
            for key in sorted({*first.json, *answer.json})
            if first.json.get(key) != answer.json.get(key)
        ]
        assert not differs, f"{first_name} and {name} differ in {differs}"
        assert answer.text == first.text, f"{first_name} and {name} differ in how numbers stand"
        assert answer.vectors == first.vectors, f"{first_name} and {name}: other vectors"


def test_command_api_and_mcp_give_the_same_bytes(hub, tmp_path):
    asked = question(QUESTIONS[1], tmp_path)
    answers = {
        "command": doors.by_command(asked, tmp_path / "out"),
        "API": doors.by_api(asked, hub),
        "MCP": doors.by_mcp(asked, hub),
    }
    same(answers)
    assert answers["API"].vectors
    compared = question(QUESTIONS[3], tmp_path)
    same({"API": doors.by_api(compared, hub), "MCP": doors.by_mcp(compared, hub)})


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    with doors.space(tmp_path_factory.mktemp("space")) as url:
        yield url


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("verb", QUESTIONS)
def test_all_five_doors_give_the_same_bytes(hub, space, chromium, tmp_path, verb):
    asked = question(verb, tmp_path)
    answers = {
        "page": doors.by_page(asked, hub, chromium),
        "API": doors.by_api(asked, hub),
        "MCP": doors.by_mcp(asked, hub),
        "Space, API": doors.by_api(asked, space),
        "Space, MCP": doors.by_mcp(asked, space),
        "command": doors.by_command(asked, tmp_path / "out"),
    }
    same(answers)
    assert len(answers["page"].text) > (10_000 if asked.verb == "explore" else 1_000)


@pytest.mark.slow
def test_the_number_of_threads_changes_nothing(tmp_path):
    asked = question(QUESTIONS[1], tmp_path)
    answers = {
        f"{n} threads": doors.by_command(asked, tmp_path / n, {"OMP_NUM_THREADS": n})
        for n in ("1", "2")
    }
    same(answers)


def test_another_recording_gives_another_answer(hub, tmp_path):
    one, two = (question(verb, tmp_path) for verb in QUESTIONS[:2])
    with pytest.raises(AssertionError, match="differ in"):
        same({"one": doors.by_mcp(one, hub), "two": doors.by_mcp(two, hub)})
