"""The README of a Space: front matter from the method's own, text whose links still lead somewhere."""

from __future__ import annotations

import re

import pytest
from huggingface_hub import SpaceCard

from core import readiness, registry
from core.errors import InputError, NotFoundError
from core.publish import card, pins, readme
from core.publish.build import build
from core.publish.plan import plan_for
from core.publish.rules import Tree
from core.publish.rules import card as rule
from core.registry import HubModel, Tier
from tests.core.publish.conftest import COMMIT

FILES = {
    "LICENSE",
    "spaces/m/card.svg",
    "spaces/m/weights/CARD.md",
    "spaces/m/examples/a/clip.flac",
}


def data(export):
    return SpaceCard((export.folder / "README.md").read_text("utf-8")).data.to_dict()


def test_the_card_of_a_method_is_its_own_made_whole(trill_export):
    found = data(trill_export)
    own = card.method_card("trill")
    for key in ("title", "emoji", "colorFrom", "colorTo", "license", "short_description"):
        assert found[key] == own[key]
    assert found["sdk"] == "gradio"
    assert found["sdk_version"] == pins.pins().version("gradio")
    assert found["python_version"] == "3.12.12"
    assert found["app_file"] == "app.py"
    assert found["suggested_hardware"] == "zero-a10g"
    assert found["tags"][:2] == ["vitrine", "trill"]
    assert set(own["tags"]) | {"mcp-server"} <= set(found["tags"])
    assert found["hf_oauth"] is True
    assert found["hf_oauth_scopes"] == ["contribute-repos"]
    assert "preload_from_hub" not in found
    assert "models" not in found


def test_the_card_of_the_hub_names_every_method(tmp_path):
    export = build(plan_for("hub", repo="anna/all", hardware="cpu-basic"), tmp_path / "hub")
    found = data(export)
    assert found["title"] == "Vitrine"
    assert {"vitrine", "trill", "mcp-server"} <= set(found["tags"])
    assert found["python_version"] == "3.12"
    assert list(rule.check(Tree(export.plan, export.folder))) == []
    text = (export.folder / "README.md").read_text()
    for spec in registry.specs():
        assert f"[{spec.title}](spaces/{spec.slug}/README.md)" in text
        assert spec.summary in text
        assert spec.paper.url in text
    assert "spaces/anna/all?duplicate=true" in text


def test_without_login_the_card_asks_for_none():
    found = card.front_matter(plan_for("trill", oauth=False))
    assert not {"hf_oauth", "hf_oauth_scopes"} & set(found)


def test_pinned_models_of_the_full_tier_are_fetched_only_when_asked(giant, tmp_path):
    lean = build(plan_for("giant"), tmp_path / "lean", root=giant)
    full = build(plan_for("giant", full=True), tmp_path / "full", root=giant)
    assert "preload_from_hub" not in data(lean)
    assert data(full)["preload_from_hub"] == [
        f"somebody/giant unet/config.json,unet/diffusion_pytorch_model.safetensors {COMMIT}",
        f"somebody/words {COMMIT}",
    ]
    assert data(full)["startup_duration_timeout"] == "1h"
    assert data(full)["models"] == data(lean)["models"] == ["somebody/giant", "somebody/words"]
    assert list(rule.check(Tree(full.plan, full.folder))) == []
    assert "thumbnail" in data(full)


def test_a_full_tier_that_needs_a_gpu_is_warned_of_on_a_cpu(giant, tmp_path):
    export = build(plan_for("giant", full=True, hardware="cpu-basic"), tmp_path / "o", root=giant)
    [found] = list(rule.check(Tree(export.plan, export.folder)))
    assert found.level == "warning"
    assert "Large of giant needs a GPU" in found.what


def test_the_hub_fetches_the_models_of_all_methods_once(giant):
    plan = plan_for("hub", full=True)
    assert plan.methods == ("giant", "trill")
    assert len(list(card.preload_lines(plan))) == 2


def test_links_of_the_methods_page_hold_at_the_top_of_the_space(giant, tmp_path):
    export = build(plan_for("giant"), tmp_path / "out", root=giant)
    text = (export.folder / "README.md").read_text()
    assert "[the card](spaces/giant/weights/CARD.md)" in text
    assert "![a picture](spaces/giant/card.svg)" in text
    assert "the log\nand" in text
    assert "[the paper](https://example.org/paper)" in text


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("![a](card.svg)", "![a](spaces/m/card.svg)"),
        ("[a](./weights/CARD.md#how)", "[a](spaces/m/weights/CARD.md#how)"),
        ('[a](weights/CARD.md "the card")', '[a](spaces/m/weights/CARD.md "the card")'),
        ("[a](examples/)", "[a](spaces/m/examples)"),
        ("[a](../../LICENSE)", "[a](LICENSE)"),
        ("[a](../../docs/LOG.md) b", "a b"),
        ("![a](gone.png)", "a"),
        ("[a](#try-it)", "[a](#try-it)"),
        ("[a](https://b.org/card.svg)", "[a](https://b.org/card.svg)"),
        ("[a](mailto:b@c.org)", "[a](mailto:b@c.org)"),
        ('<img src="card.svg" alt="a">', '<img src="spaces/m/card.svg" alt="a">'),
        (
            "[![a](card.svg)](weights/CARD.md)",
            "[![a](spaces/m/card.svg)](spaces/m/weights/CARD.md)",
        ),
        ("```\n[a](card.svg)\n```", "```\n[a](card.svg)\n```"),
        ("`[a](card.svg)`", "`[a](card.svg)`"),
        ("[`a`](card.svg)", "[`a`](spaces/m/card.svg)"),
        ("[see `a`](gone.py)", "see `a`"),
    ],
)
def test_a_link_is_rewritten_or_becomes_its_text(written, wanted):
    assert readme.relinked(written, "spaces/m", FILES) == wanted


def test_the_examples_of_the_page_name_the_space(trill_export):
    text = (trill_export.folder / "README.md").read_text()
    assert 'Client("anna/trill")' in text
    assert "127.0.0.1" not in text


def test_a_readme_of_a_method_without_front_matter_is_refused(giant, tmp_path):
    (giant / "spaces" / "giant" / "README.md").write_text("# Giant\n")
    with pytest.raises(InputError, match="front matter"):
        build(plan_for("giant"), tmp_path / "out", root=giant)


def test_what_the_card_says_survives_yaml():
    odd = {"title": "a: b # c", "python_version": "3.10", "tags": ["no", "1.5", "e"], "x": True}
    text = card.write(odd, "Words below.")
    found = SpaceCard(text).data.to_dict()
    assert {key: found[key] for key in odd} == odd
    assert text.endswith("\n\nWords below.\n")


def test_short_descriptions_fit_the_platform():
    for name in ("hub", *registry.slugs()):
        assert len(card.front_matter(plan_for(name))["short_description"]) <= 60


# what a tier pins


def test_a_model_is_pinned_by_a_full_commit():
    for wrong in ("main", "v1.0", COMMIT[:7], COMMIT.upper()):
        with pytest.raises(ValueError, match="full commit"):
            HubModel(repo_id="a/b", revision=wrong)


@pytest.mark.parametrize("file", ["", "../x", "a b", "a,b"])
def test_a_file_of_a_model_is_a_path_inside_its_repository(file):
    with pytest.raises(ValueError, match="path inside"):
        HubModel(repo_id="a/b", revision=COMMIT, files=(file,))


def test_the_ids_of_a_tier_come_from_its_pinned_models():
    model = HubModel(repo_id="a/b", revision=COMMIT, files=("unet/config.json", "vae/config.json"))
    tier = Tier(name="full", title="t", licence="x", models=(model, model))
    assert tier.model_ids == ("a/b",)
    assert tier.model("a/b") is model
    with pytest.raises(NotFoundError, match="It pins: a/b"):
        tier.model("a/c")
    with pytest.raises(ValueError, match="Give models"):
        Tier(name="full", title="t", licence="x", models=(model,), model_ids=("c/d",))
    assert Tier(name="full", title="t", licence="x", model_ids=("c/d",)).model_ids == ("c/d",)


def test_a_tier_is_here_when_every_file_is_here_at_its_commit(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    files = ("config.json", "unet/model.safetensors")
    model = HubModel(repo_id="a/b", revision=COMMIT, files=files)
    tier = Tier(name="full", title="t", licence="x", models=(model,), size_bytes=10**9)
    spec = registry.load("trill")
    assert readiness.tier_readiness(spec, tier).words == "not downloaded, and we are offline"
    other = tmp_path / "models--a--b" / "snapshots" / COMMIT[::-1]
    here = tmp_path / "models--a--b" / "snapshots" / COMMIT
    for folder, held in ((other, files), (here, files[:1])):
        for name in held:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("{}")
    assert readiness.tier_readiness(spec, tier).words == "not downloaded, and we are offline"
    (here / files[1]).parent.mkdir()
    (here / files[1]).write_text("{}")
    assert readiness.tier_readiness(spec, tier).words == "ready here"


def test_a_pipeline_loads_by_what_the_tier_pins(giant, monkeypatch):
    """The commit and the files that are preloaded are those that the cache asks for."""
    import core.cache.hub as loader

    model = registry.load("giant").tier("full").model("somebody/giant")
    asked = set()

    def fetch(repo_id, filename, revision, subfolder="", on_progress=None):
        name = f"{subfolder}/{filename}"
        found = name in model.files
        if found:
            asked.add((repo_id, revision, name))
        return giant / name if found else None

    monkeypatch.setattr(loader, "fetch_file", fetch)
    monkeypatch.setattr(loader, "hub_file", fetch)
    part = loader.hub_component(model.repo_id, model.revision, "unet", dict)
    assert part.fetch is not None
    part.fetch()
    assert asked == {(model.repo_id, COMMIT, file) for file in model.files}
    assert re.search(
        rf"somebody/giant \S+ {COMMIT}", next(card.preload_lines(plan_for("giant", full=True)))
    )
