"""The full tier: where its weights come from, and stand-ins that are not TRILL.

The authors publish TRILL as TensorFlow SavedModels, which are not read here. `ResNetish-50` of this
project is loaded from a folder made by the recipe's `gpu` preset, or from such a folder on the Hub.
The stand-ins are self-supervised speech networks of transformers behind the same interface; they hear
16 kHz samples instead of log-mel patches, and are named as what they are.
"""

# T samples, P patches, D width

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core import settings
from core.errors import InputError, WeightsError

from . import embed, frontend
from .config import FrontEnd, Layer, Padding
from .embed import Embedded, Embedder
from .listening import weights_folder

# Models of transformers with a published checkpoint; not TRILL.
STAND_INS = {
    "wavlm-base-plus": ("microsoft/wavlm-base-plus", "WavLMModel"),
    "hubert-base": ("facebook/hubert-base-ls960", "HubertModel"),
    "wav2vec2-base": ("facebook/wav2vec2-base", "Wav2Vec2Model"),
}
MAX_SAMPLES = 30 * 16_000  # attention is quadratic in time, so longer clips are heard in pieces


def load_tier(tier: str) -> Embedder:
    """Load the embedder of a tier.

    Raises:
        InputError: there is no such tier.
        WeightsError: its weights are not on this machine.
    """
    if tier not in ("embedded", "full"):
        raise InputError(f"TRILL has no tier {tier!r}. Use embedded or full.")
    return embed.load(weights_folder(tier))


def load_from_hub(repo_id: str, revision: str, subfolder: str = "") -> Embedder:
    """Load weights made by this recipe from the Hub, at a pinned commit; safetensors only.

    Args:
        repo_id: `owner/name`; the repository holds `config.json` and `model.safetensors`.
        revision: full commit.
        subfolder: folder inside the repository.

    Raises:
        InputError: `revision` is no full commit.
        WeightsError: a file cannot be had, or does not fit.
    """
    from core.cache import hub_file

    files = [
        hub_file(repo_id, name, revision, subfolder=subfolder)
        for name in ("config.json", "model.safetensors")
    ]
    return embed.load(files[0].parent)


class StandIn:
    """A transformers speech encoder with the interface of `Embedder`. It is not TRILL.

    `embedding` is the mean of the last hidden layer over each patch's time, `layer19` that of the middle
    one, so that both have the same reading as ours: a late and a middle output.
    """

    def __init__(
        self, model: torch.nn.Module, name: str, info: dict[str, Any] | None = None
    ) -> None:
        self.model = model.eval()
        self.name = f"{name} (a stand-in, not TRILL)"
        self.cfg: FrontEnd = frontend.FRONT_END
        self.net_config = None
        self.info = {"name": self.name, "stand_in": True, **(info or {})}

    @property
    def sample_rate(self) -> int:
        """Samples for each second that `embed` expects."""
        return self.cfg.sample_rate

    def size(self, layer: Layer) -> int:
        """Width of an output."""
        del layer
        return int(self.model.config.hidden_size)  # type: ignore[union-attr]

    @torch.inference_mode()
    def embed(
        self,
        waveform: np.ndarray | Tensor,
        *,
        hop_frames: int = frontend.FRONT_END.patch_hop,
        padding: Padding = "tile",
    ) -> Embedded:
        """Embed a clip; the same arguments and errors as `Embedder.embed`."""
        samples = torch.as_tensor(np.asarray(waveform, dtype=np.float32))
        log_mel = frontend.log_mel(samples, padding, self.cfg)
        starts = np.arange(len(frontend.patches(log_mel, hop_frames, self.cfg))) * hop_frames
        padded = frontend.pad_short(samples, padding, self.cfg)
        middle, last, rate = self._hidden(padded)
        size = self.cfg.patch_frames / 100
        rows = []
        for series in (last, middle):
            begin = (starts / 100 * rate).astype(int)
            end = np.maximum(begin + 1, ((starts / 100 + size) * rate).astype(int))
            rows.append(np.stack([series[b:e].mean(0) for b, e in zip(begin, end, strict=True)]))
        times = (starts + self.cfg.patch_frames / 2) / 100
        return Embedded(rows[0], rows[1], times.astype(np.float32), log_mel.numpy())

    def _hidden(self, samples: Tensor) -> tuple[np.ndarray, np.ndarray, float]:
        """Middle and last hidden layer, each (F, D), and their frames for each second."""
        parameter = next(self.model.parameters())
        middles, lasts = [], []
        pieces = [p for p in samples.split(MAX_SAMPLES) if len(p) >= self.cfg.frame_length]
        for piece in pieces:
            piece = (piece - piece.mean()) / (piece.std() + 1e-7)  # what these models were fed
            out = self.model(
                piece[None].to(parameter.device, parameter.dtype), output_hidden_states=True
            )
            states = out.hidden_states
            middles.append(states[len(states) // 2][0].float().cpu())
            lasts.append(states[-1][0].float().cpu())
        middle, last = torch.cat(middles).numpy(), torch.cat(lasts).numpy()
        return middle, last, len(last) / (len(samples) / self.cfg.sample_rate)


def load_stand_in(name: str, source: Path | None = None, revision: str = "") -> StandIn:
    """Load a stand-in from the Hub at a pinned commit, or from a folder in the same layout.

    Raises:
        InputError: the name is unknown, or neither a folder nor a full commit is given.
        WeightsError: the files are not on this machine and may not be fetched.
    """
    if name not in STAND_INS:
        known = ", ".join(STAND_INS)
        raise InputError(f"There is no stand-in {name!r}. Use one of {known}.")
    import transformers

    repo_id, cls = STAND_INS[name]
    if source is None and len(revision) != 40:
        raise InputError(
            f"The revision {revision!r} of {repo_id} is no full commit. Give the 40 letters of one."
        )
    try:
        model = getattr(transformers, cls).from_pretrained(
            str(source) if source else repo_id,
            revision=None if source else revision,
            use_safetensors=True,
            local_files_only=source is not None or settings.current().offline,
        )
    except OSError as error:
        raise WeightsError(
            f"{repo_id} cannot be loaded ({error.__class__.__name__}). It needs a network once, or a "
            "folder with config.json and model.safetensors."
        ) from error
    return StandIn(model, name, {"repo_id": repo_id, "revision": revision})
