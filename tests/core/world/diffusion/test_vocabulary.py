"""The tokenizer: one token for each word, in a form that public code reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from transformers import CLIPTokenizer

from core.world import curriculum
from core.world.diffusion import vocabulary
from core.world.diffusion.config import PLACEHOLDERS
from core.world.gallery import tiny_tedbench
from core.world.parsing import live_words


@pytest.mark.parametrize("name", ["tiny", "small", "full"])
def test_every_live_word_is_one_token_also_after_saving(name, tmp_path):
    c = getattr(curriculum, name)()
    vocabulary.build(c, 24).save_pretrained(tmp_path)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    words = live_words(c)
    assert len(words) > 40
    ids = [tokenizer(w, add_special_tokens=False).input_ids for w in words]
    assert all(len(i) == 1 for i in ids)
    assert len({i[0] for i in ids}) == len(words)


def test_another_process_numbers_the_words_alike():
    script = (
        "import json; from core.world import curriculum; from core.world.diffusion import vocabulary; "
        "print(json.dumps(vocabulary.build(curriculum.small(), 24).get_vocab(), sort_keys=True))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert json.loads(said[0])["dog</w>"] > 0


def test_a_sentence_comes_out_word_by_word_whatever_its_case():
    tokenizer = vocabulary.build(curriculum.small(), 24)
    said = tokenizer.tokenize("A photo of a Sitting dog on the left")
    assert [t.removesuffix("</w>") for t in said] == [
        "a",
        "photo",
        "of",
        "a",
        "sitting",
        "dog",
        "on",
        "the",
        "left",
    ]


def test_no_text_of_the_benchmark_is_cut():
    tokenizer = vocabulary.build(curriculum.small(), 24)
    assert all(len(tokenizer(p.target_text).input_ids) <= 24 for p in tiny_tedbench())


def test_placeholders_are_tokens_of_their_own_at_the_end_of_the_table():
    tokenizer = vocabulary.build(curriculum.tiny(), 24)
    ids = tokenizer.convert_tokens_to_ids(list(PLACEHOLDERS))
    assert ids == list(range(len(tokenizer) - len(PLACEHOLDERS), len(tokenizer)))
    assert tokenizer.tokenize("a photo of a <v2>")[-1] == "<v2>"


def test_end_and_padding_differ_and_neither_is_two():
    tokenizer = vocabulary.build(curriculum.tiny(), 24)
    assert len({tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.bos_token_id, 2}) == 4
