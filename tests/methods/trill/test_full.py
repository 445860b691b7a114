"""The full tier through its real loaders, and the stand-ins with tiny models of the real classes."""

import numpy as np
import pytest
import torch

from core import settings
from core.errors import InputError, WeightsError
from core.methods.trill import config, embed, full, listening, synth
from core.methods.trill.model import ResNetish, initialise
from core.training import save_weights

CLIP = synth.procedural(synth.voice(0), 1.5, 0)


def test_a_tiny_checkpoint_of_the_full_class_goes_through_the_real_loader():
    cfg = config.NetConfig(
        block="bottleneck",
        widths=(4, 8, 8, 8),
        depths=(3, 4, 6, 3),
        embedding_dim=16,
        layer19="map",
    )
    net = ResNetish(cfg)
    initialise(net, torch.Generator().manual_seed(0))
    save_weights(
        listening.full_folder(), net.state_dict(), {"net": config.to_dict(cfg), "name": "tiny"}
    )
    out = full.load_tier("full").embed(CLIP)
    assert out.embedding.shape == (4, 16)
    assert out.layer19.shape == (4, 6 * 4 * 32)
    assert listening.full_folder().is_relative_to(settings.current().data_dir)


def test_a_tier_without_weights_or_without_a_name_is_said_in_words():
    with pytest.raises(WeightsError, match="gpu preset"):
        full.load_tier("full")
    with pytest.raises(InputError, match="no tier"):
        full.load_tier("huge")


def test_hub_weights_need_a_full_commit_and_a_network():
    with pytest.raises(InputError):
        full.load_from_hub("someone/net", "main")
    with pytest.raises(WeightsError):
        full.load_from_hub("someone/net", "0" * 40)


def tiny_stand_in(name: str):
    import transformers

    shared = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": (8, 8, 8, 8, 8, 8, 8),
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
    }
    kind = full.STAND_INS[name][1].removesuffix("Model")
    return getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**shared))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", sorted(full.STAND_INS))
def test_a_stand_in_loads_through_the_real_class_and_says_it_is_not_trill(name, tmp_path):
    tiny_stand_in(name).save_pretrained(tmp_path / name)
    stand_in = full.load_stand_in(name, tmp_path / name)
    out = stand_in.embed(CLIP)
    assert out.embedding.shape == out.layer19.shape == (4, 16)
    assert out.times == pytest.approx(embed.load().embed(CLIP).times)
    assert np.isfinite(out.embedding).all()
    assert not np.array_equal(out.embedding, out.layer19)
    assert "not TRILL" in stand_in.name
    assert stand_in.size("layer19") == 16


def test_a_stand_in_needs_a_known_name_and_a_full_commit(tmp_path):
    with pytest.raises(InputError, match="no stand-in"):
        full.load_stand_in("gpt")
    with pytest.raises(InputError, match="full commit"):
        full.load_stand_in("hubert-base", revision="main")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        full.load_stand_in("hubert-base", tmp_path)
