"""Local copies of blobs under readable names, for serving: made on demand and thrown away."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

from .artifacts import BlobPlace


class ServedFiles:
    """Local read-only copies of blobs under readable names, made on demand and thrown away."""

    def __init__(self, root: Path | None) -> None:
        self._root = root.absolute() if root else None
        self._lock = threading.Lock()

    @property
    def root(self) -> Path:
        """The folder; a temporary one, removed with this object, when none was given."""
        with self._lock:
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="vitrine-served-"))
                weakref.finalize(self, shutil.rmtree, self._root, True)
            return self._root

    def file(self, place: BlobPlace, sha256: str, name: str) -> Path:
        """Return `<root>/<sha256>/<name>`, made from the blob when it is not there yet."""
        target = self.root / sha256 / name
        if not target.exists():
            place.copy_to(sha256, target)
        with contextlib.suppress(OSError):
            os.utime(target.parent)  # so that `sweep` leaves it a while longer
        return target

    def forget(self, sha256: str) -> None:
        """Remove all copies of a blob."""
        if self._root is None:
            return
        shutil.rmtree(self._root / sha256, ignore_errors=True)

    def sweep(self, older_than: float) -> int:
        """Remove copies that nobody asked for since the given time; returns how many."""
        if self._root is None:
            return 0
        removed = 0
        for folder in self._root.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if folder.stat().st_mtime < older_than:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
        return removed
