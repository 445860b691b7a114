"""The evaluation: what is counted from known records, and a small run from end to end."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from core import settings
from core.errors import InputError, JobCancelled, WeightsError
from core.jobs import Job
from core.methods.imagic import (
    benchmark,
    borrowing,
    checks,
    config,
    counting,
    evaluate,
    live,
    plot,
    recipe,
    tally,
    trial,
)
from core.methods.imagic.requests import CheckRequest
from core.methods.imagic.trial import Bench
from core.runs import json_lines
from core.world.curriculum import small
from core.world.diffusion import loading
from core.world.diffusion.judge import Judge
from core.world.gallery import input_list, tiny_tedbench, write_benchmark
from core.world.truth import holds
from tests.core.world.diffusion.perfect import PerfectProbe

QUICK = config.Settings(
    learning=config.Learning(
        embedding_steps=2, tuning_steps=2, batch_size=2, rank=2, embedding_lr=1e-3
    ),
    sampling=config.Sampling(etas=(0.0, 0.4, 0.8, 1.0), steps=2),
)


def _record(case, method, right, kept, *, columns=None, auto=None, **more):
    columns = columns or [0.0, 0.4, 0.8, 1.0][: len(right)]
    return {
        "case": case, "family": "pose", "method": method, "columns": columns, "right": right, "kept": kept,
        "background": [0.0] * len(right), "chance": [float(r) for r in right], "readable": True,
        "text": [0.0] * len(right), "similarity": [1.0] * len(right), "distance": list(np.linspace(0, 1, len(right))),
        "psnr": [20.0] * len(right), "seconds": {"sampling": 1.0}, "auto": auto, **more,
    }  # fmt: skip


def _named(scores):
    return {s.name: s for s in scores}


def test_success_is_counted_at_the_best_column_and_at_the_suggested_one():
    rows = [
        _record("a", "imagic", [False, True, True], [1.0, 0.9, 0.5], auto=2),
        _record("b", "imagic", [False, False, True], [1.0, 0.9, 0.5], auto=1),
        _record("c", "imagic", [False, False, False], [1.0, 0.9, 0.5], auto=None),
        _record("d", "imagic", [True, True, True], [1.0, 0.9, 0.5], auto=None),
    ]
    found = _named(tally.scores(rows))
    assert found["edit success at the best eta"].value == 75.0
    assert found["edit success at the best eta"].details["families"] == {"pose": [3, 4]}
    suggested = found["edit success at the suggested eta"]
    assert suggested.value == 25.0  # a missing suggestion is no success
    assert suggested.details["cases without a suggestion, counted as failures"] == 2
    low, high = suggested.interval
    assert low < 25 < high


def test_the_best_column_is_the_successful_one_that_keeps_most():
    row = _record("a", "imagic", [False, True, True], [1.0, 0.6, 0.8])
    assert counting.best(row) == 2
    row["background"] = [0.0, 0.0, 0.5]
    assert counting.best(row) == 1
    assert counting.best(_record("a", "imagic", [False], [1.0])) is None


def test_identity_is_compared_only_where_both_succeed():
    rows = [
        _record("a", "imagic", [True], [0.9], columns=[0.8], auto=0),
        _record("a", "SDEdit", [True, True], [0.5, 0.8], columns=[0.5, 0.7]),
        _record("b", "imagic", [True], [0.6], columns=[0.8], auto=0),
        _record("b", "SDEdit", [True, False], [0.7, 0.0], columns=[0.5, 0.7]),
        _record("c", "imagic", [True], [0.1], columns=[0.8], auto=0),
        _record("c", "SDEdit", [False, False], [1.0, 1.0], columns=[0.5, 0.7]),
    ]
    found = _named(tally.scores(rows))
    won = found["identity error below SDEdit's, at the best eta, where both succeed"]
    assert (won.value, won.n) == (50.0, 2)
    assert won.details["mean identity error"] == pytest.approx([0.25, 0.25])


def test_time_is_a_ratio_on_the_cases_that_both_have():
    rows = [
        _record("a", "imagic", [True], [1.0], seconds={"embedding": 1.0, "sampling": 1.0}),
        _record("b", "imagic", [True], [1.0], seconds={"sampling": 50.0}),
        _record("a", "community", [False], [1.0], seconds={"tuning": 20.0}),
    ]
    found = _named(tally.scores(rows))["time of an edit against the public pipeline's settings"]
    assert (found.value, found.n) == (0.1, 1)
    assert found.details["success at the best eta, %, ours and theirs"] == [100.0, 0.0]


def test_the_checks_are_computed_as_they_are_defined():
    etas = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4]
    rising = {"columns": etas, "chance": [0, 0, 0.1, 0.3, 0.7, 0.8, 0.9, 0.0], "distance": [0, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 0]}  # fmt: skip
    right = [c > 0.5 for c in rising["chance"]]
    ours = _record("a", "imagic", right, [1.0] * 8) | rising
    ours |= {"losses": [1.0, 0.8, 0.5], "psnr": [30.0] + [10.0] * 7}
    untuned = _record("a", "without stage 2", right, [1.0] * 8) | {"columns": etas, "psnr": [18.5] + [10.0] * 7}  # fmt: skip
    few = _record("a", "ten embedding steps", right, [1.0] * 8) | rising | {"chance": [0.0] * 4 + [0.2] + [0.0] * 3}  # fmt: skip
    control = _record("a", "the true caption", right, [1.0] * 8) | {"columns": etas, "posed": True, "flipped": [False] * 6 + [True] * 2}  # fmt: skip
    found = _named(checks.scores(counting.by_method([ours, untuned, few, control])))
    assert found["stage 1 lowers the fixed-bank loss"].value == 100
    assert found["share of the whole gain that stage 1 makes"].value == 40
    assert found["PSNR of eta 0 to the input, gained by stage 2"].value == 11.5
    # ties (0, 0) share their rank; what comes after eta 1.2 does not count
    assert 0.98 < found["chance of the target rises with eta (Spearman)"].value < 1
    assert found["distance to the input rises with eta (Spearman)"].value == 1
    assert found["distance at eta 0.4 as a share of that at 1"].value == 0.25
    assert found["chance of the target at eta 0.8, lost with ten embedding steps"].value == 0.5
    flips = found["poses that change though the text is the picture's own caption"]
    assert (flips.value, flips.n) == (14.3, 7)
    worse = ours | {"losses": [1.0, 1.1, 1.05]}
    found = _named(checks.scores(counting.by_method([worse])))
    assert found["stage 1 lowers the fixed-bank loss"].value == 0


def test_families_take_turns_when_few_cases_are_asked_for():
    families = ["pose"] * 5 + ["add", "state", "add"]
    assert benchmark.spread(families, 3) == [0, 5, 6]
    assert benchmark.spread(families, 5) == [0, 1, 5, 6, 7]
    assert benchmark.spread(families, None) == list(range(8))
    assert len({case.family for case in benchmark.tiny(8)}) == 8
    assert len(benchmark.tiny()) == 60


def test_the_same_evaluator_reads_a_benchmark_in_tedbenchs_layout(tmp_path):
    write_benchmark(tmp_path)
    cases = benchmark.folder(tmp_path, 64)
    assert [c.target for c in cases] == [row["target_text"] for row in input_list()]
    assert np.array_equal(cases[3].picture, benchmark.tiny()[3].picture)
    assert cases[0].edit is None
    Image.new("RGB", (300, 200), (10, 20, 30)).save(tmp_path / "originals" / "photo.png")
    rows = [{"img_name": "photo.png", "target_text": "a standing dog"}]
    (tmp_path / "input_list.json").write_text(json.dumps(rows))
    assert benchmark.folder(tmp_path, 32)[0].picture.shape == (32, 32, 3)
    for wrong in ([], [{"img_name": "../photo.png", "target_text": "x"}], [{"img_name": "photo.png"}], [3]):  # fmt: skip
        (tmp_path / "input_list.json").write_text(json.dumps(wrong))
        with pytest.raises(InputError):
            benchmark.folder(tmp_path, 32)
    rows[0]["img_name"] = "gone.png"
    (tmp_path / "input_list.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match="missing"):
        benchmark.folder(tmp_path, 32)


def test_fresh_cases_are_true_edits_that_no_training_saw():
    cases = benchmark.fresh(12, 0)
    for case in cases:
        assert holds(case.edit.target, case.edit.after)
        assert not holds(case.edit.target, case.edit.before)
        assert case.edit.before.backdrop.seed >= 1 << 20
        assert case.edit.before.backdrop == case.edit.after.backdrop
    assert np.array_equal(cases[5].picture, benchmark.fresh(12, 0)[5].picture)
    assert len({c.picture.tobytes() for c in (*cases, *benchmark.fresh(12, 1))}) == 24


@pytest.fixture
def bench(parts):
    pairs = tiny_tedbench()
    scenes = [s for p in pairs for s in (p.edit.before, p.edit.after)]
    judge = Judge(probe=PerfectProbe(scenes, small(), size=16))
    return Bench(parts=parts, judge=judge, tier="embedded", settings=QUICK)


def test_every_way_of_editing_leaves_a_complete_record(bench):
    case = benchmark.tiny(1, size=16)[0]
    made = [
        r
        for m in (
            trial.IMAGIC,
            trial.SDEDIT,
            trial.PLAIN,
            trial.INVERSION,
            trial.FEW,
            trial.CONTROL,
        )
        for r in trial.run(bench, case, m)
    ]
    assert {r["method"] for r in made} >= {
        trial.IMAGIC,
        trial.UNTUNED,
        trial.FROM_NOISE,
        trial.SDEDIT,
    }
    for record in made:
        sizes = {len(record[name]) for name in ("columns", "right", "kept", "chance", "psnr")}
        assert len(sizes) == 1, record["method"]
        assert not any(record["right"])  # a random model draws nothing that a perfect probe knows
        assert record["readable"]
        json.dumps(record)
    ours = next(r for r in made if r["method"] == trial.IMAGIC)
    assert len(ours["losses"]) == 3
    assert set(ours["seconds"]) == {"embedding", "tuning", "sampling"}
    control = next(r for r in made if r["method"] == trial.CONTROL)
    assert control["posed"]
    assert all(control["flipped"])  # an empty scene has lost its pose


def test_eta_one_without_tuning_is_plain_text_to_image_in_the_records_too(bench):
    case = benchmark.tiny(1, size=16)[0]
    none = dataclasses.replace(QUICK.learning, tuning="none")
    noise = dataclasses.replace(QUICK.sampling, start="noise")
    own = dataclasses.replace(QUICK, learning=none, sampling=noise)
    bench = dataclasses.replace(bench, settings=own)
    ours = trial.run(bench, case, trial.IMAGIC)
    assert [r["method"] for r in ours] == [trial.IMAGIC]  # there is no stage to leave out
    plain = trial.run(bench, case, trial.PLAIN)[0]
    assert ours[0]["psnr"][-1] == pytest.approx(plain["psnr"][0], abs=0.05)


def test_what_was_done_is_not_done_again_and_a_cut_line_is(bench, tmp_path, monkeypatch):
    cases = benchmark.tiny(2, size=16)
    todo = [(c, m) for c in cases for m in (trial.IMAGIC, trial.PLAIN)]
    file = tmp_path / "deep" / "records.jsonl"
    told = []

    def tell(share, text=""):
        told.append(share)
        if len(set(told)) > 2:
            raise JobCancelled("stop")

    with pytest.raises(JobCancelled):
        evaluate.collect(bench, cases, file, todo, tell)
    before = json_lines.read(file)
    assert 0 < len(before) < 6
    with file.open("a") as handle:
        handle.write('{"case": "cut o')
    ran = []
    true_run = trial.run
    monkeypatch.setattr(trial, "run", lambda b, c, m: ran.append((c.id, m)) or true_run(b, c, m))
    records = evaluate.collect(bench, cases, file, todo, lambda *_: None)
    done = {(r["case"], r["method"]) for r in before}
    assert not done & set(ran)
    assert {(r["case"], r["method"]) for r in records} >= {(c.id, m) for c, m in todo}
    assert json_lines.read(file) == records
    ran.clear()
    assert evaluate.collect(bench, cases, file, todo, lambda *_: None) == records
    assert ran == []


def test_records_of_other_settings_are_never_mixed(bench):
    other = dataclasses.replace(
        bench, settings=dataclasses.replace(QUICK, sampling=config.Sampling(steps=3))
    )
    assert evaluate.file_of(bench) != evaluate.file_of(other)
    assert evaluate.file_of(bench) == evaluate.file_of(dataclasses.replace(bench))
    assert settings.current().data_dir in evaluate.file_of(bench).parents


def test_the_plan_compares_first_and_leaves_the_longest_for_last():
    plan = evaluate.plan(benchmark.tiny(4), "embedded")
    methods = [m for _, m in plan]
    ablation = {trial.FROM_NOISE}  # drawn with what Imagic learnt
    assert set(methods) == {*trial.METHODS, trial.FEW, trial.CONTROL} - ablation
    assert methods[-4:] == [trial.COMMUNITY] * 4
    assert set(evaluate.COMPARED) == {m for _, m in evaluate.plan(benchmark.tiny(4), "full")}
    with pytest.raises(InputError, match="TEdBench"):
        evaluate.evaluate("full")


def test_the_plot_is_readable_and_draws_every_way_that_was_run():
    rows = [
        _record("a", "imagic", [False, True], [1.0, 0.9]),
        _record("b", "imagic", [False, False], [1.0, 0.7]),
        _record("a", "SDEdit", [True], [0.2], columns=[0.5]),
        _record("a", "without stage 2", [True], [0.2]),
    ]
    found = plot.points(rows)
    assert set(found) == {"imagic", "SDEdit"}
    assert found["imagic"][1] == (pytest.approx(0.2), 0.5, 0.4)
    root = ET.fromstring(plot.trade_off(rows))
    words = " ".join(t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "SDEdit" in words
    assert "2 cases" in words
    ET.fromstring(plot.trade_off([]))


def test_the_plot_is_drawn_from_a_file_of_records(tmp_path):
    source = tmp_path / "records.jsonl"
    source.write_text(json.dumps(_record("a", "imagic", [True], [0.9])) + "\n")
    assert plot.main([str(source), str(tmp_path / "out.svg")]) == 0
    ET.fromstring((tmp_path / "out.svg").read_text())
    assert plot.main([]) == 2


def test_the_live_check_answers_every_question_and_stops_when_asked(parts, monkeypatch):
    quick = dataclasses.replace(QUICK, sampling=config.Sampling(etas=live.SHOWN, steps=3))
    monkeypatch.setattr(config, "embedded", lambda: quick)
    request = CheckRequest(num_scenes=1, embedding_steps=2, tuning_steps=2)
    case = benchmark.fresh(1, 0, size=16)[0]
    judge = Judge(probe=PerfectProbe([case.edit.before, case.edit.after], small(), size=16))
    shares = []
    job = Job(method="imagic", on_report=lambda share, *_: shares.append(share))
    result = live.live_check(job, parts, judge, request)
    rows = {row.name: row for row in result.rows}
    assert rows["nothing learnt"].passed
    assert rows["same again"].passed
    assert rows["shared model"].passed
    assert rows["what was asked for"].value == 0
    assert rows["at the suggested eta"].baseline == 0
    assert rows["the input again"].unit == "dB"
    assert result.sheet.columns == len(result.cases[0].pictures) == len(result.cases[0].cells)
    with Image.open(io.BytesIO(result.files["check.png"])) as sheet:
        assert sheet.size == (16 * result.sheet.columns, 16)
    assert shares == sorted(shares)
    stopped = Job(method="imagic")
    stopped.cancel_event.set()
    with pytest.raises(JobCancelled):
        live.live_check(stopped, parts, judge, request)
    with pytest.raises(WeightsError, match="probe"):
        live.live_check(job, parts, Judge(), request)


def test_the_whole_evaluation_runs_on_a_folder_of_weights_and_resumes(
    pipe, bench, tmp_path, monkeypatch
):
    pipe.save_pretrained(tmp_path / "weights")
    monkeypatch.setattr(loading, "FOLDER", tmp_path / "weights")
    monkeypatch.setattr(config, "embedded", lambda: QUICK)
    monkeypatch.setattr(config, "community", lambda: QUICK)
    monkeypatch.setattr(borrowing, "judging", lambda *_: contextlib.nullcontext(bench.judge))
    monkeypatch.setattr(evaluate, "GATE", 2)
    monkeypatch.setattr(evaluate, "GATE_HELD_OUT", 1)
    told = []
    found = _named(
        recipe.evaluate("embedded", limit=1, on_step=lambda share, text="": told.append(share))
    )
    assert found["text to image: kind, held-in captions"].n == 2
    assert found["edit success at the best eta"].n == 1
    assert set(found["edit success at the best eta"].details["methods"]) == set(trial.METHODS)
    assert found["shared weights unchanged after all edits"].value == 1
    assert all(0 <= share <= 1 for share in told)
    monkeypatch.setattr(trial, "run", None)  # everything is known by now
    again = _named(evaluate.evaluate("embedded", limit=1, plot=tmp_path / "docs" / "plot.svg"))
    assert set(again) == set(found)
    ET.fromstring((tmp_path / "docs" / "plot.svg").read_text())


def test_the_recipe_takes_no_data_and_offers_the_worlds_presets(tmp_path):
    assert {recipe.smoke().name, recipe.cpu().name, recipe.gpu().name} == set(recipe.PRESETS)
    with pytest.raises(InputError, match="--data"):
        recipe.train(recipe.smoke(), tmp_path, tmp_path / "out")
