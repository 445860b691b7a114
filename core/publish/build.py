"""Writes the tree of a Space. The same project gives the same bytes, whatever lies around it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.publish import card, pins, readme, tree
from core.publish.plan import Plan
from core.publish.tree import LeftOut, Source

TOP = ("app.py", "core", "spaces", "requirements.txt", "README.md", "LICENSE")
_MADE_BY_RUNNING = ("__pycache__", ".gradio")

_APP = '''\
"""{title}: `python app.py` starts it, `python app.py --help` lists the commands."""
{imports}
import core.gpu  # noqa: F401  # first: settles what `import spaces` means
from core.cli import main

if __name__ == "__main__":
    main({default})
'''


@dataclass(frozen=True, slots=True)
class File:
    """One file of an export."""

    path: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Export:
    """A tree that a Space runs, as it lies in `folder`."""

    plan: Plan
    folder: Path
    files: tuple[File, ...]
    bytes: int
    left_out: tuple[LeftOut, ...] = ()
    untracked: tuple[str, ...] = ()  # files that went in although git does not know them


def build(plan: Plan, into: Path, *, root: Path = tree.ROOT) -> Export:
    """Write the export of `plan` into a folder.

    Args:
        plan: what to export.
        into: a folder that is empty, missing, or holds an earlier export, which is replaced.
        root: the project to export; this one.

    Raises:
        InputError: the folder holds something else, or a file of the project is missing.
    """
    into = into.expanduser().resolve()
    _check_folder(into, root.resolve())
    into.parent.mkdir(parents=True, exist_ok=True)
    sources, left_out = tree.carried(plan.methods, root)
    made = _made(plan, sources, root)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".export-") as staging:
        for source in sources:
            _write(Path(staging) / source.name, source.path.read_bytes())
        for name, data in made.items():
            _write(Path(staging) / name, data)
        _replace(into, Path(staging))
    files = tuple(files_of(into))
    return Export(
        plan,
        into,
        files,
        sum(file.size for file in files),
        left_out=tuple(left_out),
        untracked=tree.untracked((source.name for source in sources), root),
    )


def files_of(folder: Path) -> Iterator[File]:
    """The files of an export as they lie there, sorted, without what running it leaves."""
    for path in sorted(folder.rglob("*"), key=lambda p: p.relative_to(folder).as_posix()):
        name = path.relative_to(folder)
        if path.is_file() and not set(name.parts) & set(_MADE_BY_RUNNING):
            data = path.read_bytes()
            yield File(name.as_posix(), len(data), hashlib.sha256(data).hexdigest())


def app_text(plan: Plan) -> str:
    """The `app.py` of the Space; that of a single method starts with its page at `/`."""
    if not plan.single:
        title = "Vitrine"
        return _APP.format(title=title, imports="", default="")
    title = card.front_matter(plan)["title"]
    return _APP.format(
        title=title,
        imports="\nimport sys\n",
        default=f'sys.argv[1:] or ["hub", "--single", "{plan.name}"]',
    )


def _made(plan: Plan, sources: list[Source], root: Path) -> dict[str, bytes]:
    licence = root / "LICENSE"
    if not licence.is_file():
        raise InputError(f"{root.name} has no LICENSE. A Space needs one. Put it back.")
    names = {source.name for source in sources} | set(TOP)
    return {
        "LICENSE": licence.read_bytes(),
        "README.md": readme.text(plan, names).encode(),
        "app.py": app_text(plan).encode(),
        "requirements.txt": pins.requirements(plan).encode(),
    }


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o644)


def _check_folder(into: Path, root: Path) -> None:
    if into == root or into in root.parents:
        raise InputError(f"{into.name} holds the project itself. Choose another folder.")
    for part in ("core", "spaces"):
        if into.is_relative_to(root / part):
            raise InputError(f"{into.name} lies inside {part}/. Choose a folder outside of it.")
    if into.exists() and not into.is_dir():
        raise InputError(f"{into.name} is a file. A folder is needed. Choose another name.")
    if into.is_dir() and any(into.iterdir()) and not is_export(into):
        raise InputError(
            f"{into.name} is not empty and holds no earlier export. An empty folder is needed. "
            "Choose another one, or empty it."
        )


def is_export(folder: Path) -> bool:
    """Whether a folder holds an export and nothing else, so that it may be replaced."""
    page = folder / "README.md"
    if {path.name for path in folder.iterdir()} - {*TOP, *_MADE_BY_RUNNING} or not page.is_file():
        return False
    head = page.read_text("utf-8", "replace").partition("\n---\n")[0].splitlines()
    return "sdk: gradio" in head and f"- {card.TAG}" in {line.strip() for line in head}


def _replace(into: Path, staging: Path) -> None:
    """Put what lies in `staging` in the place of what `into` holds."""
    into.mkdir(exist_ok=True)
    for old in into.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    for new in staging.iterdir():
        shutil.move(new, into / new.name)
