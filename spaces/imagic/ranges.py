"""What a number of the settings may be, so that sliders and checks cannot disagree (no torch here)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a number may be.

    Attributes:
        low: smallest value, itself allowed.
        high: largest value, itself allowed.
        unit: what is counted, for messages and labels.
        whole: whether it must be an integer.
    """

    low: float
    high: float
    unit: str = ""
    whole: bool = False

    def check(self, name: str, value: Any) -> None:
        """Return if `value` is inside.

        Raises:
            InputError: it is no number, not finite, not whole where it must be, or outside.
        """
        kinds = (int,) if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
            kind = "a whole number" if self.whole else "a number"
            raise InputError(
                f"{name} is {value!r}. It must be {kind} from {self.low:g} to {self.high:g}"
                f"{self.unit and ' ' + self.unit}. Give one of these."
            )
        if not self.low <= value <= self.high:
            raise InputError(
                f"{name} is {value:g}. It may be from {self.low:g} to {self.high:g}"
                f"{self.unit and ' ' + self.unit}. Choose a value between them."
            )
