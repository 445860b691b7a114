"""A hub of the Imagic page alone whose pipeline needs no weights: `python -m tests.browser.imagic_hub`.

Everything but the pipeline is real: page, jobs, uploads, runs, films. It prints its address and serves
until its standard input closes.
"""

from __future__ import annotations

import sys
import types

import core.gpu  # noqa: F401  # first import of every entry point
from core.jobs import Job
from core.methods.imagic import requests, results

STEPS = 60


def run(job: Job, request: requests.Request) -> results.AnyResult:
    """Report as a real edit does, then answer with pictures of the world."""
    from tests.methods.imagic.strips import ETAS, strip_result

    sampling = getattr(request, "sampling", None)
    seeds = len(sampling.seeds) if sampling else 1
    target = getattr(request, "target", "") or "a sitting dog"
    made = strip_result(seeds=seeds, kind="edit" if request.kind == "edit" else "resample")
    early = ()
    with job.early_end.offered():
        for step in range(STEPS if request.kind == "edit" else 1):
            if job.early_end.asked:
                early = ("embedding",)
                break
            job.sleep(0.1)
            glimpse = results.Glimpse(
                stage="embedding",
                step=step,
                of=STEPS,
                curve=tuple((k, 0.2 - 0.002 * k) for k in range(step)),
                strip=made.files["strip.png"] if seeds == 1 else b"",
                etas=ETAS,
            )
            job.report(step / STEPS, "Learning the embedding", glimpse)
    from dataclasses import replace

    return replace(made, target=target, ended_early=early)


def main() -> None:
    """Serve on a free port."""
    pipeline = types.ModuleType("core.methods.imagic.pipeline")
    pipeline.run = run  # type: ignore[attr-defined]
    sys.modules[pipeline.__name__] = pipeline
    import core.methods.imagic as method
    from core import settings
    from core.hub import build_hub, running

    method.pipeline = pipeline  # type: ignore[attr-defined]
    settings.override(methods=("imagic",))
    with running(*build_hub(), port=0) as url:
        sys.stdout.write(f"ADDRESS {url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
