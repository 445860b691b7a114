"""What is known of each public endpoint, for the API page, `llms.txt` and the tests.

Read from the function: its signature, its docstring (Args, Returns) and, for one that was declared
through `core.ui.calls`, the arguments of its printed call.
"""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import gradio as gr

from core import registry
from core.ui import snippets
from core.ui.calls import Example, endpoint_of

RUN = (
    "run",
    "the stored run: id; page, its address for a person; files, an address for each file. "
    "Kept for a limited time, in nobody's history; whoever has the address can open it.",
)
_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Raises|Yields):\s*$")
_KEY = re.compile(r"^(\*{0,2}\w+)(?: \([^)]*\))?: *(.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of an endpoint, in words."""

    name: str
    kind: str
    required: bool
    default: str  # as JSON; empty when required
    meaning: str


@dataclass(frozen=True, slots=True)
class Words:
    """What the docstring of an endpoint says."""

    paragraphs: tuple[str, ...]  # without the line breaks of the source; the first is the summary
    arguments: Mapping[str, str]
    returns: tuple[tuple[str, str], ...]  # key and meaning; a lone sentence has no key


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual:
    """One endpoint: what it does, takes and gives, and one call that works."""

    name: str
    method: str  # slug; empty when the name begins with none
    summary: str
    details: str
    arguments: tuple[Argument, ...]
    returns: tuple[tuple[str, str], ...]  # key and meaning; a lone sentence has no key
    call: dict[str, Any]  # arguments of the printed call, as JSON types
    command: str  # the same after `python app.py`; empty when there is none


def functions(blocks: gr.Blocks) -> dict[str, Callable[..., Any]]:
    """Public endpoints of an app by name, with the function behind each."""
    found = {}
    for fn in blocks.default_config.fns.values():
        if fn.api_visibility == "public" and isinstance(fn.api_name, str) and fn.fn is not None:
            found[fn.api_name] = fn.fn
    return found


def manuals(blocks: gr.Blocks) -> tuple[Manual, ...]:
    """All public endpoints, in the order in which they were declared."""
    return tuple(manual_of(name, fn) for name, fn in functions(blocks).items())


def method_of(name: str, fn: Callable[..., Any]) -> str:
    """Slug of the method that an endpoint belongs to; empty when the name begins with none."""
    declared = endpoint_of(fn)
    if declared is not None:
        return declared.spec.slug
    return next((slug for slug in registry.slugs() if name.startswith(f"{slug}_")), "")


def words_of(fn: Callable[..., Any]) -> Words:
    """Read a docstring in Google's style."""
    text, sections = _read(inspect.getdoc(fn) or "")
    return Words(
        tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", text)),
        dict(_entries(sections.get("Args", []))),
        tuple(_entries(sections.get("Returns", []) + sections.get("Yields", []))),
    )


def manual_of(name: str, fn: Callable[..., Any]) -> Manual:
    """Read one endpoint."""
    words = words_of(fn)
    hints = typing.get_type_hints(fn)
    arguments = tuple(
        _argument(parameter, hints.get(key, str), words.arguments.get(key, ""))
        for key, parameter in inspect.signature(fn).parameters.items()
    )
    declared = endpoint_of(fn)
    return Manual(
        name=name,
        method=method_of(name, fn),
        summary=words.paragraphs[0],
        details=" ".join(words.paragraphs[1:]),
        arguments=arguments,
        returns=(*words.returns, RUN) if declared else words.returns,
        call=_call(declared, arguments, hints),
        command=_command(declared),
    )


def _read(text: str) -> tuple[str, dict[str, list[str]]]:
    """The free text of a docstring, and the lines of its sections."""
    free: list[str] = []
    sections: dict[str, list[str]] = {}
    into = free
    for line in text.splitlines():
        if found := _SECTION.match(line):
            name = "Args" if found[1] in {"Arguments", "Parameters"} else found[1]
            into = sections.setdefault(name, [])
        else:
            into.append(line)
    return "\n".join(free).strip(), sections


def _entries(lines: list[str]) -> list[tuple[str, str]]:
    """`name: meaning` of each entry; deeper lines go on with the one before."""
    found: list[tuple[str, str]] = []
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    for line in lines:
        words = line.strip()
        if not words:
            continue
        entry = _KEY.match(words)
        if len(line) - len(line.lstrip()) > depth and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {words}")
        elif entry:
            found.append((entry[1], entry[2]))
        elif found and not found[-1][0]:
            found[-1] = ("", f"{found[-1][1]} {words}")
        else:
            found.append(("", words))
    return found


def _argument(parameter: inspect.Parameter, hint: Any, meaning: str) -> Argument:
    required = parameter.default is inspect.Parameter.empty
    return Argument(
        name=parameter.name,
        kind=kind_words(hint),
        required=required,
        default="" if required else json.dumps(parameter.default, ensure_ascii=False),
        meaning=meaning,
    )


def kind_words(hint: Any, *, many: bool = False) -> str:
    """A type for readers who may not write Python: `file`, `whole number`, `"a" or "b"`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in inner)
    if origin in (list, tuple, set):
        return f"list of {kind_words(inner[0], many=True) if inner else 'values'}"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(
            kind_words(part, many=many) for part in inner if part is not type(None)
        ) + (" or null" if type(None) in inner else "")
    names = {
        bool: "true or false",
        int: "whole number",
        float: "number",
        str: "text",
        dict: "object",
    }
    word = "file" if _is_file(hint) else names.get(hint, getattr(hint, "__name__", str(hint)))
    return (
        f"{word}s"
        if many and word in {"file", "whole number", "number", "text", "object"}
        else word
    )


def _is_file(hint: Any) -> bool:
    return getattr(hint, "__name__", "") in {"FileData", "ImageData", "Path"}


def _call(declared: Any, arguments: tuple[Argument, ...], hints: dict[str, Any]) -> dict[str, Any]:
    if declared is not None:
        return {key: _filled(declared, value) for key, value in declared.example.items()}
    return {a.name: _made_up(a, hints[a.name]) for a in arguments if a.required}


def _filled(declared: Any, value: Any) -> Any:
    """A value of a printed call: file arguments name an example that the hub gives out."""
    if isinstance(value, Example):
        path = example_file(declared.spec, value.id)
        return snippets.file_argument(
            value.file or path.name, example=f"example/{declared.spec.slug}/{value.id}"
        )
    if isinstance(value, list | tuple):
        return [_filled(declared, part) for part in value]
    return value


def example_file(spec: registry.MethodSpec, example_id: str) -> Any:
    """The file of a shipped example.

    Raises:
        KeyError: the method lists no such example.
    """
    from core.ui import routes

    return routes.examples(spec.slug)[example_id]


def _command(declared: Any) -> str:
    if declared is None or not declared.command:
        return ""
    folder = declared.spec.folder.parents[1]
    paths = {
        key: example_file(declared.spec, value.id).relative_to(folder).as_posix()
        for key, value in declared.example.items()
        if isinstance(value, Example)
    }
    return declared.command.format(**paths)


def _made_up(argument: Argument, hint: Any) -> Any:
    """A value of the right shape for an argument of an endpoint without a printed call."""
    several = get_origin(hint) in (list, tuple)
    inner = get_args(hint)[0] if several and get_args(hint) else hint
    if _is_file(inner):
        ending = _ending(argument.meaning)
        if several:
            return [snippets.file_argument(f"{name}{ending}") for name in "ab"]
        return snippets.file_argument(f"{argument.name}{ending}")
    if get_origin(inner) is Literal:
        one, two = get_args(inner)[0], get_args(inner)[-1]
    else:
        shapes: dict[Any, tuple[Any, Any]] = {bool: (True, False), int: (1, 2), float: (0.5, 1.0)}
        one, two = shapes.get(inner, ("one", "two") if several else ("...", ""))
    return [one, two] if several else one


def _ending(described: str) -> str:
    """The ending of a file's name that suits what the docstring says about it."""
    for words, ending in (
        (r"JSON", ".json"),
        (r"record|sound|audio|clip|speech|voice", ".wav"),
        (r"video", ".mp4"),
        (r"image|picture|photo", ".png"),
    ):
        if re.search(words, described, re.IGNORECASE):
            return ending
    return ""
