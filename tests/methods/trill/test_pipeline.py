"""The work behind the page, with the shipped weights and the shipped clips."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError, JobCancelled, NotFoundError
from core.jobs import Job
from core.methods.trill import commandline, finished, gallery, listening, pipeline, results
from core.methods.trill import requests as rq
from core.runs import store


def example(name, **cut):
    return rq.Clip(source=f"example:{name}", **cut)


def run(request):
    return pipeline.run(Job(method="trill"), request)


def lesson(classifier="logistic", clips=3):
    return rq.TeachRequest(
        classes=tuple(
            rq.TeachClass(
                name=mood,
                clips=tuple(example(f"actor-13-{mood}-{k + 1}") for k in range(clips)),
            )
            for mood in ("neutral", "anger", "sadness")
        ),
        classifier=classifier,
    )


def upload(samples, rate=16_000, kind="WAV"):
    import io

    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return rq.Clip(source=f"sha256:{store().put_input(file.getvalue(), 'audio/x')}", name="mine")


REQUESTS = {
    "explore": rq.ExploreRequest(clip=example("reader-198-a")),
    "compare": rq.CompareRequest(first=example("reader-1841-a"), second=example("reader-1898-a")),
    "survive": rq.SurviveRequest(clip=example("actor-11-anger-1"), pitch=2, snr_db=10),
    "triplet": rq.TripletRequest(
        anchor=example("reader-1034-a"),
        positive=example("reader-1034-b"),
        negative=example("reader-1898-a"),
    ),
    "personalise": rq.PersonaliseRequest(resamples=2),
    "teach": lesson(),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_the_same_request_gives_the_same_bytes(kind):
    def answer():
        result = run(REQUESTS[kind])
        return json.dumps(results.RESULTS.to_dict(result)), result.files

    first, files = answer()
    listening._kept.clear()  # nothing may depend on what was heard before
    second, again = answer()
    assert first == second
    assert files == again


@pytest.mark.parametrize("kind", REQUESTS)
def test_requests_and_results_survive_json(kind):
    request = REQUESTS[kind]
    assert rq.KINDS.from_dict(json.loads(json.dumps(rq.KINDS.to_dict(request)))) == request
    result = run(request)
    stored = json.loads(json.dumps(results.RESULTS.to_dict(result)))
    assert results.RESULTS.from_dict(stored) == replace(result, files={})


def test_another_clip_gives_another_answer():
    first = run(REQUESTS["explore"])
    second = run(rq.ExploreRequest(clip=example("reader-1743-a")))
    assert first.dots != second.dots
    assert first.log_mel.png != second.log_mel.png
    assert first.nearest != second.nearest


def test_the_final_embedding_is_another_layer():
    middle, final = (
        run(rq.ExploreRequest(clip=example("reader-198-a"), layer=layer))
        for layer in ("layer19", "embedding")
    )
    assert middle.dimensions != final.dimensions
    assert middle.similarity == final.other_similarity


def test_two_readers_in_turn_are_heard_as_turns_and_one_voice_is_not():
    """The joins are at 2.8, 5.6 and 8.4 s; a patch is 0.96 s long, so half a second is close."""
    turns = run(rq.ExploreRequest(clip=example("two-readers-in-turn"))).turns
    found = [join for join in (2.8, 5.6, 8.4) if any(abs(turn - join) <= 0.6 for turn in turns)]
    assert len(found) >= 2
    assert len(turns) <= 4
    for voice in ("reader-1841-a", "digits-george", "digits-nicolas"):
        assert run(rq.ExploreRequest(clip=example(voice))).turns == ()


def test_pieces_of_a_long_clip_are_those_of_one_pass():
    rng = np.random.default_rng(0)
    waveform = (0.1 * rng.standard_normal(16_000 * 20)).astype(np.float32)
    with listening.embedder(Job(method="trill"), rq.Hearing()) as net:
        pieces = listening.hear(Job(method="trill"), net, waveform, rq.Hearing())
        whole = net.embed(waveform)
    np.testing.assert_allclose(pieces.times, whole.times, atol=1e-5)
    np.testing.assert_allclose(pieces.log_mel, whole.log_mel, atol=1e-5)
    np.testing.assert_allclose(pieces.layer19, whole.layer19, atol=1e-3)


def test_a_clip_resembles_itself_more_than_any_known_pair():
    same = run(rq.CompareRequest(first=example("reader-198-a"), second=example("reader-198-a")))
    assert all(answer.cosine > 0.999 for answer in same.answers)
    assert all(answer.above_different > 0.99 for answer in same.answers)


def test_teaching_moods_of_one_actor_beats_chance_on_clips_it_did_not_hear():
    result = run(lesson())
    assert result.chance == pytest.approx(1 / 3, abs=1e-3)
    assert result.accuracy >= 7 / 9
    assert result.interval[0] < result.accuracy <= result.interval[1]
    assert np.sum(result.confusion) == 9
    assert np.trace(np.array(result.confusion)) == round(9 * result.accuracy)


def test_shuffled_labels_teach_nothing():
    clips = [
        example(f"actor-13-{m}-{k}") for k in (1, 2, 3) for m in ("neutral", "anger", "sadness")
    ]
    groups = tuple(
        rq.TeachClass(name=str(k), clips=tuple(clips[3 * k : 3 * k + 3])) for k in range(3)
    )
    assert run(rq.TeachRequest(classes=groups, classifier="lda")).accuracy <= 5 / 9


@pytest.mark.parametrize("classifier", rq.CLASSIFIERS)
def test_a_head_knows_its_own_clips_and_reads_back_from_both_files(classifier):
    from core.methods.trill import heads

    result = run(lesson(classifier))
    for name in ("head.json", "head.safetensors"):
        head = heads.head_from_bytes(result.files[name])
        assert head.labels == result.classes
        assert head.info["weights"] == result.weights
    answer = run(rq.ClassifyRequest(clip=example("actor-13-anger-2"), head=f"sha256:{result.head}"))
    assert answer.classes[int(np.argmax(answer.probabilities))] == "anger"
    assert sum(answer.probabilities) == pytest.approx(1, abs=1e-3)
    assert len(answer.series) == len(answer.times)


def test_a_class_of_one_clip_is_allowed_and_said():
    request = rq.TeachRequest(
        classes=(
            rq.TeachClass(name="a", clips=(example("actor-13-anger-1"),)),
            rq.TeachClass(
                name="b", clips=tuple(example(f"actor-13-sadness-{k}") for k in (1, 2, 3))
            ),
        )
    )
    result = run(request)
    assert any("“a” has one clip" in note for note in result.notes)
    assert result.clips[0].answer == 1  # nothing to learn from when it is left out


def test_no_change_moves_nothing_and_noise_moves_more_than_quiet_noise():
    result = run(rq.SurviveRequest(clip=example("reader-2384-a")))
    assert result.chosen.distance == pytest.approx(0, abs=1e-5)
    noise = [change.distance for change in result.sweep if change.group == "Noise"]
    assert noise == sorted(noise)
    assert len(result.files["changed.flac"]) > 1000


def test_a_triplet_with_the_anchor_as_positive_is_not_hard():
    clip = example("reader-1034-a")
    request = rq.TripletRequest(anchor=clip, positive=clip, negative=example("reader-1841-a"))
    for triangle in run(request).triangles:
        assert triangle.positive == pytest.approx(0, abs=1e-5)
        assert triangle.verdict in ("easy", "semi-hard")
        assert triangle.loss == pytest.approx(max(0, 0.2 - triangle.negative), abs=1e-3)


def test_the_live_check_names_chance_baselines_and_mistakes():
    result = run(rq.CheckRequest())
    assert [row.name for row in result.rows] == ["voice", "manner", "gender"]
    for row in result.rows:
        assert set(row.shares) == {"layer19", "embedding", "untrained", "mel", "mfcc"}
        assert row.interval[0] <= row.shares["embedding"] <= row.interval[1]
    wrong = round((1 - result.rows[0].shares["embedding"]) * result.rows[0].n)
    assert len(result.mistakes) == wrong


@pytest.mark.parametrize(
    ("samples", "note"),
    [
        (np.zeros(32_000, np.float32), "silent"),
        (np.full(1_700, 0.1, np.float32), "under one second"),
        (np.clip(np.sin(np.arange(32_000) / 9) * 3, -1, 1).astype(np.float32), "clipped"),
        (0.1 * np.random.default_rng(1).standard_normal((32_000, 2)).astype(np.float32), "stereo"),
    ],
)
def test_odd_sounds_get_a_finite_answer_and_a_note(samples, note):
    result = run(rq.ExploreRequest(clip=upload(samples)))
    assert any(note in line for line in result.heard.notes)
    assert all(np.isfinite([dot.x, dot.y]).all() for dot in result.dots)
    json.dumps(results.RESULTS.to_dict(result), allow_nan=False)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: rq.Clip(source="/etc/passwd"), InputError, "neither an example nor an upload"),
        (lambda: rq.Clip(source="example:a", start=3, end=2), InputError, "empty"),
        (lambda: run(rq.ExploreRequest(clip=example("nobody"))), NotFoundError, "no example"),
        (
            lambda: run(rq.ExploreRequest(clip=rq.Clip(source="sha256:" + "0" * 64))),
            NotFoundError,
            "Upload the file again",
        ),
        (
            lambda: run(rq.ExploreRequest(clip=example("reader-198-a", start=50.0))),
            InputError,
            "cut",
        ),
        (lambda: rq.TeachRequest(classes=()), InputError, "2 to 6"),
        (lambda: rq.TeachClass(name=" ", clips=(example("a"),)), InputError, "1 to 40"),
        (lambda: rq.SurviveRequest(clip=example("a"), rate=float("nan")), InputError, "0.7"),
        (lambda: rq.KINDS.from_dict({"kind": "explore", "clip": 3}), InputError, "object"),
        (
            lambda: rq.KINDS.from_dict(
                {"kind": "explore", "clip": {"source": "example:a"}, "path": "/etc"}
            ),
            InputError,
            "unknown setting",
        ),
        (lambda: run(rq.PersonaliseRequest(speaker="nobody")), InputError, "Choose one"),
        (
            lambda: run(rq.ExploreRequest(clip=example("reader-198-a"), tier="full")),
            Exception,
            "no weights on this machine",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value)) < 400


def _hash_of_the_shared_net():
    from core.cache import cache
    from core.cache.embedded import module_spec
    from core.methods.trill import embed

    spec = module_spec("trill embedded", listening.weights_folder("embedded"), embed.build)
    with cache().acquire(spec) as lease:
        digest = hashlib.sha256()
        for name, tensor in lease.obj.state_dict().items():
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest(), lease.obj.training


def test_the_shared_weights_stay_as_they_are_after_success_error_and_stop():
    before = _hash_of_the_shared_net()
    run(rq.CheckRequest())
    with pytest.raises(NotFoundError):
        run(rq.CompareRequest(first=example("reader-198-a"), second=example("nobody")))

    stopped = Job(method="trill", on_report=lambda *_: stopped.cancel_event.set())
    with pytest.raises(JobCancelled):
        pipeline.run(stopped, REQUESTS["survive"])
    assert _hash_of_the_shared_net() == before


def test_progress_is_told_in_order_and_ends_near_one():
    told = []
    listening._kept.clear()
    job = Job(method="trill", on_report=lambda fraction, *_: told.append(fraction))
    pipeline.run(job, REQUESTS["explore"])
    assert told == sorted(told)
    assert told[0] < 0.1
    assert told[-1] >= 0.9


@pytest.mark.slow
def test_training_on_own_clips_draws_a_curve_and_resumes():
    clips = tuple(example(f"reader-{k}-a") for k in ("198", "248", "1743", "2391"))
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        first = run(rq.TrainRequest(clips=clips, steps=10))
        longer = run(rq.TrainRequest(clips=clips, steps=20))
    assert [point.step for point in first.points] == [5, 10]
    assert [point.step for point in longer.points] == [5, 10, 15, 20]
    assert longer.points[:2] == first.points
    assert set(longer.files) == {"model.safetensors", "config.json"}
    config = json.loads(longer.files["config.json"])
    digest = hashlib.sha256(longer.files["model.safetensors"]).hexdigest()
    assert config["sha256"]["model.safetensors"] == digest


def test_the_command_line_builds_requests_and_writes_results(tmp_path):
    clip = gallery.example("actor-11-neutral-1").path
    request = pipeline.request_from_cli("explore", [clip], {"layer": "embedding"})
    assert request.layer == "embedding"
    written = pipeline.write_outputs(run(request), tmp_path / "out")
    assert {file.name for file in written} == {
        "result.json",
        "summary.txt",
        "embedding.safetensors",
        "picture.png",
    }
    kept = json.loads((tmp_path / "out" / "result.json").read_text())
    assert kept["kind"] == "explore"
    words = (tmp_path / "out" / "summary.txt").read_text()
    assert words.startswith("Among the shipped clips, this one sounds most like ")
    assert "<" not in words


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("compare", "The two clips sound more alike than "),
        ("teach", "Asked about clips it had not heard, the head is right on "),
        ("survive", "moves the embedding by "),
    ],
)
def test_the_command_line_says_the_verdict_in_plain_words(kind, words):
    said = commandline.summary(finished.finished(kind))
    assert words in said
    assert "<" not in said


def test_the_command_line_takes_classes_from_folders(tmp_path):
    for mood in ("anger", "sadness"):
        (tmp_path / mood).mkdir()
        for k in (1, 2):
            source = gallery.example(f"actor-13-{mood}-{k}").path
            (tmp_path / mood / source.name).write_bytes(source.read_bytes())
    request = pipeline.request_from_cli("teach", sorted(tmp_path.glob("*/*.flac")), {})
    assert [group.name for group in request.classes] == ["anger", "sadness"]
    assert run(request).counts == (2, 2)


@pytest.mark.parametrize(
    ("verb", "files", "params", "words"),
    [
        ("sing", [], {}, "no verb"),
        ("explore", [], {}, "needs 1"),
        ("explore", [Path("missing.wav")], {}, "no file"),
        ("survive", [Path(__file__)], {"pitch": "high"}, "number"),
        ("explore", [Path(__file__)], {"loudness": "1"}, "no setting"),
    ],
)
def test_the_command_line_refuses_in_words(verb, files, params, words):
    with pytest.raises(InputError, match=words):
        pipeline.request_from_cli(verb, files, params)


def test_the_shipped_examples_are_complete_small_and_licensed():
    folder = gallery.FOLDER
    listed = {clip.file for clip in gallery.examples().values()}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.flac")}
    assert listed == found
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 2.6e6
    for clip in gallery.examples().values():
        gallery.example_bytes(clip.id)  # checks the hash
        assert clip.licence in ("CC BY 4.0", "CC0 1.0", "CC BY-SA 4.0")
        assert (folder / clip.file).parent.joinpath("README.md").exists()


def test_what_the_page_keeps_ready_belongs_to_the_shipped_weights():
    """When this fails: python -m core.methods.trill.stored --data DATA"""
    from core.methods.trill import embed, finished, pairs

    weights = embed.read_config()["sha256"]["model.safetensors"][:12]
    assert pairs.measured_with() == weights
    for kind in ("explore", "compare", "teach", "survive", "triplet", "personalise", "check"):
        result = finished.finished(kind)
        assert result is not None
        assert result.weights == weights
