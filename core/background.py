"""What a served hub does beside answering: it warms up once, and keeps house every hour."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading
import time
from collections.abc import Callable

from core import metrics

logger = logging.getLogger(__name__)

HOUR = 3600.0


def start(*, warm: bool) -> None:
    """Start both in threads that end with the process.

    Args:
        warm: open the run store and import torch, so that the first job is quick.
    """
    _thread(keep_house, "vitrine-housekeeping")
    if warm:
        _thread(warm_up, "vitrine-warm-up")


def _thread(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()


def keep_house(every: float = HOUR, stop: threading.Event | None = None) -> None:
    """Expire old runs and remove what nothing names, also when nobody saves anything.

    Args:
        every: seconds between two rounds; the first comes after the first wait.
        stop: ends the rounds when set.
    """
    stop = stop or threading.Event()
    while not stop.wait(every):
        try:
            runs, blobs = importlib.import_module("core.runs").store().maintain()
        except Exception:  # a database that is away comes back, and the next round finds it
            logger.exception("the run store could not be cleaned; the next try is in an hour")
        else:
            if runs or blobs:
                logger.info("housekeeping removed %d runs and %d files", runs, blobs)


def warm_up(idle: float = 5.0) -> None:
    """Open the run store and import torch once the first page was served and its visitor reads.

    Not before: the start-up budget is for that page.

    Args:
        idle: seconds between the first page and the work.
    """
    while not metrics.answered("page"):
        time.sleep(0.5)
    time.sleep(idle)
    importlib.import_module("core.runs").store()
    if importlib.util.find_spec("torch") is not None:
        importlib.import_module("torch")
