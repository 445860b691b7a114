"""What `doctor` finds, and what it says about it."""

import importlib.util
import types
from importlib import metadata

import pytest

from core import cli, doctor, readiness, registry, settings


def finding(name):
    return next(found for found in doctor.examine() if found.name == name)


def test_this_machine_has_all_that_is_needed():
    assert [found for found in doctor.examine() if found.state == "missing"] == []


def test_every_problem_says_what_to_do(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "PYTHONS", ((3, 99),))
    for found in doctor.examine():
        assert found.words
        if found.state == "missing":
            assert found.advice


def test_another_python_is_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "PYTHONS", ((3, 98), (3, 99)))
    found = finding("Python")
    assert (found.state, found.advice) == (
        "note",
        "it is tested on 3.98 and 3.99; install one of them",
    )


def test_a_missing_library_is_missing_and_the_exit_code_says_so(monkeypatch, capsys):
    real = metadata.version

    def version(name):
        if name == "soxr":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    assert finding("soxr").state == "missing"
    assert cli.execute(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "MISSING" in out
    assert "make install" in out


def test_a_version_out_of_range_is_a_note(monkeypatch):
    real = metadata.version
    monkeypatch.setattr(doctor.metadata, "version", lambda n: "99.0" if n == "soxr" else real(n))
    found = finding("soxr")
    assert (found.state, found.words) == ("note", "99.0 is here, <2,>=1.1 is wanted")


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n", ("2.13.0+cpu", "CPU")),
        ("__version__ = '2.13.0+cu128'\ncuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n",
         ("2.13.0+cu128", "CUDA 12.8")),
        ("__version__ = '2.13.0'\ncuda = None\nhip = '6.4'\n", ("2.13.0", "ROCm 6.4")),
    ],
)  # fmt: skip
def test_the_build_of_torch_is_read_without_importing_it(tmp_path, monkeypatch, text, build):
    (tmp_path / "version.py").write_text(text)
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert doctor.torch_build() == build


def test_a_cpu_build_beside_a_gpu_is_noticed(monkeypatch):
    gpu = readiness.Device("cuda", "NVIDIA Something", 24 * 10**9)
    monkeypatch.setattr(readiness, "device", lambda: gpu)
    monkeypatch.setattr(doctor, "torch_build", lambda: ("2.13.0+cpu", "CPU"))
    found = finding("torch")
    assert found.state == "note"
    assert "make reinstall" in found.advice
    assert finding("device").words == "cuda: NVIDIA Something with 24 GB"


def test_no_torch_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "torch_build", lambda: None)
    assert finding("torch").state == "missing"


def test_a_data_folder_that_cannot_be_written_is_missing(monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    found = finding("data folder")
    assert found.state == "missing"
    assert "VITRINE_DATA_DIR" in found.advice


def test_little_disk_and_memory_are_notes(monkeypatch):
    monkeypatch.setattr(doctor, "_MIN_DISK", 10**18)
    monkeypatch.setattr(doctor, "_MIN_RAM", 10**18)
    assert finding("data folder").state == "note"
    assert finding("memory").state == "note"


def test_a_broken_card_is_found_and_the_others_are_looked_at(monkeypatch):
    def load(slug):
        raise SyntaxError("bad card")

    monkeypatch.setattr(registry, "slugs", lambda: ["one", "two"])
    monkeypatch.setattr(registry, "load", load)
    for slug in ("one", "two"):
        assert finding(slug).words == "its card cannot be read: bad card"


def test_untrained_weights_come_with_the_command_that_trains_them(monkeypatch):
    monkeypatch.setattr(readiness, "has_weights", lambda spec: False)
    found = finding("trill")
    assert found.state == "note"
    assert found.advice == "python app.py train trill --preset cpu --out out/trill"


def test_postgresql_without_its_driver_is_missing(monkeypatch):
    real = importlib.util.find_spec
    settings.override(database_url="postgresql+psycopg://nowhere/vitrine")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "psycopg" else real(name)
    )
    assert finding("PostgreSQL").state == "missing"


def test_offline_is_a_normal_state(monkeypatch):
    settings.override(offline=True)
    assert finding("network").state == "note"
