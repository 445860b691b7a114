"""The page as a structure: light, within its limits, with handlers that answer in words."""

import dataclasses
import io
import json
import subprocess
import sys
import types

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core.errors import InputError, NotFoundError
from core.methods.imagic import (
    SPEC,
    board,
    config,
    explained,
    films,
    gallery,
    panels,
    reports,
    requests,
    results,
    typed,
    ui,
    watching,
)
from core.methods.imagic.requests import Crop, Picture
from core.methods.imagic.ui_settings import Controls
from core.methods.imagic.ui_try import Try
from core.ui.actions import Shown
from core.ui.page import MAX_COMPONENTS, Page
from tests.core.hub.conftest import no_event_loops

from .strips import ETAS, png, strip_result

BUILD = """
import json, sys
import core.gpu
import gradio as gr
from core.methods.imagic import ui
with gr.Blocks() as demo:
    ui.layout()
heavy = {"torch", "diffusers", "transformers", "accelerate", "peft", "sklearn", "scipy", "av", "sqlalchemy"}
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


def test_the_page_is_built_without_heavy_modules_and_within_its_limits(built):
    assert built["heavy"] == []
    layout = {"row", "column", "tabs", "tabitem", "form", "accordion", "group"}
    assert len([name for name, _ in built["blocks"] if name not in layout]) <= MAX_COMPONENTS
    assert set(built["events"]) == {"private"}
    inputs = {"textbox", "slider", "radio", "dropdown", "checkboxgroup", "number", "uploadbutton"}
    assert all(label for name, label in built["blocks"] if name in inputs)


def test_the_card_says_what_the_folder_holds():
    readme = (SPEC.folder / "README.md").read_text("utf-8")
    assert readme.startswith("---\ntitle: Imagic\n")
    assert SPEC.paper.arxiv in readme
    assert (SPEC.folder / "card.svg").stat().st_size < 20_000


def test_the_shipped_pictures_are_the_scenes_of_the_gallery():
    from core.world.render import render

    listed = json.loads((gallery.EXAMPLES / "examples.json").read_text("utf-8"))["scenes"]
    assert [row["id"] for row in listed] == list(gallery.examples())
    for row, entry in zip(listed, gallery.examples().values(), strict=True):
        shipped = np.asarray(Image.open(gallery.EXAMPLES / row["file"]).convert("RGB"))
        assert (shipped == render([entry.scene])[0]).all(), f"{row['file']}: run stored --scenes"
        assert row["target"] == entry.target


# --- the board ------------------------------------------------------------------------------------


def test_what_stands_on_the_board_goes_to_the_browser_and_back():
    for picture in (
        Picture(source="example:zebra"),
        Picture(
            source="sha256:" + "a" * 64, name="dog.jpg", crop=Crop(left=0.1, top=0.0, side=0.5)
        ),
    ):
        assert board.picture_of(board.held(picture)) == picture


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("", "no picture yet"),
        (None, "no picture yet"),
        ("{}", "no picture yet"),
        ("[1", "no picture yet"),
        ('{"source": "/etc/passwd"}', "no example, upload or scene"),
        ('{"source": "example:zebra", "crop": {"left": "a"}}', "cannot be read"),
        ('{"source": "example:zebra", "crop": {"left": 0, "top": 0, "side": 0}}', "side of the crop"),
    ],
)  # fmt: skip
def test_an_odd_board_is_refused_in_words(told, words):
    with pytest.raises(InputError, match=words):
        board.picture_of(told)


def test_every_offered_text_is_one_that_the_small_model_reads():
    from core.world import curriculum, parsing

    scenes = [Picture(source=f"example:{name}") for name in gallery.examples()]
    for picture in [*scenes, *(Picture(source=f"scene:{k}") for k in range(40)), None]:
        for text in board.offers(picture):
            parsing.parse(text, curriculum.small())


def test_an_offered_text_asks_for_something_that_the_scene_does_not_show():
    from core.methods.imagic.intake import true_edit

    asked = 0
    for name in gallery.examples():
        picture = Picture(source=f"example:{name}")
        for text in board.offers(picture):
            answer, _ = true_edit(board.scene_of(picture), text)
            assert answer is None or answer.before != answer.after, f"{name}: {text}"
            asked += answer is not None
    assert asked > 20


def test_an_upload_is_shown_with_a_square_and_its_name_is_no_markup():
    from core.methods.imagic import intake

    name = '<img src=x onerror="a">.png'
    picture = intake.picture_of_bytes(png(np.zeros((40, 80, 3), np.uint8)), name)
    shown = board.board(picture)
    assert "<img src=x" not in shown
    assert 'data-left="0.25000" data-top="0.00000" data-side="1.00000"' in shown
    assert "canvas" in shown


def test_an_upload_that_is_gone_is_said_in_words():
    with pytest.raises(InputError, match="no longer on this hub"):
        board.board(Picture(source="sha256:" + "0" * 64))


def test_a_large_upload_travels_to_the_browser_as_a_small_copy():
    from core.methods.imagic import intake

    noise = np.random.default_rng(0).integers(0, 255, (900, 1800, 3), np.uint8)
    picture = intake.picture_of_bytes(png(noise), "noise.png")
    url, width, height, _ = board.upload_view(picture)
    assert (width, height) == (1800, 900)
    assert len(url) < 400_000


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "etas"),
    [
        ("0, 0.5 1;1.2", (0.0, 0.5, 1.0, 1.2)),
        ("0 to 1 by 0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("0 to 1.4 in 8", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)),
        ("−0.2 to 0.2 by 0.2", (-0.2, 0.0, 0.2)),
        ("0.7", (0.7,)),
    ],
)
def test_columns_are_read_as_numbers_or_spans(words, etas):
    assert typed.parse_etas(words) == etas
    assert typed.parse_etas(typed.etas_words(etas)) == etas


@pytest.mark.parametrize("words", ["a lot", "0 to 1 by 0", "1 to 0 by 0.1", "0 to 2 by 0.01"])
def test_columns_that_make_no_sense_are_refused(words):
    with pytest.raises(InputError):
        typed.parse_etas(words)


def test_seeds_are_read_as_numbers_or_a_span():
    assert typed.parse_seeds("0, 3 7") == (0, 3, 7)
    assert typed.parse_seeds("2 to 4") == (2, 3, 4)
    for odd in ("many", "4 to 2", "0 to 99"):
        with pytest.raises(InputError, match="seeds"):
            typed.parse_seeds(odd)


def test_rare_settings_are_read_by_their_names_and_told_in_words():
    assert typed.parse_rare("prior_weight = 0.5;identity=0.8 prior_pictures=2") == {
        "prior_weight": 0.5, "identity": 0.8, "prior_pictures": 2,
    }  # fmt: skip
    assert typed.parse_rare(None) == {}
    for odd in ("identity", "colour=1", "identity=red", "prior_pictures=1.5"):
        with pytest.raises(InputError, match="There are stop_below"):
            typed.parse_rare(odd)


@pytest.fixture(scope="module")
def controls():
    with pytest.MonkeyPatch.context() as patch:
        no_event_loops(patch)
        with gr.Blocks():
            return Controls()


def values(controls, parts, updates):
    """What the inputs hold after updates."""
    return [updates.get(part, part.value) for part in parts]


@pytest.mark.parametrize("preset", list(config.PRESETS))
def test_a_preset_fills_the_controls_and_they_ask_for_exactly_it(controls, preset):
    wanted = config.PRESETS[preset]()
    updates = controls.start_from(preset if preset != "embedded" else "ours", "embedded")
    assert controls.make_learning(*values(controls, controls.learning, updates)) == wanted.learning
    assert controls.make_sampling(*values(controls, controls.sampling, updates)) == wanted.sampling


def test_the_settings_of_a_request_come_back_into_the_controls(controls):
    learning = config.Learning(
        embedding_steps=20, embedding_lr=0.01, tuning="joint", tuning_steps=30, tuning_lr=0.02, rank=4,
        layers="wide", batch_size=3, source_caption="a dog", seed=5, freeze_padding=True,
        prior_weight=0.5, prior_pictures=2, stop_below=0.05,
    )  # fmt: skip
    sampling = config.Sampling(
        etas=(0.1, 0.9), seeds=(3, 8), schedule="late", forget="encoderkv", forget_strength=0.5,
        unconditional="base", blend="projection", identity=0.8, guidance=4.0, steps=12, start="noise",
    )  # fmt: skip
    for chosen in (learning, sampling):
        plain = type(chosen)()
        for field in dataclasses.fields(chosen):
            differs = getattr(chosen, field.name) != getattr(plain, field.name)
            assert differs, f"{field.name} is not tried"
    request = requests.EditRequest(
        picture=Picture(source="example:zebra"),
        target="a zebra",
        learning=learning,
        sampling=sampling,
        baselines=("SDEdit",),
    )
    updates = controls.fill(requests.KINDS.to_dict(request))
    assert controls.make_learning(*values(controls, controls.learning, updates)) == learning
    assert controls.make_sampling(*values(controls, controls.sampling, updates)) == sampling
    assert updates[controls.baselines] == ["SDEdit"]


class Tab(Try):
    """The tab's handlers without its components."""

    def __init__(self, controls):
        self.controls = controls


def test_the_buttons_make_requests_of_what_stands_in_the_page(controls):
    tab = Tab(controls)
    learning = values(controls, controls.learning, {})
    sampling = values(controls, controls.sampling, {})
    held = board.held(Picture(source="example:zebra"))
    edit = tab.make_edit(
        held, " a zebra ", "embedded", requests.MODELS[0], ["SDEdit"], *learning, *sampling
    )
    assert (edit.target, edit.baselines, edit.picture.ident) == ("a zebra", ("SDEdit",), "zebra")
    assert edit.learning == config.embedded().learning
    again = tab.make_again("gallery:zebra", "a zebra", *sampling)
    assert again == requests.ResampleRequest(kit="gallery:zebra", target="a zebra")
    imagined = tab.make_imagine("a zebra", "embedded", requests.MODELS[0], *sampling)
    assert imagined.seeds == (0, 1, 2, 3)
    with pytest.raises(InputError, match="Nothing has been learnt yet"):
        tab.make_again("", "a zebra", *sampling)
    with pytest.raises(InputError, match="text is empty"):
        tab.make_edit(held, "", "embedded", requests.MODELS[0], [], *learning, *sampling)


@pytest.fixture(scope="module")
def page():
    """The whole page, laid out once."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        no_event_loops(patch)
        wire = Page._wire
        patch.setattr(Page, "_wire", lambda frame: (made.append(frame), wire(frame)))
        with gr.Blocks():
            ui.layout()
    return made[0]


@pytest.mark.parametrize(("kit", "source"), [("kit.zip", "run:abcdefghijkl"), ("", "")])
def test_draw_again_uses_the_kit_of_the_result_if_there_is_one(page, kit, source):
    edit = page.actions["edit"]
    run = types.SimpleNamespace(id="abcdefghijkl", artifacts={})
    shown = edit.show(Shown(result=strip_result(kit=kit), run=run))
    assert [v for part, v in shown.items() if isinstance(part, gr.State)] == [source]
    notes = [v for v in shown.values() if "Draw again" in v]
    assert len(notes) == 1
    assert ("needs something that was learnt" in notes[0]) == (not kit)


# --- panels ---------------------------------------------------------------------------------------


def link(name):
    return f"artifact/abcdefgh/{name}"


def test_the_dial_opens_on_the_suggestion_and_every_picture_can_be_reached():
    result = strip_result(seeds=2)
    shown = panels.strip_panel(result, link)
    assert shown.count("data-c=") == 2 * len(ETAS)
    assert 'data-c="3" data-r="0" data-x=' in shown
    assert shown.count('aria-pressed="true"') == 1
    assert shown.count("data-mark") == 2  # one star for each seed
    assert "look at <b>η 0.6</b> first" in shown


def test_the_simpler_ways_are_told_by_their_means_over_the_seeds():
    way = results.Baseline(
        name="SDEdit 0.6", about="A way.", text=(0.2, 0.4), similarity=(0.5, 0.9), distance=(0, 0),
        cells=(results.TruthCell(right=True, found="", kept=0.5), results.TruthCell(right=False, found="", kept=0.7)),
    )  # fmt: skip
    sheet = results.Sheet(file="baselines.png", rows=2, columns=1, tile=64)
    shown = panels.strip_panel(strip_result(seeds=2, baselines=(way,), baseline_sheet=sheet), link)
    assert "1 of 2 ✓ 60 % kept · fit 0.30 · like 0.70" in shown
    assert "means over all 2 seeds" in shown
    one = dataclasses.replace(way, text=(0.2,), similarity=(0.5,), cells=way.cells[:1])
    shown = panels.strip_panel(
        strip_result(seeds=1, baselines=(one,), baseline_sheet=dataclasses.replace(sheet, rows=1)),
        link,
    )
    assert "✓ 50 % kept · fit 0.20 · like 0.50" in shown
    assert "means" not in shown


def test_without_a_suggestion_the_dial_opens_in_the_range_of_the_paper():
    none = results.Suggestion(column=None, rows=(None,), reason="Nothing stands out.")
    result = strip_result(seeds=1, suggestion=none)
    assert panels.first_look(result)[1] in (3, 4)
    shown = panels.strip_panel(result, link)
    assert "No η stands out" in shown
    assert "★ suggested" not in shown
    assert "data-mark" not in shown


def test_a_strip_without_a_known_answer_claims_none():
    shown = panels.strip_panel(strip_result(truth=False), link)
    assert "answer.png" not in shown
    assert panels.RIGHT not in shown
    assert panels.WRONG not in shown


def test_a_re_target_an_early_end_and_a_changed_model_are_said():
    result = strip_result(known=False, ended_early=("tuning",), base_after="b" * 64)
    shown = panels.strip_panel(result, link)
    for words in ("this is an approximation", "Ended early by you (tuning)", "not what it was"):
        assert words in shown
    plain = panels.strip_panel(strip_result(), link)
    assert "approximation" not in plain
    assert "Ended early" not in plain


def test_no_text_of_a_visitor_becomes_markup():
    bad = "<img src=x onerror=alert(1)>"
    seen = results.Seen(name=bad, source="sha256:0", format="PNG", width=1, height=1, notes=(bad,))
    result = strip_result(target=bad, seen=seen, notes=(bad,), weights=bad)
    for panel in (panels.strip_panel, explained.why_panel, explained.ablation_panel):
        assert "<img src=x" not in panel(result, link, bad)
    glimpse = results.Glimpse(stage=bad, step=1, of=2, curve=((0, 1.0), (1, 0.5)))
    assert "<img src=x" not in watching.panel(glimpse)


def test_the_why_tab_tells_what_each_stage_gained():
    result = strip_result()
    shown = explained.why_panel(result, link)
    for loss in (result.losses.target, result.losses.optimised, result.losses.tuned):
        assert f"{loss:.4f}" in shown
    assert "Both stages did their share" in shown
    poor = results.Losses(
        embedding=result.losses.embedding, tuning=result.losses.tuning,
        target=0.21, optimised=0.209, tuned=0.1,
    )  # fmt: skip
    assert "Stage 1 gained little" in explained.why_panel(strip_result(losses=poor), link)


def test_numbers_that_are_missing_leave_the_panel_whole():
    nowhere = ((float("nan"),) * len(ETAS),) * 2
    scores = results.Scores(
        text=nowhere, similarity=nowhere, distance=nowhere, measured_by="nobody"
    )
    shown = panels.strip_panel(strip_result(scores=scores), link)
    assert "nan" not in shown
    assert "fit to the text –" in shown


def test_every_check_row_says_its_n_and_what_it_is_read_against():
    rows = (
        results.CheckRow(
            name="right", question="?", value=0.8, n=5, interval=(0.4, 0.97),
            baseline=0.5, baseline_name="SDEdit 0.6", chance=0.25,
        ),
        results.CheckRow(name="untouched", question="?", value=1.0, passed=True),
    )  # fmt: skip
    shown = reports.check_panel(results.CheckResult(weights="a", rows=rows), link)
    for words in ("n = 5", "40 % to 97 %", "SDEdit 0.6 50 %", "chance 25 %", "✓ holds"):
        assert words in shown


# --- films ----------------------------------------------------------------------------------------


def test_a_film_runs_to_the_end_of_its_row_and_back():
    result = strip_result(seeds=2)
    made = films.film(result.files["strip.png"], columns=8, rows=2, row=1, kind="gif")
    with Image.open(io.BytesIO(made)) as film:
        assert film.size == (256, 256)
        assert film.info["loop"] == 0
        total = 0
        for k in range(film.n_frames):
            film.seek(k)
            total += film.info["duration"]
    assert total == pytest.approx(14 * 350, abs=140)  # equal neighbours may be joined


def test_a_film_is_made_as_video_too():
    av = pytest.importorskip("av")
    made = films.film(
        strip_result(seeds=1).files["strip.png"], columns=8, rows=1, row=0, kind="mp4"
    )
    with av.open(io.BytesIO(made)) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height) == (256, 256)
        assert sum(1 for _ in film.decode(video=0)) == 29 * 7


@pytest.mark.parametrize(("columns", "rows", "row"), [(1, 1, 0), (8, 2, 2), (7, 2, 0), (8, 0, 0)])
def test_a_film_that_does_not_fit_its_sheet_is_refused(columns, rows, row):
    sheet = strip_result(seeds=2).files["strip.png"]
    with pytest.raises(InputError):
        films.film(sheet, columns=columns, rows=rows, row=row, kind="gif")


@pytest.mark.parametrize(
    "address", ["", "/etc/passwd", "artifact/../x", "example/imagic/../../x", "http://a/strip.png"]
)
def test_no_path_of_a_visitor_is_opened_for_a_film(address):
    with pytest.raises(NotFoundError, match="no longer here"):
        films.sheet_at(address)


@pytest.mark.parametrize(
    "payload", [None, {}, {"kind": "exe"}, {"kind": "gif", "columns": "8", "rows": 1, "row": 0}]
)
def test_odd_words_to_the_film_button_are_answered(payload):
    assert "cannot be made" in films.offer(payload)["error"]


def test_a_film_of_a_scene_is_offered_for_download():
    told = {"file": "example/imagic/zebra", "columns": 1, "rows": 1, "row": 0, "kind": "gif"}
    assert "2 to 16 pictures" in films.offer(told)["error"]  # found, and too short for a film
