"""What is said of pictures: fit to the text, likeness to the input, and the true answer where it is known."""

# S seeds (rows), K columns, H height, W width

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.world import words
from core.world.diffusion.judge import Judge
from core.world.diffusion.reading import Reading
from core.world.edit import Edit
from core.world.render import render
from core.world.scene import Backdrop, Entity, Look, Scene

from . import choosing
from .results import Scores, Suggestion, Truth, TruthCell

Pictures = npt.NDArray[np.uint8]

NO_JUDGE = "nothing: the judge's weights are not on this machine, zeros stand here"
MEASURED = {
    "embedded": "the small world's own CLIP",
    "full": "CLIP ViT-B/32",
}
# How far a number may lie from where it should be and still count as kept, in its own units: about a
# fifth of its range, which the eye takes for the same.
_NEAR_LOOKS = {
    "hue": 0.4, "tone": 0.4, "girth": 0.4, "reach": 0.4, "head": 0.4, "dx": 1.0, "dy": 0.5,
}  # fmt: skip
_NEAR_AROUND = {"horizon": 0.4, "light": 0.4, "zoom": 0.04, "emblem_x": 5.0, "emblem_y": 3.0}
_LOOK_CHOICES = ("ear", "tail", "marking", "flip")
_WORDS = ("kind", "pose", "colour", "size", "texture", "accessories")
_ALL_MAY_CHANGE = 0.95  # share of the frame from which a background error means nothing


def scores_of(judge: Judge, strip: Pictures, before: Pictures, text: str, tier: str) -> Scores:
    """Score a strip.

    Args:
        judge: of the tier.
        strip: (S, K, H, W, 3).
        before: the input, (H, W, 3).
        text: what was asked for.
        tier: "embedded" or "full".
    """
    rows, columns = strip.shape[:2]
    flat = strip.reshape(rows * columns, *strip.shape[2:])
    distance = rms(flat, before)
    if judge.scores:
        fit, alike = judge.text_score(flat, text), judge.similarity(flat, before)
    else:
        fit = alike = np.zeros(len(flat), np.float32)
    return Scores(
        text=_rows(fit, columns),
        similarity=_rows(alike, columns),
        distance=_rows(distance, columns),
        measured_by=MEASURED[tier] if judge.scores else NO_JUDGE,
    )


def rms(pictures: Pictures, before: Pictures, where: npt.NDArray[np.bool_] | None = None) -> Any:
    """Root mean square difference of each picture (N, H, W, 3) to another (H, W, 3), 0 to 1."""
    difference = (pictures.astype(np.float64) - before) / 255
    squares = np.square(difference).mean(-1)
    chosen = squares.reshape(len(pictures), -1) if where is None else squares[:, where]
    return np.sqrt(chosen.mean(-1))


def psnr(one: Pictures, other: Pictures) -> float:
    """Peak signal to noise ratio of two pictures in dB, at most 99."""
    error = float(np.mean(np.square(one.astype(np.float64) - other)))
    return round(min(99.0, 10 * float(np.log10(255**2 / max(error, 1e-9)))), 2)


def _rows(values: Any, columns: int) -> tuple[tuple[float, ...], ...]:
    flat = [round(float(v), 4) for v in values]
    return tuple(tuple(flat[i : i + columns]) for i in range(0, len(flat), columns))


def suggest(etas: Sequence[float], scores: Scores, judged: bool) -> Suggestion:
    """Which eta to look at first, for the mean of the seeds and for each of them.

    Args:
        etas: the columns.
        scores: of the strip.
        judged: whether the text scores mean anything.
    """
    if not judged:
        return Suggestion(
            column=None,
            rows=(None,) * len(scores.text),
            reason="Without the judge's weights no eta can be suggested.",
        )

    means = (np.mean(rows, 0).tolist() for rows in (scores.text, scores.distance))
    whole = choosing.explain(etas, *means)
    pairs = zip(scores.text, scores.distance, strict=True)
    rows = [choosing.suggest(etas, text, distance) for text, distance in pairs]
    return Suggestion(column=whole.index, rows=tuple(rows), reason=whole.reason)


# --- the true answer ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """An edit of a scene with the pictures and readings that its judgement needs."""

    edit: Edit
    picture: Pictures  # (H, W, 3), the true answer
    mask: npt.NDArray[np.bool_]  # (H, W), where it may differ from the input
    reading: Reading  # of the true answer: what the probe can be expected to see


def answer_of(judge: Judge, edit: Edit, size: int) -> Answer:
    """Draw and read the true answer of an edit.

    Args:
        judge: one that reads.
        edit: the scenes before and after.
        size: side of the pictures, pixels.
    """
    picture = render([edit.after], size=size)[0]
    return Answer(edit, picture, edit.mask(size), judge.read(picture[None])[0])


def cells(
    judge: Judge, answer: Answer, pictures: Pictures, before: Pictures
) -> tuple[tuple[TruthCell, ...], ...]:
    """Judge pictures (R, C, H, W, 3) against the true answer; `before` is the input (H, W, 3)."""
    rows, columns = pictures.shape[:2]
    flat = pictures.reshape(rows * columns, *pictures.shape[2:])
    outside = ~answer.mask
    errors = rms(flat, before, outside) if outside.mean() > 1 - _ALL_MAY_CHANGE else None
    made = [
        TruthCell(
            right=reading.holds(answer.edit.target),
            found=value_of(answer.edit, reading.scene),
            kept=round(kept(answer, reading.scene), 3),
            background=None if errors is None else round(float(errors[i]), 4),
        )
        for i, reading in enumerate(judge.read(flat))
    ]
    return tuple(tuple(made[i : i + columns]) for i in range(0, len(made), columns))


def truth_of(answer: Answer, judged: tuple[tuple[TruthCell, ...], ...]) -> Truth:
    """The true answer of an edit and the judgement of its strip."""
    right = [
        (cell.kept, -(cell.background or 0.0), r, c)
        for r, row in enumerate(judged)
        for c, cell in enumerate(row)
        if cell.right
    ]
    best = max(right)[2:] if right else None
    return Truth(
        family=answer.edit.family,
        was=value_of(answer.edit, answer.edit.before),
        asked=value_of(answer.edit, answer.edit.after),
        cells=judged,
        best=best,
    )


def value_of(edit: Edit, scene: Scene) -> str:
    """What a scene has of the thing that an edit changes, in a few words.

    Args:
        edit: says what is changed.
        scene: one of its two, or what a probe read.
    """
    subject = _subject(edit, scene)
    family = edit.family
    if family == "background":
        return scene.background
    if family == "count":
        kind = _changed(edit).kind
        number = sum(e.kind == kind for e in scene.entities)
        said = {0: "no", 1: "one", **words.COUNTS}.get(number, str(number))
        return f"{said} {kind if number == 1 else words.plural(kind)}"
    if family == "relation" or subject is None:
        return "; ".join(f"{e.kind} {e.place}" for e in scene.entities) or "nothing"
    if family == "add":
        worn = " and ".join(subject.accessories)
        others = [e.kind for e in scene.entities if e is not subject]
        with_it = " and ".join(x for x in (worn, *others) if x)
        return f"{subject.kind} with {with_it}" if with_it else f"{subject.kind} alone"
    name = {"state": "pose", "replace": "kind"}.get(family, family)
    value = getattr(subject, name, "")
    return value or ("plain" if name in ("texture", "colour") else subject.kind)


def _changed(edit: Edit) -> Entity:
    """The thing that an edit is about, as it is afterwards."""
    new = [e for e in edit.after.entities if e not in edit.before.entities]
    return new[0] if new else edit.after.entities[0]


def _subject(edit: Edit, scene: Scene) -> Entity | None:
    """The thing of a scene that an edit is about: at its place, else of its kind, else the first."""
    if scene is edit.before or scene is edit.after:
        return scene.entities[0] if scene.entities else None
    wanted = edit.after.entities[0]
    for fits in (lambda e: e.place == wanted.place, lambda e: e.kind == wanted.kind):
        for e in scene.entities:
            if fits(e):
                return e
    return scene.entities[0] if scene.entities else None


def kept(answer: Answer, found: Scene) -> float:
    """Share of everything that the text did not ask to change and that stayed, 0 to 1.

    Only what the probe reads rightly in the true answer counts, so that its own blind spots are not
    held against an edit. A thing that is gone kept nothing.

    Args:
        answer: the edit and what is seen in its true answer.
        found: what is seen in a picture.
    """
    before, after = answer.edit.before, answer.edit.after
    visible = answer.reading.scene
    checks: list[bool] = []
    for index, wanted in enumerate(after.entities):
        was = before.entities[index] if index < len(before.entities) else None
        if was is None:
            continue  # added: nothing of it can be kept
        read, seen = _at(visible, wanted), _at(found, wanted)
        if read is None:
            continue
        for name in _WORDS:
            value = getattr(wanted, name)
            if value == getattr(was, name) and getattr(read, name) == value:
                checks.append(seen is not None and getattr(seen, name) == value)
        checks += _kept_looks(wanted.look, read.look, seen.look if seen else None)
    if before.background == after.background == visible.background:
        checks.append(found.background == after.background)
        checks += _kept_around(after.backdrop, visible.backdrop, found.backdrop)
    return sum(checks) / len(checks) if checks else 1.0


def _at(scene: Scene, wanted: Entity) -> Entity | None:
    return next((e for e in scene.entities if e.place == wanted.place), None)


def _kept_looks(wanted: Look, read: Look, seen: Look | None) -> list[bool]:
    found = []
    for name, near in _NEAR_LOOKS.items():
        if abs(getattr(read, name) - getattr(wanted, name)) <= near:
            found.append(
                seen is not None and abs(getattr(seen, name) - getattr(wanted, name)) <= near
            )
    for name in _LOOK_CHOICES:
        if getattr(read, name) == getattr(wanted, name):
            found.append(seen is not None and getattr(seen, name) == getattr(wanted, name))
    return found


def _kept_around(wanted: Backdrop, read: Backdrop, seen: Backdrop) -> list[bool]:
    found = [
        abs(getattr(seen, name) - getattr(wanted, name)) <= near
        for name, near in _NEAR_AROUND.items()
        if abs(getattr(read, name) - getattr(wanted, name)) <= near
    ]
    found += [
        getattr(seen, name) == getattr(wanted, name)
        for name in ("emblem", "emblem_hue")
        if getattr(read, name) == getattr(wanted, name)
    ]
    return found
