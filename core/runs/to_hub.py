"""Saves a run to a repository of a visitor's own account on the Hugging Face Hub.

Runs are gathered in one dataset repository, a folder each. A run that made a model (`model.safetensors`
or `head.safetensors` among its files) becomes a model repository of its own, because that is what
people load models from. The visitor's token is an argument, used for the calls and then forgotten;
the account of the machine that runs the hub is never asked.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from core import registry
from core.errors import InputError, VitrineError

from .png import SETTINGS_FILE, settings_file
from .records import Run, artifact_name

logger = logging.getLogger(__name__)

SCOPES = ("contribute-repos",)  # the least: repositories that this app made, and no others
WIDER = ("write-repos", "manage-repos")  # what also allows it, where an owner asked for more
MODEL_FILES = ("model.safetensors", "head.safetensors")
COLLECTION = "vitrine-runs"
MAX_BYTES = 512 * 2**20  # of one run; it is held in memory meanwhile
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")

Kind = Literal["dataset", "model"]


@dataclass(frozen=True, slots=True)
class Keepsake:
    """What is going to be saved: files by path, and the card for a repository that has none."""

    kind: Kind
    name: str  # of the repository, without its owner; a proposal
    files: Mapping[str, bytes]
    card: bytes
    title: str


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a run is now."""

    repo: str
    kind: Kind
    address: str
    private: bool


def kind_of(run: Run) -> Kind:
    """Whether a run is kept as a model or among the runs."""
    return "model" if any(name in run.artifacts for name in MODEL_FILES) else "dataset"


def name_of(run: Run) -> str:
    """The name to propose for the repository."""
    return f"vitrine-{run.method}-{run.id[:8]}" if kind_of(run) == "model" else COLLECTION


def keepsake(
    run: Run, read: Callable[[str], bytes], *, inputs: Iterable[str] = (), source: str = ""
) -> Keepsake:
    """Gather what is saved of a run.

    Args:
        run: the run; its owner and its id's secret part go nowhere.
        read: returns the content for a sha256.
        inputs: uploads to save with it, by sha256; only those of whoever saves.
        source: the Space it was made on, such as `owner/name`.

    Raises:
        InputError: it is too large.
        NotFoundError: a file of it is gone.
    """
    size = sum(artifact.size for artifact in run.artifacts.values())
    if size > MAX_BYTES:
        raise InputError(
            f"The files of this run have {size / 2**20:.0f} MiB. Up to {MAX_BYTES // 2**20} MiB can "
            "be saved to an account from here. Download them instead."
        )
    files: dict[str, bytes] = {
        SETTINGS_FILE: settings_file(run.method, run.request),
        "result.json": (json.dumps(run.result, indent=1, ensure_ascii=False) + "\n").encode(),
    }
    for name, artifact in sorted(run.artifacts.items()):
        files[artifact_name(name)] = read(artifact.sha256)
    for sha256 in inputs:
        files[f"inputs/{sha256}"] = read(sha256)
    about = _about(run, source, files)
    title = run.title or run.method
    if kind_of(run) == "model":
        card = _front(["vitrine", run.method]) + f"# {_plain(title)}\n\n{about}"
        return Keepsake("model", name_of(run), files, card.encode(), title)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(run.created))
    folder = f"{run.method}/{stamp}-{run.id[:6]}"
    files["README.md"] = f"# {_plain(title)}\n\n{about}".encode()
    whole = {f"{folder}/{name}": data for name, data in files.items()}
    return Keepsake("dataset", name_of(run), whole, _COLLECTION_CARD, title)


def _front(tags: list[str]) -> str:
    return "---\ntags:\n" + "".join(f"- {tag}\n" for tag in tags) + "---\n\n"


_COLLECTION_CARD = (
    "---\ntags:\n- vitrine\nviewer: false\n---\n\n# Runs saved from Vitrine\n\n"
    "Each folder is one run: its files, its numbers (`result.json`) and its settings "
    f"(`{SETTINGS_FILE}`). Drop the settings on the page of the method to open them again.\n"
).encode()


def _plain(text: str) -> str:
    """One line without signs that Markdown or HTML would take for its own."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(text.split()))


def _about(run: Run, source: str, files: Mapping[str, bytes]) -> str:
    when = time.strftime("%d %B %Y, %H:%M UTC", time.gmtime(run.created))
    software = ", ".join(f"{name} {version}" for name, version in sorted(run.versions.items()))
    try:
        spec = registry.load(run.method)
        paper = spec.paper
        method = f"[{spec.title}]({paper.url})" if paper.url else spec.title
        cited = f"\n\nThe method: {paper.authors}: {paper.title}. {paper.venue} {paper.year}.\n"
    except VitrineError:  # the run is kept even when its method has left the hub
        method, cited = run.method, "\n"
    where = f" on [{source}](https://huggingface.co/spaces/{quote(source)})" if source else ""
    listed = "".join(f"| `{name}` | {len(data):,} |\n" for name, data in sorted(files.items()))
    return (
        f"Made with {method}, {run.tier} tier,{where} on {when} in {run.seconds:.1f} s. "
        f"Software: {software or 'not recorded'}.{cited}\n"
        f"| file | bytes |\n|---|---:|\n{listed}\n"
        f"`{SETTINGS_FILE}` opens these settings again: drop it on the page of the method.\n"
    )


def upload(
    kept: Keepsake, *, token: str, owner: str, name: str = "", private: bool = True
) -> Saved:
    """Create the repository unless it is there, and commit the files to it.

    Doing it again adds nothing twice. A repository that others can see is not used for what is
    meant to be private.

    Args:
        kept: what to save.
        token: the visitor's own; an empty one is refused rather than replaced by the machine's.
        owner: the visitor's account.
        name: of the repository in that account; the proposal when empty.
        private: whether only the visitor may see a repository that is made.

    Raises:
        InputError: the name cannot be used, the login has expired or does not allow it.
        VitrineError: the Hub refused or could not be reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    name = name.strip() or kept.name
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise InputError(
            f"{name[:60]!r} cannot name a repository. Letters, digits, dots, dashes and underscores "
            "can, up to 96 of them. Choose another name."
        )
    if not token or not owner:
        raise logged_out()
    repo = f"{owner}/{name}"
    api = HfApi(token=token, library_name="vitrine")
    try:
        made = api.create_repo(repo, repo_type=kept.kind, private=private, exist_ok=True)
        repo = made.repo_id
        info = api.repo_info(repo, repo_type=kept.kind)
        if private and not info.private:
            raise InputError(
                f"{repo} exists and anybody can see it, but this should be private. "
                "Choose another name, or tick that anybody may see it."
            )
        there = {file.rfilename for file in getattr(info, "siblings", None) or ()}
        files = dict(kept.files) | ({} if "README.md" in there else {"README.md": kept.card})
        api.create_commit(
            repo,
            [CommitOperationAdd(path, data) for path, data in sorted(files.items())],
            commit_message=f"Save {kept.title}"[:70],
            repo_type=kept.kind,
        )
    except VitrineError:
        raise
    except Exception as error:  # whatever the client raises; it becomes one sentence
        raise _explain(error, repo, kept.kind) from None  # its text may quote the request
    kind = "datasets/" if kept.kind == "dataset" else ""
    return Saved(repo, kept.kind, f"{api.endpoint}/{kind}{repo}", bool(info.private))


def may_save(scope: str) -> bool:
    """Whether the scopes of a login, separated by spaces, allow saving."""
    return bool(set(scope.split()) & {*SCOPES, *WIDER})


def logged_out() -> InputError:
    """The error for who is not signed in, or not any more."""
    return InputError(
        "You are not signed in, or your login has expired. Signing in with Hugging Face allows "
        "this. Press the button above and try again."
    )


def not_allowed() -> InputError:
    """The error for a login that does not allow making repositories."""
    return InputError(
        "Your login does not let this Space make repositories for you. The permission "
        f"{SCOPES[0]!r} would; it reaches no repository but those made from here. "
        "Log out, sign in again and allow it."
    )


def _explain(error: Exception, repo: str, kind: str) -> VitrineError:
    status = _status(error)
    logger.warning("saving to an account failed: %s, status %s", type(error).__name__, status)
    if status == 401:
        return logged_out()
    if status == 403:
        return not_allowed()
    if status in (404, 409):
        return InputError(
            f"{repo} cannot be used: a repository of that name was made elsewhere or is not a "
            f"{kind}. This Space only reaches those it made. Choose another name."
        )
    if status == 402 or status == 413:
        return InputError(
            "The Hub refuses the size: your account has no room for it. "
            "Delete something there, or download the files instead."
        )
    if status == 429:
        return VitrineError(
            "The Hub asks you to slow down. Saving works again in a while. Try in a few minutes."
        )
    return VitrineError(
        "The Hub did not take the files. What has arrived is kept there, and saving again sends the "
        "rest. Try again in a minute, or download the files."
    )


def _status(error: BaseException | None) -> int | None:
    """HTTP status of an error or of what caused it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        response: Any = getattr(error, "response", None)
        if response is not None and getattr(response, "status_code", None):
            return int(response.status_code)
        error = error.__cause__ or error.__context__
    return None
