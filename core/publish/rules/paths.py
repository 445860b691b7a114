"""No path of the machine that made the export, in any text."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.publish.rules import Finding, Tree
from core.publish.tree import ROOT

_BEFORE = r"(?<![\w.:/~\\-])"  # not in the middle of an address or of a longer path
_ANYWHERE = re.compile(
    rf"{_BEFORE}/(?:home|Users)/[\w.-]+"
    rf"|{_BEFORE}/(?:root|tmp|private|scratch|workspace|mnt|media|Volumes|kaggle|content)/[\w.-]+"
    rf"|{_BEFORE}/var/(?:tmp|folders)/[\w.-]+"
    r"|(?<![A-Za-z])[A-Za-z]:\\{1,2}(?:Users|Windows|Program|Documents|home|dev|work|src|temp|tmp|data)\b"
    r"|\bfile://+[A-Za-z/]"
)


def check(tree: Tree) -> Iterator[Finding]:
    """Look for folders of a person, for temporary ones, and for those of this very machine."""
    own = _own(tree.folder)
    for name, text in tree.texts.items():
        for match in (*_ANYWHERE.finditer(text), *(own.finditer(text) if own else ())):
            line = text.count("\n", 0, match.start()) + 1
            yield Finding(
                "error",
                f"names the folder {match[0]} in line {line}, which exists on one machine only. "
                "Write a path relative to the file that reads it.",
                name,
            )


def _own(export: Path) -> re.Pattern[str] | None:
    """Folders of this machine; those with a single part, such as `/app`, could mean anything."""
    folders = [export, ROOT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())]
    known = {str(f) for folder in folders for f in (folder, folder.resolve()) if len(f.parts) > 2}
    if not known:
        return None
    longest = sorted(known, key=len, reverse=True)
    return re.compile(rf"{_BEFORE}(?:{'|'.join(map(re.escape, longest))})(?![\w-])")
