"""Requests as canonical JSON: dataclass to JSON and back, and a hash that names a request.

Canonical means: keys sorted, no spaces, no NaN or infinity, and whole floats written as integers
(as in RFC 8785), so that `1` and `1.0` in a request are the same request.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from core.errors import InputError

T = TypeVar("T")
MAX_DEPTH = 32
_EXACT = 2**53  # whole floats below this are exact integers


def canonical_json(obj: Any) -> str:
    """Write plain JSON types (or a dataclass of them) as canonical JSON.

    Raises:
        ValueError: something in it is not JSON (NaN, a key that is no text, an object, too deep).
    """
    plain = _plain(obj, "", 0)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def request_hash(obj: Any) -> str:
    """Return the sha256 of the canonical JSON of `obj`, in hexadecimal."""
    return hashlib.sha256(canonical_json(obj).encode()).hexdigest()


def to_json(obj: Any) -> Any:
    """Turn a dataclass (nested, with tuples, enums, numpy numbers or arrays) into JSON types.

    Raises:
        ValueError: something in it has no JSON form.
    """
    return _plain(obj, "", 0)


def parse_json(text: str | bytes, *, max_bytes: int, what: str = "file") -> Any:
    """Read JSON from outside: bounded, strict, without NaN, repeated keys or deep nesting.

    Raises:
        InputError: it is too long or not such JSON.
    """
    if len(text) > max_bytes:
        raise InputError(
            f"The {what} has {len(text):,} bytes of JSON. Up to {max_bytes:,} are read. "
            "Use a smaller one."
        )
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        _plain(value, "", 0)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"The {what} does not hold JSON that can be read here. Settings saved by this hub "
            "would work. Use the file or link exactly as it was saved."
        ) from error
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key appears twice")
    return made


def _plain(value: Any, where: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} levels at {where or 'the top'}")
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _plain_text(value, where)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} at {where or 'the top'} has no JSON form")
        value = float(value)  # numpy's float64 is a float whose text differs
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        out = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"key {key!r} at {where or 'the top'} is not text")
            out[_plain_text(key, where)] = _plain(item, f"{where}.{key}", depth + 1)
        return out
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    tolist = getattr(value, "tolist", None)
    if type(value).__module__ == "numpy" and tolist is not None:
        return _plain(tolist(), where, depth)
    raise ValueError(f"{type(value).__name__} at {where or 'the top'} has no JSON form")


def _plain_text(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"text at {where or 'the top'} is not valid Unicode") from error
    return str(text)


def from_json(cls: type[T], data: Any) -> T:
    """Build the dataclass `cls` from JSON types.

    Fields may be text, numbers, booleans, None, Literal, Enum, list, tuple, dict, dataclasses,
    unions of these, or Any. Missing fields take their default.

    Raises:
        InputError: a key is unknown, a field without default is missing, or a value does not fit.
    """
    return _build(cls, data, cls.__name__)


def _wrong(where: str, value: Any, wanted: str) -> InputError:
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    return InputError(f"{where} is {shown}. It must be {wanted}. Correct the saved settings.")


def _build(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if origin is typing.Union or origin is types.UnionType:
        return _build_union(hint, value, where)
    if origin is typing.Literal:
        for option in typing.get_args(hint):
            if type(option) is type(value) and option == value:
                return option
        raise _wrong(where, value, "one of " + ", ".join(map(repr, typing.get_args(hint))))
    if origin is typing.Annotated:
        return _build(typing.get_args(hint)[0], value, where)
    if origin in (list, tuple, dict, Mapping) or hint in (list, tuple, dict):
        return _build_container(origin or hint, typing.get_args(hint), value, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build_dataclass(hint, value, where)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        try:
            return hint(value)
        except ValueError:
            names = ", ".join(repr(member.value) for member in hint)
            raise _wrong(where, value, f"one of {names}") from None
    return _build_scalar(hint, value, where)


def _build_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is None or hint is type(None):
        if value is None:
            return None
        raise _wrong(where, value, "empty")
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (str, int, bool) and type(value) is hint:
        return value
    names = {str: "a text", int: "a whole number", bool: "true or false", float: "a number"}
    if hint in names:
        raise _wrong(where, value, names[hint])
    raise TypeError(f"{where} has type {hint!r}, which has no JSON form")


def _build_union(hint: Any, value: Any, where: str) -> Any:
    options = typing.get_args(hint)
    if value is None and type(None) in options:
        return None
    errors: list[InputError] = []
    for option in options:
        if option is type(None):
            continue
        if option is float and type(value) is int and int in options:
            continue  # an int stays an int where both are allowed
        try:
            return _build(option, value, where)
        except InputError as error:
            errors.append(error)
    raise errors[0] if len(errors) == 1 else _wrong(where, value, "of another form")


def _build_container(kind: Any, args: tuple[Any, ...], value: Any, where: str) -> Any:
    if kind in (dict, Mapping):
        if not isinstance(value, dict):
            raise _wrong(where, value, "an object")
        item = args[1] if args else Any
        return {key: _build(item, part, f"{where}.{key}") for key, part in value.items()}
    if not isinstance(value, list | tuple):
        raise _wrong(where, value, "a list")
    if kind is list or not args or (len(args) == 2 and args[1] is Ellipsis):
        item = args[0] if args else Any
        return kind(_build(item, part, f"{where}[{i}]") for i, part in enumerate(value))
    if len(args) != len(value):
        raise _wrong(where, value, f"a list of {len(args)}")
    return tuple(
        _build(item, part, f"{where}[{i}]")
        for i, (item, part) in enumerate(zip(args, value, strict=True))
    )


def _build_dataclass(cls: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where, value, "an object")
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    if unknown := sorted(set(value) - set(fields), key=str):
        raise InputError(
            f"{where} has the unknown setting {str(unknown[0])[:60]!r}. "
            f"Known ones are: {', '.join(fields)}. Remove it, or open the page it belongs to."
        )
    hints = typing.get_type_hints(cls)
    given = {}
    for name, spec in fields.items():
        if name in value:
            given[name] = _build(hints[name], value[name], f"{where}.{name}")
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise InputError(f"{where} lacks the setting {name!r}. It has no default. Add it.")
    try:
        return cls(**given)
    except ValueError as error:  # a check in the class's own __post_init__
        raise InputError(f"{where} cannot be used: {error}. Correct the saved settings.") from error
