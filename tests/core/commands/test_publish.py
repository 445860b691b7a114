"""`publish`: what the options may be, and that a dry run needs neither a token nor a network."""

import json

import pytest

from core import cli
from core.commands import WrongUsage
from core.commands.publish import parse_variables, read_secrets
from tests.hub_double import Hub
from tests.hub_double.command import publish, publisher_env
from tests.hub_double.small import tree


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nope", "--repo", "me/x"], "There is no method 'nope'."),
        (["trill"], "--repo is missing. Publishing needs a place; --dry-run DIR needs none."),
        (["trill", "--repo", "trill"], "'trill' is no name of a Space. OWNER/NAME is needed"),
        (["trill", "--repo", "me/x", "--hardware", "abacus"], "'abacus' is no hardware of the"),
        (["trill", "--repo", "me/x", "--full"], "--full was given, but no full tier of trill"),
        (["trill", "--repo", "me/x", "--variable", "A"], "--variable 'A' is no NAME=VALUE."),
        (
            ["trill", "--repo", "me/x", "--secret", "NOT_SET_ANYWHERE"],
            "--secret NOT_SET_ANYWHERE: ",
        ),
    ],
)
def test_what_cannot_be_meant_exits_with_2_and_one_line(words, line, spoken):
    assert cli.execute(["publish", *words]) == 2
    assert spoken().startswith(f"error: {line}")


def test_variables_are_pairs():
    assert parse_variables(["A=1", "B=x=y", "C="]) == {"A": "1", "B": "x=y", "C": ""}


@pytest.mark.parametrize(
    "given",
    [["A"], ["=1"], ["1A=2"], ["A B=1"], ["A=1", "A=2"], ["API_KEY=abc"], ["A=hf_" + "x" * 30]],
)
def test_a_variable_that_is_no_pair_or_a_secret_is_refused(given):
    with pytest.raises(WrongUsage) as refused:
        parse_variables(given)
    assert "hf_xx" not in str(refused.value)


def test_secrets_come_from_the_environment_by_name(monkeypatch):
    monkeypatch.setenv("SOME_SECRET", "value")
    assert read_secrets(["SOME_SECRET"]) == {"SOME_SECRET": "value"}


def test_a_secret_given_by_value_is_not_repeated_in_the_error():
    with pytest.raises(WrongUsage) as refused:
        read_secrets(["hf_abc-def="])
    assert "abc" not in str(refused.value)


def test_a_dry_run_builds_and_reports_without_token_and_network(tmp_path):
    with Hub() as hub:
        env = publisher_env(hub, tmp_path, token="") | {"HF_HUB_OFFLINE": "1"}
        out = tmp_path / "export"
        told = publish(["trill", "--dry-run", str(out), "--json", "-"], env, small="first")
        assert told.code == 0, told.err
        assert hub.requests == []
    assert {
        p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()
    } == (tree("first"))
    report = json.loads(told.out)  # stdout holds the JSON and nothing else
    assert report["published"] is None
    assert report["files"] == len(tree("first"))
    assert report["licences"] == {"trill": "Apache-2.0"}
    assert "on this machine only" in told.err
    assert "python app.py publish trill --repo OWNER/trill" in told.err


def test_an_export_with_errors_is_never_sent(tmp_path):
    with Hub() as hub:
        env = publisher_env(hub, tmp_path)
        told = publish(["trill", "--repo", "me/trill"], env, small="unfit")
        assert told.code == 1
        assert told.error == (
            "error: The export is not fit to be published: app.py: holds a secret and 1 more. "
            "Nothing was uploaded. Mend it and run the same command again."
        )
        assert "warning: README.md: is short" in told.err
        assert hub.count("POST|PUT") == 0
