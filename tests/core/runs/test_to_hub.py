"""Saving a run to a visitor's account, against an imitation of the Hub."""

from __future__ import annotations

import json
import logging

import pytest

from core.errors import InputError, VitrineError
from core.runs import png, to_hub
from tests.hub_double import OTHER, READ, WRITE, Hub, Repo


@pytest.fixture
def hub(monkeypatch):
    from huggingface_hub import constants

    with Hub() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", OTHER)  # the machine's own account, which nobody may get
        yield found


@pytest.fixture
def store(make_store):
    return make_store()


def saved_run(store, **artifacts: bytes):
    clip = store.put_input(b"a voice", "audio/wav")
    return store.save(
        method="trill",
        request={"action": "explore", "request": {"clip": f"sha256:{clip}"}},
        result={"answer": 42},
        artifacts=artifacts or {"picture.png": b"\x89PNG", "numbers.csv": b"1,2\n"},
        owner="a" * 24,
        title="Explore: <b>me</b>",
        seconds=1.5,
        versions={"python": "3.11"},
    )


def upload(store, run, token=WRITE, owner="me", **more):
    kept = to_hub.keepsake(run, store.blob, source="anna/vitrine")
    return to_hub.upload(kept, token=token, owner=owner, **more)


def files(hub, kind, name):
    return {path: file.content for path, file in hub.repos[kind, name].files.items()}


def test_a_run_goes_into_a_private_collection_and_can_be_opened_again(hub, store):
    run = saved_run(store)
    done = upload(store, run)
    assert (done.repo, done.kind, done.private) == ("me/vitrine-runs", "dataset", True)
    assert done.address == f"{hub.url}/datasets/me/vitrine-runs"
    assert hub.repos["dataset", "me/vitrine-runs"].private
    found = files(hub, "dataset", "me/vitrine-runs")
    folder = next(path.rpartition("/")[0] for path in found if path.endswith("settings.json"))
    assert found[f"{folder}/picture.png"] == b"\x89PNG"
    assert json.loads(found[f"{folder}/result.json"]) == {"answer": 42}
    opened = png.open_file(found[f"{folder}/settings.json"], "settings.json")
    assert (opened.method, opened.request) == ("trill", run.request)


def test_the_cards_say_what_it_is_and_let_no_title_through_as_markup(hub, store):
    upload(store, saved_run(store))
    found = files(hub, "dataset", "me/vitrine-runs")
    own = next(data for path, data in found.items() if path.endswith("/README.md")).decode()
    assert "# Explore: \\<b\\>me\\</b\\>" in own
    assert "anna/vitrine" in own
    assert "Universal Non-Semantic Representation" in own
    assert "| `picture.png` | 4 |" in own
    assert found["README.md"].decode().startswith("---\ntags:\n- vitrine\nviewer: false\n---")


def test_neither_the_owner_nor_the_link_nor_the_token_is_saved(hub, store, caplog):
    run = saved_run(store)
    with caplog.at_level(logging.DEBUG):
        upload(store, run)
    everything = b"".join(files(hub, "dataset", "me/vitrine-runs").values()).decode("latin-1")
    paths = " ".join(files(hub, "dataset", "me/vitrine-runs"))
    messages = " ".join(hub.repos["dataset", "me/vitrine-runs"].messages)
    for secret in (run.owner, run.id, WRITE):
        assert secret not in everything + paths + messages
        assert secret not in caplog.text


def test_uploads_are_saved_only_when_they_are_asked_for(hub, store):
    run = saved_run(store)
    upload(store, run)
    assert not [p for p in files(hub, "dataset", "me/vitrine-runs") if "inputs/" in p]
    kept = to_hub.keepsake(run, store.blob, inputs=store.inputs_of(run.id))
    to_hub.upload(kept, token=WRITE, owner="me")
    inputs = [d for p, d in files(hub, "dataset", "me/vitrine-runs").items() if "/inputs/" in p]
    assert inputs == [b"a voice"]


@pytest.mark.parametrize("name", ["model.safetensors", "head.safetensors"])
def test_a_trained_model_becomes_a_model_repository(hub, store, name):
    run = saved_run(store, **{name: b"weights", "config.json": b"{}"})
    done = upload(store, run)
    assert done.kind == "model"
    assert done.repo == f"me/vitrine-trill-{run.id[:8]}"
    found = files(hub, "model", done.repo)
    assert found[name] == b"weights"
    assert found["config.json"] == b"{}"
    assert "settings.json" in found
    assert found["README.md"].decode().startswith("---\ntags:\n- vitrine\n- trill\n---")


def test_saving_twice_changes_nothing_and_the_visitors_own_readme_stays(hub, store):
    run = saved_run(store)
    upload(store, run)
    before = files(hub, "dataset", "me/vitrine-runs")
    upload(store, run)
    assert files(hub, "dataset", "me/vitrine-runs") == before
    repo = hub.repos["dataset", "me/vitrine-runs"]
    repo.files["README.md"] = type(repo.files["README.md"])(b"# mine", False)
    upload(store, saved_run(store))
    assert files(hub, "dataset", "me/vitrine-runs")["README.md"] == b"# mine"


def test_a_collection_that_others_see_is_not_used_for_what_is_private(hub, store):
    hub.add(Repo("me/vitrine-runs", "dataset", private=False))
    with pytest.raises(InputError, match="anybody can see it"):
        upload(store, saved_run(store))
    assert set(files(hub, "dataset", "me/vitrine-runs")) == {".gitattributes"}
    assert upload(store, saved_run(store), private=False).private is False


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (("repos/create", 401), "Signing in with Hugging Face"),
        (("repos/create", 403), "The permission 'contribute-repos' would"),
        (("commit/main", 403), "The permission 'contribute-repos' would"),
        (("commit/main", 404), "made elsewhere"),
        (("preupload", 413), "Delete something there"),
        (("commit/main", 400), "did not take the files"),
        (("commit/main", 0), "saving again sends the rest"),
    ],
)
def test_what_goes_wrong_at_the_hub_is_one_sentence_without_the_token(
    hub, store, caplog, fault, words
):
    hub.fail(fault[0], fault[1], words=f"no, not with {WRITE}")
    with pytest.raises(VitrineError) as caught:
        upload(store, saved_run(store))
    assert words in " ".join(str(caught.value).split())
    assert WRITE not in str(caught.value) + caplog.text
    hub.heal()
    assert upload(store, saved_run(store)).repo == "me/vitrine-runs"


def test_a_login_that_may_not_write_is_told_so(hub, store):
    with pytest.raises(InputError, match="contribute-repos"):
        upload(store, saved_run(store), token=READ)


def test_an_expired_login_is_told_so(hub, store):
    with pytest.raises(InputError, match="has expired"):
        upload(store, saved_run(store), token="gone")


@pytest.mark.parametrize(("token", "owner"), [("", "me"), (WRITE, ""), ("", "")])
def test_without_a_token_the_machines_own_is_never_used(hub, store, token, owner):
    with pytest.raises(InputError, match="not signed in"):
        upload(store, saved_run(store), token=token, owner=owner)
    assert hub.requests == []


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "bob/vitrine-runs", "-x", "x--y", "a" * 97, "a..b"]
)
def test_a_name_that_leaves_the_visitors_account_is_refused(hub, store, name):
    with pytest.raises(InputError, match="cannot name a repository"):
        upload(store, saved_run(store), name=name)
    assert hub.requests == []


def test_another_name_is_used_when_the_visitor_gives_one(hub, store):
    assert upload(store, saved_run(store), name=" my-voices ").repo == "me/my-voices"


def test_a_run_that_is_too_large_is_refused_before_anything_is_read(store, monkeypatch):
    monkeypatch.setattr(to_hub, "MAX_BYTES", 3)
    with pytest.raises(InputError, match="Download them instead"):
        to_hub.keepsake(saved_run(store), lambda sha256: pytest.fail("it was read"))


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("openid profile contribute-repos", True),
        ("openid profile manage-repos", True),
        ("openid profile", False),
        ("openid profile read-repos", False),
        ("", False),
    ],
)
def test_only_scopes_that_make_repositories_will_do(scope, allowed):
    assert to_hub.may_save(scope) is allowed
