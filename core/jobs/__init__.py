"""Jobs: one worker thread per job, events out, a cancel that really stops.

A handler submits a function with a request and reads events until the last one. The job does not
depend on its reader: closing the page leaves it running, and any later reader gets the kept events
again and then follows. Heavy jobs take turns on the device, light ones run in parallel.

A request should be picklable and so is each event, so that jobs can move to another process.
No torch and no Gradio is imported here.
"""

from __future__ import annotations

from core.jobs.events import ACTIVE, JobEvent, JobInfo, State
from core.jobs.handle import JobHandle
from core.jobs.job import Job
from core.jobs.process import runner, use
from core.jobs.runner import JobRunner

__all__ = [
    "ACTIVE",
    "Job",
    "JobEvent",
    "JobHandle",
    "JobInfo",
    "JobRunner",
    "State",
    "runner",
    "use",
]
