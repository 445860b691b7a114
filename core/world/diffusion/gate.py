"""The gate: do the pictures of a text-to-image model show what their captions say?

Before this holds, no method on top of the model can be judged. Pictures are generated for captions of
the kind that was trained on and for combinations that never were, and read by the scene probe; the same
captions' true drawings are read too, which is as high as a score can come.
"""

# N pictures

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.registry import Score
from core.world import sampling
from core.world.curriculum import Curriculum
from core.world.diffusion.intervals import bootstrap, wilson
from core.world.diffusion.judge import Judge
from core.world.diffusion.reading import Reading
from core.world.language import Description, Phrase, describe, shorten, write
from core.world.recipes import RECIPES, concepts
from core.world.render import render
from core.world.scene import Scene
from core.world.truth import clauses, present

HELD_IN, HELD_OUT = "held-in", "held-out"
WHOLE = "all of it"  # the claim that a whole caption makes
NEEDED = {(HELD_IN, "kind"): 0.95, (HELD_IN, "pose"): 0.95, (HELD_OUT, "kind"): 0.85, (HELD_OUT, "pose"): 0.85, (HELD_OUT, "colour"): 0.85}  # fmt: skip
"""What the gate asks for: the world's kinds and poses where they were learnt, and all three parts of
combinations that were not."""

_STREAM = 60  # no other stream of the world begins so
Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One claim of captions, such as the pose, over one set of captions.

    Attributes:
        captions: `HELD_IN` or `HELD_OUT`.
        claim: kind, pose, colour, size, texture, accessories, place, background; `WHOLE` for whole captions.
        right: pictures that show it.
        n: captions that say it.
        drawn: share that is read in the true drawings.
        needed: what the gate asks for, or None.
    """

    captions: str
    claim: str
    right: int
    n: int
    drawn: float
    needed: float | None = None

    @property
    def share(self) -> float:
        """Share of pictures that show it."""
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson)."""
        return wilson(self.right, self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """How often one element of a planted word is seen, beside how often it was planted."""

    word: str
    atom: str
    planted: float
    seen: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What was measured.

    Attributes:
        rows: claims of captions.
        atoms: elements of planted words; empty where none were asked for.
        guidance: weight of classifier-free guidance.
        steps: DDIM steps.
        seconds: of the whole measurement.
    """

    rows: tuple[Row, ...]
    atoms: tuple[Atom, ...]
    guidance: float
    steps: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every row that the gate asks for is high enough."""
        asked = [row for row in self.rows if row.needed is not None]
        return bool(asked) and all(row.share >= (row.needed or 0) for row in asked)

    def scores(self) -> list[Score]:
        """One score for each row, and one for the planted words, as `eval` prints them."""
        scores = [
            Score(
                name=f"text to image: {row.claim}, {row.captions} captions",
                value=round(100 * row.share, 2),
                unit="%",
                baseline=round(100 * row.drawn, 2),
                baseline_name="true drawings, read by the same probe",
                n=row.n,
                interval=(round(100 * row.interval[0], 2), round(100 * row.interval[1], 2)),
                details={"needed": row.needed} if row.needed is not None else {},
            )
            for row in self.rows
        ]
        if self.atoms:
            errors = [abs(a.seen - a.planted) for a in self.atoms]
            low, high = bootstrap(errors) or (errors[0], errors[0])
            scores.append(
                Score(
                    name="planted words: distance of an element's share from the planted one",
                    value=round(float(np.mean(errors)), 4),
                    better="lower",
                    n=len(self.atoms),
                    interval=(round(low, 4), round(high, 4)),
                    details={
                        "elements": [dataclasses.asdict(a) for a in self.atoms],
                        "pictures of each word": self.atoms[0].n,
                    },
                )
            )
        return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A caption to be drawn, and the scene that it was taken from."""

    scene: Scene
    said: Description
    text: str


def captions(c: Curriculum, n: int, *, held_out: bool, seed: int = 0) -> list[Asked]:
    """Captions of single subjects, clauses dropped as in training; kind and pose are always said.

    Of held-out combinations the colour is said as well, for it is one of the three.
    """
    rng = np.random.default_rng((_STREAM, seed, held_out))
    out = []
    for _ in range(n):
        scene = sampling.subject_scene(rng, c, held_out=held_out)
        whole = describe(scene)
        said = shorten(whole, rng)
        kept: dict[str, str] = {"pose": whole.subject.pose}
        if held_out:
            kept["colour"] = whole.subject.colour
        said = dataclasses.replace(said, subject=dataclasses.replace(said.subject, **kept))  # pyright: ignore[reportArgumentType]
        out.append(Asked(scene=scene, said=said, text=write(said, rng)))
    return out


@torch.no_grad()
def generate(
    pipe: Any,
    texts: Sequence[str],
    *,
    guidance: float = 3.0,
    steps: int = 25,
    seed: int = 0,
    batch: int = 32,
    tell: Tell | None = None,
) -> npt.NDArray[np.uint8]:
    """Pictures of texts, (N, H, W, 3); each has a start noise of its own, so batches change nothing.

    Args:
        pipe: a `StableDiffusionPipeline`, which is not changed.
        texts: what to draw.
        guidance: weight of classifier-free guidance.
        steps: DDIM steps.
        seed: of the start noise.
        batch: pictures drawn together.
        tell: told which share is done; it may raise to stop.
    """
    size = pipe.unet.config.sample_size
    shape = (pipe.unet.config.in_channels, size, size)
    parts = []
    for start in range(0, len(texts), batch):
        if tell:
            tell(start / len(texts), f"drawing {len(texts)} captions")
        rows = range(start, min(start + batch, len(texts)))
        noise = [
            np.random.default_rng((seed, row)).standard_normal(shape, np.float32) for row in rows
        ]
        with _quiet(pipe):
            found = pipe(
                [texts[row] for row in rows],
                latents=torch.from_numpy(np.stack(noise)).to(pipe.device, pipe.unet.dtype),
                num_inference_steps=steps,
                guidance_scale=guidance,
                output_type="np",
            ).images
        parts.append((np.asarray(found) * 255).round().clip(0, 255).astype(np.uint8))
    return np.concatenate(parts)


@contextmanager
def _quiet(pipe: Any) -> Iterator[None]:
    """No progress bar of diffusers inside; what the pipeline was set to comes back after it."""
    before = getattr(pipe, "_progress_bar_config", None)
    pipe.set_progress_bar_config(disable=True)
    try:
        yield
    finally:
        pipe.set_progress_bar_config(**(before or {}))


def measure(
    pipe: Any,
    judge: Judge,
    c: Curriculum,
    *,
    n: int = 256,
    n_held_out: int = 128,
    each_planted: int = 0,
    guidance: float = 3.0,
    steps: int = 25,
    seed: int = 0,
    tell: Tell | None = None,
) -> Gate:
    """Measure a text-to-image model.

    Args:
        pipe: a `StableDiffusionPipeline` of the world, which is not changed.
        judge: one that reads.
        c: the curriculum that the model learnt.
        n: captions like those of training.
        n_held_out: captions of combinations that were held out.
        each_planted: pictures of each word of the test and development concepts; 0 for none.
        guidance: weight of classifier-free guidance.
        steps: DDIM steps.
        seed: of captions and noise.
        tell: told which share is done; it may raise to stop.

    Raises:
        WeightsError: the judge has no probe.
    """
    began = time.perf_counter()
    rows: list[Row] = []
    for name, count in ((HELD_IN, n), (HELD_OUT, n_held_out)):
        if not count:
            continue
        asked = captions(c, count, held_out=name == HELD_OUT, seed=seed)
        drawn = judge.read(render([a.scene for a in asked]))
        made = generate(pipe, [a.text for a in asked], guidance=guidance, steps=steps, seed=seed, tell=tell)  # fmt: skip
        rows += compare(name, asked, judge.read(made), drawn)
    atoms: list[Atom] = []
    words = [*concepts(c.planted, "test"), *concepts(c.planted, "development")]
    for i, word in enumerate(words if each_planted else ()):
        made = generate(pipe, [f"a photo of a {word}"] * each_planted, guidance=guidance, steps=steps, seed=seed + 1 + i, tell=tell)  # fmt: skip
        atoms += seen_atoms(word, judge.read(made))
    return Gate(
        rows=tuple(rows),
        atoms=tuple(atoms),
        guidance=guidance,
        steps=steps,
        seconds=time.perf_counter() - began,
    )


def compare(
    name: str, asked: Sequence[Asked], made: Sequence[Reading], drawn: Sequence[Reading]
) -> list[Row]:
    """Rows of one set of captions, from what is read in generated and in true pictures."""
    right: dict[str, list[tuple[bool, bool]]] = {}
    for a, one, other in zip(asked, made, drawn, strict=True):
        for claim in clauses(a.said):
            right.setdefault(claim_of(claim), []).append((one.holds(claim), other.holds(claim)))
        right.setdefault(WHOLE, []).append((one.holds(a.said), other.holds(a.said)))
    return [
        Row(
            captions=name,
            claim=claim,
            right=sum(made for made, _ in hits),
            n=len(hits),
            drawn=sum(drawn for _, drawn in hits) / len(hits),
            needed=NEEDED.get((name, claim)),
        )
        for claim, hits in right.items()
    ]


def claim_of(claim: Description) -> str:
    """What a single claim is about (see `core.world.truth.clauses`)."""
    if claim.background:
        return "background"
    if claim.other is not None:
        return "relation"
    named = [f.name for f in dataclasses.fields(Phrase) if getattr(claim.subject, f.name)]
    return next((name for name in named if name != "kind"), "kind")


def seen_atoms(word: str, readings: Sequence[Reading]) -> list[Atom]:
    """How often each element of a planted word is seen."""
    return [
        Atom(
            word=word,
            atom=atom,
            planted=chance,
            seen=sum(present(atom, r.scene) for r in readings) / len(readings),
            n=len(readings),
        )
        for atom, chance in RECIPES[word].atoms.items()
    ]
