"""The progress bar."""

import types

import pytest

from core.commands import learning, progress


class Terminal:
    """Collects what is written; claims to be a terminal or not."""

    def __init__(self, is_terminal):
        self.is_terminal, self.text = is_terminal, ""

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_short_work_shows_no_bar(clock):
    screen = Terminal(True)
    with progress.Progress("work", stream=screen) as bar:
        for _ in range(10):
            clock[0] += 0.19
            bar.update(0.5, "half")
    assert screen.text == ""


def test_long_work_shows_a_bar_with_the_time_left(clock):
    screen = Terminal(True)
    with progress.Progress("work", stream=screen) as bar:
        bar.update(0.0)
        clock[0] += 10
        bar.update(0.25, "quarter")
    assert "work" in screen.text
    assert "30 s left" in screen.text


def test_a_resumed_run_is_timed_by_its_own_pace(clock):
    screen = Terminal(True)
    with progress.Progress("work", stream=screen) as bar:
        bar.update(0.5)
        clock[0] += 10
        bar.update(0.6)
    assert "40 s left" in screen.text


def test_each_of_several_parts_is_timed_by_itself(clock):
    screen = Terminal(True)
    with progress.Progress("work", stream=screen) as bar:
        bar.update(0.0)
        clock[0] += 100
        bar.update(1.0)
        bar.update(0.0)
        clock[0] += 10
        bar.update(0.5)
    assert "10 s left" in screen.text


def test_a_log_file_gets_a_line_now_and_then(clock):
    log = Terminal(False)
    with progress.Progress("work", stream=log) as bar:
        bar.update(0.0)
        for step in range(1, 101):
            clock[0] += 1
            bar.update(step / 200, f"step {step}")
    lines = log.text.splitlines()
    assert len(lines) == 3
    assert lines[0] == "work: 15%, step 30, about 3 min left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.2, "1 s left"), (89, "89 s left"), (600, "about 10 min left"),
     (7200, "about 2.0 h left"), (float("inf"), ""), (-1, "")],
)  # fmt: skip
def test_time_left_is_written_for_readers(seconds, words):
    assert progress.left_words(seconds) == words


def test_a_recipe_may_report_steps_fractions_or_words(clock):
    log = Terminal(False)
    bar = progress.Progress("work", stream=log)
    on_step = learning.on_step_of(bar)
    for report_it in (lambda: on_step("reading"), lambda: on_step(0.5, "half")):
        clock[0] += 31
        report_it()
    clock[0] += 31
    on_step(types.SimpleNamespace(step=3, num_steps=4, fraction=0.75, values={"loss": 0.5}))
    words = [line.split(", ")[0] for line in log.text.splitlines()]
    assert words == ["work: reading", "work: 50%", "work: 75%"]
    assert "step 3 of 4, loss 0.5" in log.text
