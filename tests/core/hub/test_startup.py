"""The hub starts lightly, and whatever owns the name `spaces`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.core.hub.fake_hub import ROOT

BUILD = """
import sys, json
import core.gpu
import core.methods
from pathlib import Path
from core import registry
fakes = Path("tests/core/hub/spaces").resolve()
registry.SPACES = fakes
core.methods.__path__[:] = [str(fakes)]
from core.hub import build_hub
blocks, _ = build_hub()
heavy = sorted({"torch", "diffusers", "transformers", "accelerate"} & set(sys.modules))
spaces = sys.modules.get("spaces")
print(json.dumps({"heavy": heavy, "pages": [p[0] for p in blocks.pages],
                  "spaces": getattr(spaces, "__file__", None),
                  "wrapped": getattr(spaces, "WRAPPED", 0)}))
"""

STUB = '''"""Stands in for the platform's package."""
WRAPPED = 0


def GPU(fn=None, **settings):
    return fn if callable(fn) else (lambda inner: inner)


def gradio_auto_wrap(fn):
    global WRAPPED
    WRAPPED += 1
    return fn
'''


def build(tmp_path, *, on_space: bool, stub: bool) -> dict:
    path = [str(ROOT)]
    if stub:
        (tmp_path / "site" / "spaces").mkdir(parents=True)
        (tmp_path / "site" / "spaces" / "__init__.py").write_text(STUB)
        path.append(str(tmp_path / "site"))  # behind our folder, as site-packages is
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "VITRINE_DATA_DIR": str(tmp_path / "data"),
        "HF_HUB_OFFLINE": "1",
    }
    if on_space:
        env |= {"SYSTEM": "spaces", "SPACE_ID": "somebody/vitrine"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BUILD],
        capture_output=True,
        text=True,
        env=env,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("on_space", [False, True], ids=["off a Space", "on a Space"])
@pytest.mark.parametrize("stub", [False, True], ids=["without spaces", "with spaces"])
def test_the_hub_builds_lightly_whoever_owns_the_name_spaces(tmp_path, on_space, stub):
    found = build(tmp_path, on_space=on_space, stub=stub)
    assert {"", "echo", "broken", "jobs", "status", "api"} == set(found["pages"])
    assert found["heavy"] == []
    assert (found["spaces"] is not None) == stub
    assert (found["wrapped"] > 0) == (on_space and stub)


def test_the_folder_of_methods_is_no_package():
    assert not (ROOT / "spaces" / "__init__.py").exists()


@pytest.mark.slow
def test_the_hub_keeps_its_start_up_budget():
    from core.bench import hub

    scores = {score.name: score for score in hub.run(quick=True)}
    for score in scores.values():
        if "budget" in score.details and "round trip" not in score.name:
            assert score.value <= score.details["budget"], score
