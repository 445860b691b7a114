"""A whole decomposition on tiny random models: what comes out, what is kept, what a stop leaves."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load

from core.errors import InputError, JobCancelled
from core.jobs import Job
from core.media.image_writing import tiles
from core.methods.conceptor import decompose, decomposition, following, shelf
from core.methods.conceptor.following import WORDS, Follower, passes
from core.methods.conceptor.results import RESULTS
from core.world.diffusion.judge import Judge
from tests.methods.conceptor.tiny import bench, pipe, settings

CONCEPT = "playball"


def learnt(b, **changes):
    return decompose.learn_concept(b, CONCEPT, settings(**changes))


@pytest.fixture(scope="module", params=["sd", "sdxl"])
def family(request):
    return request.param


@pytest.fixture(scope="module")
def known(family):
    """A bench for tests that only ask it who it is."""
    return bench(family)


@pytest.fixture(scope="module")
def found(family):
    return learnt(bench(family))


def timeless(found):
    result = replace(found.result, seconds=0.0, stages=())
    return result, replace(found.learnt, seconds=0.0)


def test_the_same_request_gives_the_same_bytes(family, found):
    assert timeless(learnt(bench(family))) == timeless(found)


def test_what_comes_out_fits_together(found):
    result = found.result
    assert sum(e.share for e in result.elements) == pytest.approx(1, abs=1e-3)
    assert [e.share for e in result.elements] == sorted((e.share for e in result.elements), reverse=True)  # fmt: skip
    assert 1 <= len(result.elements) <= 4
    assert CONCEPT in result.excluded
    assert all(CONCEPT not in e.word for e in result.elements)
    assert len(result.repeats) == 2
    assert all(e.loss is not None and e.column == k for k, e in enumerate(result.elements))
    assert result.truth is not None
    assert {p.word for p in result.truth.parts} == {"ball", "blue", "striped", "grass", "sun"}
    assert result.agreement is not None
    for sheet in (result.pictures, result.reconstruction, result.tokens, result.mixture):
        assert sheet is not None
        assert tiles(result.files[sheet.file], sheet.rows, sheet.columns).shape[2] == sheet.tile
    assert {s.name for s in result.stages} == {"pictures", "dictionary", "learning", "choosing", "attribution", "drawing"}  # fmt: skip


def test_result_and_decomposition_survive_json(found):
    told = json.loads(json.dumps(RESULTS.to_dict(found.result)))
    assert RESULTS.from_dict(told) == replace(found.result, files={})
    again = decomposition.from_dict(json.loads(json.dumps(found.learnt.to_dict())))
    assert again == found.learnt


def test_the_mean_share_of_a_word_is_over_its_repeats(found):
    tops = [set(r.top) for r in found.result.repeats]
    for e in found.result.elements:
        assert e.kept == sum(e.word in top for top in tops)
        assert (e.mean > 0) == (e.kept > 0)


def test_every_coefficient_of_the_dictionary_can_be_taken_away(found):
    told = json.loads(found.result.files["coefficients.json"])
    assert len(told["words"]) == found.result.dictionary
    assert sum(row["share"] for row in told["words"]) == pytest.approx(1, abs=1e-3)
    assert all(row["alpha"] >= 0 for row in told["words"])


def test_the_exported_file_is_a_textual_inversion_that_draws_the_same(family, found, tmp_path):
    import copy

    from core.methods.conceptor.model import Model

    data = load(found.result.files["concept.safetensors"])
    loaded = copy.deepcopy(pipe(family))
    if family == "sdxl":
        assert set(data) == {"clip_l", "clip_g"}
        parts = (("clip_l", "text_encoder", "tokenizer"), ("clip_g", "text_encoder_2", "tokenizer_2"))  # fmt: skip
        loaded.tokenizer_2 = copy.deepcopy(loaded.tokenizer)  # here both are one object
        for name, encoder, tokenizer in parts:
            loaded.load_textual_inversion(
                data[name], token="<own>", text_encoder=getattr(loaded, encoder), tokenizer=getattr(loaded, tokenizer),
            )  # fmt: skip
        token = "<own>"
    else:
        (token,) = data
        path = tmp_path / "concept.safetensors"
        path.write_bytes(found.result.files["concept.safetensors"])
        loaded.load_textual_inversion(str(path))
    b = bench(family)
    ours = b.model.fill(found.learnt.vectors(b.model))
    theirs = Model.from_pipeline(loaded).encode_text(f"a photo of a {token}")
    assert torch.allclose(ours.embeds, theirs.embeds, atol=1e-5)


def test_a_decomposition_is_found_again_and_another_setting_is_another_one(found, known):
    b = known
    key = shelf.key_of(b, CONCEPT, settings())
    assert shelf.find(key) is None
    shelf.keep(key, found)
    again = shelf.find(key)
    assert again is not None
    assert again.learnt == found.learnt
    assert again.result == replace(found.result, stored=True)
    assert again.result.files == found.result.files
    others = {shelf.key_of(b, CONCEPT, settings(seed=1)), shelf.key_of(b, "dog", settings()), shelf.key_of(replace(b, weights="x"), CONCEPT, settings())}  # fmt: skip
    assert len(others | {key}) == 4
    obtained = decompose.obtain(b, CONCEPT, settings())
    assert obtained.result.stored


@pytest.mark.parametrize("file", ["decomposition.json", "result.json"])
@pytest.mark.parametrize("data", [b"", b"{", b'{"kind": "decompose"}', b"\xff\xfe"])
def test_a_damaged_folder_counts_as_none(found, known, file, data):
    key = shelf.key_of(known, CONCEPT, settings())
    (shelf.keep(key, found) / file).write_bytes(data)
    assert shelf.find(key) is None


def test_the_oldest_decompositions_leave_first(found, monkeypatch):
    import os

    monkeypatch.setattr(shelf, "KEEP", 2)
    for k, name in enumerate("abc"):
        place = shelf.keep(name, found)
        if place.exists():
            os.utime(place, (k, k))
    assert {p.name for p in shelf.folder().iterdir()} == {"b", "c"}


STAGES = ["pictures", "dictionary", "learning", "choosing", "attribution", "drawing"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stop_ends_every_stage_and_leaves_nothing_behind(stage):
    b = bench()
    before = b.model.fingerprint()
    heard = []

    def listen(_, text, __):
        heard.append(text)
        if text.startswith(WORDS[stage]):
            job.cancel_event.set()

    job = Job(method="conceptor", on_report=listen)
    with pytest.raises(JobCancelled):
        decompose.obtain(replace(b, job=job), CONCEPT, settings(repeats=1))
    assert heard[-1].startswith(WORDS[stage])
    assert b.model.fingerprint() == before
    assert not list(shelf.folder().glob("*"))
    assert not job.early_end.ask(), "nothing is offered any more"


def test_an_early_end_keeps_the_best_so_far_and_is_not_taken_for_the_whole(family):
    own = settings(steps=50, validate_every=50, distribution=0)

    def listen(_, __, preview):
        if preview is not None and preview.stage == "learning":
            job.early_end.ask()

    job = Job(method="conceptor", on_report=listen)
    b = replace(bench(family), job=job)
    found = decompose.obtain(b, CONCEPT, own, early=True)
    assert found.result.ended_early
    assert len(found.result.repeats) == 2  # both were learnt side by side
    assert found.result.repeats[0].steps == found.result.repeats[1].steps < 50
    assert "ended early" in " ".join(found.result.notes)
    assert shelf.find(shelf.key_of(b, CONCEPT, own)) is None


def test_a_wish_to_end_early_is_not_taken_where_several_concepts_are_learnt():
    job = Job(method="conceptor")
    with job.early_end.offered():
        job.early_end.ask()
    own = settings(repeats=1, distribution=0, attribution=False)
    found = decompose.obtain(replace(bench(), job=job), CONCEPT, own)
    assert not found.result.ended_early
    assert found.result.repeats[0].steps == 4


def test_previews_show_words_pictures_and_the_curve(monkeypatch):
    monkeypatch.setattr(following, "QUIET", 0.0)  # four steps are over before the first pause
    seen = []
    job = Job(method="conceptor", on_report=lambda share, _, p: seen.append((share, p)))
    learnt(replace(bench(), job=job), repeats=1)
    previews = [p for _, p in seen if p is not None]
    assert any(p.concept for p in previews)
    assert any(p.current and p.stage == "learning" for p in previews)
    assert any(p.words and p.curve for p in previews)
    shares = [s for s, _ in seen]
    assert all(0 <= s <= 1 for s in shares)
    assert shares == sorted(shares)


def test_without_clip_the_learning_works_and_the_comparisons_are_left_out():
    found = learnt(bench(judge=Judge()), repeats=1, attribution=False)
    assert found.result.similarity.image is None
    assert found.result.distribution.kind == "unknown"
    assert found.result.losses.nearest is None
    assert found.result.elements


def test_more_words_than_there_are_give_all_of_them_and_say_so():
    found = learnt(bench(), n=100, repeats=1, attribution=False, distribution=0)
    assert len([f for e in found.result.elements for f in e.forms]) == found.result.dictionary
    assert "all of them are kept" in " ".join(found.result.notes)
    assert float(found.result.repeats[0].curve[0].sparsity) == pytest.approx(0, abs=1e-5)


def test_a_word_that_the_model_does_not_know_is_named_with_the_nearest():
    with pytest.raises(InputError, match="did you mean dog"):
        decompose.obtain(bench(), "dgo", settings())


def test_the_plan_counts_the_rows_that_go_through_the_network():
    own = settings(steps=6, repeats=1, distribution=0, guidance=2.0)
    job = Job(method="conceptor")
    work = decompose.Work(replace(bench(), job=job), CONCEPT, own)
    work.go()
    done = {s.name: s.passes for s in work.follower.stages}
    planned = passes(own)
    for name in ("pictures", "learning", "attribution"):
        assert done[name] == pytest.approx(planned[name], abs=own.bank_pictures * own.bank_pairs)
    assert sum(done.values()) <= 1.15 * sum(planned.values())


def test_a_nested_stage_is_measured_once():
    follower = Follower(Job(method="conceptor"), {"outer": 10})
    with follower.stage("outer"):
        follower.tick(3)
        with follower.stage("inner"):
            follower.tick(2)
        follower.tick(5)
    assert {s.name: s.passes for s in follower.stages} == {"inner": 2, "outer": 10}


def test_a_decomposition_of_another_model_is_refused(found):
    other = bench("sdxl" if len(found.learnt.norms) == 1 else "sd")
    with pytest.raises(InputError, match="another model"):
        found.learnt.dictionary(other.model)


def test_shown_pictures_are_pixels(found):
    row = tiles(found.result.files["picture.png"], 2, 2)
    assert row.dtype == np.uint8
    assert io.BytesIO(found.result.files["picture.png"]).read(4) == b"\x89PNG"
