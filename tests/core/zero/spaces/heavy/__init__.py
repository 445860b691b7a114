"""A method whose jobs need the device."""

from core.registry import MethodSpec, Paper, Tier

SPEC = MethodSpec(
    slug="heavy",
    title="Heavy",
    summary="Does whatever a job on a GPU can do.",
    paper=Paper(title="On Weight", authors="A. Author", venue="TEST", year=2020),
    tasks=("test",),
    tiers=(Tier(name="embedded", title="Small", licence="Apache-2.0"),),
    colour="#c0562f",
    emoji="🪨",
    heavy=True,
)
