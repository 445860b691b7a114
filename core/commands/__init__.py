"""What the commands of `app.py` do; `core.cli` only declares them."""

from __future__ import annotations

from core.errors import InputError


class WrongUsage(InputError):
    """The command line itself is wrong, rather than what it points to; exit code 2."""
