"""Requests and results of a method as JSON, told apart by their kind."""

from __future__ import annotations

import dataclasses
from typing import Any, Generic, TypeVar, get_args

from core.errors import InputError

from .request import from_json, to_json

T = TypeVar("T")


class Kinds(dict[str, type[Any]], Generic[T]):
    """The dataclasses of a union by their `kind`, a class variable of each.

    `KINDS: Kinds[Request] = Kinds(Request, "an Imagic run")` is all that a method writes.
    """

    def __init__(self, union: Any, what: str) -> None:
        """Take the members of `union`; `what` says in a refusal what was expected."""
        super().__init__((cls.kind, cls) for cls in get_args(union))
        self.what = what

    def to_dict(self, value: T) -> dict[str, Any]:
        """Return it as plain JSON types, its kind first, without the content of its `files`."""
        plain = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}  # type: ignore[arg-type]
        plain.pop("files", None)
        return {"kind": value.kind, **to_json(plain)}  # type: ignore[attr-defined]

    def from_dict(self, data: Any, kind: str = "") -> T:
        """Read one back.

        Args:
            data: from `to_dict`, or from anywhere.
            kind: what it is, where that is known from elsewhere.

        Raises:
            InputError: the kind or a key is unknown, a key is missing, or a value does not fit.
        """
        given = dict(data) if isinstance(data, dict) else {}
        found = self.get(str(kind or given.get("kind")))
        if found is None:
            raise InputError(
                f"This does not describe {self.what}. It needs a kind, one of {', '.join(self)}. "
                "Copy the link again, or use the file as it was saved."
            )
        given.pop("kind", None)
        return from_json(found, given)
