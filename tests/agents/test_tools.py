"""What an agent reads before it calls: names, descriptions and schemas, without other docs."""

import base64
import inspect
import json
import re

import jsonschema
import pytest

import core
from core.methods.trill import lesson_endpoints
from core.methods.trill.endpoints import CALLS
from tests.agents.talking import fetch, talk_to

assert lesson_endpoints  # declares the other half of CALLS


@pytest.fixture(scope="module")
def tools(hub):
    listed = talk_to(hub, lambda session: session.list_tools())
    return {tool.name: tool for tool in listed.tools}


def test_the_tools_are_the_public_endpoints_and_nothing_else(hub, tools):
    named = json.loads(fetch(f"{hub}/gradio_api/info"))["named_endpoints"]
    assert {f"/{name}" for name in tools} == set(named)
    assert set(tools) == set(CALLS.endpoints)
    for name in tools:
        assert re.fullmatch(r"trill_[a-z]+", name), name


def test_every_argument_is_described_and_typed(tools):
    for tool in tools.values():
        signature = inspect.signature(CALLS.endpoints[tool.name].make)
        arguments = tool.inputSchema["properties"]
        assert list(arguments) == list(signature.parameters)
        for name, argument in arguments.items():
            where = f"{tool.name}.{name}"
            assert len(argument.get("description", "")) > 10, where
            assert argument["type"] in {"string", "integer", "number", "boolean", "array"}, where
            assert argument["type"] != "array" or argument["items"]["type"] == "string", where
        assert tool.inputSchema["additionalProperties"] is False


def test_choices_defaults_and_what_is_required_are_in_the_schema(tools):
    explore = tools["trill_explore"].inputSchema
    assert explore["required"] == ["clip"]
    assert explore["properties"]["layer"]["enum"] == ["embedding", "layer19"]
    assert explore["properties"]["layer"]["default"] == "embedding"
    assert explore["properties"]["hop_frames"]["default"] == 17
    assert tools["trill_embed"].inputSchema["properties"]["series"]["default"] is False
    assert tools["trill_teach"].inputSchema["required"] == ["clips", "labels"]
    for tool in tools.values():
        signature = inspect.signature(CALLS.endpoints[tool.name].make)
        for name, parameter in signature.parameters.items():
            given = tool.inputSchema["properties"][name]
            if parameter.default not in (inspect.Parameter.empty, None):
                assert given["default"] == parameter.default


def test_a_file_argument_says_what_to_pass_and_shows_an_example(hub, tools):
    clip = tools["trill_explore"].inputSchema["properties"]["clip"]
    for words in ("path of this hub", "http(s)", "data: URI", "upload"):
        assert words in clip["description"]
    for path in clip["examples"]:
        assert fetch(hub + path)[:4] == b"fLaC"
    clips = tools["trill_teach"].inputSchema["properties"]["clips"]
    assert "data: URI" in clips["description"]
    assert clips["items"]["type"] == "string"


def test_the_schemas_are_plain_json_schema(tools):
    for tool in tools.values():
        jsonschema.Draft202012Validator.check_schema(tool.inputSchema)
        text = json.dumps(tool.inputSchema)
        for word in ("$ref", "$defs", "anyOf", "x-file", "FileData"):
            assert word not in text, tool.name


def test_descriptions_say_what_comes_back_and_no_word_of_python(tools):
    for tool in tools.values():
        assert len(tool.description) > 60
        assert "\n\nReturns:\n" in tool.description
        for word in ("Args:", "FileData", "gradio", "upload_file_to_gradio", "None"):
            assert word not in tool.description, tool.name


def test_no_tool_is_said_to_destroy_or_to_reach_out(tools):
    for tool in tools.values():
        assert tool.annotations.destructiveHint is False
        assert tool.annotations.openWorldHint is False


def test_the_instructions_say_how_files_go_in_and_come_out(hub):
    async def first(session):
        return await session.initialize()

    told = talk_to(hub, first)
    assert (told.serverInfo.name, told.serverInfo.version) == ("vitrine", core.__version__)
    words = told.instructions
    for part in ("/gradio_api/upload", "/example/METHOD/ID", "data: URI", "whole_answer", '"run"'):
        assert part in words


def test_the_schema_page_lists_the_same_tools(hub, tools):
    listed = json.loads(fetch(f"{hub}/gradio_api/mcp/schema"))
    assert {row["name"]: row["inputSchema"] for row in listed} == {
        tool.name: tool.inputSchema for tool in tools.values()
    }
    assert all(row["meta"]["endpoint_name"] == row["name"] for row in listed)
    one = json.loads(fetch(f"{hub}/gradio_api/mcp/schema?tools=trill_embed"))
    assert [row["name"] for row in one] == ["trill_embed"]


def test_examples_and_cards_are_resources_that_can_be_read(hub):
    async def read(session):
        listed = (await session.list_resources()).resources
        sound = next(r for r in listed if r.name == "reader-1743-a")
        card = next(r for r in listed if r.name == "trill card")
        return (
            listed,
            sound,
            (await session.read_resource(sound.uri)).contents[0],
            (await session.read_resource(card.uri)).contents[0],
        )

    listed, sound, content, card = talk_to(hub, read)
    assert sound.mimeType == content.mimeType == "audio/flac"
    assert "LibriSpeech" in sound.description
    assert base64.b64decode(content.blob) == fetch(str(sound.uri))
    assert "licence" in card.text.lower()
    assert not card.text.startswith("---")
    assert len(listed) == len({str(r.uri) for r in listed}) > 20
