"""What every folder of `spaces/` promises, whatever method it holds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from core import registry
from core.jobs import Job
from core.readiness import has_weights
from core.ui.theme import DARK_GROUND, LIGHT_GROUND, contrast, readable

ROOT = Path(__file__).resolve().parents[1]
SLUGS = registry.slugs()
MEGABYTE = 10**6
CARD_KEYS = {
    "title",
    "emoji",
    "colorFrom",
    "colorTo",
    "sdk",
    "sdk_version",
    "python_version",
    "app_file",
    "license",
    "short_description",
}

PAGES = """
import json, sys
import core.gpu
from core import registry
from core.jobs import Job
from core.hub import build_hub
blocks, _ = build_hub()
config = blocks.get_config_file()
layout = {"row", "column", "tab", "tabs", "tabitem", "group", "accordion", "form", "page", "api"}
kinds = {c["id"]: c["type"] for c in config["components"]}
parts = {page: sum(kinds[i] not in layout for i in ids["components"])
         for page, ids in config["page"].items()}
labels = {page: [c["props"]["label"] for c in config["components"]
                 if c["id"] in set(ids["components"]) and c["type"] == "tabitem"]
          for page, ids in config["page"].items()}
from core import health
from dataclasses import asdict
from core.ui.calls import endpoint_of
from core.ui.manual import functions, manuals
endpoints = {m.name: asdict(m) | {"declared": endpoint_of(fn) is not None}
             for m, fn in zip(manuals(blocks), functions(blocks).values())}
public = [d["api_name"] for d in config["dependencies"] if d["api_visibility"] == "public"]
heavy = sorted({"torch", "diffusers", "transformers", "accelerate"} & set(sys.modules))
print(json.dumps({"parts": parts, "labels": labels, "endpoints": endpoints, "public": public, "heavy": heavy,
                  "broken": [[b.slug, b.error] for b in health.built["broken"]]}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The hub of the real methods, built once in a process of its own."""
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "VITRINE_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PAGES],
        capture_output=True,
        text=True,
        env=env,
        cwd=ROOT,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(params=SLUGS)
def spec(request):
    return registry.load(request.param)


def front_matter(text: str) -> dict[str, str]:
    head = text.split("---")[1]
    rows = (line.split(":", 1) for line in head.splitlines() if re.match(r"\w+:", line))
    return {key.strip(): value.strip().strip("\"'") for key, value in rows}


def weight_configs(folder: Path) -> list[Path]:
    """The records of weights; the `config.json` of a transformers network, which has its class, is none."""
    found = sorted(folder.glob("weights/**/config.json"))
    return [path for path in found if "architectures" not in json.loads(path.read_text("utf-8"))]


def test_there_is_at_least_one_method():
    assert SLUGS


def test_the_card_is_complete_and_belongs_to_its_folder(spec):
    assert spec.slug == spec.folder.name
    assert spec.title
    assert spec.summary.endswith(".")
    assert spec.summary.count(". ") == 0, "one sentence"
    assert spec.tasks
    assert spec.tiers[0].name == "embedded"
    assert all(tier.licence and tier.title for tier in spec.tiers)
    assert spec.paper.title
    assert spec.paper.authors
    assert 1990 < spec.paper.year <= 2030


def test_the_colour_can_be_made_readable_on_both_grounds(spec):
    assert re.fullmatch(r"#[0-9a-f]{6}", spec.colour)
    for ground in (LIGHT_GROUND, DARK_GROUND):
        assert contrast(readable(spec.colour, ground), ground) >= 4.5


def test_the_readme_is_a_space_card(spec):
    found = front_matter((spec.folder / "README.md").read_text("utf-8"))
    assert not CARD_KEYS - set(found)
    assert found["sdk"] == "gradio"
    import gradio

    pinned = ".".join(gradio.__version__.split(".")[:2])
    assert found["sdk_version"].startswith(pinned)
    assert len(found["short_description"]) <= 60, "the Hub refuses longer ones"


def test_the_folder_names_no_dependency_of_its_own(spec):
    own = spec.folder / "pyproject.toml"
    assert not own.exists() or not tomllib.loads(own.read_text())["project"].get("dependencies")


def test_weights_are_small_safetensors_and_match_their_checksum(spec):
    names = [p.suffix for p in (spec.folder / "weights").glob("**/*") if p.is_file()]
    assert not {".pt", ".pth", ".bin", ".pkl", ".ckpt", ".npy"} & set(names)
    configs = weight_configs(spec.folder)
    if not configs:
        pytest.skip("no weights yet")
    for path in configs:
        for name, sha256 in json.loads(path.read_text("utf-8"))["sha256"].items():
            data = (path.parent / name).read_bytes()
            assert len(data) <= 20 * MEGABYTE
            assert hashlib.sha256(data).hexdigest() == sha256, f"{path.parent / name} was changed"


def test_weights_say_how_they_were_made(spec):
    if not weight_configs(spec.folder):
        pytest.skip("no weights yet")
    for path in weight_configs(spec.folder):
        text = (path.parent / "CARD.md").read_text("utf-8").lower()
        for word in ("seed", "minutes", "command"):
            assert word in text, f"{path.parent / 'CARD.md'} does not name the {word}"


def test_no_module_of_the_page_imports_torch_when_it_is_read(spec):
    for name in ("__init__", "ui", "config"):
        text = (spec.folder / f"{name}.py").read_text("utf-8")
        assert not re.search(r"^(import|from) (torch|diffusers|transformers)", text, re.MULTILINE)


def test_all_pages_build_without_a_warning_and_without_torch(built):
    assert built["broken"] == []
    assert built["heavy"] == []


def test_each_page_has_the_five_tabs_in_order_and_few_components(spec, built):
    wanted = ["Try", "Why", "Check", "Train your own", "About"]
    assert [label for label in built["labels"][spec.slug] if label in wanted] == wanted
    assert built["parts"][spec.slug] <= 60


def test_endpoints_are_named_after_their_method_and_unique(built):
    assert len(set(built["public"])) == len(built["public"])
    assert set(built["endpoints"]) == set(built["public"])
    for name in built["public"]:
        assert any(re.fullmatch(rf"{slug}_[a-z]+(_[a-z]+)*", name) for slug in SLUGS), name


def test_endpoints_say_what_they_do_take_and_give(built):
    for name, entry in built["endpoints"].items():
        assert entry["declared"], f"{name} is not run by core.ui.calls"
        assert len(entry["summary"]) > 20, f"{name} has no docstring"
        assert entry["summary"].endswith(".")
        for argument in entry["arguments"]:
            assert argument["meaning"], f"Args of {name} lack {argument['name']}"
        assert len(entry["returns"]) > 1, f"{name} does not say what it returns"
        assert all(key and meaning for key, meaning in entry["returns"]), name
        assert entry["returns"][-1][0] == "run"


def test_the_printed_call_of_an_endpoint_gives_all_that_it_needs_and_nothing_unknown(built):
    def files(value):
        if isinstance(value, list):
            return [found for part in value for found in files(part)]
        return [value] if isinstance(value, dict) and "meta" in value else []

    for name, entry in built["endpoints"].items():
        known = {argument["name"] for argument in entry["arguments"]}
        needed = {argument["name"] for argument in entry["arguments"] if argument["required"]}
        assert needed <= set(entry["call"]) <= known, name
        for file in files(list(entry["call"].values())):
            slug, ident = file["example"].split("/")[1:]
            listing = json.loads((registry.SPACES / slug / "examples/examples.json").read_text())
            assert ident in {row["id"] for rows in listing.values() for row in rows}, file
            assert Path(file["path"]).suffix, "a reader's file has an ending"


def test_examples_that_a_method_lists_exist_and_are_small(spec):
    listing = spec.folder / "examples" / "examples.json"
    if not listing.exists():
        pytest.skip("lists no examples")
    entries = [entry for rows in json.loads(listing.read_text("utf-8")).values() for entry in rows]
    assert entries
    assert len({entry["id"] for entry in entries}) == len(entries)
    for entry in entries:
        path = (spec.folder / "examples" / entry["file"]).resolve()
        assert path.is_relative_to(spec.folder / "examples")
        assert path.stat().st_size < 5 * MEGABYTE


def test_the_first_example_gives_its_stored_result_within_the_stated_seconds(spec):
    if not has_weights(spec):
        pytest.skip("no weights yet")
    stored = spec.folder / "examples" / "finished.json"
    first = next(iter(json.loads(stored.read_text("utf-8"))["results"].values()))
    pipeline = registry.module(spec.slug, "pipeline")
    request = pipeline.request_from_json(first["request"])
    pipeline.run(Job(), request)  # imports and weights are loaded once for a process
    began = time.perf_counter()
    result = pipeline.run(Job(), request)
    assert time.perf_counter() - began < spec.first_example_seconds
    kind = first.get("result", first["request"])["kind"]  # some keep their results in folders
    assert type(result).__name__.lower().startswith(kind)


def _evaluates(slug):
    spec = registry.load(slug)
    if not has_weights(spec):
        pytest.skip("no weights yet")
    scores = registry.module(spec.slug, "recipe").evaluate("embedded", None, 2, None)
    assert scores
    assert all(isinstance(score, registry.Score) and score.n > 0 for score in scores)
    assert any(score.baseline is not None and score.chance is not None for score in scores)


@pytest.mark.parametrize("slug", [s for s in SLUGS if not registry.load(s).heavy])
def test_evaluation_runs_without_data_and_names_what_it_is_read_against(slug):
    _evaluates(slug)


@pytest.mark.slow  # what learns for every case takes minutes
@pytest.mark.parametrize("slug", [s for s in SLUGS if registry.load(s).heavy])
def test_evaluation_of_a_heavy_method_runs_without_data(slug):
    _evaluates(slug)
