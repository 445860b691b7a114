"""The borrowed model with one place of its prompt left to a vector, the same for Stable Diffusion 1.x and XL.

What Conceptor works on is a view of what was borrowed: hooks and flags are its own, the weights are shared.
"""

# B batch, T tokens, d width of a token

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from core.cache.weight_sharing import view
from core.errors import WeightsError
from core.world.diffusion.condition import Condition
from core.world.diffusion.config import PLACEHOLDERS
from core.world.diffusion.parts import Parts

from .config import PROMPT
from .slot import filled


@dataclass(frozen=True, repr=False, eq=False)
class Model(Parts):
    """Views of a text-to-image model: `unet` and `text_encoders` have modules of their own.

    Attributes:
        base: the borrowed parts themselves, to be hashed and left alone.
    """

    base: Parts = field(kw_only=True)

    @classmethod
    def from_components(cls, components: Any, config: Any = None) -> Self:
        """Take the parts by their names in a pipeline's folder.

        Raises:
            WeightsError: a part is missing, the tokenizers differ, or the objective is not known here.
        """
        base = Parts.from_components(components, config)
        first, *others = base.tokenizers
        if any(t.get_vocab() != first.get_vocab() for t in others):
            raise WeightsError(
                "The two tokenizers of the model number words differently. One sum over both tables needs one "
                "numbering. Choose Stable Diffusion 1.x or XL."
            )
        given = {f.name: getattr(base, f.name) for f in fields(base)}
        views = {"unet": view(base.unet), "text_encoders": tuple(map(view, base.text_encoders))}
        return cls(**(given | views), base=base)

    @property
    def shared(self) -> tuple[Any, ...]:
        """The borrowed networks."""
        return (self.base.vae, self.base.unet, *self.base.text_encoders)

    @property
    def tables(self) -> tuple[Tensor, ...]:
        """The token table (|V|, d) of each text encoder; nobody writes into it."""
        return tuple(e.get_input_embeddings().weight.detach() for e in self.text_encoders)

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
            return self.encode_tokens([ids.expand(len(rows[0]), -1) for ids in self._prompt])

    @property
    def prompt(self) -> tuple[list[Tensor], int]:
        """Token numbers (1, T) of the prompt with the slot, for each text encoder, and the place of the slot."""
        return self._prompt, self._place

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

    def fingerprint(self) -> str:
        """Hash of every bit and name of the shared weights, and of the size of the tokenizers."""
        told = f"{[len(t) for t in self.tokenizers]} {self.base.base_hash()}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]
