"""A method for tests: repeats a text letter by letter. It has everything that a real one has."""

from core.registry import MethodSpec, Paper, Tier

SPEC = MethodSpec(
    slug="echo",
    title="Echo",
    summary="Repeats what you write, letter by letter, and counts the letters.",
    paper=Paper(
        title="On the Repetition of Text",
        authors="A. Author, B. Author",
        venue="TEST",
        year=2020,
        arxiv="2001.00001",
    ),
    tasks=("text", "counting"),
    tiers=(
        Tier(name="embedded", title="Small", licence="Apache-2.0", parameters=26),
        Tier(
            name="full",
            title="Large",
            licence="Apache-2.0",
            model_ids=("nobody/echo",),
            size_bytes=2_000_000_000,
            min_device_bytes=8 * 2**30,
        ),
    ),
    colour="#c0562f",
    emoji="🔁",
    order=1,
)
