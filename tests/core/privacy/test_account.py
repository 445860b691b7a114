"""Signing in on a Space and saving there, with imitations of the Hub and of its login."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs.run_store import RunStore
from tests.core.privacy.openid_double import CLIENT, OpenId
from tests.core.privacy.visitor import Visitor
from tests.hub_double import OTHER, WRITE, Hub
from tests.serving import clean_env, served

MINE = "m" * 24  # the browser that made the run


class Space:
    """A running Space with a run in its store, the Hub and the login it talks to."""

    def __init__(self, address: str, hub: Hub, login: OpenId, run: str, folder: Path) -> None:
        self.address, self.hub, self.login, self.run, self.folder = address, hub, login, run, folder

    def visitor(self, *, signed_in: bool = True) -> Visitor:
        """A new visitor."""
        found = Visitor(self.address)
        if signed_in:
            answer = found.follow(f"/login/huggingface?_target_url=/account?run={self.run}")
            assert answer.status_code == 200, answer.text[:500]
            assert str(answer.url).endswith(f"/account?run={self.run}")
        return found

    def save(
        self, visitor: Visitor, name: str = "", public: bool = False, browser: str = "", **more
    ) -> str:
        """Press Save; returns what the page says."""
        event = visitor.event("account", "click", 4)
        said = visitor.fire(event, [self.run, name, public, browser or visitor.owner], **more)
        return said

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text("utf-8", "replace")


def stored_run(folder: Path, **artifacts: bytes) -> str:
    store = RunStore(f"sqlite:///{folder}/data/vitrine.sqlite3", str(folder / "data" / "artifacts"))
    try:
        clip = store.put_input(b"the voice of the visitor", "audio/wav")
        return store.save(
            method="trill",
            request={"action": "explore", "request": {"clip": f"sha256:{clip}"}},
            result={"answer": 42},
            artifacts=artifacts or {"picture.png": b"\x89PNG"},
            owner=MINE,
            title="Explore: my voice",
        ).id
    finally:
        store.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Space]:
    folder = tmp_path_factory.mktemp("space")
    run = stored_run(folder)
    with Hub() as hub, OpenId() as login:
        env = clean_env(
            folder,
            **login.environment(),
            HF_ENDPOINT=hub.url,
            HF_TOKEN=OTHER,  # the account of the Space's owner
            HF_HUB_OFFLINE="0",
        )
        with served(folder, env=env) as address:
            yield Space(address, hub, login, run, folder)


@pytest.fixture
def space(running: Space) -> Iterator[Space]:
    yield running
    running.hub.heal()
    running.hub.repos.clear()
    running.login.__dict__.update(
        token=WRITE, user="me", scope="openid profile contribute-repos", seconds=3600
    )
    running.login.declines = running.login.broken = False


def test_a_signed_in_visitor_saves_a_run_to_the_own_account(space):
    with space.visitor() as visitor:
        said = space.save(visitor)
    assert "Saved as a dataset that only you can see" in said, said
    repo = space.hub.repos["dataset", "me/vitrine-runs"]
    assert repo.private
    assert any(path.endswith("picture.png") for path in repo.files)
    assert not any("inputs/" in path for path in repo.files), "the upload is not this visitor's"


def test_the_page_names_run_and_account_and_asks_who_is_not_signed_in_to_sign_in(space):
    with space.visitor(signed_in=False) as visitor:
        load = visitor.event("account", "load", 0)
        stranger = visitor.fire(load, [], query=f"?run={space.run}")
        assert "Explore: my voice" in stranger
        assert "Sign in first" in stranger
    with space.visitor() as visitor:
        known = visitor.fire(visitor.event("account", "load", 0), [], query=f"?run={space.run}")
        assert "in the account <strong>me</strong>" in known


def test_the_login_asks_for_the_least_that_is_enough(space):
    space.visitor().http.close()
    assert set(space.login.asked[-1].split()) == {"openid", "profile", "contribute-repos"}


def test_the_browser_that_made_the_run_saves_its_upload_too(space):
    with space.visitor() as visitor:
        space.save(visitor, browser=MINE)
    inputs = [
        file.content
        for path, file in space.hub.repos["dataset", "me/vitrine-runs"].files.items()
        if "/inputs/" in path
    ]
    assert inputs == [b"the voice of the visitor"]


def test_who_is_not_signed_in_saves_nothing_least_of_all_with_the_hosts_account(space):
    before = len(space.hub.requests)
    with space.visitor(signed_in=False) as visitor:
        assert "not signed in" in space.save(visitor)
    assert space.hub.repos == {}
    assert len(space.hub.requests) == before


def test_a_token_in_the_body_of_a_call_is_no_login(space):
    with space.visitor(signed_in=False) as visitor:
        assert "not signed in" in space.save(visitor, oauth_token=WRITE)
    assert space.hub.repos == {}


def test_a_login_that_has_expired_saves_nothing(space):
    space.login.seconds = -10
    with space.visitor() as visitor:
        assert "not signed in, or your login has expired" in space.save(visitor)
    assert space.hub.repos == {}


def test_a_token_that_the_hub_no_longer_knows_is_an_expired_login(space):
    space.login.token = "revoked"
    with space.visitor() as visitor:
        assert "your login has expired" in space.save(visitor)


def test_without_the_permission_the_visitor_is_told_which_one(space):
    space.login.scope = "openid profile"
    before = len(space.hub.requests)
    with space.visitor() as visitor:
        assert "contribute-repos" in space.save(visitor)
    assert len(space.hub.requests) == before, "the Hub was asked although it cannot say yes"


def test_a_permission_that_the_hub_refuses_is_explained(space):
    space.hub.fail("repos/create", 403, words="forbidden")
    with space.visitor() as visitor:
        assert "sign in again and allow it" in space.save(visitor)


def test_who_declines_comes_back_to_the_run_with_a_sentence(space):
    space.login.declines = True
    with Visitor(space.address) as visitor:
        answer = visitor.follow(f"/login/huggingface?_target_url=/account?run={space.run}")
        assert answer.status_code == 200
        assert f"run={space.run}&denied=1" in str(answer.url)
        said = visitor.fire(visitor.event("account", "load", 0), [], query="?denied=1")
        assert "You did not sign in" in said


def test_a_login_that_fails_at_the_hub_is_a_sentence_and_no_traceback(space):
    space.login.broken = True
    with Visitor(space.address) as visitor:
        answer = visitor.follow(f"/login/huggingface?_target_url=/account?run={space.run}")
        assert answer.status_code == 200
        assert "failed=1" in str(answer.url)


def test_who_logs_out_saves_nothing(space):
    with space.visitor() as visitor:
        visitor.get("/logout")
        assert "not signed in" in space.save(visitor)


def test_another_visitor_is_not_signed_in_by_the_first(space):
    with space.visitor(), space.visitor(signed_in=False) as other:
        assert "not signed in" in space.save(other)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "host": "anna-vitrine.hf.space"},
        {"origin": "null", "host": "anna-vitrine.hf.space"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "same-site", "origin": "https://evil.hf.space"},
    ],
)
def test_a_page_of_another_site_cannot_save_with_the_visitors_login(space, headers):
    with space.visitor() as visitor:
        event = visitor.event("account", "click", 4)
        visitor.headers = headers
        said = visitor.fire(event, [space.run, "", True, visitor.owner])
        assert "Saved" not in said
        assert space.hub.repos == {}
        visitor.headers = {}
        assert "Saved" in space.save(visitor), "the login itself is not harmed"


def test_the_token_is_neither_in_the_log_nor_on_the_disk(space):
    with space.visitor() as visitor:
        space.save(visitor)
    space.hub.fail("commit", 500, words=f"echo {WRITE}")
    with space.visitor() as visitor:
        space.save(visitor)
    secrets = (WRITE, OTHER, "secret-of-the-space")
    for secret in secrets:
        assert secret not in space.log
    for path in space.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in data], path


def test_no_answer_of_the_hub_holds_a_token_or_the_secret(space):
    with space.visitor() as visitor:
        texts = [
            visitor.get("/config").text,
            visitor.get("/account").text,
            visitor.get("/trill").text,
            visitor.fire(visitor.event("account", "load", 0), [], query=f"?run={space.run}"),
            space.save(visitor),
        ]
    for text in texts:
        assert WRITE not in text
        assert "secret-of-the-space" not in text
        assert CLIENT not in text


OFF = {
    "off a Space": {"SYSTEM": "", "SPACE_ID": ""},
    "without an id": {"SPACE_ID": ""},
    "without OAuth": {"OAUTH_CLIENT_ID": ""},
}


@pytest.mark.parametrize(
    "case",
    ["without an id", *(pytest.param(c, marks=pytest.mark.slow) for c in OFF if c[-2:] != "id")],
)
def test_elsewhere_nobody_can_sign_in_and_never_as_the_host(tmp_path, case):
    """The machine is logged in to the Hub, as its owner may well be."""
    run = stored_run(tmp_path)
    with Hub() as hub, OpenId() as login:
        env = clean_env(
            tmp_path,
            **{**login.environment(), **OFF[case]},
            HF_ENDPOINT=hub.url,
            HF_TOKEN=OTHER,
            HF_HUB_OFFLINE="0",
        )
        with served(tmp_path, env=env) as address, Visitor(address) as visitor:
            assert "account" not in visitor.config["page"]
            assert visitor.get(f"/account?run={run}").status_code == 404
            for path in ("/login/huggingface", "/login/callback"):
                assert visitor.get(path).status_code in (404, 405), path
            assert "session" not in visitor.cookies
            parts = {part["type"] for part in visitor.config["components"]}
            assert "loginbutton" not in parts
            assert "Save to my account" not in json.dumps(visitor.config)
        assert hub.count("whoami") == 0, "the hub asked whose token the machine holds"
