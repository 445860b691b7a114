"""Print `requirements-dev.txt`: what the development environment holds now, in exact versions.

python -m scripts.pins > requirements-dev.txt
"""

from __future__ import annotations

import sys
from importlib import metadata

HEADER = """\
# Everything that development and tests use, in the versions that were tested together.
# Written by `make pins`; also the constraints of a plain installation. A local build of torch, such
# as 2.13.0+cpu, satisfies its line.
# psycopg is for a run store on PostgreSQL. The rest is in requirements.txt or comes with it.
"""
# espeakng-loader carries eSpeak NG (GPL): training recipes may use it, nothing else installs it.
_NOT_PINNED = {"pip", "setuptools", "wheel", "uv", "espeakng-loader"}


def pins() -> list[str]:
    """One `name==version` line for each installed distribution, sorted, torch without build."""
    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name.lower().replace("_", "-") not in _NOT_PINNED and not _is_accelerator(name.lower()):
            found[name.lower().replace("_", "-")] = (name, distribution.version.split("+")[0])
    return [f"{name}=={version}" for _, (name, version) in sorted(found.items())]


def _is_accelerator(name: str) -> bool:
    """Whether torch brings it along on machines with a GPU only."""
    return name.startswith(("nvidia-", "triton", "cuda-", "vitrine"))


if __name__ == "__main__":
    sys.stdout.write(HEADER + "\n".join(pins()) + "\n")
