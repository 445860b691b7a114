"""What an agent reads of an endpoint: a tool with every argument described, typed and bounded.

Made from the signature and the docstring of the public function, so that there is one source. The
same model checks what an agent sends; it forgives what language models do with JSON (numbers as
text, a list written as text) and says the rest in words.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import gradio as gr
from gradio.data_classes import FileData
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)

from core.errors import InputError
from core.ui.manual import words_of

FILE_WORDS = (
    "Given as text: a path of this hub (an example, a file of an earlier result, or what an upload "
    "answered), a public http(s) address, or a data: URI."
)


class GivenFile(str):
    """A text that names a file; `core.ui.mcp.files` turns it into one."""

    __slots__ = ()


@dataclass(frozen=True)
class Tool:
    """One public endpoint as an agent sees it."""

    name: str
    function: Callable[..., Any]
    examples: tuple[str, ...] = ()  # addresses of files of this hub that its file arguments take

    @cached_property
    def description(self) -> str:
        """The docstring without its sections, then what it returns; plain words."""
        words = words_of(self.function)
        text = "\n\n".join(words.paragraphs)
        rows = (f"{key}: {meaning}" if key else meaning for key, meaning in words.returns)
        return f"{text}\n\nReturns:\n" + "\n".join(rows) if words.returns else text

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """A model of the arguments; unknown ones are refused."""
        described = words_of(self.function).arguments
        hints = get_type_hints(self.function, include_extras=True)
        fields: dict[str, Any] = {}
        for name, parameter in inspect.signature(self.function).parameters.items():
            hint = hints.get(name, Any)
            if _is_special(hint, parameter):
                continue
            default = parameter.default
            fields[name] = (
                Annotated[_as_given(hint), Field(description=described.get(name) or None)],
                ... if default is inspect.Parameter.empty else default,
            )
        return create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the arguments, without references and titles."""
        schema = self.arguments.model_json_schema()
        plain = _plain(schema, schema.get("$defs", {}))
        for name, argument in plain.get("properties", {}).items():
            examples = self.examples if name in plain.get("required", ()) else ()
            _explain_files(argument, examples)
        plain.pop("description", None)
        return {"type": "object", "properties": {}, **plain, "additionalProperties": False}

    @property
    def takes_files(self) -> bool:
        """Whether an argument is a file."""
        return FILE_WORDS in json.dumps(self.schema)

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments of a call; missing ones get their defaults, files are `GivenFile`.

        Raises:
            InputError: an argument is missing, unknown or of the wrong kind.
        """
        try:
            model = self.arguments.model_validate(dict(given))
        except ValidationError as error:
            raise InputError(self._complaint(error)) from error
        return {name: getattr(model, name) for name in type(model).model_fields}

    def _complaint(self, error: ValidationError) -> str:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        names = ", ".join(self.arguments.model_fields)
        if first["type"] == "extra_forbidden":
            return f"{self.name} has no argument {where!r}. It has {names}. Leave it out."
        if first["type"] == "missing":
            return f"{self.name} was called without {where!r}. It takes {names}. Give it."
        given = first.get("input")
        shown = repr(given) if len(repr(given)) <= 80 else repr(given)[:80] + "…"
        said = first["msg"][:1].lower() + first["msg"][1:]
        return f"{where} is {shown}: {said}. See the schema of {self.name}. Change it."


def _is_special(hint: Any, parameter: inspect.Parameter) -> bool:
    """Whether Gradio fills the argument, not the caller."""
    special = (gr.Request, gr.Progress, gr.OAuthProfile, gr.OAuthToken, gr.Header)
    if isinstance(parameter.default, gr.Progress):
        return True
    return any(part in special for part in (hint, *get_args(hint)))


def _unfold(value: Any) -> Any:
    """A list or an object that a language model wrote as text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _as_text(value: Any) -> Any:
    """The text of a file argument that came as Gradio's file object, or as an upload answers it."""
    value = _unfold(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        return value.get("url") or value.get("path") or value
    return value


def _as_given(hint: Any) -> Any:
    """The type of an argument as an agent gives it: files are text."""
    if hint is FileData:
        return Annotated[
            str,
            BeforeValidator(_as_text),
            AfterValidator(GivenFile),
            Field(json_schema_extra={"x-file": True}),
        ]
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Annotated[(_as_given(parts[0]), *parts[1:])]  # type: ignore[valid-type]
    if origin in (Union, types.UnionType):
        return Union[tuple(_as_given(part) for part in parts)]  # noqa: UP007  # built at run time
    if origin is not None and origin is not Literal and parts:
        inner = tuple(part if part is Ellipsis else _as_given(part) for part in parts)
        return Annotated[origin[inner], BeforeValidator(_unfold)]
    return hint


def _plain(node: Any, defs: Mapping[str, Any]) -> Any:
    """A schema with its references put in, without titles and `null` alternatives.

    Many clients read neither `$ref` nor `anyOf`; an optional argument may simply be left out.
    """
    if isinstance(node, list):
        return [_plain(part, defs) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        found = defs[node["$ref"].rpartition("/")[2]]
        return _plain({**found, **{k: v for k, v in node.items() if k != "$ref"}}, defs)
    given = {k: v for k, v in node.items() if k not in ("title", "$defs")}
    if "properties" in node:  # an argument may be called title
        given["properties"] = {k: _plain(v, defs) for k, v in node["properties"].items()}
    kinds = [part for part in given.get("anyOf", []) if part.get("type") != "null"]
    if len(kinds) == 1:
        given = {**kinds[0], **{k: v for k, v in given.items() if k != "anyOf"}}
        if given.get("default", 0) is None:
            del given["default"]
    return {k: v if k == "properties" else _plain(v, defs) for k, v in given.items()}


def _explain_files(argument: dict[str, Any], examples: tuple[str, ...]) -> None:
    """Say how a file is given, once for each argument that takes one."""
    inner = argument.get("items", argument)
    if not inner.pop("x-file", False):
        return
    words = argument.get("description", "a file").rstrip()
    argument["description"] = f"{words}{'' if words.endswith('.') else '.'} {FILE_WORDS}"
    if examples:
        inner["examples"] = list(examples)
