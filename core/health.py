"""Whether the hub can take work: what `/readyz` and `/metrics` say about it."""

from __future__ import annotations

from typing import Any

from core import registry

# written by `core.hub` when it has built the pages, and before a launch on ZeroGPU ("unplaced")
built: dict[str, Any] = {
    "pages": [],
    "broken": [],
    "started": 0.0,
    "blocks": None,
    "unplaced": {},  # slug to the reason why a model of it is not on the GPU
}


def state() -> dict[str, Any]:
    """Pages built, pages broken, whether the queue runs, methods without (placed) weights."""
    blocks = built["blocks"]
    queue = getattr(blocks, "_queue", None)
    running_queue = bool(queue is not None and not getattr(queue, "stopped", True))
    missing = [slug for slug in built["pages"] if not _weights_present(slug)]
    return {
        # one method that is not trained yet does not take the others out of service
        "ready": running_queue and len(missing) < len(built["pages"]),
        "queue": running_queue,
        "pages": list(built["pages"]),
        "broken": [broken.slug for broken in built["broken"]],
        "without_weights": missing,
        "unplaced": dict(built["unplaced"]),
    }


def _weights_present(slug: str) -> bool:
    from core.readiness import has_weights

    try:
        return has_weights(registry.load(slug))
    except Exception:  # a broken method is reported as broken, not as missing weights
        return True
