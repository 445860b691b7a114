"""Whatever the carried code imports is carried too, or stands in `requirements.txt`."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata

from core.publish.pins import plain
from core.publish.rules import Finding, Tree

# distributions whose modules have other names; what is installed here must not decide it
_MODULES = {
    "PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml", "jwt": "pyjwt", "dotenv": "python-dotenv",
    "dateutil": "python-dateutil", "multipart": "python-multipart", "authlib": "authlib",
    "google": "protobuf", "cv2": "opencv-python-headless", "skimage": "scikit-image",
}  # fmt: skip
_METHODS = "core.methods"
_PLATFORM = "spaces"  # `core.gpu` does without it; that ZeroGPU pins it is a rule of its own


@dataclass(frozen=True, slots=True)
class Wanted:
    """One import: the module, the names taken from it, where, and whether it may be absent."""

    module: str
    names: tuple[str, ...]
    line: int
    optional: bool


@dataclass(frozen=True, slots=True)
class Module:
    """What one file binds at its top level, and what it imports anywhere."""

    names: frozenset[str] = frozenset()
    imports: tuple[Wanted, ...] = ()
    fault: str = ""  # why it is no Python


def check(tree: Tree) -> Iterator[Finding]:
    """Follow the imports of every Python file, those inside functions too."""
    files = {name: read(text, name) for name, text in tree.texts.items() if name.endswith(".py")}
    modules = _modules(files)
    required = {plain(line) for line in tree.texts.get("requirements.txt", "").splitlines()}
    for name, module in files.items():
        if module.fault:
            yield Finding("error", f"is no Python: {module.fault}.", name)
        for wanted in module.imports:
            if missing := _missing(wanted, modules, required):
                what = f"imports {missing} in line {wanted.line}, which is neither carried nor"
                yield Finding("error", f"{what} in requirements.txt. Add it, or do without.", name)


@lru_cache(maxsize=4096)
def read(text: str, name: str) -> Module:
    """Parse one file of an export; the same text is parsed once."""
    try:
        parsed = ast.parse(text)
    except SyntaxError as error:
        return Module(fault=f"{error.msg} in line {error.lineno}")
    found = imports(parsed, _module_of(name), is_package=name.endswith("__init__.py"))
    return Module(frozenset(_bound(parsed)), tuple(found))


def _missing(wanted: Wanted, modules: Mapping[str, Set[str]], required: Set[str]) -> str:
    """What an import lacks, or an empty text."""
    top = wanted.module.split(".")[0]
    if top == "core":
        if wanted.module not in modules:
            return wanted.module
        known = modules[wanted.module]
        for name in wanted.names:
            if name != "*" and name not in known and f"{wanted.module}.{name}" not in modules:
                return f"{wanted.module}.{name}"
        return ""
    if wanted.optional or top in sys.stdlib_module_names or top == _PLATFORM:
        return ""
    return "" if plain(_distribution(top)) in required else wanted.module


def _distribution(module: str) -> str:
    """The distribution that holds a module."""
    if module in _MODULES:
        return _MODULES[module]
    return next(iter(_installed().get(module, [module])))


@cache
def _installed() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _modules(files: Mapping[str, Module]) -> dict[str, Set[str]]:
    """Every module of the export with the names that its top level binds."""
    found: dict[str, Set[str]] = {}
    for name, module in files.items():
        if name.startswith(("core/", "spaces/")):
            path = _module_of(name)
            found[path] = module.names
            for end in range(1, path.count(".") + 1):  # folders without __init__.py
                found.setdefault(".".join(path.split(".")[:end]), frozenset())
    return found


def _module_of(name: str) -> str:
    """The module that a file is when the export runs."""
    inside = re.sub(r"^spaces/", f"{_METHODS.replace('.', '/')}/", name).removesuffix(".py")
    return inside.removesuffix("/__init__").replace("/", ".")


def _bound(parsed: ast.Module) -> set[str]:
    """Names that a module binds at its top level, also in branches; what a `*` binds is not known."""
    names: set[str] = set()
    for node in _outside_functions(parsed):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return names


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        ):
            yield from _outside_functions(child)


def imports(parsed: ast.Module, module: str, *, is_package: bool) -> Iterator[Wanted]:
    """All imports of a module: statements, and calls of `import_module` with a written-out name.

    An import may be absent when an `except ImportError` catches it, or when the module asks
    `find_spec` for it. Imports for type checkers only are left out.
    """
    asked = {
        str(node.args[0].value).split(".")[0]
        for node in ast.walk(parsed)
        if _is_call(node, "find_spec") and isinstance(node, ast.Call)
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    for node, guarded in _statements(parsed, False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                optional = guarded or alias.name.split(".")[0] in asked
                yield Wanted(alias.name, (), node.lineno, optional)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, module, is_package)
            optional = guarded or source.split(".")[0] in asked
            yield Wanted(source, tuple(a.name for a in node.names), node.lineno, optional)
        elif _is_call(node, "import_module") and isinstance(node, ast.Call) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Wanted(first.value, (), node.lineno, guarded)


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".") if is_package else module.split(".")[:-1]
    base = parts[: len(parts) - (node.level - 1)]
    return ".".join([*base, *((node.module or "").split(".") if node.module else [])])


def _statements(node: ast.AST, guarded: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, with whether an `except ImportError` stands around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for part in child.orelse:
                yield part, guarded
                yield from _statements(part, guarded)
            continue
        if isinstance(child, ast.Try):
            safe = guarded or any(_catches_import_error(h) for h in child.handlers)
            for part in child.body:
                yield part, safe
                yield from _statements(part, safe)
            for part in (*child.handlers, *child.orelse, *child.finalbody):
                yield part, guarded
                yield from _statements(part, guarded)
            continue
        yield child, guarded
        yield from _statements(child, guarded)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    caught = ast.dump(handler.type) if handler.type is not None else "'ImportError'"
    return "'ImportError'" in caught or "'ModuleNotFoundError'" in caught


def _is_call(node: ast.AST, function: str) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    return getattr(called, "attr", getattr(called, "id", "")) == function
