"""Settings of TRILL: front end, network and training, as frozen data (no torch here).

Numbers of the front end are those of the authors' export code (non_semantic_speech_benchmark,
`tf_frontend.py`); those of the full network follow the documented sizes of TRILL.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import InputError

Layer = Literal["embedding", "layer19"]
Padding = Literal["tile", "zero"]
LAYERS: tuple[Layer, ...] = ("embedding", "layer19")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """The log-mel front end: 16 kHz mono in, patches of 96 frames x 64 bands out."""

    sample_rate: int = 16_000  # Hz
    min_samples: int = 16_000  # shorter clips are padded at the end to this length
    frame_length: int = 400  # samples, 25 ms
    hop_length: int = 160  # samples, 10 ms
    n_fft: int = 512
    num_mels: int = 64
    fmin: float = 125.0  # Hz
    fmax: float = 7500.0  # Hz
    floor: float = 1e-12  # below this the mel value is clipped before the offset
    offset: float = 1e-3  # added before the logarithm
    patch_frames: int = 96  # 0.96 s
    patch_hop: int = 17  # frames between patches at export, 0.17 s


@dataclass(frozen=True, slots=True, kw_only=True)
class NetConfig:
    """One ResNetish: stem 7x7 with stride 1, max-pool, four stages, average, linear."""

    block: Literal["basic", "bottleneck"] = "basic"
    widths: tuple[int, int, int, int] = (16, 32, 64, 128)
    depths: tuple[int, int, int, int] = (1, 1, 2, 1)
    embedding_dim: int = 128
    # "map" is the paper's layer 19: one stage's map pooled 4x4 and flattened, time kept.
    # "statistics" is ours: mean and std over time per channel and frequency cell.
    layer19: Literal["map", "statistics"] = "statistics"
    # Which maps (0 is the pooled stem, 1-4 the stages), and into how many cells of frequency.
    # Chosen on training recordings and synthetic digits: see docs/LOG.md.
    statistics: tuple[tuple[int, int], ...] = ((1, 8), (2, 8), (3, 4))
    input_mean: float = 0.0  # subtracted from the log-mel
    input_std: float = 1.0  # and divided by

    def __post_init__(self) -> None:
        if len(self.widths) != 4 or len(self.depths) != 4 or min(self.depths) < 1:
            raise ValueError(f"four stages with a block each are needed, got {self.depths}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One run of the recipe."""

    net: NetConfig = field(default_factory=NetConfig)
    seed: int = 20
    num_steps: int = 10_000
    margin: float = 0.2  # delta; 0.1 in Jansen et al. 2018
    lr: float = 1e-3
    warmup_steps: int = 200
    weight_decay: float = 1e-4
    ema_decay: float = 0.999
    num_recordings: int = 36  # recordings of a batch, two patches each
    num_same_group: int = 8  # of those, from one speaker, language or reader
    num_moment_recordings: int = 2  # recordings of the moment batch
    moments: int = 6  # moments of each, two views each
    moment_weight: float = 0.5  # weight of the loss on moments
    moment_dim: int = 128
    mixed_precision: Literal["no", "bf16"] = "no"
    channels_last: bool = True
    settle_batches: int = 40  # batches to measure batch norm on for the averaged weights
    save_every: int = 500
    log_every: int = 50
    espeak_clips: int = 0  # synthetic clips made with eSpeak NG when it is installed
    factors: tuple[float, ...] = (0.8, 0.86, 0.93, 1.0, 1.08, 1.16, 1.25)  # virtual speakers


def embedded() -> NetConfig:
    """The small network that ships in `weights/` and runs on a CPU."""
    return NetConfig(input_mean=-2.5, input_std=2.5)


def full() -> NetConfig:
    """ResNetish-50 of the paper: 24,550,848 parameters, embedding 512, layer19 12,288."""
    return NetConfig(
        block="bottleneck",
        widths=(64, 128, 256, 512),
        depths=(3, 4, 6, 3),
        embedding_dim=512,
        layer19="map",
    )


def to_dict(cfg: Any) -> dict[str, Any]:
    """Return a config as JSON types."""
    return dataclasses.asdict(cfg)


def _checked(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    known = {f.name for f in dataclasses.fields(cls)}
    if unknown := sorted(set(data) - known):
        raise InputError(
            f"the configuration has unknown keys {', '.join(unknown)}. Known keys: "
            f"{', '.join(sorted(known))}. Use weights and code of the same version."
        )
    return {k: _tuples(v) for k, v in data.items()}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def net_from_dict(data: Mapping[str, Any]) -> NetConfig:
    """Read a `NetConfig` back from JSON; unknown keys are refused."""
    return NetConfig(**_checked(NetConfig, data))


def train_from_dict(data: Mapping[str, Any]) -> TrainConfig:
    """Read a `TrainConfig` back from JSON; unknown keys are refused."""
    given = _checked(TrainConfig, data)
    return TrainConfig(**{**given, "net": net_from_dict(given["net"])})
