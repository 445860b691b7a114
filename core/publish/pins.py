"""`requirements.txt` of a Space: exact versions of everything, made for the chosen hardware.

A Space installs again whenever it restarts, so a range would let it rot. The versions are those that
the tests ran with. They lie in `pins.toml` beside this file, which is generated:

    python -m core.publish.pins           # write it anew from requirements.txt, requirements-dev.txt
    python -m core.publish.pins --check   # say whether it is stale
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from core import doctor
from core.publish.plan import Plan
from core.publish.tree import ROOT

if TYPE_CHECKING:
    from packaging.requirements import Requirement

FILE = Path(__file__).with_name("pins.toml")
ZERO_TORCH = "2.11.0"  # the newest that ZeroGPU supports
ZERO_PYTHON = "3.12.12"  # the newest that ZeroGPU supports
PYTHON = "3.12"  # elsewhere; the platform takes any
# The platform's package cannot be installed for development: it patches torch where it is imported.
ZERO_PACKAGE = "spaces==0.51.3"

# what markers are judged by: the machine of a Space, not this one
_MACHINE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": ZERO_PYTHON,
    "python_version": PYTHON,
    "sys_platform": "linux",
}
# torch pins its own accelerator libraries; setuptools comes with every environment
_NOT_PINNED = ("setuptools", "triton", "nvidia-", "cuda-")


@dataclass(frozen=True, slots=True)
class Pins:
    """Requirement lines without torch: those we ask for, and those that they bring."""

    direct: tuple[str, ...]
    brought: tuple[str, ...]
    torch: str  # version without build

    def version(self, name: str) -> str:
        """The pinned version of a distribution.

        Raises:
            KeyError: it is not pinned.
        """
        for line in (*self.direct, *self.brought):
            if plain(line.partition("==")[0]) == plain(name):
                return line.partition("==")[2]
        raise KeyError(name)


@cache
def pins() -> Pins:
    """The committed versions."""
    found = tomllib.loads(FILE.read_text("utf-8"))
    return Pins(tuple(found["direct"]), tuple(found["brought"]), found["torch"])


def gradio_version() -> str:
    """The version of Gradio, which the card of a Space names too."""
    return pins().version("gradio")


def python_version(plan: Plan) -> str:
    """The Python that the card of a Space asks for."""
    return ZERO_PYTHON if plan.zero else PYTHON


def torch_line(plan: Plan) -> str:
    """The one line that depends on the hardware."""
    if plan.zero:  # its package refuses a build without CUDA
        return f"torch=={ZERO_TORCH}"
    return f"torch=={pins().torch}+cpu" if plan.torch_index else f"torch=={pins().torch}"


def requirements(plan: Plan) -> str:
    """The text of `requirements.txt`."""
    words = {"zero-": "ZeroGPU", "cpu-": "a CPU"}
    where = next(
        (word for start, word in words.items() if plan.hardware.startswith(start)), "a GPU"
    )
    lines = [
        f"# Exact versions for {where} ({plan.hardware}), Python {python_version(plan)}; tested together.",
        *([f"--extra-index-url {plan.torch_index}"] if plan.torch_index else []),
        torch_line(plan),
        *([ZERO_PACKAGE] if plan.zero else []),
        *pins().direct,
        "# what these bring along",
        *pins().brought,
    ]
    return "\n".join(lines) + "\n"


def collect(root: Path = ROOT) -> Pins:
    """Work the versions out from the requirement files and what the installed packages ask for."""
    from packaging.requirements import Requirement

    tested = dict(_tested(root / "requirements-dev.txt"))
    wanted = [Requirement(line) for line in doctor.requirements(root / "requirements.txt")]
    direct = [r for r in wanted if plain(r.name) != "torch"]
    closure = _closure([*wanted, Requirement(ZERO_PACKAGE)], tested)
    own = {plain(r.name) for r in wanted} | {plain(Requirement(ZERO_PACKAGE).name)}
    return Pins(
        direct=tuple(_pin(r, tested) for r in direct),
        brought=tuple("==".join(tested[name]) for name in sorted(closure - own)),
        torch=tested["torch"][1],
    )


def _closure(wanted: Sequence[Requirement], tested: Mapping[str, tuple[str, str]]) -> set[str]:
    """Plain names of everything that the requirements bring, themselves included."""
    from packaging.requirements import Requirement

    seen: set[tuple[str, str]] = set()
    todo = [(plain(r.name), extra) for r in wanted for extra in ("", *sorted(r.extras))]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen or name.startswith(_NOT_PINNED):
            continue
        seen.add((name, extra))
        if name not in tested:  # the platform's package; what it brings, gradio brings as well
            continue
        for line in metadata.requires(name) or ():
            found = Requirement(line)
            if found.marker is None or found.marker.evaluate({**_MACHINE, "extra": extra}):
                todo += [(plain(found.name), more) for more in ("", *sorted(found.extras))]
    return {name for name, _ in seen}


def _pin(requirement: Requirement, tested: Mapping[str, tuple[str, str]]) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}=={tested[plain(requirement.name)][1]}"


def _tested(file: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    for line in doctor.requirements(file):
        name, _, version = line.partition("==")
        yield plain(name), (name, version)


def plain(requirement: str) -> str:
    """The name of a distribution in its one spelling, from a requirement or another spelling."""
    name = re.split(r"[\s\[=<>!~;@]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def to_toml(found: Pins) -> str:
    """The text of `pins.toml`."""
    head = "# Versions for the Spaces that `publish` makes. Written by `python -m core.publish.pins`.\n"
    rows = [f'torch = "{found.torch}"']
    for name, lines in (("direct", found.direct), ("brought", found.brought)):
        rows += [f"{name} = [", *(f'    "{line}",' for line in lines), "]"]
    return head + "\n".join(rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or say whether it is stale."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    text = to_toml(collect())
    if FILE.exists() and FILE.read_text("utf-8") == text:
        return 0
    if check:
        sys.stdout.write(
            "core/publish/pins.toml is stale. `python -m core.publish.pins` mends it.\n"
        )
        return 1
    FILE.write_text(text, "utf-8")
    sys.stdout.write("wrote core/publish/pins.toml\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
