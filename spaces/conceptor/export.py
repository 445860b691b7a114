"""w* as a textual inversion, the file that `load_textual_inversion` of diffusers reads."""

from __future__ import annotations

import re
from collections.abc import Sequence

from safetensors.torch import save
from torch import Tensor

_XL = ("clip_l", "clip_g")  # what public files call the tables of the two text encoders


def token_of(concept: str) -> str:
    """The name under which a concept's vector loads, such as `<snowman-in-words>`."""
    plain = re.sub(r"[^a-z0-9]+", "-", concept.lower()).strip("-") or "concept"
    return f"<{plain}-in-words>"


def inversion_file(vectors: Sequence[Tensor], concept: str) -> bytes:
    """A safetensors file with the vector of each text encoder.

    Args:
        vectors: (d,) for each encoder, one or two.
        concept: names the token; in the XL family the tables name the tensors instead.
    """
    own = [v.detach().float().cpu().contiguous() for v in vectors]
    names = (token_of(concept),) if len(own) == 1 else _XL
    # one entry: several come in an order of their own in each process
    return save(dict(zip(names, own, strict=True)), {"token": token_of(concept)})
