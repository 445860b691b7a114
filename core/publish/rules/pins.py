"""`requirements.txt`: exact versions that agree with the card and with the hardware."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.publish.pins import plain
from core.publish.rules import Finding, Tree

_FILE = "requirements.txt"
_PIN = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==[\w.]+(\+cpu)?")
# https://huggingface.co/docs/hub/spaces-zerogpu
ZERO_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")
ZERO_PYTHON = ("3.12.12", "3.10.13")


def check(tree: Tree) -> Iterator[Finding]:
    """Look at each line, then at what the platform wants of torch, Python and Gradio."""
    if _FILE not in tree.texts:
        return  # told by the rule on contents
    lines = [line.split("#")[0].strip() for line in tree.texts[_FILE].splitlines()]
    lines = [line for line in lines if line]
    for line in lines:
        if line.startswith("-"):
            if not (tree.plan.torch_index and line == f"--extra-index-url {tree.plan.torch_index}"):
                words = f"has the option {line!r}. Only --torch-index adds one. Build again."
                yield Finding("error", words, _FILE)
        elif not _PIN.fullmatch(line):
            words = f"leaves the version open: {line!r}. Write name==version, or it rots."
            yield Finding("error", words, _FILE)
    found = {plain(line): line.partition("==")[2] for line in lines if "==" in line}
    yield from _gradio(tree, found, next((n for n in lines if plain(n) == "gradio"), ""))
    yield from _torch(tree, found)


def _gradio(tree: Tree, found: dict[str, str], line: str) -> Iterator[Finding]:
    version = str(tree.card.get("sdk_version", ""))
    if found.get("gradio") != version:
        words = f"pins gradio {found.get('gradio')}, but the card has sdk_version {version}."
        yield Finding("error", f"{words} They must agree.", _FILE)
    for extra, why in (("mcp", "its MCP tools are gone"), ("oauth", "nobody can log in")):
        if not re.search(rf"\[[^\]]*\b{extra}\b", line):
            yield Finding("error", f"lacks gradio[{extra}]; without it {why}.", _FILE)


def _torch(tree: Tree, found: dict[str, str]) -> Iterator[Finding]:
    torch = found.get("torch", "")
    if not torch:
        yield Finding("error", "lacks torch; no method works without it. Build again.", _FILE)
    if tree.plan.zero:
        if torch not in ZERO_TORCH:
            words = f"pins torch {torch}; ZeroGPU has {', '.join(ZERO_TORCH)}. Take one of these."
            yield Finding("error", words, _FILE)
        python = str(tree.card.get("python_version"))
        if python not in ZERO_PYTHON:
            words = f"asks for Python {python}; ZeroGPU has {' and '.join(ZERO_PYTHON)}."
            yield Finding("error", words, "README.md")
        if "spaces" not in found:
            yield Finding("error", "lacks `spaces`, which lends the GPU. Build again.", _FILE)
    elif torch.endswith("+cpu") and not tree.plan.cpu:
        yield Finding("error", "pins torch without CUDA for a machine with a GPU.", _FILE)
    elif tree.plan.cpu and not tree.plan.torch_index:
        words = "pins the default build of torch, 2.6 GB to install, most of it for GPUs."
        more = "--torch-index with PyTorch's index of CPU builds makes it 0.2 GB."
        yield Finding("note", f"{words} {more}", _FILE)
