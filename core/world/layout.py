"""Where things stand: the frame positions behind place words, sizes and kinds.

A position depends on nothing but the entity itself and the camera, so that an edit which adds,
removes or changes one entity moves no other.
"""

from __future__ import annotations

from core.world.scene import Backdrop, Entity

# place: x and height of the feet in frame pixels, scale
PLACES: dict[str, tuple[float, float, float]] = {
    "middle": (32.0, 57.0, 1.0),
    "left": (17.5, 57.0, 1.0),
    "right": (46.5, 57.0, 1.0),
    "near left": (22.0, 57.0, 1.0),  # close enough to touch
    "near right": (42.0, 57.0, 1.0),
    "above": (32.0, 36.0, 1.0),
    "above left": (19.0, 36.0, 1.0),
    "above right": (45.0, 36.0, 1.0),
    "beside left": (11.0, 58.0, 0.72),
    "beside right": (53.0, 58.0, 0.72),
    "sky left": (13.0, 23.0, 0.72),
    "sky right": (51.0, 23.0, 0.72),
}
SIZES: dict[str, float] = {"tiny": 0.40, "small": 0.66, "large": 0.88, "huge": 1.10}

# what makes each kind fill the frame at size "large"
SCALES: dict[str, float] = {
    "dog": 1.16, "cat": 1.20, "horse": 1.06, "zebra": 1.06, "bird": 1.22, "teddy": 1.10,
    "person": 1.06, "roundhead": 1.06, "squarehead": 1.06, "conehead": 1.0, "starhead": 1.0,
    "tree": 1.14, "vase": 1.16, "car": 1.18, "cake": 1.24, "door": 1.08, "box": 1.06,
    "house": 1.12, "ball": 1.12, "balloon": 1.10, "bug": 1.16, "snail": 1.18,
}  # fmt: skip
# subject units to the left that centre a kind and pose in its place
_CENTRES: dict[tuple[str, str], float] = {
    ("dog", "standing"): 1.0, ("dog", "sitting"): -3.5, ("dog", "lying"): -1.5, ("dog", "jumping"): -0.5,
    ("cat", "standing"): -0.5, ("cat", "sitting"): -4.5, ("cat", "lying"): -3.5, ("cat", "jumping"): -2.0,
    ("horse", "standing"): 3.0, ("horse", "sitting"): 1.0, ("horse", "lying"): 3.0, ("horse", "jumping"): 1.5,
    ("box", "closed"): 2.5, ("door", "open"): -4.0, ("box", "open"): 1.5,
    ("hammer", ""): -1.0, ("bug", ""): 1.0,
}  # fmt: skip


def frame_of(e: Entity, backdrop: Backdrop) -> tuple[float, float, float, bool, float]:
    """Where an entity's origin lies.

    Returns:
        x and y of its feet and the scale, in frame pixels; whether it looks left; its height over
        the ground in frame pixels, for the shadow.
    """
    x, y, scale = PLACES[e.place]
    look = e.look
    scale *= SIZES[e.size] * SCALES.get(e.kind, 1.1)
    kind = "horse" if e.kind == "zebra" else e.kind
    shift = _CENTRES.get((kind, e.pose), 0.0)
    x += look.dx - (-shift if look.flip else shift) * scale
    y += look.dy
    lift = 0.0
    if e.place.startswith("sky"):
        y += 22.0 * (scale - 0.45)
    elif e.kind in FLOATING and not e.place.startswith("above"):
        lift = 4.0 * scale
    zoom = backdrop.zoom
    x = 32.0 + (x - 32.0) * zoom
    y = 36.0 + (y - lift - 36.0) * zoom
    return x, y, scale * zoom, look.flip, lift * zoom


# forms hang in the air a little above their shadow
FLOATING = frozenset(
    ("spiral", "ring", "star", "heart", "diamond", "cross", "sun", "moon", "balloon", "face")
)
