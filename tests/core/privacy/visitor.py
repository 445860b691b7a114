"""A visitor who speaks to a running hub over plain HTTP, and may send anything, unlike a browser."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import httpx

PATIENCE = 60.0


class Visitor:
    """One client with cookies of its own, which it sends over HTTP even when they are `Secure`.

    Browsers do that for the machine itself, where the tests' hubs run.
    """

    def __init__(self, address: str, **headers: str) -> None:
        self.address = address.rstrip("/")
        self.cookies: dict[str, str] = {}
        self.headers = headers
        self.owner = secrets.token_urlsafe(18)  # as `core.ui.jobs.owner_of` draws it
        # a new connection for each request: the server closes idle ones whenever it likes
        limits = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.Client(timeout=PATIENCE, limits=limits)
        self._config: dict[str, Any] | None = None

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request; `path` may be a whole address. Redirects are not followed."""
        url = path if path.startswith("http") else f"{self.address}/{path.lstrip('/')}"
        headers = {**self.headers, **more.pop("headers", {})}
        if self.cookies and url.startswith(self.address):
            headers["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = self.http.request(method, url, headers=headers, **more)
        self.http.cookies.clear()
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if value in ("", "null", '""') or "expires=Thu, 01 Jan 1970" in line:
                self.cookies.pop(name, None)
            elif url.startswith(self.address):
                self.cookies[name] = value
        return answer

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Ask for a path."""
        return self.ask("GET", path, **more)

    def follow(self, path: str, limit: int = 8) -> httpx.Response:
        """Ask for a path and follow redirects, to other hosts too."""
        answer = self.get(path)
        for _ in range(limit):
            if not answer.is_redirect:
                return answer
            answer = self.get(str(httpx.URL(str(answer.url)).join(answer.headers["location"])))
        return answer

    @property
    def config(self) -> dict[str, Any]:
        """What the hub tells everybody about its components and events."""
        if self._config is None:
            self._config = self.get("/config").raise_for_status().json()
        return self._config

    def events(self, page: str) -> list[dict[str, Any]]:
        """All events of a page, private ones too."""
        ids = set(self.config["page"][page]["dependencies"])
        return [event for event in self.config["dependencies"] if event["id"] in ids]

    def event(self, page: str, kind: str, inputs: int | None = None) -> dict[str, Any]:
        """The first event of a page with a trigger (`load`, `click`, ...) and so many inputs."""
        for event in self.events(page):
            if any(target[1] == kind for target in event["targets"]) and (
                inputs is None or len(event["inputs"]) == inputs
            ):
                return event
        raise AssertionError(
            f"{page or 'the landing page'} has no {kind} event with {inputs} inputs"
        )

    def fire(
        self,
        event: dict[str, Any] | int,
        data: list[Any],
        *,
        query: str = "",
        event_data: Any = None,
        session: str = "",
        until: str = "",
        **body: Any,
    ) -> str:
        """Start an event by its number, as no page has to offer it; returns all that came back.

        `until` ends the reading early, for events that follow a job that goes on.
        """
        number = event if isinstance(event, int) else event["id"]
        session = session or secrets.token_hex(8)
        answer = self.ask(
            "POST",
            f"/gradio_api/queue/join{query}",
            json={
                "data": data,
                "fn_index": number,
                "session_hash": session,
                "event_data": event_data,
                **body,
            },
        )
        if answer.status_code != 200:
            return answer.text
        return self.listen(session, until)

    def listen(self, session: str, until: str = "") -> str:
        """Read the event stream of a session to its end, or until a text comes."""
        headers = dict(self.headers)
        if self.cookies:
            headers["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        heard = []
        with self.http.stream(
            "GET",
            f"{self.address}/gradio_api/queue/data",
            params={"session_hash": session},
            headers=headers,
        ) as stream:
            for line in stream.iter_lines():
                heard.append(line)
                if '"process_completed"' in line or '"unexpected_error"' in line:
                    break
                if until and until in plain(line):
                    break
        return plain("\n".join(heard))

    def component(self, page: str, function: str) -> int:
        """The component of a page that offers a server function."""
        ids = set(self.config["page"][page]["components"])
        for part in self.config["components"]:
            if part["id"] in ids and function in part["props"].get("server_fns", ()):
                return part["id"]
        raise AssertionError(f"nothing on {page} offers {function}")

    def serve(self, component: int, function: str, data: Any, **more: Any) -> httpx.Response:
        """Call a server function of a component."""
        body = {
            "data": data,
            "component_id": component,
            "session_hash": secrets.token_hex(8),
            "fn_name": function,
        }
        return self.ask("POST", "/gradio_api/component_server", json=body, **more)


def plain(text: str) -> str:
    """The text with JSON's escapes undone, so that a secret cannot hide behind them."""
    return re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), text).replace('\\"', '"')


def run_ids(text: str) -> set[str]:
    """Ids of runs that a text names."""
    return set(re.findall(r"(?:run=|data-run=.|artifact/)([0-9a-f]{32})", plain(text)))


def loads(text: str) -> Any:
    """JSON of a text."""
    return json.loads(text)
