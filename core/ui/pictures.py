"""Markup for pictures that are compared: a strip with a dial, a wipe, a square to cut out.

The behaviour stands in `assets/pictures.js` and the look in `assets/pictures.css`. Many pictures come
in one file, a *sheet*, so that a dial moves along them without waiting: only the part that is shown
changes. Everything works with a mouse, a finger and the keyboard.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Equal pictures in one file, row by row without gaps.

    Attributes:
        url: address of the file, relative to the hub, or a data address.
        columns: pictures side by side.
        rows: rows of pictures.
        crisp: whether the pictures are small, so that they are enlarged with sharp edges.
    """

    url: str
    columns: int
    rows: int
    crisp: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One picture of a strip.

    Attributes:
        value: what the dial shows while it stands here, such as "η 0.8".
        label: the picture in words, for readers who do not see it.
        say: a line about it that the strip shows; plain text.
        x: where it lies along a chart that follows the dial, in the chart's units.
        mark: whether it carries the star of a suggestion.
    """

    value: str
    label: str
    say: str = ""
    x: float = 0.0
    mark: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """A picture that a wipe can show on its left side."""

    name: str
    url: str
    label: str


def text(value: object) -> str:
    """Escape a text for HTML, attributes included."""
    return html.escape(str(value), quote=True)


def _mark(sheet: Sheet) -> str:
    """A class that only the tiles of this sheet carry."""
    return "vt-s" + hashlib.sha256(sheet.url.encode()).hexdigest()[:12]


def sheet_rule(sheet: Sheet) -> str:
    """The style that gives the tiles of a sheet their picture; needed once wherever they stand.

    It is an element of the page, because an address in a style sheet, or in a variable that one
    uses, would be relative to that style sheet.
    """
    url = sheet.url.replace("\\", "%5C").replace('"', "%22").replace("<", "%3C")
    url = "".join(url.split())
    return f'<style>.{_mark(sheet)}{{background-image:url("{url}")}}</style>'


def sheet_style(sheet: Sheet) -> str:
    """The inline style of an element around tiles of a sheet."""
    return f"--columns:{sheet.columns};--rows:{sheet.rows}"


def tile(
    sheet: Sheet,
    column: int | None = None,
    row: int | None = None,
    label: str = "",
    *,
    follows: bool = False,
) -> str:
    """One picture of a sheet, inside an element that has `sheet_style`.

    Args:
        sheet: where it is from.
        column: which one; without it the column that the strip around it stands on.
        row: likewise.
        label: the picture in words; without it, readers who do not see it pass over it.
        follows: whether its label changes with the dial of the strip.
    """
    places = [("c", column), ("r", row)]
    place = ";".join(f"--{name}:{value}" for name, value in places if value is not None)
    style = f' style="{place}"' if place else ""
    spoken = f'role="img" aria-label="{text(label)}"' if label else 'aria-hidden="true"'
    moves = ' data-strip="picture"' if follows else ""
    return f'<span class="vt-tile {_mark(sheet)}"{style}{moves} {spoken}></span>'


def plate(url: str, label: str, *, crisp: bool = True, lazy: bool = False) -> str:
    """A picture that fills its place."""
    small = " data-crisp" if crisp else ""
    later = ' loading="lazy"' if lazy else ""
    return f'<img class="vt-plate" src="{text(url)}" alt="{text(label)}"{small}{later}>'


def wipe(unders: Sequence[Under], over: str, over_name: str, *, at: int = 50) -> str:
    """Two pictures on each other with a line to draw across them.

    Args:
        unders: what may lie on the left; the first does.
        over: markup of what lies on the right, a `plate` or a `tile`.
        over_name: short name of the right side.
        at: where the line stands, percent from the left.
    """
    below = "".join(
        f'<img class="vt-plate vt-under" data-name="{text(u.name)}" src="{text(u.url)}" '
        f'alt="{text(u.label)}"{" hidden" if k else ""}>'
        for k, u in enumerate(unders)
    )
    return (
        f'<div class="vt-wipe" style="--at:{at}%">{below}<div class="vt-over">{over}</div>'
        f'<span class="vt-side" aria-hidden="true">{text(unders[0].name)}</span>'
        f'<span class="vt-side" aria-hidden="true" data-strip="value">{text(over_name)}</span>'
        f'<input type="range" min="0" max="100" value="{at}" '
        'aria-label="Draw the line: left of it one picture, right of it the other"></div>'
    )


def under_choice(unders: Sequence[Under], group: str, legend: str = "Left of the line") -> str:
    """Radios that choose what a wipe shows on its left; nothing when there is no choice."""
    if len(unders) < 2:
        return ""
    radios = "".join(
        f'<label><input type="radio" name="{text(group)}" data-under="{text(u.name)}"'
        f"{' checked' if k == 0 else ''}>{text(u.name)}</label>"
        for k, u in enumerate(unders)
    )
    return f'<fieldset class="vt-choice"><legend>{text(legend)}</legend>{radios}</fieldset>'


def cells(
    sheet: Sheet,
    grid: Sequence[Sequence[Cell]],
    heads: Sequence[str],
    names: Sequence[str],
    *,
    column: int,
    row: int,
    label: str,
    corner: str = "",
    band: Sequence[bool] = (),
) -> str:
    """The small pictures of a strip, as buttons that arrow keys walk through.

    Args:
        sheet: where the pictures are.
        grid: rows of cells, as the sheet has them.
        heads: one short text per column.
        names: one short text per row.
        column: which column is chosen.
        row: which row is chosen.
        label: what the grid is, for readers who do not see it.
        corner: what the heads are.
        band: columns whose heads are underlined.
    """
    inside = list(band) or [False] * len(heads)
    top = f'<span class="vt-rowname">{text(corner)}</span>' + "".join(
        f"<span{' data-band' if on else ''}>{text(head)}</span>"
        for head, on in zip(heads, inside, strict=True)
    )
    body = ""
    for r, (name, line) in enumerate(zip(names, grid, strict=True)):
        body += f'<span class="vt-rowname">{text(name)}</span>'
        for c, cell in enumerate(line):
            chosen = (r, c) == (row, column)
            body += (
                f'<button type="button" data-c="{c}" data-r="{r}" data-x="{cell.x:g}" '
                f'data-value="{text(cell.value)}" data-say="{text(cell.say)}" '
                f'aria-label="{text(cell.label)}" aria-pressed="{str(chosen).lower()}" '
                f'tabindex="{0 if chosen else -1}"{" data-mark" if cell.mark else ""}>'
                f"{tile(sheet, c, r)}</button>"
            )
    return f'<div class="vt-cells" role="group" aria-label="{text(label)}">{top}{body}</div>'


def dial(columns: int, column: int, value: str, label: str) -> str:
    """The slider that moves along a row, with what it stands on and a button that plays the row."""
    return (
        '<div class="vt-dial">'
        f'<output data-strip="value" aria-hidden="true">{text(value)}</output>'
        f'<input type="range" min="0" max="{columns - 1}" step="1" value="{column}" '
        f'aria-label="{text(label)}" aria-valuetext="{text(value)}">'
        '<button type="button" class="vt-button" data-do="strip-play" aria-pressed="false">▶ Play</button>'
        "</div>"
    )


def strip(sheet: Sheet, body: str, *, column: int, row: int, x: float = 0.0) -> str:
    """The element around wipe, dial, cells and whatever else follows them.

    Inside, `tile()` without a place shows the chosen picture, and a style may use `--c`, `--r` and
    `--x`, which change with the dial.
    """
    crisp = " data-crisp" if sheet.crisp else ""
    return (
        f'<div class="vt-strip"{crisp} style="{sheet_style(sheet)};--c:{column};--r:{row};--x:{x:g}">'
        f"{sheet_rule(sheet)}{body}</div>"
    )


def crop(url: str, label: str, box: tuple[float, float, float], *, width: int, height: int) -> str:
    """A picture with a square to move and to resize.

    The square fires the DOM event `vt-crop` with `left`, `top` and `side`; a `canvas` inside the
    nearest `[data-crops]` shows the cut-out.

    Args:
        url: address of the whole picture.
        label: the picture in words.
        box: left and top as shares of width and height, side as a share of the shorter side.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    left, top, side = box
    short = min(width, height)
    place = (
        f"left:{100 * left:.3f}%;top:{100 * top:.3f}%;width:{100 * side * short / width:.3f}%;"
        f"height:{100 * side * short / height:.3f}%"
    )
    return (
        f'<div class="vt-crop"><img src="{text(url)}" alt="{text(label)}" width="{width}" '
        f'height="{height}"><div class="vt-frame" tabindex="0" role="application" '
        'aria-roledescription="square to cut out" aria-label="Part that is used. Arrow keys move '
        'it, plus and minus resize it." '
        f'data-left="{left:.5f}" data-top="{top:.5f}" data-side="{side:.5f}" style="{place}">'
        "<i></i></div></div>"
    )
