"""Every kind of TRILL result is kept, taken away as a picture, and opened again by its page."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import gradio as gr
import pytest
from PIL import Image, PngImagePlugin
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.methods.trill import finished, requests, results, showing
from core.runs import png, store
from core.ui import links, routes
from core.ui.reopening import Reopening
from tests.core.hub.conftest import no_event_loops

OWNER = "O" * 20


def picture() -> bytes:
    out = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "a drawing program")
    Image.new("RGB", (5, 3), "teal").save(out, format="PNG", pnginfo=info)
    return out.getvalue()


def made(kind: str) -> tuple:
    """A request of a kind and a result for it, without computing anything."""
    entry = finished._entries().get(kind)
    if entry is not None:
        return requests.KINDS.from_dict(entry["request"]), results.RESULTS.from_dict(
            entry["result"]
        )
    heard = results.RESULTS.from_dict(finished._entries()["explore"]["result"]).heard
    clip = requests.Clip(source="example:reader-198-a")
    if kind == "classify":
        head = store().put_input(b"{}")
        request = requests.ClassifyRequest(clip=clip, head=f"sha256:{head}")
        return request, results.ClassifyResult(
            weights="f" * 12,
            heard=heard,
            classes=("a", "b"),
            probabilities=(0.75, 0.25),
            times=(0.5,),
            series=((0.75, 0.25),),
        )
    points = (results.TrainPoint(step=10, loss=0.2, top1=0.5, spread=1.0),)
    return requests.TrainRequest(steps=10), results.TrainResult(
        weights="f" * 12, num_clips=0, steps=10, points=points
    )


def keep(kind: str):
    """The stored run of a result of a kind that comes with a picture, as an API call leaves it."""
    request, result = made(kind)
    kept = showing.VERBS.keep(request, replace(result, files={"picture.png": picture()}))
    run = store().save(
        method="trill",
        request={"action": kind, "request": links.Settings("trill", kind, _json(request)).request},
        result=kept.result,
        artifacts=kept.artifacts,
        thumbnail=kept.thumbnail,
        title=kept.title,
        owner="",  # nobody's
    )
    return request, result, run


def _json(request) -> dict:
    from core.runs.request import to_json

    return to_json(request)


@pytest.fixture(scope="module")
def page():
    """The TRILL page, laid out once."""
    from core.methods.trill import ui

    module = sys.modules["core.ui.page"]
    pages: list = []
    with pytest.MonkeyPatch.context() as patch:
        no_event_loops(patch)
        wire = module.Page._wire
        patch.setattr(module.Page, "_wire", lambda made: (pages.append(made), wire(made)))
        with gr.Blocks():
            ui.layout()
    return pages[0]


KINDS = sorted(requests.KINDS)


def test_every_kind_of_request_has_an_action_that_can_be_opened_again(page):
    assert set(page.actions) == set(requests.KINDS)
    for action in page.actions.values():
        for needed in (action.fill, action.keep, action.restore, action.parse, action.describe):
            assert needed is not None, action.name
        assert action.results(), action.name


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_carries_the_request_on_its_way_over_http(kind):
    request, _, run = keep(kind)
    client = TestClient(Starlette(routes=routes.routes()))
    data = client.get(f"/{links.artifact_link(run.id, 'picture.png', download=True)}").content
    settings = links.read_file(data, "picture.png", method="trill")
    assert settings.action == kind
    assert requests.KINDS.from_dict({**settings.request, "kind": kind}) == request
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["Software"] == "a drawing program"  # other texts stay
        assert image.getpixel((0, 0)) == (0, 128, 128)


@pytest.mark.parametrize("kind", KINDS)
def test_gradio_leaves_a_picture_that_is_given_as_a_file_as_it_is(kind, tmp_path):
    _, _, run = keep(kind)
    data = store().artifact_bytes(run.id, "picture.png")
    (tmp_path / "picture.png").write_bytes(data)
    with gr.Blocks():
        shown = gr.Image(format="png")
    passed = shown.postprocess(str(tmp_path / "picture.png"))
    assert passed is not None
    with open(passed.path, "rb") as file:
        assert png.read_request(file.read()) == png.read_request(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_an_api_call_left_opens_for_whoever_has_its_link(page, kind):
    request, result, run = keep(kind)
    action = page.actions[kind]
    (shown,) = Reopening(page).link(run.id, "", OWNER)
    assert 'data-state="stored"' in shown[action.bar]
    panel = showing.PANELS[kind](
        result, lambda name: links.artifact_link(run.id, name), "Stored run"
    )
    assert shown[action.results()[0]] == panel
    assert action.parse(run.request["request"]) == request
    assert isinstance(action.describe(run.request["request"]), str)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_of_every_kind_go_into_a_link_and_back(kind):
    request, _ = made(kind)
    packed = links.params_link(links.Settings("trill", kind, _json(request))).partition("?p=")[2]
    found = links.read_params(packed, method="trill")
    assert requests.KINDS.from_dict({**found.request, "kind": found.action}) == request
    assert len(packed) <= links.MAX_FALLBACK, "it does not fit into a run link"
