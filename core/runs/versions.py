"""Which software made a run: recorded with it, because numbers may differ between versions."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import sys

import core

_WATCHED = ("torch", "numpy", "scipy", "sklearn", "soxr", "diffusers", "transformers", "gradio")
_DISTRIBUTION = {"sklearn": "scikit-learn"}


def current_versions() -> dict[str, str]:
    """Versions of Python, of this project and of the watched libraries loaded so far."""
    found = {"python": platform.python_version()}
    if own := getattr(core, "__version__", ""):
        found["vitrine"] = str(own)
    for name in _WATCHED:
        if name in sys.modules and (version := _installed(_DISTRIBUTION.get(name, name))):
            found[name] = version
    return found


@functools.cache
def _installed(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
