"""Heads from a few clips: planted answers, honest probabilities, files that may be hostile."""

import json

import numpy as np
import pytest

from core.errors import InputError
from core.methods.trill import heads
from core.methods.trill.probe import Head


def planted(spread=0.3, num_classes=3, each=4, width=200, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((num_classes, width))
    y = np.repeat(np.arange(num_classes), each)
    x = centres[y] + spread * rng.standard_normal((len(y), width))
    return x, y, rng.standard_normal((40, width))


@pytest.mark.parametrize("kind", ["logistic", "lda", "centroid"])
def test_planted_classes_are_found_without_a_mistake(kind):
    x, y, background = planted()
    lesson = heads.prepare(x, background, l2=True, standardise=True)
    logits = heads.leave_one_out(lesson.reduced, y, 3, kind, 1.0)
    assert (logits.argmax(1) == y).all()


@pytest.mark.parametrize("kind", ["logistic", "lda", "centroid"])
def test_noise_is_not_learnt(kind):
    right = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((12, 50)), np.repeat(np.arange(3), 4)
        lesson = heads.prepare(x, rng.standard_normal((40, 50)), l2=True, standardise=True)
        right.append((heads.leave_one_out(lesson.reduced, y, 3, kind, 1.0).argmax(1) == y).mean())
    assert np.mean(right) < 0.45


def test_the_rotation_keeps_all_distances():
    x, _, background = planted()
    lesson = heads.prepare(x, background, l2=False, standardise=True)
    prepared = (x - lesson.mean) / lesson.scale
    before = np.linalg.norm(prepared[:, None] - prepared[None], axis=-1)
    after = np.linalg.norm(lesson.reduced[:, None] - lesson.reduced[None], axis=-1)
    np.testing.assert_allclose(before, after, rtol=1e-6, atol=1e-8)


def test_a_class_without_clips_never_wins():
    x, y, background = planted()
    lesson = heads.prepare(x, background, l2=True, standardise=True)
    keep = y != 1
    for kind in ("logistic", "lda", "centroid"):
        weight, bias = heads.fit(lesson.reduced[keep], y[keep], 3, kind, 1.0)
        assert ((lesson.reduced @ weight.T + bias).argmax(1) != 1).all()


def test_few_clips_never_give_certainty():
    x, y, background = planted(spread=0.01, each=2, num_classes=2)
    lesson = heads.prepare(x, background, l2=True, standardise=True)
    logits = heads.leave_one_out(lesson.reduced, y, 2, "lda", 1.0)
    heat = heads.temperature(logits, y)
    assert heads.softmax(logits / heat).max() < 0.97


def test_wrong_answers_bring_probabilities_down():
    logits = np.array([[10.0, 0.0], [10.0, 0.0], [0.0, 10.0], [0.0, 10.0]])
    right, half = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    assert heads.temperature(logits, half) > 10 * heads.temperature(logits, right)


def head():
    rng = np.random.default_rng(3)
    return Head(
        labels=("a", "b"),
        kind="lda",
        l2=True,
        mean=rng.standard_normal(8),
        scale=rng.random(8) + 0.5,
        weight=rng.standard_normal((2, 8)),
        bias=rng.standard_normal(2),
        info={"layer": "embedding", "hop_frames": 17, "padding": "tile", "weights": "abc"},
    )


@pytest.mark.parametrize("write", [heads.head_to_json, heads.head_to_safetensors])
def test_both_files_give_the_same_answers_back(write):
    x = np.random.default_rng(4).standard_normal((5, 8))
    again = heads.head_from_bytes(write(head()))
    np.testing.assert_allclose(again.predict_proba(x), head().predict_proba(x), atol=1e-4)
    assert again.labels == ("a", "b")
    assert again.info["layer"] == "embedding"


def test_a_head_is_written_the_same_every_time():
    assert heads.head_to_json(head()) == heads.head_to_json(head())
    assert heads.head_to_json(heads.head_from_bytes(heads.head_to_json(head()))) == (
        heads.head_to_json(head())
    )


def damaged(**changes):
    data = json.loads(heads.head_to_json(head()))
    for key, value in changes.items():
        data[key] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"{}",
        b"[" * 5000,
        b"\x00" * 64,
        b"\xff\xff\xff\xff\xff\xff\xff\x7f{}",
        heads.head_to_safetensors(head())[:-7],
        damaged(weight=[1, 2, 3]),
        damaged(scale=[0.0] * 8),
        damaged(mean=[1e400] * 8),
        damaged(info={"layer": "../../etc/passwd", "hop_frames": 17, "padding": "tile"}),
        damaged(info={"layer": "embedding", "hop_frames": "17", "padding": "tile"}),
        damaged(labels=["only"]),
        b'{"format":' + b" " * (9 * 2**20) + b"1}",
    ],
    ids=str,
)
def test_a_hostile_head_is_refused_in_words(data):
    with pytest.raises(InputError):
        heads.head_from_bytes(data)
