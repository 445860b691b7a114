"""What the public endpoints of Imagic share: the method's calls, pictures and kits from file arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from core.errors import InputError
from core.ui.calls import Calls, received

from . import SPEC, requests
from .results import RESULTS
from .showing import VERBS

T = TypeVar("T")
CALLS = Calls(SPEC, work=VERBS.work, keep=VERBS.keep, answer=RESULTS.to_dict)


def take(file: Any, crop: list[float] | None, scene: int | None) -> requests.Picture:
    """The picture of a call: a file with a crop, or a random scene.

    Raises:
        InputError: neither or both are given, the file is no picture, or the crop is no square.
    """
    from . import intake

    if (file is None) == (scene is None):
        raise InputError(
            "A call edits one picture. Give a file as picture, or the seed of a random scene as "
            "scene. Leave the other one out."
        )
    if crop is not None and len(crop) != 3:
        raise InputError(
            f"The crop has {len(crop)} numbers. It is [left, top, side], each a share from 0 to 1. "
            "Write for example [0.1, 0.0, 0.8]."
        )
    square = None if crop is None else requests.Crop(left=crop[0], top=crop[1], side=crop[2])
    if scene is not None:
        return requests.Picture(source=f"scene:{scene}", crop=square)
    found = received(file)
    return intake.picture_of_bytes(found.data, found.name, square)


def take_kit(kit: Any, kit_id: str) -> str:
    """The kit of a call: a file, or the name of one that the hub has.

    Raises:
        InputError: neither or both are given, or the file is no kit.
    """
    from . import intake

    if (kit is None) == (not kit_id):
        raise InputError(
            "A call draws from one edit kit. Give a file as kit, or gallery:<scene> or run:<id> as "
            "kit_id. Leave the other one out."
        )
    if kit is None:
        return kit_id
    found = received(kit)
    return intake.kit_of_bytes(found.data, found.name)[0]


def settings(cls: type[T], arguments: Mapping[str, Any], **own: Any) -> T:
    """The settings of a call: the arguments that bear the name of a field; None is the default.

    Args:
        cls: `Learning` or `Sampling`.
        arguments: of the endpoint, by name.
        own: fields whose argument has another name.
    """
    names = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    given = {k: v for k, v in arguments.items() if k in names and v not in (None, [])}
    return cls(**given | own)
