"""The HEAR interface (Holistic Evaluation of Audio Representations, 2021), ours and others'.

A module offers `load_model(file) -> model`, `get_scene_embeddings(audio, model)` and
`get_timestamp_embeddings(audio, model)`; the model says `sample_rate`, `scene_embedding_size` and
`timestamp_embedding_size`. Ours gives layer19, the better layer for most tasks; times are in
milliseconds, one every 170 ms.
"""

# B clips, T samples, P patches, D width

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import InputError

from . import embed, frontend
from .config import FrontEnd, Layer, Padding
from .embed import Embedded

LAYER: Layer = "layer19"


class HearModel(nn.Module):
    """The shipped network with the attributes that HEAR asks for."""

    sample_rate: int = frontend.FRONT_END.sample_rate

    def __init__(self, embedder: embed.Embedder) -> None:
        super().__init__()
        self.net = embedder.net
        self.embedder = embedder
        self.scene_embedding_size = embedder.size(LAYER)
        self.timestamp_embedding_size = self.scene_embedding_size


def load_model(model_file_path: str = "") -> HearModel:
    """Load the shipped weights, or those of a folder made by the recipe.

    Args:
        model_file_path: the folder, or its `model.safetensors`; empty for the shipped weights.
    """
    if not model_file_path:
        return HearModel(embed.load())
    path = Path(model_file_path)
    return HearModel(embed.load(path if path.is_dir() else path.parent))


def _check(audio: Tensor) -> Tensor:
    if audio.ndim != 2 or audio.shape[1] == 0:
        raise InputError(
            f"audio has shape {tuple(audio.shape)}; HEAR gives (clips, samples). Add an axis to a "
            "single clip."
        )
    return audio


def get_scene_embeddings(audio: Tensor, model: HearModel) -> Tensor:
    """One vector for each clip: (B, T) at `sample_rate` in [-1, 1] to (B, D)."""
    rows = [model.embedder.embed(clip.cpu()).mean(LAYER) for clip in _check(audio)]
    return torch.from_numpy(np.stack(rows))


def get_timestamp_embeddings(audio: Tensor, model: HearModel) -> tuple[Tensor, Tensor]:
    """A vector for each patch: (B, T) to (B, P, D) and times in milliseconds, (B, P)."""
    found = [model.embedder.embed(clip.cpu()) for clip in _check(audio)]
    series = torch.from_numpy(np.stack([f.series(LAYER) for f in found]))
    return series, 1000 * torch.from_numpy(np.stack([f.times for f in found]))


class ThirdParty:
    """A HEAR module of somebody else behind the interface of `Embedder`, for the benchmark.

    Both layers are its scene embedding; a series is its timestamp embeddings.
    """

    def __init__(self, module: ModuleType, model: Any) -> None:
        self.module, self.model = module, model
        self.name = module.__name__
        self.info = {"name": module.__name__}
        self.cfg: FrontEnd = frontend.FRONT_END
        self.net_config = None

    @property
    def sample_rate(self) -> int:
        """Samples for each second that `embed` expects: 16,000, resampled for the module."""
        return self.cfg.sample_rate

    def size(self, layer: Layer) -> int:
        """Width of its scene embedding."""
        del layer
        return int(self.model.scene_embedding_size)

    @torch.inference_mode()
    def embed(
        self,
        waveform: np.ndarray | Tensor,
        *,
        hop_frames: int = frontend.FRONT_END.patch_hop,
        padding: Padding = "tile",
    ) -> Embedded:
        """Its scene embedding as a series of one; hop and padding are the module's own."""
        from .corpus import resample

        del hop_frames, padding
        samples = np.asarray(waveform, dtype=np.float32)
        log_mel = frontend.log_mel(torch.from_numpy(samples)).numpy()
        own = resample(samples, self.cfg.sample_rate, int(self.model.sample_rate))
        out = self.module.get_scene_embeddings(torch.from_numpy(own)[None], self.model)
        row = np.asarray(out, dtype=np.float32).reshape(1, -1)
        middle = np.array([len(samples) / self.cfg.sample_rate / 2], np.float32)
        return Embedded(row, row, middle, log_mel)


def load_third_party(dotted: str, weights: str = "") -> ThirdParty:
    """Import a HEAR module by its dotted name and load its model.

    Importing runs the module's code, so this is for the command line of the machine's owner; the page
    does not offer it.

    Raises:
        InputError: the name is malformed, cannot be imported, or lacks part of the interface.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", dotted):
        raise InputError(
            f"{dotted!r} is not a module name. Write it with dots, such as package.module."
        )
    try:
        module = importlib.import_module(dotted)
    except ImportError as error:
        raise InputError(
            f"The module {dotted!r} cannot be imported ({error}). Install it here first."
        ) from error
    needed = ("load_model", "get_scene_embeddings", "get_timestamp_embeddings")
    if missing := [name for name in needed if not callable(getattr(module, name, None))]:
        raise InputError(
            f"{dotted} lacks {', '.join(missing)}, so it does not follow HEAR. Add them."
        )
    model = module.load_model(weights) if weights else module.load_model()
    attributes = ("sample_rate", "scene_embedding_size", "timestamp_embedding_size")
    if missing := [name for name in attributes if not hasattr(model, name)]:
        raise InputError(f"The model of {dotted} does not say {', '.join(missing)}. Add them.")
    return ThirdParty(module, model)
