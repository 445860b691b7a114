"""Tries again what a network may refuse for a while: a lost connection, a busy or limited server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from httpx2 import HTTPError  # the client of huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

T = TypeVar("T")

TRIES = 4
_FIRST_WAIT = 1.5  # seconds; doubles with each try
_LONGEST_WAIT = 60.0  # seconds that a server may ask for; longer is for the user to decide
_STALLED = 120.0  # seconds without a byte after which a connection counts as lost
_PASSING = {408, 425, 429, 500, 502, 503, 504}
# the Xet library tells the status of an answer in the text of a ConnectionError only
_XET_STATUS = re.compile(r"HTTP status (?:client|server) error \((\d{3})\b")


def patiently(
    work: Callable[[], T],
    *,
    tries: int = TRIES,
    on_retry: Callable[[str], None] | None = None,
) -> T:
    """Call `work` until it succeeds, waiting longer each time.

    Args:
        work: what to do; repeating it must do no harm.
        tries: how often at most.
        on_retry: is told in words why and after how many seconds it is tried again.

    Raises:
        Exception: whatever the last try raised, or the first that waiting cannot cure.
    """
    for turn in range(tries):
        limit_waiting()
        try:
            return work()
        except Exception as error:
            if turn == tries - 1 or not passes(error):
                raise
            wait = seconds_to_wait(error, turn)
            if wait > _LONGEST_WAIT:
                raise
            if on_retry is not None:
                on_retry(f"{why(error)}; next try in {wait:.0f} s")
            time.sleep(wait)
    raise AssertionError("unreachable")


def limit_waiting() -> None:
    """Let no request of the Hub's library wait for ever; it sets no limit itself."""
    from huggingface_hub import get_session

    get_session().timeout = _STALLED


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that caused it, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def http_error(error: BaseException) -> HfHubHTTPError | None:
    """The answer of the Hub that an exception goes back to, if there was one."""
    return next((e for e in chain(error) if isinstance(e, HfHubHTTPError)), None)


def status(error: BaseException) -> int | None:
    """The HTTP status that an exception goes back to; None when nothing was answered."""
    answer = http_error(error)
    if answer is not None:
        return answer.response.status_code
    found = (_XET_STATUS.search(str(e)) for e in chain(error) if isinstance(e, ConnectionError))
    return next((int(match[1]) for match in found if match), None)


def retry_after(error: BaseException) -> int | None:
    """The seconds that the Hub asks to wait, if it does."""
    answer = http_error(error)
    asked = answer.response.headers.get("Retry-After", "") if answer is not None else ""
    return int(asked) if asked.isdigit() else None


def lost_connection(error: BaseException) -> bool:
    """Whether an exception goes back to the network rather than to an answer."""
    causes = list(chain(error))
    if status(error) is not None or any(isinstance(e, OfflineModeIsEnabled) for e in causes):
        return False
    return any(isinstance(e, HTTPError | ConnectionError | TimeoutError) for e in causes)


def passes(error: BaseException) -> bool:
    """Whether the same request may well succeed a little later."""
    answered = status(error)
    return lost_connection(error) if answered is None else answered in _PASSING


def seconds_to_wait(error: BaseException, turn: int) -> float:
    """How long to wait before the next try: as the server asks, or twice as long each time."""
    asked = retry_after(error)
    return _FIRST_WAIT * 2**turn if asked is None else float(asked)


def why(error: BaseException) -> str:
    """The reason for another try, in a few words."""
    answered = status(error)
    if answered is None:
        return "the connection was lost"
    return "the Hub asks to slow down" if answered == 429 else f"the Hub answered {answered}"
