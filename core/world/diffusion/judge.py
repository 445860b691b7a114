"""The judge: how well a picture fits a text, how alike two pictures are, and what is in a picture.

Text and likeness come from a CLIP: a small one of our own in the embedded tier, OpenAI's ViT-B/32 in the
full tier. What is in a picture comes from the scene probe, so only the embedded tier can be read.

    with cache().acquire(judge.spec_for("embedded")) as lease:
        lease.obj.text_score(pictures, "a sitting dog")   # (B,) cosines
        lease.obj.read(pictures)[0].scene                  # what the probe sees
"""

# B pictures, H height, W width, D width of CLIP's common space

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.cache.construction import construction
from core.cache.embedded import component, load_module, read_config
from core.cache.hub import hub_component
from core.cache.keys import ComponentKey, ComponentSpec, ModelSpec
from core.errors import InputError, WeightsError
from core.registry import HubModel
from core.world.diffusion.reading import Reading

if TYPE_CHECKING:
    from core.world.diffusion.probe import Probe

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
CLIP, PROBE = "clip", "probe"  # folders of `WEIGHTS`

FULL_CLIP = HubModel(
    repo_id="openai/clip-vit-base-patch32",
    # the commit that holds the weights as safetensors; the main branch has them as a pickle only
    revision="c237dc49a33fc61debc9276459120b7eac67e7ef",
    files=(
        "config.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.json",
        "merges.txt",
        "special_tokens_map.json",
    ),
)
"""What the full tier reads pictures and texts with."""

BATCH = 64  # pictures of one pass
_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training pictures (Radford et al. 2021)
_STD = (0.26862954, 0.26130258, 0.27577711)


class Judge:
    """Scores of pictures (B, H, W, 3) uint8 of any size; deterministic on a CPU."""

    def __init__(self, clip: Any = None, tokenizer: Any = None, probe: Probe | None = None) -> None:
        """Wrap what is there; a missing part is missed only by the scores that need it.

        Args:
            clip: a `transformers.CLIPModel`, which is not changed.
            tokenizer: the `CLIPTokenizer` that it was trained with.
            probe: the scene probe, or None outside the captioned world.
        """
        self.clip, self.tokenizer, self.probe = clip, tokenizer, probe

    @property
    def scores(self) -> bool:
        """Whether `text_score` and `similarity` can be had."""
        return self.clip is not None

    @property
    def reads(self) -> bool:
        """Whether `read` can be had."""
        return self.probe is not None

    def text_score(self, pictures: npt.NDArray[np.uint8], text: str) -> npt.NDArray[np.float32]:
        """Cosine between each picture and a text, (B,) in -1..1; higher fits better.

        Raises:
            WeightsError: there is no CLIP.
        """
        return (self.embed(pictures) @ self.embed_text([text])[0]).numpy()

    def text_scores(
        self, pictures: npt.NDArray[np.uint8], texts: list[str]
    ) -> npt.NDArray[np.float32]:
        """Cosine between each picture and each of several texts, (B, len(texts))."""
        return (self.embed(pictures) @ self.embed_text(texts).T).numpy()

    def similarity(
        self, pictures: npt.NDArray[np.uint8], reference: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float32]:
        """Cosine between each picture and a reference (H, W, 3), (B,) in -1..1; 1 for the same.

        One minus it is the image distance that the strip's curve shows.

        Raises:
            WeightsError: there is no CLIP.
        """
        return (self.embed(pictures) @ self.embed(reference[None])[0]).numpy()

    def read(self, pictures: npt.NDArray[np.uint8]) -> list[Reading]:
        """What the probe sees in each picture.

        Raises:
            WeightsError: there is no probe.
        """
        if self.probe is None:
            raise WeightsError(
                "There is no scene probe here, so pictures cannot be read. Its weights belong in "
                "core/world/weights/probe. Get the repository again, or train the probe."
            )
        return self.probe.read(_checked(pictures))

    @torch.inference_mode()
    def embed(self, pictures: npt.NDArray[np.uint8]) -> Tensor:
        """Unit vectors of pictures, (B, D) float32 on the CPU.

        Raises:
            InputError: these are no pictures.
            WeightsError: there is no CLIP.
        """
        clip, pictures = self._clip(), _checked(pictures)
        first = next(clip.parameters())
        size = clip.config.vision_config.image_size
        rows = []
        for start in range(0, len(pictures), BATCH):
            x = prepared(pictures[start : start + BATCH], size).to(first.device, first.dtype)
            rows.append(clip.get_image_features(pixel_values=x).pooler_output.float().cpu())
        return F.normalize(torch.cat(rows), dim=-1)

    @torch.inference_mode()
    def embed_text(self, texts: list[str]) -> Tensor:
        """Unit vectors of texts, (len(texts), D) float32 on the CPU.

        Raises:
            WeightsError: there is no CLIP.
        """
        clip = self._clip()
        device = next(clip.parameters()).device
        length = clip.config.text_config.max_position_embeddings
        said = self.tokenizer(
            texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        found = clip.get_text_features(
            input_ids=said.input_ids.to(device), attention_mask=said.attention_mask.to(device)
        )
        return F.normalize(found.pooler_output.float().cpu(), dim=-1)

    def _clip(self) -> Any:
        if self.clip is None:
            raise WeightsError(
                "There is no CLIP here, so pictures cannot be compared with texts. Its weights "
                "belong in core/world/weights/clip. Get the repository again, or train it."
            )
        return self.clip


def prepared(pictures: npt.NDArray[np.uint8], size: int) -> Tensor:
    """Pictures (B, H, W, 3) as CLIP sees them: (B, 3, size, size), scaled to their whole frame.

    The whole frame, not its middle, because an edit may lie at the edge.
    """
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
    if x.shape[-2:] != (size, size):
        x = F.interpolate(x, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
    mean, std = torch.tensor(_MEAN), torch.tensor(_STD)
    return (x - mean[:, None, None]) / std[:, None, None]


def _checked(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise InputError(
            f"Pictures of shape {pictures.shape} and type {pictures.dtype} were given. The judge "
            "takes (B, H, W, 3) of type uint8. Convert them first."
        )
    return pictures


def ready(part: str, folder: Path = WEIGHTS) -> bool:
    """Whether the weights of `CLIP` or `PROBE` are on this machine."""
    return all((folder / part / name).exists() for name in ("config.json", "model.safetensors"))


def weights_hashes(folder: Path = WEIGHTS) -> list[str]:
    """Hashes of what describes `CLIP` and `PROBE`, their weights' checksums included; empty for a missing one."""
    files = [folder / part / "config.json" for part in (CLIP, PROBE)]
    return [hashlib.sha256(f.read_bytes()).hexdigest() if f.exists() else "" for f in files]


def spec_for(tier: str = "embedded", folder: Path = WEIGHTS) -> ModelSpec:
    """What the model cache lends as a `Judge`.

    Args:
        tier: "embedded" or "full".
        folder: holds the embedded weights.

    Raises:
        InputError: there is no such tier.
        WeightsError: neither a CLIP nor a probe is on this machine.
    """
    if tier == "full":
        return _full_spec()
    if tier != "embedded":
        raise InputError(f"There is no tier {tier!r} to judge in. Use embedded or full.")
    parts: dict[str, ComponentSpec] = {}
    if ready(CLIP, folder):
        parts["clip"] = component(folder / CLIP, build_clip)
        parts["tokenizer"] = _tokenizer_spec(str(folder / CLIP), "", lambda: folder / CLIP)
    if ready(PROBE, folder):
        parts["probe"] = component(folder / PROBE, build_probe)
    if not parts:
        raise WeightsError(
            "Neither the CLIP nor the scene probe of the embedded world is on this machine. They "
            "belong in core/world/weights. Get the repository again, or train them."
        )
    return ModelSpec(name="judge, embedded", parts=parts, assemble=_assembled)


def judge_for(tier: str = "embedded", folder: Path = WEIGHTS) -> Judge:
    """Load a judge of one's own, beside the cache: for recipes and measurements.

    Raises:
        InputError: there is no such tier.
        WeightsError: its weights are not on this machine.
    """
    spec = spec_for(tier, folder)
    parts: dict[str, Any] = {}
    for name, part in spec.parts.items():
        if part.fetch:
            part.fetch()
        with construction():
            parts[name] = part.load(torch.float32)
        if isinstance(parts[name], torch.nn.Module):
            parts[name].eval().requires_grad_(False)
    return _assembled(parts, torch.device("cpu"))


def _assembled(parts: Mapping[str, Any], device: torch.device) -> Judge:
    probe = None
    if "probe" in parts:
        from core.world.diffusion.probe import Probe

        probe = Probe(parts["probe"])
    return Judge(parts.get("clip"), parts.get("tokenizer"), probe)


def build_clip(info: dict[str, Any]) -> torch.nn.Module:
    """The empty CLIP that a `config.json` describes."""
    from transformers import CLIPConfig, CLIPModel

    return CLIPModel(CLIPConfig.from_dict(info))


def build_probe(info: dict[str, Any]) -> torch.nn.Module:
    """The empty probe that a `config.json` describes."""
    from core.world.diffusion.probe import build

    return build(info)


def load_probe(folder: Path = WEIGHTS / PROBE) -> Probe:
    """Read the scene probe of a folder.

    Raises:
        WeightsError: a file is missing or does not fit.
    """
    from core.world.diffusion.probe import Probe

    with construction():
        net = load_module(folder / "model.safetensors", read_config(folder), build_probe)
    return Probe(net.float().eval().requires_grad_(False))


def _tokenizer_spec(source: str, revision: str, fetch: Any) -> ComponentSpec:
    def load(_: torch.dtype) -> Any:
        from transformers import CLIPTokenizer

        return CLIPTokenizer.from_pretrained(str(fetch()), local_files_only=True)

    return ComponentSpec(
        key=ComponentKey(source, revision, cls="CLIPTokenizer"), load=load, fetch=fetch
    )


def _full_spec() -> ModelSpec:
    from transformers import CLIPModel

    def fetch() -> Path:
        from core.cache import hub_file

        names = [n for n in FULL_CLIP.files if n not in ("config.json", "model.safetensors")]
        found = [hub_file(FULL_CLIP.repo_id, name, FULL_CLIP.revision) for name in names]
        return found[0].parent

    return ModelSpec(
        name="judge, CLIP ViT-B/32",
        parts={
            "clip": hub_component(FULL_CLIP.repo_id, FULL_CLIP.revision, "", CLIPModel),
            "tokenizer": _tokenizer_spec(FULL_CLIP.repo_id, FULL_CLIP.revision, fetch),
        },
        assemble=_assembled,
    )
