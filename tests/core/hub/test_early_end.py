"""The button that ends a learning early, and its server side."""

from __future__ import annotations

import threading

import pytest

from core.jobs import runner
from core.ui.early_end import EARLY_JS, button, end_early


@pytest.mark.parametrize("payload", [None, "job", {}, {"job": None}, {"job": "no-such-job"}])
def test_ending_a_job_that_is_not_there_does_nothing(payload):
    assert end_early(payload) is False


def test_a_running_job_that_offers_it_is_ended_with_what_it_has():
    begun = threading.Event()

    def work(job, _):
        with job.early_end.offered():
            begun.set()
            while not job.early_end.asked:
                job.check()
        return "the best so far"

    handle = runner().submit(work, None, method="imagic", heavy=False)
    assert begun.wait(20)
    assert end_early({"job": handle.id}) is True
    assert handle.result(20) == "the best so far"
    assert end_early({"job": handle.id}) is False


def test_the_button_is_what_the_script_listens_to():
    made = button("Finish <now>", 'Finishing with "it"')
    assert 'data-end-early="Finishing with &quot;it&quot;"' in made
    assert "Finish &lt;now&gt;" in made
    assert "[data-end-early]" in EARLY_JS
    assert f"server.{end_early.__name__}(" in EARLY_JS
