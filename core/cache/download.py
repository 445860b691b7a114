"""Single files of the Hugging Face Hub: pinned, offline when told so, errors in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from core import settings
from core.errors import InputError, WeightsError

Progress = Callable[[int, int], None]  # bytes so far, bytes in all

_local = ContextVar("local", default=False)


class NotHereError(WeightsError):
    """A file is not on this machine, and may or can not be downloaded now."""


@contextmanager
def local_files_only() -> Iterator[None]:
    """Let nothing be downloaded in this block, whatever the settings say."""
    token = _local.set(True)
    try:
        yield
    finally:
        _local.reset(token)


def may_not_download() -> bool:
    """Whether only files of this machine may be used now."""
    return _local.get() or settings.current().offline


def hub_file(
    repo_id: str,
    filename: str,
    revision: str,
    *,
    subfolder: str = "",
    on_progress: Progress | None = None,
) -> Path:
    """Return a file of the Hub from the local store, downloading it when that is allowed.

    Raises:
        InputError: `revision` is not a full commit.
        WeightsError: the file cannot be had; the text says what to do.
    """
    path = fetch_file(repo_id, filename, revision, subfolder, on_progress)
    if path is None:
        raise WeightsError(
            f"{repo_id} has no file {_join(subfolder, filename)} at revision {revision[:8]}. "
            "Check the name and the revision."
        )
    return path


def fetch_file(
    repo_id: str, filename: str, revision: str, subfolder: str, on_progress: Progress | None
) -> Path | None:
    """Download a file; None when the repository has no such file."""
    check_revision(revision)
    from huggingface_hub import errors, hf_hub_download

    offline = may_not_download()
    where = f"https://huggingface.co/{repo_id}"
    try:
        path = hf_hub_download(
            repo_id,
            filename,
            subfolder=subfolder or None,
            revision=revision,
            local_files_only=offline,
            tqdm_class=_reporting_bar(on_progress) if on_progress is not None else None,
        )
    except errors.GatedRepoError:
        raise WeightsError(
            f"{repo_id} is gated. Accept its licence on {where}, then log in with `hf auth login`."
        ) from None
    except errors.LocalEntryNotFoundError:
        if offline and _has_config(repo_id, revision, subfolder):
            return None
        raise not_here(repo_id, _join(subfolder, filename), revision) from None
    except errors.EntryNotFoundError:
        return None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        raise WeightsError(
            f"{repo_id} at revision {revision[:8]} was not found on the Hugging Face Hub, or it is "
            f"private. Look at {where}, or log in with `hf auth login`."
        ) from None
    except (errors.HfHubHTTPError, OSError) as exc:
        raise WeightsError(
            f"{_join(subfolder, filename)} of {repo_id} could not be downloaded: "
            f"{first_line(exc)} Try again, or choose the embedded tier."
        ) from exc
    return Path(str(path))


def _has_config(repo_id: str, revision: str, subfolder: str) -> bool:
    """Whether the component is in the local store, so that a missing file is really not there."""
    from huggingface_hub import try_to_load_from_cache

    name = _join(subfolder, "config.json")
    return isinstance(try_to_load_from_cache(repo_id, name, revision=revision), str)


def _reporting_bar(on_progress: Progress) -> Any:
    """A silent tqdm that passes its figures on."""
    from huggingface_hub.utils import tqdm

    class ReportingBar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = False
            super().__init__(*args, **kwargs)

        def display(self, *args: Any, **kwargs: Any) -> None:
            """Draw nothing."""

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            on_progress(int(self.n), int(self.total or 0))
            return shown

    return ReportingBar


def not_here(repo_id: str, what: str, revision: str) -> NotHereError:
    """Why a file cannot be had, and what to do."""
    missing = f"{what} of {repo_id} cannot be found on this machine, and"
    if _local.get():
        return NotHereError(
            f"{missing} nothing is downloaded while a ZeroGPU Space starts. "
            f"Name {repo_id} under `preload_from_hub` in the Space's README: publish it with --full."
        )
    offline = settings.current().offline
    why = "the hub is offline" if offline else "the Hugging Face Hub cannot be reached"
    return NotHereError(
        f"{missing} {why}. "
        f"Run `hf download {repo_id} --revision {revision}` where there is a network."
    )


def check_revision(revision: str) -> None:
    """Accept a full commit only.

    Raises:
        InputError: it is a branch, a tag or a shortened commit.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise InputError(
            f"{revision!r} is not a full commit of 40 hexadecimal digits. A branch can change "
            "under us: copy the commit from the history of the repository."
        )


def _join(subfolder: str, filename: str) -> str:
    return f"{subfolder}/{filename}" if subfolder else filename


def first_line(exc: BaseException) -> str:
    """The first line of an error, as a sentence."""
    text = (str(exc).strip() or type(exc).__name__).splitlines()[0].strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
