"""Which weights forget what they learnt while the strip is drawn (Forgedit, arXiv 2309.10556).

The encoder of the UNet (`down_blocks`) holds mostly structure, the decoder (`up_blocks`) mostly appearance, so
putting back the untouched weights of one frees the layout or the look of the edit. The names say what is
put back; as in the authors' patterns, "kv" keeps the keys and values of cross-attention as they were
tuned, and "attn" keeps all attention.
"""

from __future__ import annotations

import re

from .adapters import ScaleOf
from .config import Forget

_PLACES = {"encoder": "down_blocks.", "decoder": "up_blocks.", "middle": "mid_block."}
_KEPT = {
    "": re.compile(r"(?!)"),
    "kv": re.compile(r"\.attn2\.to_[kv]\."),
    "attn": re.compile(r"\.attn[12]\."),
}


def forgets(pattern: Forget, name: str) -> bool:
    """Whether a pattern puts back the weight of this name."""
    if pattern == "none":
        return False
    place = next(p for p in _PLACES if pattern.startswith(p))
    return name.startswith(_PLACES[place]) and not _KEPT[pattern.removeprefix(place)].search(name)


def scale_of(pattern: Forget, strength: float) -> ScaleOf:
    """The share of what was learnt that stays, for each weight.

    Args:
        pattern: where to forget.
        strength: 0 keeps everything, 1 puts the untouched weights back.
    """
    return lambda name: 1.0 - strength if forgets(pattern, name) else 1.0
