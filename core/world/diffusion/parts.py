"""The networks of a pipeline and how they are asked, the same for Stable Diffusion 1.x and XL.

Methods need four things of a text-to-image model: pictures to latents and back, texts to embeddings, a noise
prediction, and the DDIM noise levels. Nothing here changes a network that it was given.
"""

# B batch, T tokens, d width of a token, p of the pooled embedding, H, W picture, h, w latent

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from core.errors import InputError, WeightsError
from core.world.diffusion.condition import Condition
from core.world.diffusion.passes import halving

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Parts:
    """A text-to-image model, borrowed.

    Attributes:
        text_encoders: one, or two in the XL family.
        alphas: the scheduler's cumulative products, index 0 to 999.
        zero_unconditional: the XL base model was trained with zeros for an empty text.
    """

    vae: Any
    unet: Any
    text_encoders: tuple[Any, ...]
    tokenizers: tuple[Any, ...]
    scheduler: DDIMScheduler
    zero_unconditional: bool = False

    @classmethod
    def from_pipeline(cls, pipe: Any) -> Self:
        """Take the parts of a `StableDiffusionPipeline` or `StableDiffusionXLPipeline`.

        Raises:
            WeightsError: another kind of pipeline, or an objective that is not known here.
        """
        return cls.from_components(pipe.components, pipe.config)

    @classmethod
    def from_components(cls, components: Any, config: Any = None) -> Self:
        """Take the parts by their names in a pipeline's folder.

        Raises:
            WeightsError: a part is missing, or the objective is not known here.
        """
        missing = [n for n in ("vae", "unet", "scheduler", "text_encoder", "tokenizer") if components.get(n) is None]  # fmt: skip
        if missing:
            raise WeightsError(
                f"The model has no {', '.join(missing)}. A Stable Diffusion 1.x or XL pipeline with all its "
                "parts is needed. Choose such a model."
            )
        names = [n for n in ("", "_2") if components.get(f"text_encoder{n}") is not None]
        return cls(
            vae=components["vae"],
            unet=components["unet"],
            text_encoders=tuple(components[f"text_encoder{n}"] for n in names),
            tokenizers=tuple(components[f"tokenizer{n}"] for n in names),
            scheduler=_ddim(components["scheduler"]),
            zero_unconditional=bool(config and config.get("force_zeros_for_empty_prompt", False)),
        )

    @property
    def is_xl(self) -> bool:
        """Whether the network also takes a pooled embedding and the size of the picture."""
        return self.unet.config.addition_embed_type == "text_time"

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.unet.device

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in."""
        return self.unet.dtype

    @property
    def max_length(self) -> int:
        """Tokens of a text, start and end included."""
        return min(t.model_max_length for t in self.tokenizers)

    @cached_property
    def factor(self) -> int:
        """Pixels of a picture's edge for each one of a latent's."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def image_size(self) -> int:
        """Edge of the pictures that the model was trained on, pixels."""
        return self.unet.config.sample_size * self.factor

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of the latent of such a picture."""
        size = self.unet.config.sample_size
        return (self.unet.config.in_channels, size, size)

    @property
    def num_times(self) -> int:
        """Times that the network knows, 1000."""
        return int(self.scheduler.config["num_train_timesteps"])

    def tokens(self, texts: Sequence[str]) -> list[Tensor]:
        """Padded token numbers (B, T) for each text encoder."""
        return [
            tokenizer(
                list(texts),
                padding="max_length",
                max_length=tokenizer.model_max_length,
                truncation=True,
                return_tensors="pt",
            ).input_ids
            for tokenizer in self.tokenizers
        ]

    def cut(self, text: str) -> str:
        """The end of a text that the text encoder cannot take; empty when all of it fits."""
        tokenizer = self.tokenizers[0]
        ids = tokenizer(text, truncation=False, verbose=False).input_ids
        return tokenizer.decode(ids[tokenizer.model_max_length - 1 : -1]).strip()

    @torch.no_grad()
    def encode_text(self, texts: str | Sequence[str]) -> Condition:
        """Embeddings of texts, as the model's own pipeline makes them: (B, T, d), and (B, p) for XL."""
        texts = [texts] if isinstance(texts, str) else texts
        found = self.encode_tokens(self.tokens(texts))
        return Condition.of(found.tensors, self._mask(texts))

    def encode_tokens(self, numbers: Sequence[Tensor]) -> Condition:
        """Embeddings of token numbers (B, T) for each text encoder, without a mask; carries gradients."""
        states, pooled = [], None
        for encoder, ids in zip(self.text_encoders, numbers, strict=True):
            if not self.is_xl:
                states.append(encoder(ids.to(encoder.device))[0])
                continue
            out = encoder(ids.to(encoder.device), output_hidden_states=True)
            states.append(out.hidden_states[-2])
            pooled = out[0]  # the last encoder's projected one stays
        embeds = torch.cat([s.to(self.device) for s in states], dim=-1).to(self.dtype)
        if not self.is_xl:
            return Condition(embeds)
        if pooled is None or pooled.ndim != 2:
            raise WeightsError(
                "The last text encoder gives no pooled embedding. An XL model needs a "
                "CLIPTextModelWithProjection as its second one. Choose such a model."
            )
        return Condition(embeds, pooled.to(self.device, self.dtype))

    def _mask(self, texts: Sequence[str]) -> Tensor:
        found = torch.zeros(len(texts), self.max_length, 1)
        for tokenizer in self.tokenizers:
            for row, text in enumerate(texts):
                ids = tokenizer(text, truncation=True, max_length=self.max_length).input_ids
                found[row, : len(ids)] = 1
        return found.to(self.device)

    def unconditional(self) -> Condition:
        """The condition of the branch without text, one row."""
        found = self.encode_text("")
        return (
            Condition.of(map(torch.zeros_like, found.tensors)) if self.zero_unconditional else found
        )

    @torch.no_grad()
    def encode(self, pictures: Pictures) -> Tensor:
        """The latents z0 (B, c, h, w) of pictures (B, H, W, 3) uint8, float32: scaled posterior means.

        Raises:
            InputError: the edges are no multiples of what the autoencoder needs.
        """
        pictures = np.asarray(pictures)
        if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype != np.uint8:
            raise ValueError(
                f"pictures must be (B, H, W, 3) uint8, got {pictures.shape} {pictures.dtype}"
            )
        step = self.factor * 2 ** (len(self.unet.config.block_out_channels) - 1)
        if any(edge % step for edge in pictures.shape[1:3]):
            raise InputError(
                f"The picture is {pictures.shape[2]}x{pictures.shape[1]} pixels. This model takes edges that are "
                f"multiples of {step}. Crop or scale the picture to {self.image_size}x{self.image_size}."
            )
        vae = self._decoder
        x = torch.from_numpy(pictures.copy()).to(vae.device).permute(0, 3, 1, 2)
        x = x.to(vae.dtype) / 127.5 - 1
        z = vae.encode(x).latent_dist.mode() * vae.config.scaling_factor
        return z.to(self.device).float()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Pictures:
        """The pictures (B, H, W, 3) uint8 of latents (B, c, h, w), rounded as the public pipelines do.

        One at a time: the last bits of a pass depend on how many pictures it holds, and a picture
        should not depend on what is drawn beside it.
        """
        vae = self._decoder

        def some(start: int, stop: int) -> Tensor:
            z = latents[start:stop].to(vae.device, vae.dtype) / vae.config.scaling_factor
            return vae.decode(z, return_dict=False)[0]

        found = list(halving(len(latents), 1, some))
        pixels = (torch.cat(found) * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float()
        return (pixels.cpu().numpy() * 255).round().astype(np.uint8)

    @cached_property
    def _decoder(self) -> Any:
        # XL's autoencoder overflows in float16; a private copy is widened, never the shared one
        if self.vae.dtype == torch.float16 and getattr(self.vae.config, "force_upcast", False):
            return copy.deepcopy(self.vae).to(torch.float32)
        return self.vae

    def predict(self, unet: Any, latents: Tensor, t: Tensor | int, condition: Condition) -> Tensor:
        """The output f(z_t, t, e) of a UNet for latents (B, c, h, w), in its own precision.

        Args:
            unet: the borrowed one, or a view or copy of it.
            latents: z_t.
            t: one time for all rows, or (B,).
            condition: as many rows as latents.
        """
        added = None
        if condition.pooled is not None:
            h, w = (edge * self.factor for edge in latents.shape[-2:])
            ids = torch.tensor([[h, w, 0, 0, h, w]], dtype=self.dtype, device=latents.device)
            added = {
                "text_embeds": condition.pooled.to(self.dtype),
                "time_ids": ids.expand(len(latents), -1),
            }
        half = self.dtype != torch.float32
        # trained weights are float32 also where the model is not
        mixed = half and any(p.dtype != self.dtype for p in unet.parameters())
        with torch.autocast(latents.device.type, self.dtype if half else None, enabled=mixed):
            return unet(
                latents.to(self.dtype),
                t,
                encoder_hidden_states=condition.embeds.to(self.dtype),
                added_cond_kwargs=added,
                return_dict=False,
            )[0]

    def model_hash(self) -> str:
        """The same for the same model on any device in float32 or float16: what was learnt is bound to it."""
        digest = hashlib.sha256()
        for module in (self.vae, self.unet, *self.text_encoders):
            for name, tensor in sorted(module.state_dict().items()):
                digest.update(name.encode())
                if tensor.is_floating_point():
                    tensor = tensor.to(torch.float16)
                digest.update(_bytes(tensor))
        return digest.hexdigest()

    def base_hash(self) -> str:
        """Hash of every bit and name of the weights now; never remembered."""
        return fingerprint(nn.ModuleList((self.unet, self.vae, *self.text_encoders)))[:16]


def fingerprint(module: nn.Module) -> str:
    """sha256 over names, types and bytes of all weights and buffers: changes with any one bit."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> Any:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()


def _ddim(scheduler: Any) -> DDIMScheduler:
    """DDIM with a pipeline's own noise levels; what other schedulers lack is as in Stable Diffusion."""
    config = dict(scheduler.config)
    kind = config.get("prediction_type", "epsilon")
    if kind not in ("epsilon", "v_prediction"):
        raise WeightsError(
            f"The model predicts {kind!r}. Known here are epsilon and v_prediction. Choose another model."
        )
    wanted = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    known = {k: v for k, v in config.items() if not k.startswith("_")}
    return DDIMScheduler.from_config({**wanted, **known})  # pyright: ignore[reportReturnType]
