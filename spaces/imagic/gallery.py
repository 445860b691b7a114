"""The scenes that the page offers: ten of the gallery with an edit and a kit each, and random ones.

A scene is known to the last pixel, so the true answer of an edit is known too.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import NotFoundError

if TYPE_CHECKING:
    from core.world.scene import Scene

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER / "examples"
KITS = FOLDER / "weights" / "kits"
OPENS_WITH = "bird-spreading-wings"  # its strip shows at a glance what the method does
_SMALL_WORDS = ("a", "an", "the", "its")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One scene of the gallery.

    Attributes:
        id: short name in addresses, made from the target.
        file: its picture below `examples/`.
        caption: what it shows.
        target: the edit that it is offered with.
        scene: its truth.
    """

    id: str
    file: str
    caption: str
    target: str
    scene: Scene

    @property
    def kit(self) -> Path:
        """The safetensors file of its ready edit kit; the JSON lies beside it. It may be missing."""
        return KITS / f"{self.id}.safetensors"

    @property
    def ready(self) -> bool:
        """Whether its kit is here."""
        return self.kit.is_file() and self.kit.with_suffix(".json").is_file()


@functools.cache
def examples() -> dict[str, Entry]:
    """The ten scenes by id, in the order of the page."""
    from core.world.gallery import gallery

    found = {}
    for pair in gallery():
        name = "-".join(w for w in pair.target_text.split() if w not in _SMALL_WORDS)
        found[name] = Entry(
            id=name,
            file=f"scenes/{name}.png",
            caption=pair.source_text,
            target=pair.target_text,
            scene=pair.edit.before,
        )
    return dict(sorted(found.items(), key=lambda entry: entry[0] != OPENS_WITH))


def example(example_id: str) -> Entry:
    """Return one scene of the gallery.

    Raises:
        NotFoundError: there is none of this id.
    """
    found = examples().get(example_id)
    if found is None:
        raise NotFoundError(
            f"There is no scene {example_id[:64]!r} in the gallery. It has {', '.join(examples())}. "
            "Choose one of them, or bring a picture."
        )
    return found


@functools.lru_cache(maxsize=256)
def random_scene(seed: int) -> tuple[Scene, str]:
    """A scene that training never showed, and its caption.

    Args:
        seed: 0 to 2**31 - 1; the same seed gives the same scene.
    """
    import numpy as np

    from core.world import sampling
    from core.world.curriculum import small
    from core.world.language import describe, write

    rng = np.random.default_rng([11, seed])
    scene = sampling.subject_scene(rng, small())
    # backdrops of these seeds are never drawn for training
    behind = dataclasses.replace(scene.backdrop, seed=sampling.RESERVED_SEEDS + 1000 + seed)
    scene = dataclasses.replace(scene, backdrop=behind)
    return scene, write(describe(scene), np.random.default_rng(0), opening="a photo of ")
