"""The scene probe: a small convolutional net that reads a picture back into a scene.

Things stand in fixed places (`core.world.layout`), at most one in each. So the net looks at the stretch of
its feature map around each place and says what stands there, with one head shared by all places; nothing
has to be matched, and counts and relations follow from the places. What no caption tells (hue, girth,
horizon) is read too: that is how an edit's harm to identity is measured.
"""

# B pictures, S slots, V values of an attribute, C channels, G cells of a slot's grid on each side

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.cache.construction import construction
from core.world import words
from core.world.curriculum import Curriculum
from core.world.diffusion.reading import NONE, Reading
from core.world.draw.backdrops import EMBLEMS
from core.world.layout import PLACES
from core.world.recipes import RECIPES
from core.world.scene import Backdrop, Entity, Look, Scene

BATCH = 64  # pictures of one pass
LOOKS = ("hue", "tone", "girth", "reach", "head", "dx", "dy")
"""Numbers of a thing that no caption tells."""
CHOICES = {"ear": 3, "tail": 3, "marking": 3, "flip": 2}
"""Choices of a thing that no caption tells, and how many there are."""
SURROUNDINGS = ("horizon", "light", "zoom", "emblem_x", "emblem_y")
"""Numbers of the surroundings that no caption tells."""

# centre and half width of each number, so that all of them lie in -1..1
RANGES = {
    "dx": (0.0, 2.0), "dy": (-0.3, 1.0), "zoom": (1.0, 0.1), "emblem_x": (32.0, 27.0), "emblem_y": (13.5, 8.5),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeNet:
    """Sizes of the net and the words it knows; `config.json` holds it."""

    places: tuple[str, ...]
    values: dict[str, tuple[str, ...]] = field(hash=False)
    backgrounds: tuple[str, ...]
    channels: tuple[int, ...] = (32, 80, 160)
    grid: int = 6  # cells on each side of a slot
    seen: int = 64  # channels of a slot's cells
    context: int = 32  # channels of the whole frame beside each slot
    hidden: int = 256
    image_size: int = 64


def net_for(c: Curriculum, **sizes: Any) -> ProbeNet:
    """The probe of a curriculum: every value that its pictures can show."""
    near = "touching" in c.relations
    unseen = tuple(k for w in c.planted for k in RECIPES[w].unseen)
    poses = dict.fromkeys(p for k in c.kinds for p in words.POSES.get(k, ()) if p in c.poses(k))
    return ProbeNet(
        places=tuple(p for p in PLACES if near or not p.startswith("near")),
        values={
            "kind": (NONE, *c.kinds, *unseen),
            "pose": ("", *poses),
            "colour": ("", *c.colours),
            "size": c.sizes,
            "texture": ("", *c.textures),
            "accessory": c.accessories,
        },
        backgrounds=c.backgrounds,
        **sizes,
    )


class _Block(nn.Module):
    """Two convolutions with a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class ProbeModule(nn.Module):
    """The net: pictures (B, 3, S, S) in -1..1 to scores by name.

    Scores of attributes are (B, S, V), of looks (B, S, len(LOOKS)), of surroundings
    (B, len(SURROUNDINGS)), of background, emblem and its hue (B, V).
    """

    def __init__(self, net: ProbeNet) -> None:
        super().__init__()
        self.net = net
        one, two, three = net.channels
        self.features = nn.Sequential(
            nn.Conv2d(3, one, 3, 2, 1, bias=False),
            nn.BatchNorm2d(one),
            nn.ReLU(),
            nn.Conv2d(one, one, 3, 1, 1, bias=False),
            nn.BatchNorm2d(one),
            nn.ReLU(),
            nn.Conv2d(one, two, 3, 2, 1, bias=False),
            nn.BatchNorm2d(two),
            nn.ReLU(),
            _Block(two),
            nn.Conv2d(two, three, 3, 2, 1, bias=False),
            nn.BatchNorm2d(three),
            nn.ReLU(),
            _Block(three),
        )
        side = net.image_size // 8
        self.near = nn.Conv2d(three, net.seen, 1)
        self.far = nn.Conv2d(three, net.context, 1)
        self.register_buffer("windows", _windows(net.places, side, net.grid), persistent=False)
        self.from_near = nn.Linear(net.seen * net.grid**2, net.hidden)
        self.from_far = nn.Linear(net.context * side**2, net.hidden)
        self.place = nn.Parameter(torch.zeros(len(net.places), net.hidden))
        self.mix = nn.Linear(net.hidden, net.hidden)
        self.slot_heads = nn.ModuleDict(
            {
                **{name: nn.Linear(net.hidden, len(v)) for name, v in net.values.items()},
                **{name: nn.Linear(net.hidden, n) for name, n in CHOICES.items()},
                "looks": nn.Linear(net.hidden, len(LOOKS)),
            }
        )
        self.frame_heads = nn.ModuleDict(
            {
                "background": nn.Linear(net.hidden, len(net.backgrounds)),
                "emblem": nn.Linear(net.hidden, len(EMBLEMS)),
                "emblem_hue": nn.Linear(net.hidden, 4),
                "surroundings": nn.Linear(net.hidden, len(SURROUNDINGS)),
            }
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Scores by name."""
        x = self.features(x)
        far = F.relu(self.from_far(F.relu(self.far(x)).flatten(1)))
        seen = F.relu(self.near(x)).flatten(2)  # (B, C, side²)
        windows = cast("Tensor", self.windows)  # (side², S G²)
        cells = (seen @ windows.to(seen.dtype)).unflatten(2, (len(self.net.places), -1))
        near = self.from_near(cells.transpose(1, 2).flatten(2))  # (B, S, hidden)
        slots = F.relu(near + far[:, None] + self.place)
        slots = F.relu(self.mix(slots) + slots)
        out = {name: head(slots) for name, head in self.slot_heads.items()}
        return out | {name: head(far) for name, head in self.frame_heads.items()}


def _windows(places: tuple[str, ...], side: int, grid: int) -> Tensor:
    """Weights that average a feature map (side²) over each slot's cells (S G²)."""
    edges = torch.arange(side + 1) / side

    def overlap(low: float, high: float) -> Tensor:
        cuts = torch.linspace(low, high, grid + 1)
        starts = torch.maximum(cuts[:-1, None], edges[None, :-1])
        ends = torch.minimum(cuts[1:, None], edges[None, 1:])
        return (ends - starts).clamp(min=0) / (cuts[1] - cuts[0])  # (G, side)

    rows = []
    for place in places:
        x, feet, _ = PLACES[place]
        half = 32.0 if place == "middle" else 24.0
        feet = 32.0 if place.startswith("sky") else feet
        across = overlap((x - half) / 64, (x + half) / 64)
        down = overlap((feet + 6 - 2 * half) / 64, (feet + 6) / 64)
        rows.append(torch.einsum("gi,hj->ghij", down, across).flatten(2).flatten(0, 1))
    return torch.cat(rows).T.contiguous()


def net_from_dict(data: Mapping[str, Any]) -> ProbeNet:
    """Read a `ProbeNet` back from JSON.

    Raises:
        KeyError, TypeError: it is of another version.
    """
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    values: Any = {k: tuple(v) for k, v in data["values"].items()}
    return ProbeNet(**{**given, "values": values})


@construction()
def build(info: Mapping[str, Any]) -> ProbeModule:
    """The empty net that a `config.json` describes."""
    return ProbeModule(net_from_dict(info["net"]))


class Probe:
    """A trained net that reads pictures."""

    def __init__(self, module: ProbeModule | nn.Module) -> None:
        """Wrap a net in eval mode; it is not changed."""
        self.module = cast("ProbeModule", module)
        self.net = self.module.net

    @torch.inference_mode()
    def scores(self, pictures: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """Chances of words and choices, and numbers in their own units, for (B, H, W, 3) pictures."""
        first = next(self.module.parameters())
        found: list[dict[str, Tensor]] = []
        for start in range(0, len(pictures), BATCH):
            x = as_input(pictures[start : start + BATCH], self.net.image_size)
            found.append(self.module(x.to(first.device, first.dtype)))
        out = {}
        for name in found[0] if found else ():
            values = torch.cat([part[name].float().cpu() for part in found])
            if name == "accessory":
                values = values.sigmoid()
            elif name == "looks":
                values = _unscaled(values, LOOKS)
            elif name == "surroundings":
                values = _unscaled(values, SURROUNDINGS)
            else:
                values = values.softmax(-1)
            out[name] = values.numpy()
        return out

    def read(self, pictures: npt.NDArray[np.uint8]) -> list[Reading]:
        """What each picture shows."""
        scores = self.scores(pictures)
        return [
            self._reading({name: v[i] for name, v in scores.items()}) for i in range(len(pictures))
        ]

    def _reading(self, scores: dict[str, npt.NDArray[np.float32]]) -> Reading:
        net = self.net
        kinds = net.values["kind"]
        things = []
        for slot, place in enumerate(net.places):
            kind = kinds[int(scores["kind"][slot].argmax())]
            if kind != NONE:
                one = {name: v[slot] for name, v in scores.items() if name in _SLOTTED}
                things.append(self._thing(kind, place, one))
        background = net.backgrounds[int(scores["background"].argmax())]
        numbers = dict(zip(SURROUNDINGS, scores["surroundings"].tolist(), strict=True))
        backdrop = Backdrop(
            **numbers,
            emblem=EMBLEMS[int(scores["emblem"].argmax())],
            emblem_hue=int(scores["emblem_hue"].argmax()),
        )
        return Reading(
            scene=Scene(entities=tuple(things), background=background, backdrop=backdrop),
            places=net.places,
            values=net.values,
            slots={name: scores[name] for name in net.values},
            background=dict(zip(net.backgrounds, scores["background"].tolist(), strict=True)),
        )

    def _thing(self, kind: str, place: str, scores: dict[str, npt.NDArray[np.float32]]) -> Entity:
        """The likeliest thing of a kind: its attributes are among those that the kind can have."""

        def likeliest(name: str, able: tuple[str, ...]) -> str:
            known = self.net.values[name]
            able = tuple(w for w in able if w in known) or ("",)
            return max(able, key=lambda w: scores[name][known.index(w)] if w in known else 0.0)

        coloured = kind not in words.COLOURLESS
        values = self.net.values
        worn = words.wears(kind)
        numbers = dict(zip(LOOKS, scores["looks"].tolist(), strict=True))
        return Entity(
            kind=kind,
            pose=likeliest("pose", words.POSES.get(kind, ("",))),
            colour=likeliest("colour", values["colour"][1:] if coloured else ("",)),
            size=likeliest("size", values["size"]),
            texture=likeliest("texture", values["texture"] if coloured else ("",)),
            accessories=tuple(
                word
                for word, chance in zip(values["accessory"], scores["accessory"], strict=True)
                if chance > 0.5 and word in worn
            ),
            place=place,
            look=Look(
                **numbers,
                ear=int(scores["ear"].argmax()),
                tail=int(scores["tail"].argmax()),
                marking=int(scores["marking"].argmax()),
                flip=bool(scores["flip"].argmax()),
            ),
        )


_SLOTTED = frozenset(("kind", "pose", "colour", "size", "texture", "accessory", "looks", *CHOICES))


def _unscaled(values: Tensor, names: tuple[str, ...]) -> Tensor:
    ranges = torch.tensor([RANGES.get(name, (0.0, 1.0)) for name in names])
    return values * ranges[:, 1] + ranges[:, 0]


def as_input(pictures: npt.NDArray[np.uint8], size: int) -> Tensor:
    """Pictures (B, H, W, 3) as (B, 3, size, size) in -1..1."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    if x.shape[-2:] != (size, size):
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return x


def to_dict(net: ProbeNet) -> dict[str, Any]:
    """JSON-ready form; `net_from_dict` is its inverse."""
    return dataclasses.asdict(net)
