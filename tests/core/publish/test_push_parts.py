"""Patience, waiting, the smoke test and the report, each by itself."""

import json
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError

from core import registry
from core.errors import InputError, VitrineError
from core.publish import patience, report, smoke, waiting
from core.publish.build import Export, File
from core.publish.patience import patiently
from core.publish.plan import plan_for
from core.publish.rules import Finding
from core.publish.space import Standing, check_ours
from core.publish.trouble import explain
from tests.core.hub.fake_hub import serving

SPACES = registry.SPACES


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time passes by sleeping only."""
    passed = [0.0]
    fake = SimpleNamespace(
        monotonic=lambda: passed[0], sleep=lambda s: passed.__setitem__(0, passed[0] + s)
    )
    monkeypatch.setattr(patience, "time", fake)
    monkeypatch.setattr(waiting, "time", fake)
    return passed


def answered(status, words="", **headers):
    response = httpx2.Response(
        status, headers=headers, request=httpx2.Request("GET", "http://127.0.0.1")
    )
    return HfHubHTTPError(words, response=response, server_message=words)


def failing(*errors):
    left = list(errors)

    def work():
        if left:
            raise left.pop(0)
        return "done"

    return work


def test_waiting_grows_and_is_told(clock):
    told = []
    lost = httpx2.ConnectError("x")
    assert patiently(failing(lost, answered(503), lost), on_retry=told.append) == "done"
    assert clock[0] == 1.5 + 3 + 6
    assert told == [
        "the connection was lost; next try in 2 s",
        "the Hub answered 503; next try in 3 s",
        "the connection was lost; next try in 6 s",
    ]


def test_it_gives_up_after_the_last_try():
    with pytest.raises(httpx2.ReadError):
        patiently(failing(*[httpx2.ReadError("x")] * patience.TRIES))


def test_it_waits_as_long_as_the_hub_asks_but_not_for_minutes(clock):
    assert patiently(failing(answered(429, **{"Retry-After": "20"}))) == "done"
    assert clock[0] == 20
    with pytest.raises(HfHubHTTPError):
        patiently(failing(answered(429, **{"Retry-After": "300"})))


@pytest.mark.parametrize(
    "error",
    [answered(401), answered(403), answered(404), answered(413), ValueError("x"), KeyError("x")],
)
def test_what_waiting_cannot_cure_is_not_tried_again(error, clock):
    with pytest.raises(type(error)):
        patiently(failing(error))
    assert clock[0] == 0


def test_a_status_in_the_words_of_the_xet_library_is_found():
    error = ConnectionError("Network error: HTTP status client error (403 Forbidden), domain: x")
    assert patience.status(error) == 403
    assert not patience.lost_connection(error)
    assert not patience.passes(error)


def test_an_error_of_ours_passes_through_unchanged():
    error = InputError("That is wrong.")
    assert explain(error, "uploading") is error


def test_an_unforeseen_error_says_what_was_being_done():
    assert str(explain(RuntimeError("odd thing"), "uploading the files")) == (
        "Uploading the files failed: odd thing. Publishing again is safe."
    )


class FakeApi:
    """A Space whose runtime moves on with each question."""

    endpoint = "https://hub.example"

    def __init__(self, *stages, log=()):
        self.stages, self.log, self.restarted = list(stages), list(log), 0

    def get_space_runtime(self, repo):
        stage, sha = self.stages.pop(0) if len(self.stages) > 1 else self.stages[0]
        return SimpleNamespace(stage=stage, raw={"stage": stage} | ({"sha": sha} if sha else {}))

    def restart_space(self, repo):
        self.restarted += 1

    def fetch_space_logs(self, repo, build):
        return iter(self.log)


def wait(api, *, limit=1800.0, restarts=False):
    stages, log = [], []
    seconds = waiting.until_running(
        api,
        "me/x",
        "new",
        limit=limit,
        restarts=restarts,
        on_stage=lambda words, _: stages.append(words),
        on_log=log.append,
    )
    return seconds, stages


def test_the_old_commit_that_still_runs_is_not_taken_for_the_new_one():
    api = FakeApi(("RUNNING", "old"), ("RUNNING_BUILDING", "old"), ("RUNNING", "new"))
    seconds, stages = wait(api)
    assert seconds == 6
    assert stages == ["running", "building, while the old one runs on"]


def test_a_hub_that_names_no_commit_gets_some_seconds():
    assert wait(FakeApi(("RUNNING", "")))[0] > 10


def test_a_running_space_of_another_commit_is_taken_after_a_minute():
    assert 60 < wait(FakeApi(("RUNNING", "other")))[0] < 70


def test_changed_settings_get_some_seconds_to_show():
    assert wait(FakeApi(("RUNNING", "new")))[0] == 0
    assert wait(FakeApi(("RUNNING", "new")), restarts=True)[0] == 9


def test_waiting_ends_in_words():
    with pytest.raises(
        VitrineError, match=r"me/x is still building after 1 minutes. All files are"
    ):
        wait(FakeApi(("BUILDING", "")), limit=60)


def test_a_sleeping_space_is_woken_once():
    api = FakeApi(("SLEEPING", "new"), ("SLEEPING", "new"), ("RUNNING", "new"))
    wait(api)
    assert api.restarted == 1


def test_a_log_that_cannot_be_read_hides_no_error():
    api = FakeApi(("BUILD_ERROR", ""))
    api.fetch_space_logs = failing(OSError("x"))
    with pytest.raises(VitrineError, match=r"could not be built .BUILD_ERROR.: its log is empty"):
        wait(api)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1.0005, True),
        (1.0, 1.01, False),
        ([1.0, 1e-7], [1.0, 2e-7], True),  # rounding beside a large number
        ([1.0, 2.0], [1.0, 2.1], False),
        ([1.0], [1.0, 1.0], False),
        ({"a": [0.5]}, {"a": [0.5001]}, True),
        ({"a": 1}, {"b": 1}, False),
        ("x", "x", True),
        ("x", "y", False),
        (True, 1, False),
        (None, None, True),
        (["a", 1.0], ["a", 1.0001], True),
    ],
)
def test_two_machines_may_differ_in_the_last_places_only(one, other, same):
    assert smoke.alike(one, other) is same


def test_another_answer_on_the_space_is_an_error():
    call = smoke.Call("trill", "trill_embed", {}, SPACES, ("mean",))
    with pytest.raises(VitrineError, match="trill_embed answers another mean on the Space than he"):
        smoke.check_same(
            [smoke.Answer(call, 1, {"mean": 1.0})], [smoke.Answer(call, 1, {"mean": 2})]
        )


def test_parts_of_an_answer_are_found_by_path():
    assert smoke.pick({"a": [{"b": 3}]}, "a.0.b") == 3
    for path in ("x", "a.1", "a.b", "a.0.b.c"):
        with pytest.raises(KeyError):
            smoke.pick({"a": [{"b": 3}]}, path)


@pytest.mark.parametrize("text", ["", "[]", '{"calls": [{"endpoint": "x"}]}', '{"calls": 3}'])
def test_a_broken_smoke_file_is_named(tmp_path, text):
    (tmp_path / "trill" / "examples").mkdir(parents=True)
    (tmp_path / "trill" / "examples" / "smoke.json").write_text(text)
    with pytest.raises(VitrineError, match=r"spaces/trill/examples/smoke.json cannot be used"):
        smoke.calls(tmp_path, ["trill"])


@pytest.mark.parametrize("slug", registry.slugs())
def test_every_method_says_what_to_ask_its_space(slug):
    found = smoke.calls(SPACES, [slug])
    assert found, f"spaces/{slug}/examples/smoke.json is missing"
    for call in found:
        assert call.endpoint.startswith(f"{slug}_")
        assert call.same, "name a part of the answer that is the same on every machine"
        for value in call.arguments.values():
            if isinstance(value, dict) and "file" in value:
                assert (call.folder / value["file"]).is_file()


def test_a_running_hub_is_asked_as_a_script_would(tmp_path, monkeypatch):
    row = {"endpoint": "echo_repeat", "arguments": {"text": "abba"}, "same": ["a", "b"]}
    (tmp_path / "echo" / "examples").mkdir(parents=True)
    (tmp_path / "echo" / "examples" / "smoke.json").write_text(json.dumps({"calls": [row]}))
    with serving(tmp_path) as url:
        (answer,) = smoke.ask(url, smoke.calls(tmp_path, ["echo"]))
        assert answer.same == {"a": 2, "b": 2}
        wrong = smoke.Call("echo", "echo_repeat", {"nonsense": 1}, tmp_path)
        with pytest.raises(VitrineError, match="The smoke test failed: echo_repeat gave no answer"):
            smoke.ask(url, [wrong])


@pytest.mark.parametrize(
    ("token", "sent"), [("hf-private", {"x-hf-authorization": "Bearer hf-private"}), (None, {})]
)
def test_a_token_goes_to_a_private_space_only(monkeypatch, token, sent):
    import gradio_client

    seen = {}

    class Client:
        def __init__(self, src, token, **_):
            headers = gradio_client.client.build_hf_headers(token=token)
            if "authorization" in headers:
                seen["x-hf-authorization"] = headers["authorization"]

        def close(self):
            pass

    monkeypatch.setenv("HF_TOKEN", "the-one-of-this-machine")
    monkeypatch.setattr(gradio_client, "Client", Client)
    assert smoke.ask("http://127.0.0.1:9", [], token=token) == []
    assert seen == sent


@pytest.mark.parametrize(
    ("hardware", "words"),
    [
        ("zero-a10g", "Free. An account in good standing, older than 30 days and with a verified"),
        ("cpu-basic", "The machine itself is free, but hosting a Gradio Space on it needs a PRO,"),
        (
            "l4x1",
            "Billed by the minute while it runs, used or not; it sleeps after 60 idle minutes",
        ),
    ],
)
def test_the_report_says_what_the_hardware_costs(hardware, words, tmp_path):
    plan = plan_for("trill", repo="me/trill", hardware=hardware)
    files = (File("spaces/trill/weights/model.safetensors", 2_000_000, "0" * 64),)
    text = report.words(
        Export(plan, tmp_path, files, 2_000_000),
        [Finding("warning", "is slow", "app.py"), Finding("note", "not told here")],
        None,
    )
    assert words in text
    assert "Weights   TRILL: 2.00 MB, Apache-2.0" in text
    assert "Warnings  is slow" in text
    assert "not told here" not in text


def standing(*methods, ours=True):
    files = {f"spaces/{slug}/__init__.py": "0" * 40 for slug in methods}
    return Standing(
        page="", commit="", private=False, sdk="gradio", ours=ours, empty=False, files=files,
        stage="", hardware="",
    )  # fmt: skip


def test_a_method_alone_replaces_no_hub_unless_told():
    plan = plan_for("trill", repo="me/all")
    with pytest.raises(InputError, match=r"me/all holds other, which would be removed"):
        check_ours(standing("trill", "other"), plan, overwrite=False)
    check_ours(standing("trill", "other"), plan, overwrite=True)
    check_ours(standing("trill"), plan, overwrite=False)


def test_a_hub_loses_a_method_that_is_gone_without_a_question():
    check_ours(standing("trill", "gone"), plan_for("hub", repo="me/all"), overwrite=False)
