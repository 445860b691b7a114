"""Brings an export to the Hub: create or adjust the Space, upload, wait, ask it one question.

Every step can be repeated: a second run sees what the first one achieved and does the rest.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

import core
from core.errors import VitrineError
from core.publish import account as accounts
from core.publish import smoke, space, trouble, waiting
from core.publish.build import Export
from core.publish.patience import patiently
from core.publish.plan import Plan

_START_LIMIT = 30 * 60.0  # seconds; the platform itself gives up then
_FETCH_LIMIT = 90 * 60.0  # with models of the full tier to fetch while it is built


@dataclass(frozen=True, slots=True)
class Step:
    """Something to tell the user: a line that stays, or a state that passes."""

    words: str
    passing: bool = False
    warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a push achieved."""

    address: str  # where visitors go; empty until the Space has one
    page: str  # its page on the Hub
    commit: str
    uploaded: int  # files that were new or changed
    removed: int  # files that the Space held and the export does not
    bytes: int  # size of the files that were uploaded
    created: bool
    who: str
    private: bool
    running: bool  # whether it was waited for and runs
    settings: tuple[str, ...] = ()  # what was changed beside the files
    answers: tuple[smoke.Answer, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)  # upload, start, smoke


@dataclass(frozen=True, slots=True)
class Reached:
    """The Hub, as it stood before anything was sent."""

    api: HfApi
    account: accounts.Account
    standing: space.Standing | None


def reach(
    plan: Plan,
    *,
    token: str,
    overwrite: bool = False,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Reached:
    """See who publishes and where to, and refuse what cannot succeed. Changes nothing.

    Args:
        plan: names the Space.
        token: of the Hugging Face Hub.
        overwrite: accept a Space that holds something else.
        on_step: is told who and where.

    Raises:
        InputError: the account may not, or the Space holds something else.
        VitrineError: the Hub cannot be reached.
    """
    api = HfApi(token=token)
    _hush()
    account = accounts.who(api)
    accounts.check_may_publish(account, plan.repo)
    try:
        standing = space.look(api, plan.repo)
    except Exception as error:
        raise trouble.explain(error, "looking at the Space", plan.repo) from error
    if standing is not None:
        space.check_ours(standing, plan, overwrite=overwrite)
    on_step(_where(api, account, plan, standing))
    return Reached(api, account, standing)


def push(
    export: Export,
    *,
    token: str,
    reached: Reached | None = None,
    variables: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    wait: bool = True,
    overwrite: bool = False,
    here: Sequence[smoke.Answer] = (),
    on_step: Callable[[Step], None] = lambda step: None,
) -> Published:
    """Publish an export that was checked.

    Args:
        export: what to publish; its plan names the Space.
        token: of the Hugging Face Hub, with write permission.
        reached: what `reach` found a moment ago; asked for when left out.
        variables: public settings of the Space.
        secrets: hidden settings of the Space.
        wait: stay until the Space runs and has answered.
        overwrite: replace what somebody else's hand put into the Space.
        here: what the export answered on this machine; the Space must answer the same.
        on_step: is told what happens.

    Raises:
        InputError: something about the account, the name or the files that the user can mend.
        VitrineError: the network, the Hub or the Space failed; publishing again is safe.
    """
    plan = export.plan
    found = reached or reach(plan, token=token, overwrite=overwrite, on_step=on_step)
    api, standing = found.api, found.standing
    doing = "setting up the Space"
    try:
        given = {"variables": variables or {}, "secrets": secrets or {}}
        changed: list[str] = []
        if standing is None:
            space.create(api, plan, **given)
        else:
            changed = space.adjust(api, plan, standing, **given)
        if standing is not None and standing.private != plan.private:
            told = "private" if standing.private else "public"
            on_step(Step(f"The Space is {told} and stays so; change it on its page.", warning=True))
        doing = "uploading the files"
        began = time.monotonic()
        commit, todo = _upload(api, export, on_step)
        seconds = {"upload": time.monotonic() - began}
        doing = "waiting for the Space"
        if wait:
            seconds["start"] = waiting.until_running(
                api,
                plan.repo,
                commit,
                limit=_FETCH_LIMIT if plan.full else _START_LIMIT,
                restarts=bool(changed) and not todo,
                on_stage=lambda words, s: on_step(Step(f"{words}, {s:.0f} s", passing=True)),
                on_log=lambda line: on_step(Step(f"  | {line}", warning=True)),
            )
        about: Any = patiently(lambda: api.space_info(plan.repo))
    except Exception as error:
        raise trouble.explain(error, doing, plan.repo) from error
    address = about.host or (f"https://{about.subdomain}.hf.space" if about.subdomain else "")
    answers: list[smoke.Answer] = []
    if wait:
        on_step(Step(f"The Space runs after {seconds['start']:.0f} s."))
        began = time.monotonic()
        answers = _smoke(export, address, token if about.private else None, here, on_step)
        seconds["smoke"] = time.monotonic() - began
    return Published(
        address=address,
        page=space.page_of(api, plan.repo),
        commit=commit,
        uploaded=len(todo.to_send),
        removed=len(todo.to_remove),
        bytes=todo.bytes,
        created=standing is None,
        who=found.account.name,
        private=bool(about.private),
        running=wait,
        settings=tuple(changed),
        answers=tuple(answers),
        seconds=seconds,
    )


def _hush() -> None:
    """Let our own lines speak: the library's remarks would repeat or contradict them."""
    from huggingface_hub.utils import disable_progress_bars

    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="huggingface_hub")
    if not sys.stderr.isatty():
        disable_progress_bars()


def _where(
    api: HfApi, account: accounts.Account, plan: Plan, standing: space.Standing | None
) -> Step:
    seen = "private" if (standing.private if standing else plan.private) else "public"
    state = f"new, {seen}" if standing is None else f"exists, {seen}"
    return Step(
        f"As {account.words}, to {space.page_of(api, plan.repo)} ({state}, {plan.hardware})"
    )


def _upload(
    api: HfApi, export: Export, on_step: Callable[[Step], None]
) -> tuple[str, space.Changes]:
    """Send what differs as one commit, so that the Space never builds half of an export.

    `upload_folder` would make several commits of it, and send a sample of every file each time.
    """
    repo = export.plan.repo
    intended: list[space.Changes] = []

    def attempt() -> str:
        standing = space.look(api, repo)
        todo = space.changes(export, standing)
        if not intended:
            intended.append(todo)
            on_step(_amount(export, todo))
        if standing is not None and not todo:
            return standing.commit  # also when the answer to the first try was lost
        operations = [CommitOperationDelete(path, is_folder=False) for path in todo.to_remove]
        operations += [
            CommitOperationAdd(file.path, export.folder / file.path) for file in todo.to_send
        ]
        done = api.create_commit(
            repo,
            operations,
            commit_message=f"Publish {export.plan.name} with Vitrine {core.__version__}",
            repo_type="space",
            parent_commit=standing.commit if standing and standing.commit else None,
        )
        return str(done.oid)

    commit = patiently(
        attempt,
        tries=2,  # the library tries each request several times itself
        on_retry=lambda words: on_step(Step(words, warning=True)),
    )
    return commit, intended[0]


def _amount(export: Export, todo: space.Changes) -> Step:
    if not todo:
        return Step("The Space holds these files already; nothing is sent.")
    gone = f", {len(todo.to_remove)} removed" if todo.to_remove else ""
    return Step(
        f"Uploading {len(todo.to_send)} of {len(export.files)} files, {todo.bytes / 1e6:.2f} MB{gone}"
    )


def _smoke(
    export: Export,
    address: str,
    token: str | None,
    here: Sequence[smoke.Answer],
    on_step: Callable[[Step], None],
) -> list[smoke.Answer]:
    wanted = smoke.calls(export.folder / "spaces", export.plan.methods)
    if not wanted:
        on_step(Step("No method offers a smoke test; the Space was not asked.", warning=True))
        return []
    if not address:
        raise VitrineError(
            "The Space runs, but the Hub gives no address for it. Its page has it. Open it there."
        )
    try:
        answers = smoke.ask(address, wanted, token=token)
        if here:
            smoke.check_same(here, answers)
    except VitrineError as error:
        raise VitrineError(
            f"{error} The files are on the Hub, and the Space runs. "
            "Read the log on its page, mend the cause, and publish again."
        ) from error
    for answer in answers:
        equal = ", as on this machine" if here and answer.same else ""
        on_step(Step(f"{answer.call.endpoint} answers after {answer.seconds:.1f} s{equal}."))
    return answers
