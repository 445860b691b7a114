"""The command line: help, exit codes, one-line errors, light imports."""

import subprocess
import sys
from pathlib import Path

import pytest

import core
from core import cli, registry

ROOT = Path(core.__file__).resolve().parents[1]
COMMANDS = ["hub", "list", "run", "train", "eval", "bench", "publish", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    assert cli.execute([command, "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"Example: python app.py {command}" in out


def test_the_commands_are_those_of_the_design(capsys):
    assert cli.execute(["--help"]) == 0
    out = capsys.readouterr().out
    listed = out[out.index("Commands:") :].splitlines()[1:]
    assert [line.split()[0] for line in listed if line[:3].strip()][: len(COMMANDS)] == COMMANDS


@pytest.mark.parametrize(
    "words",
    [
        ["--bogus"],
        ["nonsense"],
        ["run"],
        ["run", "nope", "explore"],
        ["run", "fake"],
        ["run", "fake", "fly"],
        ["run", "fake", "count", "missing.wav"],
        ["run", "fake", "count", "--set", "seed"],
        ["run", "fake", "count", "--set", "seed=1", "--set", "seed=2"],
        ["run", "fake", "--request", "missing.json"],
        ["train", "fake"],
        ["train", "fake", "--out", "o", "--preset", "huge"],
        ["train", "fake", "--out", "o", "--data", "/no/such/folder"],
        ["eval", "nope"],
        ["eval", "fake", "--tier", "full"],
        ["eval", "fake", "--limit", "0"],
        ["bench", "nope"],
        ["hub", "--port", "99999"],
        ["hub", "--port", "many"],
        ["hub", "--vram", "lots"],
        ["hub", "--auth", "anna"],
        ["hub", "--methods", "nope"],
        ["hub", "--device", "tpu"],
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(fake, words, spoken, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.execute(words) == 2
    line = spoken()
    assert line.startswith("error: ")
    assert len(line) > 20


def test_an_error_of_ours_exits_with_1_and_one_line(fake, clip, spoken, tmp_path):
    code = cli.execute(["run", "fake", "fail", str(clip), "--out", str(tmp_path / "o")])
    assert code == 1
    assert spoken() == "error: The count failed. Another file would work. Use one."


def test_an_unforeseen_error_is_one_line_and_debug_shows_the_traceback(capsys, spoken, monkeypatch):
    def explode():
        raise KeyError("secret place")

    monkeypatch.setattr("core.commands.machine.print_methods", explode)
    assert cli.execute(["list"]) == 1
    assert spoken() == "error: KeyError: 'secret place' (--debug shows where)"
    assert cli.execute(["list"], debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_debug_is_allowed_anywhere(monkeypatch):
    seen = {}

    def fake_execute(words, *, debug):
        seen.update(words=words, debug=debug)
        return 0

    monkeypatch.setattr(cli, "execute", fake_execute)
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "trill", "--debug", "explore"])
    assert stop.value.code == 0
    assert seen == {"words": ["run", "trill", "explore"], "debug": True}


def test_a_stop_from_the_keyboard_exits_with_1(spoken, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr("core.commands.machine.print_methods", stop)
    assert cli.execute(["list"]) == 1
    assert spoken() == "error: stopped"


def test_version_is_that_of_the_project(capsys):
    assert cli.execute(["--version"]) == 0
    assert capsys.readouterr().out == f"vitrine {core.__version__}\n"
    assert f'version = "{core.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_list_names_each_method_and_tier(capsys):
    assert cli.execute(["list"]) == 0
    out = capsys.readouterr().out
    for slug in registry.slugs():
        assert slug in out
        for tier in registry.load(slug).tiers:
            assert tier.title.split()[0] in out


def test_list_survives_a_broken_card(capsys, monkeypatch):
    def broken(slug):
        raise SyntaxError("bad card")

    monkeypatch.setattr(registry, "load", broken)
    assert cli.execute(["list"]) == 0
    assert "cannot be read: bad card" in capsys.readouterr().out


def test_light_commands_import_neither_torch_nor_gradio():
    code = (
        "import core.gpu, sys\n"
        "from core.cli import execute\n"
        "codes = [execute([c]) for c in ('list', '--help', 'bench')]\n"
        "execute(['doctor'])\n"
        "heavy = {'torch', 'gradio', 'diffusers', 'transformers', 'accelerate', 'pandas'}\n"
        "print(codes, sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[0, 0, 0] []"
