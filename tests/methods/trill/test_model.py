"""ResNetish: sizes, shapes and independence of patches."""

import pytest
import torch

from core.errors import InputError
from core.methods.trill import config
from core.methods.trill.algorithm import normalise
from core.methods.trill.model import ResNetish, initialise, num_parameters, statistics


@pytest.fixture(scope="module")
def full():
    net = ResNetish(config.full())
    initialise(net, torch.Generator().manual_seed(0))
    return net.eval()


def small(seed: int = 0) -> ResNetish:
    net = ResNetish(config.embedded())
    initialise(net, torch.Generator().manual_seed(seed))
    return net.eval()


def test_resnetish_50_has_exactly_the_documented_number_of_parameters(full):
    assert num_parameters(full) == 24_550_848
    assert num_parameters(full) - num_parameters(full.head) == 23_501_760


def test_resnetish_50_has_the_documented_shapes(full):
    with torch.inference_mode():
        maps = full.maps(torch.zeros(1, 96, 64))
        out = full(torch.zeros(1, 96, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (64, 48, 32),
        (256, 48, 32),
        (512, 24, 16),
        (1024, 12, 8),
        (2048, 6, 4),
    ]
    assert out.embedding.shape == (1, 512)
    assert out.layer19.shape == (1, 12_288)


def test_layer19_is_the_third_bottleneck_of_stage_two_not_the_fourth(full):
    x = torch.randn(1, 96, 64, generator=torch.Generator().manual_seed(3))
    seen = []
    hook = full.stages[1][2].register_forward_hook(lambda m, i, o: seen.append(o))
    try:
        with torch.inference_mode():
            out = full(x)
    finally:
        hook.remove()
    expected = torch.nn.functional.avg_pool2d(seen[0], 4).flatten(1)
    assert torch.equal(out.layer19, expected)
    assert (out.layer19 >= 0).all()


def test_the_small_net_has_its_documented_sizes():
    net = small()
    assert num_parameters(net) < 600_000
    out = net(torch.zeros(2, 96, 64))
    assert out.embedding.shape == (2, 128)
    assert out.layer19.shape == (2, 2 * 16 * 8 + 2 * 32 * 8 + 2 * 64 * 4)


def test_normalised_embeddings_have_length_one():
    x = torch.randn(5, 96, 64, generator=torch.Generator().manual_seed(1))
    lengths = normalise(small()(x).embedding).norm(dim=1)
    assert torch.allclose(lengths, torch.ones(5), atol=1e-6)


def test_a_patch_is_embedded_alike_alone_and_in_a_batch():
    x = torch.randn(4, 96, 64, generator=torch.Generator().manual_seed(2))
    net = small()
    with torch.inference_mode():
        batch, alone = net(x), net(x[2:3])
    assert torch.allclose(batch.embedding[2:3], alone.embedding, atol=1e-5)
    assert torch.allclose(batch.layer19[2:3], alone.layer19, atol=1e-5)


def test_statistics_of_a_map_constant_in_time_have_a_std_of_nearly_zero():
    x = torch.arange(8.0).repeat(1, 2, 5, 1)  # (1, 2, 5, 8)
    found = statistics(x, 4)
    assert torch.allclose(found[0, :4], torch.tensor([0.5, 2.5, 4.5, 6.5]))
    assert (found[0, 8:] < 0.01).all()


def test_the_same_generator_gives_the_same_weights():
    one, two, other = small(5).state_dict(), small(5).state_dict(), small(6).state_dict()
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert not torch.equal(one["stem.0.weight"], other["stem.0.weight"])


def test_a_config_survives_json_and_refuses_unknown_keys():
    import json

    cfg = config.TrainConfig(net=config.full(), seed=3)
    back = config.train_from_dict(json.loads(json.dumps(config.to_dict(cfg))))
    assert back == cfg
    with pytest.raises(InputError, match="unknown keys depth"):
        config.net_from_dict({"depth": 50})
