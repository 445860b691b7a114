"""The recipe end to end on made voices and on a small data folder, and what feeds it."""

import csv
import dataclasses
import json
import zipfile

import numpy as np
import pytest
import soundfile
import torch

from core.errors import InputError
from core.methods.trill import augment, config, corpus, embed, recipe, sampling, synth
from core.methods.trill.frontend import log_mel


@pytest.fixture(scope="module")
def voices():
    return corpus.procedural_corpus(6, 2, 2.2, 1)


def tiny(**changes) -> config.TrainConfig:
    small = {
        "num_steps": 4,
        "num_recordings": 6,
        "num_same_group": 2,
        "num_moment_recordings": 1,
        "moments": 2,
        "save_every": 2,
        "log_every": 2,
        "settle_batches": 1,
    }
    return dataclasses.replace(recipe.smoke(), **{**small, **changes})


def write_folder(folder, rows):
    """A data folder in the layout of `speech_*`."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "audio.zip", "w") as archive:
        for number, row in enumerate(rows):
            sound = synth.procedural(synth.voice(number), row.pop("_seconds", 2.0), number)
            path = folder / "tmp.flac"
            soundfile.write(path, sound, 16_000)
            archive.write(path, row["file"])
            path.unlink()
    with (folder / "metadata.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(autouse=True)
def _few_voices(monkeypatch, voices):
    monkeypatch.setattr(corpus, "procedural_corpus", lambda *_: voices)


def test_training_without_data_gives_weights_a_config_and_a_card(tmp_path):
    steps = []
    out = recipe.train(tiny(), None, tmp_path / "out", on_step=steps.append)
    assert [s.step for s in steps] == [2, 4]
    assert {"loss", "top1", "spread", "moment"} <= set(steps[0].values)
    embedder = embed.load(out)
    assert embedder.embed(np.zeros(16_000, np.float32)).embedding.shape == (1, 128)
    assert "Seed: 20" in (out / "CARD.md").read_text()
    assert set(json.loads((out / "config.json").read_text())["reference"]) == {
        "embedding",
        "layer19",
    }


def test_a_resumed_training_gives_the_same_file_as_an_uninterrupted_one(tmp_path):
    class Stop(Exception):
        pass

    def stop(step):
        if step.step == 2:
            raise Stop

    whole = recipe.train(tiny(), None, tmp_path / "whole")
    with pytest.raises(Stop):
        recipe.train(tiny(), None, tmp_path / "parts", on_step=stop)
    parts = recipe.train(tiny(), None, tmp_path / "parts", resume=True)
    name = "model.safetensors"
    assert (whole / name).read_bytes() == (parts / name).read_bytes()


def test_another_seed_gives_other_weights(tmp_path):
    one = recipe.train(tiny(num_steps=2), None, tmp_path / "one")
    two = recipe.train(tiny(num_steps=2, seed=21), None, tmp_path / "two")
    name = "model.safetensors"
    assert (one / name).read_bytes() != (two / name).read_bytes()


def test_a_folder_of_any_recordings_can_be_trained_on(tmp_path):
    data = tmp_path / "mine" / "deep"
    data.mkdir(parents=True)
    for number in range(3):
        sound = synth.procedural(synth.voice(number), 2.0, number)
        soundfile.write(data / f"clip{number}.wav", sound, 16_000)
    found = corpus.training_corpus(
        tmp_path / "mine", tmp_path / "cache", factors=(1.0, 1.1), espeak_clips=0, seed=0
    )
    assert len(found) == 6
    assert len(set(found.base.tolist())) == 3
    out = recipe.train(tiny(factors=(1.0, 1.1), num_steps=2), tmp_path / "mine", tmp_path / "out")
    assert (out / "model.safetensors").exists()


def test_only_rows_marked_train_are_trained_on(tmp_path):
    rows = [
        {"file": f"{k}.flac", "speaker_id": str(k), "subset": subset}
        for k, subset in enumerate(["train", "train", "dev", "holdout", ""])
    ]
    write_folder(tmp_path / "speech_a", rows)
    write_folder(tmp_path / "speech_b", [{"file": "x.flac", "speaker": "s"}])  # no subset at all
    clips = corpus.training_clips(tmp_path)
    assert [c.file for c in clips] == ["0.flac", "1.flac"]


def test_nothing_to_train_on_is_said_in_words(tmp_path):
    with pytest.raises(InputError, match="two audio files"):
        corpus.training_clips(tmp_path)
    with pytest.raises(InputError, match=r"metadata\.csv"):
        corpus.read_rows(tmp_path)


def test_a_corpus_is_read_back_from_disk_the_second_time(tmp_path, monkeypatch):
    rows = [{"file": f"{k}.flac", "speaker_id": "1", "subset": "train"} for k in range(2)]
    write_folder(tmp_path / "speech_a", rows)
    settings = {"factors": (1.0,), "espeak_clips": 0, "seed": 0}
    first = corpus.training_corpus(tmp_path, tmp_path / "cache", **settings)
    monkeypatch.setattr(corpus, "read_clips", lambda clips: pytest.fail("decoded again"))
    second = corpus.training_corpus(tmp_path, tmp_path / "cache", **settings)
    assert np.array_equal(first.frames, second.frames)
    assert second.sources == ["speech_a"]


def test_a_virtual_speaker_is_higher_by_its_factor():
    voice = dataclasses.replace(synth.voice(0), pitch=150.0)
    sound = synth.procedural(voice, 2.0, 0)
    moved = corpus.resample(sound, 16_000 * 1.25, 16_000)
    assert len(moved) == pytest.approx(len(sound) / 1.25, abs=2)

    def pitch(x):
        autocorrelation = np.fft.irfft(np.abs(np.fft.rfft(x, 2 * len(x))) ** 2)
        lags = np.arange(40, 250)
        return 16_000 / lags[autocorrelation[lags].argmax()]

    assert pitch(moved) / pitch(sound) == pytest.approx(1.25, rel=0.05)


def test_a_made_voice_is_the_same_on_every_call_and_differs_by_seed():
    one, two = (synth.procedural(synth.voice(3), 1.0, 5) for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, synth.procedural(synth.voice(3), 1.0, 6))
    assert np.abs(one).max() <= 0.9


# Batches


def sampler(voices, **changes) -> sampling.Sampler:
    return sampling.Sampler(voices, tiny(num_recordings=8, **changes))


def test_a_batch_depends_on_the_seed_and_the_step_only(voices):
    one, two = sampler(voices), sampler(voices)
    two.batch(0)
    two.batch(1)
    assert np.array_equal(one.batch(7).patches, two.batch(7).patches)
    assert not np.array_equal(one.batch(7).patches, one.batch(8).patches)


def test_a_batch_has_two_patches_of_each_recording_side_by_side(voices):
    batch = sampler(voices).batch(0)
    assert batch.patches.shape == (2 * 8 + 2 * 2, 96, 64)
    assert batch.patches.dtype == np.float32
    assert np.isfinite(batch.patches).all()
    assert batch.num_recordings == 16
    assert len(set(batch.recording.tolist())) == 8
    assert (batch.recording[::2] == batch.recording[1::2]).all()
    assert (batch.positive == np.arange(20) ^ 1).all()


def test_recordings_of_a_batch_are_all_different_even_when_few_exist(voices):
    batch = sampling.Sampler(voices, tiny(num_recordings=50)).batch(0)
    assert len(set(batch.recording[::2].tolist())) == len(batch.recording) // 2 == len(voices)


# Channels


def identity(count: int) -> augment.Channels:
    return augment.Channels(
        filter=np.ones((count, 64), np.float32),
        snr=np.full(count, np.inf, np.float32),
        noise=np.ones((count, 64), np.float32),
        low_pass=np.ones((count, 64), np.float32),
        decay=np.zeros(count, np.float32),
        wet=np.zeros(count, np.float32),
    )


def speech(count: int = 3) -> np.ndarray:
    sound = torch.from_numpy(synth.procedural(synth.voice(1), 1.5, 1))
    frames = log_mel(sound).numpy()
    return np.stack([frames[k : k + augment.LEAD + 96] for k in range(count)])


def test_the_identity_channel_only_drops_the_lead():
    x = speech()
    out = augment.apply(x, identity(3), np.random.default_rng(0))
    assert out.shape == (3, 96, 64)
    assert np.allclose(out, x[:, augment.LEAD :], atol=2e-3)


def test_a_filter_of_ten_decibels_adds_ln_of_its_factor_where_there_is_sound():
    x, channel = speech(), identity(3)
    channel.filter[:] = 10 ** (10 / 20)
    rise = augment.apply(x, channel, np.random.default_rng(0)) - x[:, augment.LEAD :]
    loud = x[:, augment.LEAD :] > 0
    assert np.allclose(rise[loud], np.log(10 ** (10 / 20)), atol=5e-3)


def test_noise_of_zero_decibels_doubles_the_power():
    x, channel = speech(1), identity(1)
    channel.snr[:] = 0
    out = augment.apply(x, channel, np.random.default_rng(0))
    power = (np.exp(out) ** 2).mean() / (np.exp(x[:, augment.LEAD :]) ** 2).mean()
    assert power == pytest.approx(2, rel=0.1)


def test_reverberation_carries_sound_into_silence():
    x = np.full((1, augment.LEAD + 96, 64), sampling.SILENCE, np.float32)
    x[:, : augment.LEAD + 10] = 2.0
    channel = identity(1)
    channel.wet[:], channel.decay[:] = 0.2, 0.8
    out = augment.apply(x, channel, np.random.default_rng(0))
    assert (np.diff(out[0, 10:30, 0]) < 0).all()
    assert out[0, 10, 0] > -2


def test_a_warp_of_one_changes_nothing_and_a_larger_one_moves_bands_up():
    x = np.zeros((1, 4, 64), np.float32)
    x[:, :, 30] = 1
    same = augment.warp_voice(x, np.ones(1, np.float32))
    assert np.allclose(same, x, atol=1e-4)
    assert augment.warp_voice(x, np.full(1, 1.2, np.float32))[0, 0].argmax() > 31


def test_shortened_patches_are_tiled_or_followed_by_silence():
    x = np.random.default_rng(0).normal(size=(40, 96, 64)).astype(np.float32)
    out = augment.shorten(x.copy(), np.random.default_rng(0), 1.0, -6.9)
    kinds = [(patch[-1] == np.float32(-6.9)).all() for patch in out]
    assert 5 < sum(kinds) < 35
    assert not np.array_equal(out, x)


# eSpeak NG


@pytest.mark.skipif(not synth.has_espeak(), reason="the wheel espeakng-loader is not installed")
def test_espeak_speaks_in_a_known_voice_and_says_no_to_an_unknown_one():
    engine = synth.Espeak()
    spoken = engine.say("four five six", "en-us+f1")
    assert spoken is not None
    assert len(spoken) > engine.rate / 2
    assert 0.02 < np.abs(spoken).max() <= 1
    assert engine.say("one", "nowhere+nobody") is None


def test_without_espeak_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(synth, "has_espeak", lambda: False)
    with pytest.raises(InputError, match=r"requirements-recipes\.txt"):
        synth.Espeak()


# Evaluation


def test_evaluation_without_data_gives_scores_with_baselines():
    scores = recipe.evaluate("embedded")
    names = [s.name for s in scores]
    assert names[0] == "embedding speed on one core"
    for score in scores[1:]:
        assert set(score.details["all"]) == {"trained", "untrained", "log-mel", "MFCC"}
        assert score.interval is not None
    json.dumps([s.to_dict() for s in scores])


def test_evaluation_of_a_folder_scores_its_test_rows(tmp_path):
    emotions = ["anger", "neutral"]
    rows = [
        {
            "file": f"{k}.flac",
            "speaker_id": str(k % 4),
            "emotion": emotions[k // 4 % 2],
            "subset": "train" if k % 4 < 2 else "holdout",
            "_seconds": 1.0,
        }
        for k in range(16)
    ]
    write_folder(tmp_path / "speech_emodb", rows)
    from core.methods.trill import evaluate

    found = evaluate.everything(embed.load(), tmp_path)
    everyone, unheard = found
    assert everyone.n == 16
    assert unheard.n == 8
    assert set(unheard.details["all"]["trained"]["speakers"]) == {"2", "3"}
    with pytest.raises(InputError, match="speech_emodb"):
        evaluate.everything(embed.load(), tmp_path / "speech_emodb")


def test_a_hold_out_beside_the_shared_part_is_read_with_it(tmp_path):
    from core.methods.trill import sheets

    for name, subset in (("speech_emodb", "train"), ("speech_emodb_holdout", "sealed")):
        write_folder(tmp_path / name, [{"file": "a.flac", "subset": subset, "_seconds": 1.0}])
    clips = sheets.rows_of(tmp_path, "speech_emodb")
    assert [corpus.is_training(c) for c in clips] == [True, False]
    assert sheets.rows_of(tmp_path, "speech_fsdd") == []


def test_the_presets_name_the_two_networks():
    assert recipe.cpu().net == config.embedded()
    assert recipe.gpu().net == config.full()
    assert recipe.gpu().margin == 0.1
