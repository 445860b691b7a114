"""What goes with the weights of the text-to-image model: `config.json` with hashes, and `CARD.md`.

`config.json` is the record, the card is written from it; so a gate that is measured later joins both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.training import Card, device_name, read_curve, write_card
from core.world.diffusion.config import Training
from core.world.diffusion.gate import Gate
from core.world.diffusion.loading import seal

CURVE_ROWS = 12


def of_training(cfg: Training, out: Path) -> dict[str, Any]:
    """The entries that a finished run gives.

    Args:
        cfg: the recipe.
        out: its folder, with the curves of `vae` and `unet`.
    """
    curves = {part: read_curve(out / part / "curve.jsonl") for part in ("vae", "unet")}
    curve = curves["unet"]
    rows = [{k: row[k] for k in ("step", "loss", "lr")} for row in curve]
    kept = rows[:: max(1, len(rows) // CURVE_ROWS)]
    return {
        "name": "text to image of the captioned world",
        "preset": cfg.name,
        "world": cfg.world,
        "seed": cfg.seed,
        "pictures": cfg.num_pictures,
        "vae_steps": cfg.vae.num_steps,
        "vae_batch_size": cfg.vae.batch_size,
        "unet_steps": cfg.unet.num_steps,
        "batch_size": cfg.unet.batch_size,
        "minutes": round(sum(c[-1]["seconds"] for c in curves.values() if c) / 60, 1),
        "device": device_name("cuda" if torch.cuda.is_available() else "cpu"),
        "curve": kept + rows[-1:] if rows and kept[-1] != rows[-1] else kept,
    }


def of_gate(gate: Gate) -> dict[str, Any]:
    """The entries that a measured gate gives."""
    return {
        "gate": {
            "passed": gate.passed,
            "guidance": gate.guidance,
            "steps": gate.steps,
            "rows": [
                {
                    "captions": row.captions,
                    "claim": row.claim,
                    "shown": round(row.share, 4),
                    "95 % from": round(row.interval[0], 4),
                    "to": round(row.interval[1], 4),
                    "true drawings": round(row.drawn, 4),
                    "needed": row.needed,
                    "n": row.n,
                }
                for row in gate.rows
            ],
        }
    }


def record(folder: Path, entries: Mapping[str, Any]) -> None:
    """Add entries to the `config.json` of a pipeline folder, renew its hashes, and write its card."""
    target = folder / "config.json"
    before = json.loads(target.read_text("utf-8")) if target.exists() else {}
    info = {k: v for k, v in {**before, **entries}.items() if k != "sha256"}
    seal(folder, info)
    write_card(folder / "CARD.md", card(info))


def card(info: Mapping[str, Any]) -> Card:
    """The card of a record."""
    gate = info.get("gate", {})
    limits = [
        "It knows the words of this world only, and draws 64x64 pictures.",
        "It says nothing of photographs; the methods use Stable Diffusion for them.",
    ]
    if gate and not gate["passed"]:
        short = [
            f"{row['claim']} of {row['captions']} captions {100 * row['shown']:.0f} % "
            f"(asked {100 * row['needed']:.0f} %)"
            for row in gate["rows"]
            if row["needed"] and row["shown"] < row["needed"]
        ]
        limits.insert(0, f"Below its gate: {'; '.join(short)}.")
    return Card(
        title="Text to image, the captioned world",
        summary="A latent diffusion model in the layout of `StableDiffusionPipeline` (VAE, UNet, CLIP text "
        "tower, tokenizer, DDIM), trained from nothing on pictures and captions that `core.world` draws "
        "and writes. It predicts the velocity; its noise schedule ends in pure noise.",
        command=f"python app.py train imagic --preset {info['preset']} --out OUT",
        seed=info["seed"],
        minutes=info["minutes"],
        device=info["device"],
        data=[
            f"{info['pictures']:,} pictures of the {info['world']} world, drawn by the recipe; captions are "
            "written anew each time one is seen. No picture of anyone else's is used."
        ],
        curve=info["curve"],
        scores=gate.get("rows", ()),
        limits=limits,
        extra={
            "Steps": f"VAE {info['vae_steps']:,} of {info['vae_batch_size']} pictures, UNet and text tower "
            f"{info['unet_steps']:,} of {info['batch_size']}"
        }
        | ({"Note": info["note"]} if "note" in info else {}),
    )
