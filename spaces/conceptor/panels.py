"""What the results of Conceptor are shown with: numbers in words, clouds, bars, sheets of pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core.ui import pictures

from .charts import text
from .results import Element, Sheet

Link = Callable[[str], str]  # name of one of the result's files to its address, or ""
_CRISP = 160  # pixels; smaller pictures are enlarged with sharp edges
RIGHT, WRONG = "✓", "✗"
CLOUD = (15.0, 54.0)  # sizes of the words of a cloud, pixels


def frame(*parts: str, stored: str = "") -> str:
    """Put parts under each other; `stored` says where a result that is not fresh comes from."""
    mark = f'<div><span class="co-stored">{text(stored)}</span></div>' if stored else ""
    return f'<div class="co">{mark}{"".join(part for part in parts if part)}</div>'


def empty(words: str) -> str:
    """A place where a result will stand."""
    return frame(f'<div class="co-empty">{text(words)}</div>')


def number(value: float, digits: int = 2) -> str:
    """A number for a sentence, with a true minus sign; a dash where there is none."""
    return f"{value:.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def percent(share: float) -> str:
    """A share in words; the ends are not rounded to certainty."""
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %".replace("-", "−")


def brief(share: float) -> str:
    """A share where there is little room."""
    return "<1 %" if 0 < share < 0.005 else percent(share)


def quoted(words: Sequence[str]) -> str:
    """Words as a list in a sentence, escaped."""
    named = [f"“{text(word)}”" for word in words]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}" if named else "no word"  # fmt: skip


def sheet_of(sheet: Sheet, link: Link) -> pictures.Sheet:
    """A sheet of the result at its address."""
    return pictures.Sheet(
        url=link(sheet.file), columns=sheet.columns, rows=sheet.rows, crisp=sheet.tile <= _CRISP
    )


def on_sheet(sheet: pictures.Sheet, body: str, kind: str = "") -> str:
    """The element around tiles of a sheet."""
    crisp = " data-crisp" if sheet.crisp else ""
    named = f' class="{kind}"' if kind else ""
    return f'<div{named} style="{pictures.sheet_style(sheet)}"{crisp}>{pictures.sheet_rule(sheet)}{body}</div>'


def figure(picture: str, name: str, small: str = "") -> str:
    """A picture with its caption; both texts are escaped here."""
    more = f"<br><small>{text(small)}</small>" if small else ""
    return f"<figure>{picture}<figcaption>{text(name)}{more}</figcaption></figure>"


def pairs(above: pictures.Sheet, below: pictures.Sheet | None, names: tuple[str, str]) -> str:
    """Two sheets of one row below each other, column by column, so that pairs stay together on a phone.

    Args:
        above: the first pictures; they say how many columns there are.
        below: the second ones; there may be fewer.
        names: what they are, for readers who do not see them.
    """
    rules = pictures.sheet_rule(above) + (pictures.sheet_rule(below) if below is not None else "")
    made = ""
    for k in range(above.columns):
        tiles = ""
        for sheet, name in zip((above, below), names, strict=True):
            if sheet is not None and k < sheet.columns:
                tile = pictures.tile(sheet, k, 0, f"{name}, noise {k + 1}")
                tiles += f'<div style="{pictures.sheet_style(sheet)}">{tile}</div>'
        made += f"<div>{tiles}</div>"
    crisp = " data-crisp" if above.crisp else ""
    return f'<div class="co-pairs" style="--n:{above.columns}"{crisp}>{rules}{made}</div>'


# --- words ----------------------------------------------------------------------------------------


def cloud(words: Sequence[tuple[str, float]], label: str) -> str:
    """Words as large as their shares, the largest in the middle.

    Args:
        words: with their shares, the largest first.
        label: what the cloud says, for readers who do not see it.
    """
    if not words:
        return '<div class="co-cloud"></div>'
    most = max(max(share for _, share in words), 1e-9)
    low, high = CLOUD
    placed: list[str] = []
    for k, (word, share) in enumerate(words):
        size = low + (high - low) * math.sqrt(max(share, 0.0) / most)
        made = f'<span style="font-size:{size:.0f}px" title="{percent(share)}">{text(word)}</span>'
        placed = [*placed, made] if k % 2 else [made, *placed]
    return f'<div class="co-cloud" role="img" aria-label="{text(label)}">{" ".join(placed)}</div>'


def cloud_words(concept: str, words: Sequence[tuple[str, float]]) -> str:
    """What a cloud says in words."""
    said = ", ".join(f"{word} {percent(share)}" for word, share in words)
    return f"{concept}: {said}" if said else f"{concept}: no words yet"


def live_bars(words: Sequence[tuple[str, float]]) -> str:
    """Bars of shares while they change."""
    most = max((share for _, share in words), default=1.0) or 1.0
    rows = "".join(
        f'<li><b>{text(word)}</b><span class="co-bar" style="--w:{100 * share / most:.1f}%"></span>'
        f"<i>{text(brief(share))}</i></li>"
        for word, share in words
    )
    return f'<ol class="co-live">{rows}</ol>' if rows else ""


def bars(
    elements: Sequence[Element],
    repeats: int,
    sheet: pictures.Sheet | None,
    planted: Sequence[str] = (),
) -> str:
    """Words with their pictures, shares with their spread, and how often each was kept.

    Args:
        elements: the largest share first.
        repeats: of the learning.
        sheet: pictures of the words alone; None for none.
        planted: words that are in the recipe, which get a mark.
    """
    most = max((max(e.share, e.mean + e.spread) for e in elements), default=1.0) or 1.0
    rows = "".join(_bar(e, repeats, sheet, most, e.word in planted) for e in elements)
    listed = f'<ol class="co-bars">{rows}</ol>'
    return on_sheet(sheet, listed) if sheet is not None else listed


def _bar(e: Element, repeats: int, sheet: pictures.Sheet | None, most: float, planted: bool) -> str:
    tile = "<span></span>"
    if sheet is not None and e.column is not None:
        tile = pictures.tile(sheet, e.column, 0, f"The model draws “{e.word}” alone")
    whisker = ""
    if repeats > 1:
        low, high = max(e.mean - e.spread, 0.0), e.mean + e.spread
        whisker = (
            f'<span class="co-spread" style="--l:{100 * low / most:.1f}%;'
            f'--r:{100 * (high - low) / most:.1f}%"></span>'
        )
    small = [f"kept in {e.kept} of {repeats}"] if repeats > 1 else []
    if e.loss is not None:
        small.append(f"{number(1000 * e.loss, 2) if e.loss < 0 else '+' + number(1000 * e.loss, 2)} loss")  # fmt: skip
    mark = f' <span class="co-mark" title="in the planted recipe">{RIGHT}</span>' if planted else ""
    title = f' title="{text(", ".join(e.forms))}"' if len(e.forms) > 1 else ""
    return (
        f"<li>{tile}<b{title}>{text(e.word)}{mark}</b>"
        f'<span class="co-bar" style="--w:{100 * max(e.share, 0) / most:.1f}%">{whisker}</span>'
        f"<i>{text(brief(e.share))}</i><small>{' · '.join(small)}</small></li>"
    )


def take(files: Sequence[tuple[str, str, str]]) -> str:
    """Links to files: words, name of the file when saved, address."""
    links = [
        f'<a class="vt-button" href="{text(address)}" download="{text(name)}">{text(words)}</a>'
        for words, name, address in files
        if address
    ]
    return f'<div class="co-take"><span>Take it with you</span>{"".join(links)}</div>' if links else ""  # fmt: skip
