"""The content store of the Xet protocol: takes xorbs and shards, gives the bytes of files back.

Formats as in the public Xet specification (xorb, shard). A file is believed only when its bytes,
rebuilt from the chunks that were received, have the sha256 that its shard states and the Xet hash
under which the shard lists it. What is not recomputed: the hash in the name of each single xorb and
chunk (keyed BLAKE3, which the standard library lacks); a wrong one would not find its file.
"""

from __future__ import annotations

import hashlib
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ENTRY = 48  # bytes of every record of a shard
_HEADER = 48
_WITH_VERIFICATION = 1 << 31
_WITH_METADATA = 1 << 30
_BOOKEND = b"\xff" * 32
_FOOTER_MARK = b"XETBLOB"
_LZ4_FRAME = 0x184D2204


class BadContent(Exception):
    """What was sent breaks the format; the sender gets it as a 400."""


def hash_words(raw: bytes) -> str:
    """A 32-byte hash in the order in which Xet prints it: four little-endian words."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", raw))


@dataclass(frozen=True)
class Term:
    """A run of chunks of one xorb, as part of a file."""

    xorb: str
    first: int
    last: int
    size: int


@dataclass(frozen=True)
class ListedFile:
    """A file as a shard describes it."""

    xet_hash: str
    sha256: str
    terms: tuple[Term, ...]


class ContentStore:
    """Xorbs by hash, and the files that shards have made of them."""

    def __init__(self) -> None:
        self._chunks: dict[str, list[bytes]] = {}
        self.files: dict[str, bytes] = {}  # by sha256
        self.schemes: set[int] = set()  # ways of compression that were met

    def add_xorb(self, name: str, body: bytes) -> bool:
        """Take a xorb; returns whether it is new.

        Raises:
            BadContent: it does not follow the format.
        """
        if name in self._chunks:
            return False
        found = list(_chunks(body))
        self.schemes |= {scheme for scheme, _ in found}
        self._chunks[name] = [content for _, content in found]
        return True

    def add_shard(self, body: bytes) -> int:
        """Rebuild and check every file that a shard lists; returns how many there were.

        Raises:
            BadContent: a xorb is missing, or bytes and hashes disagree.
        """
        listed = list(_files(body))
        for file in listed:
            content = b"".join(self._bytes_of(term) for term in file.terms)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise BadContent(f"the bytes of {file.sha256} have another sha256")
            if _xet_hash(content) != file.xet_hash:
                raise BadContent(f"the bytes of {file.sha256} have another Xet hash")
            self.files[file.sha256] = content
        return len(listed)

    def _bytes_of(self, term: Term) -> bytes:
        chunks = self._chunks.get(term.xorb)
        if chunks is None:
            raise BadContent(f"xorb {term.xorb} was not sent before its shard")
        if not 0 <= term.first < term.last <= len(chunks):
            raise BadContent(f"xorb {term.xorb} has no chunks {term.first} to {term.last}")
        content = b"".join(chunks[term.first : term.last])
        if len(content) != term.size:
            raise BadContent(f"a part of {term.size} bytes has {len(content)}")
        return content


def _xet_hash(content: bytes) -> str:
    import hf_xet

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(content)
        return hf_xet.hash_files([str(path)])[0].hash


def _chunks(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        if body[at : at + 7] == _FOOTER_MARK:
            return
        if len(body) - at < 8 or body[at] != 0:
            raise BadContent(f"no chunk header at byte {at}")
        stored = int.from_bytes(body[at + 1 : at + 4], "little")
        scheme = body[at + 4]
        size = int.from_bytes(body[at + 5 : at + 8], "little")
        data = body[at + 8 : at + 8 + stored]
        if len(data) != stored:
            raise BadContent("the last chunk is cut off")
        at += 8 + stored
        if scheme == 0:
            content = data
        elif scheme == 1:
            content = unpack_lz4(data)
        elif scheme == 2:
            content = ungroup(unpack_lz4(data))
        else:
            raise BadContent(f"unknown compression {scheme}")
        if len(content) != size:
            raise BadContent(f"a chunk of {size} bytes has {len(content)}")
        yield scheme, content


def ungroup(data: bytes) -> bytes:
    """Undo the grouping of bytes by their place in each four."""
    content = bytearray(len(data))
    at = 0
    for place in range(4):
        count = (len(data) - place + 3) // 4
        content[place::4] = data[at : at + count]
        at += count
    return bytes(content)


def unpack_lz4(frame: bytes) -> bytes:
    """Unpack one LZ4 frame; checksums are skipped, sha256 of the file is what counts.

    Raises:
        BadContent: it is no LZ4 frame.
    """
    if len(frame) < 7 or int.from_bytes(frame[:4], "little") != _LZ4_FRAME:
        raise BadContent("not an LZ4 frame")
    flags = frame[4]
    at = 7 + (8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0)
    content = bytearray()
    while True:
        size = int.from_bytes(frame[at : at + 4], "little")
        at += 4
        if size == 0:
            return bytes(content)
        stored, size = size >> 31, size & 0x7FFFFFFF
        block = frame[at : at + size]
        if len(block) != size:
            raise BadContent("an LZ4 block is cut off")
        if stored:
            content += block
        else:
            _unpack_block(block, content)
        at += size + (4 if flags & 0x10 else 0)


def _unpack_block(block: bytes, content: bytearray) -> None:
    at = 0
    while at < len(block):
        token = block[at]
        at += 1
        literal = token >> 4
        if literal == 15:
            at, literal = _longer(block, at, literal)
        content += block[at : at + literal]
        at += literal
        if at >= len(block):  # the last sequence has literals only
            return
        offset = block[at] | block[at + 1] << 8
        at += 2
        match = token & 15
        if match == 15:
            at, match = _longer(block, at, match)
        match += 4
        start = len(content) - offset
        if offset == 0 or start < 0:
            raise BadContent("an LZ4 match points before the start")
        if offset >= match:
            content += content[start : start + match]
        else:  # the match runs into what it writes
            piece = bytes(content[start:])
            content += (piece * (match // offset + 1))[:match]


def _longer(block: bytes, at: int, length: int) -> tuple[int, int]:
    while True:
        more = block[at]
        at += 1
        length += more
        if more != 255:
            return at, length


def _files(shard: bytes) -> Iterator[ListedFile]:
    if len(shard) < _HEADER or struct.unpack_from("<Q", shard, 32)[0] != 2:
        raise BadContent("not a shard of version 2")
    at = _HEADER
    while True:
        if at + _ENTRY > len(shard):
            raise BadContent("the shard ends inside its list of files")
        name = shard[at : at + 32]
        if name == _BOOKEND:
            return
        flags, count = struct.unpack_from("<2I", shard, at + 32)
        at += _ENTRY
        terms = []
        for _ in range(count):
            _, size, first, last = struct.unpack_from("<4I", shard, at + 32)
            terms.append(Term(hash_words(shard[at : at + 32]), first, last, size))
            at += _ENTRY
        if not flags & _WITH_VERIFICATION or not flags & _WITH_METADATA:
            raise BadContent("an uploaded shard needs verification and sha256 of every file")
        at += count * _ENTRY
        sha256 = hash_words(shard[at : at + 32])
        at += _ENTRY
        yield ListedFile(hash_words(name), sha256, tuple(terms))
