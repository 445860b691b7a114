"""A zip for taking runs away."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile

import pytest

from core.errors import InputError, NotFoundError
from core.runs import export, png
from core.runs.records import Artifact, artifact_name


def save(store, **changes):
    given = {
        "method": "trill",
        "request": {"seed": 1},
        "result": {"score": 0.5, "text": "ä"},
        "artifacts": {"plot.png": b"\x89PNG", "voice.flac": b"fLaC", "note.txt": b"hello"},
        "owner": "secret-browser",
        "title": "Two voices",
    }
    return store.save(**{**given, **changes})


def test_an_export_holds_settings_result_files_and_how_to_open_it(store, tmp_path):
    run = save(store)
    path = store.export_zip([run.id], tmp_path / "out" / "run.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        folder = archive.namelist()[0].split("/")[0]
        files = {n.removeprefix(folder + "/"): archive.read(n) for n in archive.namelist()}
    assert set(files) == {
        "README.txt", "request.json", "result.json", "plot.png", "voice.flac", "note.txt",
    }  # fmt: skip
    assert json.loads(files["result.json"]) == {"score": 0.5, "text": "ä"}
    assert files["voice.flac"] == b"fLaC"
    assert b"Two voices" in files["README.txt"]
    assert png.open_file(files["request.json"]) == png.Opened("trill", {"seed": 1})
    assert png.open_file(path.read_bytes(), "run.zip").request == {"seed": 1}


def test_an_export_tells_neither_the_owner_nor_the_id(make_store, tmp_path):
    store = make_store()
    run = save(store)
    path = store.export_zip([run.id], tmp_path / "run.zip")
    with zipfile.ZipFile(path) as archive:
        everything = b"".join(archive.read(n) + n.encode() for n in archive.namelist())
    assert b"secret-browser" not in everything
    assert run.id.encode() not in everything


def test_an_export_carries_the_uploads_and_gives_them_back(store, tmp_path, make_store):
    used, other = store.put_input(b"my voice", "audio/wav"), store.put_input(b"not used")
    run = save(store, request={"clip": f"sha256:{used}"})
    data = store.export_zip([run.id], tmp_path / "run.zip").read_bytes()
    opened = png.open_file(data)
    assert opened == png.Opened("trill", {"clip": f"sha256:{used}"}, (b"my voice",))
    elsewhere = make_store(f"sqlite:///{tmp_path}/elsewhere.db", str(tmp_path / "elsewhere"))
    assert [elsewhere.put_input(content) for content in opened.inputs] == [used]
    assert other not in data.decode("latin-1")


def test_a_changed_upload_in_a_zip_is_left_out(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/request.json", "{}")
        archive.writestr("a/inputs/" + "0" * 64, b"changed")
        archive.writestr("inputs/" + hashlib.sha256(b"x").hexdigest(), b"x")  # of no run here
    assert png.open_file(path.read_bytes()) == png.Opened(None, {})


def test_uploads_in_a_zip_are_bounded(tmp_path, monkeypatch):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("request.json", "{}")
        for content in (b"a" * 60_000, b"b" * 60_000):
            archive.writestr("inputs/" + hashlib.sha256(content).hexdigest(), content)
    assert len(png.open_file(path.read_bytes()).inputs) == 2
    monkeypatch.setattr(png, "MAX_FILE", 100_000)
    with pytest.raises(InputError, match="damaged zip"):
        png.open_file(path.read_bytes())


def test_several_runs_get_a_folder_each(make_store, tmp_path):
    store = make_store()
    ids = [save(store, request={"seed": i}).id for i in range(3)]
    path = store.export_zip([*ids, ids[0]], tmp_path / "runs.zip")
    with zipfile.ZipFile(path) as archive:
        requests = [json.loads(archive.read(n)) for n in archive.namelist() if "request.json" in n]
        assert len(set(archive.namelist())) == len(archive.namelist()) == 3 * 6
    assert sorted(r["request"]["seed"] for r in requests) == [0, 1, 2]


def test_whatever_the_database_says_nothing_leaves_the_folder(make_store, tmp_path):
    run = save(make_store(), artifacts={})
    names = ["../../evil.sh", "/etc/passwd", "C:\\x\\evil.exe", "request.json", "a\0b", "", "..",
             "README.TXT", "con", ".bashrc", "x" * 500, "same.txt", "./same.txt", "é\u202egnp.exe"]  # fmt: skip
    bad = dataclasses.replace(
        run,
        method="../trill",
        artifacts={name: Artifact("0" * 64, 1, "text/plain") for name in names},
    )
    path = export.write_zip([bad], lambda _: b"x", tmp_path / "evil.zip")
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
    assert len(members) == len({m.lower() for m in members}) == len(names) + 3
    for member in members:
        folder, name = member.split("/")
        assert folder == artifact_name(folder)
        assert name == artifact_name(name)
        assert not name.startswith(".")
        assert len(name) <= 80


def test_an_export_of_nothing_or_too_much_is_refused(make_store, tmp_path, monkeypatch):
    store = make_store()
    run = save(store)
    with pytest.raises(InputError, match="0 runs"):
        store.export_zip([], tmp_path / "a.zip")
    with pytest.raises(NotFoundError):
        store.export_zip([run.id, "0" * 32], tmp_path / "a.zip")
    monkeypatch.setattr(export, "MAX_BYTES", 3)
    with pytest.raises(InputError, match="fit in one zip"):
        store.export_zip([run.id], tmp_path / "a.zip")
    assert list(tmp_path.glob("*.zip")) == []


def test_a_failed_export_leaves_no_file(make_store, tmp_path):
    store = make_store()
    run = save(store)
    out = tmp_path / "out"
    for blob in (tmp_path / "artifacts").glob("??/*"):
        blob.unlink()
    with pytest.raises(NotFoundError, match="not in the store any more"):
        store.export_zip([run.id], out / "a.zip")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("voice.wav", "voice.wav"),
        ("My Voice (1).WAV", "My-Voice-1.WAV"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.flac", "a.flac"),
        ("Grüße.mp3", "Grue.mp3"),
        ("漢字.png", "file.png"),
        ("", "file"),
        ("...", "file"),
        ("nul.txt", "file.txt"),
        ("a\0b.txt", "a-b.txt"),
        ("x" * 300 + ".wav", "x" * 60 + ".wav"),
        ("archive.tar.gz", "archive.tar.gz"),
        ("a..b", "a.b"),
    ],
)
def test_names_of_uploads_become_plain_file_names(text, name):
    assert artifact_name(text) == name


def test_the_ending_of_weights_survives_an_export():
    assert artifact_name("model.safetensors") == "model.safetensors"
