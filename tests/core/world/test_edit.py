"""Edits change what is asked and nothing else; masks cover every changed pixel."""

import collections
import contextlib
import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.world import asking
from core.world.curriculum import full, is_held_out, small
from core.world.edit import FAMILIES, edited
from core.world.gallery import gallery, input_list, tiny_tedbench, write_benchmark
from core.world.language import describe
from core.world.parsing import parse
from core.world.render import render
from core.world.scene import Scene, scene_from_dict
from core.world.stream import samples
from core.world.truth import clauses, holds


def source(seed=0, kind="dog", place="middle"):
    from core.world.sampling import subject_scene

    rng = np.random.default_rng(seed)
    while True:
        scene = subject_scene(rng, full(), kind=kind)
        e = scene.entities[0]
        if e.place == place and not e.accessories and not e.texture and e.size == "large":
            return scene


def ask(scene, text):
    return edited(scene, parse(text, full()))


def differing(one, two):
    return {f.name for f in dataclasses.fields(one) if getattr(one, f.name) != getattr(two, f.name)}


@pytest.mark.parametrize(
    ("kind", "text", "changed", "family"),
    [
        ("dog", "a lying dog", {"pose"}, "pose"),
        ("door", "an open door", {"pose"}, "state"),
        ("dog", "a dog wearing a hat", {"accessories"}, "add"),
        ("horse", "a striped horse", {"texture"}, "texture"),
        ("horse", "a zebra", {"kind", "colour"}, "replace"),
        ("cat", "a dog", {"kind"}, "replace"),
        ("person", "a waving person", {"pose"}, "pose"),
        ("bird", "a bird spreading its wings", {"pose"}, "pose"),
    ],
)
def test_only_the_asked_attribute_of_the_subject_changes(kind, text, changed, family):
    for seed in range(8):
        edit = ask(source(seed, kind), text)
        before, after = edit.before.entities[0], edit.after.entities[0]
        assert differing(before, after) <= changed
        assert edit.family in (family, "none")
        assert differing(edit.before, edit.after) <= {"entities"}
        assert before.look == after.look


def test_a_new_background_leaves_the_subject_alone():
    edit = ask(source(1), "a dog in the snow")
    assert edit.after.entities == edit.before.entities
    assert edit.after.backdrop == edit.before.backdrop
    assert edit.after.background == "snow"


def test_two_of_a_kind_keep_the_first_and_give_the_second_a_look_of_its_own():
    scene = source(3)
    scene = dataclasses.replace(
        scene, entities=(dataclasses.replace(scene.entities[0], place="left", size="small"),)
    )
    edit = ask(scene, "two dogs")
    first, second = edit.after.entities
    assert first == scene.entities[0]
    assert second.look != first.look
    assert differing(first, second) == {"look", "place"}


def test_an_added_thing_moves_nobody():
    edit = ask(source(2), "a dog beside a ball")
    assert edit.after.entities[0] == edit.before.entities[0]
    assert edit.after.entities[1].kind == "ball"


def test_asking_for_what_is_there_changes_nothing():
    for s in samples(np.random.default_rng(4), full(), 300):
        if s.use in ("subject", "pair"):
            edit = edited(s.scene, describe(s.scene))
            assert edit.family == "none" or edit.family == "relation"
            assert edit.after.entities == s.scene.entities


def test_the_answer_fulfils_the_text_and_the_mask_covers_the_difference():
    """One random claim about another scene, asked of each scene."""
    rng = np.random.default_rng(6)
    pool = [s.scene for s in samples(rng, full(), 900) if s.use in ("subject", "pair")]
    edits = []
    for scene in pool:
        claims = clauses(describe(pool[int(rng.integers(len(pool)))]))
        target = claims[int(rng.integers(len(claims)))]
        if target.subject.kind and rng.random() < 0.8:  # else it asks for another kind, too
            of = dataclasses.replace(target.subject, kind=scene.entities[0].kind)
            target = dataclasses.replace(target, subject=of)
        with contextlib.suppress(InputError):  # some things cannot be asked of some kinds
            edits.append(edited(scene, target))
    assert len(edits) > 150
    assert all(holds(e.target, e.after) for e in edits)
    before = render([e.before for e in edits])
    after = render([e.after for e in edits])
    for e, a, b in zip(edits, before, after, strict=True):
        assert not ((a != b).any(-1) & ~e.mask()).any(), (e.family, e.target)
    assert {"pose", "add", "background", "replace", "colour"} <= {e.family for e in edits}


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("dog", "a dog spreading its wings", 'never "wings spread"'),
        ("tree", "a tree wearing a hat", "A tree wears no hat"),
        ("zebra", "a red zebra", "one look only"),
        ("dog", "a snowman", "only learnt from pictures"),
    ],
)
def test_impossible_edits_are_refused_in_words(kind, text, words):
    with pytest.raises(InputError, match=words):
        ask(source(0, kind), text)


def test_the_benchmark_has_sixty_pairs_spread_over_the_families():
    pairs = tiny_tedbench()
    assert len(pairs) == 60
    assert len({p.img_name for p in pairs}) == 40
    count = collections.Counter(p.edit.family for p in pairs)
    assert set(count) == {"pose", "state", "add", "replace", "texture", "background", "count", "relation"}  # fmt: skip
    assert set(count) < set(FAMILIES)
    assert min(count.values()) >= 3
    assert np.mean([len(p.target_text.split()) for p in pairs]) == pytest.approx(6.0, abs=0.6)


def test_benchmark_and_gallery_can_be_made_by_the_small_world_and_hold_nothing_held_out():
    for p in (*tiny_tedbench(), *gallery()):
        assert parse(p.target_text, small()) == p.edit.target
        assert holds(parse(p.source_text, small()), p.edit.before)
        assert not holds(p.edit.target, p.edit.before), p.target_text
        for scene in (p.edit.before, p.edit.after):
            for e in scene.entities:
                assert not is_held_out(e.kind, e.pose, e.colour), (p.img_name, e)


def test_the_benchmark_list_mirrors_the_published_keys():
    rows = json.loads(json.dumps(input_list()))
    assert all(set(row) == {"img_name", "target_text"} for row in rows)
    assert len({(r["img_name"], r["target_text"]) for r in rows}) == 60


def test_the_benchmark_is_written_in_the_published_layout(tmp_path):
    write_benchmark(tmp_path)
    rows = json.loads((tmp_path / "input_list.json").read_text())
    assert rows == input_list()
    assert {f.name for f in (tmp_path / "originals").iterdir()} == {r["img_name"] for r in rows}
    with Image.open(tmp_path / "originals" / rows[0]["img_name"]) as picture:
        drawn = render([tiny_tedbench()[0].edit.before])[0]
        assert np.array_equal(np.asarray(picture), drawn)
    assert len(list((tmp_path / "answers").iterdir())) == 60


def test_the_gallery_has_ten_scenes():
    assert len(gallery()) == 10
    assert len({p.img_name for p in gallery()}) == 10


def test_fixed_scenes_are_the_same_on_every_run():
    scene = tiny_tedbench()[0].edit.before
    assert scene_from_dict(scene.to_dict()) == scene
    assert isinstance(scene, Scene)
    tiny_tedbench.cache_clear()
    assert tiny_tedbench()[0].edit.before == scene


@pytest.mark.parametrize("c", [small(), full()], ids=["small", "full"])
@pytest.mark.parametrize("family", asking.FAMILIES)
def test_random_edits_are_of_their_family_and_have_right_answers(c, family):
    rng = np.random.default_rng(1)
    for _ in range(12):
        edit, text = asking.random_edit(rng, c, family)
        target = parse(text, c)
        assert target == edit.target
        assert edit.family == family
        assert not holds(target, edit.before)
        assert holds(target, edit.after)
        before, after = render([edit.before, edit.after])
        assert not ((before != after).any(-1) & ~edit.mask()).any()
        assert (before != after).any()
