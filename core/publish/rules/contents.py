"""Which files may go up: those that were chosen, none too large, none that can run code when read."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

from core.publish.build import TOP
from core.publish.rules import Finding, Tree
from core.settings import size_words

LARGEST = 20 * 10**6  # bytes of one file; ours, so that a clone stays light
WEIGHTS = 120 * 10**6  # bytes of all weights; ours
REPOSITORY = 10**9  # bytes that the platform stores for a free Space
MOST_FILES = 10_000  # above it the platform grows slow
_PICKLES = {
    ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".h5", ".hdf5", ".keras",
    ".mar", ".msgpack",
}  # fmt: skip
_NEEDED = ("app.py", "LICENSE", "README.md", "requirements.txt", "core/gpu.py", "core/cli.py")
_PICKLE_START = re.compile(rb"\x80[\x02-\x05]")
_OBJECTS = re.compile(rb"'descr':\s*\[?[^}]*'[|<>=]?O'")
_JUNK = re.compile(r"(^|/)(__pycache__|node_modules|\.[^/]*)(/|$)|\.(py[co]|swp|orig|rej|bak)$|~$")


def check(tree: Tree) -> Iterator[Finding]:
    """Look at names, sizes and kinds of all files."""
    names = set(tree.names)
    for name in _NEEDED:
        if name not in names:
            yield Finding(
                "error", "is missing; a Space cannot start without it. Build again.", name
            )
    for slug, folder in tree.of_methods():
        if f"{folder}/__init__.py" not in names:
            yield Finding("error", f"the method {slug} is missing. Build again.", folder)
    if "spaces/__init__.py" in names:
        yield Finding(
            "error",
            "makes spaces/ a package, which hides the platform's own of that name, and no Space "
            "starts. Remove it.",
            "spaces/__init__.py",
        )
    for name in tree.names:
        yield from _file(tree, name)
    yield from _sums(tree)


def _file(tree: Tree, name: str) -> Iterator[Finding]:
    path = tree.folder / name
    if name.split("/")[0] not in TOP:
        yield Finding("error", f"does not belong to an export ({', '.join(TOP)}). Remove it.", name)
    if path.is_symlink():
        yield Finding("error", "is a link; its other end stays here. Put the file there.", name)
        return
    if _JUNK.search(name):
        yield Finding("error", "is hidden, cached or left over. Remove it.", name)
    other = re.match(r"spaces/([^/]+)/", name)
    if other and other[1] not in tree.plan.methods:
        yield Finding("error", "belongs to a method that is not published. Build again.", name)
    size = path.stat().st_size
    if size > LARGEST:
        words = f"has {size_words(size)}; {size_words(LARGEST)} is the most for one file."
        yield Finding("error", f"{words} Make it smaller, or fetch it from the Hub.", name)
    if can_run_code(name, path.read_bytes()):
        yield Finding(
            "error",
            "can run code when it is read. Weights are safetensors, arrays are plain numbers. "
            "Convert it.",
            name,
        )


def _sums(tree: Tree) -> Iterator[Finding]:
    sizes = {
        name: (tree.folder / name).stat().st_size
        for name in tree.names
        if not (tree.folder / name).is_symlink()
    }
    weights = sum(size for name, size in sizes.items() if name.endswith(".safetensors"))
    if weights > WEIGHTS:
        words = (
            f"all weights have {size_words(weights)}; {size_words(WEIGHTS)} was meant as the most."
        )
        yield Finding("warning", f"{words} Half precision halves them.")
    if sum(sizes.values()) > REPOSITORY:
        words = f"the export has {size_words(sum(sizes.values()))}"
        yield Finding(
            "error", f"{words}; a Space holds {size_words(REPOSITORY)}. Leave methods out."
        )
    if len(sizes) > MOST_FILES:
        words = f"there are {len(sizes)} files; above {MOST_FILES} the platform grows slow."
        yield Finding("warning", f"{words} Pack small ones together.")


def can_run_code(name: str, data: bytes) -> bool:
    """Whether a file is a pickle, or holds one, by its name or by its bytes."""
    suffix = name[name.rfind(".") :].lower() if "." in name.rsplit("/", 1)[-1] else ""
    if suffix in _PICKLES:
        return True
    if data.startswith(b"\x93NUMPY"):
        return bool(_OBJECTS.search(data[:4096]))
    if data.startswith(b"PK\x03\x04"):
        try:
            inside = zipfile.ZipFile(io.BytesIO(data))
            return any(can_run_code(item, inside.read(item)) for item in inside.namelist())
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):  # damaged or encrypted
            return True
    return bool(_PICKLE_START.match(data)) and data.rstrip(b"\n").endswith(b".")
