"""How well a probe reads: its own accuracy, on pictures that nothing was trained on.

`config.json` keeps it beside the weights, because a number that the probe measures is worth no more
than the probe; and because an undescribed parameter counts as identity only where it can be read.
"""

# N pictures

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.training import Card, device_name, read_curve, save_weights, write_card
from core.world import sampling, words
from core.world.curriculum import Curriculum
from core.world.diffusion import probe, probing
from core.world.diffusion.probe import CHOICES, LOOKS, SURROUNDINGS, Probe, ProbeModule
from core.world.diffusion.reading import Reading
from core.world.draw.backdrops import EMBLEMS
from core.world.planting import planted_scene
from core.world.render import render
from core.world.scene import Entity, Scene

Pictures = npt.NDArray[np.uint8]

_CHOICES = {**CHOICES, "emblem": len(EMBLEMS), "emblem_hue": 4}
ATTRIBUTES = ("kind", "pose", "colour", "size", "texture", "accessories")


def sets(c: Curriculum, n: int) -> dict[str, list[Scene]]:
    """Scenes to be read, by what they show; none was trained on."""

    def drawn(name: str, how: Callable[[np.random.Generator], Scene], share: float) -> list[Scene]:
        rng = np.random.default_rng((probing.CHECK, *name.encode()))
        return [how(rng) for _ in range(max(8, int(n * share)))]

    return {
        "subjects": drawn("subjects", lambda rng: sampling.subject_scene(rng, c), 1.0),
        "held-out": drawn("held", lambda rng: sampling.subject_scene(rng, c, held_out=True), 0.5),
        "pairs": drawn("pairs", lambda rng: sampling.pair_scene(rng, c), 0.5),
        "planted": drawn(
            "planted", lambda rng: planted_scene(rng, c, sampling.pick(rng, c.planted)), 0.5
        ),
    }


def measure(reader: Probe, c: Curriculum, n: int = 3000, vae: Any = None) -> dict[str, Any]:
    """Accuracy of each attribute, and how far undescribed parameters can be read.

    Args:
        reader: the probe.
        c: its curriculum.
        n: single subjects; of the other sets half as many.
        vae: where given, single subjects are read once more after the autoencoder.

    Returns:
        "n", "accuracy" by set and attribute, and "identity" by kind and parameter: R² of numbers,
        and of choices the accuracy beyond chance, both 0 for a guess and 1 for knowing.
    """
    found = sets(c, n)
    pictures = {name: render(scenes, size=reader.net.image_size) for name, scenes in found.items()}
    if vae is not None:
        for name in ("subjects", "held-out"):
            found[f"{name} after the autoencoder"] = found[name]
            pictures[f"{name} after the autoencoder"] = _through(vae, pictures[name])
    readings = {name: reader.read(x) for name, x in pictures.items()}
    return {
        "n": {name: len(scenes) for name, scenes in found.items()},
        "accuracy": {name: accuracy(readings[name], found[name]) for name in found},
        "identity": identity(readings["subjects"], found["subjects"]),
    }


@torch.no_grad()
def _through(vae: Any, pictures: Pictures) -> Pictures:
    from core.world.diffusion.vae import as_tensor, reconstruct

    parts = [
        reconstruct(vae, as_tensor(p)) for p in np.array_split(pictures, -(-len(pictures) // 200))
    ]
    y = (torch.cat(parts) + 1) * 127.5
    return y.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def accuracy(readings: list[Reading], scenes: list[Scene]) -> dict[str, float]:
    """Share of things whose attribute is read as it is; a thing that is not found is wrong in all.

    An attribute counts for the things that have it. "background" and "things" (as many as there are,
    each in its place) count pictures.
    """
    right: dict[str, list[bool]] = defaultdict(list)
    for reading, scene in zip(readings, scenes, strict=True):
        seen = {e.place: e for e in reading.scene.entities}
        right["background"].append(reading.scene.background == scene.background)
        right["things"].append(set(seen) == {e.place for e in scene.entities})
        for e in scene.entities:
            found = seen.get(e.place)
            for name in ATTRIBUTES:
                if _has(e, name):
                    same = found is not None and getattr(found, name) == getattr(e, name)
                    right[name].append(same)
    return {name: round(float(np.mean(hits)), 4) for name, hits in sorted(right.items())}


def _has(e: Entity, name: str) -> bool:
    if name == "pose":
        return len(words.POSES.get(e.kind, ())) > 1
    if name in ("colour", "texture"):
        return bool(e.colour)
    return name != "accessories" or bool(words.wears(e.kind))


def identity(readings: list[Reading], scenes: list[Scene]) -> dict[str, dict[str, float]]:
    """How far undescribed parameters of single subjects can be read, by kind; "scene" for the rest."""
    true: dict[tuple[str, str], list[float]] = defaultdict(list)
    read: dict[tuple[str, str], list[float]] = defaultdict(list)
    for reading, scene in zip(readings, scenes, strict=True):
        e = scene.entities[0]
        for name in (*SURROUNDINGS, "emblem_hue"):
            true["scene", name].append(float(getattr(scene.backdrop, name)))
            read["scene", name].append(float(getattr(reading.scene.backdrop, name)))
        true["scene", "emblem"].append(1.0)
        read["scene", "emblem"].append(
            float(reading.scene.backdrop.emblem == scene.backdrop.emblem)
        )
        found = next((x for x in reading.scene.entities if x.place == e.place), None)
        if found is None or found.kind != e.kind:
            continue
        for name in (*LOOKS, *CHOICES):
            true[e.kind, name].append(float(getattr(e.look, name)))
            read[e.kind, name].append(float(getattr(found.look, name)))
    out: dict[str, dict[str, float]] = defaultdict(dict)
    for (kind, name), values in true.items():
        x, y = np.array(values), np.array(read[kind, name])
        if name in _CHOICES:
            chance = 1 / _CHOICES[name]
            known = (float(np.mean(x == y)) - chance) / (1 - chance)
        else:
            known = 1 - float(np.mean((x - y) ** 2)) / max(1e-9, float(np.var(x)))
        out[kind][name] = round(max(0.0, known), 3)
    return dict(out)


def save(
    module: ProbeModule, cfg: probing.ProbeTraining, out: Path, seconds: float, vae: Any = None
) -> Path:
    """Measure a trained probe and write weights, config and card below `out`; return their folder."""
    small = cfg.name == "smoke"
    folder = out / "weights"
    half = module.half().float()  # as it will be read
    measured = measure(Probe(half), cfg.curriculum, 40 if small else 3000, vae)
    config = {
        "name": "scene probe",
        "world": cfg.world,
        "net": probe.to_dict(cfg.net),
        "measured": measured,
        "seed": cfg.seed,
        "num_steps": cfg.num_steps,
        "batch_size": cfg.batch_size,
    }
    save_weights(folder, half.state_dict(), config)
    rows = [
        {"pictures": name, "n": measured["n"][name], **values}
        for name, values in measured["accuracy"].items()
    ]
    curve = read_curve(out / "curve.jsonl")
    kept = [{k: row[k] for k in ("step", "loss", "kind", "pose")} for row in curve]
    write_card(
        folder / "CARD.md",
        Card(
            title="Scene probe of the captioned world",
            summary="A small convolutional net that reads a 64x64 picture back into a scene: what stands "
            "in each place, with pose, colour, size, texture and what it wears; the background; and what "
            "no caption tells, as far as it can be seen.",
            command=f"python -m core.world.diffusion.instruments probe --preset {cfg.name} --out OUT",
            seed=cfg.seed,
            minutes=seconds / 60,
            device=device_name("cpu") if not torch.cuda.is_available() else device_name("cuda"),
            data=[
                f"Drawn while training: {cfg.num_steps * cfg.batch_size:,} pictures of the "
                f"{cfg.world} world, each seen once, held-out combinations too. A quarter softened, an "
                "eighth as the autoencoder gives them back where one was given, half with some noise."
            ],
            curve=kept[:: max(1, len(kept) // 12)],
            scores=rows,
            limits=[
                "It knows this world only; of a photograph it says something all the same.",
                "Identity is worth what `measured.identity` in config.json says, by kind and parameter.",
            ],
        ),
    )
    return folder
