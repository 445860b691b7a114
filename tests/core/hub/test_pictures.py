"""The markup of strips, wipes and squares: escaped, labelled, one file for all pictures."""

import re

import pytest

from core.ui import pictures

NASTY = '"></style><img src=x onerror=alert(1)>'
SHEET = pictures.Sheet(url="artifact/a/strip.png", columns=3, rows=2)


def cell(**changes):
    return pictures.Cell(**{"value": "η 0.8", "label": "edit at 0.8", **changes})


def grid(rows, columns):
    return [[cell(label=f"{r} {c}") for c in range(columns)] for r in range(rows)]


def test_no_text_of_a_visitor_becomes_markup():
    sheet = pictures.Sheet(url=NASTY, columns=1, rows=1)
    made = pictures.strip(
        sheet,
        pictures.wipe([pictures.Under(name=NASTY, url=NASTY, label=NASTY)], "", NASTY)
        + pictures.dial(1, 0, NASTY, NASTY)
        + pictures.cells(
            sheet,
            [[cell(value=NASTY, label=NASTY, say=NASTY)]], [NASTY], [NASTY], column=0, row=0, label=NASTY
        )
        + pictures.crop(NASTY, NASTY, (0.0, 0.0, 1.0), width=4, height=4),
        column=0,
        row=0,
    )  # fmt: skip
    assert "<img src=x" not in made
    assert 'onerror="' not in made
    assert made.count("</style>") == made.count("<style>") == 1


def test_an_address_cannot_leave_its_style():
    bad = pictures.Sheet(url='a");background:url("b\n</style>', columns=1, rows=1)
    rule = pictures.sheet_rule(bad)
    assert rule.count('"') == 2
    assert rule.endswith('url("a%22);background:url(%22b%3C/style>")}</style>')


def test_tiles_of_two_sheets_do_not_share_a_picture():
    other = pictures.Sheet(url="artifact/a/baselines.png", columns=3, rows=2)
    marks = [re.search(r"vt-s\w+", pictures.tile(sheet, 0, 0))[0] for sheet in (SHEET, other)]
    assert marks[0] != marks[1]
    assert f".{marks[0]}{{background-image:url" in pictures.sheet_rule(SHEET)


def test_every_picture_of_the_grid_is_a_labelled_button_and_one_takes_the_focus():
    made = pictures.cells(
        SHEET,
        grid(2, 3),
        ["a", "b", "c"],
        ["x", "y"],
        column=2,
        row=1,
        label="strip",
        band=[0, 1, 0],
    )
    assert made.count("<button") == 6
    assert len(re.findall(r'aria-label="\d \d"', made)) == 6
    assert made.count('tabindex="0"') == made.count('aria-pressed="true"') == 1
    assert re.search(r'data-c="2" data-r="1"[^>]*aria-pressed="true"', made)
    assert made.count("data-band") == 1


def test_a_row_that_lacks_a_name_is_refused():
    with pytest.raises(ValueError, match="zip"):
        pictures.cells(SHEET, grid(2, 1), ["a"], ["x"], column=0, row=0, label="strip")


def test_one_picture_below_needs_no_choice():
    one = [pictures.Under(name="input", url="a", label="a")]
    assert pictures.under_choice(one, "g") == ""
    assert pictures.under_choice([*one, *one], "g").count("checked") == 1


def test_the_square_is_placed_by_shares_of_the_picture():
    made = pictures.crop("a", "a", (0.25, 0.0, 0.5), width=200, height=100)
    assert "left:25.000%;top:0.000%;width:25.000%;height:50.000%" in made
