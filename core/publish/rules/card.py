"""The README: its front matter is complete and valid, and its links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from core import registry
from core.publish import card, readme
from core.publish.plan import hardware_names
from core.publish.rules import Finding, Tree

_FILE = "README.md"
_TAGS = (card.TAG, "mcp-server")


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _emoji(value: Any) -> bool:
    return _text(value) and len(value) <= 8 and not any(c.isalnum() or c.isspace() for c in value)


# key, what is right, what to say when it is not
_KEYS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("title", _text, "a text"),
    ("emoji", _emoji, "one emoji"),
    ("colorFrom", lambda v: v in card.COLOURS, f"one of {', '.join(card.COLOURS)}"),
    ("colorTo", lambda v: v in card.COLOURS, f"one of {', '.join(card.COLOURS)}"),
    ("sdk", lambda v: v == "gradio", "gradio"),
    ("sdk_version", lambda v: bool(re.fullmatch(r"\d+\.\d+\.\d+", str(v))), "an exact version"),
    ("python_version", lambda v: bool(re.fullmatch(r"3\.\d+(\.\d+)?", str(v))), "such as 3.12"),
    ("app_file", lambda v: v == "app.py", "app.py"),
    ("license", _text, "the id of a licence, such as apache-2.0"),
    (
        "short_description",
        lambda v: _text(v) and len(v) <= card.SHORT,
        f"a text of at most {card.SHORT} characters",
    ),
    (
        "tags",
        lambda v: isinstance(v, list) and all(map(_text, v)) and set(_TAGS) <= set(v),
        f"a list of texts, with {' and '.join(_TAGS)} among them",
    ),
    ("suggested_hardware", lambda v: v in hardware_names(), "an id of the platform's hardware"),
)
_OPTIONAL: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    (
        "models",
        lambda v: all(re.fullmatch(r"[\w.-]+/[\w.-]+", str(m)) for m in v),
        "owner/name each",
    ),
    (
        "preload_from_hub",
        lambda v: all(re.fullmatch(r"[\w.-]+/[\w.-]+( [^\s]+)? [0-9a-f]{40}", str(m)) for m in v),
        "lines of `owner/name files commit`, the commit in full",
    ),
    (
        "startup_duration_timeout",
        lambda v: bool(re.fullmatch(r"\d+(\.\d+)?(s|m|h)", str(v))),
        "a number and s, m or h, such as 1h",
    ),
    ("thumbnail", lambda v: str(v).startswith("https://"), "an https address"),
)


def check(tree: Tree) -> Iterator[Finding]:
    """Look at every key that the platform reads, then at the text below."""
    text = tree.texts.get(_FILE)
    if text is None:
        return  # told by the rule on contents
    if not tree.card:
        yield Finding("error", "has no front matter that can be read. Build again.", _FILE)
        return
    yield from _keys(tree)
    yield from _agreement(tree)
    body = text.partition("\n---\n")[2]
    if len(body.split()) < 20:
        yield Finding("error", "says next to nothing below its front matter. Describe it.", _FILE)
    for link in readme.links(body):
        inside = link.rstrip("/")
        if inside and not any(n == inside or n.startswith(f"{inside}/") for n in tree.names):
            words = f"links to {link}, which is not in the export. Remove the link, or carry it."
            yield Finding("error", words, _FILE)


def _keys(tree: Tree) -> Iterator[Finding]:
    found = tree.card
    for key, is_right, wanted in _KEYS:
        if key not in found:
            yield Finding("error", f"lacks {key} in its front matter. Give {wanted}.", _FILE)
        elif not is_right(found[key]):
            given = repr(found[key])[:80]
            yield Finding("error", f"has {key}: {given}. It must be {wanted}.", _FILE)
    for key, is_right, wanted in _OPTIONAL:
        if key in found and not is_right(found[key]):
            given = repr(found[key])[:80]
            yield Finding("error", f"has {key}: {given}. It must be {wanted}.", _FILE)


def _agreement(tree: Tree) -> Iterator[Finding]:
    """The card says what the plan says."""
    found, plan = tree.card, tree.plan
    if found.get("suggested_hardware") not in (None, plan.hardware):
        words = f"suggests {found['suggested_hardware']}, but {plan.hardware} was planned."
        yield Finding("error", f"{words} Build again.", _FILE)
    preloaded = list(card.preload_lines(plan))
    if found.get("preload_from_hub", []) != preloaded:
        words = (
            f"preload_from_hub must hold {len(preloaded)} line(s): the models of the full tiers."
        )
        yield Finding("error", f"{words} Build again.", _FILE)
    if plan.full and plan.cpu:
        for slug in plan.methods:
            tier = next(
                (t for t in registry.load(slug).tiers if t.min_device_bytes and t.models), None
            )
            if tier is not None:
                words = (
                    f"{tier.title} of {slug} needs a GPU; on {plan.hardware} it is fetched in vain."
                )
                yield Finding("warning", f"{words} Choose other hardware, or leave --full out.")
    scopes = found.get("hf_oauth_scopes", [])
    if bool(found.get("hf_oauth", False)) != plan.oauth:
        wanted = "true" if plan.oauth else "left out"
        yield Finding("error", f"hf_oauth must be {wanted}. Build again.", _FILE)
    if more := sorted(set(map(str, scopes)) - set(card.OAUTH_SCOPES)):
        words = f"asks visitors for more than it needs: {', '.join(more)}. Remove that."
        yield Finding("error", words, _FILE)
