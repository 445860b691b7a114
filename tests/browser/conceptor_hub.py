"""A hub of the Conceptor page alone whose pipeline needs no weights: `python -m tests.browser.conceptor_hub`.

Everything but the pipeline is real: page, jobs, runs, links. It prints its address and serves until its
standard input closes.
"""

from __future__ import annotations

import sys
import types
from dataclasses import replace

import core.gpu  # noqa: F401  # first import of every entry point
from core.jobs import Job
from core.methods.conceptor import requests, results

STEPS = 600  # a minute, unless it is ended early


def run(job: Job, request: requests.Request) -> results.AnyResult:
    """Report as real work does, then answer with made-up results and pictures of the world."""
    from tests.methods.conceptor import found

    if isinstance(request, requests.MixRequest):
        return found.mix_result(request)
    if not isinstance(request, requests.DecomposeRequest):
        return found.EVERY[request.kind]()
    early, seen = False, found.glimpse()
    with job.early_end.offered():
        for step in range(STEPS):
            if early := job.early_end.asked:
                break
            job.sleep(0.1)
            shares = tuple((w, s * (step + 1) / STEPS) for w, s in seen.words)
            job.report(step / STEPS, "Learning the weights", replace(seen, step=step, words=shares))
    return replace(found.decompose_result(), concept=request.concept, ended_early=early)


def main() -> None:
    """Serve on a free port."""
    pipeline = types.ModuleType("core.methods.conceptor.pipeline")
    pipeline.run = run  # type: ignore[attr-defined]
    sys.modules[pipeline.__name__] = pipeline
    import core.methods.conceptor as method
    from core import settings
    from core.hub import build_hub, running

    method.pipeline = pipeline  # type: ignore[attr-defined]
    settings.override(methods=("conceptor",))
    with running(*build_hub(), port=0) as url:
        sys.stdout.write(f"ADDRESS {url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
