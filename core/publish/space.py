"""The Space on the Hub: whether it exists and is ours, what it holds, and its settings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from core.errors import InputError
from core.publish import card
from core.publish.build import Export, File
from core.publish.patience import http_error, patiently
from core.publish.plan import Plan

ADDED_BY_THE_HUB = frozenset({".gitattributes"})  # stays, whatever is published
_MADE_WITH_THE_SPACE = ADDED_BY_THE_HUB | {"README.md"}  # what an empty Space holds
SLEEP_SECONDS = 3600  # paid hardware goes to sleep after an idle hour, so that nobody pays unawares
_KINDS = {"model": "a model", "dataset": "a dataset", "space": "a Space"}


@dataclass(frozen=True, slots=True)
class Standing:
    """A Space as it is on the Hub."""

    page: str  # address of its repository
    commit: str
    private: bool
    sdk: str
    ours: bool  # made by this project
    empty: bool  # holds nothing but what a new Space holds
    files: Mapping[str, str]  # path -> sha256 for large files, git's sha1 for the others
    stage: str
    hardware: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What separates an export from what the Space holds."""

    to_send: tuple[File, ...]
    to_remove: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.to_send or self.to_remove)

    @property
    def bytes(self) -> int:
        """Size of what is to be sent."""
        return sum(file.size for file in self.to_send)


def look(api: HfApi, repo: str) -> Standing | None:
    """The Space `repo` as it stands, or None when there is none.

    Raises:
        Exception: the Hub did not answer, or refused; for `trouble.explain`.
    """
    try:
        about: Any = patiently(lambda: api.space_info(repo))
    except RepositoryNotFoundError:
        return None
    tree = patiently(lambda: list(api.list_repo_tree(repo, recursive=True, repo_type="space")))
    files = {
        row.path: row.lfs.sha256 if row.lfs else row.blob_id
        for row in tree
        if isinstance(row, RepoFile)
    }
    told = about.card_data.to_dict() if about.card_data else {}
    runtime = about.runtime
    return Standing(
        page=page_of(api, repo),
        commit=about.sha or "",
        private=bool(about.private),
        sdk=about.sdk or "",
        ours=card.TAG in (told.get("tags") or ()),
        empty=set(files) <= _MADE_WITH_THE_SPACE,
        files=files,
        stage=str(runtime.stage) if runtime else "",
        hardware=str(runtime.requested_hardware or runtime.hardware or "") if runtime else "",
    )


def page_of(api: HfApi, repo: str) -> str:
    """Address of the Space's page on the Hub."""
    return f"{api.endpoint}/spaces/{repo}"


def changes(export: Export, standing: Standing | None) -> Changes:
    """What must be sent and removed so that the Space holds the export and nothing else."""
    there = standing.files if standing else {}
    to_send = tuple(file for file in export.files if not _same(export, file, there.get(file.path)))
    kept = {file.path for file in export.files} | ADDED_BY_THE_HUB
    return Changes(to_send, tuple(sorted(set(there) - kept)))


def _same(export: Export, file: File, known: str | None) -> bool:
    if known is None:
        return False
    if len(known) == 64:
        return known == file.sha256
    data = (export.folder / file.path).read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == known


def check_ours(standing: Standing, plan: Plan, *, overwrite: bool) -> None:
    """Refuse to replace what somebody made by hand, or a hub by one of its methods.

    Raises:
        InputError: the Space holds something else or more, or is run in another way.
    """
    methods = {path.split("/")[1] for path in standing.files if path.startswith("spaces/")}
    lost = sorted(methods - set(plan.methods))
    if lost and standing.ours and plan.single and not overwrite:
        raise InputError(
            f"{plan.repo} holds {', '.join(lost)}, which would be removed by publishing "
            f"{plan.name} alone. A new name works. Choose another --repo, or add --overwrite. "
            "Nothing was changed."
        )
    if overwrite or standing.ours or (standing.empty and standing.sdk in ("gradio", "")):
        return
    held = [path for path in sorted(standing.files) if path not in ADDED_BY_THE_HUB]
    what = f"{len(held)} files, such as {', '.join(held[:3])}" if held else "no files"
    if standing.sdk not in ("gradio", ""):
        what = f"a {standing.sdk} Space with {what}"
    raise InputError(
        f"{plan.repo} exists and was not made by Vitrine: {what}. A new name works. "
        "Choose another --repo, or add --overwrite to replace what is there. Nothing was changed."
    )


def create(
    api: HfApi, plan: Plan, *, variables: Mapping[str, str], secrets: Mapping[str, str]
) -> str:
    """Make the Space with its hardware and settings; returns the address of its page.

    Raises:
        InputError: the name belongs to a repository of another type.
        Exception: the Hub refused; for `trouble.explain`.
    """
    try:
        patiently(
            lambda: api.create_repo(
                plan.repo,
                repo_type="space",
                space_sdk="gradio",
                visibility="private" if plan.private else "public",
                space_hardware=plan.hardware,  # type: ignore[arg-type]
                space_sleep_time=SLEEP_SECONDS if billed(plan.hardware) else None,
                space_variables=[{"key": k, "value": v} for k, v in variables.items()] or None,
                space_secrets=[{"key": k, "value": v} for k, v in secrets.items()] or None,
            )
        )
    except HfHubHTTPError as error:
        answer = http_error(error)
        if answer is None or answer.response.status_code != 409:
            raise
        if (standing := look(api, plan.repo)) is None:  # made by nobody, so the name is taken
            raise taken(api, plan.repo, answer.server_message or "") from error
        return standing.page  # a first try was answered too late
    return page_of(api, plan.repo)


def taken(api: HfApi, repo: str, said: str) -> InputError:
    """The error for a name that is a model or a dataset, not a Space."""
    kind = next((k for k in ("model", "dataset") if _exists(api, repo, k)), "")
    what = _KINDS[kind] if kind else f'taken ("{said}")'
    return InputError(
        f"{repo} is {what}, not a Space. A name that is free works. Choose another --repo, such as "
        f"{repo}-demo. Nothing was changed."
    )


def _exists(api: HfApi, repo: str, kind: str) -> bool:
    return patiently(lambda: api.repo_exists(repo, repo_type=kind))


def adjust(
    api: HfApi,
    plan: Plan,
    standing: Standing,
    *,
    variables: Mapping[str, str],
    secrets: Mapping[str, str],
) -> list[str]:
    """Bring the settings of an existing Space in line; returns in words what was changed.

    Secrets cannot be read back, so they are always written. Variables and secrets that are not
    named stay: they may have been set by hand.
    """
    done = []
    if variables:
        known = patiently(lambda: api.get_space_variables(plan.repo))
        for key, value in variables.items():
            if key not in known or known[key].value != value:
                patiently(lambda k=key, v=value: api.add_space_variable(plan.repo, k, v))
                done.append(f"variable {key}")
    for key, value in secrets.items():
        patiently(lambda k=key, v=value: api.add_space_secret(plan.repo, k, v))
        done.append(f"secret {key}")
    if standing.hardware != plan.hardware:
        sleep = SLEEP_SECONDS if billed(plan.hardware) else None
        patiently(
            lambda: api.request_space_hardware(
                plan.repo,
                plan.hardware,  # type: ignore[arg-type]
                sleep_time=sleep,
            )
        )
        done.append(f"hardware {plan.hardware} instead of {standing.hardware or 'none'}")
    return done


def billed(hardware: str) -> bool:
    """Whether the platform counts the minutes of this hardware."""
    return hardware != "cpu-basic" and not hardware.startswith("zero-")
