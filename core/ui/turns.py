"""Whose turn it is: calls of scripts and agents wait here, so that visitors never wait for them.

All calls together hold all slots of the runner but one, so one is always left to the pages. A call
that waits costs no thread. The next turn goes to the caller who has the fewest under way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.errors import BusyError, JobCancelled
from core.jobs.job import STOPPED


@dataclass(eq=False)
class _Waiting:
    caller: str
    heavy: bool
    turn: asyncio.Future[None]
    tell: Callable[[int], object]
    place: int = 0
    left: bool = False


class Turns:
    """Gives turns on one event loop; no lock, because only that loop touches it."""

    def __init__(
        self, *, light: int, heavy: int = 1, most: int = 48, most_of_one: int = 24
    ) -> None:
        """Make a gate that nobody has passed yet.

        Args:
            light: light calls that may be under way at once.
            heavy: heavy calls likewise.
            most: calls under way or waiting.
            most_of_one: likewise, of one caller.
        """
        self._slots = {False: max(1, light), True: max(1, heavy)}
        self._most, self._most_of_one = most, most_of_one
        self._running: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
        self._waiting: list[_Waiting] = []

    async def take(
        self,
        caller: str,
        *,
        heavy: bool,
        tell: Callable[[int], object] = lambda ahead: None,
        gone: Callable[[], bool] = lambda: False,
    ) -> Callable[[], None]:
        """Wait for a turn; returns what gives it back, to be called on the same loop.

        Args:
            caller: who calls.
            heavy: whether the call needs the device.
            tell: hears how many calls are ahead, when that changes.
            gone: asked twice a second whether the caller has left.

        Raises:
            BusyError: too many calls wait already.
            JobCancelled: the caller has left.
        """
        self._refuse(caller)
        mine = _Waiting(caller, heavy, asyncio.get_running_loop().create_future(), tell)
        self._waiting.append(mine)
        self._advance()
        try:
            while not mine.turn.done():
                await asyncio.wait({mine.turn}, timeout=0.5)
                if gone():
                    raise JobCancelled(STOPPED)
        except BaseException:
            if mine in self._waiting:
                self._waiting.remove(mine)
                self._advance()
            else:  # the turn came at the very moment at which the caller left
                self._leave(mine)
            raise
        return partial(self._leave, mine)

    def _refuse(self, caller: str) -> None:
        everybody = len(self._waiting) + sum(c.total() for c in self._running.values())
        own = sum(w.caller == caller for w in self._waiting)
        own += sum(c[caller] for c in self._running.values())
        if own >= self._most_of_one:
            raise BusyError(
                f"You have {own} calls under way or waiting; {self._most_of_one} may. "
                "Wait for an answer before you send the next one."
            )
        if everybody >= self._most:
            raise BusyError(
                f"{everybody} calls of scripts are under way or waiting; this hub takes "
                f"{self._most}. Try again in a minute."
            )

    def _leave(self, mine: _Waiting) -> None:
        if mine.left:
            return
        mine.left = True
        running = self._running[mine.heavy]
        running[mine.caller] -= 1
        if not running[mine.caller]:
            del running[mine.caller]
        self._advance()

    def _advance(self) -> None:
        for heavy, running in self._running.items():
            while running.total() < self._slots[heavy]:
                waiting = [w for w in self._waiting if w.heavy == heavy and not w.turn.done()]
                if not waiting:
                    break
                first = min(waiting, key=lambda w: running[w.caller])  # ties: who came first
                self._waiting.remove(first)
                running[first.caller] += 1
                first.turn.set_result(None)
            places = [w for w in self._waiting if w.heavy == heavy]
            for ahead, waiting in enumerate(places):
                if waiting.place != ahead + 1:
                    waiting.place = ahead + 1
                    waiting.tell(ahead)
