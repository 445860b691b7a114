"""A progress bar for commands: with time left, and only for what lasts over two seconds."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import IO, Any

SHOW_AFTER = 2.0  # seconds
_LINE_EVERY = 30.0  # seconds between two lines where no bar can be drawn, as in a log file


class Progress:
    """Shows how far something is, on stderr; a line now and then when that is not a terminal."""

    def __init__(self, title: str, *, stream: IO[str] | None = None) -> None:
        """Prepare; nothing is shown yet.

        Args:
            title: what is being done, one or two words.
            stream: where to write; stderr when None.
        """
        self._title = title
        self._stream = stream if stream is not None else sys.stderr
        self._start = time.monotonic()
        self._last_line = self._start
        self._first: tuple[float, float] | None = (
            None  # when and where the fraction first was known
        )
        self._at = 0.0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        """Start the clock."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._start

    def update(
        self, fraction: float | None, text: str = "", eta_seconds: float | None = None
    ) -> None:
        """Say how far it is.

        Args:
            fraction: share that is done, 0 to 1; None when unknown.
            text: what happens now.
            eta_seconds: time left if the caller knows it; estimated from the pace otherwise.
        """
        now = time.monotonic()
        if fraction is not None and fraction < self._at:
            self._first = None  # the next of several parts
        if fraction is not None and self._first is None:
            self._first = (now, fraction)  # a resumed run does not start at 0
        self._at = fraction or 0.0
        left = eta_seconds if eta_seconds is not None else self._left(now, fraction)
        if now - self._start < SHOW_AFTER:
            return
        if self._stream.isatty():
            self._draw(fraction, text, left)
        elif now - self._last_line >= _LINE_EVERY:
            self._last_line = now
            parts = [f"{fraction:.0%}" if fraction is not None else "", text, left_words(left)]
            print(f"{self._title}:", ", ".join(filter(None, parts)), file=self._stream, flush=True)

    def _left(self, now: float, fraction: float | None) -> float | None:
        if fraction is None or self._first is None or fraction <= self._first[1]:
            return None
        began, at = self._first
        return (now - began) * (1 - fraction) / (fraction - at)

    def _draw(self, fraction: float | None, text: str, left: float | None) -> None:
        if self._bar is None:
            self._bar, self._task = _new_bar(self._stream, self._title)
        total = None if fraction is None else 1.0
        self._bar.update(
            self._task, total=total, completed=fraction or 0.0, text=text, left=left_words(left)
        )


def _new_bar(stream: IO[str], title: str) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("[dim]{task.fields[text]}"),
        console=Console(file=stream),
        transient=True,
    )
    bar.start()
    return bar, bar.add_task(title, total=None, text="", left="")


def left_words(seconds: float | None) -> str:
    """Time left for a reader: `3 s left`, `about 4 min left`; empty when unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 90:
        return f"{math.ceil(round(seconds, 3))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"
