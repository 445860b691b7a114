"""Canonical JSON, and dataclasses to JSON and back."""

from __future__ import annotations

import contextlib
import enum
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.runs.request import canonical_json, from_json, parse_json, request_hash, to_json

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


class Pooling(enum.Enum):
    MEAN = "mean"
    MAX = "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    sha256: str
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explore:
    clip: Clip
    kind: Literal["explore"] = "explore"
    layer: Literal["embedding", "layer19"] = "layer19"
    pooling: Pooling = Pooling.MEAN
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    clips: tuple[Clip, ...]
    kind: Literal["compare"] = "compare"
    weights: tuple[float, float] = (0.5, 0.5)
    labels: dict[str, list[int]] = field(default_factory=dict)
    extra: Any = None
    loud: bool = False

    def __post_init__(self) -> None:
        if len(self.clips) < 2:
            raise ValueError("two clips are needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    body: Explore | Compare


@given(_values)
def test_canonical_json_is_json_with_the_same_value(value):
    assert json.loads(canonical_json(value)) == value


@given(_values)
def test_canonical_json_is_a_fixed_point(value):
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(_texts, _values, max_size=6))
def test_the_order_of_keys_does_not_matter(data):
    assert request_hash(dict(reversed(data.items()))) == request_hash(data)


def test_canonical_json_of_a_known_request():
    given = {"b": [1.0, 2.5, -0.0, 1e300], "a": {"ü": None, "t": True}, "c": (np.float32(0.5),)}
    assert canonical_json(given) == ('{"a":{"t":true,"ü":null},"b":[1,2.5,0,1e+300],"c":[0.5]}')
    assert request_hash({"x": 1}) == request_hash({"x": 1.0})
    assert request_hash({"x": 1}) != request_hash({"x": True})
    assert (  # of the two bytes {}, by sha256sum
        request_hash({})
        == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        {1: 2},
        {"a": object()},
        b"x",
        {"a": {"b": {1, 2}}},
        "\ud800",
        {"\udfff": 1},
    ],
)
def test_what_has_no_json_form_is_refused(value):
    with pytest.raises(ValueError, match=r"JSON|not text|Unicode"):
        canonical_json(value)


def test_nesting_is_bounded():
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(ValueError, match="levels"):
        canonical_json(deep)
    with pytest.raises(InputError):
        parse_json("[" * 50_000, max_bytes=10**6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a":1,"a":2}',
        "NaN",
        '{"a":-Infinity}',
        b"\xff\xfe",
        "9" * 5000,
        '"\\ud800"',
        "1 2",
    ],
)
def test_json_from_outside_is_strict(text):
    with pytest.raises(InputError, match="does not hold JSON"):
        parse_json(text, max_bytes=10_000)


def test_json_from_outside_is_bounded():
    assert parse_json('{"a": 1}', max_bytes=8) == {"a": 1}
    with pytest.raises(InputError, match="Up to 7 are read"):
        parse_json('{"a": 1}', max_bytes=7)


@pytest.mark.parametrize(
    "request_",
    [
        Explore(clip=Clip(sha256="a" * 64)),
        Explore(clip=Clip(sha256="b", start=1.0, end=2.5), pooling=Pooling.MAX, seed=7),
        Compare(clips=(Clip(sha256="a"), Clip(sha256="b")), labels={"x": [1, 2]}, extra={"k": [1]}),
        Envelope(body=Explore(clip=Clip(sha256="a"))),
        Envelope(body=Compare(clips=(Clip(sha256="a"), Clip(sha256="b")), loud=True)),
    ],
)
def test_a_dataclass_comes_back_equal_through_text(request_):
    text = canonical_json(to_json(request_))
    assert from_json(type(request_), json.loads(text)) == request_
    assert canonical_json(request_) == text


def test_numpy_numbers_and_arrays_become_json():
    assert to_json({"a": np.int64(3), "b": np.arange(3), "c": np.float32(0.5)}) == {
        "a": 3, "b": [0, 1, 2], "c": 0.5,
    }  # fmt: skip


def test_defaults_fill_missing_settings_and_required_ones_are_asked_for():
    assert from_json(Clip, {"sha256": "a"}) == Clip(sha256="a")
    with pytest.raises(InputError, match="lacks the setting 'sha256'"):
        from_json(Clip, {})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"sha256": "a", "stop": 1}, "unknown setting 'stop'"),
        ({"sha256": 1}, "Clip.sha256 is 1. It must be a text"),
        ({"sha256": "a", "start": "0"}, "must be a number"),
        ({"sha256": "a", "start": True}, "must be a number"),
        ({"sha256": "a", "end": []}, "must be a number"),
        ([], "must be an object"),
        (None, "must be an object"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_words(data, words):
    with pytest.raises(InputError, match=words):
        from_json(Clip, data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layer": "layer20"}, "one of 'embedding', 'layer19'"),
        ({"pooling": "sum"}, "one of 'mean', 'max'"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"clip": {"sha256": "a", "x": 1}}, "Explore.clip has the unknown setting"),
    ],
)
def test_wrong_choices_are_refused_with_the_right_ones(change, words):
    with pytest.raises(InputError, match=words):
        from_json(Explore, {"clip": {"sha256": "a"}, **change})


def test_a_union_is_told_apart_by_its_literal():
    with pytest.raises(InputError):
        from_json(Envelope, {"body": {"kind": "teach", "clip": {"sha256": "a"}}})
    with pytest.raises(InputError):
        from_json(Envelope, {"body": {"kind": "compare", "clip": {"sha256": "a"}}})


def test_a_check_of_the_class_itself_becomes_an_input_error():
    with pytest.raises(InputError, match="two clips are needed"):
        from_json(Compare, {"clips": []})


def test_a_tuple_of_fixed_length_keeps_its_length():
    clips = [{"sha256": "a"}, {"sha256": "b"}]
    with pytest.raises(InputError, match="a list of 2"):
        from_json(Compare, {"clips": clips, "weights": [1, 2, 3]})
    weights = from_json(Compare, {"clips": clips, "weights": [1, 2]}).weights
    assert weights == (1.0, 2.0)
    assert all(type(w) is float for w in weights)


@given(_values)
def test_any_json_gives_a_request_or_an_input_error(value):
    for cls in (Clip, Explore, Compare, Envelope):
        with contextlib.suppress(InputError):
            assert isinstance(from_json(cls, value), cls)
