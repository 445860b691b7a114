"""Imitates the device API of a ZeroGPU Space, as the platform's `spaces` package speaks to it.

    with DeviceApi() as api:
        env = api.env(folder)          # what the Space's process needs to be on "ZeroGPU"
        ...
        api.calls("/schedule")         # the query of each call, in order

A token of `quota(...)` or `fail(...)` says what the next `/schedule` answers.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """One request of the Space."""

    path: str
    query: dict[str, str]
    time: float  # monotonic seconds


@dataclass
class Answer:
    """What one `/schedule` gets: a status with headers and a body, after a delay."""

    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    events: tuple[str, ...] = ()  # a stream of server-sent events instead of the body


class DeviceApi:
    """A device API on a free port of this machine."""

    def __init__(self, gpus: int = 4) -> None:
        self._lock = threading.Lock()
        self._log: list[Call] = []
        self._answers: list[Answer] = []
        self._free = list(range(gpus))
        self._held: dict[str, int] = {}
        self._used: set[int] = set()  # a GPU that was used before may still have its worker
        self._tokens = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> DeviceApi:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def env(self, folder: Path) -> dict[str, str]:
        """The variables that a ZeroGPU Space has, with the package's own files in `folder`."""
        cgroup = folder / "cgroup"
        cgroup.write_text("12:devices:/kubepods/pod1\n", "ascii")
        return {
            "SYSTEM": "spaces",
            "SPACE_ID": "somebody/vitrine",
            "SPACES_ZERO_GPU": "true",
            "SPACES_ZERO_DEVICE_API_URL": self.url,
            "ZEROGPU_PROC_SELF_CGROUP_PATH": str(cgroup),
            "ZEROGPU_OFFLOAD_DIR": str(folder / "tensors"),
            "HOME": str(folder),
        }

    def answer_next(self, *answers: Answer) -> None:
        """Say what the next calls of `/schedule` get; afterwards they succeed again."""
        with self._lock:
            self._answers.extend(answers)

    def calls(self, path: str = "") -> list[Call]:
        """What was asked so far, all or for one path."""
        with self._lock:
            return [call for call in self._log if path in ("", call.path)]

    def wait_for(self, path: str, count: int = 1, timeout: float = 20.0) -> list[Call]:
        """Wait until a path was called that often."""
        deadline = time.monotonic() + timeout
        while len(found := self.calls(path)) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} was called {len(found)} times, not {count}")
            time.sleep(0.01)
        return found

    @property
    def held(self) -> int:
        """How many GPUs are lent now."""
        with self._lock:
            return len(self._held)

    # What the handler asks

    def note(self, call: Call) -> None:
        """Keep a call."""
        with self._lock:
            self._log.append(call)

    def next_answer(self) -> Answer:
        """The next answer that was ordered, or a GPU."""
        with self._lock:
            return self._answers.pop(0) if self._answers else Answer()

    def lend(self) -> dict[str, Any]:
        """Lend the first free GPU."""
        with self._lock:
            index = self._free.pop(0)
            self._tokens += 1
            token = f"token-{self._tokens}"
            self._held[token] = index
            idle = index in self._used
            return {
                "idle": idle,
                "nvidiaIndex": index,
                "nvidiaUUID": f"GPU-{index}",
                "allowToken": token,
            }

    def take_back(self, token: str, *, failed: bool) -> int:
        """Take a GPU back; the status of the answer."""
        with self._lock:
            index = self._held.pop(token, None)
            if index is None:
                return 404
            self._free.insert(0, index)
            (self._used.discard if failed else self._used.add)(index)
            return 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.note(Call(parts.path, query, time.monotonic()))
                if parts.path == "/schedule":
                    self._schedule()
                elif parts.path == "/release":
                    failed = query.get("fail", "false").lower() == "true"
                    self._send(api.take_back(query["allowToken"], failed=failed))
                else:
                    self._send(200 if parts.path in ("/startup-report", "/allow") else 404)

            def _schedule(self) -> None:
                answer = api.next_answer()
                time.sleep(answer.delay)
                if answer.events:
                    self._stream(answer)
                elif answer.status == 200:
                    self._send(200, api.lend(), answer.headers)
                else:
                    self._send(answer.status, answer.body, answer.headers)

            def _stream(self, answer: Answer) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for event in answer.events:
                    if event == "succeeded":
                        event = f"succeeded\ndata: {json.dumps(api.lend())}"
                    self.wfile.write(f"event: {event}\n\n".encode())
                    self.wfile.flush()
                    time.sleep(0.2)
                self.close_connection = True

            def _send(
                self, status: int, body: Any = None, headers: dict[str, str] | None = None
            ) -> None:
                data = json.dumps(body or {}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        return Handler


def over_quota(left: int, wait_seconds: int, *, auth: str = "regular") -> Answer:
    """The answer to a visitor whose quota does not cover the duration."""
    headers = {"X-Authenticated": auth} if auth else {}
    return Answer(429, {"left": left, "wait": wait_seconds}, headers)
