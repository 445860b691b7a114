"""The edit kit as one file that travels: what was learnt, what it was learnt from, the picture. No torch.

    kit.zip
      input.png         the picture as the model got it
      kit.safetensors   embeddings, latents, adapter or weights (see `kit`)
      kit.json          settings, losses, hashes, and under "about" the fields of `About`

A kit from outside is hostile until it is checked: members by name, sizes before reading, no paths.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import InputError, NotFoundError
from core.runs.request import from_json, parse_json, to_json

from . import gallery
from .requests import Picture
from .results import Seen

TENSORS, TOLD, INPUT = "kit.safetensors", "kit.json", "input.png"
NAME = "kit.zip"
MAX_TENSORS = 256 * 2**20  # bytes; an adapter has a few MB, all weights of the embedded model 24 MB
MAX_TOLD = 2**20
MAX_INPUT = 16 * 2**20
_LIMITS = {TENSORS: MAX_TENSORS, TOLD: MAX_TOLD, INPUT: MAX_INPUT}
_WHOLE = "Use the kit.zip of an edit, exactly as it was saved."


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a kit says beside what was learnt.

    Attributes:
        target: the text that it was learnt for.
        tier: embedded or full.
        model: of the full tier.
        seen: what is known of the picture.
        picture: where it came from.
    """

    target: str
    tier: str
    model: str = ""
    seen: Seen
    picture: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class KitFile:
    """The members of a kit that was opened but not yet believed.

    Attributes:
        tensors: safetensors bytes.
        told: the JSON beside them.
        about: what it says of the edit.
        picture: PNG of the input; None where the source alone gives it.
    """

    tensors: bytes
    told: dict[str, Any]
    about: About
    picture: bytes | None = None

    def pixels(self, size: int) -> npt.NDArray[np.uint8] | None:
        """The picture that the kit carries, (size, size, 3); None where it carries none.

        Raises:
            InputError: it is no picture of that size.
        """
        if self.picture is None:
            return None
        from core.media.image import load

        found = load(self.picture, name="The kit's picture").pixels
        if found.shape != (size, size, 3):
            raise InputError(
                f"The picture of the edit kit has {found.shape[1]} x {found.shape[0]} pixels, and its "
                f"model works on {size} x {size}. {_WHOLE}"
            )
        return found


def pack(tensors: bytes, told: Mapping[str, Any], about: About, picture: bytes) -> bytes:
    """Put the parts of a kit into one file; the same parts give the same bytes.

    Args:
        tensors: content of kit.safetensors.
        told: what is told of them, JSON types.
        about: what else the kit says.
        picture: PNG of the input.
    """
    text = json.dumps({**told, "about": to_json(about)}, indent=1, ensure_ascii=False) + "\n"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((INPUT, picture), (TENSORS, tensors), (TOLD, text.encode())):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return target.getvalue()


def unpack(data: bytes, name: str = "The file") -> KitFile:
    """Open a kit from outside.

    Args:
        data: the file.
        name: what to call it in error texts.

    Raises:
        InputError: it is no kit, is damaged, or holds more than a kit can.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if len(members) != len(archive.infolist()) or not {TENSORS, TOLD} <= set(members) <= set(_LIMITS):  # fmt: skip
                raise InputError(
                    f"{name} is no edit kit: it should hold {TENSORS}, {TOLD} and {INPUT} and nothing "
                    f"else. {_WHOLE}"
                )
            found = {member: _member(archive, members[member], name) for member in members}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, OSError, EOFError, RuntimeError, ValueError) as error:  # fmt: skip
        raise InputError(
            f"{name} is no ZIP file that can be read, or is damaged. {_WHOLE}"
        ) from error
    return from_parts(found[TENSORS], found[TOLD], found.get(INPUT))


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    limit = _LIMITS[info.filename]
    with archive.open(info) as file:
        data = file.read(limit + 1)  # the size in the header may lie
    if len(data) > limit:
        raise InputError(
            f"{info.filename} in {name} has more than {limit // 2**20} MB, which no edit kit needs. {_WHOLE}"
        )
    return data


def from_parts(tensors: bytes, told: bytes, picture: bytes | None) -> KitFile:
    """A kit from its members.

    Raises:
        InputError: the JSON is not that of a kit.
    """
    data = parse_json(told, max_bytes=MAX_TOLD, what="edit kit")
    if not isinstance(data, dict) or not isinstance(data.get("about"), dict):
        raise InputError(f"The edit kit does not say what it was made for. {_WHOLE}")
    about = from_json(About, data["about"])
    return KitFile(tensors=tensors, told=data, about=about, picture=picture)


def open_kit(source: str) -> KitFile:
    """The kit that a request names.

    Args:
        source: "gallery:<id>", "run:<id>" or "sha256:<hash>".

    Raises:
        NotFoundError: there is no such kit (any more).
        InputError: it is damaged.
    """
    from core.runs import store

    kind, _, ident = source.partition(":")
    if kind == "gallery":
        entry = gallery.example(ident)
        if not entry.ready:
            raise NotFoundError(
                f"The edit kit of {ident} has not been made yet. Kits are made once the model is "
                "trained. Edit the scene instead."
            )
        beside = entry.kit.with_suffix(".json").read_bytes()
        return from_parts(entry.kit.read_bytes(), beside, None)
    if kind == "run":
        return unpack(_of_run(ident), "The kit of the run")
    return unpack(store().get_input(ident), "The uploaded kit")


def _of_run(run_id: str) -> bytes:
    from core.runs import store

    run = store().get(run_id)
    if run.method != "imagic" or NAME not in run.artifacts:
        raise NotFoundError(
            "The run has no edit kit. Runs of an edit and of Draw again have one. Choose such a run."
        )
    return store().artifact_bytes(run_id, NAME)


def keep_kit(data: bytes, name: str) -> tuple[str, str]:
    """Check the outside of an uploaded kit and keep it.

    Returns:
        Its source for a request, and the text that it was learnt for.

    Raises:
        InputError: it is no kit.
    """
    from core.runs import store

    if not data:
        raise InputError(f"{name} is empty (0 bytes). {_WHOLE}")
    opened = unpack(data, name)
    digest = store().put_input(data, "application/octet-stream")
    return f"sha256:{digest}", opened.about.target
