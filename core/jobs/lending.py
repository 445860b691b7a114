"""Why the platform did not lend a GPU, or took it back, in one sentence of ours."""

from __future__ import annotations

import logging
import re

from core.jobs.record import Outcome
from core.jobs.worker import gradio_words

logger = logging.getLogger(__name__)

_LEFT = re.compile(r"vs\.? (\d+)s left")
_AGAIN = re.compile(r"[Tt]ry again in ([\d:]+|\d+ days?, [\d:]+)")


def outcome(error: BaseException, asked: int, held: float | None) -> Outcome | None:
    """What an error of the platform's package means for the visitor; None for any other error.

    Args:
        error: what the package raised.
        asked: GPU seconds that the job asked for.
        held: seconds for which it had the GPU; None if it never got one.
    """
    said = gradio_words(error)
    if not said and not isinstance(error, RuntimeError):
        return None
    said = said or str(error)
    title = str(getattr(error, "title", "") or "")
    if "aborted" in said:
        found = Outcome("failed", error=_aborted(asked, held), error_kind="CapacityError")
    elif words := _words(title.lower(), said, asked):
        found = Outcome("failed", error=words, error_kind="BusyError")
    else:
        return None
    logger.warning("a job that asked for %d GPU seconds got: %s %s", asked, title, said)
    return found


def _words(title: str, said: str, asked: int) -> str:
    if "No GPU was available" in said:
        return (
            "All GPUs of the platform are busy. One usually comes free within minutes. "
            "Run it again then; your settings stay on the page."
        )
    if "quota exceeded" in title:
        return _quota(said, asked)
    if "pending" in title:
        return (
            f"Your other jobs hold the GPU time that this one asks for ({asked} s). It fits when "
            "one of them has ended. Wait for it or stop it, then run this again."
        )
    if "illegal duration" in title:
        return (
            f"This job asks for {asked} s of a GPU, more than one visit may have. A smaller input "
            "or fewer steps fit. Change them and run it again."
        )
    if "token" in said:
        return (
            "This page is too old for the platform to know whose GPU time to use. A fresh page "
            "works. Reload it and run it again; a link keeps your settings."
        )
    if "Connection closed" in said:
        return (
            "The page was closed while the job waited for a GPU. Jobs that already run go on "
            "without it. Open the page and run it again."
        )
    if "/schedule error" in said or "/release error" in said or "stream" in said:
        return (
            "The platform did not answer as it should when it was asked for a GPU. It usually does "
            "a minute later. Run it again then."
        )
    return ""


def _quota(said: str, asked: int) -> str:
    if "GPU limit" in said:
        return (
            f"This job asks for {asked} s of a GPU, and callers without an account have used up "
            "the share of this Space. A Hugging Face account has a share of its own. "
            "Sign in there, or send its token with the call."
        )
    left, again = _LEFT.search(said), _AGAIN.search(said)
    has = f"{left[1]} s are left of your share" if left else "your share of the day is used up"
    when = f"in {again[1]}" if again else "tomorrow"
    return (
        f"This job asks for {asked} s of a GPU, and {has}. A smaller input or fewer steps may fit, "
        f"and an account has more than a visitor without one. Come back {when}, or sign in."
    )


def _aborted(asked: int, held: float | None) -> str:
    if held is not None and held >= asked:
        return (
            f"The platform took the GPU back after {held:.0f} s: this job had asked for {asked} s. "
            "A smaller input or fewer steps fit. Change them and run it again."
        )
    return (
        "The GPU process of this job ended before its work did, perhaps for lack of memory. "
        "A smaller input may fit. Run it again, or change it first."
    )
