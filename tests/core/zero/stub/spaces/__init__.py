"""Stands in for the platform's package `spaces`, whose contract it keeps (read in version 0.51.3).

- a registry of decorated functions; on ZeroGPU a decorated generator asks the device API for a
  GPU, forks a worker and gets what it yields as pickles through a pipe;
- a worker is kept for the next call when the API says that its GPU was idle since;
- closing the generator sets an event that the worker looks at after each of its yields;
- an exception of the worker becomes a `gr.Error` with a title; one that is a `gr.Error` passes;
- the first `gr.Blocks.launch` reports the start, if anything is decorated;
- CUDA seems to be there for the thread that imported the package, and in workers, nowhere else.
"""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import gradio as gr
from gradio.context import LocalContext

ZERO = os.getenv("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
API = os.getenv("SPACES_ZERO_DEVICE_API_URL", "")

decorated: dict[Callable[..., Any], Callable[..., Any]] = {}
wrapped_by_gradio = 0
_fork = multiprocessing.get_context("fork")
_in_worker = False


def gradio_auto_wrap(task: Any) -> Any:
    """Gradio passes every handler through this on a Space."""
    global wrapped_by_gradio
    wrapped_by_gradio += 1
    return task


def GPU(task: Any = None, *, duration: Any = None, size: Any = None) -> Any:
    """Decorate a generator function; off ZeroGPU do nothing."""
    if not callable(task):
        return lambda inner: GPU(inner, duration=duration, size=size)
    if not ZERO:
        return task
    if not inspect.isgeneratorfunction(task):
        raise NotImplementedError("the stand-in knows generator functions only")
    if task not in decorated:
        decorated[task] = _decorate(task, duration)
    return decorated[task]


def _error(title: str, message: str) -> gr.Error:
    return gr.Error(message, title=title, print_exception=False)


def _post(path: str, **query: Any) -> tuple[int, Any, Any]:
    address = f"{API}{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="POST")) as answer:
            return answer.status, json.loads(answer.read() or b"{}"), answer.headers
    except urllib.error.HTTPError as answer:
        return answer.code, json.loads(answer.read() or b"{}"), answer.headers


def _schedule(seconds: int) -> dict[str, Any]:
    request = LocalContext.request.get(None)
    headers = {} if request is None else request.headers
    token = headers.get("x-ip-token")
    query = {"durationSeconds": seconds} | ({"token": token} if token else {})
    status, body, answered = _post("/schedule", **query)
    if status == 429:
        if body["wait"] < 0:
            raise _error("ZeroGPU illegal duration", f"The requested GPU duration ({seconds}s) is")
        if answered.get("X-Approve-Result") == "pending-overquota-exceeded":
            raise _error("ZeroGPU pending credits exceeded", "You have too many ZeroGPU credits")
        if token is None:
            raise _error("ZeroGPU quota exceeded", "Space app has reached its GPU limit. ")
        raise _error(
            "ZeroGPU quota exceeded",
            f"You have exceeded your free ZeroGPU quota ({seconds}s requested vs. {body['left']}s "
            f"left). Try again in 0:{body['wait'] // 60:02}:00. ",
        )
    if status == 503:
        raise _error("ZeroGPU client error", "No GPU was available")
    if status == 401:
        raise _error("ZeroGPU client error", "Expired ZeroGPU proxy token")
    if status != 200:
        raise RuntimeError(f"ZeroGPU API /schedule error: {status}")
    return body


class _Worker:
    def __init__(self, task: Callable[..., Any], token: str) -> None:
        self.orders, self.answers = _fork.SimpleQueue(), _fork.SimpleQueue()
        self.stop = _fork.Event()
        self.process = _fork.Process(target=self._work, args=(task, token), daemon=True)
        self.process.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        self.process.join()
        self.answers.put(("gone", None))

    def _work(self, task: Callable[..., Any], token: str) -> None:
        global _in_worker
        _in_worker = True
        allowed = False
        while True:
            arguments = self.orders.get()
            self.stop.clear()
            if not allowed:
                _post("/allow", allowToken=token, pid=os.getpid())
                allowed = True
            thread = threading.Thread(target=self._iterate, args=(task, arguments))
            thread.start()
            thread.join()
            self.answers.put(("end", None))

    def _iterate(self, task: Callable[..., Any], arguments: tuple) -> None:
        stream = task(*arguments)
        while True:
            try:
                value = next(stream)
            except StopIteration:
                return
            except Exception as error:
                kept = error if isinstance(error, gr.Error) else None
                self.answers.put(("error", (type(error).__name__, kept)))
                return
            if self.stop.is_set():
                stream.close()
                return
            self.answers.put(("value", value))


def _decorate(task: Callable[..., Any], duration: Any) -> Callable[..., Iterator[Any]]:
    idle: dict[int, _Worker] = {}

    @wraps(task)
    def handler(*arguments: Any) -> Iterator[Any]:
        if _in_worker:
            yield from task(*arguments)
            return
        seconds = duration(*arguments) if callable(duration) else duration or 60
        lent = _schedule(seconds)
        index, token = lent["nvidiaIndex"], lent["allowToken"]
        worker = idle.pop(index, None)
        if worker is None or not worker.process.is_alive() or not lent["idle"]:
            worker = _Worker(task, token)
        worker.orders.put(arguments)
        failed, ended = True, False
        try:
            while not ended:
                kind, value = worker.answers.get()
                if kind == "gone":
                    ended = True
                    raise _error("ZeroGPU worker error", "GPU task aborted")
                if kind == "error":
                    ended = True
                    raise value[1] or _error("ZeroGPU worker error", value[0])
                if kind == "end":
                    ended, failed = True, False
                elif kind == "value":
                    yield value
        finally:
            worker.stop.set()
            while not ended:  # the worker answers once more and then ends its turn
                kind, _ = worker.answers.get()
                ended, failed = kind in ("end", "gone"), kind == "gone"
            if not failed:
                idle[index] = worker
            _post("/release", allowToken=token, fail=failed)

    return handler


def _report_at_first_launch() -> None:
    launch = gr.Blocks.launch

    @wraps(launch)
    def reporting(*args: Any, **kwargs: Any) -> Any:
        if decorated:
            _post("/startup-report")
        gr.Blocks.launch = launch
        return launch(*args, **kwargs)

    gr.Blocks.launch = reporting


def _pretend_cuda() -> None:
    import torch

    to, here = torch.nn.Module.to, threading.get_ident()

    def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
        device = kwargs.get("device", args[0] if args else None)
        if isinstance(device, str | torch.device) and torch.device(device).type == "cuda":
            if threading.get_ident() != here and not _in_worker:
                raise RuntimeError("Low-level CUDA init (`torch._C._cuda_init`) reached.")
            return self
        return to(self, *args, **kwargs)

    torch.nn.Module.to = patched


if ZERO:
    _report_at_first_launch()
    _pretend_cuda()
