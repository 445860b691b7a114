"""Loop pieces that all recipes share: seeds, EMA, checkpoints, curves and the weights card.

A checkpoint is one folder: tensors as safetensors, the rest as JSON, never a pickle. It is written
beside its place, flushed to disk and renamed, so that a process killed at any moment leaves either
the old checkpoint or the new one. Everything runs unchanged under `accelerate launch`; only the main
process writes.
"""

from __future__ import annotations

from core.training.checkpoints import (
    load_checkpoint,
    rng_state,
    save_checkpoint,
    set_rng_state,
    write_atomically,
)
from core.training.loop import (
    Ema,
    OnStep,
    Run,
    Step,
    accelerator_for,
    cosine_with_warmup,
    device_name,
    fit,
    flat_then_down,
    seed_everything,
)
from core.training.records import Card, Curve, read_curve, save_weights, write_card

__all__ = [
    "Card",
    "Curve",
    "Ema",
    "OnStep",
    "Run",
    "Step",
    "accelerator_for",
    "cosine_with_warmup",
    "device_name",
    "fit",
    "flat_then_down",
    "load_checkpoint",
    "read_curve",
    "rng_state",
    "save_checkpoint",
    "save_weights",
    "seed_everything",
    "set_rng_state",
    "write_atomically",
    "write_card",
]
