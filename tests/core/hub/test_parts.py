"""The parts of `core.ui` by themselves: colours, bar, links, snippets, history, errors."""

from __future__ import annotations

import ast
import json
import re
from types import SimpleNamespace

import gradio as gr
import pytest

from core import settings
from core.errors import BusyError, InputError
from core.ui import chrome, history, jobs, landing, links, snippets, theme
from core.ui.errors import GENERAL, visitor_errors
from core.ui.page import page

# --- colours ------------------------------------------------------------------------------------


def test_contrast_has_the_known_extremes():
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert theme.contrast("#777777", "#777777") == 1.0
    assert theme.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # WCAG's example


@pytest.mark.parametrize(
    "colour", ["#ffd400", "#00ffcc", "#0000ff", "#808080", "#ffffff", "#000000"]
)
@pytest.mark.parametrize("ground", [theme.LIGHT_GROUND, theme.DARK_GROUND])
def test_any_accent_becomes_readable_on_both_grounds(colour, ground):
    assert theme.contrast(theme.readable(colour, ground), ground) >= 4.5


def test_text_on_the_accent_is_readable_in_light_and_dark():
    for colour in ("#ffd400", "#0f766e", "#c0562f", "#3344ff"):
        css = theme.accent_css(colour)
        for accent, text in re.findall(r"--vt-accent:(#\w{6});--vt-on-accent:(#\w{6})", css):
            assert theme.contrast(accent, text) >= 4.5, css


def test_the_greys_of_the_style_sheet_pass_aa():
    tokens = (theme.ASSETS / "tokens.css").read_text()
    light, dark = (
        dict(re.findall(r"(--vt-[a-z]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r"(?:^:root|^\.dark) \{(.*?)^\}", tokens, re.DOTALL | re.MULTILINE)
    )
    for colours in (light, dark):
        for ground in ("--vt-ground", "--vt-surface", "--vt-wash"):
            for text in ("--vt-text", "--vt-quiet", "--vt-bad", "--vt-good"):
                assert theme.contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert theme.contrast(colours["--vt-edge"], colours["--vt-ground"]) >= 3


def test_style_sheets_and_scripts_name_no_other_host():
    for path in theme.ASSETS.iterdir():
        hosts = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", path.read_text()))
        assert hosts <= {"http://127.0.0.1"}, (path.name, hosts)


# --- the run bar --------------------------------------------------------------------------------


def test_the_bar_says_fraction_text_time_left_and_place():
    text = jobs.working_html("j1", fraction=0.4, text="Listening", position=None, eta_seconds=3.2)
    assert 'aria-valuenow="40"' in text
    assert "Listening · 40 % · about 3.2 s left" in text
    assert 'data-do="stop" data-job="j1"' in text
    waiting = jobs.working_html("j1", fraction=None, text="", position=3)
    assert "Waiting · number 3 in the queue" in waiting
    assert "aria-valuenow" not in waiting


def test_the_bar_escapes_what_others_wrote():
    assert "<script>" not in jobs.working_html("<script>", fraction=None, text="<script>")
    assert "<script>" not in jobs.ended_html("failed", "<script>")
    assert 'role="alert"' in jobs.ended_html("failed", "no")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (3.25, "3.2 s"),
        (12.4, "12 s"),
        (150, "2 min"),
        (7200, "2.0 h"),
        (-1, "0.0 s"),
    ],
)
def test_durations_are_said_for_people(seconds, words):
    assert jobs.seconds_words(seconds) == words


class Handle:
    """A job that says a list of kinds at once."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds

    def events(self, tick=None):
        for i, kind in enumerate(self.kinds):
            yield SimpleNamespace(kind=kind, seq=i)


def test_fast_progress_is_thinned_but_start_end_and_last_preview_are_kept():
    handle = Handle("queued", "started", *["progress"] * 50, "preview", "preview", "done")
    seen = [(event.kind, event.seq) for _, event in jobs.follow(handle)]
    kinds = [kind for kind, _ in seen]
    assert kinds[:2] == ["queued", "started"]
    assert kinds.count("progress") == 1
    assert seen[-2] == ("preview", 53)
    assert kinds[-1] == "done"


# --- the browser's id ---------------------------------------------------------------------------


def test_the_installation_secret_is_made_once_and_readable_by_its_owner_only():
    first = jobs.installation_secret()
    assert jobs.installation_secret() == first
    path = settings.current().data_dir / "browser-secret"
    assert path.stat().st_mode & 0o077 == 0
    assert len(first) >= 24


def test_a_browser_keeps_its_id_and_a_strange_one_gets_a_new_one():
    own = "A" * 24
    assert jobs.owner_of(own) == own
    for strange in ("", None, 3, "short", "a b c d e f g h i j k", "<script>alert(1)</script>"):
        fresh = jobs.owner_of(strange)
        assert fresh != strange
        assert jobs.owner_of(fresh) == fresh


# --- links --------------------------------------------------------------------------------------

SETTINGS = links.Settings("echo", "repeat", {"text": "café <b>", "delay": 0.5})


def test_a_settings_link_carries_everything_there_and_back():
    link = links.params_link(SETTINGS)
    address, _, packed = link.partition("?p=")
    assert address == "echo"
    assert links.read_params(packed, method="echo") == SETTINGS


def test_settings_of_another_method_are_refused_by_name():
    packed = links.params_link(SETTINGS).partition("?p=")[2]
    with pytest.raises(InputError, match="belong to 'echo'"):
        links.read_params(packed, method="trill")


@pytest.mark.parametrize("text", ["", "x", "A" * 7000, "eJw", "../../etc/passwd"])
def test_a_damaged_link_gets_one_sentence(text):
    with pytest.raises(InputError):
        links.read_params(text, method="echo")


def test_a_json_file_brings_the_settings_back():
    data = json.dumps(links.envelope(SETTINGS)).encode()
    assert links.read_file(data, "settings.json", method="echo") == SETTINGS


@pytest.mark.parametrize("data", [b"", b"{}", b"hello", b'{"vitrine": 1, "request": {}}'])
def test_a_file_of_something_else_gets_one_sentence(data):
    with pytest.raises(InputError):
        links.read_file(data, "x.json", method="echo")


def test_a_picture_brings_the_settings_back():
    from core.runs.png import write_png

    Image = pytest.importorskip("PIL.Image")
    data = write_png(Image.new("RGB", (4, 4)), links.envelope(SETTINGS))
    assert links.read_file(data, "a.png", method="echo") == SETTINGS


def test_a_method_that_stands_alone_links_to_the_root():
    chrome.single("echo")
    try:
        assert links.run_link("echo", "r1") == "./?run=r1"
        assert chrome.method_at("") == "echo"
    finally:
        chrome.single(None)
    assert links.run_link("echo", "r1") == "echo?run=r1"


# --- snippets -----------------------------------------------------------------------------------

ARGUMENTS = {"text": 'it\'s "here"', "clip": snippets.file_argument("clip.wav"), "hop": 17}


def test_the_python_snippet_is_python_and_hands_over_the_file():
    text = snippets.python("echo_repeat", ARGUMENTS)
    ast.parse(text)
    assert 'handle_file("clip.wav")' in text
    assert 'api_name="/echo_repeat"' in text


def test_the_shell_snippet_quotes_what_the_shell_would_eat():
    import shlex

    text = snippets.curl("echo_repeat", {"text": "it's $HOME"})
    words = shlex.split(text.splitlines()[1].split("|")[0])
    assert json.loads(words[words.index("-d") + 1]) == {"text": "it's $HOME"}


def test_the_javascript_snippet_holds_the_arguments_as_json():
    text = snippets.javascript("echo_repeat", {"text": "x"})
    assert json.loads(text[text.index("{\n") : text.rindex("}") + 1]) == {"text": "x"}


def test_files_in_lists_are_handed_over_in_every_language():
    arguments = {"clips": [snippets.file_argument(name) for name in ("it's; a.wav", "b.wav")]}
    assert """clips=[handle_file("it's; a.wav"), handle_file("b.wav")]""" in snippets.python(
        "echo_repeat", arguments
    )
    script = snippets.javascript("echo_repeat", arguments)
    assert '[await readFile("b.wav")]' in script
    assert "handle_file(file2)" in script
    shell = snippets.curl("echo_repeat", arguments)
    assert shell.count("gradio_api/upload") == 2
    assert """{"path": "'"$FILE2"'",""" in shell


def test_the_panel_escapes_the_code():
    assert "<b>" not in snippets.panel("echo_repeat", {"text": "<b>"})


# --- history ------------------------------------------------------------------------------------


def stored(**changes):
    from core.runs import store

    given = {
        "method": "echo",
        "request": {"action": "repeat", "request": {"text": "hi"}},
        "result": {"text": "hi"},
        "artifacts": {"echo.txt": b"hi"},
        "owner": "O" * 20,
        "title": "<i>hi</i>",
        "seconds": 1.5,
    }
    return store().save(**(given | changes))


def test_the_history_shows_a_visitors_own_runs_escaped():
    run = stored()
    stored(owner="P" * 20, title="of somebody else")
    text = history.markup("echo", "O" * 20)
    assert run.id in text
    assert "&lt;i&gt;hi&lt;/i&gt;" in text
    assert "<i>" not in text
    assert "somebody else" not in text
    assert "1.5 s" in text


def test_an_empty_history_says_that_results_are_kept():
    assert "kept here without asking" in history.markup("echo", "N" * 20)


def test_only_the_owner_pins_and_deletes():
    from core.runs import store

    run = stored()
    stranger = {"owner": "S" * 20, "method": "echo", "run": run.id}
    assert "error" in history._pin({**stranger, "on": True})
    assert "error" in history._delete(stranger)
    own = {**stranger, "owner": "O" * 20}
    assert 'aria-pressed="true"' in history._pin({**own, "on": True})["html"]
    assert store().get(run.id).pinned
    assert run.id not in history._delete(own)["html"]


def test_export_zips_own_runs_only_and_offers_them_for_a_while():
    import zipfile

    from core.ui import routes

    run, other = stored(), stored(owner="P" * 20)
    answer = history._export({"owner": "O" * 20, "method": "echo", "runs": [run.id, other.id]})
    path, _ = routes._downloads[answer["link"].removeprefix("download/")]
    with zipfile.ZipFile(path) as archive:
        names = " ".join(archive.namelist())
    assert run.id in names or "echo" in names
    assert other.id not in names
    assert "error" in history._export({"owner": "N" * 20, "method": "echo", "runs": []})


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "x",
        7,
        {},
        {"owner": [1], "run": {}, "on": "yes"},
        {"owner": None, "runs": [[], 3]},
    ],
)
def test_odd_words_of_a_script_change_nothing_and_break_nothing(payload):
    for ask in (history._pin, history._delete, history._export):
        assert "error" in ask(payload)


# --- errors, cards, page ------------------------------------------------------------------------


def test_our_errors_keep_their_words_and_bugs_do_not(caplog):
    with pytest.raises(gr.Error) as caught, visitor_errors():
        raise BusyError("The queue is full. Try again in a minute.")
    assert caught.value.message == "The queue is full. Try again in a minute."
    with pytest.raises(gr.Error) as caught, visitor_errors():
        raise KeyError("a secret of the server")
    assert caught.value.message == GENERAL
    assert "a secret of the server" in caplog.text


def test_a_method_without_a_picture_gets_a_plate_of_its_own(fake_methods):
    from core import registry

    echo, broken = registry.load("echo"), registry.load("broken")
    assert landing.drawing(echo) == landing.drawing(echo)
    assert landing.drawing(echo) != landing.drawing(broken)
    assert 'fill="#c0562f">E</text>' in landing.drawing(echo)


def test_long_author_lists_are_shortened_in_the_head():
    assert chrome.short_authors("Joel Shor, Aren Jansen, Ronnie Maor") == "Shor et al."
    assert chrome.short_authors("A. Author, B. Author") == "A. Author, B. Author"


def lay_out_tabs(*names) -> None:
    from core import registry

    with gr.Blocks(), page(registry.load("echo")) as frame:
        for name in names:
            with frame.tab(name):
                gr.Markdown(name)


def test_tabs_out_of_order_are_refused(fake_methods):
    lay_out_tabs("try", "check", "about")
    with pytest.raises(ValueError, match="comes before"):
        lay_out_tabs("why", "try")
    with pytest.raises(ValueError, match="comes before"):
        lay_out_tabs("try", "try")


def lay_out_actions(*names) -> None:
    from core import registry

    with gr.Blocks(), page(registry.load("echo")) as frame, frame.tab("try"):
        go = gr.Button("Go")
        for name in names:
            frame.action(
                name,
                bar=frame.run_bar(),
                triggers=[go.click],
                inputs=[],
                outputs=[],
                make=dict,
                work=lambda job, request: None,
                show=lambda shown: {},
            )


def test_an_action_name_is_used_once(fake_methods):
    lay_out_actions("one", "other")
    with pytest.raises(ValueError, match="already"):
        lay_out_actions("same", "same")
