"""An imitation of the Hugging Face Hub on loopback, for tests of publishing without a network."""

from __future__ import annotations

from .records import DROP, HOLD, LOSE_ANSWER, OTHER, READ, WRITE
from .repo import Repo, Stored
from .server import Hub

__all__ = ["DROP", "HOLD", "LOSE_ANSWER", "OTHER", "READ", "WRITE", "Hub", "Repo", "Stored"]
