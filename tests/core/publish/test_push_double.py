"""The imitated Hub is strict: what a broken publisher would send is refused, not kept."""

import hashlib
import json
import math
import random
import struct
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.hub_double import OTHER, READ, WRITE, Hub, Repo
from tests.hub_double.command import publisher_env
from tests.hub_double.xet import BadContent, ContentStore, ungroup, unpack_lz4


@pytest.fixture
def hub():
    with Hub() as running:
        running.add(Repo("me/x"))
        yield running


def ask(hub, method, path, body=b"", *, token=WRITE, kind="application/json"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    url = path if path.startswith("http") else hub.url + path
    request = urllib.request.Request(url, data or None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def commit(hub, *lines, token=WRITE):
    header = {"key": "header", "value": {"summary": "s", "description": ""}}
    body = b"\n".join(json.dumps(line).encode() for line in (header, *lines))
    return ask(
        hub, "POST", "/api/spaces/me/x/commit/main", body, token=token, kind="application/x-ndjson"
    )


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("made-up", 401), (READ, 403), (OTHER, 403), (WRITE, 200)]
)
def test_only_a_token_that_may_write_commits(hub, token, status):
    line = {"key": "file", "value": {"path": "a", "encoding": "base64", "content": "YQ=="}}
    assert commit(hub, line, token=token)[0] == status
    assert ("a" in hub.space("me/x").files) is (status == 200)


@pytest.mark.parametrize(
    "line",
    [
        {"key": "lfsFile", "value": {"path": "a", "algo": "sha256", "oid": "0" * 64, "size": 1}},
        {"key": "deletedFile", "value": {"path": "not-there"}},
        {"key": "file", "value": {"path": "a", "encoding": "utf-8", "content": "YQ=="}},
        {"key": "strange", "value": {"path": "a"}},
    ],
)
def test_a_commit_with_one_bad_line_changes_nothing(hub, line):
    good = {"key": "file", "value": {"path": "b", "encoding": "base64", "content": "YQ=="}}
    before = list(hub.space("me/x").commits)
    assert commit(hub, good, line)[0] in (400, 404)
    assert set(hub.space("me/x").files) == {".gitattributes"}
    assert hub.space("me/x").commits == before


def test_a_large_file_must_have_the_bytes_that_it_announced(hub):
    oid = hashlib.sha256(b"right").hexdigest()
    order = {
        "operation": "upload",
        "hash_algo": "sha256",
        "objects": [{"oid": oid, "size": 5}],
    }
    _, told = ask(hub, "POST", "/spaces/me/x.git/info/lfs/objects/batch", order)
    href = told["objects"][0]["actions"]["upload"]["href"]
    assert ask(hub, "PUT", href, b"wrong", token="")[0] == 400
    assert ask(hub, "PUT", href, b"right", token=WRITE)[0] == 400  # the token goes astray
    assert ask(hub, "PUT", f"{hub.url}/lfs-storage/0123abcd", b"right", token="")[0] == 403
    assert not hub.large
    assert ask(hub, "PUT", href, b"right", token="")[0] == 200
    assert hub.large == {oid: b"right"}


def test_the_content_store_asks_for_its_own_token(hub):
    path = "/cas/v1/xorbs/default/" + "0" * 64
    assert ask(hub, "POST", path, b"\0" * 8, token=WRITE)[0] == 401
    _, told = ask(hub, "GET", "/api/spaces/me/x/xet-write-token/main")
    assert ask(hub, "POST", path, b"\1" * 8, token=told["accessToken"])[0] == 400


def sent_through_xet(hub, tmp_path, files):
    folder = tmp_path / "files"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    code = (
        "import sys; from huggingface_hub import HfApi\n"
        "HfApi().upload_folder(repo_id='me/x', repo_type='space', folder_path=sys.argv[1])"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env=publisher_env(hub, tmp_path, mode="xet"),
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_every_compression_of_xet_is_unpacked_and_checked(hub, tmp_path):
    noise = random.Random(1)
    files = {
        "noise.safetensors": noise.randbytes(200_001),
        "zeros.safetensors": bytes(150_000),
        "words.safetensors": b"the quick brown fox jumps over the lazy dog\n\0" * 5_000,
        "floats.safetensors": b"".join(
            struct.pack("<f", math.sin(n / 50) * 3 + noise.random() / 1e4) for n in range(60_000)
        ),
    }
    sent_through_xet(hub, tmp_path, files)
    assert hub.content.schemes == {0, 1, 2}
    held = hub.space("me/x").files
    assert {name: held[name].content for name in files} == files
    assert all(held[name].lfs for name in files)


def test_a_shard_that_lies_about_a_file_is_refused(hub, tmp_path):
    kept = []
    add = hub.content.add_shard
    hub.content.add_shard = lambda body: kept.append(body) or add(body)
    sent_through_xet(hub, tmp_path, {"a.safetensors": random.Random(2).randbytes(9_000)})
    content, shard = hub.content, kept[0]
    sha256 = next(iter(content.files))
    at = shard.index(struct.pack("<4Q", *(int(sha256[i : i + 16], 16) for i in range(0, 64, 16))))
    for place in (48, at):  # the Xet hash of the file, then its sha256
        lie = shard[:place] + bytes([shard[place] ^ 1]) + shard[place + 1 :]
        with pytest.raises(BadContent, match="have another"):
            add(lie)
    with pytest.raises(BadContent, match="was not sent before"):
        ContentStore().add_shard(shard)


def test_broken_frames_are_refused():
    for frame in (b"", b"not a frame at all", b"\x04\x22\x4d\x18\x60\x40\x82\x09\x00\x00\x00ab"):
        with pytest.raises(BadContent):
            unpack_lz4(frame)


@pytest.mark.parametrize("size", range(9))
def test_ungrouping_undoes_grouping(size):
    data = bytes(range(size))
    assert ungroup(b"".join(data[place::4] for place in range(4))) == data
