"""What was learnt as tensors and JSON, so that it draws again without learning.

The tensors are z0, both embeddings, the adapter (or, after full tuning, the weights) and the noises of which they draw
the picture, in float32, as safetensors; the JSON says what they are: settings, losses, the sha256 of every tensor and of the model that
they belong to. `kit_file` packs both into one file that travels. A kit may come from anyone, so everything is checked before it is used: sizes, names, types, shapes,
hashes, finite values. No code is in it and none is run.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from core.errors import InputError
from core.runs.request import from_json, to_json
from core.world.diffusion.condition import Condition
from core.world.diffusion.parts import Parts

from .config import LEARNING_RANGES, Learning
from .inversion import START_OF
from .learnt import Learnt, Losses, Point, StageName

FORMAT, VERSION = "vitrine imagic kit", 1
MAX_TENSORS = 256 * 2**20  # bytes of kit.safetensors: an adapter of the largest model and rank
_STAGES = get_args(StageName)
_PLAIN = (
    "z0", "target.embeds", "target.pooled", "target.mask", "optimised.embeds", "optimised.pooled",
)  # fmt: skip
_NEEDED = {"z0", "target.embeds", "optimised.embeds"}
_LEARNT = re.compile(
    r"(adapter\.[\w.]{1,200}\.lora_[AB]\.weight|weights\.[\w.]{1,200}"
    rf"|start\.({'|'.join(START_OF)})\.[1-9]\d{{0,3}})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the JSON says beside what goes into `Learnt`.

    Attributes:
        model: `Parts.model_hash` of the model that the kit belongs to.
        tensors: shape and sha256 of each tensor.
    """

    model: str
    tensors: Mapping[str, Mapping[str, Any]]


def write(learnt: Learnt, model: str) -> tuple[bytes, dict[str, Any]]:
    """The tensors of a kit as safetensors, and what is told of them as JSON types.

    Args:
        learnt: from `learn`.
        model: `Parts.model_hash` of the model that learnt it.

    Raises:
        InputError: it is too large for a kit (`fits` says so before).
    """
    if not fits(learnt):
        raise InputError(
            f"Full tuning changed {_bytes_of(learnt) / 2**20:.0f} MiB of weights. An edit kit holds up to "
            f'{MAX_TENSORS // 2**20} MiB. Choose the tuning "lora" to keep a kit.'
        )
    tensors = {k: v.detach().cpu().float().contiguous() for k, v in _tensors(learnt).items()}
    told = {
        "format": FORMAT,
        "version": VERSION,
        "model": model,
        "learning": to_json(learnt.learning),
        "losses": {
            "target": learnt.losses.target,
            "optimised": learnt.losses.optimised,
            "tuned": learnt.losses.tuned,
        },
        "curve": [[p.stage, p.step, p.loss] for p in learnt.curve],
        "steps": dict(learnt.steps),
        "seconds": {k: round(v, 3) for k, v in learnt.seconds.items()},
        "peak_bytes": learnt.peak_bytes,
        "stopped": learnt.stopped,
        "tensors": {
            name: {"shape": list(tensor.shape), "sha256": _sha256(tensor)}
            for name, tensor in sorted(tensors.items())
        },
    }
    return save(tensors), told


def fits(learnt: Learnt) -> bool:
    """Whether it is small enough for a kit: always with an adapter, rarely after full tuning."""
    return _bytes_of(learnt) <= MAX_TENSORS - 2**20


def lora_file(learnt: Learnt) -> bytes:
    """The adapter alone, as `StableDiffusionPipeline.load_lora_weights` reads it.

    Raises:
        InputError: there is no adapter.
    """
    if learnt.adapter is None:
        raise InputError(
            f'The tuning "{learnt.learning.tuning}" leaves no adapter. "lora" and "joint" do. Learn with one of them.'
        )
    return save({f"unet.{k}": v.detach().cpu().contiguous() for k, v in learnt.adapter.items()})


def describe(told: Any) -> Description:
    """Check what is told of a kit, before any model is borrowed.

    Args:
        told: from JSON, of any kind.

    Raises:
        InputError: it does not describe a kit, or one of another version.
    """
    if not isinstance(told, Mapping) or told.get("format") != FORMAT:
        _refuse("its description does not say so")
    if told.get("version") != VERSION:
        raise InputError(
            f"The edit kit has version {str(told.get('version'))[:20]!r}. This hub reads version {VERSION}. "
            "Learn the picture again here, or open the kit with the hub that wrote it."
        )
    model, tensors = told.get("model"), told.get("tensors")
    if not isinstance(model, str) or not re.fullmatch(r"[0-9a-f]{64}", model):
        _refuse("it names no model")
    if not isinstance(tensors, Mapping):
        _refuse("it lists no tensors")
    for name, entry in tensors.items():
        _check_entry(name, entry)
    if missing := _NEEDED - set(tensors):
        _refuse(f"it has no {', '.join(sorted(missing))}")
    return Description(model=model, tensors=tensors)


def read(tensors: bytes, told: Any) -> tuple[Learnt, Description]:
    """Read a kit and check it against itself; `check` then holds it against a model.

    Args:
        tensors: safetensors from anywhere.
        told: the JSON types beside them; keys that are not known here are left alone.

    Raises:
        InputError: it is damaged, too large, or no kit.
    """
    described = describe(told)
    if len(tensors) > MAX_TENSORS:
        _refuse(f"it has {len(tensors)} bytes, at most {MAX_TENSORS} are read")
    try:
        found = load(tensors)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(
            "The tensors of the edit kit cannot be read: the file is damaged or no safetensors file. A kit is the "
            "zip file that an edit gives. Download it again."
        ) from error
    if set(found) != set(described.tensors):
        _refuse("its tensors are not those that its description lists")
    for name, tensor in found.items():
        entry = described.tensors[name]
        if tensor.dtype != torch.float32 or list(tensor.shape) != entry["shape"]:
            _refuse(f"{name} is {tensor.dtype} {tuple(tensor.shape)}, not as described")
        if _sha256(tensor) != entry["sha256"]:
            _refuse(f"{name} was changed after it was written")
        if not torch.isfinite(tensor).all():
            _refuse(f"{name} holds values that are no numbers")
    return _learnt(found, told), described


def check(learnt: Learnt, description: Description, parts: Parts, model: str) -> None:
    """Return if a kit fits a model.

    Args:
        learnt: from `read`.
        description: from `read`.
        parts: the borrowed model.
        model: its `Parts.model_hash`.

    Raises:
        InputError: it belongs to another model, or its shapes do not fit.
    """
    if description.model != model:
        raise InputError(
            f"The edit kit was learnt with the model {description.model[:12]}, and this is {model[:12]}. A kit works "
            "with its own model only. Choose that model, or learn the picture again with this one."
        )
    like = parts.encode_text("")
    for condition in (learnt.target, learnt.optimised):
        if [t.shape for t in condition.tensors] != [t.shape for t in like.tensors]:
            _refuse("its embeddings do not fit the model")
    own = parts.unet.config
    if learnt.z0.ndim != 4 or tuple(learnt.z0.shape[:2]) != (1, own.in_channels):
        _refuse("its latents do not fit the model")
    if max(learnt.z0.shape[2:]) > 4 * own.sample_size:
        _refuse("its picture is more than four times as large as those of the model")
    if any(start.shape != learnt.z0.shape for start in learnt.starts.values()):
        _refuse("its starts do not fit its latents")
    shapes = {name: tuple(p.shape) for name, p in parts.unet.named_parameters()}
    for name, tensor in (learnt.weights or {}).items():
        if shapes.get(name) != tuple(tensor.shape):
            _refuse(f"the weight {name[:80]} does not fit the model")
    for name, tensor in (learnt.adapter or {}).items():
        layer, _, side = name.removesuffix(".weight").rpartition(".lora_")
        weight = shapes.get(f"{layer}.weight")
        other = (learnt.adapter or {}).get(f"{layer}.lora_{'B' if side == 'A' else 'A'}.weight")
        if weight is None or other is None:
            _refuse(f"the adapter of {layer[:80]} does not fit the model")
        rank = tensor.shape[0] if side == "A" else tensor.shape[1]
        most = int(LEARNING_RANGES["rank"].high)
        expected = (rank, *weight[1:]) if side == "A" else (weight[0], rank, *[1] * len(weight[2:]))
        if not 1 <= rank <= most or tuple(tensor.shape) != expected:
            _refuse(f"the adapter of {layer[:80]} does not fit the model")
        if rank != (other.shape[1] if side == "A" else other.shape[0]):
            _refuse(f"the two sides of the adapter of {layer[:80]} do not fit each other")


def _tensors(learnt: Learnt) -> dict[str, Tensor]:
    found = {
        "z0": learnt.z0,
        "target.embeds": learnt.target.embeds,
        "target.pooled": learnt.target.pooled,
        "target.mask": learnt.target.mask,
        "optimised.embeds": learnt.optimised.embeds,
        "optimised.pooled": learnt.optimised.pooled,
    }
    found |= {f"adapter.{k}": v for k, v in (learnt.adapter or {}).items()}
    found |= {f"weights.{k}": v for k, v in (learnt.weights or {}).items()}
    found |= {f"start.{k}": v for k, v in learnt.starts.items()}
    return {k: v for k, v in found.items() if v is not None}


def _learnt(tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> Learnt:
    def under(prefix: str) -> dict[str, Tensor] | None:
        found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        return found or None

    try:
        losses = Losses(**{k: _number(v) for k, v in told["losses"].items()})
        curve = tuple(Point(_stage(s), int(_number(n)), _number(v)) for s, n, v in told["curve"])
        steps = {_stage(k): int(_number(v)) for k, v in told["steps"].items()}
        seconds = {_stage(k): _number(v) for k, v in told["seconds"].items()}
        learning = from_json(Learning, told["learning"])
        peak, stopped = int(_number(told["peak_bytes"])), bool(told["stopped"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "The edit kit's description lacks something or holds values of a wrong kind. A kit is the zip file that "
            "an edit gives, unchanged. Download it again."
        ) from error
    learnt = Learnt(
        z0=tensors["z0"],
        target=Condition(
            tensors["target.embeds"], tensors.get("target.pooled"), tensors.get("target.mask")
        ),
        optimised=Condition(tensors["optimised.embeds"], tensors.get("optimised.pooled")),
        learning=learning,
        adapter=under("adapter."),
        weights=under("weights."),
        curve=curve,
        losses=losses,
        steps=steps,
        seconds=seconds,
        peak_bytes=peak,
        stopped=stopped,
    )
    learnt.starts.update(under("start.") or {})
    return learnt


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return value


def _stage(value: Any) -> StageName:
    if value not in _STAGES:
        raise ValueError(f"{value!r} is no stage")
    return value


def _check_entry(name: Any, entry: Any) -> None:
    if name not in _PLAIN and not _LEARNT.fullmatch(name):
        _refuse(f"it lists {str(name)[:80]!r}, which no kit holds")
    if not isinstance(entry, dict) or set(entry) != {"shape", "sha256"}:
        _refuse(f"it does not describe {name}")
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(type(n) is int and 0 < n < 2**31 for n in shape):
        _refuse(f"it gives {name} no shape")


def _bytes_of(learnt: Learnt) -> int:
    return 4 * sum(t.numel() for t in _tensors(learnt).values())


def _sha256(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()


def _refuse(why: str) -> NoReturn:
    raise InputError(
        f"This is no edit kit that can be used: {why}. A kit is the zip file that an edit gives, unchanged. "
        "Download it again, or learn the picture here."
    )
