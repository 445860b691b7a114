"""Code, weights and examples each name the licence under which they travel."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from core import registry
from core.publish.rules import BINARY, Finding, Tree

_KNOWN = re.compile(
    r"\b(?:Apache[-\s](?:License,?\s*(?:Version\s)?)?2\.0|MIT(?: License)?|BSD(?:-[23]-Clause)?|ISC"
    r"|CC0(?:[- ]1\.0)?|CC[- ]BY(?:-(?:NC|SA|ND))*(?:[- ]\d\.\d)?|(?:L|A)?GPL(?:-\d(?:\.\d)?)?|MPL-2\.0"
    r"|Creative Commons (?:Zero|Attribution)(?:-\w+)*(?: \d\.\d)?|(?:Creative ?ML )?Open ?RAIL\S*"
    r"|Unlicense|ODC-By|ODbL|[Pp]ublic domain)"
)
_SPELLED = {"apache-2.0": "Apache-2.0", "mit": "MIT"}  # the platform's ids, as texts write them
_LINE = re.compile(r"^.*\blicen[cs]e.*$", re.IGNORECASE | re.MULTILINE)
_NOT_COMMERCIAL = re.compile(r"-NC\b|NonCommercial", re.IGNORECASE)
_PASSED_ON = re.compile(r"-SA\b|ShareAlike|GPL", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Licence:
    """What is under which licence, and the file that says so."""

    what: str
    name: str
    file: str


def check(tree: Tree) -> Iterator[Finding]:
    """Look for a licence of the code, of each file of weights, and of each folder of examples."""
    if "LICENSE" in tree.names and not _KNOWN.search(tree.texts.get("LICENSE", "")[:2000]):
        yield Finding("error", "names no known licence in its first lines.", "LICENSE")
    for what, file, licences in _sources(tree):
        if not licences:
            where = f"{file} says nothing of it" if file in tree.texts else f"there is no {file}"
            yield Finding("error", f"{what} have no licence: {where}. Name it there.", file)
        for licence in licences:
            if _NOT_COMMERCIAL.search(licence):
                words = f"{what} are under {licence}: a Space of theirs may not earn money."
                yield Finding("warning", words, file)
            elif _PASSED_ON.search(licence):
                words = f"{what} are under {licence}: who passes them on keeps that licence."
                yield Finding("note", words, file)


def listed(tree: Tree) -> list[Licence]:
    """Every licence that is named: of the code, then of weights and examples."""
    code = str(tree.card.get("license", ""))
    found = [Licence("code", _SPELLED.get(code, code), "LICENSE")]
    for what, file, licences in _sources(tree):
        found += [Licence(what, name, file) for name in licences]
    for slug, _ in tree.of_methods():
        for tier in registry.load(slug).tiers:
            if tier.name == "full" and tier.models and tree.plan.full:
                found.append(Licence(f"models of {tier.title}", tier.licence, "README.md"))
    return found


def _sources(tree: Tree) -> Iterator[tuple[str, str, list[str]]]:
    """What must have a licence, the file that must say so, and the licences named there."""
    shared = sorted(
        {n.split("/")[3] for n in tree.names if re.match(r"core/world/weights/.*\.safetensors$", n)}
    )
    for part in shared:
        card = f"core/world/weights/{part}/CARD.md"
        yield f"weights of the world ({part})", card, _named(tree.texts.get(card, ""))
    for slug, folder in tree.of_methods():
        weights = [n for n in tree.names if re.match(rf"{folder}/weights/.*\.safetensors$", n)]
        if weights:
            card = f"{folder}/weights/CARD.md"
            yield f"weights of {slug}", card, _named(tree.texts.get(card, ""))
        yield from _examples(tree, slug, f"{folder}/examples")


def _examples(tree: Tree, slug: str, folder: str) -> Iterator[tuple[str, str, list[str]]]:
    """Each folder that holds example media is covered by a README in it, or in one above it."""
    seen = set()
    for name in tree.names:
        where = posixpath.dirname(name)
        if not name.startswith(f"{folder}/") or posixpath.splitext(name)[1].lower() not in BINARY:
            continue
        if where in seen:
            continue
        seen.add(where)
        title = f"examples of {slug}"
        if where != folder:
            title += f" in {where.removeprefix(f'{folder}/')}"
        while True:
            readme = f"{where}/README.md"
            licences = _named(tree.texts.get(readme, ""))
            if licences or where == folder:
                break
            where = posixpath.dirname(where)
        yield title, readme, licences
    yield from _listed_files(tree, slug, f"{folder}/examples.json")


def _listed_files(tree: Tree, slug: str, name: str) -> Iterator[tuple[str, str, list[str]]]:
    """A list of examples that gives licences gives one to each entry."""
    try:
        found = json.loads(tree.texts.get(name, "{}"))
    except ValueError:
        return
    entries = [
        entry
        for group in (found.values() if isinstance(found, dict) else [found])
        if isinstance(group, list)
        for entry in group
        if isinstance(entry, dict) and "file" in entry
    ]
    if any("licence" in entry for entry in entries):
        for entry in entries:
            if not entry.get("licence"):
                yield f"examples of {slug} ({entry['file']})", name, []


def _named(text: str) -> list[str]:
    """Licences in the lines of a text that speak of one, each once; tables speak in every row."""
    lines = _LINE.findall(text)
    if any("|" in line for line in lines):
        lines += [line for line in text.splitlines() if line.lstrip().startswith("|")]
    return list(dict.fromkeys(match[0] for line in lines for match in _KNOWN.finditer(line)))
