"""Content-addressed files: each is kept once, under its sha256, in a folder or in a bucket.

`Folder` writes to a temporary file, syncs it, renames it into place and syncs the folder, so that
a file under its final name is whole at any instant. `Bucket` is any other fsspec file system; a
half-written object there is harmless, because no run names it before the write returned and the
next writer of the same content verifies what it finds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol

from core.errors import NotFoundError, VitrineError

from .records import is_sha256

_BLOCK = 2**20


class BlobPlace(Protocol):
    """Where blobs lie; keys are sha256 in hexadecimal."""

    def put(self, sha256: str, source: bytes | Path) -> None:
        """Keep `source` under its hash; nothing is done when it is there and whole."""
        ...

    def read(self, sha256: str) -> bytes:
        """Return the content, verified against its hash; NotFoundError or VitrineError."""
        ...

    def copy_to(self, sha256: str, target: Path) -> None:
        """Make a local file with the verified content; `target` appears whole or not at all."""
        ...

    def remove(self, sha256: str) -> None:
        """Remove the content if it is there."""
        ...

    def sweep(self, older_than: float) -> int:
        """Remove unfinished writes from before the given time; returns how many."""
        ...


def open_place(artifact_url: str) -> Folder | Bucket:
    """Open a folder (a path or `file://`) or any fsspec URL, such as `s3://bucket/prefix`.

    Raises:
        VitrineError: fsspec does not know the scheme, or its package is missing.
    """
    if "://" not in artifact_url and "::" not in artifact_url:
        return Folder(Path(artifact_url))  # the default needs no fsspec import
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    try:
        system, root = fsspec.url_to_fs(artifact_url)
    except (ValueError, ImportError) as error:
        scheme = artifact_url.partition("://")[0]
        raise VitrineError(
            f"VITRINE_ARTIFACT_URL starts with {scheme!r}, which cannot be opened here. A folder or "
            "any address that fsspec knows works. Install the package for it (s3fs, gcsfs, ...)."
        ) from error
    if isinstance(system, LocalFileSystem):
        return Folder(Path(root))
    return Bucket(system, root)


def hash_of(source: bytes | Path) -> tuple[str, int]:
    """Return (sha256 in hexadecimal, size in bytes) of bytes or of a file, read in blocks."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest(), len(source)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _missing(sha256: str) -> NotFoundError:
    return NotFoundError(
        f"The file {sha256[:12]}... is not in the store any more. Files of stored runs stay until "
        "the run expires or is deleted. Run it again."
    )


def _damaged(sha256: str) -> VitrineError:
    return VitrineError(
        f"The stored file {sha256[:12]}... is damaged. An undamaged one would match its checksum. "
        "Run it again to replace it."
    )


def _key(sha256: str) -> str:
    if not is_sha256(sha256):  # keys become paths: only hexadecimal may
        raise ValueError(f"{sha256!r} is not a sha256")
    return f"{sha256[:2]}/{sha256}"


def write_whole(target: Path, source: bytes | Path, sha256: str) -> None:
    """Write `source` to `target` through a synced temporary file beside it, then rename.

    Raises:
        VitrineError: the content does not have the given hash.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        digest = hashlib.sha256()
        with temporary.open("wb") as out, contextlib.ExitStack() as stack:
            if isinstance(source, bytes):
                digest.update(source)
                out.write(source)
            else:
                file = stack.enter_context(source.open("rb"))
                while block := file.read(_BLOCK):
                    digest.update(block)
                    out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != sha256:
            raise _damaged(sha256)
        temporary.chmod(0o444)
        os.replace(temporary, target)
        _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot open a folder for syncing
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Folder:
    """Blobs in a local folder: `<root>/<first two digits>/<sha256>`, read-only files."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, sha256: str) -> Path:
        """Where a blob lies, whether or not it exists."""
        return self.root / _key(sha256)

    def put(self, sha256: str, source: bytes | Path) -> None:
        """Keep `source` under its hash; a damaged file found there is replaced."""
        path = self.path(sha256)
        with contextlib.suppress(FileNotFoundError):  # absent, or collected at this very moment
            if hash_of(path)[0] == sha256:
                return
        new_folder = not path.parent.exists()
        write_whole(path, source, sha256)
        if new_folder:
            _sync_folder(self.root)

    def read(self, sha256: str) -> bytes:
        """Return the verified content."""
        try:
            data = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise _missing(sha256) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _damaged(sha256)
        return data

    def copy_to(self, sha256: str, target: Path) -> None:
        """Make a local file with the verified content."""
        path = self.path(sha256)
        if not path.exists():
            raise _missing(sha256)
        write_whole(target, path, sha256)

    def remove(self, sha256: str) -> None:
        """Remove the content if it is there."""
        self.path(sha256).unlink(missing_ok=True)

    def sweep(self, older_than: float) -> int:
        """Remove temporary files that a killed process left."""
        removed = 0
        for part in self.root.glob("??/.*.part"):
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime < older_than:
                    part.unlink()
                    removed += 1
        return removed


class Bucket:
    """Blobs in any other fsspec file system."""

    def __init__(self, system: Any, root: str) -> None:
        self.system = system
        self.root = root.rstrip("/")

    def path(self, sha256: str) -> str:
        """Key of a blob within the file system."""
        return f"{self.root}/{_key(sha256)}"

    def put(self, sha256: str, source: bytes | Path) -> None:
        """Keep `source` under its hash; a damaged object found there is replaced."""
        path = self.path(sha256)
        with contextlib.suppress(NotFoundError, VitrineError):
            self._verify(sha256)
            return
        self.system.makedirs(path.rpartition("/")[0], exist_ok=True)
        if isinstance(source, bytes):
            self.system.pipe_file(path, source)
        else:
            self.system.put_file(str(source), path)
            self._verify(sha256)  # the file may have changed since it was hashed

    def _verify(self, sha256: str) -> None:
        digest = hashlib.sha256()
        try:
            with self.system.open(self.path(sha256), "rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except FileNotFoundError:
            raise _missing(sha256) from None
        if digest.hexdigest() != sha256:
            raise _damaged(sha256)

    def read(self, sha256: str) -> bytes:
        """Return the verified content."""
        try:
            data = self.system.cat_file(self.path(sha256))
        except FileNotFoundError:
            raise _missing(sha256) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _damaged(sha256)
        return data

    def copy_to(self, sha256: str, target: Path) -> None:
        """Fetch the content into a local file, verified."""
        with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
            fetched = Path(folder) / "blob"
            try:
                with self.system.open(self.path(sha256), "rb") as file, fetched.open("wb") as out:
                    shutil.copyfileobj(file, out, _BLOCK)
            except FileNotFoundError:
                raise _missing(sha256) from None
            write_whole(target, fetched, sha256)

    def remove(self, sha256: str) -> None:
        """Remove the object if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.system.rm_file(self.path(sha256))

    def sweep(self, older_than: float) -> int:
        """Nothing to do: objects appear whole."""
        del older_than
        return 0
