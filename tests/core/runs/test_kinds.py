"""Requests and results told apart by their kind: JSON there and back, and what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest

from core.errors import InputError
from core.runs.kinds import Kinds


@dataclass(frozen=True, kw_only=True)
class Draw:
    kind: ClassVar[str] = "draw"
    text: str
    seeds: tuple[int, ...] = (0,)
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Check:
    kind: ClassVar[str] = "check"
    share: float = 0.5


KINDS: Kinds[Draw | Check] = Kinds(Draw | Check, "a drawing")


@pytest.mark.parametrize("value", [Draw(text="a dog", seeds=(3, 4)), Check(share=1.0)])
def test_a_value_comes_back_from_json_as_it_was(value):
    assert KINDS.from_dict(json.loads(json.dumps(KINDS.to_dict(value)))) == value


def test_the_content_of_files_stays_out():
    made = Draw(text="a dog", files={"picture.png": b"\x89PNG"})
    told = KINDS.to_dict(made)
    assert told == {"kind": "draw", "text": "a dog", "seeds": [0]}
    assert KINDS.from_dict(told) == replace(made, files={})


def test_a_kind_that_is_known_from_elsewhere_needs_no_mark():
    assert KINDS.from_dict({"text": "a dog"}, "draw") == Draw(text="a dog")
    assert KINDS.from_dict({"kind": "check", "text": "a dog"}, "draw") == Draw(text="a dog")


def test_reading_leaves_what_was_given_as_it_is():
    given = {"kind": "draw", "text": "a dog"}
    KINDS.from_dict(given)
    assert given == {"kind": "draw", "text": "a dog"}


@pytest.mark.parametrize("data", [None, [], "draw", {}, {"kind": "paint"}, {"kind": ["draw"]}])
def test_what_has_no_known_kind_is_refused_with_the_kinds_there_are(data):
    with pytest.raises(InputError, match="It needs a kind, one of draw, check"):
        KINDS.from_dict(data)


@pytest.mark.parametrize("data", [{"kind": "draw"}, {"kind": "check", "shore": 1}])
def test_a_missing_or_unknown_key_is_refused(data):
    with pytest.raises(InputError, match=r"lacks the setting|unknown setting"):
        KINDS.from_dict(data)
