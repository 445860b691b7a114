"""Runs one job in the current thread and turns whatever happens into an outcome.

Which torch mode a job gets: its function is resolved first (a text "module:function" is imported
here, in the worker). Then a heavy job loads torch if nothing has yet, because the device means
torch; a light job takes torch only as it finds it. If torch is there, the function runs in
inference mode, or with gradients for a job that asked for them. The mode belongs to this thread,
which ends with the job, so no other request can ever see it. A light function that imports torch
in its own body enters the mode itself, or names itself as text so that its module comes first.
"""

from __future__ import annotations

import contextlib
import contextvars
import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import core.errors
from core.errors import JobCancelled, VitrineError
from core.jobs.job import STOPPED, Job
from core.jobs.record import Outcome, Record

logger = logging.getLogger(__name__)

INTERNAL = (
    "This job stopped on an error inside the program; your input is not at fault as far as we "
    "can tell. Other jobs are not affected. Run it again, or try another example."
)
NO_MEMORY = (
    "This job needed more memory than this machine has free. Smaller inputs may fit. "
    "Use a shorter or smaller input, or wait until other jobs have finished."
)


def run(record: Record) -> Outcome:
    """Run the function of a job in this process; never raises."""
    job = Job(
        record.id,
        record.method,
        cancel_event=record.cancel_event,
        on_report=record.progress,
        early_end=record.early_end,
    )
    # ZeroGPU finds the visitor's quota in context variables of the submitting request.
    return execute(
        record.fn,
        record.request,
        job,
        load=record.heavy,
        grad=record.grad,
        context=record.context,
    )


def execute(
    fn: Callable[..., Any] | str,
    request: Any,
    job: Job,
    *,
    load: bool,
    grad: bool,
    context: contextvars.Context,
) -> Outcome:
    """Call `fn(job, request)` in a context; never raises.

    Args:
        fn: the work, or its name as text.
        request: what to do.
        job: told of each step.
        load: import torch first if nothing has yet.
        grad: whether the function needs gradients.
        context: the context variables that the function sees.
    """
    try:
        job.check()
        work = resolve(fn)
        with torch_mode(grad=grad, load=load):
            return Outcome("done", context.run(work, job, request))
    except BaseException as error:  # even SystemExit: a worker that dies silently keeps its lease
        return failure(error, job)


def resolve(fn: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return the function, importing it when it is given as "package.module:name"."""
    if not isinstance(fn, str):
        return fn
    module, _, name = fn.partition(":")
    return getattr(importlib.import_module(module), name)


@contextlib.contextmanager
def torch_mode(*, grad: bool, load: bool) -> Iterator[None]:
    """Run the block in inference mode, or with gradients; without torch, just run it."""
    if not load and "torch" not in sys.modules:
        yield
        return
    import torch

    with torch.enable_grad() if grad else torch.inference_mode():
        yield


def rebuild(error: str, error_kind: str) -> VitrineError:
    """Make the exception that an event tells of."""
    found = getattr(core.errors, error_kind, VitrineError)
    return found(error)


def kind_of(error: VitrineError) -> str:
    """Name of the class of `core.errors` that an error is, or is derived from."""
    return next(c.__name__ for c in type(error).__mro__ if hasattr(core.errors, c.__name__))


def failure(error: BaseException, job: Job) -> Outcome:
    """What an exception means for the visitor; what is our own fault goes to the log."""
    if isinstance(error, JobCancelled):
        return Outcome("cancelled", error=str(error) or STOPPED, error_kind="JobCancelled")
    if job.cancelled:
        # A library that is interrupted may raise anything; the visitor asked for the end.
        logger.info("job %s (%s) ended after its cancel", job.id, job.method, exc_info=error)
        return Outcome("cancelled", error=STOPPED, error_kind="JobCancelled")
    if isinstance(error, VitrineError):
        return Outcome("failed", error=str(error), error_kind=kind_of(error))
    if said := gradio_words(error):
        return Outcome("failed", error=said, error_kind="VitrineError")
    logger.error("job %s (%s) failed", job.id, job.method, exc_info=error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return Outcome("failed", error=NO_MEMORY, error_kind="DeviceOutOfMemory")
    return Outcome("failed", error=INTERNAL, error_kind="internal")


def gradio_words(error: BaseException) -> str:
    """The text of a `gr.Error`, which is written for visitors; empty for any other error."""
    gradio = sys.modules.get("gradio.exceptions")  # whoever raised one has imported it
    if gradio is None or not isinstance(error, gradio.Error):
        return ""
    return str(getattr(error, "message", error))
