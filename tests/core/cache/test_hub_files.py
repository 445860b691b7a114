"""Files of the Hub: the local store, offline, gated, missing; nothing leaves this machine."""

from __future__ import annotations

import shutil

import httpx
import huggingface_hub
import pytest
from huggingface_hub import constants, errors

from core import settings
from core.cache import hub_component, hub_file, hub_spec
from core.cache.backends import CpuBackend
from core.cache.model_cache import ModelCache
from core.errors import WeightsError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def store(tmp_path, monkeypatch, models):
    """A local store of the Hub that holds the UNet of `me/tiny` at `COMMIT`; the hub is offline."""
    snapshot = tmp_path / "hub" / "models--me--tiny" / "snapshots" / COMMIT
    shutil.copytree(models / "unet", snapshot / "unet")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    settings.override(offline=True)
    return snapshot


def answer_with(monkeypatch, error):
    """Make every download end with an error."""

    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)


def http_error(kind, status):
    request = httpx.Request("GET", "http://127.0.0.1/none")
    return kind("refused", response=httpx.Response(status, request=request))


def test_a_model_in_the_local_store_loads_offline(store):
    from diffusers import UNet2DModel

    spec = hub_spec("me/tiny", COMMIT, "unet", UNet2DModel)
    assert spec.parts["module"].est_bytes() > 0
    cache = ModelCache(CpuBackend())
    with cache.acquire(spec) as lease:
        assert isinstance(lease.obj, UNet2DModel)
    assert cache.snapshot().parts[0].key.startswith("me/tiny/unet@01234567")


def test_the_size_is_known_from_the_config_before_the_weights_are_here(store):
    from diffusers import UNet2DModel

    part = hub_component("me/tiny", COMMIT, "unet", UNet2DModel)
    size = part.est_bytes()
    (store / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert part.est_bytes() == size
    half = hub_component("me/tiny", COMMIT, "unet", UNet2DModel, "float16")
    assert half.est_bytes() == size // 2
    with pytest.raises(
        WeightsError, match="The weights in unet of me/tiny cannot be found on this"
    ):
        ModelCache(CpuBackend()).acquire(hub_spec("me/tiny", COMMIT, "unet", UNet2DModel))


def test_a_file_that_is_not_here_while_offline_is_explained(store):
    with pytest.raises(
        WeightsError,
        match=r"cannot be found on this machine, and the hub is offline\..*hf download",
    ):
        hub_file("me/other", "config.json", COMMIT)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (http_error(errors.GatedRepoError, 403), "is gated. Accept its licence"),
        (http_error(errors.RepositoryNotFoundError, 404), "was not found"),
        (http_error(errors.RevisionNotFoundError, 404), "was not found"),
        (http_error(errors.RemoteEntryNotFoundError, 404), "has no file config.json"),
        (http_error(errors.HfHubHTTPError, 503), "could not be downloaded"),
        (errors.LocalEntryNotFoundError("no network"), "cannot be reached"),
        (OSError("disk full"), "disk full. Try again"),
    ],
)
def test_each_failure_of_a_download_is_said_in_words(monkeypatch, error, words):
    settings.override(offline=False)
    answer_with(monkeypatch, error)
    with pytest.raises(WeightsError) as caught:
        hub_file("me/model", "config.json", COMMIT)
    assert words in str(caught.value)


def test_a_failed_download_leaves_no_trace_in_the_cache(monkeypatch):
    from diffusers import UNet2DModel

    settings.override(offline=False)
    answer_with(monkeypatch, http_error(errors.GatedRepoError, 403))
    cache = ModelCache(CpuBackend())
    with pytest.raises(WeightsError, match="gated"):
        cache.acquire(hub_spec("me/model", COMMIT, "unet", UNet2DModel))
    assert cache.snapshot().parts == ()


def test_progress_of_a_download_is_reported(monkeypatch, tmp_path):
    settings.override(offline=False)
    seen = []

    def download(repo_id, filename, *, tqdm_class, **options):
        with tqdm_class(total=30, unit="B") as bar:
            for _ in range(3):
                bar.update(10)
        path = tmp_path / filename
        path.write_text("{}")
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    report = lambda done, total: seen.append((done, total))  # noqa: E731
    hub_file("me/model", "config.json", COMMIT, on_progress=report)
    assert seen == [(10, 30), (20, 30), (30, 30)]
