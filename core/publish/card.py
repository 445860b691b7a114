"""The front matter of a Space's README: what the platform reads before it builds anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core import registry
from core.errors import InputError
from core.publish import pins
from core.publish.plan import Plan
from core.runs.to_hub import SCOPES as OAUTH_SCOPES

TAG = "vitrine"  # on every Space that this project made
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
SHORT = 60  # characters of `short_description` that the platform takes
PRELOAD_TIMEOUT = "1h"  # models are fetched while it starts for the first time; 30m is the default

_HUB: Mapping[str, Any] = {
    "title": "Vitrine",
    "emoji": "🪟",
    "colorFrom": "indigo",
    "colorTo": "gray",
    "license": "apache-2.0",
    "short_description": "Research methods to try, understand, check and train",
}


def front_matter(plan: Plan) -> dict[str, Any]:
    """Every key of the front matter, in the order in which it is written.

    Raises:
        InputError: the README of the method lacks its own front matter.
    """
    own = _HUB if not plan.single else method_card(plan.methods[0])
    card: dict[str, Any] = {
        "title": own.get("title"),
        "emoji": own.get("emoji"),
        "colorFrom": own.get("colorFrom"),
        "colorTo": own.get("colorTo"),
        "sdk": "gradio",
        "sdk_version": pins.gradio_version(),
        "python_version": pins.python_version(plan),
        "app_file": "app.py",
        "license": own.get("license"),
        "short_description": own.get("short_description"),
        "tags": list(dict.fromkeys([TAG, *_tags(plan), "mcp-server"])),
        "models": sorted(set(_models(plan))),
        "suggested_hardware": plan.hardware,
        "thumbnail": own.get("thumbnail"),
    }
    if plan.oauth:
        card |= {"hf_oauth": True, "hf_oauth_scopes": list(OAUTH_SCOPES)}
    if preloaded := list(preload_lines(plan)):
        card |= {"preload_from_hub": preloaded, "startup_duration_timeout": PRELOAD_TIMEOUT}
    return {key: value for key, value in card.items() if value not in (None, [])}


def preload_lines(plan: Plan) -> Iterator[str]:
    """One line of `preload_from_hub` for each pinned model: repository, files, commit."""
    for model in plan.preloaded():
        yield " ".join(
            part for part in (model.repo_id, ",".join(model.files), model.revision) if part
        )


def method_card(slug: str) -> dict[str, Any]:
    """The front matter of a method's own README.

    Raises:
        InputError: it has none.
    """
    from huggingface_hub import SpaceCard

    path = registry.load(slug).folder / "README.md"
    text = path.read_text("utf-8") if path.is_file() else ""
    if not text.startswith("---\n"):
        raise InputError(
            f"spaces/{slug}/README.md has no front matter. A Space is made from it. "
            "Begin the file with title, emoji, colorFrom, colorTo, license and short_description "
            "between two lines of ---."
        )
    return SpaceCard(text, ignore_metadata_errors=True).data.to_dict()


def write(card: Mapping[str, Any], body: str) -> str:
    """The text of a README with this front matter."""
    from huggingface_hub import SpaceCard, SpaceCardData

    data = SpaceCardData(**card)
    return str(
        SpaceCard(f"---\n{data.to_yaml()}\n---\n\n{body.strip()}\n", ignore_metadata_errors=False)
    )


def _tags(plan: Plan) -> Iterator[str]:
    for slug in plan.methods:
        yield slug
        if plan.single:
            yield from method_card(slug).get("tags") or ()


def _models(plan: Plan) -> Iterator[str]:
    for slug in plan.methods:
        for tier in registry.load(slug).tiers:
            yield from tier.model_ids
