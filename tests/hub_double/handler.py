"""The addresses of the imitated Hub and the HTTP around them; what they do is in `server`."""

from __future__ import annotations

import contextlib
import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from .records import DROP, HOLD, LOSE_ANSWER, Account, Request
from .repo import Refused, Repo, yaml_complaints
from .xet import BadContent

if TYPE_CHECKING:
    from .server import Hub


class Handler(BaseHTTPRequestHandler):
    """One request: find its route, check who asks, answer in JSON."""

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
