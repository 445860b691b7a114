"""A method whose jobs need no device."""

from core.registry import MethodSpec, Paper, Tier

SPEC = MethodSpec(
    slug="light",
    title="Light",
    summary="Works on the CPU.",
    paper=Paper(title="On Lightness", authors="A. Author", venue="TEST", year=2020),
    tasks=("test",),
    tiers=(Tier(name="embedded", title="Small", licence="Apache-2.0"),),
    colour="#0f766e",
    emoji="🪶",
)
