"""Publishing against the imitated Hub: what arrives, what a second time sends, settings, waiting."""

import json
import signal

import pytest

from tests.core.hub.fake_hub import serving
from tests.hub_double import DROP, HOLD, LOSE_ANSWER, WRITE, Hub, Repo
from tests.hub_double.command import publish, publisher_env, start
from tests.hub_double.small import tree

WORDS = ["trill", "--repo", "me/trill"]
QUICK = [*WORDS, "--no-wait"]
STORE = {"lfs": "PUT /lfs-storage", "xet": "POST /cas/v1/xorbs"}


@pytest.fixture
def hub():
    with Hub() as running:
        yield running


@pytest.fixture(params=["lfs", "xet"])
def both(request, hub, tmp_path):
    return publisher_env(hub, tmp_path, mode=request.param) | {"MODE": request.param}


@pytest.fixture(params=["xet", pytest.param("lfs", marks=pytest.mark.slow)])
def env(request, hub, tmp_path):
    return publisher_env(hub, tmp_path, mode=request.param) | {"MODE": request.param}


@pytest.fixture
def xet(hub, tmp_path):
    return publisher_env(hub, tmp_path, mode="xet")


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """The address of a running hub with the endpoint that the small tree asks for."""
    with serving(tmp_path_factory.mktemp("echo")) as url:
        yield url


def held(hub, name="me/trill"):
    return {path: file.content for path, file in hub.space(name).files.items()}


def ours(hub):
    return {path: data for path, data in held(hub).items() if path != ".gitattributes"}


def test_a_new_space_gets_every_file_byte_by_byte_in_one_commit(hub, both):
    told = publish(QUICK, both, small="first")
    assert told.code == 0, told.err
    assert ours(hub) == tree("first")
    assert len(hub.space("me/trill").commits) == 2  # the Hub's own first one, and ours
    assert hub.space("me/trill").messages[-1].startswith("Publish trill with Vitrine")
    large = {path for path, file in hub.space("me/trill").files.items() if file.lfs}
    assert large == {path for path in tree("first") if path.endswith((".flac", ".safetensors"))}
    if both["MODE"] == "xet":
        assert hub.content.files
        assert not hub.large
    else:
        assert hub.large
        assert not hub.content.files


def test_settings_are_made_with_the_space_and_secrets_are_told_to_nobody(hub, xet):
    words = ["--private", "--hardware", "t4-small", "--variable", "VITRINE_QUEUE_SIZE=9"]
    told = publish(
        [*QUICK, *words, "--secret", "API_SECRET"], xet | {"API_SECRET": "s3cret"}, small="first"
    )
    assert told.code == 0, told.err
    space = hub.space("me/trill")
    assert space.private
    assert (space.hardware, space.sleep) == ("t4-small", 3600)
    assert space.variables == {"VITRINE_QUEUE_SIZE": "9"}
    assert space.secrets == {"API_SECRET": "s3cret"}
    assert hub.count("POST .*/(secrets|variables|hardware)") == 0  # one request made all of it
    assert not [word for word in ("s3cret", WRITE) if word in told.out + told.err]
    assert "only you" in told.out
    assert "Billed by the minute" in told.out


def test_settings_of_an_existing_space_change_only_where_they_differ(hub, xet):
    publish([*QUICK, "--variable", "A=1", "--variable", "B=1"], xet, small="first")
    hub.space("me/trill").variables["BY_HAND"] = "stays"
    told = publish(
        [*QUICK, "--variable", "A=2", "--variable", "B=1", "--hardware", "cpu-upgrade"],
        xet,
        small="first",
    )
    assert told.code == 0, told.err
    assert hub.space("me/trill").variables == {"A": "2", "B": "1", "BY_HAND": "stays"}
    assert hub.count("POST .*/variables") == 1
    assert (hub.space("me/trill").hardware, hub.space("me/trill").sleep) == ("cpu-upgrade", 3600)
    assert "changed variable A, hardware cpu-upgrade instead of zero-a10g" in told.out


def test_publishing_again_sends_what_changed_and_removes_what_is_gone(hub, env):
    publish(QUICK, env, small="first")
    since = len(hub.requests)
    told = publish(QUICK, env, small="shorter")
    assert told.code == 0, told.err
    assert ours(hub) == tree("shorter")
    assert ".gitattributes" in held(hub)
    assert "Uploading 0 of 8 files, 0.00 MB, 1 removed" in told.out
    assert hub.sent(since) < 2_000

    since = len(hub.requests)
    told = publish(QUICK, env, small="changed")
    assert ours(hub) == tree("changed")
    assert "Uploading 2 of 9 files, 0.00 MB" in told.out
    assert hub.count(STORE[env["MODE"]], since) == 0
    assert hub.sent(since) < 4_000

    since = len(hub.requests)
    told = publish(QUICK, env, small="changed")
    assert "nothing is sent" in told.out
    assert hub.count("POST|PUT", since) == 0
    assert len(hub.space("me/trill").commits) == 4


def test_a_connection_lost_half_way_is_one_line_and_the_second_try_sends_the_rest(hub, both):
    mode = both["MODE"]
    hub.fail(STORE[mode], DROP, after=6 if mode == "lfs" else 0)
    told = publish(QUICK, both, small="big")
    assert told.code == 1
    assert told.error == (
        "error: The connection to the Hub was lost while uploading the files. What has arrived is "
        "kept. Run the same command again: it sends only the rest."
    )
    assert set(held(hub)) == {".gitattributes"}  # never half an export
    arrived = sum(len(data) for data in hub.large.values())
    assert (arrived > 0) is (mode == "lfs")  # these fit into one xorb, which comes whole or not

    hub.heal()
    since = len(hub.requests)
    told = publish(QUICK, both, small="big")
    assert told.code == 0, told.err
    assert ours(hub) == tree("big")
    large = sum(len(data) for path, data in tree("big").items() if path.endswith(("c", "s")))
    again = sum(r.size for r in hub.requests[since:] if r.path.startswith(("/lfs-st", "/cas/")))
    assert large - arrived <= again < (large - arrived) * 1.01 + 3_000


def test_large_files_that_arrived_before_the_commit_failed_are_not_sent_again(hub, env):
    hub.fail("POST .*/commit/main", DROP)
    assert publish(QUICK, env, small="big").code == 1
    hub.heal()
    since = len(hub.requests)
    assert publish(QUICK, env, small="big").code == 0
    assert ours(hub) == tree("big")
    assert hub.count(STORE[env["MODE"]], since) == 0
    assert hub.sent(since) < 25_000


@pytest.mark.parametrize("failure", [(DROP, ""), (503, "Service Unavailable"), (429, "slow down")])
def test_what_passes_by_itself_is_tried_again(hub, env, failure):
    for where in ("GET /api/whoami", "POST /api/repos/create", STORE[env["MODE"]]):
        hub.fail(where, failure[0], failure[1], times=2)
    told = publish(QUICK, env, small="first")
    assert told.code == 0, told.err
    assert ours(hub) == tree("first")


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub, env):
    hub.fail("POST .*/commit/main", LOSE_ANSWER, times=1)
    told = publish(QUICK, env, small="first")
    assert told.code == 0, told.err
    assert ours(hub) == tree("first")
    assert len(hub.space("me/trill").commits) == 2


def test_a_created_space_whose_answer_is_lost_is_gone_on_with(hub, xet):
    hub.fail("POST /api/repos/create", LOSE_ANSWER, times=1)
    told = publish(QUICK, xet, small="first")
    assert told.code == 0, told.err
    assert ours(hub) == tree("first")


def test_somebody_elses_commit_meanwhile_is_never_replaced(hub, xet):
    publish(QUICK, xet, small="first")
    hub.fail(
        "POST .*/commit/main", 412, "A commit has happened since. Please refresh and try again."
    )
    told = publish(QUICK, xet, small="changed")
    assert told.code == 1
    assert "me/trill was changed by somebody else meanwhile. Nothing was replaced." in told.error
    assert ours(hub) == tree("first")


def test_ctrl_c_during_the_upload_is_one_line_and_can_be_repeated(hub, both):
    hub.fail(STORE[both["MODE"]], HOLD)
    with start(QUICK, both, small="first") as process:
        assert hub.held.wait(60)
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 1
    assert err.splitlines() == [
        "error: Stopped by Ctrl-C. What has arrived on the Hub stays there. "
        "Run the same command again to go on."
    ]
    hub.heal()
    assert publish(QUICK, both, small="first").code == 0
    assert ours(hub) == tree("first")


def test_it_waits_until_the_space_runs_this_commit_and_asks_it(hub, xet, echo, tmp_path):
    hub.stages = ["RUNNING_BUILDING", "BUILDING", "APP_STARTING", "RUNNING"]
    hub.add(Repo("me/trill", hardware="zero-a10g", host=echo, stage="RUNNING"))
    told = publish([*WORDS, "--json", str(tmp_path / "report.json")], xet, small="first")
    assert told.code == 0, told.err
    assert "echo_repeat answers after" in told.out
    assert f"Address    {echo}" in told.out
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))["published"]
    assert report["running"]
    assert report["commit"] == hub.space("me/trill").commits[-1]
    assert [answer["endpoint"] for answer in report["answers"]] == ["echo_repeat"]
    assert hub.count("GET .*/runtime") >= 4


def test_a_space_without_the_promised_endpoint_fails_the_smoke_test(hub, xet, echo):
    hub.add(Repo("me/trill", host=echo))
    told = publish(WORDS, xet, small="mute")
    assert told.code == 1
    assert told.error.startswith("error: The smoke test failed: echo_nothing gave no answer (")
    assert "The files are on the Hub, and the Space runs." in told.error


def test_a_space_that_does_not_answer_fails_the_smoke_test(hub, xet):
    hub.add(Repo("me/trill", host="http://127.0.0.1:9"))
    told = publish(WORDS, xet, small="first")
    assert told.code == 1
    assert "The smoke test failed: http://127.0.0.1:9 does not answer from here" in told.error


def test_a_space_that_was_paused_is_started_again(hub, xet, echo):
    publish(QUICK, xet, small="first")
    space = hub.space("me/trill")
    space.host, space.running_commit = echo, space.commits[-1]
    hub.let_tell("me/trill", ["PAUSED", "APP_STARTING", "RUNNING"])
    told = publish(WORDS, xet, small="first")
    assert told.code == 0, told.err
    assert hub.count("POST .*/restart") == 1


def test_the_built_tree_is_gone_afterwards_whatever_happened(hub, xet, tmp_path):
    place = tmp_path / "tmp"
    place.mkdir()
    assert publish(QUICK, xet | {"TMPDIR": str(place)}, small="first").code == 0
    assert publish(QUICK, xet | {"TMPDIR": str(place)}, small="unfit").code == 1
    assert list(place.glob("vitrine-*")) == []
