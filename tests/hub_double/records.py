"""Who may publish, what is to fail, and what came in: the plain records of the imitated Hub."""

from __future__ import annotations

from dataclasses import dataclass, field

WRITE, READ, OTHER = "token-write", "token-read", "token-of-bob"
DROP = 0  # instead of a status: close the connection when half of the body has come
LOSE_ANSWER = -1  # do what was asked, then close the connection without an answer
HOLD = -2  # keep the request waiting until `Hub.heal`, then close the connection


@dataclass
class Account:
    """Who a token belongs to, and what it may do."""

    name: str
    role: str
    orgs: tuple[str, ...] = ()


@dataclass
class Fault:
    """A planted failure of the requests that match `where` (a pattern over `METHOD /path`)."""

    where: str
    status: int = DROP
    words: str = ""
    code: str = ""
    times: int = 10**9
    after: int = 0  # this many matching requests pass first
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    """One request that came in."""

    method: str
    path: str
    status: int
    size: int  # bytes of its body
