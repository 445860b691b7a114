"""The public endpoints through a real server: `gradio_client`, and HTTP where that hides something."""

import http.client
import inspect
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from core.methods.trill import api_arguments, gallery, requests
from core.methods.trill.endpoints import CALLS
from core.methods.trill.pipeline import run as run_pipeline
from core.methods.trill.results import RESULTS
from core.runs.request import canonical_json, to_json
from core.ui import snippets
from tests.serving import served

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A hub with this page only, as the command starts it."""
    with served(tmp_path_factory.mktemp("hub"), "--methods", "trill") as url:
        yield url


@pytest.fixture(scope="module")
def client(address):
    made = Client(address, verbose=False)
    yield made
    made.close()


def clip(name):
    return handle_file(str(gallery.example(name).path))


def fetched(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read()


def jobs_under_way(address):
    rows = re.findall(
        r"^vitrine_jobs\{(.*)\} ([\d.]+)", fetched(f"{address}/metrics").decode(), re.M
    )
    states = ('state="running"', 'state="stopping"', 'state="queued"')
    return sum(float(count) for labels, count in rows if any(state in labels for state in states))


def wait_until(condition, seconds=60.0):
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def test_every_endpoint_is_listed_and_every_verb_of_the_page_has_one(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {f"/{name}" for name in CALLS.endpoints} == set(named)
    page_words = {"survive": "change"}
    for kind in requests.KINDS:
        assert f"trill_{page_words.get(kind, kind)}" in CALLS.endpoints


def test_neither_progress_nor_request_is_an_argument(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for name, endpoint in CALLS.endpoints.items():
        shown = {p["parameter_name"] for p in named[f"/{name}"]["parameters"]}
        assert shown == set(endpoint.make.__annotations__) - {"return"}


def test_the_answer_is_that_of_the_pipeline_and_names_a_run_that_people_can_open(client, address):
    from core.jobs import Job

    answer = client.predict(clip=clip("reader-1743-a"), api_name="/trill_explore")
    run = answer.pop("run")
    own = gallery.example("reader-1743-a")
    request = requests.ExploreRequest(clip=requests.Clip(source=f"example:{own.id}"))
    here = RESULTS.to_dict(run_pipeline(Job(), request))
    for told in (answer["heard"], here["heard"]):  # an upload is named by its hash and file
        told.pop("source"), told.pop("name")
    assert canonical_json(answer) == canonical_json(here)
    assert run["page"] == f"{address}/trill?run={run['id']}"
    assert b"gradio_config" in fetched(run["page"])
    assert fetched(run["files"]["picture.png"]).startswith(b"\x89PNG")
    stored = json.loads(fetched(run["files"]["result.json"]))
    stored["heard"].pop("source"), stored["heard"].pop("name")
    assert stored == answer
    assert json.loads(fetched(run["files"]["settings.json"]))["method"] == "trill"


def test_addresses_in_an_answer_are_those_that_the_caller_used(address):
    """As behind a proxy that ends TLS."""
    forwarded = {"X-Forwarded-Host": "demo.example.org", "X-Forwarded-Proto": "https"}
    run = posted(address, "trill_triplet", TRIPLET, **forwarded)["run"]
    assert run["page"] == f"https://demo.example.org/trill?run={run['id']}"
    assert all(a.startswith("https://demo.example.org/artifact/") for a in run["files"].values())


TRIPLET = {
    name: {"path": f"/example/trill/{example}", "meta": {"_type": "gradio.FileData"}}
    for name, example in (
        ("anchor", "reader-1841-a"),
        ("positive", "reader-1841-b"),
        ("negative", "reader-1898-a"),
    )
}


def posted(address, name, arguments, **headers):
    """One call over plain HTTP; files given as paths of the hub become addresses of it."""
    text = json.dumps(arguments).replace(
        '"/example', f'"{headers_origin(address, headers)}/example'
    )
    asked = urllib.request.Request(
        f"{address}/gradio_api/call/v2/{name}",
        text.encode(),
        {"Content-Type": "application/json", **headers},
    )
    event = json.loads(fetched(asked))["event_id"]
    said = fetched(f"{address}/gradio_api/call/{name}/{event}").decode()
    assert "event: complete" in said, said
    return json.loads(said.split("event: complete\ndata: ")[1].splitlines()[0])[0]


def headers_origin(address, headers):
    host = headers.get("X-Forwarded-Host")
    return f"https://{host}" if host else address


def test_use_in_api_names_the_endpoint_and_the_arguments_of_what_was_run():
    stored = json.loads((gallery.FOLDER / "finished.json").read_text("utf-8"))["results"]
    seen = set()
    for row in stored.values():
        request = requests.KINDS.from_dict(row["request"])
        name, arguments_of = api_arguments.CALLS[request.kind]
        arguments = arguments_of(to_json(request))
        endpoint = CALLS.endpoints[name]
        inspect.signature(endpoint.make).bind(**arguments)
        assert "example/trill/" in json.dumps(arguments) or not hasattr(request, "clip")
        seen.add(request.kind)
    assert seen >= {"explore", "compare", "teach", "survive", "triplet", "check", "personalise"}


def test_use_in_api_keeps_the_cut_of_a_clip():
    whole, part = (
        requests.Clip(source="example:reader-1841-a", start=start, end=end)
        for start, end in ((0.0, None), (1.5, 2.25))
    )
    request = requests.TripletRequest(anchor=whole, positive=part, negative=whole)
    arguments = api_arguments.CALLS["triplet"][1](to_json(request))
    assert arguments["parts"] == ["", "1.5-2.25", ""]


def test_explore_names_the_nearest_voices(client):
    result = client.predict(clip=clip("reader-1743-a"), api_name="/trill_explore")
    assert result["kind"] == "explore"
    assert len(result["nearest"]) == 5
    assert result["heard"]["seconds"] == 3.0


def test_embed_gives_one_vector_and_the_series_when_asked(client):
    result = client.predict(
        clip=clip("reader-1743-a"), layer="embedding", series=True, api_name="/trill_embed"
    )
    assert len(result["series"]) == len(result["times"])
    assert len(result["mean"]) == len(result["series"][0])
    assert result["mean"][0] == pytest.approx(
        sum(row[0] for row in result["series"]) / len(result["series"]), abs=1e-3
    )


def test_compare_gives_both_layers(client):
    result = client.predict(
        first=clip("reader-1841-a"), second=clip("reader-1841-b"), api_name="/trill_compare"
    )
    assert {answer["layer"] for answer in result["answers"]} == {"layer19", "embedding"}


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash, curl")
def test_the_shell_snippet_runs_as_printed(address, tmp_path):
    for name, file in (("reader-1743-a", "clip.wav"), ("reader-1841-a", "it's; one.wav")):
        shutil.copy(gallery.example(name).path, tmp_path / file)
    files = [snippets.file_argument(file) for file in ("clip.wav", "it's; one.wav")]
    calls = {
        "trill_explore": {"clip": files[0], "hop_frames": 17},
        "trill_teach": {"clips": [*files, *files], "labels": ["a", "b's", "a", "b's"]},
    }
    for name, arguments in calls.items():
        text = snippets.curl(name, arguments).replace(snippets.ORIGIN, address)
        answer = subprocess.run(
            ["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=90
        ).stdout
        assert "event: complete" in answer, answer[:400]
        assert json.loads(answer.split("data: ")[-1].splitlines()[0])[0]["kind"] in name


def test_teach_and_classify_work_together(client):
    names = [(mood, f"actor-13-{mood}-{k}") for mood in ("anger", "sadness") for k in (1, 2)]
    taught = client.predict(
        clips=[clip(name) for _, name in names],
        labels=[mood for mood, _ in names],
        classifier="lda",
        api_name="/trill_teach",
    )
    assert taught["classes"] == ["anger", "sadness"]
    written = taught["run"]["files"]["head.json"]
    answers = [
        client.predict(clip=clip("actor-13-anger-3"), **head, api_name="/trill_classify")
        for head in (
            {"head": handle_file(written)},
            {"head_id": taught["head"]},
            {"head_json": fetched(written).decode()},
        )
    ]
    shares = dict(zip(answers[0]["classes"], answers[0]["probabilities"], strict=True))
    assert shares["anger"] > 0.5
    assert len({canonical_json(a["probabilities"]) for a in answers}) == 1


def test_a_part_of_a_clip_can_be_asked_for(client):
    three = [clip("two-readers-in-turn")] * 3
    answer = client.predict(
        anchor=three[0],
        positive=three[1],
        negative=three[2],
        parts=["0.3-1.5", "6.0-7.2", "3.2-4.4"],
        api_name="/trill_triplet",
    )
    final = next(t for t in answer["triangles"] if t["layer"] == "embedding")
    assert final["positive"] < final["negative"], "the other voice is farther than the same"


def test_a_change_is_measured_and_can_be_heard(client):
    answer = client.predict(
        clip=clip("reader-1841-a"), pitch=6, noise_db=10, api_name="/trill_change"
    )
    assert answer["chosen"]["distance"] > 0
    assert "+6 semitones" in answer["chosen"]["label"]
    assert fetched(answer["run"]["files"]["changed.flac"]).startswith(b"fLaC")


def test_training_reports_its_steps_and_hands_out_weights(client):
    job = client.submit(steps=10, seed=7, api_name="/trill_train")
    steps = set()
    while not job.done():
        for unit in job.status().progress_data or []:
            assert unit.length == 100
            steps.add((unit.index, unit.desc))
        time.sleep(0.02)
    answer = job.result()
    assert answer["steps"] == 10
    assert any(index == 50 and "Step 5 of 10" in words for index, words in steps), steps
    assert len(fetched(answer["run"]["files"]["model.safetensors"])) > 100_000


def test_a_cancelled_call_ends_its_job(client, address):
    job = client.submit(steps=2000, seed=8, resume=False, api_name="/trill_train")
    wait_until(lambda: jobs_under_way(address))
    wait_until(lambda: any("Step" in (u.desc or "") for u in job.status().progress_data or []))
    job.cancel()
    assert wait_until(lambda: not jobs_under_way(address)) < 10.0  # 2000 steps take minutes


def test_a_dropped_event_stream_ends_the_job(address):
    body = json.dumps({"steps": 2000, "seed": 9, "resume": False}).encode()
    asked = urllib.request.Request(
        f"{address}/gradio_api/call/v2/trill_train", body, {"Content-Type": "application/json"}
    )
    event = json.loads(fetched(asked))["event_id"]
    stream = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    stream.request("GET", f"/gradio_api/call/trill_train/{event}")
    stream.getresponse()
    wait_until(lambda: jobs_under_way(address))
    time.sleep(1.0)
    assert jobs_under_way(address)
    stream.sock.close() if stream.sock else None
    stream.close()
    assert wait_until(lambda: not jobs_under_way(address)) < 10.0


def test_a_flood_of_calls_is_refused_in_words_and_does_not_keep_visitors_waiting(client, address):
    flood = {"steps": 2000, "seed": 10, "resume": False, "api_name": "/trill_train"}
    jobs = [client.submit(**flood) for _ in range(30)]
    try:
        wait_until(lambda: sum(job.done() for job in jobs) >= 6)
        refused = [job for job in jobs if job.done()]
        assert all("Wait for an answer" in str(job.exception()) for job in refused)
        wait_until(lambda: jobs_under_way(address))
        assert jobs_under_way(address) == 1, "the others wait outside of the queue of visitors"
    finally:
        for job in jobs:
            job.cancel()
    wait_until(lambda: not jobs_under_way(address))


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("trill_teach", {"clips": [], "labels": []}, "same length"),
        ("trill_classify", {"clip": clip("reader-198-a"), "head_json": "{}"}, "head"),
        ("trill_explore", {"clip": clip("reader-198-a"), "hop_frames": 1}, "4 to 96"),
        ("trill_explore", {"clip": handle_file(__file__)}, "text file"),
        ("trill_train", {"steps": 5000}, "10 to 2000"),
        (
            "trill_teach",
            {"clips": [clip("reader-198-a")], "labels": ["a"], "parts": ["", ""]},
            "1 clip",
        ),
        ("trill_classify", {"clip": clip("reader-198-a"), "head_id": "0" * 64}, "no head"),
        ("trill_personalise", {"speaker": "nobody"}, "george"),
    ],
)
def test_wrong_calls_are_answered_in_words(client, name, arguments, words):
    with pytest.raises(Exception, match=words):
        client.predict(**arguments, api_name=f"/{name}")


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "pyproject.toml"), "../../etc/passwd"])
@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}])
def test_no_path_of_a_caller_is_opened(address, path, meta):
    body = json.dumps({"data": [{"path": path, **meta}]}).encode()
    request = urllib.request.Request(
        f"{address}/gradio_api/call/trill_explore",
        body,
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        event = json.loads(answer.read())["event_id"]
    with urllib.request.urlopen(
        f"{address}/gradio_api/call/trill_explore/{event}", timeout=60
    ) as answer:
        text = answer.read().decode()
    assert "event: error" in text
    assert "root:" not in text
    assert "ruff" not in text


def test_examples_are_served_by_id_only(address):
    with urllib.request.urlopen(f"{address}/example/trill/reader-198-a", timeout=20) as answer:
        assert answer.read() == gallery.example_bytes("reader-198-a")
    for name in ("nobody", "..%2Fexamples.json", "examples.json"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{address}/example/trill/{name}", timeout=20)
        assert caught.value.code == 404
        caught.value.close()
