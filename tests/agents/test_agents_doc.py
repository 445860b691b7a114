"""docs/agents.md is so: every snippet runs or connects, every number is the one in the code."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core import settings
from core.methods.trill import gallery, lesson_endpoints
from core.methods.trill.endpoints import CALLS
from core.ui import api_connect
from core.ui.mcp import answers, progress, server, transport
from tests.agents.talking import answer_of, call, in_thread

assert lesson_endpoints  # declares the other half of CALLS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "agents.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
HUB = "http://127.0.0.1:7860"


def blocks(kind: str) -> list[str]:
    return [text for name, text in BLOCKS if name == kind]


def test_every_block_is_tested_here():
    assert sorted({kind for kind, _ in BLOCKS}) == ["json", "python", "sh", "text"]
    assert [len(blocks(kind)) for kind in ("python", "text", "sh")] == [1, 1, 2]


def addresses(value: object) -> list[str]:
    """All addresses of MCP servers in the settings of a client."""
    if isinstance(value, dict):
        return [found for part in value.values() for found in addresses(part)]
    if isinstance(value, list):
        return [found for part in value for found in addresses(part)]
    return [value] if isinstance(value, str) and value.startswith("HUB/") else []


def test_the_settings_of_clients_hold_an_address_that_answers(hub):
    held = [found for text in blocks("json") for found in addresses(json.loads(text))]
    assert len(held) == 4
    (command,) = [line for text in blocks("sh") for line in text.splitlines() if "mcp add" in line]
    held.append(command.split()[-1])
    assert set(held) == {"HUB/gradio_api/mcp/"}

    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def names():
        async with (
            streamable_http_client(held[0].replace("HUB", hub)) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return [tool.name for tool in (await session.list_tools()).tools]

    assert set(in_thread(names)) == set(CALLS.endpoints)


def test_the_settings_are_those_that_the_api_page_shows():
    shown = {entry.client: entry.text for entry in api_connect.clients()}
    given = [json.loads(text) for text in blocks("json")]

    def plain(text: str) -> object:
        return json.loads(text.replace(api_connect.ORIGIN, "HUB"))

    assert plain(shown["Cursor"]) in given
    assert plain(shown["VS Code"]) in given
    both = plain(shown["Claude Desktop"])["mcpServers"]
    for name, entry in both.items():
        assert {"mcpServers": {name: entry}} in given
    assert shown["Claude Code"].replace(api_connect.ORIGIN, "HUB") in TEXT


def test_the_conversation_prints_what_the_page_says(hub, tmp_path):
    (code,), (said,) = blocks("python"), blocks("text")
    script = tmp_path / "ask.py"
    script.write_text(code.replace(HUB, hub), "utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True
    )
    printed = done.stdout.replace(hub, HUB)

    def lasting(text: str) -> list[str]:
        """The lines without those that hang on the moment: progress, and the id of the run."""
        lines = [line for line in text.splitlines() if not re.match(r" *\d+%  ", line)]
        return [re.sub(r"run=\w+", "run=…", line) for line in lines]

    assert lasting(printed) == lasting(said)
    assert "50%  Listening to B" in said
    assert re.search(r"^ *\d+%  \w", printed, re.MULTILINE)


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash, curl")
def test_what_curl_prints_is_taken_by_a_tool(hub, tmp_path):
    shutil.copy(gallery.example("reader-1743-a").path, tmp_path / "clip.wav")
    command = next(text for text in blocks("sh") if "curl" in text)
    done = subprocess.run(
        ["bash", "-c", command.replace("HUB", hub)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (path,) = json.loads(done.stdout)
    assert answer_of(call(hub, "trill_embed", clip=path))["seconds"] == 3.0
    # the whole text that came back works as well: a list with one file
    assert answer_of(call(hub, "trill_embed", clip=done.stdout.strip()))["seconds"] == 3.0


@pytest.mark.slow
def test_the_second_server_uploads_files_of_one_folder(hub, tmp_path):
    """`gradio upload-mcp` runs on the user's machine and speaks over its standard streams."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    shutil.copy(gallery.example("reader-1743-a").path, tmp_path / "clip.flac")
    given = next(json.loads(text) for text in blocks("json") if "upload-mcp" in text)
    words = given["mcpServers"]["vitrine-files"]["args"]
    assert words[:3] == ["--from", "gradio[mcp]", "gradio"]
    words = [{"HUB": hub, "/folder/with/your/files": str(tmp_path)}.get(w, w) for w in words[3:]]
    command = Path(sys.executable).with_name("gradio")
    if not command.exists():
        pytest.skip("the command gradio is not beside this Python")

    async def talk():
        async with (
            stdio_client(StdioServerParameters(command=str(command), args=words)) as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            (tool,) = (await session.list_tools()).tools
            return await session.call_tool(tool.name, {"file": str(tmp_path / "clip.flac")})

    address = in_thread(talk).content[0].text
    assert answer_of(call(hub, "trill_embed", clip=address))["seconds"] == 3.0


def test_the_numbers_are_those_of_the_code():
    assert f"held to {answers.MAX_TEXT:,} characters" in TEXT
    assert f"{server.MAX_CALLS} calls at once" in TEXT
    assert progress.ALIVE == 10.0
    assert "every ten seconds" in TEXT
    assert f"may have {transport.MAX_BODY * 3 // 4 // 2**20} MB" in TEXT
    assert f"elsewhere {settings.Settings().max_upload_bytes // 2**20} MB" in TEXT


def test_the_four_forms_of_a_file_are_those_of_the_code(hub):
    rows = [line.split("|")[2].strip() for line in TEXT.splitlines() if line.startswith("| ")]
    forms = [row.strip("`") for row in rows if row.startswith("`")]
    assert [form.partition("/")[0][:5] for form in forms] == ["", "https", "data:"]
    answer_of(call(hub, "trill_embed", clip=forms[0]))
