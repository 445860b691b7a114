"""Each way in which publishing can fail is one clear line on stderr, and changes nothing it must not."""

import re

import pytest

from tests.hub_double import READ, WRITE, Hub, Repo, Stored
from tests.hub_double.command import publish, publisher_env, session

QUICK = ["trill", "--repo", "me/trill", "--no-wait"]
WAIT = QUICK[:-1]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One Hub and one publisher for all cases: large files go by LFS, which keeps nothing at home."""
    with Hub() as hub:
        env = publisher_env(hub, tmp_path_factory.mktemp("home"), mode="lfs")
        with session(env) as run:
            yield hub, run


@pytest.fixture
def hub(running):
    running[0].heal()
    running[0].reset()
    return running[0]


@pytest.fixture
def run(running):
    return lambda words=QUICK, **more: running[1](words, **more)


def theirs(hub):
    repo = hub.add(Repo("me/trill"))
    repo.files["app.py"] = Stored(b"print('mine')", False)
    repo.files["README.md"] = Stored(b"---\nsdk: gradio\n---\n", False)
    repo.files["data.csv"] = Stored(b"1,2", False)


def docker(hub):
    hub.add(Repo("me/trill", sdk="docker"))


def build_error(hub):
    hub.stages = ["BUILDING", "BUILD_ERROR"]
    hub.add(Repo("me/trill")).logs["build"] = [
        *(f"step {n}" for n in range(40)),
        "ERROR: No matching distribution found for torch==9.9",
    ]


def crash(hub):
    hub.stages = ["BUILDING", "APP_STARTING", "RUNTIME_ERROR"]
    hub.add(Repo("me/trill")).logs["run"] = [
        "Traceback",
        "ModuleNotFoundError: No module named 'x'",
    ]


CASES = {
    "no token": {
        "token": "",
        "line": "There is no Hugging Face token on this machine. One with write ",
    },
    "wrong token": {
        "token": "x",
        "line": "The Hub does not accept the Hugging Face token of this machine",
    },
    "read-only token": {
        "token": READ,
        "line": "The Hugging Face token 'laptop' may only read. One with",
    },
    "somebody else's name": {
        "words": ["trill", "--repo", "bob/trill"],
        "line": "--repo bob/trill belongs to bob, but the token is that of me. me, team would work.",
    },
    "no right to write": {
        "words": ["trill", "--repo", "team/trill"],
        "line": "The token may not write to team/trill: \"You don't have the rights to create a space",
    },
    "a model of that name": {
        "setup": lambda hub: hub.add(Repo("me/trill", kind="model")),
        "line": "me/trill is a model, not a Space. A name that is free works. Choose another --repo",
    },
    "a data set of that name": {
        "setup": lambda hub: hub.add(Repo("me/trill", kind="dataset")),
        "line": "me/trill is a dataset, not a Space. A name that is free works. Choose another --repo",
    },
    "somebody's own Space": {
        "setup": theirs,
        "line": "me/trill exists and was not made by Vitrine: 3 files, such as README.md, app.py, data",
    },
    "a Docker Space": {
        "setup": docker,
        "line": "me/trill exists and was not made by Vitrine: a docker Space with no files",
    },
    "a plan is needed": {
        "words": [*QUICK, "--hardware", "cpu-basic"],
        "setup": lambda hub: setattr(hub, "paid_plan", False),
        "line": 'The Hub asks for a paid plan: "Static Spaces are free for everyone, but hosting Gradio',
    },
    "too large a file": {
        "setup": lambda hub: setattr(hub, "largest_file", 250_000),
        "line": "spaces/trill/weights/model.safetensors is too large for the Hub: ",
    },
    "an export that does not answer here": {
        "small": "dead",
        "line": "The smoke test failed: http://127.0.0.1:9 does not answer from here (",
    },
    "too much for the store": {
        "setup": lambda hub: hub.fail(
            "POST .*/preupload", 413, "Repository storage limit reached (1 GB)"
        ),
        "line": 'A file is too large for the Hub: "Repository storage limit reached (1 GB)".',
    },
    "wrong front matter": {
        "small": "wrong",
        "line": 'The Hub refuses the front matter of README.md: "short_description" length must be less',
    },
    "too many requests": {
        "setup": lambda hub: hub.fail(
            "POST .*/preupload", 429, "Too many", headers={"Retry-After": "300"}
        ),
        "line": "The Hub allows no more requests for now (429) while uploading the files. Wait 300 s.",
    },
    "a broken Hub": {
        "setup": lambda hub: hub.fail("POST /api/repos/create", 500, "Internal Error"),
        "line": "The Hub has trouble of its own (500) while setting up the Space.",
    },
    "the Space cannot be built": {
        "words": WAIT,
        "setup": build_error,
        "line": "The files are on the Hub, but me/trill could not be built (BUILD_ERROR): ERROR: No mat",
    },
    "the Space crashes": {
        "words": WAIT,
        "setup": crash,
        "line": "The files are on the Hub, but me/trill crashed when it started (RUNTIME_ERROR): Module",
    },
}


@pytest.mark.parametrize("name", CASES)
def test_a_failure_is_one_clear_line(hub, run, name):
    case = dict(CASES[name])
    line, setup = case.pop("line"), case.pop("setup", None)
    if setup:
        setup(hub)
    told = run(**case)
    assert told.code == 1, told.out
    errors = [text for text in told.err.splitlines() if text.startswith("error: ")]
    assert errors == [told.error]
    assert told.error.startswith(f"error: {line}")
    assert told.error.count(". ") >= 1  # what was given, and what to do
    assert "Traceback" not in told.err.replace("  | Traceback", "")
    assert WRITE not in told.out + told.err
    assert not re.search(r"Request ID|httpx|huggingface_hub", told.error)


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set, so nothing can be published."),
        (
            {"HF_ENDPOINT": "http://127.0.0.1:9"},
            "The Hub cannot be reached (http://127.0.0.1:9) while asking who you are.",
        ),
    ],
)
def test_without_a_network_it_says_so(hub, tmp_path, env, line):
    told = publish(QUICK, publisher_env(hub, tmp_path) | env, small="first")
    assert told.code == 1
    assert told.err.splitlines() == [told.error]
    assert told.error.startswith(f"error: {line}")


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (403, "The token may not write to me/trill. A token with write permission for it works."),
        (413, "A file is too large for the Hub. Smaller weights"),
        (429, "The Hub allows no more requests for now (429) while uploading the files."),
        (503, "The Hub has trouble of its own (503) while uploading the files."),
    ],
)
def test_an_answer_of_the_xet_store_is_told_in_the_same_words(hub, tmp_path, status, line):
    hub.fail("POST /cas/v1/xorbs", status, "words")
    told = publish(QUICK, publisher_env(hub, tmp_path, mode="xet"), small="first")
    assert told.code == 1
    assert told.error.startswith(f"error: {line}")


def test_a_too_large_file_that_only_the_store_refuses_is_the_same_line(hub, run, monkeypatch):
    hub.largest_file = 250_000
    rows = {"uploadMode": "lfs", "shouldIgnore": False, "oid": None}
    monkeypatch.setattr(
        hub,
        "preupload",
        lambda _, body: {"files": [rows | {"path": file["path"]} for file in body["files"]]},
    )
    told = run()
    assert told.code == 1
    assert "is too large for the Hub" in told.error


def test_an_export_that_does_not_answer_here_is_never_sent(hub, run):
    told = run(small="dead")
    assert "That was the export on this machine; nothing was uploaded." in told.error
    assert hub.count("POST|PUT") == 0


def test_the_last_lines_of_the_log_stand_before_the_error(hub, run):
    build_error(hub)
    told = run(words=WAIT)
    shown = [text for text in told.err.splitlines() if text.startswith("  | ")]
    assert shown[-1] == "  | ERROR: No matching distribution found for torch==9.9"
    assert len(shown) == 12


def test_a_space_that_is_not_ours_keeps_every_byte(hub, run):
    theirs(hub)
    before = dict(hub.space("me/trill").files)
    run()
    assert hub.space("me/trill").files == before
    assert hub.count("POST|PUT|DELETE") == 0


def test_overwrite_replaces_it_on_demand(hub, run):
    theirs(hub)
    told = run(words=[*QUICK, "--overwrite"])
    assert told.code == 0, told.err
    assert "data.csv" not in hub.space("me/trill").files
    assert ".gitattributes" in hub.space("me/trill").files


def test_an_empty_space_made_on_the_website_is_filled_without_asking(hub, run):
    hub.add(Repo("me/trill")).files["README.md"] = Stored(b"---\nsdk: gradio\n---\n", False)
    assert run().code == 0


@pytest.mark.parametrize("name", ["too large a file", "a plan is needed", "a broken Hub"])
def test_a_second_try_after_the_cause_is_mended_completes_it(hub, run, name):
    CASES[name]["setup"](hub)
    assert run(words=CASES[name].get("words", QUICK)).code == 1
    hub.heal()
    hub.largest_file, hub.paid_plan = 10**9, True
    told = run()
    assert told.code == 0, told.err
    assert "spaces/trill/weights/model.safetensors" in hub.space("me/trill").files
