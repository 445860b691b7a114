"""The evaluation: what it runs, how it goes on after a kill, and how records become scores."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from core import settings as process_settings
from core.errors import InputError
from core.methods.conceptor import baselines, evaluate, scoring, tally, trial, tuning
from core.methods.conceptor.trial import Trial
from core.world.recipes import RECIPES
from tests.core.world.diffusion.tiny import tokenizer
from tests.methods.conceptor.tiny import SeeingJudge, bench, clip, settings


@pytest.fixture(scope="module")
def found():
    judge = SeeingJudge(clip(), tokenizer())
    return Trial(bench=bench(judge=judge), settings=settings(repeats=1, distribution=2))


def record(way, concept, **more):
    own = RECIPES[concept]
    plain = {
        "concept": concept, "method": way, "category": own.category, "split": own.split, "recall": 0.5,
        "chance": 0.1, "correlation": 0.5, "meanings": [], "parts": [], "loss": 0.5, "similarity": 0.5,
        "seen": 0.5, "seconds": 10.0, "stable": True, "agreement": 0.8, "mixture": 0.2, "dictionary": 100,
        "words": [["hat", 1.0]], "passes": 100,
    }  # fmt: skip
    return {**plain, **more}


def score(scores, start):
    return next(s for s in scores if s.name.startswith(start))


def test_only_the_small_world_without_data_can_be_counted(tmp_path):
    with pytest.raises(InputError, match="not known"):
        evaluate.evaluate("full")
    with pytest.raises(InputError, match="planted words"):
        evaluate.evaluate("embedded", tmp_path)


def test_a_limit_takes_words_of_every_category_and_the_telling_units_first(found):
    words = evaluate.planted_words(found.bench)
    plan = evaluate.plan(list(RECIPES), 6)
    first = [w for w, unit in plan if unit == trial.OURS]
    assert len(first) == 6
    assert len({RECIPES[w].category for w in first}) == 6
    assert plan[0][1] == trial.OURS
    assert {w for w, u in plan if u == trial.AUDIT} <= {w for w in RECIPES if RECIPES[w].category == "profession"}  # fmt: skip
    assert all(RECIPES[w].split == "test" for w, u in plan if u == trial.LEFT_IN)
    assert set(words) <= set(RECIPES)
    whole = evaluate.plan(list(RECIPES))
    assert {w for w, u in whole if u == trial.OURS} == set(RECIPES)


def test_a_word_in_every_way_gives_records_that_can_be_scored(found, monkeypatch):
    monkeypatch.setattr(baselines, "PEZ_STEPS", 20)
    monkeypatch.setattr(trial, "MIXED", 4)
    todo = [("playball", trial.OURS), ("playball", trial.SIMPLE), ("playball", trial.LEFT_IN), ("playball", trial.FACTORS)]  # fmt: skip
    file = evaluate.file_of(found)
    before = found.bench.model.fingerprint()
    records = evaluate.collect(found, todo, file, lambda *_: None)
    assert {r["method"] for r in records} >= {*trial.WAYS} - {trial.OFFICIAL} | {trial.INVERSION, trial.RANDOM}  # fmt: skip
    assert found.bench.model.fingerprint() == before
    scores = tally.scores(records)
    recall = score(scores, "parts of blends")
    assert recall.chance is not None
    assert recall.baseline is not None
    assert set(recall.details["ways"]) >= {trial.OURS, trial.NEAREST, trial.PEZ}
    assert all(s.n > 0 for s in scores)
    assert len(file.read_text().splitlines()) == len(todo)


def test_a_second_call_runs_nothing_again_and_a_cut_line_is_run_again(found, tmp_path, monkeypatch):
    ran = []

    def run(_, concept, unit):
        ran.append((concept, unit))
        return [{"concept": concept, "method": unit}]

    monkeypatch.setattr(trial, "run", run)
    file = tmp_path / "records.jsonl"
    todo = [("snowman", "a"), ("snowman", "b")]
    first = evaluate.collect(found, todo, file, lambda *_: None)
    assert evaluate.collect(found, todo, file, lambda *_: None) == first
    assert ran == todo
    text = file.read_text()
    file.write_text(text[: len(text) - 9])
    assert evaluate.collect(found, todo, file, lambda *_: None) == first
    assert ran == [*todo, todo[1]]
    assert all(json.loads(line) for line in file.read_text().splitlines())


def test_records_belong_to_the_weights_and_the_settings(found):
    other = Trial(bench=found.bench, settings=settings(seed=3))
    assert evaluate.file_of(found) != evaluate.file_of(other)
    assert evaluate.file_of(found).is_relative_to(process_settings.current().data_dir)


def test_the_best_other_way_is_the_baseline_on_the_same_words():
    records = [
        record(trial.OURS, "snowman", recall=0.9), record(trial.OURS, "beacon", recall=0.7),
        record(trial.NEAREST, "snowman", recall=0.4), record(trial.NEAREST, "beacon", recall=0.2),
        record(trial.PEZ, "snowman", recall=0.6), record(trial.PEZ, "beacon", recall=0.6),
        record(trial.OFFICIAL, "snowman", recall=1.0),
    ]  # fmt: skip
    found = score(tally.scores(records), "parts of blends")
    assert found.value == 80.0
    assert (found.baseline, found.baseline_name) == (60.0, trial.PEZ)
    assert found.details["ways"][trial.OFFICIAL] == {
        "mean": 100.0, "n": 1, "gain of ours, 95 %": None
    }  # fmt: skip
    assert found.interval is not None
    assert found.details["ways"][trial.NEAREST]["gain of ours, 95 %"] == (50.0, 50.0)
    assert found.chance == 10.0


def test_words_that_tuned_the_settings_are_not_counted():
    records = [record(trial.OURS, "snowman", recall=1.0), record(trial.OURS, "cupid", recall=0.0)]
    assert score(tally.scores(records), "parts of blends").n == 1


def test_the_tower_that_was_never_taught_is_counted_on_the_same_words_and_is_no_rival():
    some = [
        record(trial.OURS, "snowman", recall=0.9), record(trial.OURS, "goblin", recall=0.7),
        record(trial.OURS, "jester", recall=0.1), record(trial.NEVER_TAUGHT, "snowman", recall=0.4),
        record(trial.NEVER_TAUGHT, "goblin", recall=0.2),
    ]  # fmt: skip
    scores = tally.scores(some)
    never = score(scores, "the same on a text tower")
    assert (never.value, never.n) == (30.0, 2)
    assert never.details["taught, on the same words"] == 80.0
    assert trial.NEVER_TAUGHT not in score(scores, "parts of blends").details["ways"]


def test_the_untaught_tower_learns_with_one_repeat_and_changes_nothing(found, monkeypatch):
    asked = []

    @contextmanager
    def lent(job, tier, name=""):
        asked.append(name)
        yield found.bench

    monkeypatch.setattr(trial.borrowing, "bench", lent)
    (made,) = trial.run(found, "playball", trial.NEVER_TAUGHT)
    assert asked == [trial.borrowing.UNTAUGHT]
    assert made["method"] == trial.NEVER_TAUGHT
    assert made["agreement"] is None  # learnt once


def test_mixtures_are_told_from_blends_by_their_rank():
    records = [record(trial.OURS, w, mixture=m) for w, m in (("president", 0.8), ("painter", 0.7), ("snowman", 0.3), ("beacon", 0.75))]  # fmt: skip
    assert score(tally.scores(records), "mixtures").value == 0.75
    assert scoring.auc([1.0], [1.0]) == 0.5


def test_homographs_need_both_meanings():
    records = [record(trial.OURS, "crane", meanings=[True, True]), record(trial.OURS, "bat", meanings=[True, False])]  # fmt: skip
    assert score(tally.scores(records), "homographs").value == 50.0


def test_leanings_are_ranked_against_planted_and_measured_rates():
    rows = [("doctor", -0.9, 0.05), ("baker", -0.5, 0.1), ("guard", 0.1, 0.3), ("artist", 0.8, 0.95)]  # fmt: skip
    records = [
        {
            "concept": w, "method": trial.AUDIT, "leaning": lean, "planted": rate, "text leaning": -lean,
            "measured": [rate, 0, 1, 64], "reconstructed": [rate, 0, 1, 64],
            "mitigated": [0.5 + (rate - 0.5) / 2, 0, 1, 64],
        }
        for w, lean, rate in rows
    ]  # fmt: skip
    scores = tally.scores(records)
    planted = score(scores, "rank correlation of leaning and planted")
    assert planted.value == 1
    assert planted.baseline == -1
    moved = score(scores, "professions")
    assert moved.value == 100
    before, after = moved.details["mean distance from a half, before and after"]
    assert after == pytest.approx(before / 2, abs=1e-3)


def test_the_order_of_the_losses_is_told():
    levels = {"concept": 0.1, "whole": 0.2, "kept": 0.3, "nearest": 0.4, "chance": 0.5}
    records = [record(trial.OURS, "snowman", losses=levels)]
    assert score(tally.scores(records), "loss").details["the order holds"]
    records = [record(trial.OURS, "snowman", losses={**levels, "kept": 0.9})]
    assert not score(tally.scores(records), "loss").details["the order holds"]


def test_checks_count_own_words_null_words_and_factors():
    records = [
        record(trial.OURS, "nix", stable=False), record(trial.OURS, "snowman"),
        record(trial.LEFT_IN, "snowman", words=[["snowman", 0.9]]), record(trial.LEFT_IN, "beacon"),
        {"concept": "snowman", "method": trial.FACTORS, "correlation": 1.0, "moved": 0.8, "others": 0.1},
        {"concept": "crane", "method": trial.EXPLAIN, "right": [True, True, False, True]},
    ]  # fmt: skip
    scores = tally.scores(records)
    assert score(scores, "the concept's own word").value == 50.0
    assert score(scores, "words without a meaning").value == 100.0
    assert score(scores, "pictures of homographs").value == 75.0
    assert score(scores, "rank correlation of a word's factor").value == 1.0


def test_official_settings_are_the_official_numbers():
    own = trial.official_settings()
    assert (own.n, own.sparsity, own.steps, own.batch_size, own.lr, own.weight_decay) == (50, 1e-3, 500, 6, 1e-3, 1e-2)  # fmt: skip
    assert (own.training_pictures, own.validation_pictures, own.validate_every) == (100, 20, 50)
    assert own.choice == "pictures"
    assert own.flip


def test_settings_are_tuned_on_development_concepts_alone_and_go_on_after_a_stop(tmp_path, monkeypatch):  # fmt: skip
    b = bench()
    monkeypatch.setattr(tuning, "concepts", lambda _: ["playball"])
    choices = [settings(repeats=1, distribution=0, sparsity=s) for s in (0.01, 0.1)]
    first = tuning.run(b, tmp_path / "t.jsonl", choices)
    assert len(first) == 2
    assert [row["recall"] for row in first] == sorted((row["recall"] for row in first), reverse=True)  # fmt: skip
    monkeypatch.setattr(tuning.decompose, "learn_concept", lambda *_: pytest.fail("run again"))
    assert tuning.run(b, tmp_path / "t.jsonl", choices) == first


def test_the_grid_holds_every_choice_once_and_changes_nothing_else():
    found = tuning.grid()
    assert len(set(found)) == 18
    assert all(s.repeats == 1 for s in found)
