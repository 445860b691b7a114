"""Few steps of learning, for the tests of the method."""

from __future__ import annotations

from core.methods.imagic.config import Learning

TARGET = "a dog sitting on grass"
SOURCE = "a standing dog"


def learning(**changes) -> Learning:
    """A few steps of stage 1, no stage 2 unless `tuning` says so."""
    given = {
        "embedding_steps": 3, "embedding_lr": 1e-2, "tuning": "none", "tuning_steps": 3,
        "tuning_lr": 1e-2, "rank": 2, "batch_size": 2,
    }  # fmt: skip
    return Learning(**{**given, **changes})
