"""Checks an export before it goes up. Every rule looks at the files as they lie in the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.publish.boot import Boot, BootError, boot
from core.publish.build import Export
from core.publish.rules import (
    Finding,
    Tree,
    card,
    contents,
    imports,
    licences,
    paths,
    pins,
    secrets,
)
from core.publish.rules.licences import Licence

__all__ = ["Boot", "Finding", "boot", "check", "has_errors", "licences_of", "started"]

_RULES = (
    contents.check,
    card.check,
    pins.check,
    licences.check,
    secrets.check,
    paths.check,
    imports.check,
)
_SLOW = 60.0  # seconds to the first page, above which a person wonders


def check(
    export: Export, *, boot: bool = True, visit: Callable[[str], None] | None = None
) -> list[Finding]:
    """Everything that speaks against publishing, and what is worth to be told; errors first.

    Args:
        export: what `build` returned.
        boot: also start it in a clean environment, unless an error was found before.
        visit: is called with its address while it runs.
    """
    tree = Tree(export.plan, export.folder)
    found = [finding for rule in _RULES for finding in rule(tree)]
    if export.untracked:
        names = ", ".join(export.untracked[:8]) + (", …" if len(export.untracked) > 8 else "")
        words = f"git does not know {len(export.untracked)} of the files: {names}."
        found.append(Finding("warning", f"{words} Commit them, or remove what should stay here."))
    if boot and not has_errors(found):
        found += started(export, visit)
    order = ("error", "warning", "note")
    return sorted(found, key=lambda finding: (order.index(finding.level), finding.file))


def licences_of(export: Export) -> list[Licence]:
    """Under which licence the code, the weights and the examples travel, and where that is said."""
    return licences.listed(Tree(export.plan, export.folder))


def has_errors(findings: list[Finding]) -> bool:
    """Whether anything found stops publishing."""
    return any(finding.level == "error" for finding in findings)


def started(export: Export, visit: Callable[[str], None] | None = None) -> Iterator[Finding]:
    """Start the export and look at what it answers; the last note tells the seconds."""
    try:
        went = boot(export, visit=visit)
    except BootError as error:
        yield Finding("error", f"does not start in a clean environment. {error}", "app.py")
        return
    for path, status in went.answers.items():
        if status != 200:
            yield Finding("error", f"answers {path} with {status}, not with 200.", "app.py")
    ready = went.ready
    for slug, why in ready.get("unplaced", {}).items():
        yield Finding("warning", f"its models were not placed: {why}", f"spaces/{slug}/pipeline.py")
    for slug in ready.get("broken", ()):
        yield Finding("error", "its page could not be built; see the log.", f"spaces/{slug}/ui.py")
    for slug in ready.get("without_weights", ()):
        yield Finding("error", "there are no weights, so nothing runs.", f"spaces/{slug}/weights")
    if not ready.get("ready"):
        yield Finding("error", "starts, but /readyz does not call it ready.", "app.py")
    if missing := sorted(set(export.plan.methods) - set(ready.get("pages", ()))):
        yield Finding("error", f"starts without the pages of {', '.join(missing)}.", "app.py")
    for name in went.written:
        yield Finding("warning", "is written into the app's own folder when it starts.", name)
    level = "warning" if went.seconds > _SLOW else "note"
    yield Finding(level, f"its first page came after {went.seconds:.1f} s.", "app.py")
