"""The pictures and texts that Imagic is scored on: tinyTEdBench, or a folder in TEdBench's layout."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.world import asking, sampling
from core.world.curriculum import Curriculum, small
from core.world.edit import Edit
from core.world.gallery import tiny_tedbench
from core.world.language import describe, write
from core.world.render import render

LIST, ORIGINALS = "input_list.json", "originals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One edit to be made.

    Attributes:
        id: names it among the cases of a benchmark.
        picture: (H, W, 3) uint8.
        target: what the edited picture shall show.
        source: what the picture shows; empty where nobody said.
        edit: the scenes before and after, where the truth is known.
    """

    id: str
    picture: npt.NDArray[np.uint8]
    target: str
    source: str = ""
    edit: Edit | None = None

    @property
    def family(self) -> str:
        """What kind of edit it is; empty where it is not known."""
        return self.edit.family if self.edit else ""


def tiny(limit: int | None = None, size: int = 64) -> list[Case]:
    """The 60 pairs of tinyTEdBench, or as many of them, spread over all of its families.

    Args:
        limit: how many.
        size: side of the pictures, pixels.
    """
    pairs = tiny_tedbench()
    chosen = spread([p.edit.family for p in pairs], limit)
    pictures = render([pairs[i].edit.before for i in chosen], size=size)
    return [
        Case(
            id=f"{i:02d}",
            picture=picture,
            target=pairs[i].target_text,
            source=pairs[i].source_text,
            edit=pairs[i].edit,
        )
        for i, picture in zip(chosen, pictures, strict=True)
    ]


def spread(families: list[str], limit: int | None) -> list[int]:
    """Positions of the first `limit` cases when families take turns; all in order without a limit."""
    if limit is None or limit >= len(families):
        return list(range(len(families)))
    turns: dict[str, int] = {}
    keyed = []
    for i, family in enumerate(families):
        turns[family] = turns.get(family, 0) + 1
        keyed.append((turns[family], i))
    return sorted(i for _, i in sorted(keyed)[: max(0, limit)])


def fresh(n: int, seed: int, c: Curriculum | None = None, size: int = 64) -> list[Case]:
    """Random edits of the world, with backdrops that no training saw; any number of them.

    Args:
        n: how many.
        seed: which.
        c: the curriculum; the small one without.
        size: side of the pictures, pixels.
    """
    c = c or small()
    rng = np.random.default_rng((90, seed))
    out = []
    for k in range(n):
        edit, text = asking.random_edit(rng, c, sampling.pick(rng, asking.FAMILIES))
        edit = _reserved(edit, seed * 1000 + k)
        out.append(
            Case(
                id=f"{seed}-{k}",
                picture=render([edit.before], size=size)[0],
                target=text,
                source=write(
                    describe(edit.before), np.random.default_rng(0), opening="a photo of "
                ),
                edit=edit,
            )
        )
    return out


def _reserved(edit: Edit, seed: int) -> Edit:
    """The same edit before a backdrop whose seed is kept from training."""

    def moved(scene: Any) -> Any:
        own = dataclasses.replace(scene.backdrop, seed=sampling.RESERVED_SEEDS + 10_000 + seed)
        return dataclasses.replace(scene, backdrop=own)

    return dataclasses.replace(edit, before=moved(edit.before), after=moved(edit.after))


def folder(path: Path, size: int, limit: int | None = None) -> list[Case]:
    """A benchmark in TEdBench's layout: `input_list.json` with `img_name` and `target_text`, `originals/`.

    Args:
        path: the folder.
        size: side that the pictures are cropped and scaled to, pixels.
        limit: the first so many rows.

    Raises:
        InputError: the list is missing or damaged, or names a picture that is not there.
    """
    try:
        rows = json.loads((path / LIST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path.name}/{LIST} cannot be read ({type(error).__name__}). TEdBench keeps its texts there. "
            "Give the folder that holds it and the folder originals."
        ) from None
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path.name}/{LIST} lists no edits. A list of objects is needed.")
    return [_case(path, k, row, size) for k, row in enumerate(rows[:limit])]


def _case(path: Path, k: int, row: Any, size: int) -> Case:
    from core.media import image

    name, target = (row.get(key) if isinstance(row, dict) else None for key in ("img_name", "target_text"))  # fmt: skip
    if not isinstance(name, str) or not isinstance(target, str) or Path(name).name != name:
        raise InputError(
            f"Row {k} of {LIST} is {str(row)[:80]!r}. It needs img_name, a file in {ORIGINALS}, and "
            "target_text. Correct it."
        )
    file = path / ORIGINALS / name
    if not file.is_file():
        raise InputError(f"{ORIGINALS}/{name} of row {k} is missing. Put the picture there.")
    return Case(
        id=f"{k:03d}", picture=image.cut_square(image.load(file), size)[0], target=target.strip()
    )
