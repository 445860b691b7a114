"""The page as a structure: light, within its limits, with handlers that answer in words."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import subprocess
import sys
import types

import gradio as gr
import pytest

from core.errors import InputError
from core.methods.conceptor import (
    SPEC,
    about,
    board,
    charts,
    config,
    gallery,
    panels,
    panels_check,
    panels_explain,
    panels_live,
    panels_mix,
    requests,
    results,
    stored,
    ui,
    ui_shown,
    ui_typed,
)
from core.methods.conceptor.panels_why import why_panel
from core.methods.conceptor.ui_settings import Controls
from core.ui.actions import Shown
from core.ui.page import MAX_COMPONENTS, Page
from tests.core.hub.conftest import no_event_loops

from . import found

BUILD = """
import json, sys
import core.gpu
import gradio as gr
from core.methods.conceptor import ui
with gr.Blocks() as demo:
    ui.layout()
heavy = {"torch", "diffusers", "transformers", "accelerate", "peft", "sklearn", "scipy", "sqlalchemy"}
print(json.dumps({
    "heavy": sorted(heavy & set(sys.modules)),
    "blocks": [[b.get_block_name(), getattr(b, "label", None)] for b in demo.blocks.values()],
    "events": [fn.api_visibility for fn in demo.fns.values()],
}))
"""
BAD = "<img src=x onerror=alert(1)>"


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
    inputs = {"textbox", "slider", "radio", "dropdown", "checkbox", "number", "uploadbutton"}
    assert all(label for name, label in built["blocks"] if name in inputs)


def link(name):
    return f"artifact/abcdefgh/{name}"


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


# --- panels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(ui_shown.PANELS))
def test_every_kind_of_result_is_shown_with_its_files_and_where_it_is_from(kind):
    result = found.EVERY[kind]()
    shown = ui_shown.PANELS[kind](result, link, "Stored run")
    assert "Stored run" in shown
    for file in result.files:
        if file.endswith(".png") and file not in ("picture.png", "samples.png"):
            assert link(file) in shown, file
    assert shown.count("<div") == shown.count("</div>")
    assert shown.count("<table") == shown.count("</table>")


def test_no_text_of_a_visitor_becomes_markup():
    bad = dataclasses.replace(found.elements()[0], word=BAD)
    told = found.decompose_result(
        concept=BAD, elements=(bad,), excluded=(BAD,), notes=(BAD,), verdict=BAD, weights=BAD,
    )  # fmt: skip
    side = results.Side(
        concept=BAD, elements=(bad,), meanings=(results.Meaning(words=(BAD,), pictures=(0,)),),
        apart=0.4, pictures=found.sheet("one.png", 8),
    )  # fmt: skip
    audit = found.audit_result()
    shown = [
        ui_shown.PANELS["decompose"](told, link, BAD),
        why_panel(told, link, BAD),
        ui_shown.PANELS["compare"](found.compare_result(one=side, shared=(BAD,)), link, BAD),
        ui_shown.PANELS["mix"](found.mix_result(concept=BAD, before=(bad,), after=(bad,), token=BAD), link, BAD),
        ui_shown.PANELS["explain"](found.explain_result(concept=BAD, seen=BAD, survivors=(bad,)), link, BAD),
        ui_shown.PANELS["audit"](
            dataclasses.replace(audit, group_a=(BAD,), caution=BAD, rows=(dataclasses.replace(audit.rows[0], concept=BAD),)),
            link, BAD,
        ),
        panels_mix.mixer(BAD, (bad,)),
        panels_live.panel(found.glimpse(stage=BAD, words=((BAD, 1.0),))),
        board.board("embedded", BAD),
    ]  # fmt: skip
    for html in shown:
        assert "<img src=x" not in html


def test_a_decomposition_says_its_words_its_spread_and_the_truth():
    shown = ui_shown.PANELS["decompose"](found.decompose_result(), link, "")
    assert "is <b>snow</b> + <b>ball</b> + <b>white</b> and 7 more" in shown
    assert "kept in 3 of 3" in shown
    assert shown.count('class="co-mark"') == 6  # the parts of a snowman
    assert "<b>100 %</b> of the parts" in shown
    assert "A blend: the words together in each picture" in shown
    sizes = {w: int(s) for s, w in re.findall(r'font-size:(\d+)px" title="[^"]*">(\w+)<', shown)}
    assert sizes["snow"] > sizes["ball"] > sizes["door"]


def test_an_unstable_an_early_and_a_changing_run_are_said():
    shown = ui_shown.PANELS["decompose"](
        found.decompose_result(stable=False, ended_early=True, base_after="b" * 64), link, ""
    )
    for words in ("No stable decomposition.", "Ended early by you", "not what it was before"):
        assert words in shown
    plain = ui_shown.PANELS["decompose"](found.decompose_result(), link, "")
    for words in ("No stable decomposition", "Ended early", "not what it was"):
        assert words not in plain


def test_a_concept_without_a_recipe_claims_no_truth():
    assert "The truth" not in ui_shown.PANELS["decompose"](found.decompose_result(truth=None), link, "")  # fmt: skip


def test_a_word_without_meaning_is_judged_by_being_called_unstable():
    null = found.decompose_result("nix")
    assert null.truth is not None
    assert not null.truth.parts
    assert "should have been called unstable" in ui_shown.PANELS["decompose"](null, link, "")
    said = ui_shown.PANELS["decompose"](dataclasses.replace(null, stable=False), link, "")
    assert "as it should be" in said


def test_the_why_tab_uses_the_numbers_of_its_result():
    result = found.decompose_result()
    shown = why_panel(result, link)
    own = result.losses
    closed = (own.chance - own.kept) / (own.chance - own.concept)
    assert panels.percent(closed) in shown
    assert "better</b>" not in shown
    worse = dataclasses.replace(result, losses=dataclasses.replace(own, nearest=0.1515))
    assert "pictures worse than" in why_panel(worse, link)
    once = found.decompose_result(repeats=1)
    assert "nothing is known about it" in why_panel(once, link)


def test_the_threshold_slider_answers_as_the_rule_does():
    result = found.explain_result()
    spans = panels_explain.spans(result)
    assert [s.first for s in spans[1:]] == [s.last + 1 for s in spans[:-1]]
    assert (spans[0].first, spans[-1].last) == (0, len(panels_explain.THRESHOLDS) - 1)
    own = next(s for s in spans if s.first <= 13 <= s.last)  # 0.93
    assert own.outcome.survivors == tuple(e.word for e in result.survivors)
    counts = [len(s.outcome.survivors) for s in spans if s.outcome.complete]
    assert counts == sorted(counts)
    assert len(spans) > 2
    shown = panels_explain.explain_panel(result, link)
    assert shown.count("data-from=") == len(spans)
    assert shown.count("data-from=") - len(re.findall(r"data-from=[^>]* hidden", shown)) == 1


def test_a_threshold_beyond_what_was_drawn_asks_for_more_pictures():
    result = found.explain_result()
    short = dataclasses.replace(result, log=result.log[:2])
    assert "Press Explain with this threshold" in panels_explain.explain_panel(short, link)


def test_an_audit_shows_intervals_and_what_balancing_did():
    shown = ui_shown.PANELS["audit"](found.audit_result(), link, "")
    assert "rank correlation of <b>0.97</b>" in shown
    assert "Balancing moved 5 of 5 nearer to a half" in shown
    assert "4 % to 36 %, n 32" in shown
    row = dataclasses.replace(
        found.audit_result().rows[0], measured=results.Rate(value=None, low=0, high=1, n=0)
    )
    assert "neither seen" in ui_shown.PANELS["audit"](found.audit_result(rows=(row,)), link, "")


def test_names_of_a_scatter_do_not_lie_on_each_other():
    marks = [charts.Mark(name=f"m{k}", x=0.7, y=0.9 + 0.001 * k, low=0.8, high=1.0) for k in range(4)]  # fmt: skip
    drawn = charts.scatter(marks, "x", "y", "label")
    places = sorted(float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="end">m\d', drawn))
    assert len(places) == 4
    assert all(b - a >= 13.9 for a, b in itertools.pairwise(places))


def test_every_check_row_says_its_n_and_what_it_is_read_against():
    shown = panels_check.check_panel(found.check_result(), link)
    for words in ("n = 5", "38 % to 96 %", "nearest by CLIP 40 %", "chance 6 %", "✓ holds"):
        assert words in shown


def test_stored_scores_in_per_cent_become_shares(tmp_path, monkeypatch):
    scores = [
        {"name": "recall", "value": 82.5, "unit": "%", "interval": [70.0, 90.0], "baseline": 40.0, "chance": 6.0, "n": 12},
        {"name": "seconds", "value": 71.3, "unit": "s", "better": "lower", "n": 12},
    ]  # fmt: skip
    monkeypatch.setattr(panels_check, "SCORES", tmp_path / "scores.json")
    assert "has not been stored yet" in panels_check.scores_panel()
    panels_check.SCORES.write_text(json.dumps({"scores": scores}))
    shown = panels_check.scores_panel()
    for words in ("82 %", "70 % to 90 %", "71.3 s", "lower is better"):
        assert words in shown


def test_what_is_learnt_is_seen_and_can_be_ended_where_that_is_offered():
    shown = panels_live.panel(found.glimpse(), "decompose")
    for words in (
        "step 80 of 200, repeat 1 of 3",
        "data-end-early",
        "Loss",
        "Sparsity",
        "snow 24 %",
    ):
        assert words in shown
    assert shown.count("data:image/png") == 2
    assert "data-end-early" not in panels_live.panel(found.glimpse(), "audit")
    assert "data-end-early" not in panels_live.panel(found.glimpse(stage="drawing"), "decompose")
    assert "has begun" in panels_live.panel(None)


def test_the_about_tab_names_paper_and_licences():
    shown = about.panel()
    for words in (SPEC.paper.title, "google-research", "Apache-2.0", SPEC.tiers[1].licence):
        assert words in shown


# --- mixer ----------------------------------------------------------------------------------------


def test_what_the_mixer_holds_becomes_the_request_with_its_settings():
    own = config.Settings(n=4, repeats=1)
    told = requests.KINDS.to_dict(requests.DecomposeRequest(concept="snowman", settings=own))
    held = json.loads(panels_mix.held(told, "snowman"))
    held |= {"factors": {"snow": 2.5}, "solo": "", "mute": ["hat"]}
    made = panels_mix.request_of(json.dumps(held), (1, 2))
    assert made == requests.MixRequest(concept="snowman", settings=own, factors={"snow": 2.5}, mute=("hat",), seeds=(1, 2))  # fmt: skip


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("", "no words to mix"),
        (None, "no words to mix"),
        ("[1]", "no words to mix"),
        ("{", "no words to mix"),
        ('{"concept": "x", "factors": {"a": 99}}', "factor of 'a'"),
        ('{"concept": "x", "colour": 1}', "colour"),
    ],
)
def test_an_odd_mixer_is_refused_in_words(told, words):
    with pytest.raises(InputError, match=words):
        panels_mix.request_of(told, (0,))


def test_every_slider_has_a_name_and_stands_where_it_was_put():
    shown = panels_mix.mixer("snowman", found.elements(), {"snow": 2.5}, "ball", ("hat",))
    assert shown.count('type="range"') == shown.count('aria-label="Weight of ') == len(found.WORDS)
    assert 'value="2.5" aria-valuetext="2.5 ×" aria-label="Weight of snow"' in shown
    assert re.findall(r'aria-pressed="true" aria-label="([^"]*)"', shown) == ["Draw alone: ball", "Leave out: hat"]  # fmt: skip


# --- what is typed --------------------------------------------------------------------------------


def test_seeds_are_read_as_numbers_or_a_span():
    assert ui_typed.parse_seeds("0, 3 7") == (0, 3, 7)
    assert ui_typed.parse_seeds("2 to 4") == (2, 3, 4)
    for odd in ("many", "4 to 2", "0 to 99"):
        with pytest.raises(InputError, match="seeds"):
            ui_typed.parse_seeds(odd)


def test_rare_settings_are_read_by_their_names_and_told_in_words():
    told = "guidance = 4;flip=true choice=pictures synonym_cosine=0.9"
    assert ui_typed.parse_rare(told) == {
        "guidance": 4, "flip": True, "choice": "pictures", "synonym_cosine": 0.9,
    }  # fmt: skip
    assert ui_typed.parse_rare(None) == {}
    for odd in ("flip", "colour=1", "n=3"):
        with pytest.raises(InputError, match="cannot be read"):
            ui_typed.parse_rare(odd)


@pytest.fixture(scope="module")
def controls():
    with pytest.MonkeyPatch.context() as patch:
        no_event_loops(patch)
        with gr.Blocks():
            return Controls()


@pytest.mark.parametrize("preset", list(config.PRESETS))
def test_a_preset_fills_the_controls_and_they_ask_for_exactly_it(controls, preset):
    tier = "full" if preset == "full" else "embedded"
    updates = controls.start_from("official" if preset == "official" else "ours", tier)
    assert controls.make(*(updates[part] for part in controls.inputs)) == config.PRESETS[preset]()


def test_every_setting_comes_back_into_the_controls(controls):
    own = config.Settings(
        n=7, sparsity=0.2, steps=90, batch_size=3, lr=0.02, lr_falls=False, weight_decay=0.1, hidden=50, training_pictures=12,
        validation_pictures=6, dictionary="all", dictionary_size=99, exclude_concept=False, synonym_cosine=0.8,
        repeats=2, seed=5, guidance=4.0, drawing_steps=11, validate_every=30, choice="pictures", bank_pictures=3,
        bank_pairs=4, flip=True, stratified=False, attribution=False, distribution=0,
    )  # fmt: skip
    usual = config.Settings()
    for field in dataclasses.fields(own):
        assert getattr(own, field.name) != getattr(usual, field.name), f"{field.name} is not tried"
    updates = controls.fill(own)
    assert controls.make(*(updates[part] for part in controls.inputs)) == own


# --- actions --------------------------------------------------------------------------------------


def values(action, updates):
    filled = (updates.get(part, part.value) for part in action.inputs)
    return [getattr(value, "value", value) for value in filled]


EVERY = (
    requests.DecomposeRequest(concept="jester", settings=config.Settings(n=5)),
    requests.ExplainRequest(concept="seal", seed=4, threshold=0.9, target="original"),
    requests.MixRequest(concept="snowman", factors={"hat": 2.0}, mute=("ball",), seeds=(5, 6), settings=config.Settings(repeats=1)),
    requests.AuditRequest(concepts=("doctor", "judge"), pictures=8, strength=0.5),
    requests.CompareRequest(one="seal", other="spring"),
    requests.CheckRequest(num_words=3, seed=2),
    requests.TrainRequest(preset="cpu"),
    requests.DecomposeRequest(concept="a sweet pepper", tier="full", model="stable-diffusion-xl-base-1.0", settings=config.full()),
)  # fmt: skip


@pytest.mark.parametrize("request_", EVERY, ids=lambda r: f"{r.kind}-{r.tier}")
def test_the_settings_of_a_run_fill_the_page_and_its_button_asks_for_the_same(page, request_):
    action = page.actions[request_.kind]
    told = requests.KINDS.to_dict(request_)
    del told["kind"]
    updates = action.fill(json.loads(json.dumps(told)))
    assert set(updates) <= {action.bar, *action.inputs, *action.outputs}
    assert action.make(*values(action, updates)) == request_


@pytest.mark.parametrize("kind", list(found.EVERY))
def test_a_result_reaches_only_what_its_action_may_change(page, kind):
    action = page.actions[kind]
    request_ = next(r for r in EVERY if r.kind == kind)
    run = types.SimpleNamespace(
        id="abcdefghijkl", artifacts={}, request={"request": requests.KINDS.to_dict(request_)}
    )
    for stored_ in (False, True):
        updates = action.show(Shown(result=found.EVERY[kind](), run=run, stored=stored_))
        assert updates
        assert set(updates) <= {*action.inputs, *action.outputs}


def test_a_decomposition_goes_into_the_mixer(page):
    action = page.actions["decompose"]
    own = requests.DecomposeRequest(concept="snowman", settings=config.Settings(repeats=2))
    run = types.SimpleNamespace(id="abcdefghijkl", artifacts={}, request={"request": requests.KINDS.to_dict(own)})  # fmt: skip
    updates = action.show(Shown(result=found.decompose_result(), run=run))
    mix = page.actions["mix"]
    held = updates[mix.inputs[0]]
    assert mix.make(held, "0").settings == own.settings
    assert any("data-word" in str(v) for v in updates.values())


def test_the_page_opens_whole_whether_or_not_anything_is_ready(page):
    updates = page._opening()
    known = {part for a in page.actions.values() for part in (a.bar, *a.inputs, *a.outputs)}
    assert set(updates) <= known, "Gradio refuses what is no output of an action"
    for action in page.actions.values():
        if action.name != "train":
            assert any(updates.get(part) for part in action.results()), action.name


# --- the gallery ----------------------------------------------------------------------------------


def test_every_concept_that_is_offered_is_planted_in_the_small_world():
    known = set(gallery.concepts())
    assert len(known) > 60
    assert {*gallery.CONCEPTS, *gallery.AUDITED, *gallery.COMPARED} <= known
    assert len(set(gallery.CONCEPTS)) >= 12
    assert {*gallery.AUDITED, *gallery.COMPARED} <= set(gallery.CONCEPTS), (
        "they would have to be learnt"
    )
    assert [word for _, word in gallery.choices()] == gallery.concepts()
    assert board.board("embedded").count("data-concept") == len(known) + len(gallery.ready())
    assert "data-concept" not in board.board("full")


def test_what_is_stored_is_listed_and_is_of_this_request():
    kept = stored.requests_to_keep()
    for name, entry in gallery.entries().items():
        result = gallery.finished(name)
        assert result is not None, f"{name}: run stored"
        assert result.kind == kept[name].kind
        assert entry["request"]["kind"] == result.kind
    if gallery.entries():
        listed = json.loads(stored.LISTED.read_text("utf-8"))["files"]
        ids = [row["id"] for row in listed]
        assert len(set(ids)) == len(ids)
        assert all((gallery.EXAMPLES / row["file"]).is_file() for row in listed)
        for word in gallery.ready():
            assert f"{word}-concept.png" in ids


def test_a_stored_decomposition_is_shown_from_its_folder(tmp_path, monkeypatch):
    result = found.decompose_result()
    folder = tmp_path / "gallery" / "k"
    folder.mkdir(parents=True)
    for name, data in result.files.items():
        (folder / name).write_bytes(data)
    (folder / "result.json").write_text(json.dumps(results.RESULTS.to_dict(result)))
    request_ = requests.KINDS.to_dict(requests.DecomposeRequest(concept="snowman"))
    told = {"results": {"snowman": {"request": request_, "folder": "gallery/k"}}}
    (tmp_path / "finished.json").write_text(json.dumps(told))
    monkeypatch.setattr(gallery, "EXAMPLES", tmp_path)
    monkeypatch.setattr(gallery, "FINISHED", tmp_path / "finished.json")
    monkeypatch.setattr(stored, "LISTED", tmp_path / "examples.json")
    for cached in (gallery.entries, gallery.finished):
        cached.cache_clear()
    try:
        assert gallery.ready() == ["snowman"]
        assert 'data-concept="snowman" aria-pressed="true" title' in board.board(
            "embedded", "snowman"
        )
        shown = ui_shown.finished_panel("snowman")
        assert "example/conceptor/snowman-concept.png" in shown
        assert ui_shown.MARK in shown
        stored.list_files()
        ids = {row["id"] for row in json.loads(stored.LISTED.read_text())["files"]}
        assert set(re.findall(r"example/conceptor/([\w.-]+)", shown)) <= ids
        with pytest.raises(InputError, match="Ready are snowman"):
            gallery.request("jester")
    finally:
        for cached in (gallery.entries, gallery.finished):
            cached.cache_clear()
