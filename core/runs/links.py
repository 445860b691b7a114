"""Permanent links: parameters in the address itself, and addresses of stored runs.

`/<method>?p=<text>` holds canonical JSON, zlib-compressed, in URL-safe base64 without padding: it
needs no server state. `/<method>?run=<id>` names a stored run.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Any

from core.errors import InputError

from .records import is_run_id
from .request import canonical_json, parse_json

MAX_LINK = 6_000  # characters of `p`; proxies commonly refuse addresses above 8 KB
MAX_PARAMS = 64 * 2**10  # bytes of JSON after decompression
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


def encode_params(params: dict[str, Any]) -> str:
    """Write parameters as the text of `?p=`.

    Raises:
        InputError: they are too long for an address.
        ValueError: they are not JSON.
    """
    text = canonical_json(params).encode()
    packed = base64.urlsafe_b64encode(zlib.compress(text, 9)).rstrip(b"=").decode()
    if len(text) > MAX_PARAMS or len(packed) > MAX_LINK:
        raise InputError(
            f"These settings need a link of {len(packed):,} characters. Up to {MAX_LINK:,} work in "
            "every browser. Save the run and copy its run link, or download the settings as a file."
        )
    return packed


def decode_params(text: str) -> dict[str, Any]:
    """Read the text of `?p=`; bounded in length and in decompressed size.

    Raises:
        InputError: it was not written by `encode_params`, or is cut or altered.
    """
    if not isinstance(text, str) or len(text) > MAX_LINK or not _ALPHABET.fullmatch(text):
        raise _bad_link()
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        plain = inflate(packed, MAX_PARAMS)
    except (binascii.Error, ValueError) as error:
        raise _bad_link() from error
    params = parse_json(plain, max_bytes=MAX_PARAMS, what="link")
    if not isinstance(params, dict):
        raise _bad_link()
    return params


def inflate(packed: bytes, limit: int) -> bytes:
    """Decompress one whole zlib stream of at most `limit` bytes.

    Raises:
        ValueError: it is damaged, cut, followed by something, or larger than `limit`.
    """
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed, limit + 1)
    except zlib.error as error:
        raise ValueError("damaged zlib stream") from error
    if len(plain) > limit or not stream.eof or stream.unused_data:
        raise ValueError("zlib stream is cut or too large")
    return plain


def params_link(method: str, params: dict[str, Any]) -> str:
    """Address of a page with its parameters filled in, within the hub.

    Raises:
        InputError: the parameters are too long for an address.
    """
    return f"/{method}?p={encode_params(params)}"


def run_link(method: str, run_id: str) -> str:
    """Address of a stored run, within the hub.

    Raises:
        ValueError: `run_id` has not the form of a run id.
    """
    if not is_run_id(run_id):
        raise ValueError(f"{run_id!r} is not a run id")
    return f"/{method}?run={run_id}"


def _bad_link() -> InputError:
    return InputError(
        "The part of the address after p= cannot be read. A link copied with Copy link would work. "
        "Copy the whole link again."
    )
