"""Two visitors of one hub: B tries whatever HTTP allows to get at what A made."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from core.runs.run_store import RunStore
from tests.core.hub.fake_hub import serving
from tests.core.privacy.visitor import Visitor, plain, run_ids
from tests.serving import ROOT

MARK = "alpha-private-text"


@dataclass
class Scene:
    """A hub, where A has a run, a vote, an upload and a job that goes on for minutes."""

    address: str
    folder: Path
    a: Visitor
    b: Visitor
    run: str
    upload: str
    job: str
    pictures: str  # a run of A with files that hold scripts

    @property
    def secrets(self) -> list[str]:
        """What B must never see; B does not know A's run by its link."""
        return [MARK, self.run, self.a.owner, self.job, self.pictures, "votes-of-alpha"]

    def leaked(self, text: str) -> list[str]:
        """Which of the secrets a text holds."""
        return [secret for secret in self.secrets if secret in plain(text)]

    def store(self) -> RunStore:
        data = self.folder / "data"
        return RunStore(f"sqlite:///{data}/vitrine.sqlite3", str(data / "artifacts"))


def start_job(visitor: Visitor, text: str, delay: float) -> tuple[str, str]:
    """Start A's action without waiting for its end; returns session and event id."""
    event = visitor.event("echo", "click", 3)
    session = secrets.token_hex(8)
    answer = visitor.ask(
        "POST",
        "/gradio_api/queue/join",
        json={
            "data": [text, delay, visitor.owner],
            "fn_index": event["id"],
            "session_hash": session,
        },
    )
    return session, answer.json()["event_id"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("hub")
    with serving(folder) as address, Visitor(address) as a, Visitor(address) as b:
        event = a.event("echo", "click", 3)
        run = run_ids(a.fire(event, [f"{MARK} one", 0, a.owner])).pop()
        sent = a.ask(
            "POST",
            "/gradio_api/upload",
            files={"files": ("alpha.txt", f"{MARK} upload".encode(), "text/plain")},
        )
        scene = Scene(address, folder, a, b, run, sent.json()[0], "", "")
        store = scene.store()
        store.answers.add(
            method="echo", subject="s", payload={"vote": "votes-of-alpha"}, owner=a.owner
        )
        script = b"<script>document.title='owned'</script>"
        scene.pictures = store.save(
            method="echo",
            request={"action": "repeat", "request": {"text": "x", "delay": 0.0}},
            result={"text": "x", "letters": {"x": 1}},
            artifacts={
                "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg">' + script + b"</svg>",
                "a.html": b"<!doctype html>" + script,
                "a.json": b'{"a": "' + script + b'"}',
                "a.txt": script,
                "a.xml": b"<?xml version='1.0'?><x/>",
                "a.js": b"document.title='owned'",
            },
            owner=a.owner,
        ).id
        store.close()
        start_job(a, f"{MARK} job " + "x" * 600, 1.0)  # at a second a letter it outlives the tests
        deadline = time.monotonic() + 60
        while not scene.job and time.monotonic() < deadline:
            listed = a.serve(a.component("jobs", "_read"), "_read", {"owner": a.owner}).text
            if 'data-do="cancel" data-job="' in plain(listed):
                scene.job = plain(listed).split('data-do="cancel" data-job="')[1].split('"')[0]
        assert scene.job, "A's job is not on A's page"
        yield scene


# What B may send where a browser sends its own id.
OWNERS = [
    "",
    None,
    0,
    True,
    [],
    {},
    "b" * 24,
    "x",
    "%",
    "_" * 24,
    "' OR '1'='1",
    '" OR ""="',
    "\ud800" * 24,
    "\x00" * 24,
    "*" * 24,
    "a" * 1_000_000,
    {"owner": "x"},
    ["b" * 24],
]
OWNER_NAMES = [repr(owner)[:20] for owner in OWNERS]


def nearly(owner: str) -> list[str]:
    """Ids that are almost A's."""
    return [owner[:-1], owner + "A", owner.swapcase(), owner[::-1], f" {owner}", owner[:8] + "%"]


def as_json(data: object) -> bytes:
    """JSON with lone surrogates escaped, which a client may send and httpx would not."""
    return json.dumps(data).encode()


def raw_serve(visitor: Visitor, component: int, function: str, data: object):
    body = {"data": data, "component_id": component, "session_hash": "s1", "fn_name": function}
    return visitor.ask(
        "POST",
        "/gradio_api/component_server",
        content=as_json(body),
        headers={"content-type": "application/json"},
    )


def test_a_sees_what_is_a_s(scene):
    """Else every test below would pass on an empty hub."""
    load = scene.a.event("echo", "load", 1)
    shown = scene.a.fire(load, [scene.a.owner], until=scene.run)
    assert scene.run in scene.leaked(shown)
    listed = scene.a.serve(scene.a.component("jobs", "_read"), "_read", {"owner": scene.a.owner})
    assert scene.job in plain(listed.text)


@pytest.mark.parametrize("owner", OWNERS, ids=OWNER_NAMES)
def test_no_id_but_the_right_one_lists_runs_or_jobs(scene, owner):
    b = scene.b
    for page in ("echo", "jobs"):
        event = b.event(page, "load", 1)
        body = {
            "data": [owner],
            "fn_index": event["id"],
            "session_hash": "b" + secrets.token_hex(6),
        }
        joined = b.ask(
            "POST",
            "/gradio_api/queue/join",
            content=as_json(body),
            headers={"content-type": "application/json"},
        )
        if joined.status_code == 200:
            assert not scene.leaked(b.listen(body["session_hash"]))
        assert not scene.leaked(joined.text)
    read = raw_serve(b, b.component("jobs", "_read"), "_read", {"owner": owner})
    assert not scene.leaked(read.text)
    assert not scene.leaked(raw_serve(b, b.component("jobs", "_read"), "_read", owner).text)


def test_ids_that_are_almost_right_list_nothing(scene):
    b = scene.b
    for owner in nearly(scene.a.owner):
        text = b.fire(b.event("echo", "load", 1), [owner])
        assert scene.run not in text
        assert MARK not in text
        read = b.serve(b.component("jobs", "_read"), "_read", {"owner": owner})
        assert scene.job not in read.text


@pytest.mark.parametrize("owner", OWNERS, ids=OWNER_NAMES)
def test_nobody_else_stops_or_repeats_a_job(scene, owner):
    b = scene.b
    component = b.component("jobs", "_act")
    for do in ("cancel", "rerun", "open", ""):
        answer = raw_serve(b, component, "_act", {"owner": owner, "job": scene.job, "do": do})
        assert MARK not in plain(answer.text)
        if answer.status_code == 200:
            assert "no such job among yours" in plain(answer.text)
    mine = scene.a.serve(scene.a.component("jobs", "_read"), "_read", {"owner": scene.a.owner})
    assert 'data-state="running"' in plain(mine.text)
    assert plain(mine.text).count('class="vt-job"') == 2, "the job was repeated"


@pytest.mark.parametrize("owner", OWNERS, ids=OWNER_NAMES)
def test_nobody_else_pins_deletes_or_exports_a_run(scene, owner):
    b = scene.b
    component = b.component("echo", "_pin")
    base = {"owner": owner, "method": "echo", "run": scene.run, "on": True, "runs": [scene.run]}
    for function in ("_pin", "_delete", "_export"):
        answer = raw_serve(b, component, function, base)
        assert MARK not in plain(answer.text)
        assert '"link"' not in answer.text
    store = scene.store()
    run = store.get(scene.run)
    store.close()
    assert not run.pinned
    assert run.owned_by(scene.a.owner)


def test_b_exports_only_what_is_b_s_even_with_a_s_run_named(scene):
    b = scene.b
    mine = run_ids(b.fire(b.event("echo", "click", 3), ["b's own", 0, b.owner])).pop()
    answer = b.serve(
        b.component("echo", "_export"),
        "_export",
        {"owner": b.owner, "method": "echo", "runs": [mine, scene.run]},
    )
    data = b.get(answer.json()["link"]).content
    assert data.startswith(b"PK")
    assert MARK.encode() not in data
    assert scene.run.encode() not in data


@pytest.mark.parametrize("job", ["", "x", "%", "*", None, 0, [], {}, "A" * 22, "a" * 100_000])
def test_the_stop_button_of_a_page_stops_no_job_by_guess(scene, job):
    b = scene.b
    raw_serve(b, b.component("echo", "_stop"), "_stop", {"job": job})
    raw_serve(b, b.component("echo", "_stop"), "_stop", job)
    mine = scene.a.serve(scene.a.component("jobs", "_read"), "_read", {"owner": scene.a.owner})
    assert 'data-state="running"' in plain(mine.text)


def test_no_event_of_any_page_gives_away_anything_of_a(scene):
    """Every event of the hub, private ones too, by its number, with many kinds of input."""
    b = scene.b
    tried = 0
    for page in b.config["page"]:
        for event in b.events(page):
            size = len(event["inputs"])
            for value in (b.owner, "", None, 0, [], {"path": scene.upload + "x"}):
                text = b.fire(event, [value] * size)
                assert not scene.leaked(text), (page, event["targets"], value)
                tried += 1
                if not size:
                    break
    assert tried > 20


def test_event_data_cannot_name_what_b_does_not_know(scene):
    b = scene.b
    opener = next(
        e for e in b.events("echo") if any(target[1] == "open" for target in e["targets"])
    )
    for run in ("", "%", "0" * 32, scene.run[:-1], scene.run.upper(), "../" + scene.run, None, 1):
        text = b.fire(opener, [], event_data={"run": run})
        assert MARK not in text
    for query in ("?run=%25", f"?run={scene.run[:-1]}", "?run=", "?p=x", f"?run={scene.run}%00"):
        assert MARK not in b.fire(b.event("echo", "load", 1), [b.owner], query=query)


def test_ids_near_a_s_run_find_nothing(scene):
    b = scene.b
    for place in range(32):
        other = (
            scene.run[:place] + ("0" if scene.run[place] != "0" else "1") + scene.run[place + 1 :]
        )
        assert b.get(f"/artifact/{other}/echo.txt").status_code == 404
    for run in (scene.run.upper(), scene.run[:31], scene.run + "0", "%25", "_" * 32, "*", "."):
        if run != scene.run:
            assert b.get(f"/artifact/{run}/echo.txt").status_code == 404


def test_whoever_has_the_link_of_a_run_reads_it_and_changes_nothing(scene):
    """That is what a link is for: 128 random bits, told to nobody by the hub itself."""
    b = scene.b
    shown = b.fire(b.event("echo", "load", 1), [b.owner], query=f"?run={scene.run}")
    assert f"{MARK} one" in shown
    assert b.get(f"/artifact/{scene.run}/echo.txt").text == f"{MARK} one"
    assert scene.a.owner not in shown
    for function in ("_pin", "_delete"):
        payload = {"owner": b.owner, "method": "echo", "run": scene.run, "on": True}
        answer = b.serve(b.component("echo", function), function, payload)
        assert "made in another browser" in answer.text


ESCAPES = [
    "{data}/vitrine.sqlite3",
    "{data}/vitrine.sqlite3-wal",
    "{data}/browser-secret",
    "{data}/artifacts",
    "{data}",
    "/etc/passwd",
    "/proc/self/environ",
    "/proc/self/cwd/app.py",
    "{gradio}/../data/browser-secret",
    "{gradio}/./../data/vitrine.sqlite3",
    "{gradio}//..//data/browser-secret",
    "{gradio}",
    "../../../../etc/passwd",
    "..\\..\\etc\\passwd",
    "file:///etc/passwd",
    "/dev/stdin",
    "{gradio}/%2e%2e/data/browser-secret",
    "core/settings.py",
    "app.py",
    ".git/config",
    "{data}/vitrine.sqlite3\x00.png",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_file_route_leaves_its_folder(scene, path):
    b = scene.b
    named = path.format(data=scene.folder / "data", gradio=scene.folder / "gradio")
    quoted = quote(named, safe="/%:")
    asked = [
        f"/gradio_api/file={quoted}",
        f"/gradio_api/file/{quoted}",
        f"/file={quoted}",
        f"/gradio_api/file={quote(named, safe='')}",
        f"/gradio_api/proxy={quoted}",
        f"/artifact/{scene.run}/{quote(named, safe='')}",
        f"/artifact/{quote(named, safe='')}/echo.png",
        f"/download/{quote(named, safe='')}",
        f"/example/echo/{quote(named, safe='')}",
        f"/example/{quote(named, safe='')}/x",
        f"/vitrine/{quote(named, safe='')}",
        f"/static/{quoted}",
        f"/assets/{quoted}",
        f"/svelte/{quoted}",
    ]
    for address in asked:
        answer = b.get(address)
        assert answer.status_code in (307, 400, 403, 404, 405, 422, 500), address
        assert b"SQLite format" not in answer.content
        assert b"root:" not in answer.content
        assert b"import annotations" not in answer.content


def test_a_file_argument_opens_nothing_but_uploads(scene):
    """The button that reads result files takes a path from the client."""
    b = scene.b
    opener = next(
        e for e in b.events("echo") if any(target[1] == "upload" for target in e["targets"])
    )
    data = scene.folder / "data"
    for path in (data / "vitrine.sqlite3", data / "browser-secret", "/etc/passwd", data, "app.py"):
        file = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
        text = b.fire(opener, [file, b.owner][: len(opener["inputs"])])
        assert "SQLite format" not in text
        assert "root:" not in text
        assert not scene.leaked(text)


def test_uploads_have_no_listing_and_no_guessable_address(scene):
    b = scene.b
    folder = scene.upload.rpartition("/")[0]
    for path in (folder, folder + "/", scene.upload + "x", scene.upload.replace("alpha", "beta")):
        assert b.get(f"/gradio_api/file={path}").status_code in (403, 404)
    assert len(folder.rpartition("/")[2]) == 64, "the name holds the hash of the content"


PUBLIC = (
    "/", "/echo", "/jobs", "/status", "/api", "/config", "/gradio_api/info", "/readyz", "/metrics",
    "/gradio_api/openapi.json", "/gradio_api/queue/status", "/gradio_api/app_id", "/openapi.json",
    "/gradio_api/token", "/gradio_api/user", "/manifest.json", "/monitoring", "/gradio_api/runs",
    "/gradio_api/mcp/schema", "/monitoring/summary", "/gradio_api/profiling/traces",
)  # fmt: skip


@pytest.mark.parametrize("path", PUBLIC)
def test_no_public_answer_names_anything_of_a(scene, path):
    assert not scene.leaked(scene.b.get(path).text)


def test_the_status_page_tells_that_something_runs_and_nothing_about_it(scene):
    read = scene.b.serve(scene.b.component("status", "_read"), "_read", None)
    assert "running" in plain(read.text)
    assert not scene.leaked(read.text)


def test_streams_and_results_of_others_cannot_be_joined(scene):
    b = scene.b
    session, event = start_job(scene.a, f"{MARK} stream", 0.0)
    for guess in ("", "0", session[:-1], session.upper(), "%", event):
        if guess:
            with b.http.stream(
                "GET", f"{b.address}/gradio_api/queue/data", params={"session_hash": guess}
            ) as stream:
                heard = next(stream.iter_lines(), "")
            assert MARK not in heard
    assert MARK in scene.a.listen(session)


def test_nobody_cancels_an_event_without_its_id(scene):
    b = scene.b
    event = scene.a.event("echo", "click", 3)
    for session in ("", "s", "%"):
        b.ask(
            "POST",
            "/gradio_api/cancel",
            json={"session_hash": session, "fn_index": event["id"], "event_id": "x"},
        )
    mine = scene.a.serve(scene.a.component("jobs", "_read"), "_read", {"owner": scene.a.owner})
    assert 'data-state="running"' in plain(mine.text)


def test_agents_have_no_tool_that_reads_runs_jobs_or_votes(scene):
    tools = scene.b.get("/gradio_api/mcp/schema").json()
    assert [tool["name"] for tool in tools] == ["echo_repeat"]


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a.xml", "a.js", "a.json", "a.txt"])
def test_a_file_of_a_run_never_runs_as_a_page_of_ours(scene, name):
    for query in ("", "?download=1"):
        answer = scene.b.get(f"/artifact/{scene.pictures}/{name}{query}")
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "sandbox" in policy
        assert "allow-scripts" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        kind = answer.headers["content-type"].split(";")[0]
        if kind not in ("application/json", "text/plain"):
            assert answer.headers["content-disposition"].startswith("attachment"), kind


def test_an_upload_that_is_a_page_is_only_given_as_a_download(scene):
    b = scene.b
    for name in ("x.html", "x.svg", "x.xml", "x.js"):
        sent = b.ask(
            "POST",
            "/gradio_api/upload",
            files={"files": (name, b"<script>1</script>", "text/html")},
        ).json()[0]
        answer = b.get(f"/gradio_api/file={sent}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_errors_tell_nothing_about_the_machine(scene):
    b = scene.b
    texts = [b.fire(b.event("echo", "click", 3), ["bug", 0, b.owner])]
    texts += [b.fire(b.event("echo", "click", 3), bad) for bad in ([], [1], [None, "x", []])]
    texts += [b.fire(99_999, []), b.fire(-1, [])]
    for function in ("_pin", "_delete", "_export"):
        for data in (None, [], "x", {}, {"owner": {}, "run": []}):
            texts.append(raw_serve(b, b.component("echo", function), function, data).text)
    for text in texts:
        assert "Traceback" not in text
        assert "a secret of the server" not in text
        assert str(scene.folder) not in text
        assert str(ROOT) not in text
        assert "site-packages" not in text
