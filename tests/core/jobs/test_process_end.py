"""A process with jobs under way ends soon, and says nothing ugly."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, threading, time
from core import jobs
entered = threading.Semaphore(0)
def listens(job, _):
    entered.release()
    try:
        while True:
            job.report(0.5, "on")
            time.sleep(0.01)
    finally:
        os.write(1, b"cleaned up\\n")  # one piece, whoever else writes
def deaf(job, _):
    entered.release()
    time.sleep(60)
jobs.runner().submit({name}, None, method="m")
jobs.runner().submit({name}, None, method="m", heavy=False)
assert entered.acquire(timeout=5) and entered.acquire(timeout=5)
"""


@pytest.mark.parametrize(("name", "says"), [("listens", "cleaned up\n" * 2), ("deaf", "")])
def test_a_process_ends_although_jobs_run(name, says):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)],
        capture_output=True,
        text=True,
        timeout=50,  # the deaf jobs would take 60 s
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, says, "")
