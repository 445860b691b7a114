"""The embedder: series, pooling, folding, weights that do not fit, speed of nothing but itself."""

import json
import shutil
import threading

import numpy as np
import pytest
import torch

from core.cache.construction import construction
from core.errors import InputError, WeightsError
from core.methods.trill import config, embed, metrics, reference, synth
from core.methods.trill.model import ResNetish, initialise
from core.training import save_weights


@pytest.fixture(scope="module")
def shipped():
    return embed.load()


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    return synth.procedural(synth.voice(seed), seconds, seed)


def test_shapes_times_and_log_mel_of_three_seconds(shipped):
    out = shipped.embed(sound(3.0))
    assert out.embedding.shape == (12, shipped.size("embedding"))
    assert out.layer19.shape == (12, shipped.size("layer19"))
    assert out.log_mel.shape == (298, 64)
    assert out.times[0] == pytest.approx(0.48)
    assert np.diff(out.times) == pytest.approx(0.17, abs=1e-5)
    assert out.mean("layer19") == pytest.approx(out.layer19.mean(0))


def test_a_clip_said_twice_has_nearly_the_same_embedding(shipped):
    clip = sound(17 * 0.16 * 2)[: 17 * 160 * 32]  # a multiple of the hop
    once, twice = shipped.embed(clip), shipped.embed(np.concatenate([clip, clip]))
    for layer in config.LAYERS:
        a, b = once.mean(layer), twice.mean(layer)
        # patches that span the seam are new; all others are those of the clip itself
        inside = len(once.times)
        assert np.allclose(twice.series(layer)[:inside], once.series(layer), atol=1e-4)
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.98


def test_the_shipped_weights_are_small_and_match_their_config(shipped):
    file = embed.WEIGHTS / "model.safetensors"
    assert file.stat().st_size < 1.5e6
    info = embed.read_config()
    assert shipped.info["sha256"] == info["sha256"]
    assert config.net_from_dict(info["net"]) == config.embedded()


def test_the_number_of_threads_changes_no_bit(shipped):
    rng = np.random.default_rng(7)

    threads = torch.get_num_threads()
    try:
        for seconds in (1.0, 1.9, 4.0):
            clip = (0.1 * rng.normal(size=int(seconds * 16_000))).astype(np.float32)
            seen = set()
            for number in (1, 2, 3, 8):
                torch.set_num_threads(number)
                heard = shipped.embed(clip)
                seen.add(heard.embedding.tobytes() + heard.layer19.tobytes())
            assert len(seen) == 1, f"{seconds} s"
    finally:
        torch.set_num_threads(threads)


def test_folding_batch_norm_changes_results_by_less_than_rounding():
    net, _ = embed.load_net()
    clip = sound(2.0)
    plain = embed.Embedder(net, fold=False).embed(clip)
    folded = embed.Embedder(net, fold=True).embed(clip)
    assert np.abs(plain.layer19 - folded.layer19).max() < 1e-4
    assert np.abs(plain.embedding - folded.embedding).max() < 1e-4


def test_the_network_given_is_not_changed_by_embedding():
    net, _ = embed.load_net()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    embed.Embedder(net).embed(sound(1.0))
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())


def test_padding_matters_for_short_clips_only(shipped):
    short, long = sound(0.5), sound(1.5)
    tiled, zero = (shipped.embed(short, padding=p).mean("layer19") for p in ("tile", "zero"))
    assert np.abs(tiled - zero).max() > 1e-3
    tiled, zero = (shipped.embed(long, padding=p).mean("layer19") for p in ("tile", "zero"))
    assert np.array_equal(tiled, zero)


def test_bad_clips_are_refused_in_words(shipped):
    for bad in (np.zeros(0), np.zeros((2, 16_000)), np.full(16_000, np.inf)):
        with pytest.raises(InputError):
            shipped.embed(bad)


def test_missing_changed_and_unfitting_weights_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"config\.json"):
        embed.load_net(tmp_path)
    folder = tmp_path / "weights"
    shutil.copytree(embed.WEIGHTS, folder)
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-5] ^= 255
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="checksum"):
        embed.load_net(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="missing"):
        embed.load_net(folder)
    other = ResNetish(config.NetConfig(widths=(8, 8, 8, 8)))
    save_weights(folder, other.state_dict(), {"net": config.to_dict(config.embedded())})
    with pytest.raises(WeightsError, match="does not fit"):
        embed.load_net(folder)


def test_the_config_names_reference_statistics_of_both_layers():
    info = json.loads((embed.WEIGHTS / "config.json").read_text("utf-8"))
    for layer in config.LAYERS:
        known = info["reference"][layer]
        assert len(known["same"]) == len(known["different"]) == len(known["edges"]) - 1
        assert sum(known["same"]) == pytest.approx(1, abs=1e-3)
        assert sum(known["different"]) == pytest.approx(1, abs=1e-3)


@pytest.fixture(scope="module")
def halves(shipped) -> np.ndarray:
    """Both halves of each shipped example: recordings of speakers held out of the training."""
    import soundfile

    rows = []
    for path in sorted((embed.WEIGHTS.parent / "examples").rglob("*.flac")):
        clip, rate = soundfile.read(path, dtype="float32")
        assert rate in (8000, 16_000)
        if rate == 16_000 and len(clip) >= 32_000:
            middle = len(clip) // 2
            rows += [shipped.embed(x).mean("embedding") for x in (clip[:middle], clip[middle:])]
    assert len(rows) >= 40
    return np.stack(rows)


def test_moments_of_one_recording_lie_closer_than_moments_of_two(halves):
    same, different = reference.known_pairs(halves)
    assert same.mean() > different.mean()
    assert metrics.auc(same, different) >= 0.95


def test_with_shuffled_recordings_there_is_nothing_to_find(halves):
    values = []
    for seed in range(20):
        same, different = reference.known_pairs(np.random.default_rng(seed).permutation(halves))
        values.append(metrics.auc(same, different))
    assert np.mean(values) == pytest.approx(0.5, abs=0.03)


def test_an_untrained_net_is_the_same_every_time():
    nets = [ResNetish(config.embedded()) for _ in range(2)]
    for net in nets:
        initialise(net, torch.Generator().manual_seed(0))
    one, two = (embed.Embedder(net.eval()).embed(sound(1.0)) for net in nets)
    assert np.array_equal(one.layer19, two.layer19)


def test_nets_are_built_under_the_lock_that_protects_all_construction():
    """A `from_pretrained` of another thread swaps how modules register; ours must wait for it."""
    built = threading.Event()

    def build_one():
        embed.build(embed.read_config())
        built.set()

    with construction():
        thread = threading.Thread(target=build_one)
        thread.start()
        assert not built.wait(0.3)
    assert built.wait(30)
    thread.join()
