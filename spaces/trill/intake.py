"""Between the page's files and the clips of a request: uploads in, playable files out. No torch."""

from __future__ import annotations

import functools
import re
import tempfile
from pathlib import Path
from typing import Any

from core.errors import InputError

from . import gallery
from .listening import content_hash
from .requests import Clip

# Gradio takes only audio/* into an Audio component, in the dialog, on choosing and on dropping.
# Browsers call WebM, MP4 and QuickTime recordings video/*, and some sounds nothing at all: such
# files are offered in the dialog, and pass under the name audio/*. The server looks into them.
FILES_JS = """
if (!window.trFiles) {
window.trFiles = 1;
const zone = ({ target }) => target.closest?.("#tr-clip, #tr-second");
const odd = ({ type }) => !type || /^video[/]|^application[/](ogg|mp4)$/.test(type);
const renamed = (files) => {
if (![...files].some(odd)) return;
const moved = new DataTransfer();
for (const file of files) moved.items.add(odd(file) ? new File([file], file.name, { type: "audio/" + (file.type.split("/")[1] || "x-unknown") }) : file);
return moved;
};
document.addEventListener("click", (event) => {
for (const input of zone(event)?.querySelectorAll("input[type=file]") ?? [])
input.accept = "audio/*,video/webm,video/mp4,video/quicktime,.webm,.mp4,.mov,.m4a,.mkv,.opus,.caf";
}, true);
document.addEventListener("change", (event) => {
const moved = event.target.type === "file" && zone(event) && renamed(event.target.files);
if (moved) event.target.files = moved.files;
}, true);
document.addEventListener("drop", (event) => {
const moved = zone(event) && event.dataTransfer && renamed(event.dataTransfer.files);
if (!moved) return;
event.preventDefault(); event.stopPropagation();
event.target.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: moved }));
}, true);
}
"""


@functools.cache
def _examples_by_hash() -> dict[str, str]:
    return {clip.sha256: name for name, clip in gallery.examples().items()}


def clip_of_file(path: str | Path | None, name: str = "", *, what: str = "clip") -> Clip:
    """Keep the content of an uploaded file and name it by its hash.

    Args:
        path: file that Gradio wrote; None when the visitor gave nothing.
        name: what the visitor called it.
        what: word for the error text.

    Raises:
        InputError: there is no file, or it is no sound; the text says why.
    """
    if not path:
        raise InputError(
            f"There is no {what} yet. A few seconds of speech are needed. "
            "Record or upload one, or choose an example."
        )
    file = Path(path)
    return clip_of_bytes(file.read_bytes(), name or file.name)


def clip_of_bytes(data: bytes, name: str) -> Clip:
    """Probe and keep the content of a recording.

    A shipped example is named by its id, through whichever door it comes back: links to it need
    nothing stored, and equal questions get equal answers.

    Raises:
        InputError: it is no sound, or too large.
    """
    from core.media import probe
    from core.runs import store

    shown = clean_name(name)
    if not data:
        raise InputError(f"{shown} is empty (0 bytes). Record it again, or choose another file.")
    known = _examples_by_hash().get(content_hash(data))
    if known is not None:
        return Clip(source=f"example:{known}")
    probe(data, name=shown)
    digest = store().put_input(data, "application/octet-stream")
    return Clip(source=f"sha256:{digest}", name=shown)


def clean_name(name: str) -> str:
    """A file name that is safe to show and to keep: one line, at most 60 characters."""
    words = re.sub(r"[\x00-\x1f\x7f]+", " ", Path(str(name).replace("\\", "/")).name).strip()
    return words[:60] or "recording"


def file_of_clip(clip: Clip | dict[str, Any] | None) -> str | None:
    """A file that the page's audio component can play: the original bytes, unchanged.

    Returns:
        None when the upload is no longer here.
    """
    from core.errors import NotFoundError
    from core.runs import store

    if clip is None:
        return None
    source, called = (
        (clip["source"], clip.get("name", ""))
        if isinstance(clip, dict)
        else (clip.source, clip.name)
    )
    kind, _, name = source.partition(":")
    if kind == "example":
        origin = gallery.examples().get(name)
        if origin is None:
            return None
        data, file_name, place = origin.path.read_bytes(), f"{name}.flac", "examples"
    else:
        try:
            data = store().get_input(name)
        except NotFoundError:
            return None
        # the visitor's own name, so that running it again gives the same request
        plain = clean_name(called).lstrip(".") if called else ""
        file_name, place = plain or f"{name[:16]}{_suffix(data)}", name
    folder = Path(tempfile.gettempdir()) / "vitrine-clips" / place
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / file_name
    if not file.exists() or file.stat().st_size != len(data):
        file.write_bytes(data)
    return str(file)


_STARTS = (
    (b"RIFF", ".wav"),
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
    (b"\xff", ".mp3"),
    (b"\x1aE\xdf\xa3", ".webm"),
)


def _suffix(data: bytes) -> str:
    for start, suffix in _STARTS:
        if data.startswith(start):
            return suffix
    return ".m4a" if data[4:8] == b"ftyp" else ".wav"


def parse_cut(words: str) -> tuple[float, float | None]:
    """Read a cut such as `1.5-3.0` or `2-` in seconds; an empty text keeps the whole clip.

    Raises:
        InputError: the text is no cut.
    """
    words = words.strip().replace("–", "-").replace(",", ".").removesuffix("s").strip()
    if not words:
        return 0.0, None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*s?\s*-\s*(\d+(?:\.\d+)?)?", words)
    if match is None:
        raise InputError(
            f"The cut {words[:40]!r} cannot be read. Two times in seconds with a dash work. "
            "Write for example 1.5-3.0, or leave it empty."
        )
    return float(match[1]), float(match[2]) if match[2] else None
