"""The installer: what it runs, in which order, and when it has nothing to do."""

import sys
from pathlib import Path

import pytest

from scripts import install

PYTHON = Path("/env/bin/python")


class Calls:
    """Stands in for running commands; those that contain one of `failing` fail."""

    def __init__(self, *failing):
        self.failing = failing
        self.made = []

    def __call__(self, command, *, attempt=False):
        line = " ".join(command)
        self.made.append(line)
        return int(any(word in line for word in self.failing))

    def ran(self, word):
        return [line for line in self.made if word in line]


def run(calls, monkeypatch, *, dev=False, torch="auto", gpu=False, platform="linux"):
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(install.sys, "platform", platform)
    return install.install(PYTHON, dev=dev, torch=torch, call=calls)


def test_without_a_gpu_the_cpu_build_comes_first(monkeypatch):
    calls = Calls("importlib.metadata")  # torch is not there yet
    assert run(calls, monkeypatch) == 0
    assert f"torch=={install.TORCH}+cpu" in calls.made[1]
    assert "requirements.txt" in calls.made[2]
    assert len(calls.made) == 3


def test_an_installed_torch_is_left_alone(monkeypatch):
    calls = Calls()
    assert run(calls, monkeypatch) == 0
    assert not calls.ran("torch==")


def test_with_a_gpu_the_default_build_is_taken(monkeypatch):
    calls = Calls("importlib.metadata")
    assert run(calls, monkeypatch, gpu=True) == 0
    assert not calls.ran("+cpu")
    assert len(calls.made) == 1


def test_elsewhere_the_default_build_has_no_cuda(monkeypatch):
    calls = Calls("importlib.metadata")
    assert run(calls, monkeypatch, platform="darwin") == 0
    assert not calls.ran("+cpu")


def test_the_choice_can_be_forced(monkeypatch):
    calls = Calls("importlib.metadata")
    assert run(calls, monkeypatch, torch="cpu", gpu=True) == 0
    assert calls.ran("+cpu")
    calls = Calls("importlib.metadata")
    assert run(calls, monkeypatch, torch="default") == 0
    assert not calls.ran("+cpu")


def test_uv_is_asked_when_the_indexes_have_no_cpu_build(monkeypatch, capsys):
    calls = Calls("importlib.metadata", "+cpu")
    assert run(calls, monkeypatch) == 0
    assert calls.ran("--torch-backend=cpu")[0].endswith(f"torch=={install.TORCH}")
    assert "2.6 GB" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "failing", ["--torch-backend=cpu", "install -qq --disable-pip-version-check --no-input uv"]
)
def test_the_default_build_is_the_last_resort_and_said(monkeypatch, capsys, failing):
    calls = Calls("importlib.metadata", "+cpu", failing)
    assert run(calls, monkeypatch) == 0
    assert "about 2.6 GB" in capsys.readouterr().out
    assert "requirements.txt" in calls.made[-1]


def test_the_hub_is_installed_with_the_pins_as_constraints(monkeypatch):
    calls = Calls()
    run(calls, monkeypatch)
    line = calls.made[-1]
    assert line.endswith(
        f"-r {install.ROOT / 'requirements.txt'} -c {install.ROOT / 'requirements-dev.txt'}"
    )
    calls = Calls()
    run(calls, monkeypatch, dev=True)
    assert calls.made[-1].endswith(f"-r {install.ROOT / 'requirements-dev.txt'}")


def test_for_zero_gpu_its_torch_and_its_package_replace_the_pins(monkeypatch, tmp_path):
    calls = Calls("importlib.metadata", "+cpu")
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(install.sys, "platform", "linux")
    python = tmp_path / "python"
    assert install.install(python, dev=True, torch="auto", zero=True, call=calls) == 0
    assert calls.ran("--torch-backend=cpu")[0].endswith(f"torch=={install.ZERO_TORCH}")
    assert not calls.ran(f"torch=={install.TORCH}")
    assert calls.made[-1].endswith(f"-r {tmp_path / 'zero-pins.txt'}")
    lines = (tmp_path / "zero-pins.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("torch==")] == [
        f"torch=={install.ZERO_TORCH}"
    ]
    assert install.ZERO_PACKAGE in lines
    assert [line for line in lines if line.startswith("gradio==")]


def test_zero_gpu_wants_its_own_python(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(install, "ZERO_PYTHON", (3, 99))
    assert install.main(["--venv", str(tmp_path / "env"), "--zero"]) == 2
    assert "3.99 is needed. Set ZERO_PYTHON=python3.12" in capsys.readouterr().out


def test_a_failed_installation_is_a_failure(monkeypatch):
    assert run(Calls("requirements.txt"), monkeypatch) == 1


def environment(path):
    python = install.venv_python(path)
    python.parent.mkdir(parents=True)
    python.touch()
    return path


@pytest.fixture
def steps(monkeypatch):
    made = []
    monkeypatch.setattr(install, "make_venv", lambda venv: made.append("venv") or 0)
    monkeypatch.setattr(
        install,
        "install",
        lambda python, dev, torch, zero: made.append("dev" if dev else "hub") or 0,
    )
    return made


def test_a_second_call_has_nothing_to_do(tmp_path, steps):
    venv = environment(tmp_path / "env")
    for _ in range(3):
        assert install.main(["--venv", str(venv)]) == 0
    assert steps == ["venv", "hub"]


def test_an_installation_for_development_covers_the_hub(tmp_path, steps):
    venv = environment(tmp_path / "env")
    install.main(["--venv", str(venv), "--dev"])
    install.main(["--venv", str(venv)])
    assert steps == ["venv", "dev"]
    install.main(["--venv", str(venv), "--torch", "cpu"])
    assert steps == ["venv", "dev", "venv", "hub"]


def test_the_hub_alone_does_not_cover_development(tmp_path, steps):
    venv = environment(tmp_path / "env")
    install.main(["--venv", str(venv)])
    install.main(["--venv", str(venv), "--dev"])
    assert steps == ["venv", "hub", "venv", "dev"]


def test_a_lost_environment_is_made_again(tmp_path, steps):
    venv = environment(tmp_path / "env")
    install.main(["--venv", str(venv)])
    install.venv_python(venv).unlink()
    install.main(["--venv", str(venv)])
    assert steps == ["venv", "hub"] * 2


def test_changed_requirements_change_the_key(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("a==1\n")
    before = install.stamp_key([file], "auto")
    assert install.stamp_key([file], "auto") == before
    assert install.stamp_key([file], "cpu") != before
    file.write_text("a==2\n")
    assert install.stamp_key([file], "auto") != before


def test_a_failed_installation_leaves_no_stamp(tmp_path, steps, monkeypatch):
    venv = environment(tmp_path / "env")
    monkeypatch.setattr(install, "install", lambda python, dev, torch, zero: 1)
    assert install.main(["--venv", str(venv)]) == 1
    assert not (venv / ".installed.json").exists()


def test_an_unfit_python_is_refused_in_words(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(install, "PYTHONS", ((3, 99),))
    assert install.main(["--venv", str(tmp_path / "env")]) == 2
    out = capsys.readouterr().out
    assert f"this is Python {sys.version.split()[0]}; 3.99 is needed" in out


def test_the_installer_needs_nothing_but_the_standard_library():
    import ast

    tree = ast.parse(Path(install.__file__).read_text("utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names <= set(sys.stdlib_module_names)


@pytest.mark.slow
def test_an_environment_is_really_made_and_kept(tmp_path):
    venv = tmp_path / "env"
    assert install.make_venv(venv) == 0
    marker = venv / "marker"
    marker.touch()
    assert install.make_venv(venv) == 0  # it works, so it stays
    assert marker.exists()
    install.venv_python(venv).unlink()
    assert install.make_venv(venv) == 0
    assert not marker.exists()
