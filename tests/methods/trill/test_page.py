"""The page as a structure: light, within its limits, with handlers that answer in words."""

import json
import subprocess
import sys
from dataclasses import asdict

import gradio as gr
import pytest

from core.errors import InputError
from core.methods.trill import SPEC, gallery, intake, listening, requests
from core.methods.trill.board import board
from core.methods.trill.ui_try import Try
from core.ui.page import MAX_COMPONENTS

BUILD = """
import json, sys
import core.gpu
import gradio as gr
from core.methods.trill import ui
with gr.Blocks() as demo:
    ui.layout()
heavy = {"torch", "diffusers", "transformers", "accelerate", "sklearn", "scipy", "av", "sqlalchemy"}
print(json.dumps({
    "heavy": sorted(heavy & set(sys.modules)),
    "blocks": [[b.get_block_name(), getattr(b, "label", None)] for b in demo.blocks.values()],
    "events": [fn.api_visibility for fn in demo.fns.values()],
}))
"""


@pytest.fixture(scope="module")
def built():
    """The page, built in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-800:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_page_builds_without_heavy_modules(built):
    assert built["heavy"] == []


def test_the_page_has_at_most_sixty_components(built):
    layout = {"row", "column", "tabs", "tabitem", "form", "accordion", "group"}
    assert len([name for name, _ in built["blocks"] if name not in layout]) <= MAX_COMPONENTS


def test_all_events_of_the_page_are_private(built):
    assert set(built["events"]) == {"private"}


def test_every_input_has_a_label(built):
    inputs = {"audio", "file", "textbox", "slider", "radio", "dropdown", "checkboxgroup"}
    assert all(label for name, label in built["blocks"] if name in inputs)


def test_the_card_says_what_the_folder_holds():
    readme = (SPEC.folder / "README.md").read_text("utf-8")
    assert readme.startswith("---\ntitle: TRILL\n")
    assert f"sdk_version: {gr.__version__}" in readme
    assert SPEC.paper.arxiv in readme or SPEC.paper.title in readme
    short = next(line for line in readme.splitlines() if line.startswith("short_description"))
    assert len(short.partition(":")[2].strip()) <= 60  # the Hub's limit
    assert (SPEC.folder / "card.svg").stat().st_size < 20_000


class Tab(Try):
    """The tab's handlers without its components."""

    def __init__(self):
        pass


HEARING = ("embedded", "layer19", 17, ["tile", "l2", "standardise"])


def path_of(name):
    return str(gallery.example(name).path)


def test_a_shipped_clip_is_named_by_its_id_and_an_upload_by_its_hash(tmp_path):
    request = Tab().make_explore(path_of("reader-198-a"), *HEARING)
    assert request.clip == requests.Clip(source="example:reader-198-a")
    own = tmp_path / "Meine Stimme.flac"
    own.write_bytes(gallery.example("reader-198-a").path.read_bytes() + b"\0")
    clip = Tab().make_explore(str(own), *HEARING).clip
    assert clip.source.startswith("sha256:")
    assert clip.name == "Meine Stimme.flac"


def test_a_clip_goes_to_a_file_and_back_unchanged(tmp_path):
    for name in ("reader-198-a", "digits-george"):
        file = intake.file_of_clip(requests.Clip(source=f"example:{name}"))
        assert intake.clip_of_file(file) == requests.Clip(source=f"example:{name}")
    gone = requests.Clip(source="sha256:" + "0" * 64)
    assert intake.file_of_clip(gone) is None


def test_settings_fill_the_controls_they_came_from():
    tab = Tab()
    tab.layer, tab.hop, tab.options = "layer", "hop", "options"
    tab.frame = type("Frame", (), {"tier": "tier"})
    request = requests.ExploreRequest(
        clip=requests.Clip(source="example:reader-198-a"),
        layer="layer19",
        hop_frames=48,
        padding="zero",
    )
    assert tab.fill_hearing(asdict(request), "explore") == {
        "tier": "embedded",
        "layer": "layer19",
        "hop": 48,
        "options": ["l2", "standardise"],
    }


def test_a_layer_that_suits_the_task_stays_automatic_when_settings_come_back():
    tab = Tab()
    tab.layer, tab.hop, tab.options = "layer", "hop", "options"
    tab.frame = type("Frame", (), {"tier": "tier"})
    clip = requests.Clip(source="example:reader-198-a")
    explored = asdict(requests.ExploreRequest(clip=clip))
    assert tab.fill_hearing(explored, "explore")["layer"] == "auto"
    assert tab.fill_hearing({"layer": "embedding"}, "teach")["layer"] == "embedding"


def test_a_lesson_grows_clip_by_clip():
    tab = Tab()
    lesson, shown = tab.add_clip([], "happy", path_of("actor-13-happiness-1"), "0.5-1.5")
    lesson, shown = tab.add_clip(lesson, " Happy ", path_of("actor-11-happiness-1"), "")
    lesson, shown, cleared = tab.add_files(lesson, "sad", [path_of("actor-13-sadness-1")])
    assert [(name, len(clips)) for name, clips in lesson] == [("happy", 2), ("sad", 1)]
    assert "0.5-1.5 s" in shown
    assert cleared is None
    request = tab.make_teach(lesson, "lda", 1, *HEARING)
    assert request.c == 10
    assert request.classes[0].clips[0].end == 1.5
    lesson, _ = tab.borrow_lesson()
    assert [name for name, _ in lesson] == ["neutral", "anger", "sadness"]


@pytest.mark.parametrize(
    ("name", "clip", "cut", "words"),
    [
        ("", "reader-198-a", "", "needs a name"),
        ("a", None, "", "no clip yet"),
        ("a", "reader-198-a", "soon", "1.5-3.0"),
        ("a", "reader-198-a", "3-1", "after the start"),
    ],
)
def test_a_lesson_refuses_in_words(name, clip, cut, words):
    with pytest.raises(gr.Error, match=words):
        Tab().add_clip([], name, path_of(clip) if clip else None, cut)


def test_a_lesson_has_limits():
    tab = Tab()
    full = [(str(k), []) for k in range(6)]
    with pytest.raises(gr.Error, match="limit"):
        tab.add_files(full, "seventh", [path_of("reader-198-a")])
    with pytest.raises(gr.Error, match="holds 10"):
        tab.add_files([], "many", [path_of("reader-198-a")] * 11)


def test_nothing_to_hear_and_no_head_are_said_before_any_work():
    with pytest.raises(InputError, match="Record or upload"):
        Tab().make_explore(None, *HEARING)
    with pytest.raises(InputError, match="Press Teach first"):
        Tab().make_classify(path_of("reader-198-a"), "", "embedded")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.wav", b""),
        ("text.wav", b"this is no sound at all\n" * 50),
        ("picture.mp3", b"\x89PNG\r\n\x1a\n" + b"\0" * 200),
        ("archive.flac", b"PK\x03\x04" + b"\0" * 200),
    ],
)
def test_files_that_are_no_sound_are_refused_at_the_door(tmp_path, name, data):
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(InputError) as caught:
        listening.open_clip(intake.clip_of_file(file))
    assert name.partition(".")[0] in str(caught.value)


@pytest.mark.parametrize(
    ("words", "cut"),
    [("", (0, None)), ("1.5-3", (1.5, 3)), (" 2 - ", (2, None)), ("0,5–1,5 s", (0.5, 1.5))],
)
def test_cuts_are_read_as_people_write_them(words, cut):
    assert intake.parse_cut(words) == cut


def test_names_are_shown_without_folders_and_controls():
    assert intake.clean_name("../../etc/passwd") == "passwd"
    assert intake.clean_name("C:\\Users\\x\\voice.wav") == "voice.wav"
    assert "\n" not in intake.clean_name("a\nb")
    assert "<script" not in board([("<script>", [])])
