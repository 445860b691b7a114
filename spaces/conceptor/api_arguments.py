"""From a stored request back to the arguments of its endpoint, for "Use in API"."""

from __future__ import annotations

from typing import Any

from core.ui.verbs import Call

from .config import PRESETS, to_dict
from .requests import MixRequest

Data = dict[str, Any]
_NAMED = ("n", "sparsity", "steps", "training_pictures", "repeats", "seed", "dictionary", "exclude_concept", "choice", "guidance")  # fmt: skip


def _changed(request: Data) -> Data:
    """The settings that differ from those of the tier, which a short call can leave out."""
    usual = to_dict(PRESETS["full" if request["tier"] == "full" else "embedded"]())
    return {k: v for k, v in request["settings"].items() if v != usual[k]}


def _on_model(request: Data) -> Data:
    return {k: request[k] for k in ("tier", "model")} if request["tier"] == "full" else {}


def _settings(request: Data) -> Data:
    changed = _changed(request)
    return ({"settings": changed} if changed else {}) | _on_model(request)


def _decompose(request: Data) -> Data:
    changed = _changed(request)
    named = {k: v for k, v in changed.items() if k in _NAMED}
    rest = {k: v for k, v in changed.items() if k not in _NAMED}
    own = {"concept": request["concept"], **named}
    return own | ({"settings": rest} if rest else {}) | _on_model(request)


def _explain(request: Data) -> Data:
    return {k: request[k] for k in ("concept", "seed", "threshold", "target")} | _settings(request)


def _mix(request: Data) -> Data:
    usual = MixRequest(concept="x")
    own: Data = {"concept": request["concept"]}
    for name in ("factors", "solo", "mute"):
        if request[name]:
            own[name] = request[name]
    if list(request["seeds"]) != list(usual.seeds):
        own["seeds"] = request["seeds"]
    return own | _settings(request)


def _audit(request: Data) -> Data:
    names = ("concepts", "group_a", "group_b", "pictures", "strength")
    return {k: request[k] for k in names} | _settings(request)


def _compare(request: Data) -> Data:
    return {k: request[k] for k in ("one", "other")} | _settings(request)


def _check(request: Data) -> Data:
    return {k: request[k] for k in ("num_words", "seed", "steps")}


def _train(request: Data) -> Data:
    return {k: request[k] for k in ("preset", "resume")}


CALLS: dict[str, Call] = {
    "decompose": ("conceptor_decompose", _decompose),
    "explain": ("conceptor_explain", _explain),
    "mix": ("conceptor_mix", _mix),
    "audit": ("conceptor_audit", _audit),
    "compare": ("conceptor_compare", _compare),
    "check": ("conceptor_check", _check),
    "train": ("conceptor_train", _train),
}
