"""Exports to look at, projects to plant things in, and a method with a pinned full tier."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import core.methods
from core import registry
from core.publish.build import Export, build
from core.publish.plan import plan_for
from core.publish.rules import Tree

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "0123456789abcdef0123456789abcdef01234567"

GIANT = f'''
from core.registry import HubModel, MethodSpec, Paper, Tier

SPEC = MethodSpec(
    slug="giant", title="Giant", summary="Draws what you say.",
    paper=Paper(title="On Drawing", authors="A. Author", venue="TEST", year=2020),
    tasks=("image",),
    tiers=(
        Tier(name="embedded", title="Small", licence="Apache-2.0"),
        Tier(
            name="full", title="Large", licence="OpenRAIL++-M", size_bytes=4_000_000_000,
            min_device_bytes=8 * 2**30,
            models=(
                HubModel(
                    repo_id="somebody/giant",
                    revision="{COMMIT}",
                    files=("unet/config.json", "unet/diffusion_pytorch_model.safetensors"),
                ),
                HubModel(repo_id="somebody/words", revision="{COMMIT}"),
            ),
        ),
    ),
    colour="#334455", emoji="G", order=2,
)
'''
GIANT_README = """---
title: Giant
emoji: 🦣
colorFrom: blue
colorTo: red
license: apache-2.0
short_description: Draws what you say
thumbnail: https://example.org/giant.png
---

Draws what you say. See [the card](weights/CARD.md), ![a picture](card.svg), [the log](../../docs/LOG.md)
and [the paper](https://example.org/paper). Nothing more is told of it here, but that is enough for a test.
"""


def copy_project(into: Path, *, methods: tuple[str, ...] = ("trill",)) -> Path:
    """The parts of this project that an export is made of, in a folder of their own."""
    into.mkdir(parents=True, exist_ok=True)
    skip = shutil.ignore_patterns("__pycache__", "*.pyi")
    shutil.copytree(ROOT / "core", into / "core", ignore=skip)
    for slug in methods:
        shutil.copytree(ROOT / "spaces" / slug, into / "spaces" / slug, ignore=skip)
    for name in ("LICENSE", "app.py", "requirements.txt", "requirements-dev.txt"):
        shutil.copyfile(ROOT / name, into / name)
    return into


@pytest.fixture
def project(tmp_path):
    """A copy of this project without its environment, tests and documents."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def trill_export(tmp_path_factory):
    """The export of TRILL for ZeroGPU; not to be changed."""
    folder = tmp_path_factory.mktemp("export") / "trill"
    return build(plan_for("trill", repo="anna/trill"), folder)


@pytest.fixture
def tree(trill_export, tmp_path):
    """A copy of the export of TRILL to plant violations in."""
    folder = tmp_path / "export"
    shutil.copytree(trill_export.folder, folder)
    return Tree(trill_export.plan, folder)


@pytest.fixture
def seen(trill_export):
    """The export of TRILL as the rules on texts see it; `seeing` changes it without writing."""
    return Tree(trill_export.plan, trill_export.folder)


def seeing(tree: Tree, texts: dict[str, str], *, without: tuple[str, ...] = ()) -> Tree:
    """The same tree with other texts in it."""
    found = {name: text for name, text in {**tree.texts, **texts}.items() if name not in without}
    other = Tree(tree.plan, tree.folder)
    names = {*tree.names, *texts} - set(without)
    vars(other).update(texts=found, names=tuple(sorted(names)))
    return other


def changed(tree: Tree, name: str, old: str, new: str) -> Tree:
    """The same tree with one text changed."""
    assert old in tree.texts[name]
    return seeing(tree, {name: tree.texts[name].replace(old, new)})


def errors(rule, tree: Tree) -> list[tuple[str, str]]:
    """File and words of each error that a rule finds."""
    return [(f.file, f.what) for f in rule.check(tree) if f.level == "error"]


@pytest.fixture
def as_export():
    """Make an export of a tree, for the check of the whole."""

    def make(tree: Tree) -> Export:
        return Export(plan=tree.plan, folder=tree.folder, files=(), bytes=0)

    return make


@pytest.fixture
def giant(tmp_path, monkeypatch):
    """A method `giant` beside TRILL, whose full tier names models of the Hub; yields the project."""
    project = copy_project(tmp_path / "with-giant")
    folder = project / "spaces" / "giant"
    (folder / "weights").mkdir(parents=True)
    (folder / "__init__.py").write_text(GIANT)
    (folder / "README.md").write_text(GIANT_README)
    (folder / "weights" / "CARD.md").write_text("# Giant\n\n- Licence of the weights: Apache-2.0\n")
    (folder / "card.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    monkeypatch.setattr(registry, "SPACES", project / "spaces")
    monkeypatch.setattr(core.methods, "__path__", [str(project / "spaces")])
    yield project
    sys.modules.pop("core.methods.giant", None)
    vars(core.methods).pop("giant", None)
