"""A method for tests whose page cannot be built."""

from core.registry import MethodSpec, Paper, Tier

SPEC = MethodSpec(
    slug="broken",
    title="Broken",
    summary="Its page fails while it is built.",
    paper=Paper(title="On Failure", authors="C. Author", venue="TEST", year=2021),
    tasks=("text",),
    tiers=(Tier(name="embedded", title="Small", licence="Apache-2.0"),),
    colour="#4466aa",
    emoji="💥",
    order=2,
)
