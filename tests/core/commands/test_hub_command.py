"""`hub`: options become settings, and `python app.py` serves."""

import os
import signal
import socket
import subprocess
import sys
import time
import types
import urllib.request
from pathlib import Path

import pytest

import core
from core import cli, settings
from core.errors import InputError

ROOT = Path(core.__file__).resolve().parents[1]


@pytest.fixture
def served(monkeypatch):
    """Replaces the hub; gives the settings it was started with."""
    seen = []
    module = types.ModuleType("core.hub")

    def serve(chosen, single, on_ready, on_note):
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


def test_a_taken_port_is_said_in_words(served, spoken, monkeypatch):
    def serve(chosen, single, on_ready, on_note):
        raise OSError("Cannot find empty port in range: 7860-7860.")

    monkeypatch.setattr(sys.modules["core.hub"], "serve", serve)
    assert cli.execute(["hub"]) == 1
    assert "Port 7860 is taken" in spoken()


def test_other_system_errors_of_the_hub_are_not_called_a_taken_port(served, spoken, monkeypatch):
    def serve(chosen, single, on_ready, on_note):
        raise OSError("disk full")

    monkeypatch.setattr(sys.modules["core.hub"], "serve", serve)
    assert cli.execute(["hub"]) == 1
    assert "disk full" in spoken()


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
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, **given},
        stdout=log,
        stderr=log,
        # tests that run in the background inherit an ignored SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert _says("Vitrine is at http://", process, log), Path(log.name).read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, Path(log.name).read_text()
    finally:
        process.kill()
        process.wait()
        log.close()


def _says(text, process, log, seconds=180):
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
        cwd=ROOT, capture_output=True, text=True, timeout=180, check=True,
        env={**os.environ, "SYSTEM": "spaces", "SPACE_ID": "someone/vitrine"},
    )  # fmt: skip
    assert done.stdout == "False\n"


def test_single_serves_that_method_alone(served, fake, monkeypatch):
    chosen = []

    def serve(settings, single, on_ready, on_note):
        chosen.append(single)

    monkeypatch.setattr(sys.modules["core.hub"], "serve", serve)
    assert cli.execute(["hub", "--single", "fake"]) == 0
    assert cli.execute(["hub"]) == 0
    assert chosen == ["fake", None]


def test_single_of_no_method_is_wrong_usage(served, spoken):
    assert cli.execute(["hub", "--single", "nobody"]) == 2
    assert "There is no method 'nobody'" in spoken()
