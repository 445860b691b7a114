"""From a stored request back to the arguments of its endpoint, for "Use in API".

A scene of the gallery is fetched from the hub by the printed call; an upload is a file of the reader's.
"""

from __future__ import annotations

from typing import Any

from core.ui.snippets import file_argument
from core.ui.verbs import Call

from . import gallery
from .config import Learning, Sampling
from .requests import EditRequest, ImagineRequest

Data = dict[str, Any]


def _picture(picture: Data) -> Data:
    kind, _, ident = picture["source"].partition(":")
    if kind == "scene":
        found: Data = {"scene": int(ident)}
    elif kind == "example" and ident in gallery.examples():
        found = {"picture": file_argument(f"{ident}.png", f"example/imagic/{ident}")}
    else:
        found = {"picture": file_argument("picture.png")}
    if crop := picture.get("crop"):
        found["crop"] = [crop["left"], crop["top"], crop["side"]]
    return found


def _changed(given: Data, plain: Any) -> Data:
    """The settings that differ from their defaults, which a short call can leave out."""
    found = {}
    for name, value in given.items():
        usual = getattr(plain, name)
        usual = list(usual) if isinstance(usual, tuple) else usual
        if value != usual:
            found[name] = value
    return found


def _on_model(request: Data) -> Data:
    return {
        k: v for k, v in request.items() if k in ("tier", "model") and request["tier"] == "full"
    }


def _edit(request: Data) -> Data:
    learning = _changed(request["learning"], Learning())
    if "seed" in learning:
        learning["training_seed"] = learning.pop("seed")
    usual = list(EditRequest.__dataclass_fields__["baselines"].default)  # type: ignore[arg-type]
    ways = {} if request["baselines"] == usual else {"baselines": request["baselines"]}
    return {
        **_picture(request["picture"]),
        "target": request["target"],
        **learning,
        **_changed(request["sampling"], Sampling()),
        **ways,
        **_on_model(request),
    }


def _resample(request: Data) -> Data:
    kind, _, ident = request["kit"].partition(":")
    kit: Data = (
        {"kit_id": request["kit"]} if kind != "sha256" else {"kit": file_argument("kit.zip")}
    )
    del ident
    text = {"target": request["target"]} if request["target"] else {}
    ways = {"baselines": request["baselines"]} if request["baselines"] else {}
    return {**kit, **text, **_changed(request["sampling"], Sampling()), **ways}


def _imagine(request: Data) -> Data:
    plain = ImagineRequest(text=request["text"])
    own = {k: request[k] for k in ("seeds", "guidance", "steps")}
    return {"text": request["text"], **_changed(own, plain), **_on_model(request)}


def _check(request: Data) -> Data:
    own = ("num_scenes", "seed", "embedding_steps", "tuning_steps")
    return {k: request[k] for k in own} | _on_model(request)


def _train(request: Data) -> Data:
    return {k: request[k] for k in ("preset", "resume")}


CALLS: dict[str, Call] = {
    "edit": ("imagic_edit", _edit),
    "resample": ("imagic_resample", _resample),
    "imagine": ("imagic_imagine", _imagine),
    "check": ("imagic_check", _check),
    "train": ("imagic_train", _train),
}
