"""Trains and measures the scene probe.

Its scenes are wider than those of the text-to-image model: every combination, held-out ones too, in every
place, because an instrument must not know less than what it measures. Their random streams are others,
so no picture is shared. Part of the pictures is softened or sent through the autoencoder, as
generated pictures are.
"""

# B pictures, S slots

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.training import Ema, OnStep, Run, accelerator_for, cosine_with_warmup, fit
from core.world import asking, curriculum, sampling
from core.world.curriculum import HELD_OUT_KINDS, Curriculum
from core.world.diffusion import probe
from core.world.diffusion.probe import CHOICES, LOOKS, RANGES, SURROUNDINGS, ProbeModule, ProbeNet
from core.world.diffusion.vae import initialise
from core.world.draw.backdrops import EMBLEMS
from core.world.planting import planted_scene
from core.world.render import render
from core.world.scene import Scene

logger = logging.getLogger(__name__)

TRAIN, CHECK = 50, 51  # streams; those of the text-to-image model begin otherwise
IGNORED = -100  # cross entropy's mark for "no answer here"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTraining:
    """Everything that decides the weights of a probe."""

    name: str
    world: str = "small"
    sizes: dict[str, Any] = field(default_factory=dict, hash=False)  # fields of `ProbeNet`
    num_steps: int = 1_200
    batch_size: int = 128
    lr: float = 3e-3
    warmup_steps: int = 100
    weight_decay: float = 1e-3
    ema_decay: float = 0.998
    empty: float = 0.3  # weight of a slot where nothing stands
    numbers: float = 0.5  # weight of the undescribed parameters
    mixed_precision: str = "bf16"
    seed: int = 0
    save_every: int = 200
    log_every: int = 25

    @property
    def curriculum(self) -> Curriculum:
        """The part of the world that is read."""
        return getattr(curriculum, self.world)()

    @property
    def net(self) -> ProbeNet:
        """The sizes and words of the net."""
        return probe.net_for(self.curriculum, **self.sizes)


def smoke() -> ProbeTraining:
    """Seconds on one core: proves the recipe, teaches nothing."""
    return ProbeTraining(
        name="smoke",
        world="tiny",
        sizes={"channels": (8, 8, 16), "seen": 8, "context": 4, "hidden": 32, "grid": 4},
        num_steps=8,
        batch_size=8,
        warmup_steps=2,
        mixed_precision="no",
        save_every=4,
        log_every=2,
    )


def cpu() -> ProbeTraining:
    """The shipped weights: half an hour on one core."""
    return ProbeTraining(name="cpu")


def gpu() -> ProbeTraining:
    """The whole world on an accelerator."""
    return ProbeTraining(
        name="gpu", world="full", sizes={"channels": (48, 128, 256), "hidden": 384},
        num_steps=20_000, batch_size=256, save_every=2_000, log_every=100,
    )  # fmt: skip


PRESETS = {"smoke": smoke, "cpu": cpu, "gpu": gpu}


def scenes(rng: np.random.Generator, c: Curriculum, n: int) -> list[Scene]:
    """Scenes of every kind for the probe to read."""
    return [_shaken(rng, c, _scene(rng, c)) for _ in range(n)]


def _scene(rng: np.random.Generator, c: Curriculum) -> Scene:
    u = float(rng.random())
    if u < 0.45:
        return sampling.subject_scene(rng, c)
    if u < 0.58:
        return sampling.template_scene(rng, c)[0]
    if u < 0.70:
        return planted_scene(rng, c, sampling.pick(rng, c.planted))
    if u < 0.88:
        return sampling.pair_scene(rng, c)
    return asking.random_edit(rng, c)[0].after


def _shaken(rng: np.random.Generator, c: Curriculum, scene: Scene) -> Scene:
    """Draw some attributes again, without regard to what is held out or goes together."""
    things = []
    for e in scene.entities:
        u = rng.random(5).tolist()
        new: dict[str, object] = {}
        if e.kind in HELD_OUT_KINDS and u[0] < 0.5:
            new = {
                "pose": sampling.pick(rng, c.poses(e.kind)),
                "colour": sampling.pick(rng, c.colours_of(e.kind)),
            }
        if e.place == "middle" and u[1] < 0.15:
            new["size"] = sampling.pick(rng, c.sizes)
        if len(scene.entities) == 1 and u[2] < 0.12:
            new["place"] = sampling.pick(rng, ("left", "right", "above", "above left", "above right", "beside left", "beside right"))  # fmt: skip
            new["size"] = "small"
        if e.colour and u[3] < 0.06:
            new["texture"] = sampling.pick(rng, c.textures)
        things.append(dataclasses.replace(e, **new))  # pyright: ignore[reportArgumentType]
    return dataclasses.replace(scene, entities=tuple(things))


def labels(found: list[Scene], net: ProbeNet) -> dict[str, Tensor]:
    """Right answers, under the names of the net's scores; `IGNORED` where there is none."""
    b, s = len(found), len(net.places)
    out: dict[str, np.ndarray] = {
        name: np.full((b, s), IGNORED) for name in (*net.values, *CHOICES) if name != "accessory"
    }
    out["kind"][:] = 0
    out["accessory"] = np.zeros((b, s, len(net.values["accessory"])), np.float32)
    out["looks"] = np.zeros((b, s, len(LOOKS)), np.float32)
    for i, scene in enumerate(found):
        for e in scene.entities:
            k = net.places.index(e.place)
            for name in ("kind", "pose", "colour", "size", "texture"):
                out[name][i, k] = net.values[name].index(getattr(e, name))
            for name in CHOICES:
                out[name][i, k] = int(getattr(e.look, name))
            out["accessory"][i, k] = [a in e.accessories for a in net.values["accessory"]]
            out["looks"][i, k] = _scaled(e.look, LOOKS)
    backdrops = [scene.backdrop for scene in found]
    out["background"] = np.array([net.backgrounds.index(x.background) for x in found])
    out["emblem"] = np.array([EMBLEMS.index(x.emblem) for x in backdrops])
    out["emblem_hue"] = np.array([x.emblem_hue for x in backdrops])
    out["surroundings"] = np.array([_scaled(x, SURROUNDINGS) for x in backdrops], np.float32)
    return {name: torch.from_numpy(value) for name, value in out.items()}


def _scaled(of: object, names: tuple[str, ...]) -> list[float]:
    ranges = (RANGES.get(name, (0.0, 1.0)) for name in names)
    return [
        (float(getattr(of, n)) - centre) / half
        for n, (centre, half) in zip(names, ranges, strict=True)
    ]


class Lesson(nn.Module):
    """The net together with its loss, as one forward, so that processes can share it."""

    def __init__(self, net: ProbeNet, cfg: ProbeTraining) -> None:
        super().__init__()
        self.probe, self.cfg = ProbeModule(net), cfg

    def forward(self, x: Tensor, right: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of pictures (B, 3, S, S), and the share of right kinds and poses."""
        found = {name: v.float() for name, v in self.probe(x).items()}
        kind = right["kind"]
        there = kind > 0
        weight = torch.where(there, 1.0, self.cfg.empty)
        each = F.cross_entropy(found["kind"].flatten(0, 1), kind.flatten(), reduction="none")
        loss = (each * weight.flatten()).sum() / there.sum()
        for name in ("pose", "colour", "size", "texture"):
            loss = loss + _choice(found[name], right[name])
        for name in CHOICES:
            loss = loss + 0.3 * self.cfg.numbers * _choice(found[name], right[name])
        worn = F.binary_cross_entropy_with_logits(
            found["accessory"][there], right["accessory"][there]
        )
        loss = loss + worn * found["accessory"].shape[-1]
        looks = F.mse_loss(found["looks"][there], right["looks"][there])
        around = F.mse_loss(found["surroundings"], right["surroundings"])
        loss = loss + self.cfg.numbers * (looks * len(LOOKS) + around * len(SURROUNDINGS))
        loss = loss + F.cross_entropy(found["background"], right["background"])
        for name in ("emblem", "emblem_hue"):
            loss = loss + 0.3 * self.cfg.numbers * F.cross_entropy(found[name], right[name])
        hit = found["kind"].argmax(-1) == kind
        posed = right["pose"] > 0
        values = {
            "kind": hit[there].float().mean(),
            "empty": hit[~there].float().mean(),
            "pose": (found["pose"].argmax(-1) == right["pose"])[posed].float().mean(),
            "looks": looks,
        }
        return loss, {k: v.detach() for k, v in values.items()}


def _choice(found: Tensor, right: Tensor) -> Tensor:
    return F.cross_entropy(found.flatten(0, 1), right.flatten(), ignore_index=IGNORED)


@torch.no_grad()
def worn_out(x: Tensor, rng: np.random.Generator, vae: Any = None) -> Tensor:
    """Pictures (B, 3, S, S) in -1..1 as generated ones look: a quarter softened, an eighth through a VAE.

    Half of them get a little noise; the other half stays as it is.
    """
    x, quarter = x.clone(), len(x) // 4
    coded = slice(quarter, quarter + max(1, quarter // 2))
    size = x.shape[-1]
    less = int(rng.integers(size * 5 // 8, size))
    soft = F.interpolate(x[:quarter], (less, less), mode="bilinear", antialias=True)
    x[:quarter] = F.interpolate(soft, (size, size), mode="bicubic", align_corners=False)
    if vae is not None:
        x[coded] = vae.decode(vae.encode(x[coded]).latent_dist.mean).sample.to(x.dtype)
    strength = rng.random((2 * quarter, 1, 1, 1), np.float32) * 0.06
    noise = rng.standard_normal((2 * quarter, *x.shape[1:]), np.float32) * strength
    x[: 2 * quarter] += torch.from_numpy(noise).to(x.device)
    return x.clamp(-1, 1)


def train(
    cfg: ProbeTraining,
    out: Path,
    *,
    resume: bool = False,
    vae: Any = None,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> tuple[ProbeModule, float]:
    """Train, and return the averaged net on the CPU and the seconds that it took.

    Args:
        cfg: a preset, or one of your own.
        out: checkpoints and `curve.jsonl` go here.
        resume: go on from the newest checkpoint.
        vae: an `AutoencoderKL` of the world; None softens pictures by blur alone.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.
    """
    accelerator = accelerator_for(cfg.mixed_precision)
    c, net = cfg.curriculum, cfg.net
    model = Lesson(net, cfg)
    initialise(model, torch.Generator().manual_seed(cfg.seed))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=cfg.lr, betas=(0.9, 0.99), weight_decay=cfg.weight_decay, fused=True
    )
    model, optimizer = accelerator.prepare(model, optimizer)
    run = Run(model, optimizer, Ema(accelerator.unwrap_model(model), cfg.ema_decay))
    share = cfg.batch_size // accelerator.num_processes
    if vae is not None:
        vae = vae.to(accelerator.device).eval().requires_grad_(False)

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = np.random.default_rng((cfg.seed, TRAIN, step, accelerator.process_index))
        drawn = scenes(rng, c, share)
        x = probe.as_input(render(drawn, size=net.image_size), net.image_size)
        with accelerator.autocast():
            x = worn_out(x.to(accelerator.device), rng, vae)
        right = {k: v.to(accelerator.device) for k, v in labels(drawn, net).items()}
        loss, values = model(x, right)
        return loss, {k: float(v) for k, v in values.items()}

    fit(
        run,
        loss_of,
        num_steps=cfg.num_steps,
        lr_of=lambda k: cfg.lr * cosine_with_warmup(k, cfg.num_steps, cfg.warmup_steps),
        out=out,
        accelerator=accelerator,
        resume=resume,
        save_every=cfg.save_every,
        log_every=cfg.log_every,
        clip_norm=5.0,
        on_step=on_step,
        check=check,
    )
    assert run.ema is not None
    trained = probe.build({"net": probe.to_dict(net)})
    bare = Lesson(net, cfg)
    bare.load_state_dict({**bare.state_dict(), **run.ema.state})
    trained.load_state_dict(bare.probe.state_dict())
    return trained.eval().requires_grad_(False), run.seconds
