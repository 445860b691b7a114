"""The import contracts hold, and each of them bites when somebody breaks it."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_spaces = importlib.util.find_spec("spaces") if sys.modules.get("spaces", 1) else None
pytestmark = pytest.mark.skipif(
    _spaces is not None and _spaces.origin is not None,
    reason="the linter would read the platform's package `spaces`, which is installed, for ours",
)
PLANTED = {
    "core knows no method": ("core/media/planted.py", "import spaces.trill.config\n"),
    "methods do not know each other": ("spaces/trill/planted.py", "import spaces.planted\n"),
    "core points down": ("core/media/planted.py", "import core.hub\n"),
    "inside a method, imports point down": (
        "spaces/trill/config.py",
        "from . import algorithm\n",
    ),
    "no Gradio below the page": ("core/jobs/planted.py", "import core.ui.page\n"),
    "no torch in media, runs, settings and specs": (
        "core/media/planted.py",
        "def late():\n    import torch\n",
    ),
    "pages and commands import no torch of their own": ("core/ui/planted.py", "import torch\n"),
}


def lint(folder):
    code = (
        "import sys; from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120
    )


def states(output):
    """Each contract's name with KEPT or BROKEN."""
    found = {}
    for line in output.splitlines():
        for state in ("KEPT", "BROKEN"):
            name, word, _ = line.partition(f" {state}")
            if word:
                found[name] = state
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the code, to plant violations in."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ("core", "spaces"):
        only_code = shutil.ignore_patterns("__pycache__", "weights", "examples", "assets")
        shutil.copytree(ROOT / name, folder / name, ignore=only_code)
    (folder / "spaces" / "planted").mkdir()
    (folder / "spaces" / "planted" / "__init__.py").write_text('"""A second method."""\n')
    return folder


def test_all_contracts_are_kept():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert states(done.stdout) == dict.fromkeys(PLANTED, "KEPT")


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_breaks_its_contract(house, contract):
    name, line = PLANTED[contract]
    path = house / name
    before = path.read_text("utf-8") if path.exists() else None
    path.write_text((before or "") + "\n" + line, "utf-8")
    try:
        done = lint(house)
    finally:
        path.unlink() if before is None else path.write_text(before, "utf-8")
    assert done.returncode == 1
    assert states(done.stdout)[contract] == "BROKEN"


def test_a_module_of_core_without_a_place_is_noticed(house):
    path = house / "core" / "planted.py"
    path.write_text('"""Nobody gave it a layer."""\n')
    try:
        done = lint(house)
    finally:
        path.unlink()
    assert states(done.stdout)["core points down"] == "BROKEN"
    assert "core.planted" in done.stdout
