"""A public address: had, not had, and what is said of it. No test asks the real service."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import psutil
import pytest

from core import sharing
from tests.serving import clean_env, served

TUNNEL = """#!{python}
import sys, time
print("login to server success", flush=True)
print("start proxy success: http://0123456789abcdef.example\\n", flush=True)
time.sleep(600)
"""


@pytest.fixture
def blocks():
    """What `share` reads of a launched app."""
    return SimpleNamespace(
        local_url="http://127.0.0.1:7260/",
        server_name="127.0.0.1",
        server_port=7260,
        share_token="t",
        share_url=None,
    )


@pytest.fixture(autouse=True)
def signals_as_they_were():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def lines(blocks, monkeypatch, tunnel, *, guarded=False):
    from gradio import networking

    monkeypatch.setattr(networking, "setup_tunnel", tunnel)
    said: list[str] = []
    return sharing.share(blocks, guarded=guarded, say=said.append), said


def test_the_public_address_is_said_and_remembered(blocks, monkeypatch):
    asked = {}
    address, said = lines(
        blocks, monkeypatch, lambda **given: asked.update(given) or "http://abc.example"
    )
    assert address == "https://abc.example" == blocks.share_url
    assert asked["local_port"] == 7260
    assert said[1] == "Vitrine is shared at https://abc.example"


def test_a_hub_without_a_password_warns_in_one_line_and_one_with_it_does_not(blocks, monkeypatch):
    _, said = lines(blocks, monkeypatch, lambda **given: "http://abc.example")
    assert said[-1] == sharing.OPEN
    assert "--auth" in said[-1]
    _, said = lines(blocks, monkeypatch, lambda **given: "http://abc.example", guarded=True)
    assert sharing.OPEN not in said


def failures():
    import httpx
    from gradio.exceptions import ChecksumMismatchError, ShareCertificateWriteError

    return [
        (httpx.ConnectError("no route"), "cannot be reached"),
        (RuntimeError("Could not get share link from Gradio API Server."), "cannot be reached"),
        (OSError("/home/somebody/frpc"), "cannot be reached"),
        (ValueError("Could not create share URL."), "cannot be reached"),
        (ChecksumMismatchError(), "damaged"),
        (ShareCertificateWriteError("/home/somebody"), "cannot be written"),
    ]


@pytest.mark.parametrize(("error", "words"), failures())
def test_without_a_tunnel_one_line_says_why_and_the_hub_goes_on(blocks, monkeypatch, error, words):
    def tunnel(**given):
        print("log of the tunnel at /home/somebody", file=sys.stderr)  # noqa: T201
        raise error

    address, said = lines(blocks, monkeypatch, tunnel)
    assert address is None
    assert blocks.share_url is None
    assert len(said) == 2
    assert words in said[1]
    assert "goes on at http://127.0.0.1:7260." in said[1]
    assert "/home" not in said[1]
    assert "\n" not in said[1]


def test_a_bug_is_not_taken_for_a_missing_network(blocks, monkeypatch):
    def tunnel(**given):
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        lines(blocks, monkeypatch, tunnel)


def fake_program(home):
    """A program in the place of Gradio's tunnel that reports an address and stays."""
    code = "import json; from gradio import tunneling; print(json.dumps(tunneling.BINARY_PATH))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_env(home), capture_output=True, text=True
    )
    path = type(home)(json.loads(done.stdout.splitlines()[-1]))
    assert path.is_relative_to(home)
    path.parent.mkdir(parents=True)
    path.write_text(TUNNEL.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


def logged(folder, words) -> str:
    """The log of a hub, once it holds some words."""
    for _ in range(200):
        if words in (log := (folder / "hub.log").read_text()):
            return log
        time.sleep(0.2)
    raise AssertionError(f"the hub never said {words!r}:\n{log[-2000:]}")


def test_a_shared_hub_tells_its_pages_the_public_address(tmp_path):
    fake_program(tmp_path)
    env = clean_env(tmp_path, GRADIO_SHARE_SERVER_ADDRESS="127.0.0.1:9")
    with served(tmp_path, "--share", "--methods", "trill", env=env) as url:
        log = logged(tmp_path, "is shared at")
        with urllib.request.urlopen(f"{url}/trill") as answer:
            page = answer.read().decode()
    assert "Vitrine is shared at https://0123456789abcdef.example\n" in log
    assert log.count(sharing.OPEN) == 1
    assert '<meta name="vitrine-address" content="https://0123456789abcdef.example/">' in page
    assert "noindex" in page
    assert 'src="./assets/' in page  # Gradio's own shared page takes its script from another host
    assert 'src="https://' not in page
    for process in psutil.process_iter(["cmdline"]):  # the tunnel's program ended with the hub
        assert str(tmp_path) not in " ".join(process.info["cmdline"] or [])


def test_offline_the_hub_is_up_and_says_so_in_one_line(tmp_path):
    env = clean_env(tmp_path, HTTPS_PROXY="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")
    env["NO_PROXY"] = "127.0.0.1,localhost"
    with served(tmp_path, "--share", "--methods", "trill", env=env) as url:
        log = logged(tmp_path, "no public address")
        with urllib.request.urlopen(f"{url}/trill") as answer:
            assert answer.status == 200
    assert log.index("Vitrine is at") < log.index(sharing.ASKING)  # up first
    assert log.count("There is no public address") == 1
    assert "Traceback" not in log
    assert str(tmp_path) not in log
