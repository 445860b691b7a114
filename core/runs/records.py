"""What the store hands out: plain frozen records, and the rules for names and ids."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Final

from core.errors import InputError

_RUN_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,98}[A-Za-z0-9_-])?")
# Names that Windows keeps for devices: an exported zip must unpack everywhere.
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
MEDIA_TYPES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "json": "application/json",
    "csv": "text/csv",
    "txt": "text/plain",
    "md": "text/markdown",
    "zip": "application/zip",
}
MAX_TITLE = 200  # characters
MAX_OWNER = 200


class _Operator:
    """The person who runs the hub; told apart from every visitor by identity."""

    def __repr__(self) -> str:
        return "OPERATOR"


OPERATOR: Final = _Operator()
"""Given as `owner` by the command line: passes every owner check and lists all runs."""

Owner = str | _Operator | None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a run: its content address, size in bytes and media type."""

    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run, as stored.

    `created` is in seconds since the epoch (UTC), `seconds` is how long the work took.
    """

    id: str
    method: str
    title: str
    owner: str = field(repr=False)  # whoever knows it may delete: keep it out of logs
    created: float
    seconds: float
    request: dict[str, Any]
    result: dict[str, Any]
    artifacts: dict[str, Artifact]
    thumbnail: str | None
    pinned: bool
    tier: str
    versions: dict[str, str]

    @property
    def cursor(self) -> str:
        """Where the next page of a listing starts: give it to `list(before=...)`."""
        return f"{self.created!r}~{self.id}"

    @property
    def link(self) -> str:
        """Address of this run within the hub, such as `/trill?run=...`."""
        return f"/{self.method}?run={self.id}"

    def owned_by(self, owner: Owner) -> bool:
        """Whether `owner` may change this run; compared in constant time.

        A run without an owner belongs to the operator alone.
        """
        if owner is OPERATOR:
            return True
        if not isinstance(owner, str) or not owner or not self.owner:
            return False
        return hmac.compare_digest(owner.encode(errors="replace"), self.owner.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One human answer (a vote, a panel review); never changed once given."""

    id: int
    method: str
    subject: str
    payload: dict[str, Any]
    owner: str = field(repr=False)
    created: float


def new_run_id() -> str:
    """Draw a run id of 128 random bits; it is never derived from anything."""
    return secrets.token_hex(16)


def is_run_id(text: object) -> bool:
    """Whether `text` has the form of a run id."""
    return isinstance(text, str) and _RUN_ID.fullmatch(text) is not None


def is_sha256(text: object) -> bool:
    """Whether `text` has the form of a sha256 in lower-case hexadecimal."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def is_owner(text: object) -> bool:
    """Whether `text` can be the opaque id of a visitor."""
    return isinstance(text, str) and 0 < len(text) <= MAX_OWNER and text.isprintable()


def check_owner(text: str) -> str:
    """Return an opaque visitor id as it is; empty means the operator's own.

    Raises:
        InputError: it is too long or holds control characters.
    """
    if text and not is_owner(text):
        raise InputError(
            f"The browser id has {len(text)} characters or some that cannot be printed. Up to "
            f"{MAX_OWNER} printable ones work. Reload the page to get a new one."
        )
    return text


def check_artifact_name(name: str) -> str:
    """Return `name` when it is a plain file name that is safe on every system.

    Raises:
        ValueError: it holds a slash, a leading dot, an odd character, or is too long.
    """
    if not _NAME.fullmatch(name) or ".." in name or _DEVICE.fullmatch(name):
        raise ValueError(
            f"artifact name {name!r} is not a plain file name; use artifact_name() to make one"
        )
    return name


def artifact_name(text: str, fallback: str = "file") -> str:
    """Make a plain, safe file name from any text, such as the name of an upload.

    Folders are dropped, accents removed, other characters become `-`; the extension stays.
    """
    last = re.split(r"[/\\]", text)[-1][-200:]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", plain)
    stem, dot, extension = plain.rpartition(".")
    if not dot:
        stem, extension = plain, ""
    stem = re.sub(r"\.+", ".", stem).strip(".-_ ")[:60] or fallback
    extension = re.sub(r"[^A-Za-z0-9]", "", extension)[:16]  # safetensors has 11
    name = f"{stem}.{extension}" if extension else stem
    if not _NAME.fullmatch(name) or _DEVICE.fullmatch(name):
        name = f"{fallback}.{extension}" if extension else fallback
    return name


def media_type_of(name: str) -> str:
    """Media type for a file name, from a fixed list; the system's own tables differ."""
    return MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def clean_line(text: str, limit: int, what: str) -> str:
    """Return `text` as one line without control characters.

    Raises:
        InputError: more than `limit` characters remain.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > limit:
        raise InputError(
            f"The {what} has {len(line)} characters. Up to {limit} fit. Use a shorter one."
        )
    return line
