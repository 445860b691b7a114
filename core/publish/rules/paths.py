"""No path of the machine that made the export, in any text."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.publish.rules import Finding, Tree
from core.publish.tree import ROOT

_FOLDER = re.compile(
    r"/(?:(?:home|Users)/[\w.-]+"
    r"|(?:root|tmp|private|scratch|workspace|mnt|media|Volumes|kaggle|content)/[\w.-]+"
    r"|var/(?:tmp|folders)/[\w.-]+)"
)
_DRIVE = re.compile(  # begins after the letter of the drive
    r":\\{1,2}(?:Users|Windows|Program|Documents|home|dev|work|src|temp|tmp|data)\b"
)
_ADDRESS = re.compile(r"file://+[A-Za-z/]")
_INSIDE = re.compile(r"[\w.:/~\\-]")  # before a slash: the middle of an address or a longer path


def check(tree: Tree) -> Iterator[Finding]:
    """Look for folders of a person, for temporary ones, and for those of this very machine."""
    own = _own(tree.folder)
    for name, text in tree.texts.items():
        for path, place in found_in(text, own):
            yield Finding(
                "error",
                f"names the folder {path} in line {text.count(chr(10), 0, place) + 1}, which exists on "
                "one machine only. Write a path relative to the file that reads it.",
                name,
            )


def found_in(text: str, own: re.Pattern[str] | None = None) -> Iterator[tuple[str, int]]:
    """Each path of a machine in a text, with its place; `own` are folders of this machine."""
    for pattern in (_FOLDER, own):
        for match in pattern.finditer(text) if pattern else ():
            if not _INSIDE.match(text[max(0, match.start() - 1) : match.start()]):
                yield match[0], match.start()
    for match in _DRIVE.finditer(text):
        letter = match.start() - 1
        if letter >= 0 and re.fullmatch(
            r"[^A-Za-z]?[A-Za-z]", text[max(0, letter - 1) : letter + 1]
        ):
            yield text[letter] + match[0], letter
    for match in _ADDRESS.finditer(text):
        yield match[0], match.start()


def _own(export: Path) -> re.Pattern[str] | None:
    """Folders of this machine; those with a single part, such as `/app`, could mean anything."""
    folders = [export, ROOT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())]
    known = {str(f) for folder in folders for f in (folder, folder.resolve()) if len(f.parts) > 2}
    longest = sorted(known, key=len, reverse=True)
    return re.compile(rf"(?:{'|'.join(map(re.escape, longest))})(?![\w-])") if known else None
