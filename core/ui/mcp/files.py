"""Files of a tool call: what an agent names by a text becomes an upload of this hub.

An agent has no bytes to send. It names a path of this hub, an address, or writes a data: URI.
What may be read is decided in `core.ui.received`; nothing here opens a path or a connection.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from core import settings
from core.errors import InputError
from core.ui.received import Received, received

from .tools import GivenFile

_OWN = re.compile(r"/(example|artifact)/[^/]|/gradio_api/file=.")
_LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE)


def with_files(value: Any, origin: str) -> Any:
    """Replace every `GivenFile` in `value` by an upload as Gradio hands it to an endpoint.

    Blocks while it fetches. `origin` is the address of this hub as the agent sees it.

    Raises:
        InputError: a text names no file that may be read.
    """
    if isinstance(value, GivenFile):
        return _upload(_content(str(value), origin))
    if isinstance(value, list | tuple):
        return type(value)(with_files(part, origin) for part in value)
    if isinstance(value, dict):
        return {name: with_files(part, origin) for name, part in value.items()}
    return value


def _upload(file: Received) -> dict[str, Any]:
    path = save_bytes_to_cache(file.data, file.name, get_upload_folder())
    return {
        "path": path,
        "orig_name": file.name,
        "size": len(file.data),
        "mime_type": mimetypes.guess_type(file.name)[0],
        "meta": {"_type": "gradio.FileData"},
    }


def _content(text: str, origin: str) -> Received:
    text = text.strip()
    if text[:5].lower() == "data:":
        return _of_data(text)
    prefix = urlsplit(origin).path.rstrip("/")  # where a proxy put the hub below a path
    if _OWN.match(text.removeprefix(prefix)):
        return received({"path": origin + text.removeprefix(prefix)}, origin=origin)
    if re.match(r"https?://", text, re.IGNORECASE):
        return received({"path": _as_own(text, origin)}, origin=origin)
    if text.startswith(get_upload_folder()):
        return received({"path": text}, origin=origin)
    raise InputError(
        f"{text[:120]!r} names no file that this hub can read; it sees no disk but its own. A path "
        "of this hub such as /example/…, a public http(s) address or a data: URI works. Upload the "
        f"file with: curl -F files=@FILE {origin}/gradio_api/upload, and give what that answers."
    )


def _as_own(address: str, origin: str) -> str:
    """The same address under `origin` when it is this hub by another name of this machine."""
    given, own = urlsplit(address), urlsplit(origin)
    chosen = settings.current()
    same_port = given.port in (own.port, chosen.port) and given.scheme == "http"
    if given.hostname in _LOOPBACK and same_port:
        rest = f"{given.path}?{given.query}" if given.query else given.path
        return origin + rest.removeprefix(own.path.rstrip("/"))
    return address


def _of_data(text: str) -> Received:
    limit = settings.current().max_upload_bytes
    head = _DATA.match(text)
    if head is None or len(text) - head.end() > limit * 4 // 3 + 4:
        raise InputError(
            f"The data: URI {text[:40]!r}… cannot be taken. One such as "
            f"data:audio/wav;base64,UklGR… of up to {limit / 2**20:.0f} MiB can. "
            "Write it so, or upload the file."
        )
    try:
        body = text[head.end() :]
        packed = head[3] is not None
        data = (
            base64.b64decode(re.sub(r"\s+", "", body), validate=True)
            if packed
            else unquote_to_bytes(body)
        )
    except binascii.Error as error:
        raise InputError(
            f"The data: URI {text[:40]!r}… is no valid base64. All of a file's bytes in base64 "
            "work. Encode it again, or upload the file."
        ) from error
    kind = (head[1] or "").lower()
    return Received(data, "file" + (mimetypes.guess_extension(kind) or ""))
