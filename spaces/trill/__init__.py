"""TRILL: what this method says about itself. Pure data, read without importing its code."""

from __future__ import annotations

from core.registry import MethodSpec, Paper, Tier

SPEC = MethodSpec(
    slug="trill",
    title="TRILL",
    summary="Hears how something is said rather than what: one embedding of speech for voice, "
    "mood, language and accent, that learns your own classes from a few clips.",
    paper=Paper(
        title="Towards Learning a Universal Non-Semantic Representation of Speech",
        authors="Joel Shor, Aren Jansen, Ronnie Maor, Oran Lang, Omry Tuval, "
        "Felix de Chaumont Quitry, Marco Tagliasacchi, Ira Shavitt, Dotan Emanuel, Yinnon Haviv",
        venue="Interspeech",
        year=2020,
        arxiv="2002.12764",
    ),
    tasks=("speech", "audio", "embedding", "few-shot", "representation learning"),
    tiers=(
        Tier(
            name="embedded",
            title="Small net, in the repository",
            licence="Apache-2.0",
            note="Our own recipe trained it on openly licensed speech. Runs on any CPU.",
        ),
        Tier(
            name="full",
            title="ResNetish-50, 24.6 M parameters",
            licence="Apache-2.0",
            parameters=24_550_848,
            size_bytes=98_203_392,
            min_ram_bytes=2 * 2**30,
            note="The paper's network size. Train it with the gpu preset, or point the page at "
            "converted weights.",
        ),
    ),
    colour="#0f766e",
    emoji="🎙️",
    heavy=False,
    first_example_seconds=10.0,
    order=10,
)
