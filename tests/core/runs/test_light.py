"""What importing costs, and the store of this process."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import core.runs
from core import settings

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("sqlalchemy", "alembic", "fsspec", "PIL", "numpy", "gradio", "torch")


def loaded_by(code: str) -> list[str]:
    show = f"import sys; {code}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", show],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return eval(done.stdout)


def test_importing_the_package_and_its_links_loads_no_database():
    code = "import core.runs, core.runs.links, core.runs.request, core.runs.png"
    assert loaded_by(code) == []


def test_opening_a_migrated_store_loads_no_alembic_and_no_fsspec(tmp_path):
    core.runs.store()
    code = "import core.runs; core.runs.store().list(owner='x')"
    assert loaded_by(code) == ["sqlalchemy"]


def test_the_store_of_this_process_is_one_and_follows_the_settings(tmp_path):
    found = []
    threads = [threading.Thread(target=lambda: found.append(core.runs.store())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(store) for store in found}) == 1
    run = found[0].save(method="m", request={}, result={}, artifacts={"a.txt": b"a"}, owner="o")
    assert (tmp_path / "data" / "vitrine.sqlite3").exists()
    assert found[0].artifact_file(run.id, "a.txt").is_relative_to(tmp_path / "data" / "served")
    settings.override(data_dir=tmp_path / "other", keep_runs_days=3.0)
    other = core.runs.store()
    assert other is not found[0]
    assert other.keep_days == 3.0
    assert other.list(owner="o") == []


def test_a_new_data_folder_is_closed_to_other_users(tmp_path):
    core.runs.store()
    for folder in (tmp_path / "data", tmp_path / "data" / "artifacts"):
        assert folder.stat().st_mode & 0o077 == 0
