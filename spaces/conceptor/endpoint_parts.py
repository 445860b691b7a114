"""What the public endpoints of Conceptor share: the method's calls, and settings from arguments."""

from __future__ import annotations

from typing import Any

from core.runs.request import from_json
from core.ui.calls import Calls

from . import SPEC
from .config import PRESETS, Settings, to_dict
from .results import RESULTS
from .showing import VERBS

CALLS = Calls(SPEC, work=VERBS.work, keep=VERBS.keep, answer=RESULTS.to_dict)


def settings_of(tier: str, given: dict[str, Any] | None) -> Settings:
    """The settings of a tier with some of them replaced.

    Raises:
        InputError: a name is unknown or a value does not fit.
    """
    start = PRESETS["full" if tier == "full" else "embedded"]()
    return from_json(Settings, to_dict(start) | (given or {}))
