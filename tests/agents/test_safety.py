"""What a caller must not get: files of the machine, other addresses through the hub, other people's.

A server on a neighbouring port counts every knock; none may come.
"""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core import settings
from core.errors import InputError
from core.methods.trill import gallery
from core.ui import received as module
from tests.agents.talking import answer_of, call, example, fetch, upload, words_of

SECRET = b"root:x:0:0:a secret of the machine"


class Canary:
    """A server on loopback that remembers who asked for what."""

    def __init__(self) -> None:
        knocks = self.knocks = []
        replies = self.replies = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                knocks.append(self.path)
                status, headers, body = replies.get(self.path, (200, {}, SECRET))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *parts: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


def private_addresses(port: int) -> list[str]:
    hosts = (
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::ffff:127.0.0.1]",
        "user:word@127.0.0.1",
    )
    return [f"http://{host}:{port}/clip.wav" for host in hosts] + [
        "http://169.254.169.254/latest/meta-data/",
        "http://100.100.100.200/latest/meta-data/",
        "http://10.0.0.1/clip.wav",
        "http://[fd00::1]/clip.wav",
        "https://127.0.0.1/clip.wav",
    ]


def local_paths(place: Path) -> list[str]:
    uploads = place / "gradio"
    return [
        "/etc/passwd",
        "file:///etc/passwd",
        "../../../etc/passwd",
        f"{place}/data/vitrine.sqlite3",
        f"{uploads}/../data/vitrine.sqlite3",
        f"{uploads}",
        f"{uploads}/",
        "/gradio_api/file=/etc/passwd",
        f"/gradio_api/file={uploads}/../data/vitrine.sqlite3",
        f"/gradio_api/file={uploads}%2F..%2Fdata%2Fvitrine.sqlite3",
        "/example/trill/../../../requirements.txt",
        "/example/..%2F..%2F/core",
        "/artifact/../../data/vitrine.sqlite3",
        "gopher://127.0.0.1/x",
        "ftp://127.0.0.1/clip.wav",
    ]


def over_http(hub: str, path: str, headers: dict[str, str] | None = None, **more: object) -> str:
    """Call trill_embed over HTTP with a file argument of the caller's making; the event stream."""
    file = {"path": path, "meta": {"_type": "gradio.FileData"}, **more}
    request = urllib.request.Request(
        f"{hub}/gradio_api/call/trill_embed",
        json.dumps({"data": [file]}).encode(),
        {"content-type": "application/json", **(headers or {})},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        event = json.loads(answer.read())["event_id"]
    with urllib.request.urlopen(f"{hub}/gradio_api/call/trill_embed/{event}", timeout=60) as answer:
        return answer.read().decode()


def test_an_agent_gets_no_private_address(hub, canary):
    for address in private_addresses(canary.port):
        said = words_of(call(hub, "trill_embed", clip=address))
        assert "root:" not in said
        assert said.endswith("."), address
    assert canary.knocks == []


def test_a_script_gets_no_private_address(hub, canary):
    for address in private_addresses(canary.port):
        for text in (over_http(hub, address), over_http(hub, "x", url=address)):
            assert "event: error" in text, address
            assert "root:" not in text
    assert canary.knocks == []


def test_an_agent_reads_no_file_of_the_machine(hub, place):
    for path in local_paths(place):
        said = words_of(call(hub, "trill_classify", clip=example("reader-1841-a"), head=path))
        assert "SQLite" not in said
        assert "root:" not in said
        assert "head" not in said.lower() or "file" in said.lower(), path


def test_a_script_reads_no_file_of_the_machine(hub, place):
    for path in local_paths(place):
        text = over_http(hub, path)
        assert "event: error" in text, path
        assert "SQLite" not in text
        assert "root:" not in text


@pytest.mark.parametrize("header", ["host", "x-forwarded-host"])
def test_a_false_host_leads_nowhere(hub, canary, header):
    """The hub takes its address from a header of the caller; files come from its own disk all the same."""
    name = f"127.0.0.1:{canary.port}"
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "trill_embed",
            "arguments": {"clip": f"http://{name}{example('reader-1841-a')}"},
        },
    }
    request = urllib.request.Request(
        f"{hub}/gradio_api/mcp/",
        json.dumps(body).encode(),
        {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            header: name,
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read().decode()
    assert '\\"seconds\\":2.95' in text
    text = over_http(hub, f"http://{name}/clip.wav", {header: name})
    assert "event: error" in text
    assert canary.knocks == []


def test_an_upload_is_known_by_its_hash_only(hub, place):
    data = gallery.example_bytes("reader-1898-a")
    path = Path(upload(hub, data, "mine.flac"))
    assert answer_of(call(hub, "trill_embed", clip=str(path)))["seconds"] > 1
    assert len(path.parent.name) == 64
    for other in (path.parent, path.parents[1], path.with_name("*.flac"), path.with_name("other")):
        words_of(call(hub, "trill_embed", clip=str(other)))
    for folder in (
        "gradio_api/file=" + str(path.parents[1]),
        "gradio_api/file=" + str(path.parent),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(f"{hub}/{folder}")
        assert caught.value.code in (403, 404)
        caught.value.close()


def test_a_too_large_request_is_refused_in_words(hub):
    from core.ui.mcp.transport import MAX_BODY

    address = urllib.request.Request(
        f"{hub}/gradio_api/mcp/",
        b"x" * (MAX_BODY + 1),
        {"content-type": "application/json", "accept": "application/json, text/event-stream"},
    )
    with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)) as caught:
        urllib.request.urlopen(address, timeout=60)
    if isinstance(caught.value, urllib.error.HTTPError):
        assert caught.value.code == 413
        assert b"gradio_api/upload" in caught.value.read()
        caught.value.close()


def fetched(address: str) -> bytes:
    return module.received({"path": address}, origin="http://hub.test").data


@pytest.fixture
def outside(canary, monkeypatch):
    """The canary plays a public host named public.test; every other name is what it is."""
    settings.override(offline=False, max_upload_bytes=1000)
    resolve = socket.getaddrinfo

    def lie(host, *rest, **more):
        return resolve("127.0.0.1" if host == "public.test" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lie)
    truth = module.is_public
    asked = []

    def trusting(address: str) -> bool:
        asked.append(address)
        return truth(address) or asked.count(address) == 1  # only the first name may lie

    monkeypatch.setattr(module, "is_public", trusting)
    return f"http://public.test:{canary.port}"


def test_a_public_file_is_fetched(outside, canary):
    canary.replies["/clip.wav"] = (200, {}, b"sound")
    assert fetched(f"{outside}/clip.wav") == b"sound"
    assert canary.knocks == ["/clip.wav"]


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:{port}/inner", "//localhost:{port}/inner", "file:///etc/passwd", "/inner"],
)
def test_a_redirect_to_the_inside_is_not_followed(outside, canary, target):
    canary.replies["/clip.wav"] = (302, {"location": target.format(port=canary.port)}, b"")
    with pytest.raises(InputError, match="No file could be fetched"):
        fetched(f"{outside}/clip.wav")
    assert canary.knocks == ["/clip.wav"]


def test_a_redirect_without_end_is_given_up(outside, canary, monkeypatch):
    monkeypatch.setattr(module, "is_public", lambda address: True)
    canary.replies["/clip.wav"] = (302, {"location": "/clip.wav"}, b"")
    with pytest.raises(InputError, match="No file could be fetched"):
        fetched(f"{outside}/clip.wav")
    assert 2 <= len(canary.knocks) <= 6


def test_a_public_file_that_is_too_large_is_not_kept(outside, canary):
    canary.replies["/clip.wav"] = (200, {}, b"x" * 5000)
    with pytest.raises(InputError, match="larger than"):
        fetched(f"{outside}/clip.wav")


@pytest.mark.parametrize("status", [404, 500])
def test_a_public_address_without_a_file_is_answered_in_words(outside, canary, status):
    canary.replies["/clip.wav"] = (status, {}, SECRET)
    with pytest.raises(InputError, match="No file could be fetched") as caught:
        fetched(f"{outside}/clip.wav")
    assert "root:" not in str(caught.value)


def test_an_offline_hub_asks_nobody(canary):
    settings.override(offline=True)
    with pytest.raises(InputError, match="offline"):
        fetched(f"http://public.test:{canary.port}/clip.wav")
    assert canary.knocks == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_public_means_that_anybody_could_ask_there(address, public):
    assert module.is_public(address) is public


def test_a_name_with_one_private_address_is_refused(monkeypatch, canary):
    settings.override(offline=False)
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 0)) for ip in ("8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: rows)
    with pytest.raises(InputError, match="No file could be fetched"):
        fetched(f"http://two.test:{canary.port}/clip.wav")
    assert canary.knocks == []
