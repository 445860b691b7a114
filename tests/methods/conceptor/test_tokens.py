"""The dictionary: live words alone, without the concept, and how forms of one word are shown."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from core.errors import InputError
from core.methods.conceptor import choosing, tokens
from core.methods.conceptor.tokens import Tokens
from core.world import words as world_words
from core.world.parsing import live_words
from tests.methods.conceptor.tiny import WORLD, bench, settings


@pytest.fixture(scope="module")
def b():
    return bench()


@pytest.fixture(scope="module")
def live(b):
    return tokens.live(b.model, "embedded", "all", WORLD)


def choose(b, live, concept, **more):
    own = settings(**{k: v for k, v in more.items() if k in ("exclude_concept", "synonym_cosine", "dictionary_size")})  # fmt: skip
    given = {k: v for k, v in more.items() if k in ("texts", "concept_text", "pictures")}
    return choosing.choose(b.model, live, concept, own, tier="embedded", **given)


def test_dead_pieces_and_joining_words_are_no_elements(b, live):
    words = {form.removesuffix("</w>") for form in live.forms}
    assert words == set(live_words(WORLD)) - world_words.FUNCTION_WORDS
    assert len(live) < len(b.model.tokenizers[0]) / 2


def test_atoms_mean_something_alone_and_are_not_planted_but_for_named_figures(b, live):
    atoms = tokens.live(b.model, "embedded", "atoms", WORLD)
    words = {form.removesuffix("</w>") for form in atoms.forms}
    assert {"dog", "red", "sitting", "up", "striped", "hat", "sisi"} <= words
    assert not {"playball", "two", "dogs", "left", "beside", "jumping over", "over"} & words
    assert set(atoms.forms) < set(live.forms)


def test_a_plural_is_shown_as_its_word(live):
    shown = dict(zip(live.forms, live.shown, strict=True))
    assert shown["dogs</w>"] == shown["dog</w>"] == "dog"
    assert shown["people</w>"] == "person"
    assert shown["grass</w>"] == "grass"


def test_the_full_tier_takes_tokens_of_letters_and_shows_pieces_as_pieces():
    vocabulary = {"dog</w>": 0, "dogs</w>": 1, "dog": 2, "zzq": 3, "!</w>": 4, "a</w>": 5, "glass</w>": 6, "glas</w>": 7, "é</w>": 8, "<|endoftext|>": 9}  # fmt: skip
    model = SimpleNamespace(tokenizers=(SimpleNamespace(get_vocab=lambda: vocabulary),))
    found = tokens.live(model, "full")
    shown = dict(zip(found.forms, found.shown, strict=True))
    assert shown == {"dog</w>": "dog", "dogs</w>": "dog", "dog": "dog", "zzq": "zzq-", "glass</w>": "glass", "glas</w>": "glas"}  # fmt: skip


def test_the_concept_its_forms_and_its_synonyms_are_left_out(b, live):
    found = choose(b, live, "dog")
    assert "dog" in found.excluded
    assert not {"dog</w>", "dogs</w>"} & set(found.tokens.forms)
    assert {"dog</w>", "dogs</w>"} <= set(choose(b, live, "dog", exclude_concept=False).tokens.forms)  # fmt: skip


def test_a_concept_of_several_words_leaves_out_each_of_them(b, live):
    found = choose(b, live, "red dog")
    assert {"red", "dog"} <= set(found.excluded)


def test_a_word_that_only_begins_alike_stays(b):
    some = Tokens((1, 2, 3), ("snow</w>", "snowman</w>", "snowmans</w>"), ("snow", "snowman", "snowman"))  # fmt: skip
    assert tokens.own_words("snowman", some, b.model) == {1, 2}


def test_words_nearer_than_the_limit_are_near_synonyms(b, live):
    texts = torch.nn.functional.one_hot(torch.arange(len(live))).float()
    found = choose(b, live, "dog", texts=texts, concept_text=texts[5], synonym_cosine=0.9)
    assert live.shown[5] in found.excluded
    assert len(found.tokens) == len(choose(b, live, "dog").tokens) - (live.shown[5] != "dog")


def test_the_limit_of_another_clip_is_a_percentile_of_all_pairs():
    generator = torch.Generator().manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(100, 8, generator=generator), dim=-1)
    limit = choosing.synonym_limit(texts)
    pairs = (texts @ texts.T)[tuple(torch.triu_indices(100, 100, 1))]
    assert float((pairs > limit).float().mean()) == pytest.approx(0.0005, abs=2e-4)


def test_the_filter_keeps_the_words_most_alike_to_the_pictures_in_their_order(b, live):
    texts = torch.nn.functional.one_hot(torch.arange(len(live))).float()
    pictures = torch.linspace(0, 1, len(live))
    found = choose(b, live, "dog", texts=texts, concept_text=0 * texts[0], pictures=pictures, dictionary_size=5)  # fmt: skip
    assert len(found.tokens) == 5
    assert list(found.tokens.ids) == [i for i in live.ids if i in set(found.tokens.ids)]
    assert set(found.tokens.ids) == set([i for i, s in zip(live.ids, live.shown, strict=True) if s != "dog"][-5:])  # fmt: skip


def test_the_mean_norm_of_the_small_tokenizer_is_that_of_its_live_words(b, live):
    table = b.model.tables[0]
    wanted = float(table[list(live.ids)].norm(dim=-1).mean())
    assert choose(b, live, "dog").dictionary.norms[0] == pytest.approx(wanted)


def test_no_word_left_is_told_in_words(b, live):
    only = live.some(live.where("dog"))
    with pytest.raises(InputError, match="No word is left"):
        choose(b, only, "dog")


@pytest.mark.parametrize(
    ("concept", "said"),
    [
        ("dgo", "did you mean dog"),
        ("", "empty"),
        ("!!!", "empty"),
        ("of the", "joins other words"),
        ("dog zebracorn", "zebracorn"),
    ],
)
def test_a_concept_that_cannot_be_used_is_refused_in_words(concept, said):
    with pytest.raises(InputError, match=said):
        tokens.check_concept(concept, "embedded", WORLD)


def test_a_concept_is_written_in_one_way():
    assert tokens.check_concept("  Red   DOG ", "embedded", WORLD) == "red dog"
    assert tokens.check_concept("Sweet  Peppers", "full") == "sweet peppers"
    with pytest.raises(InputError, match="letters"):
        tokens.check_concept("?!", "full")


def test_there_are_twenty_seven_sentences_for_a_word_of_the_full_tier():
    assert len(set(choosing.TEMPLATES)) == 27
    assert all(t.count("{}") == 1 for t in (*choosing.TEMPLATES, *choosing.WORLD_TEMPLATES))
