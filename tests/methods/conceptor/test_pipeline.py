"""The pipeline through the real cache and loader, on a tiny model in a folder."""

from __future__ import annotations

import json

import pytest

from core.errors import InputError, WeightsError
from core.jobs import Job, JobRunner
from core.methods.conceptor import borrowing, commandline, lessons, pipeline
from core.methods.conceptor import requests as rq
from core.methods.conceptor.results import RESULTS, DecomposeResult
from core.world.diffusion import loading
from tests.methods.conceptor.tiny import bench, pipe, settings

CONCEPT = "dog"
pytestmark = pytest.mark.usefixtures("shipped")


@pytest.fixture(scope="module")
def xl_folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("weights") / "xl"
    pipe("sdxl").save_pretrained(place, safe_serialization=True)
    loading.seal(place)
    return place


def decompose_request(**changes):
    return rq.DecomposeRequest(
        concept=CONCEPT, settings=settings(repeats=1, distribution=0, **changes)
    )


def test_a_run_leaves_the_shared_model_alone_and_its_outputs_on_disk(tmp_path):
    result = pipeline.run(Job(method="conceptor"), decompose_request())
    assert isinstance(result, DecomposeResult)
    assert result.untouched
    assert result.base_before
    names = {p.name for p in commandline.write_outputs(result, tmp_path)}
    assert {"result.json", "summary.txt", "concept.png", "concept.safetensors", "coefficients.json"} <= names  # fmt: skip
    again = RESULTS.from_dict(json.loads((tmp_path / "result.json").read_text()))
    assert again.weights == result.weights
    assert "dog =" in (tmp_path / "summary.txt").read_text()
    stored = pipeline.run(Job(method="conceptor"), decompose_request())
    assert isinstance(stored, DecomposeResult)
    assert stored.stored
    assert stored.files == result.files


def test_the_verbs_use_one_decomposition():
    own = settings(repeats=1, distribution=0)
    first = pipeline.run(Job(method="conceptor"), decompose_request())
    assert isinstance(first, DecomposeResult)
    word = first.elements[0].word
    for request in (
        rq.ExplainRequest(concept=CONCEPT, settings=own),
        rq.MixRequest(concept=CONCEPT, settings=own, factors={word: 0.5}, seeds=(0,)),
        rq.CompareRequest(one=CONCEPT, other=CONCEPT, settings=own),
        rq.AuditRequest(concepts=(CONCEPT,), group_a=("red",), group_b=("blue",), pictures=4, settings=own),
    ):  # fmt: skip
        heard: list[str] = []
        job = Job(method="conceptor", on_report=lambda _, text, __, heard=heard: heard.append(text))
        result = pipeline.run(job, request)
        assert result.kind == request.kind
        assert not any("Learning" in text for text in heard), request.kind
        assert commandline.summary(result)
        assert result.files["picture.png"]


def test_it_runs_as_a_job_of_the_hub():
    runner = JobRunner()
    handle = runner.submit(pipeline.run, decompose_request(), method="conceptor", heavy=False)
    assert handle.result(120).kind == "decompose"


def test_a_model_without_weights_is_told_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "FOLDER", tmp_path / "core" / "none")
    with pytest.raises(WeightsError, match="text-to-image model is not in"):
        pipeline.run(Job(method="conceptor"), decompose_request())


def test_an_unknown_concept_is_refused_before_the_model_is_fetched(monkeypatch):
    monkeypatch.setattr(loading, "spec_for", lambda *_: pytest.fail("fetched"))
    with pytest.raises(InputError, match="never seen"):
        pipeline.run(Job(method="conceptor"), rq.DecomposeRequest(concept="qqqq"))


def test_the_full_tier_of_the_xl_family_goes_through_the_real_loader(xl_folder, monkeypatch):
    spec = loading.from_folder(xl_folder)
    monkeypatch.setattr(loading, "spec_for", lambda tier, name, **_: spec)
    own = settings(repeats=1, synonym_cosine=0.9, drawing_steps=1, distribution=0)
    request = rq.DecomposeRequest(concept="dog", tier="full", model="stable-diffusion-xl-base-1.0", settings=own)  # fmt: skip
    result = pipeline.run(Job(method="conceptor"), request)
    assert isinstance(result, DecomposeResult)
    assert result.untouched
    assert result.model == "stable-diffusion-xl-base-1.0"
    assert "dog" in result.excluded


def test_the_check_counts_recipes_and_holds_its_exact_questions(monkeypatch):
    monkeypatch.setattr(lessons, "Settings", lambda **changes: settings(repeats=1, distribution=0, **changes))  # fmt: skip
    monkeypatch.setattr(lessons.surrogate, "recall", lambda *_: 1.0)
    result = lessons.checked(bench(), rq.CheckRequest(num_words=1, steps=10))
    assert result.cases[0].truth.parts
    assert all(row.passed for row in result.rows if row.passed is not None)
    assert {row.name for row in result.rows} >= {"parts of the recipe found", "scale", "slot", "shared model", "planted sum"}  # fmt: skip
    assert result.rows[0].chance is not None
    assert result.sheet is not None
    assert result.sheet.rows == 2


def test_models_are_named_for_workers_that_need_them_before():
    specs = list(pipeline.preload())
    towers = {s.parts["text_encoder"].key.source for s in specs if "text_encoder" in s.parts}
    assert len(towers) == 3, "as it is taught, as it was before, and the full tier's"


def test_without_a_taught_tower_the_others_are_named(tmp_path, monkeypatch):
    named = len(list(pipeline.preload()))
    monkeypatch.setattr(borrowing, "WEIGHTS", tmp_path / "none")
    assert len(list(pipeline.preload())) == named - 1


def test_a_missing_tower_is_told_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(borrowing, "WEIGHTS", tmp_path / "none")
    with pytest.raises(WeightsError, match="There is no text encoder"):
        pipeline.run(Job(method="conceptor"), decompose_request(seed=9))
