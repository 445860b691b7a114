"""What a push means, in plain words: what went up, under which licences, what it costs, what next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core import registry
from core.publish.build import Export
from core.publish.check import Finding, licences_of
from core.publish.plan import Plan
from core.publish.push import Published
from core.publish.space import SLEEP_SECONDS, billed

_PRICES = "https://huggingface.co/pricing#spaces"
_MEGABYTE = 1_000_000


def words(export: Export, findings: Sequence[Finding], published: Published | None) -> str:
    """The report for a person.

    Args:
        export: what was built.
        findings: what its check found.
        published: what the push achieved; None for a dry run.
    """
    plan = export.plan
    rows = [("What", _what(export)), *_weights(export), ("Licences", _licences(export))]
    if export.left_out:
        left = (f"{item.name} ({item.why})" for item in export.left_out)
        rows.append(("Left out", "; ".join(left)))
    if notes := [finding.what for finding in findings if finding.level == "warning"]:
        rows.append(("Warnings", "; ".join(notes)))
    rows.append(("Hardware", f"{plan.hardware}. {cost(plan)}"))
    if published is None:
        rows.append(("Where", f"{export.folder}, on this machine only"))
        rows.append(("Try it", f"cd {export.folder} && python app.py"))
        rows.append(("Next", _publish_command(plan)))
    else:
        rows += _published_rows(plan, published)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _what(export: Export) -> str:
    titles = [registry.load(slug).title for slug in export.plan.methods]
    shape = f"{titles[0]} as a page of its own" if export.plan.single else "the hub with "
    count = f"{len(titles)} method{'s' if len(titles) > 1 else ''}"
    named = "" if export.plan.single else f"{count}: {', '.join(titles)}"
    return f"{shape}{named}; {len(export.files)} files, {export.bytes / _MEGABYTE:.2f} MB"


def _weights(export: Export) -> list[tuple[str, str]]:
    rows = []
    for slug in export.plan.methods:
        spec = registry.load(slug)
        size = sum(f.size for f in export.files if f.path.startswith(f"spaces/{slug}/weights/"))
        if size:
            rows.append(
                (
                    "Weights",
                    f"{spec.title}: {size / _MEGABYTE:.2f} MB, {spec.tier('embedded').licence}",
                )
            )
        for tier in spec.tiers:
            if export.plan.full and tier.name == "full" and tier.model_ids:
                rows.append(("Fetched", f"{', '.join(tier.model_ids)}, {tier.licence}"))
    return rows


def _licences(export: Export) -> str:
    """What stands under which licence, so that nobody must read every folder to know."""
    under: dict[str, list[str]] = {}
    for licence in licences_of(export):
        under.setdefault(licence.name, []).append(licence.what)
    return "; ".join(f"{name}: {', '.join(what)}" for name, what in under.items())


def _published_rows(plan: Plan, done: Published) -> list[tuple[str, str]]:
    sent = f"{done.uploaded} files, {done.bytes / _MEGABYTE:.2f} MB"
    if "upload" in done.seconds:
        sent += f" in {done.seconds['upload']:.0f} s"
    if done.removed:
        sent += f"; {done.removed} files removed"
    if done.settings:
        sent += f"; changed {', '.join(done.settings)}"
    seen = "only you (and your organisation)" if done.private else "everybody"
    rows = [("Sent", sent), ("Seen by", seen), ("Address", done.address or done.page)]
    rows.append(("Settings", f"{done.page}/settings"))
    if done.running:
        rows.append(("Next", "open the address; publish again after a change, it sends the rest"))
    else:
        rows.append(("Next", f"it is being built; {done.page}?logs=build shows how far it is"))
    rows.append(
        (
            "Take down",
            f"pause or delete it in its settings, or: hf repos delete {plan.repo} --type space",
        )
    )
    return rows


def _publish_command(plan: Plan) -> str:
    extra = "" if plan.hardware == "zero-a10g" else f" --hardware {plan.hardware}"
    repo = plan.repo or f"OWNER/{plan.name}"
    return f"python app.py publish {plan.name} --repo {repo}{extra}"


def cost(plan: Plan) -> str:
    """What the hardware costs its owner, in words."""
    if plan.zero:
        return (
            "Free. An account in good standing, older than 30 days and with a verified mail, may "
            "host two such Spaces (PRO 10, Team and Enterprise 50). Each visitor has a daily "
            "share of GPU time: 2 minutes without an account, 5 with one, 40 with PRO."
        )
    if not billed(plan.hardware):
        return (
            "The machine itself is free, but hosting a Gradio Space on it needs a PRO, Team or "
            "Enterprise plan. It sleeps after 48 idle hours. --hardware zero-a10g needs no plan."
        )
    return (
        "Billed by the minute while it runs, used or not; "
        f"it sleeps after {SLEEP_SECONDS // 60} idle minutes, which cost nothing. Prices: {_PRICES}"
    )


def to_dict(
    export: Export, findings: Sequence[Finding], published: Published | None
) -> dict[str, Any]:
    """The report for a program."""
    plan = export.plan
    told: dict[str, Any] = {
        "name": plan.name,
        "methods": list(plan.methods),
        "repo": plan.repo,
        "hardware": plan.hardware,
        "cost": cost(plan),
        "full": plan.full,
        "files": len(export.files),
        "bytes": export.bytes,
        "licences": {slug: registry.load(slug).tier("embedded").licence for slug in plan.methods},
        "findings": [
            {"level": finding.level, "what": finding.what, "file": finding.file}
            for finding in findings
        ],
        "published": None,
    }
    if published is not None:
        told["published"] = {
            "address": published.address,
            "page": published.page,
            "commit": published.commit,
            "created": published.created,
            "private": published.private,
            "who": published.who,
            "uploaded": published.uploaded,
            "uploaded_bytes": published.bytes,
            "removed": published.removed,
            "settings": list(published.settings),
            "running": published.running,
            "answers": [
                {"endpoint": answer.call.endpoint, "seconds": round(answer.seconds, 3)}
                for answer in published.answers
            ],
            "seconds": {name: round(value, 3) for name, value in published.seconds.items()},
        }
    return told
