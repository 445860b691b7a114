"""The Hugging Face Hub on loopback, as far as publishing a Space needs it, and strict about it.

It speaks the wire protocol of huggingface_hub 2.4 in both of its upload modes (LFS and Xet), checks
the token of every request, believes no hash that it has not computed, and rebuilds the tree of each
repository from the commits alone. `Hub.fail` plants failures. Everything that came in is counted.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .handler import Handler
from .records import DROP, OTHER, READ, WRITE, Account, Fault, Request
from .repo import Refused, Repo
from .xet import ContentStore


class _Listener(ThreadingHTTPServer):
    request_queue_size = (
        128  # an upload opens many connections at once, and a busy machine is slow to take them
    )


class Hub:
    """The imitated Hub; use it as a context manager."""

    def __init__(self) -> None:
        self.held = threading.Event()  # set once a request is held
        self._healed = threading.Event()
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything that came in or was set."""
        self.accounts = {
            WRITE: Account("me", "write", ("team",)),
            READ: Account("me", "read", ("team",)),
            OTHER: Account("bob", "write"),
        }
        self.writers = {"team": {"bob"}}  # `me` belongs to the team but may not write
        self.repos: dict[tuple[str, str], Repo] = {}
        self.large: dict[str, bytes] = {}  # by sha256, what LFS received
        self.content = ContentStore()  # what Xet received
        self.paid_plan = True
        self.largest_file = 10**12  # bytes
        self.stages = ["BUILDING", "RUNNING"]  # told one after the other once there is a commit
        self.on_commit: Callable[[Repo], None] | None = None  # takes over stage and host
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._grants: dict[str, str] = {}  # Xet access tokens, each for one repository
        self._puts: dict[str, tuple[str, int]] = {}  # secret of an upload address: oid, size
        self._left: dict[str, list[str]] = {}

    def __enter__(self) -> Hub:
        class Bound(Handler):
            hub = self

        self._server = _Listener(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    def fail(self, where: str, status: int = DROP, words: str = "", **more: Any) -> Fault:
        """Plant a failure."""
        self._healed.clear()
        self._faults.append(Fault(where, status, words, **more))
        return self._faults[-1]

    def heal(self) -> None:
        """Take all planted failures away."""
        self._faults.clear()
        self._healed.set()

    def hold(self) -> None:
        """Keep the calling request waiting until `heal`."""
        self.held.set()
        self._healed.wait(60)

    def add(self, repo: Repo) -> Repo:
        """Let a repository exist beforehand."""
        self.repos[repo.kind, repo.name] = repo
        return repo

    def let_tell(self, name: str, stages: Sequence[str]) -> None:
        """Let a Space tell these stages, one after the other, from now on."""
        self._left[name] = list(stages)
        self.space(name).stage = self._left[name].pop(0)

    def space(self, name: str) -> Repo:
        """A Space by its name."""
        return self.repos["space", name]

    def write_tree(self, name: str, folder: Path) -> Path:
        """Write the files of a Space as a clone of it would."""
        for path, file in self.space(name).files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
        return folder

    def sent(self, since: int = 0) -> int:
        """Bytes of all bodies that came in from request number `since` on."""
        return sum(request.size for request in self.requests[since:])

    def count(self, pattern: str, since: int = 0) -> int:
        """How many answered requests match a pattern over `METHOD /path`."""
        return sum(
            bool(re.search(pattern, f"{request.method} {request.path}"))
            for request in self.requests[since:]
        )

    def planted(self, method: str, path: str) -> Fault | None:
        """The failure that hits a request now, if any."""
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and re.search(fault.where, f"{method} {path}"):
                    if fault.after > 0:
                        fault.after -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None

    # --- what the routes do -----------------------------------------------------------------

    def account(self, header: str) -> Account:
        """Who asks.

        Raises:
            Refused: nobody known.
        """
        found = self.accounts.get(header.removeprefix("Bearer "))
        if found is None:
            raise Refused(401, "Invalid credentials in Authorization header")
        return found

    def find(self, kind: str, name: str, account: Account, *, write: bool = False) -> Repo:
        """A repository that the account may see, or write to.

        Raises:
            Refused: it does not exist for this account, or may only be read.
        """
        repo = self.repos.get((kind, name))
        owner = name.split("/")[0]
        if repo is None or (repo.private and owner not in (account.name, *account.orgs)):
            raise Refused(404, "Repository not found", "RepoNotFound")
        if write:
            self.may_write(owner, account)
        return repo

    def may_write(self, owner: str, account: Account) -> None:
        """Check that the account may write under a name.

        Raises:
            Refused: it may not.
        """
        if account.role == "read":
            raise Refused(403, "Forbidden: you must use a write token to upload to a repository.")
        if owner != account.name and account.name not in self.writers.get(owner, ()):
            raise Refused(
                403,
                f'You don\'t have the rights to create a space under the namespace "{owner}"',
            )

    def create(self, body: dict[str, Any], account: Account) -> dict[str, Any]:
        """`POST /api/repos/create`."""
        owner = body.get("organization") or account.name
        self.may_write(owner, account)
        name, kind = f"{owner}/{body['name']}", body.get("type", "model")
        if (kind, name) in self.repos:
            raise Refused(
                409, f"You already created this {kind} repo", url=f"{self.url}/{kind}s/{name}"
            )
        for other in ("model", "dataset", "space"):
            if (other, name) in self.repos:
                raise Refused(409, f"You already created this {other} repo")
        flavor = body.get("hardware") or "cpu-basic"
        if kind == "space" and body.get("sdk") != "static":
            self._may_host(flavor)
        repo = Repo(
            name,
            kind,
            sdk=body.get("sdk", ""),
            private=body.get("visibility") == "private" or bool(body.get("private")),
            hardware=flavor,
            sleep=body.get("sleepTimeSeconds"),
        )
        repo.secrets.update({row["key"]: row["value"] for row in body.get("secrets", ())})
        repo.variables.update({row["key"]: row["value"] for row in body.get("variables", ())})
        self.add(repo)
        return {"url": f"{self.url}/{kind}s/{name}", "name": name, "id": name}

    def _may_host(self, flavor: str) -> None:
        if not self.paid_plan and not flavor.startswith("zero-"):
            raise Refused(
                402,
                "Static Spaces are free for everyone, but hosting Gradio and Docker Spaces on free "
                "cpu-basic requires a PRO subscription. Subscribe at https://huggingface.co/pro",
            )

    def set_hardware(self, repo: Repo, body: dict[str, Any]) -> dict[str, Any]:
        """`POST .../hardware`."""
        self._may_host(body["flavor"])
        repo.hardware = body["flavor"]
        if "sleepTimeSeconds" in body:
            repo.sleep = body["sleepTimeSeconds"]
        return repo.runtime()

    def preupload(self, repo: Repo, body: dict[str, Any]) -> dict[str, Any]:
        """`POST .../preupload/main`: how each file must be sent, and what is there already."""
        rows = []
        for asked in body["files"]:
            path, size = asked["path"], asked["size"]
            if size > self.largest_file:
                raise Refused(
                    413, f"File {path} is too large: {size} bytes, limit {self.largest_file}"
                )
            known = repo.files.get(path)
            mode = repo.upload_mode(path, base64.b64decode(asked["sample"]), size)
            rows.append(
                {
                    "path": path,
                    "uploadMode": mode,
                    "shouldIgnore": False,
                    "oid": known.oid if known and known.lfs == (mode == "lfs") else None,
                }
            )
        return {"files": rows}

    def lfs_batch(self, repo: Repo, body: dict[str, Any]) -> dict[str, Any]:
        """`POST ....git/info/lfs/objects/batch`: an address for each object that is missing."""
        if body.get("operation") != "upload" or body.get("hash_algo") != "sha256":
            raise Refused(400, "only uploads by sha256")
        rows = []
        for asked in body["objects"]:
            row: dict[str, Any] = {"oid": asked["oid"], "size": asked["size"]}
            if asked["size"] > self.largest_file:
                row["error"] = {"code": 413, "message": "File size exceeds the limit"}
            elif asked["oid"] not in self.large:
                key = secrets.token_hex(16)
                self._puts[key] = (asked["oid"], asked["size"])
                row["actions"] = {
                    "upload": {"href": f"{self.url}/lfs-storage/{key}"},
                    "verify": {"href": f"{self.url}/spaces/{repo.name}.git/lfs-verify"},
                }
            rows.append(row)
        return {"transfer": "basic", "objects": rows}

    def put_large(self, key: str, body: bytes) -> None:
        """`PUT` of one LFS object.

        Raises:
            Refused: the address was never given out, or the bytes are not those announced.
        """
        if key not in self._puts:
            raise Refused(403, "unknown upload address")
        oid, size = self._puts[key]
        if len(body) != size or hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "the bytes do not have the announced sha256")
        self.large[oid] = body

    def grant(self, repo: Repo) -> dict[str, Any]:
        """`GET .../xet-write-token/main`."""
        token = f"xet-{secrets.token_hex(8)}"
        self._grants[token] = repo.name
        return {"accessToken": token, "casUrl": f"{self.url}/cas", "exp": int(time.time()) + 3600}

    def check_grant(self, header: str) -> None:
        """Check the token of a request to the content store.

        Raises:
            Refused: it was not given out.
        """
        if header.removeprefix("Bearer ") not in self._grants:
            raise Refused(401, "unknown Xet token")

    def commit(self, repo: Repo, body: bytes) -> dict[str, Any]:
        """`POST .../commit/main`."""
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        with self._lock:
            name = repo.commit(lines, self.large | self.content.files)
        if self.on_commit is not None:
            self.on_commit(repo)
        elif repo.kind == "space":
            self.let_tell(repo.name, self.stages)
        return {"commitOid": name, "commitUrl": f"{self.url}/spaces/{repo.name}/commit/{name}"}

    def next_stage(self, repo: Repo) -> dict[str, Any]:
        """`GET .../runtime`; without `on_commit` the Space moves on by one stage each time."""
        told = repo.runtime()
        if left := self._left.get(repo.name):
            repo.stage = left.pop(0)
            repo.running_commit = repo.commits[-1] if repo.stage == "RUNNING" else ""
        return told
