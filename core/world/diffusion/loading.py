"""Where text-to-image models come from, as parts that the model cache shares between methods.

The embedded tier is the folder `core/world/weights/text_to_image`, an ordinary `StableDiffusionPipeline`
directory. The full tier are checkpoints of the Hub in the same layout. A lease lends a pipeline whose modules are
shared: whoever tunes one, tunes a copy.

    with cache().acquire(loading.spec_for("embedded")) as lease:
        lease.obj  # a StableDiffusionPipeline with a DDIM scheduler of its own
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.cache.hub import hub_component, load_pretrained, weight_files
from core.cache.keys import ComponentKey, ComponentSpec, ModelSpec, Work
from core.cache.sizes import dtype_bytes, safetensors_bytes
from core.errors import InputError, WeightsError
from core.registry import HubModel

if TYPE_CHECKING:
    import torch

_ROOT = Path(__file__).resolve().parents[3]
FOLDER = _ROOT / "core" / "world" / "weights" / "text_to_image"
_MODULES = ("unet", "vae", "text_encoder", "text_encoder_2")
_TOKENIZERS = ("tokenizer", "tokenizer_2")
_TOKENIZER_FILES = ("vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json")
# What configs of other samplers leave out, as Stable Diffusion was trained; DDIM's own defaults differ.
_DDIM = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class FullModel:
    """A checkpoint of the full tier.

    Attributes:
        hub: its files at one commit.
        family: which pipeline class it belongs to.
        image_size: side of the pictures it was trained on, pixels.
        licence: as stated on its page.
        size_bytes: what is downloaded, weights only.
        variant: part of the names of its weight files.
        min_device_bytes: device memory for an adapter at batch 2, an estimate.
    """

    hub: HubModel
    family: Literal["sd", "sdxl"]
    image_size: int
    licence: str
    size_bytes: int
    variant: str = ""
    min_device_bytes: int = 12 * GIB


def _files(family: str, variant: str) -> tuple[str, ...]:
    dot = f".{variant}" if variant else ""
    names = ["scheduler/scheduler_config.json"]
    for part in _MODULES[: 4 if family == "sdxl" else 3]:
        base = "model" if part.startswith("text") else "diffusion_pytorch_model"
        names += [f"{part}/config.json", f"{part}/{base}{dot}.safetensors"]
    for part in _TOKENIZERS[: 2 if family == "sdxl" else 1]:
        names += [f"{part}/{file}" for file in _TOKENIZER_FILES]
    return tuple(names)


_RAIL_M = "CreativeML OpenRAIL-M, as stated on its page"
FULL: Mapping[str, FullModel] = {
    "stable-diffusion-v1-5": FullModel(
        hub=HubModel(
            repo_id="stable-diffusion-v1-5/stable-diffusion-v1-5",
            revision="451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
            files=_files("sd", "fp16"),
        ),
        family="sd",
        image_size=512,
        licence=_RAIL_M,
        size_bytes=1_719_125_304 + 246_144_864 + 167_335_342,
        variant="fp16",
    ),
    "stable-diffusion-v1-4": FullModel(
        hub=HubModel(
            repo_id="CompVis/stable-diffusion-v1-4",
            revision="133a221b8aa7292a167afc5127cb63fb5005638b",
            files=_files("sd", ""),
        ),
        family="sd",
        image_size=512,
        licence=_RAIL_M,
        size_bytes=4_270_000_000,  # 3.44 + 0.49 + 0.34 GB, in float32
    ),
    "stable-diffusion-xl-base-1.0": FullModel(
        hub=HubModel(
            repo_id="stabilityai/stable-diffusion-xl-base-1.0",
            revision="462165984030d82259a11f4367a4eed129e94a7b",
            files=_files("sdxl", "fp16"),
        ),
        family="sdxl",
        image_size=1024,
        licence="CreativeML Open RAIL++-M, as stated on its page",
        size_bytes=5_135_149_760 + 246_144_152 + 1_389_382_176 + 167_335_342,
        variant="fp16",
        min_device_bytes=24 * GIB,
    ),
}
"""Checkpoints of the full tier by the name that requests use, the default first."""


def ready(folder: Path = FOLDER) -> bool:
    """Whether a folder holds a pipeline with weights."""
    parts = [folder / part for part in _MODULES[:3]]
    return (folder / "model_index.json").is_file() and all(
        (part / "config.json").is_file() and any(part.glob("*.safetensors")) for part in parts
    )


def spec_for(
    tier: str = "embedded",
    model: str = "",
    folder: Path | None = None,
    text_encoder: Path | None = None,
) -> ModelSpec:
    """What the model cache lends as a pipeline.

    Args:
        tier: "embedded" or "full".
        model: one of `FULL`; empty for the first.
        folder: of the embedded tier, when it is not the shipped one.
        text_encoder: of the embedded tier, when the text tower is not the pipeline's own (see `from_folder`).

    Raises:
        InputError: there is no such tier or model.
        WeightsError: the embedded weights are not here.
    """
    if tier == "full":
        name = model or next(iter(FULL))
        if name not in FULL:
            raise InputError(
                f"There is no model {name!r}. The full tier has {', '.join(FULL)}. Choose one."
            )
        return _from_hub(name, FULL[name])
    if tier != "embedded":
        raise InputError(f"There is no tier {tier!r}. It can be embedded or full. Choose one.")
    return from_folder(FOLDER if folder is None else folder, text_encoder=text_encoder)


def from_folder(
    folder: Path, dtype: str = "float32", *, text_encoder: Path | None = None
) -> ModelSpec:
    """A pipeline in a folder that `save_pretrained` wrote, SD 1.x or SDXL.

    Weights that the folder's `config.json` names by their sha256 (see `seal`) are checked.

    Args:
        folder: of the pipeline.
        dtype: of its networks.
        text_encoder: a folder that holds another `text_encoder` for it; all other parts stay shared.

    Raises:
        WeightsError: there is no pipeline in it.
    """
    folder = folder.resolve()
    if not ready(folder):
        raise WeightsError(
            f"The text-to-image model is not in {folder.parent.name}/{folder.name} yet. It needs "
            "model_index.json and the folders unet, vae and text_encoder with safetensors. Get the "
            "repository again, or train it: python app.py train imagic --preset cpu --out OUT."
        )
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    hashes, source = _hashes(folder), _source(folder)
    classes = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, **_text_classes(_is_xl(folder))}
    parts = {
        name: _module(folder, source, name, cls, hashes, dtype) for name, cls in classes.items()
    }
    shown = "text to image, embedded" if folder == FOLDER else f"text to image, {folder.name}"
    if text_encoder is not None:
        text_encoder = text_encoder.resolve()
        parts["text_encoder"] = _other_text_encoder(text_encoder, classes["text_encoder"], dtype)
        shown += f", text encoder of {text_encoder.parent.name}"
    for name in _TOKENIZERS[: len(classes) - 2]:
        parts[name] = _tokenizer(source, "", name, lambda name=name: folder / name)
    parts["scheduler"] = _scheduler(source, "", lambda: folder / "scheduler")
    return ModelSpec(name=shown, parts=parts, assemble=_assembled, work_bytes=_work_bytes)


def _source(folder: Path) -> str:
    return folder.relative_to(_ROOT).as_posix() if folder.is_relative_to(_ROOT) else str(folder)


def _other_text_encoder(folder: Path, cls: type, dtype: str) -> ComponentSpec:
    if not any((folder / "text_encoder").glob("*.safetensors")):
        raise WeightsError(
            f"There is no text encoder in {folder.parent.name}/{folder.name}. It needs the folder text_encoder with "
            "config.json and safetensors. Get the repository again."
        )
    return _module(folder, _source(folder), "text_encoder", cls, _hashes(folder), dtype)


def _from_hub(name: str, model: FullModel) -> ModelSpec:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    from core.cache.hub import hub_file

    repo, revision, variant = model.hub.repo_id, model.hub.revision, model.variant
    xl = model.family == "sdxl"
    parts = {
        "unet": hub_component(repo, revision, "unet", UNet2DConditionModel, "bfloat16", variant=variant),
        # float32: the one of SDXL leaves the range of float16
        "vae": hub_component(repo, revision, "vae", AutoencoderKL, "float32", variant=variant),
    }  # fmt: skip
    for part, cls in _text_classes(xl).items():
        parts[part] = hub_component(repo, revision, part, cls, "bfloat16", variant=variant)

    def folder_of(part: str, files: tuple[str, ...]) -> Path:
        return [hub_file(repo, f, revision, subfolder=part) for f in files][-1].parent

    for part in _TOKENIZERS[: 2 if xl else 1]:
        parts[part] = _tokenizer(
            repo, revision, part, lambda part=part: folder_of(part, _TOKENIZER_FILES)
        )
    parts["scheduler"] = _scheduler(
        repo, revision, lambda: folder_of("scheduler", ("scheduler_config.json",))
    )
    return ModelSpec(name=name, parts=parts, assemble=_assembled, work_bytes=_work_bytes)


def _text_classes(xl: bool) -> dict[str, type]:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    one: dict[str, type] = {"text_encoder": CLIPTextModel}
    return one | {"text_encoder_2": CLIPTextModelWithProjection} if xl else one


def _is_xl(folder: Path) -> bool:
    try:
        index = json.loads((folder / "model_index.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The model_index.json of {folder.name} cannot be read ({type(error).__name__}). "
            "Get the folder again from the place it came from."
        ) from error
    return isinstance(index, dict) and "text_encoder_2" in index


def _module(
    folder: Path, source: str, name: str, cls: type, hashes: Mapping[str, str], dtype: str
) -> ComponentSpec:
    files = weight_files(folder / name)
    known = [hashes.get(f"{name}/{file.name}", "") for file in files]
    stamp = "+".join(known) if all(known) else str(max(f.stat().st_mtime_ns for f in files))

    def load(torch_dtype: torch.dtype) -> Any:
        for file, expected in zip(files, known, strict=True):
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            if expected and found != expected:
                raise WeightsError(
                    f"The weights file {name}/{file.name} is not the one that config.json describes: "
                    f"its sha256 begins with {found[:12]}, expected {expected[:12]}. Get both again."
                )
        return load_pretrained(folder / name, cls, torch_dtype)

    return ComponentSpec(
        key=ComponentKey(source, stamp, name, cls.__name__, dtype),
        load=load,
        est_bytes=lambda: sum(safetensors_bytes(f, dtype_bytes(dtype)) for f in files),
    )


def _tokenizer(source: str, revision: str, name: str, fetch: Any) -> ComponentSpec:
    def load(_: torch.dtype) -> Any:
        from transformers import CLIPTokenizer

        return CLIPTokenizer.from_pretrained(str(fetch()), local_files_only=True)

    key = ComponentKey(source, revision, name, "CLIPTokenizer")
    return ComponentSpec(key=key, load=load, fetch=fetch)


def _scheduler(source: str, revision: str, fetch: Any) -> ComponentSpec:
    """DDIM with the checkpoint's own noise schedule, whatever sampler its page names."""

    def load(_: torch.dtype) -> Any:
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler

        found: Any = DDIMScheduler.load_config(str(fetch()), local_files_only=True)
        known = {k: v for k, v in found.items() if not k.startswith("_")}
        return DDIMScheduler.from_config({**_DDIM, **known})

    key = ComponentKey(source, revision, "scheduler", "DDIMScheduler")
    return ComponentSpec(key=key, load=load, fetch=fetch)


def _assembled(parts: Mapping[str, Any], device: torch.device) -> Any:
    """The parts as a pipeline with a scheduler of its own: that carries the state of a run."""
    from diffusers import (
        StableDiffusionPipeline,  # pyright: ignore[reportPrivateImportUsage]
        StableDiffusionXLPipeline,  # pyright: ignore[reportPrivateImportUsage]
    )

    del device
    given = dict(parts)
    shared = given["scheduler"]
    given["scheduler"] = type(shared).from_config(shared.config)
    if "text_encoder_2" in given:
        made: Any = StableDiffusionXLPipeline(**given, add_watermarker=False)
    else:
        made = StableDiffusionPipeline(
            **given,
            safety_checker=None,  # pyright: ignore[reportArgumentType]
            feature_extractor=None,  # pyright: ignore[reportArgumentType]
            requires_safety_checker=False,
        )
    made.set_progress_bar_config(disable=True)
    return made


def _work_bytes(work: Work) -> int:
    """Memory beside the weights that a method says it needs."""
    return int(work.get("bytes", 0))


def _hashes(folder: Path) -> dict[str, str]:
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8")).get("sha256", {})
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"The config.json of {folder.name} cannot be read ({type(error).__name__}). Get it again."
        ) from error
    return {str(k): str(v) for k, v in found.items()}


def seal(folder: Path, info: Mapping[str, Any] | None = None) -> Path:
    """Write the sha256 of every weights file of a pipeline folder into its `config.json`.

    Args:
        folder: written by `save_pretrained`.
        info: further entries, such as the command, the minutes and the scores.

    Returns:
        The `config.json`, which diffusers does not read.
    """
    hashes = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*/*.safetensors"))
    }
    target = folder / "config.json"
    text = json.dumps({**(info or {}), "sha256": hashes}, indent=1, ensure_ascii=False)
    target.write_text(text + "\n", "utf-8")
    return target
