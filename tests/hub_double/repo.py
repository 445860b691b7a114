"""What the imitated Hub keeps of one repository: files, commits, settings, the state of its Space."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import yaml

_TEXT_LIMIT = 10 * 2**20  # bytes; the Hub takes larger files through LFS or Xet only
_SCREEN = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


class Refused(Exception):
    """An answer that is not a success: status, the Hub's words, and its error code."""

    def __init__(self, status: int, words: str, code: str = "", **more: Any) -> None:
        super().__init__(words)
        self.status, self.words, self.code, self.more = status, words, code, more


@dataclass(frozen=True)
class Stored:
    """One file of a repository."""

    content: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        """The name under which the Hub compares it: sha256 for large files, git's sha1 otherwise."""
        if self.lfs:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


@dataclass
class Repo:
    """One repository of the imitated Hub."""

    name: str
    kind: str = "space"  # space, model or dataset
    sdk: str = "gradio"
    private: bool = False
    files: dict[str, Stored] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    hardware: str | None = None
    sleep: int | None = None
    stage: str = "NO_APP_FILE"
    running_commit: str = ""
    host: str = ""
    logs: dict[str, list[str]] = field(default_factory=lambda: {"build": [], "run": []})

    def __post_init__(self) -> None:
        self.files.setdefault(
            ".gitattributes", Stored(b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n", False)
        )
        self._seal("initial commit")

    def _seal(self, message: str) -> str:
        state = json.dumps([[path, file.oid] for path, file in sorted(self.files.items())])
        parent = self.commits[-1] if self.commits else ""
        self.commits.append(hashlib.sha1(f"{parent}{message}{state}".encode()).hexdigest())
        self.messages.append(message)
        return self.commits[-1]

    @property
    def card(self) -> dict[str, Any]:
        """The front matter of the README, as the Hub parses it."""
        readme = self.files.get("README.md")
        return front_matter(readme.content.decode()) if readme else {}

    def upload_mode(self, path: str, sample: bytes, size: int) -> str:
        """How a file must be sent: `regular` text in the commit, or `lfs`."""
        if size > _TEXT_LIMIT or path.endswith((".safetensors", ".npz", ".parquet")):
            return "lfs"
        try:
            sample.decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            return "regular" if error.start > len(sample) - 4 and size > len(sample) else "lfs"
        return "lfs" if b"\0" in sample else "regular"

    def commit(self, lines: list[dict[str, Any]], large: dict[str, bytes]) -> str:
        """Apply a commit as a whole or not at all; returns its name.

        Raises:
            Refused: a line cannot be applied.
        """
        if not lines or lines[0].get("key") != "header" or not lines[0]["value"].get("summary"):
            raise Refused(400, "the first line of a commit must be its header with a summary")
        parent = lines[0]["value"].get("parentCommit")
        if parent is not None and parent != self.commits[-1]:
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        after = dict(self.files)
        for line in lines[1:]:
            key, value = line["key"], line["value"]
            path = value["path"].rstrip("/")
            if key == "file":
                if value.get("encoding") != "base64":
                    raise Refused(400, f"unknown encoding of {path}")
                after[path] = Stored(base64.b64decode(value["content"], validate=True), False)
            elif key == "lfsFile":
                content = large.get(value["oid"])
                if value.get("algo") != "sha256" or content is None:
                    raise Refused(
                        400,
                        "Your push was rejected because an LFS pointer pointed to a file that does "
                        f"not exist: {path}",
                    )
                if value.get("size", len(content)) != len(content):
                    raise Refused(400, f"the size of {path} is wrong")
                after[path] = Stored(content, True)
            elif key == "deletedFile":
                if path not in after:
                    raise Refused(
                        404, f"A file with this name doesn't exist: {path}", "EntryNotFound"
                    )
                del after[path]
            else:
                raise Refused(400, f"unknown operation {key}")
        self.files = after
        return self._seal(lines[0]["value"]["summary"])

    def listing(self) -> list[dict[str, Any]]:
        """The tree as the API lists it."""
        rows: list[dict[str, Any]] = []
        folders = {
            "/".join(path.split("/")[:depth])
            for path in self.files
            for depth in range(1, path.count("/") + 1)
        }
        rows += [{"type": "directory", "path": path, "oid": "0" * 40} for path in sorted(folders)]
        for path, file in sorted(self.files.items()):
            row: dict[str, Any] = {
                "type": "file",
                "path": path,
                "size": len(file.content),
                "oid": file.oid[:40],
            }
            if file.lfs:
                row["lfs"] = {"oid": file.oid, "size": len(file.content), "pointerSize": 134}
            rows.append(row)
        return rows

    def runtime(self) -> dict[str, Any]:
        """The state of the Space as the API tells it."""
        told: dict[str, Any] = {
            "stage": self.stage,
            "hardware": {
                "current": self.hardware if self.stage == "RUNNING" else None,
                "requested": self.hardware,
            },
            "storage": None,
            "gcTimeout": self.sleep,
            "devMode": False,
        }
        if self.running_commit:
            told["sha"] = self.running_commit
        return told

    def about(self) -> dict[str, Any]:
        """What `GET /api/spaces/...` answers."""
        owner, name = self.name.split("/")
        return {
            "id": self.name,
            "author": owner,
            "sha": self.commits[-1],
            "private": self.private,
            "sdk": self.card.get("sdk", self.sdk),
            "host": self.host or None,
            "subdomain": f"{owner}-{name}",
            "cardData": self.card or None,
            "tags": list(self.card.get("tags") or []),
            "siblings": [{"rfilename": path} for path in sorted(self.files)],
            "runtime": self.runtime(),
        }


def front_matter(readme: str) -> dict[str, Any]:
    """The YAML block at the top of a README; empty when there is none or it is broken."""
    parts = readme.split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return {}
    try:
        found = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def yaml_complaints(readme: str) -> list[str]:
    """What the Hub has against the front matter of a Space."""
    parts = readme.split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return ["empty or missing yaml metadata in repo card"]
    try:
        card = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        return [f"yaml cannot be parsed: {str(error).splitlines()[0]}"]
    found = []
    if card.get("sdk") not in {"gradio", "docker", "static"}:
        found.append('"sdk" must be one of [gradio, docker, static]')
    found += [
        f'"{key}" must be one of [{", ".join(sorted(_SCREEN))}]'
        for key in ("colorFrom", "colorTo")
        if key in card and card[key] not in _SCREEN
    ]
    if len(str(card.get("short_description", ""))) > 60:
        found.append('"short_description" length must be less than or equal to 60 characters long')
    found += [
        f'"{key}" must be a string'
        for key in ("title", "emoji", "sdk_version", "python_version", "app_file")
        if key in card and not isinstance(card[key], str)
    ]
    found += [
        f'"{key}" must be an array'
        for key in ("tags", "models", "datasets", "preload_from_hub", "hf_oauth_scopes")
        if key in card and not isinstance(card[key], list)
    ]
    if "hf_oauth" in card and not isinstance(card["hf_oauth"], bool):
        found.append('"hf_oauth" must be a boolean')
    return found
