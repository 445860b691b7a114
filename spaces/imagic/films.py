"""A row of a strip as a film, there and back: GIF or MP4, made when somebody asks for it."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError, NotFoundError, VitrineError

Kind = Literal["gif", "mp4"]
SECONDS_EACH = 0.35  # as long as the Play button of the page stands on a picture
LEAST_SIDE = 256  # pixels; smaller pictures are enlarged by a whole factor
MOST_PICTURES = 16
_MOST_SIDE = 1024
_MOST_PIXELS = 64_000_000  # of a sheet
_ADDRESS = re.compile(
    r"(?:artifact/(?P<run>[A-Za-z0-9_-]{8,64})|example/imagic)/(?P<name>[A-Za-z0-9._-]{1,80})"
)


def film(sheet: bytes, *, columns: int, rows: int, row: int, kind: Kind) -> bytes:
    """Encode one row of a sheet as a film that runs to its end and back, for ever as a GIF.

    Args:
        sheet: PNG with equal pictures, row by row without gaps.
        columns: pictures side by side, 2 to 16.
        rows: rows of pictures.
        row: which one, from 0.
        kind: "gif" or "mp4" (H.264).

    Raises:
        InputError: the numbers do not fit the sheet, or one picture makes no film.
    """
    frames = _frames(sheet, columns, rows, row)
    turn = [*frames, *frames[-2:0:-1]]
    return _gif(turn) if kind == "gif" else _mp4([*turn, *turn, turn[0]])


def _frames(sheet: bytes, columns: int, rows: int, row: int) -> list[Any]:
    from PIL import Image

    if not 2 <= columns <= MOST_PICTURES or not 0 <= row < rows:
        raise InputError(
            f"A film needs 2 to {MOST_PICTURES} pictures of one row; {columns} were asked for, of row "
            f"{row + 1} of {rows}. Draw a strip with more columns first."
        )
    with Image.open(io.BytesIO(sheet), formats=["PNG"]) as opened:
        if opened.width * opened.height > _MOST_PIXELS or opened.width * rows != (
            opened.height * columns
        ):
            raise InputError(
                f"The strip has {opened.width} × {opened.height} pixels, which are not {columns} by "
                f"{rows} squares. Draw the strip again."
            )
        picture = opened.convert("RGB")
    side = picture.width // columns
    shown = side * max(1, -(-LEAST_SIDE // side))
    if shown > _MOST_SIDE:
        shown = _MOST_SIDE
    shown += shown % 2  # video needs an even side
    method = Image.Resampling.NEAREST if shown >= side else Image.Resampling.LANCZOS
    made = []
    for column in range(columns):
        left, top = column * side, row * side
        cut = picture.crop((left, top, left + side, top + side))
        made.append(cut.resize((shown, shown), method) if shown != side else cut)
    return made


def _gif(frames: list[Any]) -> bytes:
    out = io.BytesIO()
    frames[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=round(SECONDS_EACH * 1000),
        loop=0,
    )
    return out.getvalue()


def _mp4(frames: list[Any]) -> bytes:
    """H.264 with every picture repeated, so that players with a fixed rate show it long enough."""
    import av
    import numpy as np

    rate = 20
    repeats = round(SECONDS_EACH * rate)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "16"})
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        for picture in frames:
            pixels = np.asarray(picture)
            for _ in range(repeats):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def sheet_at(address: str) -> bytes:
    """The sheet at an address of this hub, of a stored run or of the examples; nothing else is read.

    Raises:
        NotFoundError: there is no such file.
    """
    from core.ui import routes

    found = _ADDRESS.fullmatch(address)
    try:
        if found is None:
            raise KeyError(address)
        if found["run"]:
            content, _ = routes.run_file(found["run"], found["name"])
            return content if isinstance(content, bytes) else content.read_bytes()
        return routes.examples("imagic")[found["name"]].read_bytes()
    except (KeyError, OSError, NotFoundError) as error:
        raise NotFoundError(
            "The strip of this film is no longer here. Stored runs are kept for a while. Draw it again."
        ) from error


def offer(payload: Any) -> dict[str, str]:
    """Server side of the film buttons: make the film and answer with its address.

    Args:
        payload: `file`, `columns`, `rows`, `row` and `kind`, from a page's script; anybody can send
            anything here.
    """
    from core.ui.routes import offer_download

    told = payload if isinstance(payload, dict) else {}
    columns, rows, row = told.get("columns"), told.get("rows"), told.get("row")
    kind = told.get("kind")
    whole = isinstance(columns, int) and isinstance(rows, int) and isinstance(row, int)
    if kind not in ("gif", "mp4") or not whole:
        return {"error": "That film cannot be made. Press one of the film buttons of a strip."}
    columns, rows, row = int(columns or 0), int(rows or 0), int(row or 0)
    try:
        data = film(
            sheet_at(str(told.get("file", ""))), columns=columns, rows=rows, row=row, kind=kind
        )
    except VitrineError as error:
        return {"error": str(error)}
    folder = Path(tempfile.mkdtemp(prefix="vitrine-export-"))
    target = folder / f"imagic-strip.{kind}"
    target.write_bytes(data)
    return {"link": offer_download(target)}


FILM_JS = """
document.addEventListener("click", ({ target }) => {
if (target.closest?.("#im-edit, #im-again, #im-imagine")) setTimeout(() => {
const top = element.getBoundingClientRect().top;
if (top < 0 || top > innerHeight - 160) (element.closest(".column") || element).scrollIntoView({ behavior: "smooth" });
}, 250);
});
element.addEventListener("click", async ({ target }) => {
const button = target.closest("[data-film]");
if (!button) return;
const all = button.closest(".im"), strip = all.querySelector(".vt-strip"), said = all.querySelector(".im-made");
const style = (name) => Number(strip.style.getPropertyValue(name));
button.disabled = true;
said.textContent = "Making the film";
const answer = await server.offer({ file: button.dataset.stripFile, kind: button.dataset.film, columns: style("--columns"), rows: style("--rows"), row: style("--r") });
button.disabled = false;
said.textContent = answer.error || "";
if (answer.error) return;
const a = document.createElement("a");
a.href = new URL(answer.link, document.baseURI).href; a.download = ""; a.click();
});
"""
