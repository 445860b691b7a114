"""What the hub answers beside Gradio: health, metrics, files, heads, compression."""

from __future__ import annotations

import gzip
import json
import re
import time

import httpx
import pytest

FOREIGN = re.compile(r"https?://(?!127\.0\.0\.1|localhost)[^\s\"'<>\\]+")


@pytest.fixture(scope="module")
def client(address):
    with httpx.Client(base_url=address, timeout=90) as found:
        yield found


def repeat(address: str, text: str, owner: str = "a" * 20) -> str:
    """Run the echo page's action through its private event as a browser does; returns the run's id."""
    config = httpx.get(address + "config", timeout=90).json()
    starts = [d for d in config["dependencies"] if d["targets"] and d["targets"][0][1] == "click"]
    fn = next(d for d in starts if len(d["inputs"]) == 3)
    session = f"test{time.time_ns()}"
    body = {"data": [text, 0, owner], "fn_index": fn["id"], "session_hash": session}
    httpx.post(address + "gradio_api/queue/join", json=body, timeout=90).raise_for_status()
    found = ""
    with httpx.stream(
        "GET", address + "gradio_api/queue/data", params={"session_hash": session}, timeout=90
    ) as stream:
        for line in stream.iter_lines():
            if match := re.search(r"run=([0-9a-f]{32})", line):
                found = match[1]
            if '"process_completed"' in line:
                break
    assert found, "the run was not announced"
    return found


def test_health_is_answered(client):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_readiness_names_the_pages_and_the_broken_one(client):
    answer = client.get("/readyz").json()
    assert answer["queue"] is True
    assert answer["pages"] == ["echo", "broken"]
    assert answer["broken"] == ["broken"]


def test_a_method_without_weights_is_named_and_the_others_go_on(client):
    answer = client.get("/readyz")
    assert answer.json()["without_weights"] == ["broken"]
    assert answer.status_code == 200


def test_a_hub_in_which_no_method_has_weights_is_not_ready(monkeypatch):
    from types import SimpleNamespace

    from core import health

    monkeypatch.setitem(health.built, "pages", ("echo", "broken"))
    monkeypatch.setitem(
        health.built, "blocks", SimpleNamespace(_queue=SimpleNamespace(stopped=False))
    )
    monkeypatch.setattr(health, "_weights_present", lambda slug: slug == "echo")
    assert health.state()["ready"] is True
    monkeypatch.setattr(health, "_weights_present", lambda slug: False)
    assert health.state()["ready"] is False


def test_metrics_are_prometheus_text(client):
    from prometheus_client.parser import text_string_to_metric_families

    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"vitrine_pages", "vitrine_http_answers", "process_cpu_seconds"} <= names


@pytest.mark.parametrize(
    ("path", "title"),
    [("/", "Vitrine"), ("/echo", "Echo · Vitrine"), ("/jobs", "Jobs · Vitrine")],
)
def test_each_page_has_its_own_title_and_language(client, path, title):
    text = client.get(path).text
    assert f"<title>{title}</title>" in text
    assert re.search(r'<html\s+lang="en"', text)
    assert '<meta name="description"' in text or path == "/jobs"


@pytest.mark.parametrize("path", ["/", "/echo", "/broken", "/jobs", "/status", "/api"])
def test_no_page_names_another_host_except_the_paper(client, path):
    text = client.get(path).text
    assert not FOREIGN.findall(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))
    # A sample for Gradio's API view stands in its description of the page; nothing fetches it, as
    # the network log in tests/browser shows.
    links = {link for link in FOREIGN.findall(text) if "/test/test_files/" not in link}
    foreign = {link for link in links if "www.w3.org" not in link}
    assert all(link.startswith("https://arxiv.org/abs/") for link in foreign), foreign


def test_pages_forbid_other_hosts_and_sniffing(client):
    headers = client.get("/echo").headers
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "object-src 'none'" in policy
    assert "http" not in policy.replace("ws:", "")


def test_our_assets_are_kept_for_ever_and_change_their_name_with_their_content(client):
    name = re.search(r'href="\./(vitrine/vitrine\.[0-9a-f]{12}\.css)"', client.get("/").text)[1]
    answer = client.get(name)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/vitrine/vitrine.000000000000.css").status_code == 404


def test_pages_are_compressed_below_their_budget(client):
    request = client.build_request("GET", "/echo", headers={"accept-encoding": "gzip"})
    answer = client.send(request, stream=True)
    body = b"".join(answer.iter_raw())
    answer.close()
    assert answer.headers["content-encoding"] == "gzip"
    assert len(body) <= 12 * 1024
    assert b"<gradio-app" in gzip.decompress(body)


@pytest.mark.parametrize("name", ["", "echo"])
def test_a_page_lists_its_own_parts_and_no_other_page_s(client, name):
    text = client.get(f"/{name}").text
    config = json.loads(re.search(r"window\.gradio_config = (\{.*?\});</script>", text, re.S)[1])
    assert list(config["page"]) == [name]
    assert set(config["page"][name]["components"]) == {c["id"] for c in config["components"]}
    assert {"", "echo"} <= {page[0] for page in config["pages"]}


def test_events_arrive_one_by_one_although_pages_are_compressed(address):
    config = httpx.get(address + "config", timeout=90).json()
    fn = next(
        d for d in config["dependencies"] if len(d["inputs"]) == 3 and d["targets"][0][1] == "click"
    )
    body = {"data": ["four", 0.3, "b" * 20], "fn_index": fn["id"], "session_hash": "streamtest1"}
    httpx.post(address + "gradio_api/queue/join", json=body, timeout=90).raise_for_status()
    times = []
    with httpx.stream(
        "GET",
        address + "gradio_api/queue/data",
        params={"session_hash": "streamtest1"},
        headers={"accept-encoding": "gzip"},
        timeout=90,
    ) as stream:
        assert "content-encoding" not in stream.headers
        for line in stream.iter_lines():
            if '"process_generating"' in line:
                times.append(time.monotonic())
            if '"process_completed"' in line:
                break
    assert len(times) >= 3
    assert times[-1] - times[0] > 0.5, "the events came in one piece"


def test_files_of_a_run_are_served_with_their_type_and_no_script(address):
    run = repeat(address, "a picture")
    picture = httpx.get(f"{address}artifact/{run}/echo.png")
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["content-disposition"].startswith("inline")
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert picture.content.startswith(b"\x89PNG")
    forced = httpx.get(f"{address}artifact/{run}/echo.png", params={"download": "1"})
    assert forced.headers["content-disposition"].startswith("attachment")


def test_a_run_gives_its_settings_as_a_file_that_reopens_the_page(address):
    from core.ui import links

    run = repeat(address, "round trip")
    answer = httpx.get(f"{address}artifact/{run}/settings.json")
    found = links.read_file(answer.content, "settings.json", method="echo")
    assert found.action == "repeat"
    assert found.request == {"text": "round trip", "delay": 0.0}
    assert json.loads(answer.text)["run"] == run


@pytest.mark.parametrize(
    "path",
    [
        "/artifact/0000/echo.png",
        "/artifact/{run}/nothing.png",
        "/artifact/{run}/..%2f..%2fvitrine.sqlite3",
        "/artifact/..%2f..%2fetc/passwd",
        "/artifact/{run}/%2fetc%2fpasswd",
        "/download/nothing",
        "/example/echo/nothing",
        "/vitrine/..%2ftheme.py",
    ],
)
def test_paths_that_name_nothing_of_ours_are_refused(address, path):
    run = repeat(address, "hostile") if "{run}" in path else ""
    answer = httpx.get(address.rstrip("/") + path.replace("{run}", run))
    assert answer.status_code == 404
    assert "root:" not in answer.text


def test_a_page_leaves_out_what_only_the_server_reads_and_stays_whole(address):
    text = httpx.get(address + "echo", timeout=90).text
    page = json.loads(re.search(r"window\.gradio_config = (\{.*?\});</script>", text, re.S)[1])
    whole = httpx.get(address + "config", timeout=90).json()
    ids = set(whole["page"]["echo"]["components"])
    assert {component["id"] for component in page["components"]} == ids
    assert all("example_inputs" not in component for component in page["components"])
    wanted = {c["id"]: c["props"] for c in whole["components"] if c["id"] in ids}
    assert {c["id"]: c["props"] for c in page["components"]} == wanted


def test_a_page_whose_form_is_unknown_is_left_alone():
    from core.ui import head

    for text in ("window.gradio_config = {broken};</script>", "<p>nothing</p>"):
        assert head._CONFIG.sub(lambda found: head._slim(found, "echo"), text) == text
    sly = 'window.gradio_config = {"components":[],"title":"\\u003c/script>&"};</script>'
    assert "</script>&" not in head._CONFIG.sub(lambda found: head._slim(found, "echo"), sly)[:-10]
