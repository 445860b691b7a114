"""`publish`: build, check, push and report; see `core.publish` for the work."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from core import settings
from core.commands import WrongUsage
from core.commands.progress import Progress
from core.errors import InputError, VitrineError

if TYPE_CHECKING:
    from core.publish.check import Finding
    from core.publish.push import Step

_STOPPED = "Stopped by Ctrl-C. What has arrived on the Hub stays there. Run the same command again to go on."
_GRACE = 3.0  # seconds that transfers have to end by themselves
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_LOOKING = re.compile(r"hf_[A-Za-z0-9]{16,}|(?i:secret|token|password|api_?key)")


def publish(
    name: str,
    *,
    repo: str | None,
    dry_run: Path | None,
    hardware: str,
    torch_index: str,
    private: bool,
    full: bool,
    variables: Sequence[str],
    secrets: Sequence[str],
    wait: bool,
    overwrite: bool,
    report: Path | None,
) -> None:
    """Publish a method or the hub; prints what it does and a report at the end.

    Args:
        name: slug of a method, or `hub`.
        repo: `OWNER/NAME`; may be left out for a dry run.
        dry_run: build and check into this folder and stop there.
        hardware: an id of the platform.
        torch_index: package index with CPU builds of torch, for a CPU; may be empty.
        private: only the owner sees the Space.
        full: carry the full tiers as well.
        variables: `NAME=VALUE` each.
        secrets: names of environment variables.
        wait: stay until the Space runs and has answered.
        overwrite: replace a Space that holds something else.
        report: file for a report in JSON; `-` is stdout.

    Raises:
        WrongUsage: the options cannot be meant.
        VitrineError: the check found errors, or the push failed.
    """
    from core.publish import build
    from core.publish.account import find_token
    from core.publish.plan import plan_for
    from core.publish.push import push, reach

    if not repo and dry_run is None:
        raise WrongUsage(
            "--repo is missing. Publishing needs a place; --dry-run DIR needs none. "
            f"Write, for instance, --repo OWNER/{name}."
        )
    try:
        plan = plan_for(
            name,
            repo=repo or "",
            hardware=hardware,
            private=private,
            full=full,
            torch_index=torch_index,
        )
    except InputError as error:
        raise WrongUsage(str(error)) from error
    given_variables = parse_variables(variables)
    given_secrets = read_secrets(secrets)
    with _telling(to_stderr=str(report) == "-") as tell:
        if dry_run is not None:
            export = build.build(plan, dry_run)
            tell.line(f"Built {plan.name}: {len(export.files)} files, {export.bytes / 1e6:.2f} MB.")
            findings, _ = _check(export, tell)
            _report(export, findings, None, report, tell)
            return
        token = find_token()
        reached = reach(plan, token=token, overwrite=overwrite, on_step=tell.step)
        with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
            export = build.build(plan, Path(folder) / plan.name)
            tell.line(f"Built {plan.name}: {len(export.files)} files, {export.bytes / 1e6:.2f} MB.")
            findings, here = _check(export, tell)
            with _stopping(Path(folder)):
                published = push(
                    export,
                    token=token,
                    reached=reached,
                    variables=given_variables,
                    secrets=given_secrets,
                    wait=wait,
                    here=here,
                    on_step=tell.step,
                )
            _report(export, findings, published, report, tell)


def parse_variables(given: Sequence[str]) -> dict[str, str]:
    """Read `NAME=VALUE` pairs.

    Raises:
        WrongUsage: one is no pair, is given twice, or looks like a secret.
    """
    found: dict[str, str] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not _NAME.fullmatch(key):
            raise WrongUsage(f"--variable {key!r} is no NAME=VALUE. Write --variable NAME=VALUE.")
        if key in found:
            raise WrongUsage(f"--variable {key} is given twice. Give it once.")
        if _SECRET_LOOKING.search(key) or _SECRET_LOOKING.match(value):
            raise WrongUsage(
                f"--variable {key} looks like a secret, and everybody can read variables. "
                f"Put the value into the environment and write --secret {key}."
            )
        found[key] = value
    return found


def read_secrets(names: Sequence[str]) -> dict[str, str]:
    """Read secrets from the environment, so that no shell history keeps them.

    Raises:
        WrongUsage: a name cannot be meant, or nothing is set under it.
    """
    found: dict[str, str] = {}
    for name in names:
        if not _NAME.fullmatch(name):
            raise WrongUsage(
                "--secret takes the name of an environment variable, never the value. "
                "Set the variable and write --secret NAME."
            )
        value = settings.environment(name)
        if not value:
            raise WrongUsage(
                f"--secret {name}: no such environment variable is set. Set it and run the same "
                "command again."
            )
        found[name] = value
    return found


def _check(export: Any, tell: _Teller) -> tuple[list[Finding], Sequence[Any]]:
    """What the check found, and what the export answered when it was started for it."""
    from core.publish import smoke
    from core.publish.check import check

    wanted = smoke.calls(export.folder / "spaces", export.plan.methods)
    answers: list[smoke.Answer] = []

    def visit(address: str) -> None:
        try:
            answers.extend(smoke.ask(address, wanted))
        except VitrineError as error:
            raise VitrineError(
                f"{error} That was the export on this machine; nothing was uploaded. "
                "Mend it and run the same command again."
            ) from error

    tell.line("Checking it, and starting it in a clean environment ...")
    findings = check(export, visit=visit)
    for finding in findings:
        if finding.level != "note":
            place = f"{finding.file}: " if finding.file else ""
            tell.line(f"{finding.level}: {place}{finding.what}", aside=True)
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        place = f"{errors[0].file}: " if errors[0].file else ""
        raise VitrineError(
            f"The export is not fit to be published: {place}{errors[0].what.rstrip('.')}{more}. "
            "Nothing was uploaded. Mend it and run the same command again."
        )
    for answer in answers:
        tell.line(f"Here {answer.call.endpoint} answers after {answer.seconds:.1f} s.")
    return findings, answers


def _report(
    export: Any, findings: list[Finding], published: Any, path: Path | None, tell: _Teller
) -> None:
    from core.publish import report

    tell.line("")
    tell.line(report.words(export, findings, published))
    if path is None:
        return
    text = json.dumps(report.to_dict(export, findings, published), indent=1, ensure_ascii=False)
    if str(path) == "-":
        typer.echo(text)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", "utf-8")


@contextmanager
def _stopping(folder: Path) -> Iterator[None]:
    """Let Ctrl-C end a push with one line, and soon.

    The library waits for transfers that are under way, which a stalled connection never ends. A
    commit is made as a whole or not at all, so leaving them alone does no harm.
    """

    def leave() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        typer.echo(f"error: {_STOPPED}", err=True)
        os._exit(1)

    def stop(*_: object) -> None:
        timer.start()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
        raise KeyboardInterrupt

    timer = threading.Timer(_GRACE, leave)
    timer.daemon = True
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise VitrineError(_STOPPED) from None
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


class _Teller:
    """Prints lines; what passes goes into a bar that only a terminal sees."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._to_stderr = to_stderr
        self._bar: Progress | None = None

    def step(self, step: Step) -> None:
        """Tell a step of the push."""
        if step.passing:
            self._bar = self._bar or Progress("Space").__enter__()
            self._bar.update(None, step.words)
        else:
            self.line(step.words, aside=step.warning)

    def line(self, text: str, *, aside: bool = False) -> None:
        """Print a line that stays."""
        self.close()
        typer.echo(text, err=aside or self._to_stderr)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


@contextmanager
def _telling(*, to_stderr: bool) -> Iterator[_Teller]:
    tell = _Teller(to_stderr=to_stderr)
    try:
        yield tell
    finally:
        tell.close()
