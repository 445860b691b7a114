"""The whole check, and the start of an export in a clean environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

from core import registry
from core.publish import check as checking
from core.publish.boot import BootError, boot, clean_environment, running
from core.publish.build import Export, build, files_of
from core.publish.check import check
from core.publish.plan import plan_for


def copied(export: Export, folder) -> Export:
    shutil.copytree(export.folder, folder)
    files = tuple(files_of(folder))
    return Export(export.plan, folder, files, sum(file.size for file in files))


def test_a_method_of_its_own_starts_at_its_address_in_a_clean_environment(trill_export):
    findings = check(trill_export)
    assert [f for f in findings if f.level != "note" and "git does not know" not in f.what] == []
    [told] = [f.what for f in findings if "first page" in f.what]
    assert float(told.split()[-2]) > 0.5


def test_the_hub_starts_with_its_landing_page_and_every_method(tmp_path):
    export = build(plan_for("hub", repo="anna/all"), tmp_path / "hub")
    went = boot(export)
    pages = [f"/{slug}" for slug in registry.slugs()]
    assert went.answers == dict.fromkeys(("/", "/healthz", "/readyz", "/config", *pages), 200)
    assert went.ready["ready"] is True
    assert sorted(went.ready["pages"]) == registry.slugs()
    assert went.written == ()
    assert went.seconds > 0.5


def test_a_broken_page_and_missing_weights_are_errors(trill_export, tmp_path):
    export = copied(trill_export, tmp_path / "broken")
    ui = export.folder / "spaces/trill/ui.py"
    ui.write_text(ui.read_text() + "\n\ndef layout() -> None:\n    raise RuntimeError('no')\n")
    (export.folder / "spaces/trill/weights/model.safetensors").unlink()
    found = [(f.file, f.what) for f in check(export) if f.level == "error"]
    assert ("spaces/trill/ui.py", "its page could not be built; see the log.") in found
    assert ("spaces/trill/weights", "there are no weights, so nothing runs.") in found


def test_an_app_that_ends_is_told_by_its_last_words(trill_export, tmp_path):
    export = copied(trill_export, tmp_path / "dead")
    (export.folder / "app.py").write_text("raise SystemExit('the roof is on fire')\n")
    with pytest.raises(BootError, match="code 1: the roof is on fire"):
        boot(export)


def test_an_app_that_says_nothing_is_not_waited_for_without_end(trill_export, tmp_path):
    export = copied(trill_export, tmp_path / "asleep")
    (export.folder / "app.py").write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(BootError, match="no page in time: it said nothing"):
        boot(export, patience=1.0)


def test_what_an_app_writes_into_its_own_folder_is_told(trill_export, tmp_path, monkeypatch):
    export = copied(trill_export, tmp_path / "writes")
    (export.folder / "app.py").write_text(SERVER)
    found = [(f.level, f.file, f.what) for f in checking.started(export)]
    assert ("warning", "notes.txt", "is written into the app's own folder when it starts.") in found
    assert ("error", "app.py", "answers /config with 404, not with 200.") in found
    assert ("error", "app.py", "starts without the pages of trill.") in found
    assert ("error", "app.py", "starts, but /readyz does not call it ready.") in found


SERVER = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer

open("notes.txt", "w").write(json.dumps(dict(os.environ)))


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"/": b"hello", "/healthz": b"{}", "/readyz": b'{"ready": false, "pages": []}'}
        self.send_response(200 if self.path in known else 404)
        self.end_headers()
        self.wfile.write(known.get(self.path, b""))


HTTPServer(("127.0.0.1", int(os.environ["VITRINE_PORT"])), Answers).serve_forever()
"""


def test_nothing_of_our_environment_reaches_the_app(trill_export, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "not-for-others")
    monkeypatch.setenv("PYTHONPATH", "nowhere")
    monkeypatch.setenv("VITRINE_AUTH", "anna:secret")
    export = copied(trill_export, tmp_path / "app")
    (export.folder / "app.py").write_text(SERVER)
    (tmp_path / "state").mkdir()
    with running(export.folder, tmp_path / "state", repo="anna/trill"):
        seen = json.loads((export.folder / "notes.txt").read_text())
    assert not {"HF_TOKEN", "PYTHONPATH", "VITRINE_AUTH", "VIRTUAL_ENV"} & set(seen)
    assert seen["SPACE_ID"] == "anna/trill"
    assert seen["SYSTEM"] == "spaces"
    assert seen["HOME"].startswith(str(tmp_path))


def test_an_error_of_a_rule_is_found_and_nothing_is_started(trill_export, tmp_path, monkeypatch):
    """Each rule takes part: one violation of every kind, and every kind is reported."""
    export = copied(trill_export, tmp_path / "bad")
    planted = {
        "core/.env": "X=1",
        "core/extra.py": "import wandb",
        "core/token.md": "hf_" + "Ab1" * 12,
        "core/place.md": "see /home/anna/x",
        "README.md": "---\ntitle: x\n---\n",
        "requirements.txt": "torch\n",
        "LICENSE": "mine",
    }
    for name, text in planted.items():
        (export.folder / name).write_text(text)
    monkeypatch.setattr(checking, "started", lambda export: pytest.fail("it was started"))
    found = check(export)
    assert {f.file for f in found if f.level == "error"} >= set(planted)
    assert [f.level for f in found] == sorted(
        (f.level for f in found), key=("error", "warning", "note").index
    )


def command(export: Export, state, *arguments, **variables):
    state.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=export.folder,
        env={
            **clean_environment(state, "anna/trill", 7860),
            "SYSTEM": "",
            "OMP_NUM_THREADS": "1",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=300,  # many may share the machine
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list"], "ready here"),
        (["doctor"], "Everything that the hub needs is here"),
        (["hub", "--help"], "--single"),
        (["publish", "trill", "--help"], "--dry-run"),
    ],
    ids=["list", "doctor", "help", "publish"],
)
def test_the_other_commands_work_in_an_export(trill_export, tmp_path, arguments, said):
    done = command(trill_export, tmp_path / "state", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout
    assert "make install" not in done.stdout
    assert "browser tests" not in done.stdout


def test_a_method_runs_in_an_export_without_a_browser(trill_export, tmp_path):
    clip = "spaces/trill/examples/fsdd/digits-george.flac"
    out = tmp_path / "out"
    done = command(trill_export, tmp_path, "run", "trill", "explore", clip, "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((out / "result.json").read_text())


@pytest.mark.skipif(
    any(d.metadata["Name"] == "spaces" for d in metadata.distributions()), reason="spaces is here"
)
def test_on_zero_gpu_the_doctor_misses_the_package_that_lends_the_gpu(trill_export, tmp_path):
    done = command(trill_export, tmp_path, "doctor", SPACES_ZERO_GPU="true")
    assert done.returncode == 1
    assert "pip install -r requirements.txt" in done.stdout
