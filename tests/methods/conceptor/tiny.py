"""A bench of tiny random networks: a text-to-image model of either family, a CLIP, a job."""

from __future__ import annotations

import contextlib
from functools import cache

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

from core import cache as models
from core.cache.construction import construction
from core.jobs import Job
from core.methods.conceptor import borrowing
from core.methods.conceptor.borrowing import Bench
from core.methods.conceptor.config import Settings
from core.methods.conceptor.model import Model
from core.methods.conceptor.teaching import Teaching
from core.world.curriculum import tiny
from core.world.diffusion import loading
from core.world.diffusion.judge import Judge
from core.world.diffusion.reading import NONE, Reading
from core.world.diffusion.vae import initialise
from core.world.scene import Entity, Scene
from tests.core.world.diffusion.tiny import IMAGE, tiny_pipeline, tiny_sdxl, tokenizer

WORLD = tiny()


@cache
@construction()
def clip() -> CLIPModel:
    """A random CLIP of the tiny world's words, whose pictures and texts do differ."""
    words = tokenizer()
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=12, projection_dim=8,
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        image_size=IMAGE, patch_size=8, projection_dim=8,
    )  # fmt: skip
    found = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8))  # fmt: skip
    generator = torch.Generator().manual_seed(5)
    initialise(found, generator)
    with torch.no_grad():
        for p in found.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=generator))
    return found.eval().requires_grad_(False)


@cache
def pipe(family: str = "sd", prediction: str = "v_prediction"):
    found = tiny_sdxl() if family == "sdxl" else tiny_pipeline()
    kind = type(found.scheduler)
    found.scheduler = kind.from_config(found.scheduler.config, prediction_type=prediction)
    found.set_progress_bar_config(disable=True)
    return found


def bench(family: str = "sd", *, job: Job | None = None, judge: Judge | None = None) -> Bench:
    model = Model.from_pipeline(pipe(family))
    return Bench(
        job=job or Job(method="conceptor"),
        model=model,
        judge=Judge(clip(), tokenizer()) if judge is None else judge,
        tier="embedded",
        name="",
        weights=model.model_hash(),
        world=WORLD,
    )


class SeeingJudge(Judge):
    """Sees a round head in dark pictures and a square one in light ones."""

    @property
    def reads(self):
        return True

    def read(self, pictures):
        return [self._reading(p) for p in pictures]

    def _reading(self, pixels):
        kind = "roundhead" if pixels.mean() < SeeingJudge.level else "squarehead"
        return Reading(
            scene=Scene(entities=(Entity(kind=kind, place="middle"),), background="plain"),
            places=("middle",),
            values={"kind": (NONE, kind)},
            slots={"kind": np.array([[0.0, 1.0]], np.float32)},
            background={"plain": 1.0},
        )

    level = 128.0


def settings(**changes) -> Settings:
    """A decomposition in about a second."""
    given = {
        "n": 4, "steps": 4, "batch_size": 3, "training_pictures": 4, "validation_pictures": 2,
        "drawing_steps": 2, "validate_every": 2, "bank_pictures": 2, "bank_pairs": 2, "repeats": 2,
        "distribution": 3, "hidden": 8, "dictionary": "all",
    }  # fmt: skip
    return Settings(**{**given, **changes})


def teaching(**changes) -> Teaching:
    """The recipe of the text tower in a few steps of the tiny world."""
    given = {
        "name": "try", "world": "tiny", "num_steps": 4, "batch_size": 4, "warmup_steps": 1,
        "save_every": 2, "log_every": 1, "mixed_precision": "no",
    }  # fmt: skip
    return Teaching(**{**given, **changes})


TEACHING = teaching(num_steps=6, batch_size=2, log_every=2)
"""How the tower is taught that stands in for the shipped one."""


def ship(patch, folder, held) -> None:
    """Let this method find a folder's model and the tiny judge, in a cache of the test's."""

    @contextlib.contextmanager
    def judging(job, tier):
        yield Judge(clip(), tokenizer())

    patch.setattr(loading, "FOLDER", folder)
    patch.setattr(borrowing, "judging", judging)
    models.use(held)
