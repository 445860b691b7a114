"""What the API page knows of an endpoint, and the code that it writes from it."""

from __future__ import annotations

import html
import shlex
from typing import Literal

import pytest
from gradio.data_classes import FileData

from core import settings
from core.ui import api_connect, api_page, llms, manual, snippets


def echo_repeat(text: str, times: int = 2, kind: Literal["a", "b"] = "a") -> str:
    """Repeat `text`.

    As often as wanted,
    on one line.

    Args:
        text: what to repeat,
            without quotes.
        times: how often.
        kind: one of two.

    Returns:
        text: the long one: longer than before.
        times: the same.
    """
    return text * times


def echo_learn(
    clips: list[FileData], labels: list[str], head: FileData | None = None, c: float = 1.0
) -> dict:
    """Learn.

    Args:
        clips: recordings.
        labels: one for each.
        head: the head's file (JSON).
        c: strength.

    Returns:
        what was learnt.
    """
    raise NotImplementedError


def test_a_docstring_is_read_into_its_parts():
    found = manual.manual_of("echo_repeat", echo_repeat)
    assert found.summary == "Repeat `text`."
    assert found.details == "As often as wanted, on one line."
    assert [(a.name, a.kind, a.required, a.default) for a in found.arguments] == [
        ("text", "text", True, ""),
        ("times", "whole number", False, "2"),
        ("kind", '"a" or "b"', False, '"a"'),
    ]
    assert found.arguments[0].meaning == "what to repeat, without quotes."
    assert found.returns == (
        ("text", "the long one: longer than before."),
        ("times", "the same."),
    )


def test_a_lone_sentence_about_the_answer_has_no_key():
    assert manual.manual_of("echo_learn", echo_learn).returns == (("", "what was learnt."),)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (FileData, "file"),
        (list[FileData], "list of files"),
        (FileData | None, "file or null"),
        (list[str] | None, "list of texts or null"),
        (float | None, "number or null"),
        (bool, "true or false"),
        (dict, "object"),
    ],
)
def test_types_are_said_in_words(hint, words):
    assert manual.kind_words(hint) == words


def test_the_page_explains_each_endpoint():
    section = api_page.section(manual.manual_of("echo_repeat", echo_repeat))
    assert "Repeat <code>text</code>." in section
    assert "how often" in section
    assert 'id="echo_repeat"' in section
    assert 'href="api#echo_repeat"' in section
    assert "times=" not in section, "only what a call needs is printed"


def test_calls_of_an_endpoint_without_an_example_have_the_shape_of_its_arguments():
    section = html.unescape(api_page.section(manual.manual_of("echo_learn", echo_learn)))
    assert 'clips=[handle_file("a.wav"), handle_file("b.wav")]' in section
    assert 'labels=["one", "two"]' in section
    assert "head=" not in section
    assert "c=" not in section.replace("src=", "")


def test_what_a_docstring_says_is_escaped():
    def echo_bad(text: str) -> str:
        raise NotImplementedError

    echo_bad.__doc__ = "Say <script>.\n\nArgs:\n    text: a <b>.\n"
    section = api_page.section(manual.manual_of("echo_bad", echo_bad))
    assert "<script>" not in section
    assert "<b>" not in section


EXAMPLE = snippets.file_argument("it's; one.wav", "example/echo/one")


def test_an_example_is_fetched_before_it_is_used_in_every_language():
    arguments = {"clip": EXAMPLE, "again": EXAMPLE}
    address = f"{snippets.ORIGIN}/example/echo/one"
    for write in (snippets.python, snippets.curl, snippets.javascript):
        text = write("echo_hear", arguments)
        assert text.count(address) == 1
        assert text.index(address) < text.index("echo_hear")
    words = shlex.split(snippets.curl("echo_hear", arguments).splitlines()[0])
    assert words[words.index("-o") + 1] == "it's; one.wav"
    assert '"example"' not in snippets.curl("echo_hear", arguments), "not an argument"


def test_a_password_is_read_from_the_environment_in_every_language():
    for write in (snippets.python, snippets.curl, snippets.javascript):
        text = write("echo_hear", {"clip": EXAMPLE}, login=True)
        assert "HUB_USER" in text
        assert "HUB_PASSWORD" in text


def test_a_private_space_is_told_of_tokens_and_others_are_not():
    assert "hf_…" not in api_connect.start_section()
    settings.override(on_space=True)
    assert "hf_…" in api_connect.start_section()


def test_with_a_password_no_mcp_settings_are_printed():
    settings.override(auth=("ann", "secret"))
    assert "Off" in api_connect.mcp_section(["echo_repeat"])
    assert "mcpServers" not in api_connect.mcp_section(["echo_repeat"])
    assert "MCP is off" in llms.text([], "http://h.example")
    assert "secret" not in api_connect.start_section()


def test_the_text_for_language_models_says_how_to_call_each_endpoint():
    text = llms.text([manual.manual_of("echo_repeat", echo_repeat)], "https://h.example/sub")
    assert "https://h.example/sub/gradio_api/call/v2/NAME" in text
    assert "### echo_repeat" in text
    assert "- times (whole number, default 2): how often." in text
    assert "Answers with: text, times." in text
    assert snippets.ORIGIN not in text
