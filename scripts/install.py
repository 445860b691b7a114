"""Make `.venv` and install what the hub needs, once; the next call sees that nothing changed.

    python3 scripts/install.py [--dev] [--zero] [--venv .venv] [--torch auto|cpu|default]

On Linux without an NVIDIA GPU the CPU build of torch is installed first (about 200 MB instead of
2.6 GB). It is taken from the package indexes that pip is configured with, else by uv, which knows
where the CPU builds are; if neither has one, the default build is installed and a warning says so.
`--zero` makes what a ZeroGPU Space offers: Python 3.12, torch 2.11 and the platform's package.
Needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ((3, 11), (3, 12))
TORCH = "2.13.0"  # the newest version that the project is tested with
ZERO_PYTHON, ZERO_TORCH = (3, 12), "2.11.0"  # the newest that ZeroGPU offers
ZERO_PACKAGE = "spaces==0.51.3"  # the platform's own
QUIET = ("-qq", "--disable-pip-version-check", "--no-input")  # errors only

_HAS_TORCH = "from importlib.metadata import version; version('torch')"

Run = Callable[..., int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Install what is missing; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make .venv and install the hub's libraries.")
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("--torch", choices=("auto", "cpu", "default"), default="auto")
    parser.add_argument("--zero", action="store_true", help="what a ZeroGPU Space offers")
    options = parser.parse_args(arguments)
    fit = (ZERO_PYTHON,) if options.zero else PYTHONS
    if sys.version_info[:2] not in fit:
        known = " or ".join(f"{major}.{minor}" for major, minor in fit)
        name = "ZERO_PYTHON=python3.12" if options.zero else "PYTHON=python3.11"
        say(f"this is Python {sys.version.split()[0]}; {known} is needed. Set {name}")
        return 2
    files = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"]
    stamp = options.venv / ".installed.json"
    key = stamp_key([*files, Path(__file__)], options.torch)
    part = "dev" if options.dev else "hub"
    if is_done(stamp, part, key):
        return 0
    code = make_venv(options.venv)
    if code == 0:
        wanted = {"dev": options.dev, "torch": options.torch, "zero": options.zero}
        code = install(venv_python(options.venv), **wanted)
    if code == 0:
        write_stamp(stamp, part, key)
        say("installed")
    return code


def say(text: str) -> None:
    """Print one line for the reader."""
    sys.stdout.write(f"vitrine: {text}\n")
    sys.stdout.flush()


def stamp_key(files: Sequence[Path], torch: str) -> str:
    """A digest that changes when an installation must be repeated."""
    digest = hashlib.sha256(f"{torch} {sys.version_info[:2]}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_done(stamp: Path, part: str, key: str) -> bool:
    """Whether the last installation fits; one for development covers the hub."""
    try:
        done = json.loads(stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return key in (done.get(part), done.get("dev")) and venv_python(stamp.parent).exists()


def write_stamp(stamp: Path, part: str, key: str) -> None:
    """Remember a finished installation."""
    try:
        done = json.loads(stamp.read_text("utf-8"))
    except (OSError, ValueError):
        done = {}
    stamp.write_text(json.dumps({**done, part: key}), "utf-8")


def venv_python(venv: Path) -> Path:
    """The interpreter of an environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_venv(venv: Path) -> int:
    """Make the environment, unless it is there and works."""
    python = venv_python(venv)
    works = [str(python), "-c", "import pip, sys; sys.exit(sys.version_info[:2] != %r)"]
    works[-1] %= (tuple(sys.version_info[:2]),)
    if python.exists() and run(works, attempt=True) == 0:
        return 0
    say(f"making {venv.name} with Python {sys.version.split()[0]}")
    code = run([sys.executable, "-m", "venv", "--clear", str(venv)])
    if code != 0:
        say("Python cannot make an environment. On Debian or Ubuntu install python3-venv first")
    return code


def install(
    python: Path, *, dev: bool, torch: str, zero: bool = False, call: Run | None = None
) -> int:
    """Install torch, then the rest with the tested versions as constraints.

    Args:
        python: interpreter of the environment.
        dev: also what tests and checks need.
        torch: `cpu` or `default` build; `auto` takes the CPU build where no NVIDIA GPU is found.
        zero: the torch that ZeroGPU offers, and the platform's package.
        call: runs a command and returns its exit code; `run` by default.
    """
    call = call or run
    pip = [str(python), "-m", "pip", "install", *QUIET]
    version = ZERO_TORCH if zero else TORCH
    if wants_cpu_build(torch) and call([str(python), "-c", _HAS_TORCH], attempt=True):
        say(f"installing the CPU build of torch {version}, about 200 MB")
        install_cpu_torch(python, pip, call, version)
    say("installing the libraries; this takes some minutes the first time")
    pins = str(zero_pins(python) if zero else ROOT / "requirements-dev.txt")
    wanted = ["-r", pins] if dev else ["-r", str(ROOT / "requirements.txt"), "-c", pins]
    return call([*pip, *wanted])


def zero_pins(python: Path) -> Path:
    """Write the pins with the torch of ZeroGPU and the platform's package, beside the interpreter."""
    lines = (ROOT / "requirements-dev.txt").read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("torch==")]
    file = python.parent / "zero-pins.txt"
    file.write_text("\n".join([*kept, f"torch=={ZERO_TORCH}", ZERO_PACKAGE, ""]), "utf-8")
    return file


def wants_cpu_build(torch: str) -> bool:
    """Whether the CPU build must be asked for; elsewhere the default build has no CUDA anyway."""
    if torch != "auto":
        return torch == "cpu"
    return sys.platform == "linux" and not has_nvidia_gpu()


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver is there."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def install_cpu_torch(python: Path, pip: list[str], call: Run, version: str) -> None:
    """Install the CPU build from the configured indexes or by uv; warn if neither has it."""
    if call([*pip, f"torch=={version}+cpu"], attempt=True) == 0:
        return
    uv = [str(python), "-m", "uv", "pip", "install", "--python", str(python), "--quiet"]
    if call([*pip, "uv"], attempt=True) == 0:
        command = [*uv, "--torch-backend=cpu", f"torch=={version}"]
        if call(command, attempt=True) == 0:
            return
    say("no CPU build of torch could be found; the default build follows, about 2.6 GB")


def run(command: Sequence[str], *, attempt: bool = False) -> int:
    """Run a command; the complaints of an attempt that may fail are hidden unless VERBOSE is set."""
    where = subprocess.DEVNULL if attempt and not os.environ.get("VERBOSE") else None
    return subprocess.run(command, check=False, stdout=where, stderr=where).returncode


if __name__ == "__main__":
    sys.exit(main())
