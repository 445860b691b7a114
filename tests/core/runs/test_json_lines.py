"""Records in lines of JSON outlive a kill."""

from __future__ import annotations

import pytest

from core.runs import json_lines

ROWS = [{"a": 1, "b": [0.5, None]}, {"a": 2, "text": "é\nü"}]


def test_what_is_appended_is_read_in_order(tmp_path):
    file = tmp_path / "deep" / "records.jsonl"
    assert json_lines.read(file) == []
    json_lines.append(file, ROWS[:1])
    json_lines.append(file, ROWS[1:])
    assert json_lines.read(file) == ROWS
    assert len(file.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_line_that_was_cut_short_is_taken_off_and_may_be_written_again(tmp_path, cut):
    file = tmp_path / "records.jsonl"
    json_lines.append(file, ROWS)
    text = file.read_text()
    file.write_text(text[:-cut])
    known = json_lines.read(file)
    assert known == (ROWS if cut == 1 else ROWS[:1])  # without its end alone a line is whole
    json_lines.append(file, [{"a": 3}])
    assert json_lines.read(file) == [*known, {"a": 3}]
