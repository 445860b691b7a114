"""The taught text tower as files: weights, a record with hashes, a card."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from core import settings
from core.training import Card, device_name, read_curve, write_card
from core.world.diffusion.loading import seal

from . import sums
from .teaching import Teaching

FOLDER = "weights"
_ROWS = 12  # of the curve in the card


def save(tower: Any, cfg: Teaching, out: Path, seconds: float) -> Path:
    """Write the tower as float16 safetensors with its record and card; only the main process writes.

    Args:
        tower: the averaged one.
        cfg: how it was taught.
        out: folder of the run.
        seconds: that it took.

    Returns:
        The folder, which holds `text_encoder`, `config.json` and `CARD.md`.
    """
    folder = out / FOLDER
    if settings.current().process_index == 0:
        copy.deepcopy(tower).half().save_pretrained(
            folder / "text_encoder", safe_serialization=True
        )
        processes = distributed.get_world_size() if distributed.is_initialized() else 1
        device = device_name("cuda" if torch.cuda.is_available() else "cpu")
        curve = [{k: row[k] for k in ("step", "loss", "error", "change")} for row in read_curve(out / "curve.jsonl")]  # fmt: skip
        kept = curve[:: max(1, len(curve) // _ROWS)]
        info = {
            "name": "text tower that reads sums of words",
            "preset": cfg.name,
            "world": cfg.world,
            "seed": cfg.seed,
            "steps": cfg.num_steps,
            "batch_size": cfg.batch_size,
            "minutes": round(seconds / 60, 1),
            "device": device if processes == 1 else f"{device}, {processes} processes",
            "curve": kept + curve[-1:] if curve and kept[-1] != curve[-1] else kept,
        }
        seal(folder, info)
        write_card(folder / "CARD.md", card(info))
    return folder


def card(info: dict[str, Any]) -> Card:
    """The card of a record."""
    return Card(
        title="Text tower that reads sums, the captioned world",
        summary="The text tower of the world's text-to-image model, taught further: a positive sum of up to "
        f"{sums.MOST} word embeddings in one place of a prompt draws all of these words. UNet, VAE, tokenizer and "
        "every word's embedding are those of the shared model.",
        command=f"python app.py train conceptor --preset {info['preset']} --out OUT",
        seed=info["seed"],
        minutes=info["minutes"],
        device=info["device"],
        data=[
            f"Scenes of the {info['world']} world, drawn by the recipe at every step. No sum has {sums.SHARED} or "
            "more parts in common with a planted word, and none is weighted by how often a part is drawn."
        ],
        curve=info["curve"],
        scores=[],
        limits=[
            "It makes the task of Conceptor easier than it is on a tower that never saw a sum; results on the "
            "tower as it was before stand beside its own in the evaluation.",
            "It knows the words of this world only.",
        ],
        extra={"Steps": f"{info['steps']:,} of {info['batch_size']} sums"},
    )
