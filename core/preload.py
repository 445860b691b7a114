"""Places the models of the served methods before the hub is launched, as ZeroGPU wants it.

There a model must be on the (emulated) GPU when the launch packs it for the workers; what a worker
loads is lost with it. A heavy method names its models in `pipeline.preload()`, which returns model
specs. What is embedded or already downloaded is placed; nothing is downloaded here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from core import cache, registry
from core.cache import ModelSpec
from core.cache.download import NotHereError, local_files_only
from core.errors import VitrineError

logger = logging.getLogger(__name__)


def preload(slugs: Iterable[str]) -> dict[str, str]:
    """Place the models of these methods, all that can be; afterwards none can be added.

    Call it in the main thread, before the launch.

    Returns:
        For each method that cannot do all its work: why, in words. Models of a full tier whose
        files are not here are no failure: that tier says so when it is chosen.
    """
    failed: dict[str, str] = {}
    wanted: dict[str, ModelSpec] = {}
    users: dict[str, list[str]] = {}  # name of the model to slugs; methods share models
    for slug in slugs:
        try:
            for spec in _models_of(slug):
                wanted[spec.name] = spec
                users.setdefault(spec.name, []).append(slug)
        except Exception as error:  # one method must not take the Space down
            failed[slug] = _words(slug, error)
    with local_files_only():
        errors = cache.placed().preload(wanted.values())
    for name, error in errors.items():
        if isinstance(error, NotHereError):
            logger.info("%s stays out: %s", name, error)
        else:
            failed |= {slug: _words(slug, error) for slug in users[name]}
    return failed


def placed_bytes() -> int:
    """Bytes of weights that every worker brings to its GPU."""
    return sum(part.bytes for part in cache.placed().snapshot().parts)


def _models_of(slug: str) -> list[ModelSpec]:
    if not registry.load(slug).heavy:  # light jobs run in the hub, on the CPU
        return []
    named = getattr(registry.module(slug, "pipeline"), "preload", None)
    return [] if named is None else list(named())


def _words(slug: str, error: Exception) -> str:
    if isinstance(error, VitrineError):
        logger.error("models of %s were not placed: %s", slug, error)
        return str(error)
    logger.error("models of %s were not placed", slug, exc_info=error)
    return f"{type(error).__name__}: {error}"
