"""The whole command: build, check, push, wait, ask, with the received tree running as the Space.

Nothing is replaced but the Hub, and that speaks the real protocol. What the Space runs is rebuilt
from what was received alone.
"""

import json
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from core.publish import build
from core.publish.plan import plan_for
from tests.hub_double import Hub
from tests.hub_double.command import publish, publisher_env
from tests.hub_double.runtime import Platform
from tests.serving import clean_env, served

ROOT = Path(__file__).resolve().parents[3]
CLIP = "spaces/trill/examples/librispeech/reader-1034-a.flac"


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def embed(url, tree):
    client = Client(url, verbose=False, analytics_enabled=False, download_files=False)
    try:
        return client.predict(
            clip=handle_file(tree / CLIP), layer="layer19", api_name="/trill_embed"
        )
    finally:
        client.close()


@pytest.mark.parametrize("mode", ["xet", pytest.param("lfs", marks=pytest.mark.slow)])
def test_a_published_method_is_byte_equal_to_its_export_and_answers(mode, tmp_path):
    export = build.build(plan_for("trill", repo="me/trill"), tmp_path / "export")
    with Hub() as hub, Platform(hub, tmp_path / "platform"):
        env = publisher_env(hub, tmp_path, mode=mode)
        told = publish(
            ["trill", "--repo", "me/trill", "--json", str(tmp_path / "report.json")],
            env,
            timeout=900,
        )
        assert told.code == 0, told.err
        assert "trill_embed answers after" in told.out
        assert "as on this machine" in told.out
        received = {path: file.content for path, file in hub.space("me/trill").files.items()}
        del received[".gitattributes"]
        assert received == content(export.folder)
        assert sum(map(len, received.values())) == export.bytes

        report = json.loads((tmp_path / "report.json").read_text("utf-8"))["published"]
        assert report["address"] == hub.space("me/trill").host
        assert report["uploaded"] == len(export.files)

        answer = embed(report["address"], export.folder)
        assert len(answer["mean"]) > 100
        assert answer["weights"]


@pytest.mark.slow
def test_the_published_hub_predicts_what_the_checkout_predicts_to_the_last_bit(tmp_path):
    with Hub() as hub, Platform(hub, tmp_path / "platform"):
        env = publisher_env(hub, tmp_path, mode="xet")
        told = publish(["hub", "--repo", "me/vitrine", "--private"], env, timeout=900)
        assert told.code == 0, told.err
        assert hub.space("me/vitrine").private
        there = embed(hub.space("me/vitrine").host, ROOT)
    with served(tmp_path, env=clean_env(tmp_path)) as url:
        here = embed(url, ROOT)
    for answer in (here, there):
        answer.pop("run", None)  # names the run of that hub
    assert json.dumps(here, sort_keys=True) == json.dumps(there, sort_keys=True)
