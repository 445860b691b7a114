"""Links and files by themselves: what they carry, what is missing, what is said."""

from __future__ import annotations

import sys

import gradio as gr
import pytest

from core import settings
from core.runs import png, store
from core.ui import chrome, history, links
from core.ui.reopening import Reopening

SHA = "a" * 64
OWNER = "O" * 20


def stored(**changes):
    given = {
        "method": "echo",
        "request": {"action": "repeat", "request": {"text": "hi", "delay": 0.0}},
        "result": {"text": "hi", "letters": {"h": 1, "i": 1}},
        "owner": OWNER,
    }
    return store().save(**(given | changes))


# --- uploads ------------------------------------------------------------------------------------


def test_uploads_of_a_request_are_found_with_the_names_that_visitors_gave_them():
    request = {
        "clip": {"source": f"sha256:{SHA}", "name": "voice.wav", "start": 0},
        "classes": [{"name": "sad", "clips": [{"source": "sha256:" + "b" * 64, "name": ""}]}],
        "head": "sha256:" + "c" * 64,
        "note": "sha256: not one",
        "example": "example:reader",
    }
    assert links.uploads_of(request) == {
        SHA: "voice.wav",
        "b" * 64: "the source",
        "c" * 64: "the head",
    }


def test_missing_uploads_are_named_and_present_ones_are_not():
    here = store().put_input(b"RIFF")
    request = {
        "first": {"source": f"sha256:{here}", "name": "here.wav"},
        "second": {"source": f"sha256:{SHA}", "name": "away.wav"},
        "head": f"sha256:{'c' * 64}",
    }
    assert links.missing_uploads(request) == [
        "“away.wav” (sha256 aaaaaaaa…)",
        "the head (sha256 cccccccc…)",
    ]


def test_a_dropped_export_brings_the_uploads_that_its_settings_name(tmp_path):
    sha = store().put_input(b"a voice")
    run = stored(
        request={"action": "repeat", "request": {"clip": {"source": f"sha256:{sha}"}}},
    )
    data = store().export_zip([run.id], tmp_path / "x.zip").read_bytes()
    settings.override(data_dir=tmp_path / "elsewhere")
    assert links.missing_uploads(run.request) != []
    assert links.read_file(data, "x.zip", method="echo").request["clip"]["source"].endswith(sha)
    assert links.missing_uploads(run.request) != []  # reading alone keeps nothing
    links.take_file(data, "x.zip", method="echo")
    assert store().get_input(sha) == b"a voice"


def test_uploads_that_the_settings_do_not_name_are_left_out(tmp_path, monkeypatch):
    opened = png.Opened("echo", {"action": "repeat", "request": {}}, (b"smuggled",))
    monkeypatch.setattr(png, "open_file", lambda data, name: opened)
    links.take_file(b"", "", method="echo")
    from core.runs.artifacts import hash_of

    assert links.missing_uploads({"x": f"sha256:{hash_of(b'smuggled')[0]}"}) != []


# --- links --------------------------------------------------------------------------------------


def test_a_run_link_carries_its_settings_unless_they_are_long():
    chosen = links.Settings("echo", "repeat", {"text": "hi"}, "f" * 32)
    link = links.run_link("echo", "f" * 32, chosen)
    head, _, packed = link.partition("&p=")
    assert head == f"echo?run={'f' * 32}"
    assert links.read_params(packed, method="echo").request == {"text": "hi"}
    import secrets

    long = links.Settings("echo", "repeat", {"text": secrets.token_hex(4000)})
    assert links.run_link("echo", "f" * 32, long) == f"echo?run={'f' * 32}"


def test_a_settings_file_says_which_run_it_is_of():
    run = stored()
    chosen = links.Settings("echo", "repeat", {"text": "hi"}, run.id)
    packed = links.params_link(chosen).partition("?p=")[2]
    assert links.read_params(packed, method="echo").run == run.id
    odd = links.Settings("echo", "repeat", {"text": "hi"}, "../../etc")
    packed = links.params_link(odd).partition("?p=")[2]
    assert links.read_params(packed, method="echo").run == ""


def test_settings_of_another_method_are_kept_for_its_page():
    packed = links.params_link(links.Settings("echo", "repeat", {"text": "hi"})).partition("?p=")[2]
    with pytest.raises(links.ForeignSettings) as caught:
        links.read_params(packed, method="trill")
    assert links.params_link(caught.value.settings) == f"echo?p={packed}"


# --- what a page does with them -----------------------------------------------------------------


@pytest.fixture
def echo(fake_methods, monkeypatch):
    """The reopening of an echo page, and its components by what they are for."""
    from core.methods.echo import ui

    pages = []
    module = sys.modules["core.ui.page"]
    wire = module.Page._wire
    monkeypatch.setattr(module.Page, "_wire", lambda page: (pages.append(page), wire(page)))
    with gr.Blocks():
        ui.layout()
    return Reopening(pages[0]), pages[0].actions["repeat"]


def last(updates):
    return list(updates)[-1]


def test_a_run_that_is_gone_is_said_and_its_settings_are_offered(echo):
    reopening, action = echo
    words = last(reopening.link("0" * 32, "", OWNER))[action.bar]
    assert "no such run" in words
    assert "settings.json" in words
    packed = links.params_link(links.Settings("echo", "repeat", {"text": "hi", "delay": 0}))
    shown = last(reopening.link("0" * 32, packed.partition("?p=")[2], OWNER))
    assert "is gone" in shown[action.bar]
    assert "Press its button" in shown[action.bar]  # echo cannot be computed from JSON
    assert "hi" in shown.values()


def test_settings_of_a_stored_run_show_that_run(echo):
    reopening, action = echo
    run = stored()
    found = links.envelope(links.Settings("echo", "repeat", run.request["request"], run.id))
    import json

    shown = last(reopening.file(json.dumps(found).encode(), OWNER))
    assert 'data-state="stored"' in shown[action.bar]
    found["request"]["request"]["text"] = "changed"
    shown = last(reopening.file(json.dumps(found).encode(), OWNER))
    assert 'data-state="note"' in shown[action.bar]  # the file is not of that run any more


def test_a_run_of_nobody_opens_for_whoever_has_its_link(echo):
    reopening, action = echo
    shown = last(reopening.link(stored(owner="").id, "", OWNER))
    assert 'data-state="stored"' in shown[action.bar]


def test_a_run_of_another_method_links_to_its_page(echo, monkeypatch):
    reopening, action = echo
    run = stored(method="trill")
    words = last(reopening.link(run.id, "", OWNER))[action.bar]
    assert "not on this hub" in words  # the fake hub has no TRILL
    monkeypatch.setattr("core.registry.slugs", lambda: ["echo", "trill"])
    monkeypatch.setattr(chrome, "method_title", str.upper)
    words = last(reopening.link(run.id, "", OWNER))[action.bar]
    assert f'href="trill?run={run.id}"' in words
    foreign = links.params_link(links.Settings("trill", "explore", {"layer": "embedding"}))
    packed = foreign.partition("?p=")[2]
    assert f'href="trill?p={packed}"' in last(reopening.link("", packed, OWNER))[action.bar]
    monkeypatch.setattr(chrome, "_single", "echo")
    assert "not on this hub" in last(reopening.link(run.id, "", OWNER))[action.bar]


@pytest.mark.parametrize(
    "changes",
    [
        {"request": {"action": "gone", "request": {}}},
        {"result": {"another": "form"}},
    ],
)
def test_a_run_of_another_version_offers_its_files(echo, changes):
    reopening, action = echo
    run = stored(artifacts={"echo.txt": b"hi"}, **changes)
    words = last(reopening.link(run.id, "", OWNER))[action.bar]
    assert "another version" in words
    assert f"artifact/{run.id}/echo.txt" in words


def test_settings_that_do_not_fit_the_page_are_refused_in_words(echo):
    reopening, action = echo
    packed = links.params_link(links.Settings("echo", "repeat", {"unknown": 1})).partition("?p=")[2]
    assert "another version" in last(reopening.link("", packed, OWNER))[action.bar]


def test_a_missing_upload_is_asked_for_by_name(echo):
    reopening, action = echo
    request = {"text": "hi", "delay": 0, "clip": {"source": f"sha256:{SHA}", "name": "<b>.wav"}}
    packed = links.params_link(links.Settings("echo", "repeat", request)).partition("?p=")[2]
    words = last(reopening.link("", packed, OWNER))[action.bar]
    assert "“&lt;b&gt;.wav”" in words
    assert "Bring that file" in words


def test_results_below_the_bar_are_named_to_the_script(echo):
    _, action = echo
    words = action.say("failed", "No.")[action.bar]
    assert all(part.elem_id in words for part in action.results())
    assert len(action.results()) == 2


# --- the history --------------------------------------------------------------------------------


def test_the_history_says_settings_in_the_words_of_the_method():
    history.describe("echo", {"repeat": lambda request: f"the text {request['text']}"})
    stored()
    shown = history.markup("echo", OWNER)
    assert "the text hi" in shown
    assert "delay" not in shown
    stored(request={"action": "repeat", "request": {}})  # of another version: no words, no error
    assert history.markup("echo", OWNER).count("vt-run-text") == 2


def test_trill_says_its_settings_without_names_of_the_code():
    from core.methods.trill import requests, showing

    clip = requests.Clip(source="example:reader-198-a")
    made = {
        "explore": requests.ExploreRequest(clip=clip),
        "survive": requests.SurviveRequest(clip=clip, pitch=-4, rate=1.2, snr_db=20.0),
        "classify": requests.ClassifyRequest(clip=clip, head=f"sha256:{SHA}"),
        "check": requests.CheckRequest(hop_frames=96, padding="zero"),
        "train": requests.TrainRequest(steps=20),
    }
    words = {kind: showing.in_words(request) for kind, request in made.items()}
    assert words == {
        "explore": "final embedding",
        "survive": "pitch −4 semitones, 1.2 times as fast, noise 20 dB below the voice, "
        "final embedding",
        "classify": "",
        "check": "final embedding, a patch every 960 ms, short clips filled with silence",
        "train": "20 steps, synthetic voices",
    }


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"on_space": True}, False),
        ({"on_space": True, "database_url": "postgresql://db/x"}, True),
        ({"on_space": True, "data_dir": "/data/vitrine"}, True),
    ],
)
def test_a_space_without_a_disk_says_that_results_do_not_stay(changes, kept, monkeypatch):
    from pathlib import Path

    if "data_dir" in changes:
        changes = {**changes, "data_dir": Path(changes["data_dir"])}
    assert history.keeps_runs(settings.Settings(**changes)) is kept
    monkeypatch.setattr(history, "keeps_runs", lambda: kept)
    for owner in (OWNER, "N" * 20):  # with runs and before the first one
        stored()
        assert ("until this Space restarts" in history.markup("echo", owner)) is not kept


def test_the_embed_button_names_what_it_embeds():
    button = links.embed_button("echo?run=1&p=2", "Say “<hi>”")
    assert 'data-link="echo?run=1&amp;p=2"' in button
    assert "<hi>" not in button
