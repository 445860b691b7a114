"""Every tool with real input through a real client: files in and out, progress, words, cancelling."""

import asyncio
import base64
import io
import itertools
import json
import re
import time
import urllib.error

import pytest
from mcp import types
from PIL import Image

from core.methods.trill import gallery
from tests.agents.talking import (
    answer_of,
    call,
    connected,
    data_uri,
    example,
    fetch,
    in_thread,
    talk_to,
    upload,
    words_of,
)

LESSON = [(example(f"actor-13-{mood}-{k}"), mood) for mood in ("anger", "neutral") for k in (1, 2)]
CALLS = {
    "trill_explore": {"clip": example("two-readers-in-turn")},
    "trill_embed": {"clip": example("reader-1743-a")},
    "trill_compare": {"first": example("reader-1841-a"), "second": example("reader-1841-b")},
    "trill_change": {"clip": example("reader-1841-a"), "pitch": 3},
    "trill_triplet": {
        "anchor": example("reader-1841-a"),
        "positive": example("reader-1841-b"),
        "negative": example("reader-1898-a"),
    },
    "trill_check": {},
    "trill_personalise": {"speaker": "jackson", "resamples": 2},
    "trill_teach": {"clips": [clip for clip, _ in LESSON], "labels": [mood for _, mood in LESSON]},
    "trill_train": {"steps": 10},
}


@pytest.fixture(scope="module")
def notes():
    """The progress notifications of each tool that `answers` heard, in order."""
    return {}


@pytest.fixture(scope="module")
def answers(hub, notes):
    """What every tool answers, asked for in one conversation."""

    def hear(name):
        async def note(share, total, words):
            notes.setdefault(name, []).append((share, total, words))

        return note

    async def ask(session):
        found = {}
        for name, arguments in CALLS.items():
            found[name] = await session.call_tool(name, arguments, progress_callback=hear(name))
        head = answer_of(found["trill_teach"])["run"]["files"]["head.json"]
        clip = example("actor-13-anger-3")
        found["trill_classify"] = await session.call_tool(
            "trill_classify", {"clip": clip, "head": head}
        )
        return found

    return talk_to(hub, ask)


def test_every_tool_was_called_and_does_its_work(hub, answers):
    listed = talk_to(hub, lambda session: session.list_tools()).tools
    assert {tool.name for tool in listed} == set(answers)
    found = {name: answer_of(result) for name, result in answers.items()}
    assert len(found["trill_explore"]["nearest"]) == 5
    assert len(found["trill_embed"]["mean"]) > 100
    assert {a["layer"] for a in found["trill_compare"]["answers"]} == {"layer19", "embedding"}
    assert len(found["trill_change"]["sweep"]) >= 10
    assert len(found["trill_triplet"]["triangles"]) == 2
    assert len(found["trill_check"]["rows"]) == 3
    assert found["trill_personalise"]["speaker"] == "jackson"
    assert found["trill_teach"]["classes"] == ["anger", "neutral"]
    shares = found["trill_classify"]
    assert shares["probabilities"][shares["classes"].index("anger")] > 0.5
    assert found["trill_train"]["steps"] == 10


def test_every_answer_has_a_page_and_files_that_can_be_fetched(hub, answers):
    for name, result in answers.items():
        run = answer_of(result)["run"]
        assert run["page"].startswith(f"{hub}/trill?run="), name
        assert b"<html" in fetch(run["page"])
        for file, address in run["files"].items():
            assert address.startswith(f"{hub}/artifact/{run['id']}/"), name
            assert fetch(address), file
        assert json.loads(fetch(run["files"]["result.json"]))["kind"]


def test_an_answer_brings_the_picture_of_its_run(answers):
    result = answers["trill_explore"]
    picture = next(block for block in result.content if block.type == "image")
    data = base64.b64decode(picture.data)
    assert picture.mimeType == "image/png"
    assert data == fetch(answer_of(result)["run"]["files"]["picture.png"])
    assert Image.open(io.BytesIO(data)).width > 200


def test_an_answer_is_short_and_says_where_the_rest_is(answers):
    for name, result in answers.items():
        text = result.content[0].text
        assert len(text) < 25_000, name
        assert "iVBORw0KGgo" not in text, name
    short = answer_of(answers["trill_explore"])
    assert short["log_mel"]["png"].startswith("left out: PNG of ")
    whole = json.loads(fetch(short["whole_answer"]))
    assert Image.open(io.BytesIO(base64.b64decode(whole["log_mel"]["png"]))).width > 10
    assert {key: short[key] for key in ("nearest", "turns")} == {
        key: whole[key] for key in ("nearest", "turns")
    }


def test_a_long_series_is_left_out_but_can_be_fetched(hub):
    result = call(hub, "trill_embed", clip=example("two-readers-in-turn"), series=True)
    short = answer_of(result)
    assert len(result.content[0].text) < 25_000
    assert short["series"].startswith("left out: a list of ")
    assert len(short["mean"]) > 100
    whole = json.loads(fetch(short["whole_answer"]))
    assert len(whole["series"]) == len(whole["times"]) > 10
    assert whole["mean"] == short["mean"]


def test_a_file_comes_as_example_upload_file_of_a_run_or_data_uri(hub, answers):
    data = gallery.example_bytes("reader-1841-a")
    path = upload(hub, data, "mine.flac")
    changed = answer_of(answers["trill_change"])["run"]["files"]
    ways = {
        "path of an example": example("reader-1841-a"),
        "address of an example": hub + example("reader-1841-a"),
        "the same by another name": hub.replace("127.0.0.1", "localhost")
        + example("reader-1841-a"),
        "path of an upload": path,
        "address of an upload": f"{hub}/gradio_api/file={path}",
        "data": data_uri("reader-1841-a"),
    }
    seen = {}
    for way, text in ways.items():
        answer = answer_of(call(hub, "trill_explore", clip=text))
        seen[way] = (answer["heard"]["seconds"], answer["nearest"], answer["heard"]["peaks"])
    assert len(seen) == 6
    assert len({json.dumps(values) for values in seen.values()}) == 1
    sound = next(address for name, address in changed.items() if name.endswith((".wav", ".flac")))
    assert answer_of(call(hub, "trill_embed", clip=sound))["seconds"] > 2


def test_numbers_and_lists_may_come_as_text(hub):
    answer = answer_of(
        call(
            hub,
            "trill_teach",
            clips=json.dumps([clip for clip, _ in LESSON]),
            labels=json.dumps([mood for _, mood in LESSON]),
            c="0.5",
        )
    )
    assert answer["counts"] == [2, 2]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("trill_explore", {}, "called without 'clip'"),
        ("trill_explore", {"clip": example("reader-1841-a"), "speed": 2}, "no argument 'speed'"),
        ("trill_explore", {"clip": example("reader-1841-a"), "layer": "top"}, "layer19"),
        ("trill_explore", {"clip": example("reader-1841-a"), "hop_frames": 1}, "4 to 96"),
        ("trill_explore", {"clip": example("nobody")}, "no file at"),
        ("trill_explore", {"clip": "/example/nobody/nothing"}, "no file at"),
        ("trill_explore", {"clip": "clip.wav"}, "names no file"),
        ("trill_explore", {"clip": ""}, "names no file"),
        ("trill_explore", {"clip": "C:\\clips\\a.wav"}, "gradio_api/upload"),
        ("trill_explore", {"clip": "data:audio/wav;base64,?"}, "base64"),
        ("trill_explore", {"clip": "data:text/plain,hello"}, "text file|sound"),
        ("trill_explore", {"clip": 7}, "valid string"),
        ("trill_teach", {"clips": [], "labels": []}, "same length"),
        ("trill_classify", {"clip": example("reader-1841-a")}, "no head"),
        ("trill_classify", {"clip": example("reader-1841-a"), "head_json": "{}"}, "head"),
        ("trill_train", {"steps": 1}, "10 to 2000"),
        ("trill_nothing", {}, "no tool 'trill_nothing'"),
    ],
)
def test_a_wrong_call_is_answered_in_words(hub, name, arguments, words):
    said = words_of(call(hub, name, **arguments))
    assert re.search(words, said), said
    assert said.endswith(".")
    for secret in ("Traceback", "/home/", "/tmp/", ".py:", "Error:", "gradio_client"):
        assert secret not in said


def test_progress_is_real_rising_and_in_words(answers, notes):
    assert set(notes) == set(CALLS)
    for name, heard in notes.items():
        shares = [share for share, _, _ in heard]
        assert {total for _, total, _ in heard} == {1.0}
        assert all(later > sooner for sooner, later in itertools.pairwise(shares)), name
        assert 0 <= shares[0] < 0.5
        assert shares[-1] <= 1.0
        assert all(words for _, _, words in heard)
    trained = notes["trill_train"]
    assert len(trained) >= 4
    assert trained[-1][0] > 0.5
    assert len({words.partition(",")[0] for _, _, words in trained}) >= 2


def test_a_caller_that_wants_no_progress_gets_none(hub):
    heard = []

    async def quiet(message):
        heard.append(message)

    async def talk():
        from mcp import ClientSession
        from mcp.client.streamable_http import streamable_http_client

        async with (
            streamable_http_client(f"{hub}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write, message_handler=quiet) as session,
        ):
            await session.initialize()
            return await session.call_tool("trill_embed", CALLS["trill_embed"])

    answer_of(in_thread(talk))
    assert not [m for m in heard if not isinstance(m, Exception)]


def jobs(hub, state):
    """How many jobs of that state the hub counts now."""
    found = 0.0
    for line in fetch(f"{hub}/metrics").decode().splitlines():
        if line.startswith("vitrine_jobs{") and f'state="{state}"' in line:
            found += float(line.rpartition(" ")[2])
    return found


def wait_until(true, seconds=10.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.1)
    return False


LONG = {"steps": 2000, "resume": False, "seed": 77}


async def _started(session, notes):
    """Start a long training; returns when it has said that it works."""

    async def hear(share, total, words):
        notes.append(share)

    task = asyncio.create_task(session.call_tool("trill_train", LONG, progress_callback=hear))
    while not any(share > 0.0005 for share in notes):
        await asyncio.sleep(0.05)
        assert not task.done(), task.result()
    return task


async def cancel(session, number):
    """Say that an answer is not wanted any more, as clients do when their user presses Stop."""
    params = types.CancelledNotificationParams(requestId=number)
    await session.send_notification(
        types.ClientNotification(types.CancelledNotification(params=params))
    )


def test_a_cancel_notification_stops_the_job_but_not_a_stranger_s(hub):
    before = jobs(hub, "cancelled")

    async def talk(session):
        task = await _started(session, [])
        number = session._request_id - 1

        async def stranger(other):
            for guess in range(number + 3):
                await cancel(other, guess)
            await asyncio.sleep(0.5)

        await connected(hub, stranger)
        assert jobs(hub, "running") == 1
        await cancel(session, number)
        began = time.monotonic()
        while jobs(hub, "cancelled") == before:
            await asyncio.sleep(0.05)
            assert time.monotonic() - began < 10
        task.cancel()
        # the same session goes on working
        return await session.call_tool("trill_embed", CALLS["trill_embed"])

    answer_of(talk_to(hub, talk))
    assert jobs(hub, "cancelled") == before + 1
    assert jobs(hub, "running") == 0


def test_a_client_that_goes_away_stops_its_job(hub):
    before = jobs(hub, "cancelled")

    async def talk(session):
        await _started(session, [])
        raise ConnectionAbortedError("the agent was closed")

    with pytest.raises(BaseException) as caught:  # noqa: PT011  # anyio wraps it in groups
        talk_to(hub, talk)
    assert "the agent was closed" in repr(caught.value) or caught.group_contains(
        ConnectionAbortedError
    )
    assert wait_until(lambda: jobs(hub, "cancelled") == before + 1)
    assert jobs(hub, "running") == 0


def test_two_agents_at_once_get_their_own_answers(hub):
    names = ["reader-1841-a", "reader-1743-a"]

    async def both():
        async def one(name):
            async def talk(session):
                return [
                    await session.call_tool("trill_embed", {"clip": example(name)})
                    for _ in range(3)
                ]

            return await connected(hub, talk)

        return await asyncio.gather(*(one(name) for name in names))

    first, second = in_thread(both)
    for results in (first, second):
        assert len({json.dumps(answer_of(r)["mean"]) for r in results}) == 1
    assert answer_of(first[0])["mean"] != answer_of(second[0])["mean"]
    assert (
        answer_of(first[0])["mean"]
        == answer_of(call(hub, "trill_embed", clip=example(names[0])))["mean"]
    )


def test_a_client_that_knows_nothing_of_the_hub_before_is_answered(hub):
    """The session id of a hub that was restarted since is taken."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    request = urllib.request.Request(
        f"{hub}/gradio_api/mcp",
        json.dumps(body).encode(),
        {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-session-id": "of-another-life",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert b"trill_explore" in answer.read()


def test_a_person_who_opens_the_address_is_led_to_the_api_page(hub):
    request = urllib.request.Request(f"{hub}/gradio_api/mcp/", headers={"accept": "text/html,*/*"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.url == f"{hub}/api"
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(f"{hub}/gradio_api/mcp/")
    assert caught.value.code == 405
    caught.value.close()
