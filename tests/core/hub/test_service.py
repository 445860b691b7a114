"""A running hub through its clients: Gradio's, MCP, many sessions, a password."""

from __future__ import annotations

import asyncio
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.core.hub.fake_hub import serving


def test_a_public_endpoint_answers_the_python_client(address):
    from gradio_client import Client

    client = Client(address, verbose=False)
    try:
        assert client.predict(text="hello", api_name="/echo_repeat") == {
            "h": 1,
            "e": 1,
            "l": 2,
            "o": 1,
        }
    finally:
        client.close()


def test_the_shell_snippet_speaks_the_protocol_of_the_hub(address):
    """The two requests that `core.ui.snippets.curl` writes down."""
    event = httpx.post(
        address + "gradio_api/call/v2/echo_repeat", json={"text": "aab"}, timeout=90
    ).json()["event_id"]
    answer = httpx.get(f"{address}gradio_api/call/echo_repeat/{event}", timeout=90).text
    assert json.loads(answer.split("data: ")[1].splitlines()[0])[0] == {"a": 2, "b": 1}


def test_mcp_clients_find_and_call_the_tool(address):
    pytest.importorskip("mcp", reason="the mcp extra is not installed")
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def talk():
        async with (
            streamable_http_client(address + "gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            answer = await session.call_tool("echo_repeat", {"text": "aab"})
            return {tool.name: tool for tool in tools}, answer

    # in a thread of its own: the browser tests leave an event loop in this one
    with ThreadPoolExecutor(1) as pool:
        tools, answer = pool.submit(lambda: asyncio.run(asyncio.wait_for(talk(), 60))).result()
    assert list(tools) == ["echo_repeat"]
    assert "Repeat a text" in tools["echo_repeat"].description
    assert not answer.isError
    assert json.loads(answer.content[0].text) == {"a": 2, "b": 1}


def test_a_password_guards_pages_files_and_metrics(tmp_path):
    with serving(tmp_path, auth=["ann", "secret"]) as address:
        assert httpx.get(address + "healthz", timeout=60).status_code == 200
        assert httpx.get(address + "metrics", timeout=60).status_code == 401
        assert httpx.get(f"{address}artifact/{'0' * 32}/a.png", timeout=60).status_code == 401
        assert "<h1>Vitrine</h1>" in httpx.get(address + "echo", timeout=60).text
        assert httpx.get(address + "gradio_api/mcp/schema", timeout=60).status_code == 401
        with httpx.Client(base_url=address, timeout=60) as client:
            wrong = client.post("/login", data={"username": "ann", "password": "no"})
            assert wrong.status_code == 400
            right = client.post("/login", data={"username": "ann", "password": "secret"})
            assert right.status_code == 200
            assert client.get("/metrics").status_code == 200
            assert client.get(f"/artifact/{'0' * 32}/a.png").status_code == 404


def test_a_new_session_computes_no_component(fake_methods):
    """Gradio works out each component for its deep links; a session of ours does not."""
    from core import hub

    blocks, arguments = hub.build_hub()
    with hub.running(blocks, arguments, port=0) as address:
        before = time.process_time()
        body = {"data": [], "fn_index": 0, "session_hash": "leantest1"}
        httpx.post(address + "gradio_api/queue/join", json=body, timeout=90)
        holder = blocks.app.state_holder
        session = holder["leantest2"]
        assert session.config_values == {}
        assert session.blocks_config.blocks.keys() == blocks.default_config.blocks.keys()
        assert holder.capacity == 500
        for i in range(520):
            holder[f"s{i}"]
        assert len(holder.session_data) <= 500
        assert time.process_time() - before < 5


def test_the_address_of_each_page_is_relative_so_that_a_sub_path_works(address):
    text = httpx.get(address + "echo", timeout=60).text
    ours = re.findall(r'(?:href|src)=\\?"((?!https?:|data:|#)[^"\\]*)', text)
    assert ours
    assert not [link for link in ours if link.startswith("/") and link != "/manifest.json"]
