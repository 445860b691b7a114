"""Keeps the folders beside the run store from growing for ever: waiting uploads, old trainings.

Gradio writes each upload, and each file that a component shows, into one folder and leaves it
there. Here that folder lies in the data folder (Gradio's own default is shared by all users of the
machine), its files go after a day, and it has a size that uploads cannot exceed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from core import settings
from core.settings import Settings

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
DAY = 86_400.0
ROUND = 60.0  # seconds between two rounds of tidying
_SHARE = 8  # part of the disk limit that waiting uploads may take
_LEAST_FILES = 4  # uploads of the largest size that always fit
_YOUNG = 60.0  # seconds; a file may still be written, or its event may not have come yet


def settle(chosen: Settings) -> None:
    """Tell Gradio where uploads go, unless the environment did; before any component is made."""
    settings.tell_gradio(chosen)


class Waiting:
    """The folder of uploads that wait for their run."""

    def __init__(self, folder: Path, limit: int, kept: Callable[[], Iterable[str]] = tuple) -> None:
        """Watch over `folder`.

        Args:
            folder: may not exist yet.
            limit: bytes; 0 means no limit.
            kept: paths that must stay, such as the files that a page shows from the start.
        """
        self.folder = folder
        self.limit = limit
        self._kept = kept
        self._lock = threading.Lock()

    def admit(self, size: int) -> bool:
        """Whether `size` more bytes fit, after the oldest files went where that helps."""
        if not self.limit:
            return True
        with self._lock:
            if self._bytes() + size <= self.limit:
                return True
            self._remove(time.time() - DAY, self.limit - size)
            return self._bytes() + size <= self.limit

    def tidy(self) -> int:
        """Remove files older than a day, and the oldest beyond the limit; returns how many."""
        with self._lock:
            return self._remove(time.time() - DAY, self.limit or None)

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Time of the last use, size and path of each file; `os.utime` of Gradio counts as a use."""
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):
                state = path.lstat()
                if not path.is_dir():
                    yield max(state.st_mtime, state.st_ctime), state.st_size, path

    def _bytes(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _remove(self, before: float, limit: int | None) -> int:
        files = sorted(self._files())
        kept = {os.path.realpath(path) for path in self._kept()}
        excess = sum(size for _, size, _ in files) - (limit if limit is not None else float("inf"))
        young, removed = time.time() - _YOUNG, 0
        for used, size, path in files:
            if used >= young or (used >= before and excess <= 0):
                break
            if os.path.realpath(path) in kept:
                continue
            with contextlib.suppress(OSError):
                path.unlink()
                excess -= size
                removed += 1
                if path.parent != self.folder:
                    path.parent.rmdir()  # each upload has a folder of its own
        return removed


def remove_trainings(root: Path, before: float) -> int:
    """Remove the work folders of trainings that nobody touched since `before`; returns how many.

    What a training gave is in its run; its folder only serves to go on with it.
    """
    removed = 0
    for folder in root.glob("*/*"):
        with contextlib.suppress(OSError):
            newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
            if newest < before:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed


def waiting(blocks: Any) -> Waiting:
    """The folder of uploads of an app, by the settings of this process."""
    from gradio.utils import get_upload_folder

    def kept() -> Iterator[str]:
        for block in list(blocks.blocks.values()):
            yield from getattr(block, "keep_in_cache", ())

    chosen = settings.current()
    limit = chosen.max_disk and max(
        chosen.max_disk // _SHARE, _LEAST_FILES * chosen.max_upload_bytes
    )
    return Waiting(Path(get_upload_folder()), limit, kept)


@asynccontextmanager
async def tidying(app: Any) -> AsyncIterator[None]:
    """Lifespan of the server in which its folders are tidied every minute."""
    folder = app.state.waiting = waiting(app.get_blocks())
    task = asyncio.create_task(_rounds(folder))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _rounds(folder: Waiting) -> None:
    while True:
        await asyncio.sleep(ROUND)
        await asyncio.to_thread(_round, folder)


def _round(folder: Waiting) -> None:
    chosen = settings.current()
    try:
        folder.tidy()
        remove_trainings(chosen.data_dir / "training", time.time() - chosen.keep_runs_days * DAY)
    except OSError:
        logger.exception("old files could not be removed; it is tried again in a minute")


class UploadLimit:
    """Middleware that refuses uploads for which the folder has no room, before they are written."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _writes(scope["path"]):
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdigit():
            words = "An upload must say its length. Browsers and the clients of Gradio do."
            await PlainTextResponse(words, 411)(scope, receive, send)
            return
        folder: Waiting | None = getattr(scope["app"].state, "waiting", None)
        if folder is not None and not await asyncio.to_thread(folder.admit, int(length)):
            words = (
                "The hub has no room for uploads of that size now. Older ones go within a day. "
                "Try again later, or send fewer or smaller files."
            )
            await PlainTextResponse(words, 507)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _writes(path: str) -> bool:
    return path.rstrip("/").endswith(("/gradio_api/upload", "/gradio_api/component_server"))
