"""What runs in the Space's process of `space.py`: the hub, and functions that look at it.

`python -m tests.core.zero.inside` prints a line when it has mounted a hub in another server, and one
when it has launched one, and then answers calls.
"""

from __future__ import annotations

import os
import sys
import time


def _nothing(*args: object) -> bool:
    return False


def _as_if_built_with_cuda() -> None:
    """Give a CPU build of torch the names that the platform's package patches or calls."""
    import torch

    if torch.version.cuda is None:
        torch.version.cuda = "13.0"
        torch.cuda._is_in_bad_fork = _nothing
        torch._C._cuda_init = _nothing


def _worker_on_cpu() -> None:
    """Let a worker of the platform's package start on a machine without a GPU.

    Two of its functions need CUDA: one starts it, one moves the packed weights. Everything else of
    the package runs as it is.
    """
    import spaces.zero.torch as wheel
    import torch
    from spaces.zero.torch import patching

    def move(callback=None) -> None:
        """Point the packed tensors at their values, read back from the pack in main memory."""
        for pack in patching.tensor_packs:
            with open(pack.path(), "rb") as file:
                ordered = [row for batch in pack.batches for row in batch] + pack.big_tensors
                for tensor, size, aligned in ordered:
                    data = bytearray(file.read(aligned))[:size]
                    values = torch.frombuffer(data, dtype=tensor.dtype)
                    values = values.as_strided(tensor.shape, tensor.stride())
                    for fake in pack.fakes[tensor]:
                        fake.data = values

    wheel.init = lambda uuid: None
    wheel.move = move


REAL = os.environ.get("VITRINE_TEST_PACKAGE") == "real"
if REAL:
    _as_if_built_with_cuda()

import core.gpu  # noqa: E402  # as in app.py: first of ours

if REAL:
    _worker_on_cpu()

import json  # noqa: E402
import logging  # noqa: E402
import threading  # noqa: E402
from contextvars import copy_context  # noqa: E402
from dataclasses import asdict, is_dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import core.methods  # noqa: E402
from core import health, registry  # noqa: E402

registry.SPACES = Path(__file__).parent / "spaces"
core.methods.__path__[:] = [str(registry.SPACES)]


def _submit(token: str = "", heavy: bool = True, **request: Any) -> Any:
    from gradio.context import LocalContext

    from core.jobs import runner
    from core.methods.heavy.pipeline import Request

    def submit() -> Any:
        if token:
            LocalContext.request.set(_Visitor({"x-ip-token": token}))
        return runner().submit(
            "core.methods.heavy.pipeline:run",
            Request(**request),
            method="heavy",
            heavy=heavy,
            grad=request["kind"] == "gradients",
            on_done=lambda handle, result: os.getpid(),
        )

    return copy_context().run(submit)


class _Visitor:
    """As much of a `gr.Request` as the platform's package reads."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = _Headers(headers)


class _Headers(dict):
    """Headers have a `__dict__` in Gradio, and the package wants one."""


def run(**request: Any) -> dict[str, Any]:
    """Run one job to its end and tell all about it."""
    began = time.perf_counter()
    handle = _submit(**request)
    events = [
        {
            "kind": event.kind,
            "fraction": event.fraction,
            "text": event.text,
            "preview": _plain(event.preview),
        }
        for event in handle.events(poll=0.0)
    ]
    seconds = time.perf_counter() - began
    last = handle._record.log.last
    result = last.result
    return {
        "events": events,
        "kind": last.kind,
        "error": last.error,
        "error_kind": last.error_kind,
        "value": _plain(getattr(result, "value", None)),
        "pid": getattr(result, "pid", None),
        "saved": handle.saved,
        "seconds": seconds,
        "hub": os.getpid(),
    }


def stop(after_text: str = "", **request: Any) -> dict[str, Any]:
    """Start a job, stop it once it says a text, and measure what follows."""
    handle = _submit(**request)
    for event in handle.events(poll=0.0):
        if event.text.startswith(after_text):
            break
    asked = time.time()
    handle.cancel()
    handle.wait(30)
    ended = time.time()
    return {"state": handle.state, "seconds": ended - asked, "asked": asked, "ended": ended}


def end_early(after_text: str, seconds: float, **request: Any) -> dict[str, Any]:
    """Start a job, and once it says a text, ask for its early end for so long or until it is heard."""
    from core.jobs import runner

    handle = _submit(**request)
    for event in handle.events(poll=0.0):
        if event.text.startswith(after_text):
            break
    asked = time.time()
    heard = False
    while not heard and time.time() < asked + seconds:
        heard = runner().end_early(handle.id)
        time.sleep(0.02)
    handle.wait(60)
    result = handle.result(0)
    return {"heard": heard, "value": result.value, "seconds": time.time() - asked}


def at_once(count: int, **request: Any) -> dict[str, Any]:
    """Run several jobs at the same time."""
    began = time.perf_counter()
    handles = [_submit(**request) for _ in range(count)]
    pids = [handle.result(60).pid for handle in handles]
    return {"pids": pids, "seconds": time.perf_counter() - began}


def light() -> dict[str, Any]:
    """Run a light job."""
    from core.jobs import runner

    work = "core.methods.light.pipeline:run"
    done = runner().submit(work, None, method="light").result(60)
    return done | {"hub": os.getpid()}


def busy_hub() -> None:
    """Let another thread of the hub use torch on the CPU before a worker is forked."""
    import torch

    def compute() -> None:
        a = torch.ones(600, 600)
        for _ in range(20):
            a = (a @ a) / 600

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()


def state() -> dict[str, Any]:
    """What the hub knows of itself."""
    import spaces
    from core.cache import snapshot

    registry_of = getattr(spaces, "decorated", None)
    if registry_of is None:
        from spaces.zero.decorator import decorated_cache as registry_of
    now = snapshot()
    return {
        "decorated": sorted({f"{f.__module__}.{f.__qualname__}" for f in registry_of}),
        "in_worker": core.gpu.in_worker(),
        "pid": os.getpid(),
        "package": str(spaces.__file__),
        "unplaced": health.built.get("unplaced"),
        "mode": now.mode,
        "parts": {part.key.split()[0]: [part.tier, part.device] for part in now.parts},
        "queue": health.built["blocks"]._queue.max_size,
        "torch": __import__("torch").__version__,
        "python": sys.version.split()[0],
    }


def asked(method: str, **request: Any) -> int:
    """GPU seconds that a request asks for."""
    from core.jobs import zero
    from core.methods.heavy.pipeline import Request

    return zero.seconds_for(method, Request(**request))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        kind = "cuda" if getattr(value, "is_cuda", False) else type(value).__name__
        return [kind, str(value.dtype), list(value.shape), value.tolist()]
    return value


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write("\n@@" + json.dumps(answer) + "\n")
    sys.stdout.flush()


def _answer_calls() -> None:
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            _say({"value": globals()[name](**arguments)})
        except Exception as error:
            logging.exception("%s failed", name)
            _say({"error": f"{type(error).__name__}: {error}"})


def _mount() -> int:
    """Serve a hub as a part of another server and fetch its page; the status of the answer."""
    import gradio as gr
    import httpx
    import uvicorn
    from fastapi import FastAPI

    from core import hub
    from core.jobs import zero  # declares the GPU function, as a launch does
    from tests.serving import free_port

    assert zero.run_on_gpu
    blocks, _ = hub.build_hub()
    app = gr.mount_gradio_app(FastAPI(), blocks, path="/")
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    status = httpx.get(f"http://127.0.0.1:{port}/", timeout=60).status_code
    server.should_exit = True
    thread.join(10)
    return status


def main() -> None:
    """Mount a hub, then launch one, and answer calls."""
    logging.basicConfig(level=logging.INFO)
    from core import hub

    _say({"status": _mount()})
    began = time.perf_counter()
    blocks, arguments = hub.build_hub()
    with hub.running(blocks, arguments, port=0) as url:
        _say({"url": url, "seconds": time.perf_counter() - began})
        _answer_calls()


if __name__ == "__main__":
    main()
