"""Folders beside the run store do not grow for ever."""

from __future__ import annotations

import http.client
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from core import settings
from core.ui import leftovers
from tests.core.hub.fake_hub import serving

HOUR = 3600.0


def put(folder: Path, name: str, size: int = 10, hours: float = 2.0) -> Path:
    path = folder / name / "file.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * size)
    then = time.time() - hours * HOUR
    os.utime(path, (then, then))
    return path


@pytest.fixture
def aged(monkeypatch):
    """Let `os.utime` decide a file's age: a test cannot set the time of its last change."""

    def files(self):
        for path in self.folder.rglob("*"):
            if path.is_file():
                yield path.stat().st_mtime, path.stat().st_size, path

    monkeypatch.setattr(leftovers.Waiting, "_files", files)


def test_files_of_yesterday_go_with_their_folders(tmp_path, aged):
    old, young = put(tmp_path, "a", hours=25), put(tmp_path, "b")
    assert leftovers.Waiting(tmp_path, 0).tidy() == 1
    assert not old.parent.exists()
    assert young.exists()
    assert tmp_path.exists()


def test_the_oldest_go_when_the_folder_is_full(tmp_path, aged):
    files = [put(tmp_path, f"{i}", 100, hours=10 - i) for i in range(5)]
    assert leftovers.Waiting(tmp_path, 250).tidy() == 3
    assert [file.exists() for file in files] == [False, False, False, True, True]


def test_what_a_page_shows_from_the_start_stays(tmp_path, aged):
    shown, other = put(tmp_path, "a", hours=48), put(tmp_path, "b", hours=48)
    waiting = leftovers.Waiting(tmp_path, 1, lambda: [str(shown)])
    waiting.tidy()
    assert shown.exists()
    assert not other.exists()


def test_an_upload_is_admitted_when_older_ones_can_go(tmp_path, aged):
    put(tmp_path, "a", 100)
    waiting = leftovers.Waiting(tmp_path, 150)
    assert waiting.admit(50)
    assert (tmp_path / "a").exists(), "nothing goes while there is room"
    assert waiting.admit(100)
    assert not (tmp_path / "a").exists()
    assert not waiting.admit(151)


def test_files_that_are_just_being_used_stay_and_the_upload_waits(tmp_path):
    put(tmp_path, "a", 100, hours=0)
    waiting = leftovers.Waiting(tmp_path, 150)
    assert not waiting.admit(100)
    assert (tmp_path / "a" / "file.bin").exists()


def test_a_folder_that_is_not_there_yet_has_room(tmp_path):
    assert leftovers.Waiting(tmp_path / "none", 10).admit(10)
    assert leftovers.Waiting(tmp_path / "none", 10).tidy() == 0


def test_old_trainings_go_and_those_that_somebody_goes_on_with_stay(tmp_path):
    put(tmp_path / "trill" / "old", "checkpoints", hours=40 * 24)
    put(tmp_path / "trill" / "live", "checkpoints", hours=40 * 24)
    put(tmp_path / "trill" / "live", "recordings", hours=1)
    for folder in (tmp_path / "trill" / "old", *(tmp_path / "trill" / "old").rglob("*")):
        os.utime(folder, (1, 1))
    assert leftovers.remove_trainings(tmp_path, time.time() - 30 * 24 * HOUR) == 1
    assert not (tmp_path / "trill" / "old").exists()
    assert (tmp_path / "trill" / "live").exists()


def test_uploads_go_to_the_data_folder_unless_the_environment_says_else(tmp_path, monkeypatch):
    chosen = settings.Settings(data_dir=tmp_path / "data")
    monkeypatch.delenv("GRADIO_TEMP_DIR")
    leftovers.settle(chosen)
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path / "data" / "uploads")
    monkeypatch.setenv("GRADIO_TEMP_DIR", "/elsewhere")
    leftovers.settle(chosen)
    assert os.environ["GRADIO_TEMP_DIR"] == "/elsewhere"


def test_downloads_that_wait_are_bounded_and_leave_no_folder(tmp_path, monkeypatch):
    from core.ui import routes

    monkeypatch.setattr(routes, "_downloads", {})
    settings.override(max_disk=8 * 250)
    files = []
    for i in range(4):
        folder = tmp_path / f"vitrine-export-{i}"
        folder.mkdir()
        files.append(folder / "runs.zip")
        files[-1].write_bytes(b"x" * 100)
        routes.offer_download(files[-1])
    assert [file.exists() for file in files] == [False, False, True, True]
    assert not files[0].parent.exists()
    assert len(routes._downloads) == 2
    large = tmp_path / "large.zip"
    large.write_bytes(b"x" * 900)
    routes.offer_download(large)
    assert large.exists(), "the newest is always given"
    assert len(routes._downloads) == 1


def test_a_running_hub_refuses_uploads_without_room_or_length(tmp_path):
    """8 MB of disk leave 200 MB for uploads: four of the largest size always fit."""
    with serving(tmp_path, env={"VITRINE_MAX_DISK": "8MB"}) as address:
        url = address + "gradio_api/upload"
        small = httpx.post(url, files={"files": ("a.txt", b"hello")}, timeout=60)
        assert small.status_code == 200
        assert Path(small.json()[0]).is_relative_to(tmp_path / "gradio")
        kind = "multipart/form-data; boundary=x"
        connection = http.client.HTTPConnection(*urlsplit(address).netloc.split(":"), timeout=60)
        connection.putrequest("POST", "/gradio_api/upload")
        connection.putheader("content-type", kind)
        connection.putheader("content-length", str(10**9))  # announced, and never sent
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 507
        assert b"no room for uploads" in answer.read()
        connection.close()

        def chunks():
            yield b"--x--"

        endless = httpx.post(url, content=chunks(), headers={"content-type": kind})
        assert endless.status_code == 411
