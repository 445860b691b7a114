"""Runs: what was computed, kept with its settings, artifacts, links and human answers.

Importing this package loads neither SQLAlchemy nor Alembic nor fsspec; the first call of `store()`
does. `core.runs.links`, `core.runs.request` and `core.runs.png` never do.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from core import settings

from .records import OPERATOR, Answer, Artifact, Run, artifact_name

if TYPE_CHECKING:
    from .run_store import RunStore

__all__ = ["OPERATOR", "Answer", "Artifact", "Run", "RunStore", "artifact_name", "store"]

_lock = threading.Lock()
_opened: tuple[settings.Settings, RunStore] | None = None


def __getattr__(name: str) -> Any:
    if name == "RunStore":  # so that importing the package stays light
        from .run_store import RunStore

        return RunStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def store() -> RunStore:
    """Return the run store of this process, opened and migrated at first use.

    It follows `core.settings`: after the settings changed, the next call opens the new place.

    Raises:
        VitrineError: the database cannot be opened, or was written by a newer version.
    """
    global _opened
    with _lock:
        wanted = settings.current()
        if _opened is not None and _opened[0] == wanted:
            return _opened[1]
        from .run_store import RunStore

        if _opened is not None:
            _opened[1].close()
            _opened = None
        made = RunStore(
            wanted.resolved_database_url,
            wanted.resolved_artifact_url,
            served_dir=wanted.data_dir / "served",
            keep_days=wanted.keep_runs_days,
            max_input_bytes=wanted.max_upload_bytes,
            max_disk=wanted.max_disk,
        )
        _opened = (wanted, made)
        return made
