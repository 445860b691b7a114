"""The public endpoints through a real server and `gradio_client`."""

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from core.methods.trill import gallery
from core.methods.trill.endpoints import ENDPOINTS
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


def test_every_endpoint_is_named_and_documented(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {f"/{function.__name__}" for function in ENDPOINTS} == set(named)
    for function in ENDPOINTS:
        assert "Args:" in (function.__doc__ or "")


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
    answer = client.predict(
        clip=clip("actor-13-anger-3"), head_json=taught["head_json"], api_name="/trill_classify"
    )
    shares = dict(zip(answer["classes"], answer["probabilities"], strict=True))
    assert shares["anger"] > 0.5


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("trill_teach", {"clips": [], "labels": []}, "same length"),
        ("trill_classify", {"clip": clip("reader-198-a"), "head_json": "{}"}, "head"),
        ("trill_explore", {"clip": clip("reader-198-a"), "hop_frames": 1}, "4 to 96"),
        ("trill_explore", {"clip": handle_file(__file__)}, "text file"),
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
