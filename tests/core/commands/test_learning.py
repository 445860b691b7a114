"""`train`, `eval` and `bench`: what reaches the recipe, and what is reported."""

import json
import sys
import types

import pytest

import core
from core import cli, registry, settings
from core.commands import bench, report
from core.errors import NotFoundError
from core.registry import Score


def test_train_passes_preset_data_and_resume(fake, tmp_path, capsys):
    out = tmp_path / "o"
    assert cli.execute(["train", "fake", "--out", str(out), "--preset", "cpu"]) == 0
    words = ["train", "fake", "--out", str(out), "--data", str(tmp_path), "--resume"]
    assert cli.execute(words) == 0
    assert fake == [("cpu", None, False), ("smoke", tmp_path, True)]
    assert str(out) in capsys.readouterr().out


def test_train_does_not_overwrite_an_earlier_run(fake, tmp_path, spoken):
    (tmp_path / "checkpoint").write_text("precious")
    assert cli.execute(["train", "fake", "--out", str(tmp_path)]) == 2
    assert "--resume" in spoken()
    assert fake == []


def test_later_processes_of_one_launch_do_not_mind_what_the_first_wrote(fake, tmp_path):
    (tmp_path / "checkpoint").write_text("of process 0, a moment ago")
    settings.override(process_index=1)
    assert cli.execute(["train", "fake", "--out", str(tmp_path)]) == 0
    assert fake == [("smoke", None, False)]


def test_eval_prints_a_table_and_writes_json(fake, tmp_path, capsys):
    target = tmp_path / "deep" / "scores.json"
    words = ["eval", "fake", "--limit", "5", "--json", str(target)]
    assert cli.execute(words) == 0
    assert fake == [("embedded", None, 5)]
    out = capsys.readouterr().out
    for part in ("accuracy", "0.875 share", "0.8 to 0.95", "0.5 mean", "0.25", "48"):
        assert part in out
    found = json.loads(target.read_text())
    assert list(found) == ["method", "tier", "scores", "versions", "device", "seconds"]
    assert (found["method"], found["tier"]) == ("fake", "embedded")
    assert found["scores"][0]["interval"] == [0.8, 0.95]
    assert found["versions"]["vitrine"] == core.__version__
    assert found["versions"]["python"].startswith("3.")


def test_json_on_stdout_is_nothing_but_json(fake, capsys):
    assert cli.execute(["eval", "fake", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["name"] == "accuracy"


def test_eval_all_names_the_method_in_each_score(fake, capsys):
    assert cli.execute(["eval", "all", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["scores"][0]["name"]) == ("all", "fake: accuracy")


def test_numbers_of_numpy_go_into_a_report(tmp_path):
    import numpy as np

    score = Score(name="a", value=1.0, details={"per_class": np.arange(3), "best": np.float32(2)})
    report.write_json(tmp_path / "r.json", method="m", tier="t", scores=[score], seconds=1.0)
    details = json.loads((tmp_path / "r.json").read_text())["scores"][0]["details"]
    assert details == {"per_class": [0, 1, 2], "best": 2.0}


def test_a_method_without_a_recipe_says_so(fake, spoken, monkeypatch):
    monkeypatch.setattr(registry, "module", lambda slug, name: types.ModuleType("empty"))
    assert cli.execute(["eval", "fake"]) == 2
    assert "no recipe to evaluate" in spoken()


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, ""), (0.12345, "0.123"), (12345.6, "12346"), (0.0, "0"), (-3.0, "-3")],
)
def test_numbers_keep_three_digits(value, words):
    assert report.number(value) == words


def test_bench_lists_and_runs_what_its_folder_holds(tmp_path, capsys, monkeypatch):
    (tmp_path / "speed.py").write_text('SUMMARY: str = "how " "fast"\n')
    (tmp_path / "part_of_speed.py").write_text("import nothing_like_this\n")
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    module = types.ModuleType("core.bench.speed")
    module.run = lambda *, quick, on_step: [Score(name="rate", value=2.0 if quick else 1.0)]
    monkeypatch.setitem(sys.modules, "core.bench.speed", module)
    assert cli.execute(["bench"]) == 0
    assert capsys.readouterr().out.split() == ["speed", "how", "fast"]
    assert cli.execute(["bench", "speed", "--quick", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["scores"][0]["value"]) == ("bench speed", 2.0)
    with pytest.raises(NotFoundError, match="There are: speed"):
        bench.run("part_of_speed", quick=True)
