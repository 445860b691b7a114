"""The measured process of `core.bench.hub`: starts one app and says what that cost.

Run as `python -m core.bench.hub_probe plain|hub`. It prints one line of JSON and serves until its
standard input closes.
"""

from __future__ import annotations

import gzip
import json
import resource
import sys
import time
import urllib.request
from typing import Any

import core.gpu  # noqa: F401  # before Gradio, as in every entry point

HEAVY = ("torch", "diffusers", "transformers", "accelerate")


def same(text: str) -> str:
    """Return the text as it is.

    Args:
        text: anything.
    """
    return text


def _plain() -> tuple[Any, dict[str, Any]]:
    import gradio as gr
    from gradio.events import api

    with gr.Blocks() as app:
        gr.Textbox(label="Text")
        api(same, api_name="bench_same")
    app.queue(default_concurrency_limit=8)
    return app, {}


def _hub() -> tuple[Any, dict[str, Any]]:
    from gradio.events import api

    from core import hub

    app, arguments = hub.build_hub()
    with app:
        api(same, api_name="bench_same")
    return app, arguments


def _resident() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:  # no such file on macOS: the peak stands in
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def main(kind: str) -> None:
    """Start, report, serve until the standard input closes."""
    app, arguments = _hub() if kind == "hub" else _plain()
    own = {"server_name": "127.0.0.1", "server_port": _free_port(), "prevent_thread_lock": True}
    _, url, _ = app.launch(**{**arguments, **own, "quiet": True, "inbrowser": False})
    first = _get(url)
    found: dict[str, Any] = {
        "url": url,
        "cpu_seconds": time.process_time(),
        "rss_bytes": _resident(),
        "heavy_modules": [name for name in HEAVY if name in sys.modules],
        "pages_built": [],
        "page_gzip_bytes": {"": len(gzip.compress(first, 6))},
    }
    if kind == "hub":
        from core import health

        found["pages_built"] = health.state()["pages"]
        for page in (*found["pages_built"], "jobs", "status", "api"):
            found["page_gzip_bytes"][page] = len(gzip.compress(_get(url + page), 6))
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    app.close(verbose=False)


if __name__ == "__main__":
    main(sys.argv[1])
