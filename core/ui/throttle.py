"""Slows down whoever guesses passwords: a few tries at once, then one every few seconds."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

TRIES, SECONDS = 8, 10.0  # of one address: at once, and seconds for each further one
ALL_TRIES, ALL_SECONDS = 60, 1.0  # of everybody together: addresses are cheap
ADDRESSES = 4096  # remembered at a time; the longest unseen are forgotten first


class Throttle:
    """Buckets that fill by one with each try and leak with time; a right password takes its try back.

    A try is counted before it is judged, so that tries at the same time do not slip through.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with empty buckets; `clock` gives seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, and when
        self._all = (0.0, clock())

    def attempt(self, address: str) -> float:
        """Count a try from `address`; returns 0, or for how many seconds no try is taken."""
        key, now = _network(address), self._clock()
        with self._lock:
            own = _leak(self._levels.get(key, (0.0, now)), SECONDS, now)
            everybody = _leak(self._all, ALL_SECONDS, now)
            wait = max((own - TRIES + 1) * SECONDS, (everybody - ALL_TRIES + 1) * ALL_SECONDS)
            if wait > 0:
                return wait
            self._put(key, own + 1, now)
            self._all = (everybody + 1, now)
            return 0.0

    def passed(self, address: str) -> None:
        """Take back the last try from `address`: its password was right."""
        key, now = _network(address), self._clock()
        with self._lock:
            own = _leak(self._levels.get(key, (0.0, now)), SECONDS, now)
            self._put(key, max(own - 1, 0.0), now)
            self._all = (max(_leak(self._all, ALL_SECONDS, now) - 1, 0.0), now)

    def _put(self, key: str, level: float, now: float) -> None:
        self._levels[key] = (level, now)
        self._levels.move_to_end(key)
        while len(self._levels) > ADDRESSES:
            self._levels.popitem(last=False)


def _leak(bucket: tuple[float, float], seconds: float, now: float) -> float:
    level, then = bucket
    return max(level - (now - then) / seconds, 0.0)


def _network(address: str) -> str:
    """The address itself, or the /64 of an IPv6 address: one customer has all of it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))


def whole_seconds(wait: float) -> int:
    """Seconds to tell somebody who has to wait."""
    return max(math.ceil(wait), 1)
