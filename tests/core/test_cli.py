"""The command line: exit codes, one-line errors, options, files."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import types
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

import core
from core import cli, registry, settings
from core.commands import bench, learning, progress, report, run
from core.errors import InputError, NotFoundError, VitrineError
from core.registry import MethodSpec, Paper, Score, Tier

ROOT = Path(core.__file__).resolve().parents[1]
COMMANDS = ["hub", "list", "run", "train", "eval", "bench", "doctor"]


def spoken(capsys):
    """What was written to stderr, which must be one line."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


# A method that exists only here


@dataclass(frozen=True)
class FakeRequest:
    kind: str
    clip: str
    seed: int = 0


SPEC = MethodSpec(
    slug="fake",
    title="Fake",
    summary="Counts bytes.",
    paper=Paper(title="T", authors="A", venue="V", year=2020),
    tasks=("test",),
    tiers=(Tier(name="embedded", title="small", licence="Apache-2.0"),),
    colour="#000000",
    emoji="x",
)


def fake_pipeline():
    from core.runs import store

    def request_from_cli(verb, files, params):
        digest = store().put_input(files[0].read_bytes(), "application/octet-stream")
        return FakeRequest(verb, f"sha256:{digest}", int(params.get("seed", 0)))

    def work(job, request):
        job.report(0.5, "counting")
        if request.kind == "fail":
            raise VitrineError("The count failed. Another file would work. Use one.")
        if request.kind == "crash":
            raise ZeroDivisionError("inside")
        return len(store().get_input(request.clip.removeprefix("sha256:"))) + request.seed

    def write_outputs(result, out):
        path = out / "result.json"
        path.write_text(json.dumps({"count": result}), "utf-8")
        return [path]

    return types.SimpleNamespace(
        VERBS={"count": "one file", "fail": "one file", "crash": "one file"},
        request_from_cli=request_from_cli,
        request_from_json=lambda data: FakeRequest(**data),
        request_to_json=lambda request: dict(vars(request)),
        run=work,
        write_outputs=write_outputs,
    )


def fake_recipe(calls):
    def train(cfg, data, out, resume, on_step):
        step = types.SimpleNamespace(step=1, num_steps=2, fraction=0.5, values={"loss": 0.25})
        on_step(step)
        (out / "model").write_text(cfg)
        calls.append((cfg, data, resume))
        return out

    def evaluate(tier, data, limit, on_step):
        on_step("reading")
        on_step(0.5, "scoring")
        calls.append((tier, data, limit))
        return [
            Score(name="accuracy", value=0.875, unit="share", baseline=0.5, baseline_name="mean",
                  chance=0.25, n=48, interval=(0.8, 0.95)),
        ]  # fmt: skip

    return types.SimpleNamespace(
        train=train, evaluate=evaluate, smoke=lambda: "smoke", cpu=lambda: "cpu", gpu=lambda: "gpu"
    )


@pytest.fixture
def fake(monkeypatch):
    """Registers the method `fake`; gives the calls of its recipe."""
    calls = []
    modules = {"pipeline": fake_pipeline(), "recipe": fake_recipe(calls)}
    real_load = registry.load
    package = types.ModuleType("core.methods.fake")
    monkeypatch.setitem(sys.modules, "core.methods.fake", package)
    for name, content in modules.items():
        module = types.ModuleType(f"core.methods.fake.{name}")
        module.__dict__.update(vars(content))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        modules[name] = module
    monkeypatch.setattr(registry, "load", lambda s: SPEC if s == "fake" else real_load(s))
    monkeypatch.setattr(registry, "slugs", lambda: ["fake"])
    monkeypatch.setattr(registry, "module", lambda slug, name: modules[name])
    return calls


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.bin"
    path.write_bytes(b"12345")
    return path


# Help and wrong usage


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
def test_wrong_usage_exits_with_2_and_one_line(fake, words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.execute(words) == 2
    line = spoken(capsys)
    assert line.startswith("error: ")
    assert len(line) > 20


def test_an_error_of_ours_exits_with_1_and_one_line(fake, clip, capsys, tmp_path):
    code = cli.execute(["run", "fake", "fail", str(clip), "--out", str(tmp_path / "o")])
    assert code == 1
    assert spoken(capsys) == "error: The count failed. Another file would work. Use one."


def test_an_unforeseen_error_is_one_line_and_debug_shows_the_traceback(capsys, monkeypatch):
    def explode():
        raise KeyError("secret place")

    monkeypatch.setattr("core.commands.machine.print_methods", explode)
    assert cli.execute(["list"]) == 1
    assert spoken(capsys) == "error: KeyError: 'secret place' (--debug shows where)"
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


def test_a_stop_from_the_keyboard_exits_with_1(capsys, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr("core.commands.machine.print_methods", stop)
    assert cli.execute(["list"]) == 1
    assert spoken(capsys) == "error: stopped"


def test_version_is_that_of_the_project(capsys):
    assert cli.execute(["--version"]) == 0
    assert capsys.readouterr().out == f"vitrine {core.__version__}\n"
    assert f'version = "{core.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")


# list and doctor


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
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[0, 0, 0] []"


# run


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


def test_a_changed_input_beside_a_request_is_refused(fake, clip, tmp_path, capsys):
    out = tmp_path / "o"
    assert cli.execute(["run", "fake", "count", str(clip), "--out", str(out)]) == 0
    capsys.readouterr()
    next((out / "inputs").iterdir()).write_bytes(b"other")
    assert cli.execute(["run", "fake", "--request", str(out / "request.json")]) == 1
    assert "was changed" in spoken(capsys)


def test_a_request_with_a_verb_is_refused(fake, clip, capsys):
    assert cli.execute(["run", "fake", "count", "--request", str(clip)]) == 2
    assert "Give either" in spoken(capsys)


def test_a_request_that_is_no_json_is_refused(fake, clip, capsys, tmp_path):
    clip.write_bytes(b"\xff\xfe not json")
    assert cli.execute(["run", "fake", "--request", str(clip), "--out", str(tmp_path)]) == 1
    assert "does not hold JSON" in spoken(capsys)


def test_the_verbs_are_told_when_none_is_given(fake, capsys):
    assert cli.execute(["run", "fake"]) == 2
    assert "count (one file)" in spoken(capsys)


def test_a_crash_inside_a_job_is_one_line(fake, clip, capsys, tmp_path):
    assert cli.execute(["run", "fake", "crash", str(clip), "--out", str(tmp_path / "o")]) == 1
    assert "error inside the program" in spoken(capsys)


def test_a_method_without_command_line_says_so(fake, capsys, monkeypatch):
    monkeypatch.setattr(registry, "module", lambda slug, name: types.ModuleType("empty"))
    assert cli.execute(["run", "fake", "count"]) == 2
    assert "cannot run without a browser" in spoken(capsys)


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


# train and eval


def test_train_passes_preset_data_and_resume(fake, tmp_path, capsys):
    out = tmp_path / "o"
    assert cli.execute(["train", "fake", "--out", str(out), "--preset", "cpu"]) == 0
    words = ["train", "fake", "--out", str(out), "--data", str(tmp_path), "--resume"]
    assert cli.execute(words) == 0
    assert fake == [("cpu", None, False), ("smoke", tmp_path, True)]
    assert str(out) in capsys.readouterr().out


def test_train_does_not_overwrite_an_earlier_run(fake, tmp_path, capsys):
    (tmp_path / "checkpoint").write_text("precious")
    assert cli.execute(["train", "fake", "--out", str(tmp_path)]) == 2
    assert "--resume" in spoken(capsys)
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


def test_a_method_without_a_recipe_says_so(fake, capsys, monkeypatch):
    monkeypatch.setattr(registry, "module", lambda slug, name: types.ModuleType("empty"))
    assert cli.execute(["eval", "fake"]) == 2
    assert "no recipe to evaluate" in spoken(capsys)


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, ""), (0.12345, "0.123"), (12345.6, "12346"), (0.0, "0"), (-3.0, "-3")],
)
def test_numbers_keep_three_digits(value, words):
    assert report.number(value) == words


# bench


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


# progress


class Terminal:
    """Collects what is written; claims to be a terminal or not."""

    def __init__(self, is_terminal):
        self.is_terminal, self.text = is_terminal, ""

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_short_work_shows_no_bar(clock):
    screen = Terminal(True)
    with progress.Progress("work", stream=screen) as bar:
        for _ in range(10):
            clock[0] += 0.19
            bar.update(0.5, "half")
    assert screen.text == ""


def test_long_work_shows_a_bar_with_the_time_left(clock):
    screen = Terminal(True)
    with progress.Progress("work", stream=screen) as bar:
        bar.update(0.0)
        clock[0] += 10
        bar.update(0.25, "quarter")
    assert "work" in screen.text
    assert "30 s left" in screen.text


def test_a_resumed_run_is_timed_by_its_own_pace(clock):
    screen = Terminal(True)
    with progress.Progress("work", stream=screen) as bar:
        bar.update(0.5)
        clock[0] += 10
        bar.update(0.6)
    assert "40 s left" in screen.text


def test_a_log_file_gets_a_line_now_and_then(clock):
    log = Terminal(False)
    with progress.Progress("work", stream=log) as bar:
        bar.update(0.0)
        for step in range(1, 101):
            clock[0] += 1
            bar.update(step / 200, f"step {step}")
    lines = log.text.splitlines()
    assert len(lines) == 3
    assert lines[0] == "work: 15%, step 30, about 3 min left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.2, "1 s left"), (89, "89 s left"), (600, "about 10 min left"),
     (7200, "about 2.0 h left"), (float("inf"), ""), (-1, "")],
)  # fmt: skip
def test_time_left_is_written_for_readers(seconds, words):
    assert progress.left_words(seconds) == words


def test_a_recipe_may_report_steps_fractions_or_words(clock):
    log = Terminal(False)
    bar = progress.Progress("work", stream=log)
    on_step = learning.on_step_of(bar)
    for report_it in (lambda: on_step("reading"), lambda: on_step(0.5, "half")):
        clock[0] += 31
        report_it()
    clock[0] += 31
    on_step(types.SimpleNamespace(step=3, num_steps=4, fraction=0.75, values={"loss": 0.5}))
    words = [line.split(", ")[0] for line in log.text.splitlines()]
    assert words == ["work: reading", "work: 50%", "work: 75%"]
    assert "step 3 of 4, loss 0.5" in log.text


# hub


@pytest.fixture
def served(monkeypatch):
    """Replaces the hub; gives the settings it was started with."""
    seen = []
    module = types.ModuleType("core.hub")

    def serve(chosen, on_ready):
        on_ready("http://127.0.0.1:7860/")
        seen.append(chosen)

    module.serve = serve
    monkeypatch.setitem(sys.modules, "core.hub", module)
    monkeypatch.setattr("core.hub", module, raising=False)
    return seen


def test_hub_options_become_settings(served, fake, tmp_path, capsys):
    words = [
        "hub", "--share", "--host", "0.0.0.0", "--port", "8123", "--methods", "fake",
        "--auth", "anna:a:b", "--device", "cpu", "--vram", "20GiB", "--data-dir", str(tmp_path),
    ]  # fmt: skip
    assert cli.execute(words) == 0
    chosen = served[0]
    assert (chosen.share, chosen.host, chosen.port, chosen.methods) == (
        True, "0.0.0.0", 8123, ("fake",),
    )  # fmt: skip
    assert (chosen.auth, chosen.device) == (("anna", "a:b"), "cpu")
    assert (chosen.device_budget, chosen.data_dir) == (20 * 2**30, tmp_path)
    assert capsys.readouterr().out == "Vitrine is at http://127.0.0.1:7860 (Ctrl-C stops it)\n"


def test_options_that_are_not_given_leave_the_environment_alone(served, monkeypatch):
    monkeypatch.setenv("VITRINE_PORT", "8124")
    settings.use(None)
    assert cli.execute([]) == 0
    assert served[0].port == 8124


def test_a_taken_port_is_said_in_words(served, capsys, monkeypatch):
    def serve(chosen, on_ready):
        raise OSError("Cannot find empty port in range: 7860-7860.")

    monkeypatch.setattr(sys.modules["core.hub"], "serve", serve)
    assert cli.execute(["hub"]) == 1
    assert "Port 7860 is taken" in spoken(capsys)


def test_other_system_errors_of_the_hub_are_not_called_a_taken_port(served, capsys, monkeypatch):
    def serve(chosen, on_ready):
        raise OSError("disk full")

    monkeypatch.setattr(sys.modules["core.hub"], "serve", serve)
    assert cli.execute(["hub"]) == 1
    assert "disk full" in spoken(capsys)


def test_input_errors_are_not_wrong_usage():
    from core.commands import WrongUsage

    assert issubclass(WrongUsage, InputError)
    assert not issubclass(InputError, WrongUsage)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("on_space", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_app_py_without_arguments_serves_the_hub(tmp_path, on_space):
    port = _free_port()
    given = {"VITRINE_PORT": str(port), "VITRINE_DATA_DIR": str(tmp_path)}
    if on_space:
        given |= {"SYSTEM": "spaces", "SPACE_ID": "someone/vitrine"}
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **given}, stdout=log, stderr=log
    )
    try:
        assert _says("Vitrine is at http://", process, log), Path(log.name).read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, Path(log.name).read_text()
    finally:
        process.kill()
        process.wait()
        log.close()


def _says(text, process, log, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if text in Path(log.name).read_text():
            return True
        time.sleep(0.2)
    return False


def test_importing_app_starts_nothing():
    code = "import app, sys; print('gradio' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "SYSTEM": "spaces", "SPACE_ID": "someone/vitrine"},
    )  # fmt: skip
    assert done.stdout == "False\n"
