"""Parameter links: they come back equal, and a hostile one costs nothing."""

from __future__ import annotations

import base64
import contextlib
import string
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.runs.links import (
    MAX_LINK,
    decode_params,
    encode_params,
    inflate,
    params_link,
    run_link,
)

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(data)).rstrip(b"=").decode()


@given(st.dictionaries(_texts, _texts | st.integers() | st.booleans() | st.none(), max_size=8))
def test_parameters_come_back_equal(params):
    text = encode_params(params)
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")
    assert decode_params(text) == params


def test_equal_parameters_give_the_same_link():
    assert encode_params({"a": 1, "b": 2.0}) == encode_params({"b": 2, "a": 1.0})


def test_a_link_written_once_stays_readable():
    assert decode_params("eNqrVspJrEwtUrKC0IaWSjpKxampKUpWRrUAhbMI3A") == {
        "layer": "layer19",
        "seed": 2,
    }


@given(st.text(max_size=200) | st.binary(max_size=200).map(pack))
def test_any_text_gives_parameters_or_an_input_error(text):
    with contextlib.suppress(InputError):
        assert isinstance(decode_params(text), dict)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%%",
        "a b",
        "é",
        "AAAA",
        pack(b"[1]"),
        pack(b'{"a":NaN}'),
        pack(b"\xff"),
        encode_params({"a": 1})[:-3],
        encode_params({"a": 1}) + "AAAA",
        None,
        7,
    ],
)
def test_a_broken_link_is_refused_in_words(text):
    with pytest.raises(InputError, match="link"):
        decode_params(text)


def test_a_link_that_lost_its_end_is_refused():
    text = encode_params({"layer": "layer19", "seed": 2})
    for lost in range(1, len(text)):
        with pytest.raises(InputError):
            decode_params(text[:-lost])


def test_inflating_stops_at_its_limit():
    packed = zlib.compress(b"a" * 100)
    assert inflate(packed, 100) == b"a" * 100
    for bad, limit in ((packed, 99), (packed[:-1], 100), (packed + b"x", 100), (b"", 100)):
        with pytest.raises(ValueError, match="zlib stream"):
            inflate(bad, limit)


def test_a_bomb_in_a_link_is_refused_without_being_unpacked():
    bomb = pack(b'{"a":"' + b"0" * 4_000_000 + b'"}')
    assert len(bomb) < MAX_LINK
    start = time.process_time()
    with pytest.raises(InputError):
        decode_params(bomb)
    assert time.process_time() - start < 0.1  # unpacking 64 KiB takes far under a millisecond


def test_a_link_longer_than_browsers_take_is_not_read():
    with pytest.raises(InputError):
        decode_params("A" * (MAX_LINK + 1))


def test_settings_too_large_for_a_link_are_refused_with_what_to_do():
    import random

    noise = "".join(random.Random(1).choices(string.printable, k=20_000))
    with pytest.raises(InputError, match="copy its run link"):
        encode_params({"text": noise})
    with pytest.raises(InputError):
        encode_params({"text": "a" * 70_000})  # short as a link, yet more than is read back


def test_addresses_of_pages():
    assert params_link("trill", {"a": 1}) == "/trill?p=" + encode_params({"a": 1})
    assert run_link("trill", "0" * 32) == "/trill?run=" + "0" * 32
    with pytest.raises(ValueError, match="not a run id"):
        run_link("trill", "../x")
