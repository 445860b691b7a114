"""The text tower: a small CLIP text model whose last hidden states the UNet attends to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import CLIPTextConfig, CLIPTextModel

from core.cache.construction import construction
from core.world.diffusion.config import NetConfig

if TYPE_CHECKING:
    from transformers import CLIPTokenizer


@construction()
def build(net: NetConfig, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text tower: tokens (B, T) to states (B, T, text_dim)."""
    special: Any = tokenizer  # its ids are annotated as anything
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=net.text_dim,
            intermediate_size=4 * net.text_dim,
            projection_dim=net.text_dim,
            num_hidden_layers=net.text_layers,
            num_attention_heads=net.text_heads,
            max_position_embeddings=net.max_length,
            bos_token_id=special.bos_token_id,
            eos_token_id=special.eos_token_id,  # not 2, which means the oldest way of pooling
            pad_token_id=special.pad_token_id,
        )
    )
