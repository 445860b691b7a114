"""The tokenizer of the world: every live word is one token of an ordinary `CLIPTokenizer`.

A list of words without merges makes unknown tokens, and merges from left to right split some words
wrongly. Byte-pair encoding trained to exhaustion on the word list gives merges that join every word, and
survive saving. The fragments stay in the vocabulary and are never trained.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.errors import WeightsError
from core.world.curriculum import Curriculum
from core.world.diffusion.config import PLACEHOLDERS
from core.world.parsing import live_words

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

START, END, PAD = "<|startoftext|>", "<|endoftext|>", "<|pad|>"


def build(c: Curriculum, max_length: int) -> CLIPTokenizer:
    """A tokenizer for the words of a curriculum, with reserved placeholder tokens.

    Args:
        c: whose live words become tokens.
        max_length: tokens of a text, start and end included.

    Raises:
        WeightsError: a word does not come out as one token.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    words = live_words(c)
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.normalizer = normalizers.Lowercase()  # pyright: ignore[reportAttributeAccessIssue]
    bpe.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # pyright: ignore[reportAttributeAccessIssue]
    trainer = trainers.BpeTrainer(
        vocab_size=100_000,
        min_frequency=1,
        end_of_word_suffix="</w>",
        show_progress=False,
        special_tokens=[],
    )
    bpe.train_from_iterator([" ".join(words)], trainer)
    learnt = json.loads(bpe.to_str())["model"]
    pairs: Any = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in learnt["merges"]]
    vocabulary = dict(learnt["vocab"])
    for token in (START, END, PAD):
        vocabulary[token] = len(vocabulary)
    tokenizer = CLIPTokenizer(
        vocab=vocabulary,
        merges=pairs,
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
