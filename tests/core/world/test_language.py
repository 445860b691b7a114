"""Captions say true things, read back as what they say, and use every word."""

import collections
import re

import numpy as np
import pytest

from core.errors import InputError
from core.world import truth, words
from core.world.curriculum import full, small
from core.world.language import Description, Phrase, describe, write
from core.world.parsing import check_words, live_words, parse, tokens
from core.world.sampling import template_words, word_scene
from core.world.stream import recaption, samples

BOTH = pytest.mark.parametrize("c", [small(), full()], ids=["small", "full"])


@pytest.fixture(scope="module")
def examples():
    return {c.name: samples(np.random.default_rng(11), c, 10_000) for c in (small(), full())}


@BOTH
def test_every_caption_is_true_of_its_scene(c, examples):
    said = 0
    for s in examples[c.name]:
        if s.use in ("subject", "pair"):
            d = parse(s.caption, c)
            said += 1
            assert truth.holds(d, s.scene), s.caption
            assert all(truth.holds(claim, s.scene) for claim in truth.clauses(d)), s.caption
        else:
            word = s.caption.removeprefix("a photo of a ")
            assert truth.present(word, s.scene), s.caption
    assert said > 4_500


@BOTH
def test_captions_of_other_scenes_are_mostly_false(c, examples):
    rng = np.random.default_rng(0)
    pool = [s for s in examples[c.name] if s.use == "subject" and len(s.caption.split()) > 4]
    wrong = 0
    for s in pool[:1500]:
        other = pool[int(rng.integers(len(pool)))]
        wrong += not truth.holds(parse(s.caption, c), other.scene)
    assert wrong > 1400


@BOTH
def test_a_full_description_survives_writing_and_reading(c, examples):
    rng = np.random.default_rng(3)
    for s in examples[c.name][:3000]:
        if s.use in ("subject", "pair"):
            d = describe(s.scene)
            assert parse(write(d, rng), c) == d


@BOTH
def test_every_live_word_appears_in_captions_and_no_other(c, examples):
    seen = collections.Counter(w for s in examples[c.name] for w in tokens(s.caption))
    assert set(seen) == set(live_words(c))
    # once in two thousand captions at least: a token must be trained to mean anything
    assert min(seen.values()) >= 5


@BOTH
def test_another_caption_of_a_picture_is_true_as_well(c, examples):
    rng = np.random.default_rng(9)
    part = examples[c.name][:1500]
    again = [recaption(rng, c, s) for s in part]
    for s, caption in zip(part, again, strict=True):
        if s.use in ("subject", "pair"):
            assert truth.holds(parse(caption, c), s.scene)
        else:
            assert caption == s.caption
    assert sum(a != s.caption for s, a in zip(part, again, strict=True)) > 400


@BOTH
def test_every_template_word_can_be_drawn(c):
    rng = np.random.default_rng(4)
    for word in dict.fromkeys(template_words(c)):
        assert truth.present(word, word_scene(rng, c, word)), word


def test_the_word_list_is_about_two_hundred_words():
    assert 150 <= len(live_words(small())) <= 200
    assert 200 <= len(live_words(full())) <= 260


@BOTH
def test_captions_are_short_and_vary(c, examples):
    subject = [s.caption for s in examples[c.name] if s.use == "subject"]
    assert 5.0 < np.mean([len(x.split()) for x in subject]) < 8.0
    openings = {o for o in words.OPENINGS for x in subject if o and x.startswith(o)}
    assert len(openings) == 5


@BOTH
def test_a_fifth_of_captions_or_more_are_the_one_word_template(c, examples):
    lone = sum(bool(re.fullmatch(r"a photo of a \w+", s.caption)) for s in examples[c.name])
    assert lone / len(examples[c.name]) > 0.33


def test_articles_fit_their_nouns(examples):
    for name in ("small", "full"):
        for s in examples[name]:
            if s.use in ("subject", "pair"):
                assert not re.search(r"\ba [aeio]\w+", s.caption), s.caption
                assert not re.search(r"\ban [^aeiou]\w+", s.caption), s.caption


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A photo of a SITTING dog.", Phrase(kind="dog", pose="sitting")),
        ("a dog that is sitting", Phrase(kind="dog", pose="sitting")),
        ("a bird spreading its wings", Phrase(kind="bird", pose="wings spread")),
        ("a person with both arms up", Phrase(kind="person", pose="arms up")),
        ("a person in crimson", Phrase(kind="person", colour="red")),
        ("a green tree", Phrase(kind="tree", pose="green")),
        ("a green car", Phrase(kind="car", colour="green")),
        ("two red cats lying", Phrase(kind="cat", pose="lying", colour="red", count=2)),
        ("a hat", Phrase(kind="hat")),
        ("a dog with a hat", Phrase(kind="dog", accessories=("hat",))),
        ("a cat wearing a hat and a scarf", Phrase(kind="cat", accessories=("hat", "scarf"))),
        ("a big house on the left", Phrase(kind="house", size="large", place="left")),
        ("a vase of roses", Phrase(kind="vase", pose="roses")),
    ],
)
def test_texts_are_read(text, expected):
    assert parse(text, full()) == Description(subject=expected)


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("a dog to the left of a box", "left of"),
        ("a dog left of a box", "left of"),
        ("a dog next to a box", "beside"),
        ("a dog jumping over a box", "jumping over"),
        ("a dog above a box", "above"),
        ("a dog and a box", "and"),
    ],
)
def test_relations_are_read(text, relation):
    d = parse(text, full())
    assert d.relation == relation
    assert d.subject.kind == "dog"
    assert d.other is not None
    assert d.other.kind == "box"
    assert (d.subject.pose == "jumping") == (relation == "jumping over")


def test_unknown_words_are_named_with_the_nearest_known_ones():
    with pytest.raises(InputError) as error:
        check_words("a photo of a siting dogg on the moonbase", full())
    text = str(error.value)
    assert '"siting" (did you mean sitting' in text
    assert '"dogg" (did you mean dog' in text
    assert '"moonbase"' in text
    assert "It knows" in text


def test_a_word_of_the_full_world_is_unknown_in_the_small_one():
    check_words("a teddy", full())
    with pytest.raises(InputError, match='"teddy"'):
        check_words("a teddy", small())


@pytest.mark.parametrize("text", ["", "   ", "?!", "123"])
def test_an_empty_text_is_refused(text):
    with pytest.raises(InputError, match="The text is empty"):
        check_words(text, small())


def test_two_things_without_a_relation_are_refused():
    with pytest.raises(InputError, match="without saying how they relate"):
        parse("a dog a box", small())
