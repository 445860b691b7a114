"""The exception tree of Vitrine.

    VitrineError            everything we raise on purpose; its text is fit for a visitor
    ├── InputError          what the visitor gave cannot be used
    ├── WeightsError        a checkpoint is missing, truncated or does not fit its config
    ├── NotFoundError       a run, job, method or artifact that does not exist (any more)
    ├── BusyError           the queue is full, or too many jobs of one visitor
    ├── CapacityError       more memory than the cache may lend
    │   └── DeviceOutOfMemory   the device ran out while running or moving a model
    └── JobCancelled        the visitor or the hub stopped a job

A message has three parts: what was given, what would work, what to do.
"""

from __future__ import annotations


class VitrineError(Exception):
    """Base of all errors whose text may be shown to a visitor."""


class InputError(VitrineError):
    """What the visitor gave cannot be used."""


class WeightsError(VitrineError):
    """A checkpoint is missing, truncated or does not fit its config."""


class NotFoundError(VitrineError):
    """A run, job, method or artifact does not exist, or no longer does."""


class BusyError(VitrineError):
    """The queue is full, or one visitor has too many jobs under way."""


class CapacityError(VitrineError):
    """A model needs more memory than the cache may lend."""


class DeviceOutOfMemory(CapacityError):
    """The device ran out of memory while running or moving a model."""


class JobCancelled(VitrineError):
    """A job was stopped before it finished."""
