"""Everything that a job on a GPU can do, good and bad, by the kind of the request."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.cache import ComponentKey, ComponentSpec, ModelSpec, cache, hub_spec
from core.errors import InputError
from core.jobs import Job


@dataclass(frozen=True, kw_only=True)
class Request:
    kind: str
    steps: int = 3
    delay: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Result:
    value: Any
    pid: int


def _linear(dtype: Any) -> Any:
    import torch

    layer = torch.nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(6).reshape(2, 3))
    return layer


def _damaged(dtype: Any) -> Any:
    from core.errors import WeightsError

    raise WeightsError("The weights file is cut short. A whole one works. Get it again.")


def _spec(name: str, load: Any = _linear) -> ModelSpec:
    part = ComponentSpec(key=ComponentKey(name), load=load, est_bytes=lambda: 24)
    return ModelSpec(name=name, parts={"net": part})


def _absent() -> ModelSpec:
    from transformers import BertModel

    return hub_spec("nobody/absent", "0" * 40, "", BertModel, name="absent")


def preload() -> list[ModelSpec]:
    return [_spec("damaged", _damaged), _spec("net"), _absent()]


def gpu_seconds(request: Request) -> float:
    if request.kind == "no estimate":
        raise ValueError("cannot say")
    return request.steps * 10


def run(job: Job, request: Request) -> Result:
    return Result(_KINDS[request.kind](job, request), os.getpid())


def _steps(job: Job, request: Request) -> Any:
    for i in range(request.steps):
        job.report(i / request.steps, f"Step {i + 1}", np.full(3, i) if i % 2 else None)
        time.sleep(request.delay)
    return request.steps


def _deaf(job: Job, request: Request) -> Any:
    job.report(0.0, "Deaf")
    time.sleep(request.delay)
    return "heard nothing"


def _early(job: Job, request: Request) -> Any:
    """Count until it is asked to end early, which it offers for the length of its counting."""
    with job.early_end.offered():
        for i in range(request.steps):
            job.report(i / request.steps, "Counting")
            if job.early_end.asked:
                break
            time.sleep(0.02)
    job.report(1.0, "Past it")
    time.sleep(request.delay)
    return i


def _write(job: Job, request: Request) -> Any:
    """Write a line every 20 ms for as long as the job is let run."""
    for i in range(request.steps):
        with Path(request.note).open("a") as file:
            file.write(f"{time.time()}\n")
        job.report(i / request.steps, "Writing")
        time.sleep(0.02)


def _net(job: Job, request: Request) -> Any:
    import torch

    with cache().acquire(_spec(request.note or "net")) as lease:
        weight = next(lease.obj.parameters())
        return {
            "sum": float(weight.detach().cpu().sum()),
            "device": str(lease.device),
            "inference": torch.is_inference_mode_enabled(),
        }


def _absent_net(job: Job, request: Request) -> Any:
    cache().acquire(_absent()).release()


def _tensors(job: Job, request: Request) -> Any:
    import torch

    return {
        "half": torch.arange(4, dtype=torch.bfloat16).reshape(2, 2),
        "bool": torch.tensor([True, False]),
        "empty": torch.empty(0, 3),
        "array": np.arange(3, dtype=np.int16),
    }


def _gradients(job: Job, request: Request) -> Any:
    import torch

    x = torch.ones(2, requires_grad=True)
    (3 * x).sum().backward()
    return {"grad": x.grad.tolist(), "modes": [torch.is_grad_enabled()]}


def _matrices(job: Job, request: Request) -> Any:
    import torch

    a = torch.ones(400, 400)
    return float((a @ a)[0, 0])


def _input_error(job: Job, request: Request) -> Any:
    raise InputError("The text is empty. One letter is enough. Write something.")


def _gradio_error(job: Job, request: Request) -> Any:
    import gradio as gr

    raise gr.Error("A gr.Error keeps its words.")


def _bug(job: Job, request: Request) -> Any:
    raise RuntimeError("a secret of the server")


def _out_of_memory(job: Job, request: Request) -> Any:
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory")


def _killed(job: Job, request: Request) -> Any:
    time.sleep(request.delay)
    os.kill(os.getpid(), signal.SIGKILL)


def _lambda(job: Job, request: Request) -> Any:
    job.report(0.5, "A preview that stays", lambda: 0)
    return lambda: 0


_KINDS = {
    "steps": _steps,
    "no estimate": _steps,
    "deaf": _deaf,
    "early": _early,
    "write": _write,
    "net": _net,
    "absent": _absent_net,
    "tensors": _tensors,
    "gradients": _gradients,
    "matrices": _matrices,
    "input error": _input_error,
    "gradio error": _gradio_error,
    "bug": _bug,
    "out of memory": _out_of_memory,
    "killed": _killed,
    "lambda": _lambda,
}
