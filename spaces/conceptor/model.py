"""The networks of a pipeline and how Conceptor asks them, the same for Stable Diffusion 1.x and XL.

Conceptor needs of a text-to-image model: prompts to conditions, with one place left to a vector of ours, a prediction,
the noise levels, and latents to pictures. What it works on is a view of what was borrowed.
"""

# B batch, T tokens, d width of a token, p of the pooled embedding, H, W picture, h, w latent

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from core.errors import WeightsError
from core.world.diffusion.config import PLACEHOLDERS

from .config import PROMPT
from .slot import filled, view

Pictures = npt.NDArray[np.uint8]
DECODED = 2**20  # pixels that the autoencoder decodes in one pass


@dataclass(frozen=True, slots=True)
class Condition:
    """What the network is told: embeddings (B, T, d), and in the XL family a pooled one (B, p)."""

    embeds: Tensor
    pooled: Tensor | None = None

    def expand(self, count: int) -> Condition:
        """The one row of a condition, `count` times."""
        return self._each(lambda t: t.expand(count, *t.shape[1:]))

    def rows(self, which: slice | Tensor) -> Condition:
        """Some rows."""
        return self._each(lambda t: t[which])

    def detach(self) -> Condition:
        """The same without gradients."""
        return self._each(torch.Tensor.detach)

    def _each(self, do: Any) -> Condition:
        return Condition(do(self.embeds), None if self.pooled is None else do(self.pooled))


def joined(conditions: Iterable[Condition]) -> Condition:
    """Rows of several conditions, one after the other."""
    found = list(conditions)
    pooled = [c.pooled for c in found if c.pooled is not None]
    return Condition(torch.cat([c.embeds for c in found]), torch.cat(pooled) if pooled else None)


@dataclass(frozen=True, repr=False, eq=False)
class Model:
    """A text-to-image model, borrowed.

    Attributes:
        unet: a view; its own flags, the shared weights.
        text_encoders: views; one, or two in the XL family.
        shared: the borrowed modules themselves, to be hashed and left alone.
        zero_unconditional: the XL base model was trained with zeros for an empty text.
    """

    vae: Any
    unet: Any
    text_encoders: tuple[Any, ...]
    tokenizers: tuple[Any, ...]
    scheduler: DDIMScheduler
    shared: tuple[Any, ...]
    zero_unconditional: bool = False

    @classmethod
    def from_pipeline(cls, pipe: Any) -> Model:
        """Take the parts of a `StableDiffusionPipeline` or `StableDiffusionXLPipeline`.

        Raises:
            WeightsError: a part is missing, the tokenizers differ, or the objective is not known here.
        """
        found = pipe.components
        names = ("vae", "unet", "scheduler", "text_encoder", "tokenizer")
        if missing := [name for name in names if found.get(name) is None]:
            raise WeightsError(
                f"The model has no {', '.join(missing)}. Conceptor needs a Stable Diffusion 1.x or XL pipeline "
                "with all its parts. Choose such a model."
            )
        ends = [end for end in ("", "_2") if found.get(f"text_encoder{end}") is not None]
        encoders = tuple(found[f"text_encoder{end}"] for end in ends)
        tokenizers = tuple(found[f"tokenizer{end}"] for end in ends)
        if any(t.get_vocab() != tokenizers[0].get_vocab() for t in tokenizers[1:]):
            raise WeightsError(
                "The two tokenizers of the model number words differently. One sum over both tables needs one "
                "numbering. Choose Stable Diffusion 1.x or XL."
            )
        return cls(
            vae=found["vae"],
            unet=view(found["unet"]),
            text_encoders=tuple(view(encoder) for encoder in encoders),
            tokenizers=tokenizers,
            scheduler=_ddim(found["scheduler"]),
            shared=(found["vae"], found["unet"], *encoders),
            zero_unconditional=bool(pipe.config.get("force_zeros_for_empty_prompt", False)),
        )

    @property
    def is_xl(self) -> bool:
        """Whether the network also takes a pooled embedding and the size of the picture."""
        return self.unet.config.addition_embed_type == "text_time"

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.unet.device

    @cached_property
    def factor(self) -> int:
        """Pixels of a picture's edge for each one of a latent's."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of a latent."""
        size = self.unet.config.sample_size
        return (self.unet.config.in_channels, size, size)

    @property
    def num_times(self) -> int:
        """Times that the network knows, 1000."""
        return int(self.scheduler.config["num_train_timesteps"])

    @property
    def tables(self) -> tuple[Tensor, ...]:
        """The token table (|V|, d) of each text encoder; nobody writes into it."""
        return tuple(e.get_input_embeddings().weight.detach() for e in self.text_encoders)

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

    @torch.no_grad()
    def say(self, texts: str | Sequence[str]) -> Condition:
        """Conditions of ordinary texts, as the model's own pipeline makes them."""
        texts = [texts] if isinstance(texts, str) else texts
        return self._encoded(self.tokens(texts))

    def unconditional(self) -> Condition:
        """The condition of the branch without text, one row."""
        empty = self.say("")
        return empty._each(torch.zeros_like) if self.zero_unconditional else empty

    def fill(self, vectors: Sequence[Tensor]) -> Condition:
        """Conditions of "a photo of a <w*>", one for each row of the vectors; carries gradients.

        Args:
            vectors: for each text encoder (B, d), or (d,) for one row.
        """
        rows = [v if v.ndim == 2 else v[None] for v in vectors]
        with ExitStack() as stack:
            for encoder, vector in zip(self.text_encoders, rows, strict=True):
                table = encoder.get_input_embeddings()
                stack.enter_context(filled(table, [self._place], vector[:, None]))
            return self._encoded([ids.expand(len(rows[0]), -1) for ids in self._prompt])

    @cached_property
    def _slot(self) -> str:
        """A token for the place of the slot: one that is reserved, else the first of the vocabulary.

        Which one matters only where an old configuration looks for the end of a text as its largest number.
        """
        vocabulary = self.tokenizers[0].get_vocab()
        free = next((p for p in PLACEHOLDERS if p in vocabulary), None)
        return free or min(vocabulary, key=vocabulary.__getitem__)

    @cached_property
    def _prompt(self) -> list[Tensor]:
        number = self.tokenizers[0].get_vocab()[self._slot]
        found = []
        for tokenizer in self.tokenizers:
            head = tokenizer(PROMPT.format("").strip()).input_ids  # start, words, end
            ids = [*head[:-1], number, head[-1]]
            pad = tokenizer.pad_token_id
            ids += [pad] * (tokenizer.model_max_length - len(ids))
            found.append(torch.tensor([ids]))
        return found

    @cached_property
    def _place(self) -> int:
        return len(self.tokenizers[0](PROMPT.format("").strip()).input_ids) - 1

    def _encoded(self, numbers: Sequence[Tensor]) -> Condition:
        states, pooled = [], None
        for encoder, ids in zip(self.text_encoders, numbers, strict=True):
            if not self.is_xl:
                states.append(encoder(ids.to(encoder.device))[0])
                continue
            out = encoder(ids.to(encoder.device), output_hidden_states=True)
            states.append(out.hidden_states[-2])
            pooled = out[0]  # the last encoder's projected one stays
        embeds = torch.cat([s.to(self.device) for s in states], dim=-1)
        if pooled is not None and pooled.ndim != 2:
            raise WeightsError(
                "The last text encoder gives no pooled embedding. An XL model needs a "
                "CLIPTextModelWithProjection as its second one. Choose such a model."
            )
        return Condition(embeds, None if pooled is None else pooled.to(self.device))

    def predict(self, latents: Tensor, t: Tensor | int, condition: Condition) -> Tensor:
        """What the network says of z_t (B, c, h, w) at times t, at least float32: the noise or the velocity."""
        dtype = self.unet.dtype
        added = None
        if condition.pooled is not None:
            h, w = (edge * self.factor for edge in latents.shape[-2:])
            ids = torch.tensor([[h, w, 0, 0, h, w]], dtype=dtype, device=latents.device)
            added = {
                "text_embeds": condition.pooled.to(dtype),
                "time_ids": ids.expand(len(latents), -1),
            }
        found = self.unet(
            latents.to(dtype),
            t,
            encoder_hidden_states=condition.embeds.to(dtype),
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return found.to(torch.promote_types(found.dtype, torch.float32))

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Pictures:
        """The pictures (B, H, W, 3) uint8 of latents, rounded as the public pipelines do."""
        rows = max(1, DECODED // (latents[0, 0].numel() * self.factor**2))
        vae, found = self._decoder, []
        for part in latents.split(rows):
            z = part.to(vae.device, vae.dtype) / vae.config.scaling_factor
            found.append(vae.decode(z, return_dict=False)[0].float().cpu())
        pixels = (torch.cat(found) * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        return (pixels.numpy() * 255).round().astype(np.uint8)

    @cached_property
    def _decoder(self) -> Any:
        # XL's autoencoder overflows in float16; a private copy is widened, never the shared one
        if self.vae.dtype == torch.float16 and getattr(self.vae.config, "force_upcast", False):
            return copy.deepcopy(self.vae).to(torch.float32)
        return self.vae

    def model_hash(self) -> str:
        """The same for the same model on any device in float32 or float16."""
        digest = hashlib.sha256()
        for module in self.shared:
            for name, tensor in sorted(module.state_dict().items()):
                digest.update(name.encode())
                if tensor.is_floating_point():
                    tensor = tensor.to(torch.float16)
                digest.update(_bytes(tensor))
        return digest.hexdigest()

    def fingerprint(self) -> str:
        """sha256 over names, types and bytes of the shared weights and the size of the tokenizers."""
        digest = hashlib.sha256(str([len(t) for t in self.tokenizers]).encode())
        for module in self.shared:
            for name, tensor in module.state_dict().items():
                digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                digest.update(_bytes(tensor))
        return digest.hexdigest()[:16]


def _bytes(tensor: Tensor) -> Any:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()


def _ddim(scheduler: Any) -> DDIMScheduler:
    """DDIM with a pipeline's own noise levels; what other schedulers lack is as in Stable Diffusion."""
    config = dict(scheduler.config)
    kind = config.get("prediction_type", "epsilon")
    if kind not in ("epsilon", "v_prediction"):
        raise WeightsError(
            f"The model predicts {kind!r}. Conceptor knows epsilon and v_prediction. Choose another model."
        )
    wanted = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    known = {k: v for k, v in config.items() if not k.startswith("_")}
    return DDIMScheduler.from_config({**wanted, **known})  # pyright: ignore[reportReturnType]
