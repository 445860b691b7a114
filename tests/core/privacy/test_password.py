"""A hub behind a password: what strangers get, how one gets in, how guessing is slowed down."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from core.ui.origins import is_foreign
from core.ui.throttle import ADDRESSES, ALL_TRIES, SECONDS, TRIES, Throttle
from tests.core.hub.fake_hub import serving
from tests.core.privacy.visitor import Visitor, run_ids

PASSWORD = "hush-hush-7"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    with serving(folder, env={"VITRINE_AUTH": f"anna:{PASSWORD}"}) as url:
        yield url


@pytest.fixture
def stranger(address) -> Iterator[Visitor]:
    with Visitor(address) as found:
        yield found


def log_in(visitor: Visitor, password: str = PASSWORD):
    return visitor.ask("POST", "/login", data={"username": "anna", "password": password})


OPEN = {
    "/healthz": 200,
    "/robots.txt": 200,
    "/gradio_api/startup-events": 200,
    "/gradio_api/app_id": 200,
}
CLOSED = (
    "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/openapi.json", "/metrics",
    "/gradio_api/token", "/gradio_api/user", "/gradio_api/queue/status", "/manifest.json",
    "/gradio_api/heartbeat/abc", "/gradio_api/queue/data?session_hash=x", "/theme.css",
    "/gradio_api/file=/etc/passwd", "/example/echo/x", "/download/x", "/gradio_api/mcp/schema",
    "/gradio_api/mcp/", "/monitoring", "/gradio_api/deep_link?session_hash=x", "/assets/x.js",
    "/gradio_api/runs", "/no-such-page", "/embed", "/gradio_api/custom_component/x/client/a/b",
)  # fmt: skip


@pytest.mark.parametrize("path", OPEN)
def test_health_is_open(stranger, path):
    assert stranger.get(path).status_code == OPEN[path]


@pytest.mark.parametrize("path", CLOSED)
def test_everything_else_is_refused(stranger, path):
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert answer.json()["detail"]["error"] == "Not authenticated"


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/queue/join", "/gradio_api/component_server", "/gradio_api/upload",
     "/gradio_api/call/echo_repeat", "/gradio_api/cancel", "/gradio_api/reset", "/healthy",
     "/gradio_api/run/echo_repeat", "/gradio_api/stream/x", "/gradio_api/mcp/", "/"],
)  # fmt: skip
def test_nothing_can_be_started(stranger, path):
    assert stranger.ask("POST", path, json={"data": []}).status_code in (401, 405)


def test_readiness_does_not_name_the_methods(stranger):
    answer = stranger.get("/readyz")
    assert set(answer.json()) == {"ready"}


@pytest.mark.parametrize(
    "path", ["/", "/echo", "/jobs", "/status", "/api", "/echo?run=" + "0" * 32]
)
def test_each_page_asks_for_the_password_names_the_hub_and_tells_nothing_else(stranger, path):
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert "<h1>Vitrine</h1>" in answer.text
    assert "no-store" in answer.headers["cache-control"]
    for word in ("echo", "Echo", "gradio_config", "gradio_api_info", "repeat"):
        assert word not in answer.text
    assert len(answer.content) < 8_000


def test_the_right_password_opens_everything_and_logging_out_closes_it(address):
    with Visitor(address) as anna:
        assert log_in(anna).json() == {"success": True}
        assert anna.get("/metrics").status_code == 200
        assert "gradio_config" in anna.get("/echo").text
        run = run_ids(anna.fire(anna.event("echo", "click", 3), ["mine", 0, anna.owner])).pop()
        assert anna.get(f"/artifact/{run}/echo.txt").text == "mine"
        with Visitor(address) as other:
            assert other.get(f"/artifact/{run}/echo.txt").status_code == 401
        anna.get("/logout")
        assert anna.get("/metrics").status_code == 401


def test_scripts_get_in_with_the_header_that_curl_sends(address):
    for password, status in ((PASSWORD, 200), ("wrong", 401)):
        coded = base64.b64encode(f"anna:{password}".encode()).decode()
        with Visitor(address, authorization=f"Basic {coded}") as script:
            assert script.get("/metrics").status_code == status
            assert script.get("/config").status_code == status
            if status == 200:
                event = script.event("echo", "click", 3)
                assert "mine" in script.fire(event, ["mine", 0, script.owner])


@pytest.mark.parametrize(
    "header", ["Basic", "Basic x", "Basic " + "A" * 5000, "Bearer x", "Basic YQ==", "Basic \xff"]
)
def test_a_header_that_is_no_login_is_refused_quietly(address, header):
    with Visitor(address) as found:
        answer = found.get("/metrics", headers={"authorization": header.encode("latin-1")})
        assert answer.status_code == 401


def test_the_python_client_logs_in(address):
    from gradio_client import Client

    client = Client(address, auth=("anna", PASSWORD), verbose=False)
    try:
        assert client.predict(text="aab", api_name="/echo_repeat") == {"a": 2, "b": 1}
    finally:
        client.close()
    with pytest.raises(Exception, match=r"(?i)auth|login"):
        Client(address, verbose=False)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_tries_come_back_with_time_and_a_right_password_costs_none():
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(100):
        assert throttle.attempt("10.0.0.1") == 0
        throttle.passed("10.0.0.1")
    assert [throttle.attempt("10.0.0.1") for _ in range(TRIES)] == [0] * TRIES
    wait = throttle.attempt("10.0.0.1")
    assert 0 < wait <= SECONDS
    assert throttle.attempt("10.0.0.2") == 0, "another address does not wait"
    clock.now += wait + 0.001
    assert throttle.attempt("10.0.0.1") == 0
    assert throttle.attempt("10.0.0.1") > 0


def test_many_addresses_together_are_slowed_down_too():
    clock = Clock()
    throttle = Throttle(clock)
    taken = sum(throttle.attempt(f"10.0.{i // 250}.{i % 250}") == 0 for i in range(1000))
    assert taken == ALL_TRIES
    clock.now += 3600
    assert throttle.attempt("10.9.9.9") == 0


def test_all_of_an_ipv6_network_is_one_address():
    throttle = Throttle(Clock())
    taken = sum(throttle.attempt(f"2001:db8::{i:x}") == 0 for i in range(1, 100))
    assert taken == TRIES


def test_what_the_throttle_remembers_is_bounded():
    clock = Clock()
    throttle = Throttle(clock)
    for i in range(3 * ADDRESSES):
        clock.now += 2
        throttle.attempt(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(throttle._levels) == ADDRESSES


def test_tries_at_the_same_time_do_not_slip_through():
    throttle = Throttle(Clock())
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: throttle.attempt("10.0.0.1"), range(200)))
    assert waits.count(0.0) == TRIES


HTTPS = {"host": "hub.example", "sec-fetch-mode": "cors"}


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({"host": "hub.example"}, False),  # curl
        ({"host": "hub.example", "origin": "https://hub.example"}, False),
        ({"host": "hub.example:8443", "origin": "https://hub.example:8443"}, False),
        ({"host": "hub.example", "origin": "https://evil.example"}, True),
        ({"host": "hub.example", "origin": "null"}, True),
        ({"host": "hub.example", "origin": "https://hub.example.evil.example"}, True),
        ({"host": "hub.example:1", "origin": "https://hub.example:2"}, True),
        ({**HTTPS, "sec-fetch-site": "same-origin", "origin": "https://hub.example"}, False),
        ({**HTTPS, "sec-fetch-site": "none"}, False),
        ({**HTTPS, "sec-fetch-site": "cross-site"}, True),
        ({**HTTPS, "sec-fetch-site": "same-site"}, True),
        ({"host": "h", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False),
        (
            {
                "host": "h",
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "origin": "https://evil.example",  # a form sent by another site
            },
            True,
        ),
        # a script cannot forge Sec-Fetch-Site, but it can set a forwarded host
        (
            {"host": "h", "origin": "https://evil.example", "x-forwarded-host": "evil.example"},
            True,
        ),
        # behind a proxy that does not pass the host on
        (
            {
                "host": "127.0.0.1:7860",
                "origin": "http://hub.example",
                "x-forwarded-host": "hub.example",
            },
            False,
        ),
    ],
)
def test_pages_of_other_sites_are_told_from_our_own(headers, foreign):
    assert is_foreign(Headers(headers)) is foreign


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "host": "hub.example"},
        {"origin": "null", "host": "hub.example"},
        {
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "cors",
            "origin": "https://evil.example",
        },
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    ],
)
def test_another_site_reads_nothing_with_the_visitors_cookie(address, headers):
    """Gradio allows any origin with credentials, so the cookie itself must not count."""
    with Visitor(address) as anna:
        assert log_in(anna).status_code == 200
        for path in ("/config", "/gradio_api/token", "/metrics", "/status"):
            own, foreign = anna.get(path), anna.get(path, headers=headers)
            assert own.status_code == 200
            assert foreign.status_code == 401 or "<h1>Vitrine</h1>" in foreign.text, path


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://192.168.1.5"])
def test_a_site_elsewhere_cannot_write_to_a_hub_on_the_visitors_own_machine(address, origin):
    """Without cookies too: a page on the web must not start jobs on somebody's laptop."""
    with Visitor(address, origin=origin) as page:
        for path in ("queue/join", "component_server", "upload", "call/echo_repeat"):
            answer = page.ask(
                "POST",
                f"/gradio_api/{path}",
                content=b'{"data": []}',
                headers={"content-type": "text/plain"},
            )
            assert answer.status_code == 403
            assert "other sites" in answer.text


def test_guessing_is_stopped_and_a_login_of_before_goes_on(address):
    """At the end of this file: the throttle remembers this machine for a while."""
    with Visitor(address) as anna, Visitor(address) as eve:
        assert log_in(anna).status_code == 200
        codes = [log_in(eve, f"guess {i}").status_code for i in range(TRIES + 6)]
        assert codes.count(400) <= TRIES
        assert codes[-1] == 429
        refused = log_in(eve)
        assert refused.status_code == 429, "even the right one has to wait"
        assert int(refused.headers["retry-after"]) <= SECONDS
        assert "Try again in" in refused.json()["detail"]
        assert anna.get("/metrics").status_code == 200


def test_the_password_is_in_no_log_and_no_answer(address, folder):
    with Visitor(address) as anna:
        text = anna.get("/").text + log_in(anna, PASSWORD + "x").text
    assert PASSWORD not in text + (folder / "hub.log").read_text("utf-8")
