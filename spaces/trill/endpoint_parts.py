"""What the public endpoints of TRILL share: the method's calls, and clips from file arguments."""

from __future__ import annotations

from typing import Any

from core.errors import InputError
from core.ui.calls import Calls, received

from . import SPEC, intake, requests
from .results import RESULTS
from .showing import VERBS

CALLS = Calls(SPEC, work=VERBS.work, keep=VERBS.keep, answer=RESULTS.to_dict)


def take(file: Any, part: str = "") -> requests.Clip:
    """The clip of a file argument; `part` is a cut such as 1.5-3.0, in seconds.

    Raises:
        InputError: it is no sound, or the cut cannot be read.
    """
    found = received(file)
    clip = intake.clip_of_bytes(found.data, found.name)
    start, end = intake.parse_cut(part)
    return requests.Clip(source=clip.source, name=clip.name, start=start, end=end)


def take_parts(files: list[Any], parts: list[str] | None) -> list[requests.Clip]:
    """The clips of several file arguments, each with its cut.

    Raises:
        InputError: there are not as many cuts as files, or one cannot be read.
    """
    if parts and len(parts) != len(files):
        raise InputError(
            f"There are {len(files)} clips and {len(parts)} parts. Each clip needs one part, or "
            'leave parts out. Write "" for a whole clip.'
        )
    return [take(file, part) for file, part in zip(files, parts or [""] * len(files), strict=True)]
