"""Where a hub may stand: as a Space, behind a proxy, under a path, behind a password."""

import json
import os
import urllib.error
import urllib.request

import pytest

from core.methods.trill import lesson_endpoints
from core.methods.trill.endpoints import CALLS
from tests.agents.talking import answer_of, call, example, talk_to
from tests.core.hub.conftest import no_event_loops
from tests.serving import served

assert lesson_endpoints  # declares the other half of CALLS


def posted(url: str, method: str, headers: dict[str, str] | None = None, **params: object) -> str:
    """One request of the protocol without a client; the whole answer as text."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    given = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    request = urllib.request.Request(
        f"{url}/gradio_api/mcp/", json.dumps(body).encode(), {**given, **(headers or {})}
    )
    with urllib.request.urlopen(request, timeout=90) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """A hub that takes itself for a Space of the platform."""
    env = {
        **os.environ,
        "SYSTEM": "spaces",
        "SPACE_ID": "somebody/voices",
        "VITRINE_HOST": "127.0.0.1",
    }
    with served(tmp_path_factory.mktemp("space"), "--methods", "trill", env=env) as url:
        yield url


def test_the_name_of_a_space_is_no_part_of_a_tool_s_name(monkeypatch):
    """Gradio would put it before each, so that no instruction fits everywhere."""
    import gradio as gr

    from core.ui.mcp import McpRoutes

    def echo_repeat(text: str) -> str:
        """Repeat a text."""
        return text

    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "somebody/voices")
    no_event_loops(monkeypatch)
    with gr.Blocks(analytics_enabled=False) as app:
        gr.api(echo_repeat)
    assert list(McpRoutes(app, ()).hub.tools) == ["echo_repeat"]


@pytest.mark.slow
def test_tools_have_the_same_names_on_a_space(space):
    listed = talk_to(space, lambda session: session.list_tools()).tools
    assert {tool.name for tool in listed} == set(CALLS.endpoints)
    answer = answer_of(call(space, "trill_embed", clip=example("reader-1841-a")))
    assert answer["seconds"] > 2


@pytest.mark.slow
def test_addresses_are_those_that_a_proxy_tells_of(space):
    headers = {"x-forwarded-host": "somebody-voices.hf.space", "x-forwarded-proto": "https"}
    own = "https://somebody-voices.hf.space"
    text = posted(
        space,
        "tools/call",
        headers,
        name="trill_embed",
        arguments={"clip": f"{own}{example('reader-1841-a')}"},
    )
    result = json.loads(text.partition("data: ")[2])["result"]
    answer = json.loads(result["content"][0]["text"])
    assert answer["run"]["page"].startswith(f"{own}/trill?run=")
    assert all(file.startswith(f"{own}/artifact/") for file in answer["run"]["files"].values())


@pytest.mark.slow
def test_a_hub_below_a_path_knows_its_own_files(tmp_path):
    env = {**os.environ, "VITRINE_ROOT_PATH": "/voices"}
    with served(tmp_path, "--methods", "trill", env=env) as url:
        seen = []
        for clip in (example("reader-1841-a"), "/voices" + example("reader-1841-a")):
            answer = answer_of(call(url, "trill_embed", clip=clip))
            assert answer["run"]["page"].startswith(f"{url}/voices/trill?run=")
            seen.append(answer["mean"])
        address = answer["run"]["files"]["embedding.safetensors"]
        assert address.startswith(f"{url}/voices/artifact/")
        assert seen[0] == seen[1]


@pytest.mark.slow
def test_with_a_password_there_is_no_mcp_and_nobody_learns_of_the_tools(tmp_path):
    with served(tmp_path, "--methods", "trill", "--auth", "ann:a long word") as url:
        for path in ("", "/", "/schema", "/sse", "/messages/"):
            for data in (None, b"{}"):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    urllib.request.urlopen(f"{url}/gradio_api/mcp{path}", data, timeout=30)
                assert caught.value.code in (401, 404, 405), path
                assert b"trill" not in caught.value.read()
                caught.value.close()
        with pytest.raises(urllib.error.HTTPError) as caught:
            posted(url, "tools/list")
        assert caught.value.code in (401, 404, 405)
        caught.value.close()
