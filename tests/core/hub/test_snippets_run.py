"""Every call that the API page prints is run against a running hub, as it stands there.

Only the origin is put in, as the script of the page does.
"""

from __future__ import annotations

import ast
import asyncio
import http.cookiejar
import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import registry
from core.readiness import has_weights
from tests.core.hub.printed import printed
from tests.serving import ROOT, served

AT_ONCE = 2  # printed calls that are run side by side
JAVASCRIPT = os.environ.get("VITRINE_TEST_NODE", "")  # folder in which @gradio/client is installed


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("hub")) as url:
        yield url


@pytest.fixture(scope="module")
def page(address):
    return printed(address)


def run_all(calls, folder, run):
    """Run each printed call in an empty folder of its own; returns what each said, by endpoint."""

    def one(name):
        own = folder / name
        own.mkdir()
        return run(calls[name], own)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(calls, pool.map(one, calls), strict=True))


def said(command, folder, **env):
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}"
    return done.stdout


def run_python(text, folder, **env):
    (folder / "call.py").write_text(text, "utf-8")
    return ast.literal_eval(said([sys.executable, "call.py"], folder, **env).splitlines()[-1])


def run_shell(text, folder, **env):
    events = said(["bash", "-c", text], folder, **env)
    assert "event: complete" in events, events[-500:]
    return json.loads(events.split("event: complete\ndata: ")[1].splitlines()[0])[0]


def run_javascript(text, folder, **env):
    (folder / "node_modules").symlink_to(Path(JAVASCRIPT) / "node_modules")
    (folder / "call.mjs").write_text(text, "utf-8")
    return json.loads(said(["node", "call.mjs"], folder, **env).splitlines()[-1])


def answerable(page, language, *, heavy=False):
    """The printed calls of methods whose weights are here; the others' answer is that they are not."""
    specs = [s for s in registry.specs() if has_weights(s) and s.heavy == heavy]
    ready = tuple(f"{spec.slug}_" for spec in specs)
    calls = {n: c[language] for n, c in page.calls.items() if n.startswith(ready)}
    assert len(calls) >= (5 if heavy else 10)
    return calls


def answers_are_whole(answers):
    for name, answer in answers.items():
        assert set(answer["run"]) == {"id", "page", "files"}, name
        assert len(answer) > 2, name


def test_every_endpoint_is_printed_in_every_language(page):
    assert len(page.calls) >= 10
    assert {name.split("_")[0] for name in page.calls} == set(registry.slugs())
    for name, codes in page.calls.items():
        assert set(codes) >= {"Python", "Shell", "JavaScript"}, name


def test_every_python_call_runs_as_printed_from_an_empty_folder(page, tmp_path):
    calls = answerable(page, "Python")
    answers = run_all(calls, tmp_path, run_python)
    answers_are_whole(answers)
    assert answers["trill_classify"]["probabilities"][0] > 0.5, "the shipped head knows anger"


@pytest.mark.slow
def test_every_python_call_of_a_heavy_method_runs_as_printed(page, tmp_path):
    answers_are_whole(run_all(answerable(page, "Python", heavy=True), tmp_path, run_python))


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash, curl")
def test_every_shell_call_runs_as_printed_from_an_empty_folder(page, tmp_path):
    calls = answerable(page, "Shell")
    answers_are_whole(run_all(calls, tmp_path, run_shell))


@pytest.mark.skipif(
    not (JAVASCRIPT and shutil.which("node")),
    reason="needs node, and in VITRINE_TEST_NODE a folder where npm installed @gradio/client",
)
def test_every_javascript_call_runs_as_printed_in_node(page, tmp_path):
    calls = answerable(page, "JavaScript")
    answers_are_whole(run_all(calls, tmp_path, run_javascript))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the command line needs, because results are written beside it."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "app.py", folder)
    for part in ("core", "spaces"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=skipped)
    return folder


def run_command(text, folder):
    shutil.rmtree(folder / "result", ignore_errors=True)
    word, *rest = shlex.split(text)
    assert word == "python"
    said([sys.executable, *rest], folder)


def test_a_command_line_runs_as_printed_in_the_folder_of_the_hub(page, checkout):
    run_command(page.calls["trill_compare"]["Command line"], checkout)
    assert json.loads((checkout / "result/result.json").read_text("utf-8"))["kind"] == "compare"


@pytest.mark.slow  # each starts a process that loads torch, and one trains
def test_all_command_lines_run_as_printed(page, checkout):
    lines = {n: c["Command line"] for n, c in page.calls.items() if "Command line" in c}
    lines = {n: text for n, text in lines.items() if n.startswith("trill_")}
    assert set(lines) == {"trill_explore", "trill_compare", "trill_change", "trill_train"}
    for name, text in lines.items():
        run_command(text, checkout)
        made = "weights/model.safetensors" if name == "trill_train" else "result/result.json"
        assert (checkout / made).is_file(), name


def test_printed_mcp_settings_lead_to_the_printed_tools(page):
    pytest.importorskip("mcp", reason="the mcp extra is not installed")
    assert {"Cursor", "Claude Desktop", "VS Code", "Claude Code"} == set(page.clients)
    cursor = json.loads(page.clients["Cursor"])["mcpServers"]["vitrine"]["url"]
    code = json.loads(page.clients["VS Code"])["servers"]["vitrine"]
    desktop = json.loads(page.clients["Claude Desktop"])["mcpServers"]
    assert code["type"] == "http"
    assert {cursor, code["url"]} == {cursor}
    assert desktop["vitrine"]["args"][-1] == cursor
    assert shlex.split(page.clients["Claude Code"])[-1] == cursor
    assert desktop["vitrine-files"]["args"][-2] == cursor.partition("/gradio_api")[0]
    names = in_a_thread(tool_names(cursor))
    assert sorted(page.tools) == sorted(names) == sorted(page.calls)


def in_a_thread(work):
    """Playwright leaves an event loop in the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(asyncio.wait_for(work, 60))).result()


async def tool_names(url):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with (
        streamable_http_client(url) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        return [tool.name for tool in (await session.list_tools()).tools]


def test_the_page_for_language_models_names_every_endpoint(address, page):
    with urllib.request.urlopen(f"{address}/llms.txt", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        text = answer.read().decode()
    for name in page.calls:
        assert f"### {name}\n" in text
    assert f"{address}/gradio_api/mcp/" in text
    assert "127.0.0.1:7860" not in text


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash, curl")
def test_with_a_password_the_printed_calls_log_in_and_mcp_is_off(tmp_path):
    words = {"HUB_USER": "ann", "HUB_PASSWORD": "a secret & more"}
    with served(tmp_path, "--auth", f"{words['HUB_USER']}:{words['HUB_PASSWORD']}") as address:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/llms.txt", timeout=30)
        refused.value.close()
        assert refused.value.code == 401
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        opener = urllib.request.build_opener(jar)
        form = {"username": words["HUB_USER"], "password": words["HUB_PASSWORD"]}
        opener.open(f"{address}/login", urllib.parse.urlencode(form).encode(), timeout=30).close()
        page = printed(address, opener)
        assert page.clients == {}
        assert "MCP is off" in page.text
        runs = [("Python", run_python), ("Shell", run_shell)]
        if JAVASCRIPT and shutil.which("node"):
            runs.append(("JavaScript", run_javascript))
        for language, run in runs:
            folder = tmp_path / language
            folder.mkdir()
            answer = run(page.calls["trill_compare"][language], folder, **words)
            assert answer["kind"] == "compare"
            assert answer["run"]["page"].startswith(address)


def test_a_method_that_serves_alone_has_the_page_too(tmp_path):
    with served(tmp_path, "--single", "trill") as address:
        page = printed(address)
        assert len(page.calls) == 10
        folder = tmp_path / "call"
        folder.mkdir()
        answer = run_python(page.calls["trill_compare"]["Python"], folder)
        assert answer["run"]["page"] == f"{address}/?run={answer['run']['id']}"
