"""The Dockerfile, which not every machine can build: what it copies, runs and promises."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

import pytest

from core import settings
from scripts import install
from tests.serving import ROOT, clean_env, free_port

NOBODY = 65534


def instructions() -> list[tuple[str, str]]:
    """Keyword and rest of each instruction, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = re.sub(r"(?m)^\s*#.*\n", "", text)
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [
        (k.upper(), rest)
        for k, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def all_of(keyword: str) -> list[str]:
    return [rest for found, rest in instructions() if found == keyword]


def environment() -> dict[str, str]:
    pairs = " ".join(all_of("ENV")).split()
    return dict(pair.split("=", 1) for pair in pairs)


def copied() -> list[tuple[list[str], str]]:
    """Sources and target of each COPY from the checkout."""
    rows = [rest.split() for rest in all_of("COPY") if not rest.startswith("--from")]
    return [(words[:-1], words[-1]) for words in rows]


def ignored(path: str) -> bool:
    """Whether `.dockerignore` keeps a path from the builder; the last rule that fits decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        keep, rule = rule.startswith("!"), rule.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        whole = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        if any(
            fnmatch(part, rule)
            for part in (*whole, *(parts if "/" not in rule and not keep else []))
        ):
            out = not keep
    return out


def test_every_copied_source_exists_and_reaches_the_builder():
    assert copied()
    for sources, _ in copied():
        for source in sources:
            assert (ROOT / source).exists(), source
            assert not ignored(source), source


@pytest.mark.parametrize(
    "path",
    [".git/config", "tests/conftest.py", ".venv/bin/python", "docs/LOG.md", "out/x", "Makefile",
     "core/__pycache__/x.pyc", "spaces/trill/__pycache__/x.pyc", ".env", "node_modules/x",
     "scripts/generate_docs.py", "data/vitrine.sqlite3"],
)  # fmt: skip
def test_tests_caches_and_secrets_stay_out(path):
    assert ignored(path)


@pytest.mark.parametrize("path", ["app.py", "core/hub.py", "spaces/trill/weights/config.json"])
def test_what_the_hub_needs_gets_in(path):
    assert (ROOT / path).exists()
    assert not ignored(path)


def test_every_command_is_good_shell():
    assert all_of("RUN")
    for command in all_of("RUN"):
        done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_libraries_come_in_the_tested_versions_by_the_one_installer():
    command = next(c for c in all_of("RUN") if "scripts/install.py" in c)
    assert "--dev" not in command
    assert "requirements-dev.txt" in next(s for s, _ in copied() if "requirements.txt" in s)
    assert all_of("ARG") == ["TORCH=cpu"]
    choices = (ROOT / "scripts" / "install.py").read_text("utf-8")
    for build in ("cpu", "default"):
        assert f'"{build}"' in choices


def test_the_base_image_has_a_python_that_is_tested():
    bases = {rest.split()[0] for rest in all_of("FROM")}
    assert len(bases) == 1
    found = re.fullmatch(r"python:(\d+)\.(\d+)-slim", bases.pop())
    assert found
    assert (int(found[1]), int(found[2])) in install.PYTHONS


def test_nothing_of_the_build_is_kept():
    assert environment()["PIP_NO_CACHE_DIR"] == "1"
    assert "apt-get" not in " ".join(all_of("RUN"))


def test_it_runs_unprivileged_in_exec_form_and_ends_when_asked():
    assert all_of("USER") == ["1000"]
    order = [k for k, _ in instructions()]
    assert order.index("USER") > max(i for i, k in enumerate(order) if k in ("RUN", "COPY"))
    assert json.loads(all_of("ENTRYPOINT")[0]) == ["python", "app.py"]
    assert json.loads(all_of("CMD")[0]) == ["hub"]
    assert all_of("STOPSIGNAL") == ["SIGINT"]


def test_ports_volume_and_health_agree_with_the_settings():
    chosen = settings.from_env({**environment(), "HOME": "/data"})
    assert chosen.host == "0.0.0.0"
    assert all_of("EXPOSE") == [str(chosen.port)] == [str(settings.Settings().port)]
    assert all_of("VOLUME") == ["/data"]
    assert chosen.data_dir.is_relative_to("/data")
    assert environment()["HF_HOME"].startswith("/data/")
    health = all_of("HEALTHCHECK")[0]
    assert "/healthz" in health
    assert "curl" not in health


def test_no_secret_is_baked_in():
    names = set(environment()) | {arg.partition("=")[0] for arg in all_of("ARG")}
    assert not [n for n in names if re.search("TOKEN|SECRET|PASSWORD|AUTH", n)]


def test_a_linter_finds_nothing():
    program = shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([program, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_dry_run_serves_from_a_read_only_folder_as_somebody_without_rights(tmp_path):
    """The last stage by hand: its files, its environment, its command, its check, its signal."""
    app, data = tmp_path / "app", tmp_path / "data"
    data.mkdir()
    for sources, target in copied():
        if "scripts" in target or (target == "./" and "requirements.txt" in sources):
            continue  # of the first stage
        for source in sources:
            here, there = ROOT / source, app / (Path(source).name if target == "./" else target)
            if here.is_dir():
                shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(here, there)
    for path in (app, *app.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        for folder in (tmp_path, *tmp_path.parents):
            if folder == Path("/tmp"):
                break
            folder.chmod(folder.stat().st_mode | 0o055)
        os.chown(data, NOBODY, NOBODY)
    port = free_port()
    env = {k: v.replace("/data", str(data)) for k, v in environment().items() if k != "PATH"}
    env = clean_env(data) | env | {"VITRINE_PORT": str(port), "VITRINE_HOST": "127.0.0.1"}
    command = [
        sys.executable,
        *json.loads(all_of("ENTRYPOINT")[0])[1:],
        *json.loads(all_of("CMD")[0]),
    ]
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, **who)
    except (PermissionError, subprocess.CalledProcessError):
        who = {}  # this interpreter is not readable for others; the rest is tried all the same
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=app, env=env, stdout=log, stderr=log, **who)
        try:
            check = json.loads(all_of("HEALTHCHECK")[0].split("CMD", 1)[1])
            deadline = time.monotonic() + 120
            while subprocess.run(
                [sys.executable, *check[1:]], env=env, capture_output=True
            ).returncode:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.5)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/trill", timeout=60) as page:
                assert b"gradio_config" in page.read()
            process.send_signal(getattr(signal, all_of("STOPSIGNAL")[0]))
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert (data / "vitrine").is_dir()
