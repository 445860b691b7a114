"""Files that a call brings: uploads, addresses of this hub, addresses elsewhere.

An agent cannot send bytes; it sends an address. Those of this hub are read where they lie. Others
are fetched from public hosts only, up to the size of an upload, unless the hub is offline.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from core import settings
from core.errors import InputError, NotFoundError

_HOPS = 4  # redirects that are followed
_SECONDS = 30.0  # for a whole fetch
_UPLOADED = "/gradio_api/file="
_PLAIN = {"accept-encoding": "identity"}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
NO_UPLOAD = (
    "A file argument is not an upload. Files sent with the call work. "
    "Use handle_file of gradio_client, or upload first."
)


@dataclass(frozen=True, slots=True)
class Received:
    """The content of a file argument, and what the caller calls it."""

    data: bytes
    name: str


def received(file: Any, *, origin: str = "") -> Received:
    """Read a file argument; blocks while it fetches.

    No path of a caller is ever opened unless it lies in the folder of uploads.

    Args:
        file: what Gradio hands over for `FileData`, a dict or an object.
        origin: address of this hub as the caller sees it.

    Raises:
        InputError: it is no upload, or its address gives no file.
    """
    told = file if isinstance(file, dict) else getattr(file, "__dict__", {})
    path = str(told.get("path") or told.get("url") or "")
    name = str(told.get("orig_name") or "") or unquote(path.rsplit("/", 1)[-1]) or "file"
    if path.startswith(("http://", "https://")):
        return _at_address(path, name, origin)
    return Received(_uploaded(path), name)


def _uploaded(path: str) -> bytes:
    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder()).resolve()
    found = Path(path).resolve() if path else None
    if found is None or not found.is_relative_to(folder) or not found.is_file():
        raise InputError(NO_UPLOAD)
    return found.read_bytes()


def _at_address(address: str, name: str, origin: str) -> Received:
    parts = urlsplit(address)
    if _UPLOADED in parts.path:  # named by the hash of its content, so it is ours if it is here
        return Received(_uploaded(unquote(parts.path.split(_UPLOADED, 1)[1])), name)
    if origin and (address + "/").startswith(origin.rstrip("/") + "/"):
        return _of_this_hub(parts.path.removeprefix(urlsplit(origin).path.rstrip("/")), name)
    if settings.current().offline:
        raise InputError(
            f"The file lies at {parts.hostname}, and this hub is offline. Files that are sent with "
            "the call work. Upload it first."
        )
    return Received(asyncio.run(_fetched(address)), name)


def _of_this_hub(path: str, name: str) -> Received:
    """An example or a file of a stored run, read without asking ourselves over HTTP."""
    from core.ui import routes

    kind, *rest = [unquote(part) for part in path.strip("/").split("/")]
    try:
        if kind == "example" and len(rest) == 2:
            found = routes.examples(rest[0])[rest[1]]
            return Received(found.read_bytes(), found.name)
        if kind == "artifact" and len(rest) == 2:
            content, _ = routes.run_file(rest[0], rest[1])
            data = content.read_bytes() if isinstance(content, Path) else content
            return Received(data, rest[1])
    except (NotFoundError, KeyError, OSError):
        pass
    raise InputError(
        f"This hub has no file at {path[:120]}. The address of an upload, an example or a file of a "
        "run works, while the run exists. Check the address, or upload the file."
    )


async def _fetched(address: str) -> bytes:
    """Fetch a file from a public host; each hop is resolved and checked before it is asked."""
    import httpx
    from safehttpx import AsyncSecureTransport

    limit = settings.current().max_upload_bytes
    try:
        async with asyncio.timeout(_SECONDS):
            for _ in range(_HOPS):
                parts = urlsplit(address)
                if parts.scheme not in {"http", "https"} or not parts.hostname:
                    break
                # the connection goes to the address that was checked, whatever the name says later
                secure = AsyncSecureTransport(await _checked(parts.hostname))
                async with (
                    httpx.AsyncClient(transport=secure, trust_env=False) as client,
                    client.stream("GET", address, headers=_PLAIN) as answer,
                ):
                    if answer.has_redirect_location:
                        address = urljoin(address, answer.headers["location"])
                        continue
                    answer.raise_for_status()
                    return await _bounded(answer, limit)
    except (httpx.HTTPError, ValueError, OSError, TimeoutError) as error:
        raise _unreachable(address) from error
    raise _unreachable(address)


async def _checked(host: str) -> str:
    """One address of a host of which all addresses are public.

    Raises:
        ValueError: one of them is not.
        OSError: the host has none.
    """
    rows = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    found = [str(row[4][0]) for row in rows]
    if not found or not all(map(is_public, found)):
        raise ValueError(f"{host} is not a public host")
    return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet, and not to this machine or its network.

    Addresses that carry another inside (mapped, 6to4, NAT64) are as public as that one.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inner or ip
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


async def _bounded(answer: Any, limit: int) -> bytes:
    found = bytearray()
    async for part in answer.aiter_raw():  # never unpacked, so the limit is the limit
        found += part
        if len(found) > limit:
            raise InputError(
                f"The file at that address is larger than {limit / 2**20:.0f} MiB. Files up to that "
                "size are taken. Send a shorter one."
            )
    return bytes(found)


def _unreachable(address: str) -> InputError:
    host = urlsplit(address).hostname or address[:60]
    return InputError(
        f"No file could be fetched from {host}. A public http or https address that gives the file "
        "at once works. Check it in a browser, or upload the file."
    )
