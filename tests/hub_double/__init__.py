"""An imitation of the Hugging Face Hub on loopback, for tests of publishing without a network."""

from __future__ import annotations

from .repo import Repo
from .server import OTHER, READ, WRITE, Hub

__all__ = ["OTHER", "READ", "WRITE", "Hub", "Repo"]
