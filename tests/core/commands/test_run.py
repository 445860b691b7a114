"""`run`: files in, a folder out that repeats itself."""

import json
import types
from pathlib import Path

import pytest

import core
from core import cli, registry, settings
from core.commands import run

ROOT = Path(core.__file__).resolve().parents[1]


def test_run_writes_request_inputs_and_result(fake, clip, tmp_path, capsys):
    out = tmp_path / "o"
    words = ["run", "fake", "count", str(clip), "--set", "seed=7", "--out", str(out)]
    assert cli.execute(words) == 0
    assert json.loads((out / "result.json").read_text())["count"] == 12
    request = json.loads((out / "request.json").read_text())
    digest = request["clip"].removeprefix("sha256:")
    assert request == {"kind": "count", "clip": f"sha256:{digest}", "seed": 7}
    assert (out / "inputs" / digest).read_bytes() == b"12345"
    printed = capsys.readouterr().out.splitlines()
    assert printed == [str(out / "request.json"), str(out / "inputs" / digest),
                       str(out / "result.json")]  # fmt: skip


def test_a_request_repeats_its_run_on_another_machine(fake, clip, tmp_path):
    out, again = tmp_path / "o", tmp_path / "again"
    assert cli.execute(["run", "fake", "count", str(clip), "--out", str(out)]) == 0
    settings.override(data_dir=tmp_path / "elsewhere")
    words = ["run", "fake", "--request", str(out / "request.json"), "--out", str(again)]
    assert cli.execute(words) == 0
    for name in ("request.json", "result.json"):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_a_changed_input_beside_a_request_is_refused(fake, clip, tmp_path, capsys, spoken):
    out = tmp_path / "o"
    assert cli.execute(["run", "fake", "count", str(clip), "--out", str(out)]) == 0
    capsys.readouterr()
    next((out / "inputs").iterdir()).write_bytes(b"other")
    assert cli.execute(["run", "fake", "--request", str(out / "request.json")]) == 1
    assert "was changed" in spoken()


def test_a_request_with_a_verb_is_refused(fake, clip, spoken):
    assert cli.execute(["run", "fake", "count", "--request", str(clip)]) == 2
    assert "Give either" in spoken()


def test_a_request_that_is_no_json_is_refused(fake, clip, spoken, tmp_path):
    clip.write_bytes(b"\xff\xfe not json")
    assert cli.execute(["run", "fake", "--request", str(clip), "--out", str(tmp_path)]) == 1
    assert "does not hold JSON" in spoken()


def test_the_verbs_are_told_when_none_is_given(fake, spoken):
    assert cli.execute(["run", "fake"]) == 2
    assert "count (one file)" in spoken()


def test_a_crash_inside_a_job_is_one_line(fake, clip, spoken, tmp_path):
    assert cli.execute(["run", "fake", "crash", str(clip), "--out", str(tmp_path / "o")]) == 1
    assert "error inside the program" in spoken()


def test_a_method_without_command_line_says_so(fake, spoken, monkeypatch):
    monkeypatch.setattr(registry, "module", lambda slug, name: types.ModuleType("empty"))
    assert cli.execute(["run", "fake", "count"]) == 2
    assert "cannot run without a browser" in spoken()


def test_a_broken_pipeline_is_not_called_missing(fake, monkeypatch):
    def missing(slug, name):
        raise ModuleNotFoundError("No module named 'lost'", name="lost")

    monkeypatch.setattr(registry, "module", missing)
    with pytest.raises(ModuleNotFoundError):
        run.execute("fake", "count", [], {}, None, Path("o"))


@pytest.mark.parametrize(
    ("given", "found"),
    [([], {}), (["a=1"], {"a": "1"}), (["a=b=c", "d="], {"a": "b=c", "d": ""})],
)
def test_settings_are_split_at_the_first_equals_sign(given, found):
    assert run.parse_settings(given) == found


def test_the_first_method_really_runs(tmp_path):
    example = next((ROOT / "spaces" / "trill" / "examples").rglob("*.flac"))
    assert cli.execute(["run", "trill", "explore", str(example), "--out", str(tmp_path / "o")]) == 0
    assert json.loads((tmp_path / "o" / "request.json").read_text())["kind"] == "explore"
    assert json.loads((tmp_path / "o" / "result.json").read_text())
