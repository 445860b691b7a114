"""The tokenizer of the world: every live word is one token of an ordinary `CLIPTokenizer`.

A list of words without merges makes unknown tokens, and merges from left to right split some words
wrongly. Byte-pair encoding trained to exhaustion on the word list gives merges that join every word, and
survive saving. The fragments stay in the vocabulary and are never trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from core.errors import WeightsError
from core.world.curriculum import Curriculum
from core.world.diffusion.config import PLACEHOLDERS
from core.world.parsing import live_words

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

START, END, PAD = "<|startoftext|>", "<|endoftext|>", "<|pad|>"


def byte_pairs(words: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-pair encoding of a word list until every word is one token.

    The trainer of the tokenizers library breaks ties by chance, so that two processes of one run would
    number the same words differently; here the first pair of the alphabet wins.

    Args:
        words: distinct, of ASCII letters.

    Returns:
        Numbers of all tokens, characters first, and the merges in their order.
    """
    split = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    tokens = sorted({part for parts in split for part in parts})
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for parts in split for pair in pairwise(parts)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        tokens.append("".join(best))
        split = [_merged(parts, best) for parts in split]
    return {token: k for k, token in enumerate(dict.fromkeys(tokens))}, merges


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    found: list[str] = []
    for part in parts:
        if found and (found[-1], part) == pair:
            found[-1] += part
        else:
            found.append(part)
    return found


def build(c: Curriculum, max_length: int) -> CLIPTokenizer:
    """A tokenizer for the words of a curriculum, with reserved placeholder tokens.

    Args:
        c: whose live words become tokens.
        max_length: tokens of a text, start and end included.

    Raises:
        WeightsError: a word does not come out as one token.
    """
    from transformers import CLIPTokenizer

    words = live_words(c)
    vocabulary, merges = byte_pairs(words)
    for token in (START, END, PAD):
        vocabulary[token] = len(vocabulary)
    tokenizer = CLIPTokenizer(
        vocab=vocabulary,
        merges=cast(Any, merges),  # annotated as texts, read as pairs
        bos_token=START,
        eos_token=END,
        unk_token=END,
        pad_token=PAD,
        model_max_length=max_length,
    )
    tokenizer.add_tokens(list(PLACEHOLDERS))
    split = [w for w in words if len(tokenizer.tokenize(w)) != 1]
    if split:
        raise WeightsError(f"The tokenizer splits {', '.join(split[:5])}. Train it on these words.")
    return tokenizer
