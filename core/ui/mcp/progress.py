"""Progress notifications of one call: never going back, not more than a client can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

Send = Callable[[float, str], Awaitable[None]]  # share that is done, in [0, 1]; and words

PAUSE = 0.2  # seconds between two notifications
ALIVE = 10.0  # silent seconds after which the last words are said again; clients wait 60 s
_NUDGE = 1e-6  # each notification must be above the one before, also when nothing moved


class Notes:
    """Sends the newest of what it is told, with a pause between two, until it is closed.

    Use as an async context manager; `tell` is called on the same loop.
    """

    def __init__(self, send: Send | None) -> None:
        """Send through `send`; None drops everything."""
        self._send = send
        self._fraction, self._words = 0.0, ""
        self._sent: tuple[float, str] | None = None
        self._new = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def tell(self, fraction: float | None, words: str) -> None:
        """Hear how far the work is; a share below an earlier one is not believed."""
        if fraction is not None:
            self._fraction = max(self._fraction, min(1.0, fraction))
        self._words = words or self._words
        self._new.set()

    async def __aenter__(self) -> Notes:
        """Start sending."""
        if self._send is not None:
            self._task = asyncio.create_task(self._run(self._send))
        return self

    async def __aexit__(self, *error: object) -> None:
        """Stop; what was told last and not sent yet is sent, unless the call failed."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if error[0] is None and self._new.is_set() and self._send is not None:
            await self._note(self._send)

    async def _run(self, send: Send) -> None:
        began = time.monotonic()
        while True:
            try:
                await asyncio.wait_for(self._new.wait(), ALIVE)
            except TimeoutError:
                self._words = _with_time(self._words, time.monotonic() - began)
            if await self._note(send):
                await asyncio.sleep(PAUSE)

    async def _note(self, send: Send) -> bool:
        self._new.clear()
        fraction = self._fraction
        if self._sent is not None and fraction <= self._sent[0]:
            if self._words == self._sent[1]:
                return False
            fraction = self._sent[0] + _NUDGE
        self._sent = (fraction, self._words)
        await send(fraction, self._words)
        return True


def _with_time(words: str, seconds: float) -> str:
    """Words of a step that lasts, with the time since the call began."""
    plain = words.partition(" (since ")[0] or "Working"
    return f"{plain} (since {seconds:.0f} s)"
