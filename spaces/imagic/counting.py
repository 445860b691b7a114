"""What a record of a trial says: who succeeds, with which column, at what cost to identity.

A success is a picture in which the probe reads what the text asks for. Identity error is the share of
unasked parameters that changed, plus the root mean square difference outside the mask where there is an
outside: 0 for the true answer. "Best" is the successful column with the least identity error, chosen
with the truth at hand, as the paper's raters saw hand-picked ones; "suggested" is what the page marks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.registry import Score
from core.world.diffusion.intervals import bootstrap, wilson

Record = dict[str, Any]
ByMethod = dict[str, dict[str, Record]]


def by_method(records: Sequence[Record]) -> ByMethod:
    """Records by method and case; a later record of the same replaces an earlier one."""
    out: ByMethod = defaultdict(dict)
    for record in records:
        out[record["method"]][record["case"]] = record
    return out


def error(record: Record, column: int) -> float:
    """Identity error of one picture, 0 for the true answer."""
    return 1 - record["kept"][column] + (record["background"][column] or 0.0)


def best(record: Record) -> int | None:
    """The successful column that keeps most; None without a success."""
    right = [k for k, hit in enumerate(record["right"]) if hit]
    return min(right, key=lambda k: error(record, k)) if right else None


def suggested(record: Record) -> int | None:
    """The column that the page would mark; the only one where there is only one."""
    return 0 if len(record["columns"]) == 1 else record.get("auto")


def succeeds(record: Record, pick: Callable[[Record], int | None]) -> bool:
    """Whether the picked column is there and right."""
    column = pick(record)
    return column is not None and bool(record["right"][column])


def share_of(name: str, hits: Sequence[bool], **more: Any) -> Score:
    """The share of hits in per cent, with its interval."""
    low, high = wilson(sum(hits), len(hits))
    return Score(
        name=name,
        value=round(100 * sum(hits) / len(hits), 1),
        unit="%",
        n=len(hits),
        interval=(round(100 * low, 1), round(100 * high, 1)),
        **more,
    )


def mean_of(name: str, values: Sequence[float], digits: int = 3, **more: Any) -> Score:
    """The mean of values, with its interval."""
    interval = bootstrap(values)
    return Score(
        name=name,
        value=round(float(np.mean(values)), digits),
        n=len(values),
        interval=None
        if interval is None
        else (round(interval[0], digits), round(interval[1], digits)),
        **more,
    )
