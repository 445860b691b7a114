"""Surroundings: sky and ground in bands, hills and houses, specks and the emblem, weather."""

from __future__ import annotations

import numpy as np

from core.world.draw.palette import WHITE, darker, lighter, mix
from core.world.draw.sketch import Colour, Sketch
from core.world.scene import Backdrop, Scene

# sky at the top, sky at the horizon, ground at the horizon, ground at the bottom
BANDS: dict[str, tuple[Colour, Colour, Colour, Colour]] = {
    "plain": ((232, 226, 216), (242, 238, 230), (222, 213, 200), (208, 198, 184)),
    "grass": ((176, 212, 236), (224, 240, 246), (164, 204, 132), (126, 178, 104)),
    "street": ((196, 208, 222), (230, 232, 234), (190, 186, 182), (150, 148, 152)),
    "beach": ((158, 212, 240), (222, 242, 248), (240, 222, 178), (230, 202, 150)),
    "snow": ((190, 208, 226), (226, 234, 242), (246, 249, 253), (222, 232, 244)),
    "night": ((46, 52, 112), (104, 106, 168), (84, 104, 132), (62, 80, 108)),
    "rain": ((120, 136, 156), (164, 178, 192), (136, 150, 146), (104, 120, 120)),
    "stage": ((92, 48, 62), (120, 62, 72), (190, 138, 96), (150, 100, 70)),
}
HORIZONS = {"plain": 45.0, "grass": 38.0, "street": 45.0, "beach": 42.0, "snow": 38.0, "night": 42.0, "rain": 41.0, "stage": 44.0}  # fmt: skip
WALLS: tuple[Colour, ...] = ((0, 0, 0), (-14, 2, 8), (2, -6, -12), (-10, 4, -8))
EMBLEMS = ("star", "heart", "ring", "diamond")
EMBLEM_HUES: tuple[Colour, ...] = (
    (206, 120, 130),
    (120, 150, 200),
    (216, 170, 96),
    (150, 130, 190),
)
BLADES: tuple[Colour, ...] = ((98, 154, 86), (250, 248, 240), (250, 214, 110), (238, 160, 170))


def noise(seed: int, index: int) -> float:
    """A number in [0, 1) that looks random and is always the same."""
    x = (seed * 747796405 + index * 2891336453 + 12345) & 0xFFFFFFFF
    x = ((x >> ((x >> 28) + 4)) ^ x) * 277803737 & 0xFFFFFFFF
    return ((x >> 22) ^ x) % 65536 / 65536.0


def horizon_of(scene: Scene) -> float:
    """Height of the horizon in frame pixels from the top."""
    line = HORIZONS[scene.background] - 3.5 * scene.backdrop.horizon
    return 36.0 + (line - 36.0) * scene.backdrop.zoom


def bands(scenes: list[Scene], size: int) -> np.ndarray:
    """Sky and ground of many scenes, (3, B, size, size) float32 in [0, 255]."""
    n = len(scenes)
    ends = np.empty((n, 4, 3), np.float32)
    line = np.empty((n, 1), np.float32)
    for i, scene in enumerate(scenes):
        ends[i] = BANDS[scene.background]
        if scene.background == "plain":
            ends[i] += np.asarray(WALLS[scene.backdrop.seed % 4], np.float32)
        line[i] = horizon_of(scene) * (size / 64)
    y = (np.arange(size, dtype=np.float32) + np.float32(0.5))[None]  # (1, S)
    t = np.clip(y / np.maximum(line, 1), 0, 1)[:, :, None]
    u = np.clip((y - line) / np.maximum(size - line, 1), 0, 1)[:, :, None]
    sky = ends[:, None, 0] + t * (ends[:, None, 1] - ends[:, None, 0])
    ground = ends[:, None, 2] + u * (ends[:, None, 3] - ends[:, None, 2])
    share = np.clip(y - line + np.float32(0.5), 0, 1)[:, :, None]
    rows = sky + share * (ground - sky)  # (B, S, 3)
    return np.ascontiguousarray(
        np.broadcast_to(rows.transpose(2, 0, 1)[:, :, :, None], (3, n, size, size))
    )


def draw_behind(sk: Sketch, scene: Scene) -> None:
    """Everything between the bands and the entities."""
    b = scene.backdrop
    zoom = b.zoom
    sk.place(32.0 - 32.0 * zoom, 36.0 + (64.0 - 36.0) * zoom, zoom)
    _FEATURES[scene.background](sk, b, 64.0 - (HORIZONS[scene.background] - 3.5 * b.horizon))
    _emblem(sk, b)
    _specks(sk, scene.background, b)


def draw_before(sk: Sketch, scene: Scene) -> None:
    """Weather in front of the entities."""
    b = scene.backdrop
    if scene.background not in ("rain", "snow"):
        return
    sk.place(0.0, 64.0, 1.0)
    if scene.background == "rain":
        for i in range(14):
            x, y = 66 * noise(b.seed, 40 + i), 66 * noise(b.seed, 60 + i)
            sk.limb(x, y, 0.45, x - 1.6, y - 5.5, 0.45, (226, 236, 246), 0.55)
    else:
        for i in range(11):
            x, y = 64 * noise(b.seed, 40 + i), 64 * noise(b.seed, 60 + i)
            sk.ball(x, y, 0.8 + 0.5 * noise(b.seed, 80 + i), WHITE, 0.9)


def _emblem(sk: Sketch, b: Backdrop) -> None:
    c = EMBLEM_HUES[b.emblem_hue % 4]
    x, y = b.emblem_x, 64.0 - b.emblem_y
    if b.emblem == "star":
        sk.star(x, y, 3.4, c, 0.5)
    elif b.emblem == "ring":
        sk.arc(x, y, 2.1, 1.5, c)
    elif b.emblem == "diamond":
        sk.poly(((x - 2.5, y), (x, y - 3.1), (x + 2.5, y), (x, y + 3.1)), c)
    else:
        sk.limb(x - 1.2, y + 0.9, 1.5, x, y - 1.6, 0.6, c)
        sk.limb(x + 1.2, y + 0.9, 1.5, x, y - 1.6, 0.6, c)


def _specks(sk: Sketch, background: str, b: Backdrop) -> None:
    ground = BANDS[background][3]
    for i in range(b.specks):
        x = 2 + 60 * noise(b.seed, i)
        y = 1.5 + 14 * noise(b.seed, 20 + i)
        kind = int(4 * noise(b.seed, 30 + i))
        if background in ("grass", "rain"):
            if kind == 0 or background == "rain":
                sk.limb(x, y, 0.7, x - 0.8, y + 2.4, 0.4, darker(ground, 0.16))
                sk.limb(x, y, 0.7, x + 1.0, y + 2.0, 0.4, darker(ground, 0.16))
            else:
                sk.ball(x, y, 1.25, BLADES[kind])
                sk.ball(x, y, 0.55, (240, 190, 80) if kind != 2 else (206, 140, 60))
        elif background == "snow":
            sk.oval(x, y, 2.6, 1.0, (202, 216, 234))
        elif background == "beach":
            sk.oval(
                x,
                y,
                1.5,
                1.0,
                ((250, 240, 224), (214, 170, 128), (238, 180, 160), (196, 176, 150))[kind],
            )
        elif background == "plain":
            sk.ball(x, y, 0.8, darker(ground, 0.14))
        else:
            sk.oval(x, y, 1.7, 0.7, darker(ground, 0.2) if kind % 2 else lighter(ground, 0.15))


def _cloud(sk: Sketch, x: float, y: float, colour: Colour, k: float = 1.0) -> None:
    sk.oval(x, y, 7.5 * k, 2.1 * k, colour, 0, 0.9, 1.6)
    sk.ball(x - 1.5 * k, y + 1.6 * k, 2.8 * k, colour, 0.9, 1.6)
    sk.ball(x + 2.2 * k, y + 1.0 * k, 2.2 * k, colour, 0.9, 1.6)


def _plain(sk: Sketch, b: Backdrop, line: float) -> None:
    sk.box(32, line + 0.6, 90, 1.6, (250, 247, 240), 0, 0, 0.8)


def _grass(sk: Sketch, b: Backdrop, line: float) -> None:
    _cloud(sk, 8 + 46 * noise(b.seed, 50), 55, WHITE)
    far: Colour = (184, 216, 168)
    sk.clip(32, line - 0.5, 0, -1)
    x = 64 * noise(b.seed, 51)
    sk.oval(x, line - 4, 26, 11, far)
    sk.oval(x + 40 - 80 * (x > 32), line - 5, 24, 10.5, darker(far, 0.06))
    sk.unclip()


def _street(sk: Sketch, b: Backdrop, line: float) -> None:
    walls: tuple[Colour, ...] = ((206, 188, 178), (188, 196, 206), (212, 202, 184), (194, 184, 196))
    x = -3.0 - 6 * noise(b.seed, 50)
    for i in range(5):
        w = 12 + 6 * noise(b.seed, 51 + i)
        h = 15 + 15 * noise(b.seed, 57 + i)
        c = walls[int(4 * noise(b.seed, 63 + i))]
        sk.poly(((x, line), (x + w, line), (x + w, line + h), (x, line + h)), c)
        pane = mix(c, (96, 112, 140), 0.55)
        for k in range(2):
            wx = x + w * (0.3 + 0.4 * k)
            for row in range(2 if h > 22 else 1):
                sk.box(wx, line + h - 5 - 7.5 * row, 3.2, 4.0, pane)
        x += w + 0.6
    sk.box(32, line - 1.2, 90, 2.8, (214, 210, 204))
    for i in range(4):
        sk.box(6 + 18 * i + 8 * noise(b.seed, 70), 5.5, 9, 1.5, (236, 232, 220), 0.5)


def _beach(sk: Sketch, b: Backdrop, line: float) -> None:
    sk.box(32, line + 4.2, 90, 9.5, (92, 172, 204))
    sk.box(32, line + 1.6, 90, 4.5, (124, 198, 216))
    sk.box(32, line - 0.2, 90, 1.5, (246, 250, 248))
    for i in range(3):
        x = 64 * noise(b.seed, 50 + i)
        sk.limb(x, line + 3 + 1.8 * i, 0.45, x + 6, line + 3 + 1.8 * i, 0.45, (214, 238, 244))
    _cloud(sk, 8 + 46 * noise(b.seed, 55), 56, WHITE, 0.9)


def _snow(sk: Sketch, b: Backdrop, line: float) -> None:
    sk.clip(32, line - 0.5, 0, -1)
    x = 64 * noise(b.seed, 50)
    sk.oval(x, line - 4, 28, 13, (212, 224, 238))
    sk.oval(x + 38 - 76 * (x > 32), line - 4, 24, 10, (202, 216, 234))
    sk.unclip()
    pine: Colour = (112, 146, 146)
    for i in range(2):
        px = 5 + 12 * noise(b.seed, 52 + i) + 42 * i
        base = line + 1.5
        for k, w in enumerate((5.4, 4.3, 3.0)):
            sk.poly(
                ((px - w, base + 3.6 * k), (px + w, base + 3.6 * k), (px, base + 3.6 * k + 6)),
                mix(pine, WHITE, 0.12 * k),
                0.2,
            )


def _night(sk: Sketch, b: Backdrop, line: float) -> None:
    for i in range(9):
        x, y = 64 * noise(b.seed, 50 + i), line + 3 + (61 - line) * noise(b.seed, 60 + i)
        sk.ball(x, y, 0.6 + 0.5 * noise(b.seed, 70 + i), (250, 246, 216), 0.95)
    sk.clip(32, line - 0.5, 0, -1)
    x = 64 * noise(b.seed, 80)
    sk.oval(x, line - 4, 27, 11, (80, 88, 138))
    sk.oval(x + 40 - 80 * (x > 32), line - 4, 25, 9.5, (72, 80, 130))
    sk.unclip()


def _rain(sk: Sketch, b: Backdrop, line: float) -> None:
    for i in range(3):
        _cloud(
            sk, 6 + 52 * noise(b.seed, 50 + i), 54 + 5 * noise(b.seed, 53 + i), (98, 110, 130), 1.35
        )
    for i in range(2):
        sk.oval(
            8 + 48 * noise(b.seed, 56 + i), 4 + 5 * noise(b.seed, 58 + i), 7, 1.7, (160, 176, 188)
        )


def _stage(sk: Sketch, b: Backdrop, line: float) -> None:
    x = 26 + 12 * noise(b.seed, 50)
    sk.poly(
        ((x - 4, 66), (x + 4, 66), (x + 19, line - 8), (x - 19, line - 8)),
        (255, 232, 190),
        0.0,
        0.22,
    )
    sk.oval(x, line - 9, 21, 4.5, (255, 236, 200), 0, 0.35, 3)
    for i in range(3):
        sk.box(32, 4 + i * 5.2, 90, 0.7, (128, 84, 60), 0, 0, 0.7)
    red: Colour = (168, 58, 66)
    for side in (0.0, 1.0):
        for k in range(3):
            cx = (1.5 + 3.6 * k) if side == 0 else (62.5 - 3.6 * k)
            sk.box(cx, 38, 4.6, 62, mix(red, (100, 30, 44), 0.5 if k % 2 else 0.0), 1.8)
    for i in range(6):
        sk.ball(5.5 + 10.6 * i, 64.5, 6.2, (186, 70, 74))


_FEATURES = {
    "plain": _plain, "grass": _grass, "street": _street, "beach": _beach, "snow": _snow,
    "night": _night, "rain": _rain, "stage": _stage,
}  # fmt: skip
