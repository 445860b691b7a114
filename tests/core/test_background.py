"""Beside answering, a served hub keeps house, also when nobody saves anything."""

from __future__ import annotations

import threading

import pytest

from core import background


class Store:
    """Counts what it is asked for; fails at first."""

    def __init__(self) -> None:
        self.rounds = 0
        self.enough = threading.Event()

    def maintain(self):
        self.rounds += 1
        if self.rounds == 1:
            raise OSError("the database is away")
        if self.rounds == 3:
            self.enough.set()
        return 1, 2


def test_house_is_kept_again_and_again_even_after_a_failure(monkeypatch, caplog):
    import core.runs

    store, stop = Store(), threading.Event()
    monkeypatch.setattr(core.runs, "store", lambda: store)
    thread = threading.Thread(target=background.keep_house, args=(0.01, stop))
    thread.start()
    try:
        assert store.enough.wait(10)
    finally:
        stop.set()
        thread.join(10)
    assert "could not be cleaned" in caplog.text


def test_an_old_run_expires_on_an_idle_hub(monkeypatch, tmp_path):
    import core.runs
    from core.errors import NotFoundError

    store = core.runs.store()
    run = store.save(method="echo", request={}, result={})
    monkeypatch.setattr(store, "_clock", lambda: 4e9)  # years later
    stop = threading.Event()
    thread = threading.Thread(target=background.keep_house, args=(0.01, stop))
    thread.start()
    try:
        for _ in range(500):
            try:
                store.get(run.id)
            except NotFoundError:
                break
            stop.wait(0.01)
        else:
            pytest.fail("the run is still there")
    finally:
        stop.set()
        thread.join(10)


@pytest.mark.parametrize("warm", [True, False])
def test_both_run_in_threads_that_do_not_keep_the_process_alive(monkeypatch, warm):
    started = []
    monkeypatch.setattr(
        threading.Thread, "start", lambda thread: started.append((thread.name, thread.daemon))
    )
    background.start(warm=warm)
    expected = [("vitrine-housekeeping", True)]
    assert started == expected + ([("vitrine-warm-up", True)] if warm else [])
