"""An imitation of the Hugging Face Hub on loopback, for tests of publishing without a network."""

from __future__ import annotations

from .repo import Repo, Stored
from .server import DROP, HOLD, LOSE_ANSWER, OTHER, READ, WRITE, Hub

__all__ = ["DROP", "HOLD", "LOSE_ANSWER", "OTHER", "READ", "WRITE", "Hub", "Repo", "Stored"]
