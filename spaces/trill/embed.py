"""From a waveform to the two outputs of TRILL: what the page, the probes and HEAR all call.

Needs torch and numpy only. `load()` reads the shipped weights; `Embedder(net)` wraps any network with
the same outputs, such as one borrowed from the model cache, which is never changed here.
"""

# T samples, P patches, D width of an output

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.cache.construction import construction
from core.errors import InputError, WeightsError

from . import config, frontend
from .config import FrontEnd, Layer, NetConfig, Padding
from .model import ResNetish

WEIGHTS = Path(__file__).resolve().parent / "weights"
_SMALL = 5_000_000  # parameters
BATCH = 32  # patches of one pass; larger ones leave the processor's cache and are slower


@dataclass(frozen=True, slots=True)
class Embedded:
    """Both outputs for each patch of a clip, and what they were made from."""

    embedding: np.ndarray  # (P, D) float32, not normalised
    layer19: np.ndarray  # (P, D2) float32
    times: np.ndarray  # (P,) middle of each patch in seconds
    log_mel: np.ndarray  # (F, 64) in nats

    def series(self, layer: Layer) -> np.ndarray:
        """The output called `layer` for each patch, (P, D)."""
        return self.embedding if layer == "embedding" else self.layer19

    def mean(self, layer: Layer) -> np.ndarray:
        """The clip's vector: the mean over its patches, (D,)."""
        return self.series(layer).mean(0)


@construction()
def fold_batch_norm(net: nn.Module) -> nn.Module:
    """Return a copy whose batch norms are folded into their convolutions; results agree to 1e-4."""
    net = copy.deepcopy(net).eval()
    for part in list(net.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.Sequential) and len(child) == 2:
                conv, norm = child[0], child[1]
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    setattr(part, name, torch.nn.utils.fuse_conv_bn_eval(conv, norm))
    return net


class SteadyLinear(nn.Module):
    """A linear layer that sums in float64, so that its float32 result is the same on any machine.

    How a float32 product is cut into sums depends on the number of threads, and so did its last bit.
    """

    def __init__(self, linear: nn.Linear) -> None:
        """Take the weights of `linear`, which stays as it is."""
        super().__init__()
        self.register_buffer("weight", linear.weight.detach().double())
        bias = linear.bias
        self.register_buffer("bias", None if bias is None else bias.detach().double())

    def forward(self, x: Tensor) -> Tensor:
        """(P, C) to (P, D), in the dtype of `x`."""
        return nn.functional.linear(x.double(), self.weight, self.bias).to(x.dtype)  # type: ignore[arg-type]


class Embedder:
    """A network with its front end, ready for clips."""

    def __init__(
        self,
        net: nn.Module,
        *,
        cfg: FrontEnd = frontend.FRONT_END,
        info: dict[str, Any] | None = None,
        fold: bool | None = None,
    ) -> None:
        """Wrap a network whose call gives `Outputs`.

        Args:
            net: takes (P, 96, 64) log-mel patches. It is not changed.
            cfg: front end.
            info: the `config.json` the weights came with, for the page.
            fold: work on a copy with folded batch norms, about half faster on a CPU. None: when the
                network is small, so that no second copy of a large one is held.
        """
        self.cfg, self.info = cfg, info or {}
        if fold is None:
            fold = sum(p.numel() for p in net.parameters()) < _SMALL
        self.net_config: NetConfig = getattr(net, "cfg", config.embedded())
        self.net = fold_batch_norm(net) if fold else net
        first = next(self.net.parameters())
        self.device, self.dtype = first.device, first.dtype
        if fold and self.device.type == "cpu":
            self.net = self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if isinstance(getattr(self.net, "head", None), nn.Linear):
                self.net.head = SteadyLinear(self.net.head)  # type: ignore[arg-type]
        self.name = str(self.info.get("name", "TRILL, embedded"))

    @property
    def sample_rate(self) -> int:
        """Samples for each second that `embed` expects."""
        return self.cfg.sample_rate

    def size(self, layer: Layer) -> int:
        """Width of an output."""
        probe = torch.zeros(1, self.cfg.patch_frames, self.cfg.num_mels)
        return self._run(probe)[0 if layer == "embedding" else 1].shape[1]

    @torch.inference_mode()
    def _run(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        embeddings, layers = [], []
        for part in patches.split(BATCH):
            out = self.net(part.to(self.device, self.dtype).contiguous())
            embeddings.append(out.embedding.float().cpu())
            layers.append(out.layer19.float().cpu())
        return torch.cat(embeddings), torch.cat(layers)

    def embed(
        self,
        waveform: np.ndarray | Tensor,
        *,
        hop_frames: int = frontend.FRONT_END.patch_hop,
        padding: Padding = "tile",
    ) -> Embedded:
        """Embed a clip.

        Args:
            waveform: (T,) mono at 16 kHz in [-1, 1].
            hop_frames: frames of 10 ms between patches; 17 at export, 96 means no overlap.
            padding: how a clip under one second is brought to one second.

        Raises:
            InputError: the clip is empty, has several channels, or holds values that are not finite.
        """
        samples = torch.as_tensor(np.asarray(waveform, dtype=np.float32))
        with torch.inference_mode():
            log_mel = frontend.log_mel(samples, padding, self.cfg)
            patches = frontend.patches(log_mel, hop_frames, self.cfg)
            embedding, layer19 = self._run(patches)
        middle = (np.arange(len(patches)) * hop_frames + self.cfg.patch_frames / 2) / 100
        return Embedded(
            embedding=embedding.numpy(),
            layer19=layer19.numpy(),
            times=middle.astype(np.float32),
            log_mel=log_mel.numpy(),
        )

    def embed_log_mel(self, log_mel: np.ndarray, hop_frames: int = 17) -> tuple[np.ndarray, ...]:
        """Both outputs for ready log-mel frames, (F, 64) to (P, D) and (P, D2)."""
        frames = torch.as_tensor(np.asarray(log_mel, dtype=np.float32))
        with torch.inference_mode():
            embedding, layer19 = self._run(frontend.patches(frames, hop_frames, self.cfg))
        return embedding.numpy(), layer19.numpy()


def read_config(folder: Path = WEIGHTS) -> dict[str, Any]:
    """Read `config.json` beside the weights.

    Raises:
        WeightsError: it is missing or is no JSON.
    """
    try:
        return json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{folder.name}/config.json cannot be read ({error.__class__.__name__}). Restore the "
            "folder from the repository, or make weights with the recipe."
        ) from error


@construction()
def load_net(folder: Path = WEIGHTS, file: str = "model.safetensors") -> tuple[ResNetish, dict]:
    """Build the network of a weights folder and fill it; float16 is read as float32.

    Raises:
        WeightsError: a file is missing, does not match its checksum or does not fit its config.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as load_bytes

    info = read_config(folder)
    try:
        data = (folder / file).read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{folder.name}/{file} is missing. Restore it from the repository, or make weights with "
            "the recipe."
        ) from error
    expected = info.get("sha256", {}).get(file)
    if expected and hashlib.sha256(data).hexdigest() != expected:
        raise WeightsError(
            f"{folder.name}/{file} is not the file its config.json describes (checksum differs). "
            "Fetch both again from the same place."
        )
    try:
        net = ResNetish(config.net_from_dict(info["net"]))
        state = {k: v.float() if v.is_floating_point() else v for k, v in load_bytes(data).items()}
        net.load_state_dict(state)
    except (RuntimeError, KeyError, ValueError, SafetensorError, InputError) as error:
        raise WeightsError(
            f"{folder.name}/{file} does not fit its config.json: {error}. Fetch both again from the "
            "same place."
        ) from error
    return net.eval().requires_grad_(False), info


def load(folder: Path = WEIGHTS) -> Embedder:
    """Load the shipped weights, or those of another folder made by the recipe."""
    net, info = load_net(folder)
    return Embedder(net, info=info)


@construction()
def build(info: dict[str, Any]) -> ResNetish:
    """Build the empty network that `config.json` describes; for the model cache."""
    return ResNetish(config.net_from_dict(info["net"]))
