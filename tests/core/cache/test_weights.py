"""Embedded weights and folders of pretrained models: round trips, and every way to be wrong."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
import torch

from core.cache import ComponentKey, ComponentSpec, ModelSpec, embedded, hub_spec
from core.cache.backends import CpuBackend
from core.cache.hub import weight_files
from core.cache.model_cache import ModelCache
from core.cache.sizes import fingerprint, meta_bytes, module_bytes, safetensors_bytes
from core.errors import InputError, WeightsError


def build(config):
    """The net of the `weights` fixture."""
    width = config["width"]
    return torch.nn.Sequential(
        torch.nn.Linear(4, width), torch.nn.BatchNorm1d(width), torch.nn.Linear(width, 2)
    )


@pytest.fixture
def cache():
    return ModelCache(CpuBackend())


def rewrite(folder, **changes):
    """Change `config.json`."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_an_embedded_net_comes_back_frozen_in_single_precision(cache, weights):
    from safetensors.torch import load_file

    stored = load_file(weights / "model.safetensors")
    with cache.acquire(embedded.module_spec("net", weights, build)) as lease:
        net = lease.obj
        assert not net.training
        assert not any(p.requires_grad for p in net.parameters())
        assert {p.dtype for p in net.parameters()} == {torch.float32}
        for name, value in net.state_dict().items():
            assert torch.equal(value, stored[name].to(value.dtype))


def test_equal_folders_share_one_object_and_new_weights_do_not(cache, weights):
    from safetensors.torch import load_file, save_file

    first = embedded.module_spec("a", weights, build)
    with cache.acquire(first) as a, cache.acquire(embedded.module_spec("b", weights, build)) as b:
        assert a.obj is b.obj
        path = weights / "model.safetensors"
        save_file({name: value + 1 for name, value in load_file(path).items()}, path)
        rewrite(weights, sha256={path.name: hashlib.sha256(path.read_bytes()).hexdigest()})
        with cache.acquire(embedded.module_spec("c", weights, build)) as c:
            assert c.obj is not a.obj


def test_the_estimate_of_an_embedded_net_is_its_size(cache, weights):
    spec = embedded.module_spec("net", weights, build)
    with cache.acquire(spec) as lease:
        assert spec.parts["module"].est_bytes() == module_bytes(lease.obj)
        assert meta_bytes(lambda: build({"width": 8})) == module_bytes(lease.obj)
    stored = safetensors_bytes(weights / "model.safetensors")
    assert stored < spec.parts["module"].est_bytes()


def test_tied_weights_count_once():
    net = torch.nn.Sequential(torch.nn.Linear(8, 8, bias=False), torch.nn.Linear(8, 8, bias=False))
    net[1].weight = net[0].weight
    assert module_bytes(net) == 8 * 8 * 4


def test_the_fingerprint_changes_with_one_number():
    net = build({"width": 4})
    before = fingerprint(net)
    assert fingerprint(net) == before
    with torch.no_grad():
        net[0].bias[1] += 1e-6
    assert fingerprint(net) != before


def missing_file(folder):
    (folder / "model.safetensors").unlink()


def other_file(folder):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def empty_file(folder):
    (folder / "model.safetensors").write_bytes(b"")


def not_safetensors(folder):
    (folder / "model.safetensors").write_bytes(b"\x80\x04hello, I am a pickle" * 50)


def other_width(folder):
    rewrite(folder, width=16)


def no_width(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["width"]
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (missing_file, "model.safetensors is missing"),
        (other_file, "not the one that its config.json describes"),
        (cut_short, "cut short"),
        (empty_file, "cut short"),
        (not_safetensors, "not a safetensors file"),
        (other_width, "have another shape"),
        (no_width, "KeyError: 'width'"),
    ],
)
def test_damaged_weights_are_refused_in_words(cache, weights, damage, words):
    damage(weights)
    with pytest.raises(WeightsError) as caught:
        cache.acquire(embedded.module_spec("net", weights, build))
    assert words in str(caught.value)
    assert str(weights) not in str(caught.value)  # no path of this machine reaches a visitor
    assert cache.snapshot().parts == ()


def test_missing_and_unknown_tensors_are_named(cache, weights):
    def larger(config):
        return torch.nn.ModuleDict({"first": build(config)})

    with pytest.raises(WeightsError, match=r"missing \(first\.0\.bias.*unknown \(0\.bias"):
        cache.acquire(embedded.module_spec("net", weights, larger))


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "no config.json"), ("{broken", "not valid JSON"), ("[1]", "must hold a JSON object")],
)
def test_a_config_that_cannot_be_read_is_refused(weights, text, words):
    if text is None:
        (weights / "config.json").unlink()
    else:
        (weights / "config.json").write_text(text)
    with pytest.raises(WeightsError, match=words):
        embedded.module_spec("net", weights, build)


def test_a_loader_that_leaves_parameters_empty_is_refused(cache):
    def load(dtype):
        with torch.device("meta"):
            return torch.nn.Linear(4, 4)

    part = ComponentSpec(key=ComponentKey("empty"), load=load)
    with pytest.raises(WeightsError, match="without values"):
        cache.acquire(ModelSpec(name="m", parts={"a": part}))


@pytest.fixture
def unet(models, tmp_path):
    """A private copy of the folder of the small UNet."""
    return shutil.copytree(models / "unet", tmp_path / "unet")


def test_a_pretrained_folder_is_estimated_right(cache, models):
    from diffusers import UNet2DModel

    spec = hub_spec(models, "", "unet", UNet2DModel)
    with cache.acquire(spec) as lease:
        assert spec.parts["module"].est_bytes() == module_bytes(lease.obj)
    half = hub_spec(models, "", "unet", UNet2DModel, "float16")
    with cache.acquire(half) as lease:
        assert next(lease.obj.parameters()).dtype == torch.float16
        assert half.parts["module"].est_bytes() == module_bytes(lease.obj)


def test_a_pretrained_folder_that_is_cut_short_or_empty_is_refused(cache, unet):
    from diffusers import UNet2DModel

    (path,) = weight_files(unet)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(WeightsError, match="cut short"):
        cache.acquire(hub_spec(unet, "", "", UNet2DModel))
    path.rename(unet / "diffusion_pytorch_model.bin")
    with pytest.raises(WeightsError, match="Other formats are not read"):
        cache.acquire(hub_spec(unet, "", "", UNet2DModel, name="again"))


def test_a_pretrained_config_that_does_not_fit_is_refused(cache, unet):
    from diffusers import UNet2DModel

    rewrite(unet, block_out_channels=[16, 16])
    with pytest.raises(WeightsError, match="same revision"):
        cache.acquire(hub_spec(unet, "", "", UNet2DModel))
    rewrite(unet, block_out_channels=[8, 16], layers_per_block=2)
    with pytest.raises(WeightsError, match=r"tensors of UNet2DModel are missing|same revision"):
        cache.acquire(hub_spec(unet, "", "", UNet2DModel, name="other"))


def test_only_a_full_commit_is_accepted():
    for revision in ("main", "abc1234", "A" * 40):
        with pytest.raises(InputError, match="full commit"):
            hub_spec("me/model", revision, "", torch.nn.Linear)
