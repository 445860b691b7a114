"""What this machine can run and what to install, in words. Imports neither torch nor Gradio."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from core import readiness, registry, settings
from core.settings import size_words

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ((3, 11), (3, 12))
_MIN_RAM = 2 * 10**9  # bytes free; the embedded tiers with torch take about 1 GB
_MIN_DISK = 2 * 10**9
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "note", "missing"]  # `missing`: the hub does not work without it
    words: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at Python, libraries, device, memory, disk, weights and what the tests need."""
    return [
        _python(),
        *_libraries(),
        _torch(),
        _device(),
        _memory(),
        *_disk(),
        *_methods(),
        *_options(),
        *(_for_tests() if (ROOT / "tests").is_dir() else ()),  # an exported Space has none
    ]


def _install() -> str:
    """What installs the libraries: a checkout has a Makefile, an exported Space has not."""
    if (ROOT / "Makefile").exists():
        return "run `make install`"
    return "run `pip install -r requirements.txt`"


def _python() -> Finding:
    words = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info[:2] in PYTHONS:
        return Finding("Python", "ok", words)
    known = " and ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    return Finding("Python", "note", words, f"it is tested on {known}; install one of them")


def requirements(path: Path = ROOT / "requirements.txt") -> list[str]:
    """The lines of a requirements file, without comments and options."""
    lines = (line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def _libraries() -> Iterator[Finding]:
    """Compare what is installed with `requirements.txt`; one finding for all that fits."""
    from packaging.requirements import Requirement

    good, bad = 0, []
    for line in requirements():
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            if wanted.name == "spaces" and not settings.current().zero_gpu:
                continue  # lends the GPU of a ZeroGPU Space, and does nothing elsewhere
            bad.append(Finding(wanted.name, "missing", "not installed", _install()))
            continue
        if wanted.specifier.contains(version, prereleases=True):
            good += 1
        else:
            words = f"{version} is here, {wanted.specifier} is wanted"
            bad.append(Finding(wanted.name, "note", words, _install()))
    yield Finding("libraries", "ok", f"{good} of requirements.txt are here in a fitting version")
    yield from bad


def torch_build() -> tuple[str, str] | None:
    """Version and accelerator ("CPU", "CUDA 12.8", "ROCm 6.4") of torch, without importing it."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / "version.py"
    text = path.read_text("utf-8") if path.exists() else ""
    found = dict(re.findall(r"^(__version__|cuda|hip)\b[^=\n]*=\s*'([^']+)'", text, re.MULTILINE))
    version = found.get("__version__") or metadata.version("torch")
    if "cuda" in found:
        return version, f"CUDA {found['cuda']}"
    if "hip" in found:
        return version, f"ROCm {found['hip']}"
    return version, "MPS and CPU" if sys.platform == "darwin" else "CPU"


def _torch() -> Finding:
    build = torch_build()
    if build is None:
        return Finding("torch", "missing", "not installed", _install())
    version, kind = build
    words = f"{version}, built for {kind}"
    if kind == "CPU" and readiness.device().kind == "cuda":
        advice = "this machine has an NVIDIA GPU: run `make reinstall` to get the CUDA build"
        return Finding("torch", "note", words, advice)
    return Finding("torch", "ok", words)


def _device() -> Finding:
    here = readiness.device()
    if here.kind == "cpu":
        cores = os.cpu_count()
        return Finding("device", "ok", f"CPU, {cores} cores; embedded tiers run on it")
    memory = f" with {size_words(here.memory)}" if here.memory else ""
    return Finding("device", "ok", f"{here.kind}: {here.name}{memory}")


def _memory() -> Finding:
    try:
        import psutil
    except ImportError:
        return Finding("memory", "note", "unknown, since psutil is not installed")
    memory = psutil.virtual_memory()
    words = f"{size_words(memory.available)} free of {size_words(memory.total)}"
    if memory.available < _MIN_RAM:
        return Finding(
            "memory", "note", words, f"close programs until {size_words(_MIN_RAM)} are free"
        )
    return Finding("memory", "ok", words)


def _disk() -> Iterator[Finding]:
    chosen = settings.current()
    folder = chosen.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        advice = "set VITRINE_DATA_DIR, or --data-dir, to a folder you may write to"
        yield Finding("data folder", "missing", f"{chosen.data_dir} cannot be written", advice)
        return
    free = shutil.disk_usage(folder).free
    words = f"{chosen.data_dir}, {size_words(free)} free"
    if free < _MIN_DISK:
        yield Finding("data folder", "note", words, "free some space, or choose another disk")
    else:
        yield Finding("data folder", "ok", words)
    if chosen.offline:
        yield Finding("network", "note", "HF_HUB_OFFLINE is set: full tiers cannot be downloaded")


def _methods() -> Iterator[Finding]:
    for slug in registry.slugs():
        try:
            spec = registry.load(slug)
        except Exception as error:  # a broken card is a finding, and the others are looked at too
            advice = f"mend spaces/{slug}/__init__.py"
            yield Finding(slug, "missing", f"its card cannot be read: {error}", advice)
            continue
        states = [(tier.name, readiness.tier_readiness(spec, tier)) for tier in spec.tiers]
        words = "; ".join(f"{name} tier: {state.words}" for name, state in states)
        embedded = dict(states).get("embedded")
        if embedded is not None and not embedded.ready:
            advice = f"python app.py train {slug} --preset cpu --out out/{slug}"
            yield Finding(slug, "note", words, advice)
        else:
            yield Finding(slug, "ok", words)


def _options() -> Iterator[Finding]:
    found = importlib.util.find_spec("mcp") is not None
    words = "here: the endpoints are tools of an MCP client" if found else "not installed"
    yield Finding("MCP server", "ok" if found else "note", words)
    chosen = settings.current()
    if (chosen.database_url or "").startswith("postgresql"):
        has_driver = importlib.util.find_spec("psycopg") is not None
        words = "the driver psycopg is " + ("here" if has_driver else "not installed")
        advice = "" if has_driver else 'pip install "psycopg[binary]"'
        yield Finding("PostgreSQL", "ok" if has_driver else "missing", words, advice)
    if chosen.on_space:
        words = "the platform's package is " + ("here" if _has_platform() else "absent")
        yield Finding("Space", "ok", words)


def _has_platform() -> bool:
    return sys.modules.get("spaces") is not None


def _for_tests() -> Iterator[Finding]:
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if browser:
        yield Finding("browser tests", "ok", f"Chromium at {browser}")
    else:
        advice = "install the package `chromium` of your system to run them"
        yield Finding("browser tests", "note", "no Chromium, so they are skipped", advice)
    server = shutil.which("initdb") or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None
    )
    if server:
        yield Finding("PostgreSQL tests", "ok", f"server at {Path(server).parent}")
    else:
        advice = "install the package `postgresql` of your system to run them"
        yield Finding("PostgreSQL tests", "note", "no server, so they are skipped", advice)
