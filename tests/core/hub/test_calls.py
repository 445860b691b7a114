"""Turns, file arguments, and the way of one call, without a server."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import pytest

from core import settings
from core.errors import BusyError, InputError, JobCancelled
from core.registry import MethodSpec, Paper, Tier
from core.ui import caller
from core.ui.actions import Kept
from core.ui.calls import Asked, Calls, endpoint_of, example
from core.ui.calls import received as received_in_a_call
from core.ui.received import received
from core.ui.turns import Turns


def soon(work):
    """Run a coroutine in a thread of its own: the browser tests leave a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(asyncio.wait_for(work, 20))).result()


SPEC = MethodSpec(
    slug="wait",
    title="Wait",
    summary="Waits.",
    paper=Paper(title="On Waiting", authors="A. Author", venue="TEST", year=2020),
    tasks=("waiting",),
    tiers=(Tier(name="embedded", title="Small", licence="Apache-2.0"),),
    colour="#c0562f",
    emoji="⏳",
)


@dataclass(frozen=True, kw_only=True)
class Wait:
    kind = "wait"
    steps: int
    word: str = "a"


def work(job, request):
    for step in range(request.steps):
        job.report(step / request.steps, f"Step {step}")
        job.sleep(0.02)
    if request.word == "bad":
        raise InputError("The word is bad. Another works. Choose one.")
    if request.word == "bug":
        raise RuntimeError("a secret of the server")
    return {"word": request.word}


def keep(request, result):
    return Kept(result=result, artifacts={"word.txt": request.word.encode()}, title="A wait")


@pytest.fixture
def calls():
    made = Calls(SPEC, work=work, keep=keep, answer=dict)

    @made.endpoint(example={"steps": 1}, action="wait")
    def wait_for(steps: int, word: Literal["a", "bad", "bug"] = "a") -> Wait:
        """Wait some steps.

        Args:
            steps: how many.
            word: what to answer.

        Returns:
            word: the one that was given.
        """
        if steps < 0:
            raise InputError("steps is below 0. It can be 0 or more. Choose one.")
        return Wait(steps=steps, word=word)

    return made


@pytest.fixture
def jobs(monkeypatch):
    """A runner of this test."""
    from core.jobs import JobRunner, process

    fresh = JobRunner(light_slots=2)
    before = process.use(fresh)
    yield fresh
    assert fresh.shutdown(5)
    process.use(before)


def call(calls, **arguments):
    from core.ui import call_run

    return call_run.run(calls.endpoints["wait_for"], arguments)


# --- turns --------------------------------------------------------------------------------------


def test_the_next_turn_goes_to_the_caller_with_the_fewest_under_way():
    async def scenario():
        turns, order = Turns(light=2), []
        back = [await turns.take("ann", heavy=False) for _ in range(2)]

        async def one(who):
            give_back = await turns.take(who, heavy=False)
            order.append(who)
            return give_back

        waiting = [asyncio.create_task(one(who)) for who in ("ann", "ann", "bob")]
        await asyncio.sleep(0)
        back[0]()
        await asyncio.sleep(0.01)
        back[1]()
        await asyncio.sleep(0.01)
        first = list(order)
        for task in waiting:
            if task.done():
                task.result()()
        await asyncio.wait_for(asyncio.gather(*waiting), 5)
        return first

    assert soon(scenario())[0] == "bob"


def test_a_turn_is_given_back_once_only():
    async def scenario():
        turns = Turns(light=1)
        give_back = await turns.take("ann", heavy=False)
        give_back()
        give_back()
        await turns.take("bob", heavy=False)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(turns.take("eve", heavy=False), 0.1)

    soon(scenario())


def test_heavy_and_light_calls_have_turns_of_their_own():
    async def scenario():
        turns = Turns(light=1, heavy=1)
        await turns.take("ann", heavy=True)
        await asyncio.wait_for(turns.take("ann", heavy=False), 1)

    soon(scenario())


def test_too_many_calls_of_one_caller_or_of_all_are_refused_in_words():
    async def scenario():
        turns = Turns(light=1, most=4, most_of_one=2)
        tasks = [asyncio.create_task(turns.take(who, heavy=False)) for who in ("ann", "ann", "bob")]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="You have 2 calls"):
            await turns.take("ann", heavy=False)
        tasks.append(asyncio.create_task(turns.take("cat", heavy=False)))
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="4 calls of scripts"):
            await turns.take("dan", heavy=False)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    soon(scenario())


def test_whoever_leaves_the_line_takes_no_turn():
    async def scenario():
        turns, told = Turns(light=1), []
        give_back = await turns.take("ann", heavy=False)
        left = asyncio.create_task(turns.take("bob", heavy=False))
        cut = asyncio.create_task(turns.take("cat", heavy=False, gone=lambda: True))
        stays = asyncio.create_task(turns.take("dan", heavy=False, tell=told.append))
        await asyncio.sleep(0)
        left.cancel()
        with pytest.raises(JobCancelled):
            await cut
        assert told == [2, 1, 0]
        give_back()
        await asyncio.wait_for(stays, 1)

    soon(scenario())


# --- one call -----------------------------------------------------------------------------------


def test_an_answer_carries_its_run_which_is_in_nobodys_history(calls, jobs):
    from core.runs import OPERATOR, store

    answer = soon(call(calls, steps=1))
    assert answer["word"] == "a"
    run = store().get(answer["run"]["id"])
    assert run.request == {"action": "wait", "request": {"steps": 1, "word": "a"}}
    assert run.result == {"word": "a"}
    assert set(answer["run"]["files"]) == {"word.txt", "result.json", "settings.json"}
    assert store().list(owner="") == []
    assert [entry.id for entry in store().list(owner=OPERATOR)] == [run.id]


def test_a_failed_call_says_why_and_gives_its_turn_back(calls, jobs):
    async def scenario():
        for _ in range(3):  # more than there are turns
            with pytest.raises(InputError, match="The word is bad"):
                await call(calls, steps=0, word="bad")
        return await call(calls, steps=0)

    assert soon(scenario())["word"] == "a"


def test_a_call_with_wrong_arguments_starts_no_job(calls, jobs):
    with pytest.raises(InputError, match="steps is below 0"):
        soon(call(calls, steps=-1))
    assert jobs.list() == []


def test_a_bug_does_not_show_its_text(calls, jobs):
    with pytest.raises(Exception, match="inside the program") as caught:
        soon(call(calls, steps=0, word="bug"))
    assert "secret" not in str(caught.value)


def test_a_cancelled_call_stops_its_job_within_a_second(calls, jobs):
    async def scenario():
        task = asyncio.create_task(call(calls, steps=10_000))
        while not jobs.list(active=True):
            await asyncio.sleep(0.01)
        began = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while jobs.list(active=True):
            await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time() - began

    assert soon(scenario()) < 1.0


def test_a_call_whose_event_stream_was_closed_stops_its_job(calls, jobs, monkeypatch):
    async def scenario():
        task = asyncio.create_task(call(calls, steps=10_000))
        while not jobs.list(active=True):
            await asyncio.sleep(0.01)
        monkeypatch.setattr(caller, "left", lambda: True)
        with pytest.raises(JobCancelled):
            await task
        while jobs.list(active=True):
            await asyncio.sleep(0.01)

    soon(scenario())


def test_calls_leave_one_light_slot_to_the_pages(calls, jobs):
    async def scenario():
        tasks = [asyncio.create_task(call(calls, steps=20)) for _ in range(3)]
        seen = 0
        while not all(task.done() for task in tasks):
            seen = max(seen, len(jobs.list(active=True)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*tasks)
        return seen

    assert soon(scenario()) == 1, "the runner of this test has two light slots"


# --- declaring ----------------------------------------------------------------------------------


def test_the_published_function_has_the_arguments_of_the_declared_one(calls):
    from core.ui.calls import handler

    endpoint = calls.endpoints["wait_for"]
    published = handler(endpoint)
    assert inspect.iscoroutinefunction(published)
    assert published.__name__ == "wait_for"
    assert list(inspect.signature(published).parameters) == ["steps", "word"]
    assert inspect.signature(published).return_annotation is dict
    assert endpoint_of(published) is endpoint


def test_a_name_is_declared_once_and_begins_with_the_slug(calls):
    with pytest.raises(ValueError, match="lacks wait_"):

        @calls.endpoint(example={})
        def go() -> Wait:
            raise NotImplementedError

    with pytest.raises(ValueError, match="twice"):

        @calls.endpoint(example={})
        def wait_for() -> Wait:
            raise NotImplementedError


def test_an_answer_of_its_own_belongs_to_one_call(jobs):
    made = Calls(SPEC, work=work, keep=lambda request, result: None, answer=dict)

    @made.endpoint(example={})
    def wait_for(word: str = "a") -> Asked:
        return Asked(Wait(steps=0, word=word), lambda result: {"length": len(result["word"])})

    answer = soon(call(made, word="aaa"))
    assert answer == {"length": 3, "run": {"note": ""}}
    assert example("an-id").file == ""


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../../etc/passwd", "relative.wav"])
def test_no_path_outside_the_uploads_is_opened(path):
    with pytest.raises(InputError, match="is not an upload"):
        received({"path": path})


@pytest.mark.parametrize("path", ["/etc/passwd", "%2Fetc%2Fpasswd", "/tmp/../etc/passwd"])
def test_an_upload_address_opens_uploads_only(path):
    with pytest.raises(InputError, match="is not an upload"):
        received({"path": f"http://127.0.0.1:1/gradio_api/file={path}"})


def test_an_upload_is_read_by_its_path_and_by_its_address(tmp_path):
    from pathlib import Path

    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder()) / "abc"
    folder.mkdir(parents=True)
    (folder / "a b.wav").write_bytes(b"sound")
    by_path = received({"path": str(folder / "a b.wav"), "orig_name": "mine.wav"})
    address = f"https://elsewhere.example/gradio_api/file={folder}/a%20b.wav"
    by_address = received({"path": address})
    assert (by_path.data, by_path.name) == (b"sound", "mine.wav")
    assert (by_address.data, by_address.name) == (b"sound", "a b.wav")


def test_an_example_of_this_hub_is_read_without_asking_over_http():
    found = received(
        {"path": "https://h.example/sub/example/trill/reader-1841-a"},
        origin="https://h.example/sub",
    )
    assert found.name == "reader-1841-a.flac"
    assert found.data.startswith(b"fLaC")


@pytest.mark.parametrize(
    "path", ["example/trill/nobody", "example/nobody/a", "artifact/0/a", "api"]
)
def test_other_addresses_of_this_hub_are_refused_in_words(path):
    with pytest.raises(InputError, match="This hub has no file"):
        received({"path": f"http://h.example/{path}"}, origin="http://h.example")


def test_an_offline_hub_fetches_nothing():
    settings.override(offline=True)
    with pytest.raises(InputError, match="offline"):
        received_in_a_call({"path": "https://example.com/a.wav"})


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/a.wav",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/a.wav",
        "http://[::1]/a.wav",
    ],
)
def test_no_private_address_is_asked(address, monkeypatch):
    import safehttpx

    async def nobody(hostname):
        return []

    monkeypatch.setattr(safehttpx, "async_resolve_hostname_google", nobody)
    settings.override(offline=False)
    with pytest.raises(InputError, match="No file could be fetched"):
        received({"path": address}, origin="http://h.example")
