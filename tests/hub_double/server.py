"""The Hugging Face Hub on loopback, as far as publishing a Space needs it, and strict about it.

It speaks the wire protocol of huggingface_hub 2.4 in both of its upload modes (LFS and Xet), checks
the token of every request, believes no hash that it has not computed, and rebuilds the tree of each
repository from the commits alone. `Hub.fail` plants failures. Everything that came in is counted.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .repo import Refused, Repo, yaml_complaints
from .xet import BadContent, ContentStore

WRITE, READ, OTHER = "token-write", "token-read", "token-of-bob"
DROP = 0  # instead of a status: close the connection when half of the body has come
LOSE_ANSWER = -1  # do what was asked, then close the connection without an answer
HOLD = -2  # keep the request waiting until `Hub.heal`, then close the connection


@dataclass
class Account:
    """Who a token belongs to, and what it may do."""

    name: str
    role: str
    orgs: tuple[str, ...] = ()


@dataclass
class Fault:
    """A planted failure of the requests that match `where` (a pattern over `METHOD /path`)."""

    where: str
    status: int = DROP
    words: str = ""
    code: str = ""
    times: int = 10**9
    after: int = 0  # this many matching requests pass first
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    """One request that came in."""

    method: str
    path: str
    status: int
    size: int  # bytes of its body


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
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
        else:
            self._left[repo.name] = list(self.stages)
            repo.stage = self._left[repo.name].pop(0)
        return {"commitOid": name, "commitUrl": f"{self.url}/spaces/{repo.name}/commit/{name}"}

    def next_stage(self, repo: Repo) -> dict[str, Any]:
        """`GET .../runtime`; without `on_commit` the Space moves on by one stage each time."""
        told = repo.runtime()
        if left := self._left.get(repo.name):
            repo.stage = left.pop(0)
            repo.running_commit = repo.commits[-1] if repo.stage == "RUNNING" else ""
        return told


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    _NAME = r"(?P<name>[\w.-]+/[\w.-]+)"
    _KIND = r"(?P<kind>model|dataset|space)s"
    _ROUTES = (
        ("GET", r"/api/whoami-v2", "whoami"),
        ("POST", r"/api/repos/create", "create"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("GET", rf"/api/{_KIND}/{_NAME}(/revision/main)?", "about"),
        ("GET", rf"/api/{_KIND}/{_NAME}/tree/main", "tree"),
        ("POST", rf"/api/{_KIND}/{_NAME}/preupload/main", "preupload"),
        ("POST", rf"/api/{_KIND}/{_NAME}/commit/main", "commit"),
        ("GET", rf"/api/{_KIND}/{_NAME}/xet-write-token/main", "grant"),
        ("GET", rf"/api/spaces/{_NAME}/runtime", "runtime"),
        ("GET", rf"/api/spaces/{_NAME}/variables", "variables"),
        ("POST", rf"/api/spaces/{_NAME}/variables", "set_variable"),
        ("DELETE", rf"/api/spaces/{_NAME}/variables", "drop_variable"),
        ("GET", rf"/api/spaces/{_NAME}/secrets", "secrets"),
        ("POST", rf"/api/spaces/{_NAME}/secrets", "set_secret"),
        ("POST", rf"/api/spaces/{_NAME}/hardware", "hardware"),
        ("POST", rf"/api/spaces/{_NAME}/sleeptime", "sleep"),
        ("POST", rf"/api/spaces/{_NAME}/restart", "restart"),
        ("GET", rf"/api/spaces/{_NAME}/logs/(?P<log>build|run)", "logs"),
        ("POST", rf"/spaces/{_NAME}\.git/info/lfs/objects/batch", "lfs_batch"),
        ("POST", rf"/spaces/{_NAME}\.git/lfs-verify", "lfs_verify"),
        ("PUT", r"/lfs-storage/(?P<key>\w+)", "lfs_put"),
        ("GET", r"/cas/v1/chunks/default/(?P<hash>\w+)", "xet_known"),
        ("POST", r"/cas/v1/xorb-grants/default/(?P<hash>\w+)", "xet_old"),
        ("POST", r"/cas/v2/shards", "xet_old"),
        ("POST", r"/cas/v1/xorbs/default/(?P<hash>\w+)", "xet_xorb"),
        ("POST", r"/cas/v1/shards", "xet_shard"),
    )

    def log_message(self, format: str, *args: object) -> None:
        """Keep the output of the tests clean."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        path, self.query = unquote(parts.path), parse_qs(parts.query)
        fault = self.hub.planted(self.command, path)
        if fault is not None and fault.status in (DROP, HOLD):
            if fault.status == HOLD:
                self.hub.hold()
            self._break_off()
            return
        self.body = self._read()
        self.is_lost = fault is not None and fault.status == LOSE_ANSWER
        try:
            if fault is not None and fault.status > 0:
                raise Refused(fault.status, fault.words, fault.code, headers=fault.headers)
            for method, pattern, name in self._ROUTES:
                found = re.fullmatch(pattern, path)
                if method == self.command and found:
                    self.match = found
                    self._answer(200, getattr(self, f"_{name}")(), path)
                    return
            raise Refused(404, f"the imitation has no {self.command} {path}")
        except BadContent as error:
            self._answer(400, {"error": str(error)}, path)
        except Refused as refused:
            headers = {"X-Error-Message": refused.words, **refused.more.pop("headers", {})}
            if refused.code:
                headers["X-Error-Code"] = refused.code
            body = {"error": refused.words, **refused.more}
            self._answer(refused.status, body, path, headers)

    def _read(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _break_off(self) -> None:
        with contextlib.suppress(OSError):
            self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self.connection.shutdown(2)
        self.close_connection = True

    def _answer(
        self, status: int, body: object, path: str, headers: dict[str, str] | None = None
    ) -> None:
        self.hub.requests.append(Request(self.command, path, status, len(self.body)))
        if self.is_lost:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        extra = dict(headers or {})
        if isinstance(body, dict) and "accessToken" in body:
            extra |= {
                "X-Xet-Cas-Url": body["casUrl"],
                "X-Xet-Access-Token": body["accessToken"],
                "X-Xet-Token-Expiration": str(body["exp"]),
            }
        kind = "text/event-stream" if isinstance(body, bytes) else "application/json"
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            for name, value in extra.items():
                self.send_header(name, value.replace("\n", " "))
            self.end_headers()
            self.wfile.write(data)

    # --- routes -----------------------------------------------------------------------------

    @property
    def _json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def _who(self) -> Account:
        return self.hub.account(self.headers.get("Authorization", ""))

    def _repo(self, *, write: bool = False) -> Repo:
        kind = self.match.groupdict().get("kind") or "space"
        return self.hub.find(kind, self.match["name"], self._who, write=write)

    def _whoami(self) -> object:
        who = self._who
        return {
            "type": "user",
            "name": who.name,
            "orgs": [{"name": org, "type": "org"} for org in who.orgs],
            "auth": {"accessToken": {"displayName": "laptop", "role": who.role}},
        }

    def _create(self) -> object:
        return self.hub.create(self._json, self._who)

    def _validate(self) -> object:
        body = self._json
        complaints = yaml_complaints(body["content"]) if body["repoType"] == "space" else []
        if complaints:
            errors = [{"message": text} for text in complaints]
            raise Refused(400, complaints[0], errors=errors, warnings=[])
        return {"errors": [], "warnings": []}

    def _about(self) -> object:
        return self._repo().about()

    def _tree(self) -> object:
        return self._repo().listing()

    def _preupload(self) -> object:
        return self.hub.preupload(self._repo(write=True), self._json)

    def _commit(self) -> object:
        if self.headers.get("Content-Type") != "application/x-ndjson":
            raise Refused(400, "a commit is application/x-ndjson")
        return self.hub.commit(self._repo(write=True), self.body)

    def _grant(self) -> object:
        return self.hub.grant(self._repo(write=True))

    def _runtime(self) -> object:
        return self.hub.next_stage(self._repo())

    def _variables(self) -> object:
        return {key: {"value": value} for key, value in self._repo(write=True).variables.items()}

    def _set_variable(self) -> object:
        repo, body = self._repo(write=True), self._json
        repo.variables[body["key"]] = body["value"]
        return self._variables()

    def _drop_variable(self) -> object:
        self._repo(write=True).variables.pop(self._json["key"], None)
        return self._variables()

    def _secrets(self) -> object:
        return {key: {} for key in self._repo(write=True).secrets}

    def _set_secret(self) -> object:
        self._repo(write=True).secrets[self._json["key"]] = self._json["value"]
        return self._secrets()

    def _hardware(self) -> object:
        return self.hub.set_hardware(self._repo(write=True), self._json)

    def _sleep(self) -> object:
        repo = self._repo(write=True)
        repo.sleep = self._json["seconds"]
        return repo.runtime()

    def _restart(self) -> object:
        return self._repo(write=True).runtime()

    def _logs(self) -> object:
        lines = self._repo(write=True).logs[self.match["log"]]
        events = [{"data": line + "\n", "timestamp": "2026-01-01T00:00:00.000Z"} for line in lines]
        return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()

    def _lfs_batch(self) -> object:
        return self.hub.lfs_batch(self._repo(write=True), self._json)

    def _lfs_verify(self) -> object:
        self._repo(write=True)
        if len(self.hub.large.get(self._json["oid"], b"")) != self._json["size"]:
            raise Refused(404, "that object did not arrive")
        return {}

    def _lfs_put(self) -> object:
        if self.headers.get("Authorization"):
            raise Refused(400, "the token must not go to the storage")
        self.hub.put_large(self.match["key"], self.body)
        return {}

    def _xet_known(self) -> object:
        self.hub.check_grant(self.headers.get("Authorization", ""))
        raise Refused(404, "chunk not found")

    def _xet_old(self) -> object:
        raise Refused(404, "an older store, without this route")

    def _xet_xorb(self) -> object:
        self.hub.check_grant(self.headers.get("Authorization", ""))
        return {"was_inserted": self.hub.content.add_xorb(self.match["hash"], self.body)}

    def _xet_shard(self) -> object:
        self.hub.check_grant(self.headers.get("Authorization", ""))
        self.hub.content.add_shard(self.body)
        return {"result": 1}
