"""`requirements.txt` of a Space: exact, complete, the same everywhere, right for the hardware."""

from __future__ import annotations

from importlib import metadata

import pytest
from packaging.requirements import Requirement

from core import doctor
from core.errors import InputError
from core.publish import pins
from core.publish.plan import plan_for
from core.publish.rules.pins import ZERO_PYTHON, ZERO_TORCH

MACHINE = {
    "os_name": "posix", "platform_machine": "x86_64", "platform_system": "Linux",
    "sys_platform": "linux", "python_version": "3.12", "python_full_version": "3.12.12",
    "implementation_name": "cpython", "platform_python_implementation": "CPython",
}  # fmt: skip
HARDWARE = ("zero-a10g", "cpu-basic", "t4-small")


def text(hardware):
    return pins.requirements(plan_for("trill", hardware=hardware))


def pinned(hardware):
    lines = [line for line in text(hardware).splitlines() if line[0] not in "#-"]
    return {pins.plain(line): Requirement(line) for line in lines}


def requirement_lines(name):
    return [Requirement(line) for line in doctor.requirements(pins.ROOT / name)]


def versions():
    return {pins.plain(r.name): str(r.specifier) for r in requirement_lines("requirements-dev.txt")}


def test_the_committed_pins_are_what_the_files_and_the_installed_packages_give():
    wanted = {pins.plain(line): line.partition("==")[2] for line in
              (*pins.pins().direct, *pins.pins().brought)}  # fmt: skip
    for name, version in wanted.items():
        if metadata.version(name) != version:
            pytest.skip(f"{name} {metadata.version(name)} is installed, not the tested {version}")
    assert pins.collect() == pins.pins(), "stale: python -m core.publish.pins writes it anew"
    assert pins.main(["--check"]) == 0


def test_every_version_is_the_one_that_the_tests_run_with():
    for hardware in HARDWARE:
        for name, line in pinned(hardware).items():
            if name not in ("torch", "spaces"):
                assert str(line.specifier) == versions()[name]


def test_everything_that_the_hub_asks_for_is_there_with_its_extras():
    direct = {pins.plain(line): Requirement(line) for line in pins.pins().direct}
    for wanted in requirement_lines("requirements.txt"):
        if wanted.name != "torch":
            found = direct[pins.plain(wanted.name)]
            assert wanted.extras == found.extras
            assert wanted.specifier.contains(str(found.specifier).removeprefix("=="))
    assert {"mcp", "oauth"} == direct["gradio"].extras


def test_nothing_that_only_development_needs_is_there():
    names = set(pinned("zero-a10g"))
    assert not names & {"pytest", "ruff", "pyright", "hypothesis", "playwright", "psycopg", "pip"}
    assert not any(name.startswith(("nvidia-", "cuda-", "triton")) for name in names)


@pytest.mark.parametrize("hardware", HARDWARE)
def test_the_pins_agree_with_each_other_on_the_machine_of_a_space(hardware):
    """No resolver could complain: what each package asks for is pinned to a version that it takes."""
    found = pinned(hardware)
    looked_at = 0
    for name, line in found.items():
        if name in ("torch", "spaces"):  # not the versions that are installed here
            continue
        if f"=={metadata.version(name)}" != str(line.specifier):
            pytest.skip(f"{name} is installed in another version")
        for extra in ("", *line.extras):
            for asked in map(Requirement, metadata.requires(name) or ()):
                if asked.marker and not asked.marker.evaluate({**MACHINE, "extra": extra}):
                    continue
                assert pins.plain(asked.name) in found, f"{name} brings {asked.name}"
                version = str(found[pins.plain(asked.name)].specifier).removeprefix("==")
                assert asked.specifier.contains(version, prereleases=True), f"{name}: {asked}"
                looked_at += 1
    assert looked_at > 150


def test_zero_gpu_gets_its_newest_torch_and_python_and_its_package():
    lines = text("zero-a10g").splitlines()
    assert "torch==2.11.0" in lines
    assert max(ZERO_TORCH, key=lambda v: tuple(map(int, v.split(".")))) == pins.ZERO_TORCH
    assert pins.ZERO_PYTHON in ZERO_PYTHON
    assert pins.python_version(plan_for("trill")) == "3.12.12"
    assert [line for line in lines if line.startswith("spaces==")] == [pins.ZERO_PACKAGE]
    assert not any(line.startswith("-") or "+cpu" in line for line in lines)


def test_a_cpu_gets_the_build_without_cuda_from_the_index_that_is_named():
    index = "https://wheels.example.org/cpu"
    plan = plan_for("trill", hardware="cpu-basic", torch_index=index)
    lines = pins.requirements(plan).splitlines()
    assert f"torch=={pins.pins().torch}+cpu" in lines
    assert [line for line in lines if line.startswith("-")] == [f"--extra-index-url {index}"]
    assert not any(line.startswith("spaces==") for line in lines)


def test_a_cpu_without_an_index_gets_the_default_build():
    lines = text("cpu-basic").splitlines()
    assert f"torch=={pins.pins().torch}" in lines
    assert not any(line.startswith(("-", "spaces==")) for line in lines)


@pytest.mark.parametrize(
    ("hardware", "index", "said"),
    [
        ("zero-a10g", "https://wheels.example.org/cpu", "needs the default build"),
        ("t4-small", "https://wheels.example.org/cpu", "needs the default build"),
        ("cpu-basic", "http://wheels.example.org/cpu", "no address of a package index"),
        ("cpu-basic", "https://me:word@wheels.example.org", "no address of a package index"),
        ("cpu-basic", "https://a.example.org\n-r other.txt", "no address of a package index"),
    ],
)
def test_an_index_is_https_and_for_a_cpu(hardware, index, said):
    with pytest.raises(InputError, match=said):
        plan_for("trill", hardware=hardware, torch_index=index)


def test_a_gpu_of_ones_own_gets_a_plain_pin():
    lines = text("t4-small").splitlines()
    assert f"torch=={pins.pins().torch}" in lines
    assert not any(line.startswith(("-", "spaces==")) for line in lines)


def test_each_line_is_one_exact_pin_and_none_stands_twice():
    for hardware in HARDWARE:
        lines = [line for line in text(hardware).splitlines() if line[0] not in "#-"]
        assert len({pins.plain(line) for line in lines}) == len(lines)
        assert all(line.count("==") == 1 and "*" not in line for line in lines)


def test_spellings_of_a_name_are_one():
    assert pins.plain("Pillow_X.y>=2") == pins.plain("pillow-x-y[a,b] ; x") == "pillow-x-y"


def test_a_stale_file_is_told_and_mended(tmp_path, monkeypatch, capsys):
    copy = tmp_path / "pins.toml"
    copy.write_text(pins.FILE.read_text().replace("numpy==", "numpy==0."))
    monkeypatch.setattr(pins, "FILE", copy)
    assert pins.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().out
    assert pins.main([]) == 0
    assert pins.main(["--check"]) == 0
