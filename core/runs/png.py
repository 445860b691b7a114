"""Settings inside a PNG, and reading them back from a file that a visitor drops.

The request travels as UTF-8 JSON in an iTXt chunk with the keyword `vitrine` (PNG specification,
section 11.3.3.4). Reading walks the chunks without decoding any pixel. All of it is hostile input:
sizes are bounded, checksums are verified, and nothing but JSON is ever read.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import InputError

from .links import inflate
from .records import is_run_id
from .request import canonical_json, parse_json

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"vitrine"
SETTINGS_FILE = "settings.json"  # of a run, as it is downloaded, saved and dropped back
MAX_REQUEST = 256 * 2**10  # bytes of JSON; the same bound as the run store
MAX_FILE = 64 * 2**20  # bytes of a dropped file
MAX_CHUNKS = 100_000
MAX_INPUTS = 64  # uploads taken from a zip
MAX_DIRECTORY = 256 * 2**10  # bytes of a zip's list of members
_BAD_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,  # an encrypted member; NotImplementedError is one of them
)
_ENVELOPE = 1  # version of the settings file


@dataclass(frozen=True, slots=True)
class Opened:
    """What a dropped file holds: the request, and the method when the file says it.

    `run` names the stored run that the file was taken from, when it says one. `inputs` are the
    uploads that an exported zip carries; `RunStore.put_input` takes them back.
    """

    method: str | None
    request: dict[str, Any]
    inputs: tuple[bytes, ...] = ()
    run: str = ""


def settings_file(method: str, request: dict[str, Any]) -> bytes:
    """Write a request as a JSON file that `open_file` reads back.

    Raises:
        ValueError: the request is not JSON.
    """
    body = {"vitrine": _ENVELOPE, "method": method, "request": request}
    return (canonical_json(body) + "\n").encode()


def write_png(image: Image.Image | np.ndarray | bytes, request: dict[str, Any]) -> bytes:
    """Encode an image as PNG with the request inside.

    Args:
        image: a PIL image, a uint8 array (H, W), (H, W, 3) or (H, W, 4), or the bytes of a PNG,
            which are kept as they are but for the added chunk.
        request: what to store.

    Raises:
        ValueError: the image or the request cannot be written.
    """
    text = canonical_json(request).encode()
    if len(text) > MAX_REQUEST:
        raise ValueError(f"request of {len(text):,} bytes; a PNG carries up to {MAX_REQUEST:,}")
    data = image if isinstance(image, bytes) else _encode(image)
    if not data.startswith(SIGNATURE + b"\0\0\0\rIHDR"):
        raise ValueError("the bytes are not a PNG")
    body = KEYWORD + b"\0\x01\0\0\0" + zlib.compress(text, 9)  # compressed, no language
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"iTXt" + body))
    header = 8 + 4 + 4 + 13 + 4  # signature, then the whole IHDR chunk, which comes first
    return data[:header] + chunk + _without_ours(data[header:])


def _encode(image: Image.Image | np.ndarray) -> bytes:
    from PIL import Image as pil

    if not isinstance(image, pil.Image):
        if image.dtype.name != "uint8":
            raise ValueError(f"an array of {image.dtype}; PNG needs uint8 from 0 to 255")
        image = pil.fromarray(image)
    out = io.BytesIO()
    try:
        image.save(out, format="PNG")
    except OSError as error:  # Pillow's word for a mode that PNG does not know
        raise ValueError(f"an image of mode {image.mode} cannot be a PNG") from error
    return out.getvalue()


def _without_ours(tail: bytes) -> bytes:
    kept = []
    start = 0
    for kind, body, end in _chunks(tail, 0):
        if kind != b"iTXt" or not body.startswith(KEYWORD + b"\0"):
            kept.append(tail[start:end])
        start = end
    return b"".join(kept)


def _chunks(data: bytes, offset: int):
    """Yield (type, body, end) of each chunk up to IEND; ValueError when the file is damaged."""
    for _ in range(MAX_CHUNKS):
        if offset + 12 > len(data):
            raise ValueError("cut inside a chunk")
        (length,) = struct.unpack_from(">I", data, offset)
        end = offset + 12 + length
        if end > len(data):
            raise ValueError("a chunk is longer than the file")
        kind = data[offset + 4 : offset + 8]
        yield kind, data[offset + 8 : end - 4], end
        if kind == b"IEND":
            return
        offset = end
    raise ValueError("too many chunks")


def read_request(data: bytes) -> dict[str, Any] | None:
    """Return the request inside a PNG, or None for a PNG without one.

    Raises:
        InputError: the file is no PNG, is damaged, or its settings cannot be read.
    """
    if not data.startswith(SIGNATURE):
        raise InputError(
            "The file is not a PNG. A PNG saved by this hub would work. Use the downloaded file."
        )
    if len(data) > MAX_FILE:
        raise _too_large(len(data))
    try:
        for kind, body, end in _chunks(data, len(SIGNATURE)):
            if kind == b"iTXt" and body.startswith(KEYWORD + b"\0"):
                (checksum,) = struct.unpack_from(">I", data, end - 4)
                if checksum != zlib.crc32(kind + body):
                    raise ValueError("wrong checksum")
                return _as_request(_itxt_text(body))
    except ValueError as error:
        raise InputError(
            "The PNG is damaged, so its settings cannot be read. An unchanged download would work. "
            "Download the picture again."
        ) from error
    return None


def _itxt_text(body: bytes) -> bytes:
    if len(body) < len(KEYWORD) + 5:
        raise ValueError("short text chunk")
    # After the keyword: compression flag, compression method, language\0, translated keyword\0.
    compressed, method = body[len(KEYWORD) + 1], body[len(KEYWORD) + 2]
    _language, found, rest = body[len(KEYWORD) + 3 :].partition(b"\0")
    _translated, found_too, text = rest.partition(b"\0")
    if not found or not found_too or compressed not in (0, 1) or method != 0:
        raise ValueError("malformed text chunk")
    return inflate(text, MAX_REQUEST) if compressed else text


def _as_request(text: bytes) -> dict[str, Any]:
    request = parse_json(text, max_bytes=MAX_REQUEST, what="file")
    if not isinstance(request, dict):
        raise InputError(
            "The file holds JSON that is no settings. Settings saved by this hub would work. "
            "Use the downloaded file."
        )
    return request


def open_file(data: bytes, filename: str = "") -> Opened:
    """Read the request from a dropped PNG, settings file (JSON) or exported zip.

    What the file is, its bytes say; `filename` only appears in messages.

    Raises:
        InputError: the file is something else, is damaged, or holds no request.
    """
    if len(data) > MAX_FILE:
        raise _too_large(len(data))
    inputs: tuple[bytes, ...] = ()
    if data.startswith(SIGNATURE):
        found = read_request(data)
        if found is None:
            raise InputError(
                f"{_shown(filename)} is a picture without settings inside. A PNG downloaded from "
                "this hub would work. Screenshots and converted pictures lose the settings."
            )
    elif data.startswith(b"PK\x03\x04"):
        text, inputs = _from_zip(data, filename)
        found = _as_request(text)
    elif data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        found = _as_request(data.removeprefix(b"\xef\xbb\xbf"))
    else:
        raise InputError(
            f"{_shown(filename)} is neither a PNG nor a settings file nor an exported zip. One of "
            "these, as downloaded here, would work. Choose such a file."
        )
    if found.get("vitrine") == _ENVELOPE and isinstance(found.get("request"), dict):
        method, run = found.get("method"), found.get("run")
        return Opened(
            method if isinstance(method, str) else None,
            found["request"],
            inputs,
            run if isinstance(run, str) and is_run_id(run) else "",
        )
    return Opened(None, found, inputs)


def read_request_any(data: bytes, filename: str = "") -> dict[str, Any]:
    """Return the request of a dropped file; see `open_file`, which also tells the method."""
    return open_file(data, filename).request


def _from_zip(data: bytes, filename: str) -> tuple[bytes, tuple[bytes, ...]]:
    try:
        _check_directory(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {i.filename: i for i in archive.infolist()}
            found = [name for name in members if name.split("/")[-1] == "request.json"]
            if len(found) == 1:
                folder = found[0].removesuffix("request.json") + "inputs/"
                request = _member(archive, members[found[0]], MAX_REQUEST)
                left, inputs = MAX_FILE, []
                for name in sorted(n for n in members if n.startswith(folder))[:MAX_INPUTS]:
                    content = _member(archive, members[name], left)
                    left -= len(content)
                    if hashlib.sha256(content).hexdigest() == name.removeprefix(folder):
                        inputs.append(content)
                return request, tuple(inputs)
    except _BAD_ZIP as error:
        raise InputError(
            f"{_shown(filename)} is a damaged zip. An unchanged export would work. Export it again."
        ) from error
    raise InputError(
        f"{_shown(filename)} does not hold exactly one request.json. An export of a single run "
        "would work. Export that run alone, or drop its request.json."
    )


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("packed in a way that exports are not")
    with archive.open(info) as member:
        content = member.read(limit + 1)  # whatever size the zip states
    if len(content) > limit:
        raise ValueError("a member is too large")
    return content


def _check_directory(data: bytes) -> None:
    """Refuse a zip whose list of members would fill the memory; ours end without a comment."""
    end = data[-22:]
    if len(end) < 22 or end[:4] != b"PK\5\6" or data[-42:-38] == b"PK\6\7":
        raise ValueError("not a plain zip")
    (size,) = struct.unpack_from("<I", end, 12)
    if size > MAX_DIRECTORY:
        raise ValueError("too many members")


def _shown(filename: str) -> str:
    name = "".join(c for c in filename.replace("\\", "/").split("/")[-1] if c.isprintable())[:60]
    return name or "The file"


def _too_large(size: int) -> InputError:
    return InputError(
        f"The file has {size / 2**20:.0f} MiB. Up to {MAX_FILE // 2**20} MiB are read. "
        "Use the file as it was downloaded here."
    )
