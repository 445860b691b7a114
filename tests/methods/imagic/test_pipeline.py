"""The pipeline on a tiny random model: edits, kits, strips, stops, and a base that nothing changes."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import threading
import zipfile

import numpy as np
import pytest
import torch

from core import cache, settings
from core.errors import DeviceOutOfMemory, InputError, JobCancelled, NotFoundError, WeightsError
from core.jobs import Job, JobRunner
from core.media import image
from core.media.image_writing import png, tiles
from core.methods.imagic import algorithm, borrowing, edit, intake, pipeline, tuning
from core.methods.imagic import requests as rq
from core.methods.imagic import results as rs
from core.methods.imagic.config import Learning, Sampling
from core.methods.imagic.parts import Parts
from core.runs import store
from core.runs.request import to_json
from core.world.diffusion import loading
from core.world.render import render
from tests.methods.imagic.borrowed import PlainJudge, SeeingJudge
from tests.methods.imagic.tiny import IMAGE, tiny_pipeline

LEARNING = Learning(
    embedding_steps=3, embedding_lr=1e-2, tuning_steps=3, tuning_lr=1e-2, rank=2, batch_size=2
)
SAMPLING = Sampling(etas=(0.0, 0.5, 1.0), seeds=(1, 2), steps=2)
SCENE = rq.Picture(source="example:sitting-dog")
EDIT = rq.EditRequest(
    picture=SCENE, target="a sitting dog", learning=LEARNING, sampling=SAMPLING, baselines=()
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tiny model as the folder that the embedded tier is."""
    place = tmp_path_factory.mktemp("weights") / "text_to_image"
    tiny_pipeline().save_pretrained(place, safe_serialization=True)
    loading.seal(place)
    return place


@pytest.fixture(scope="module")
def held():
    """One real cache for all tests, as in a hub that runs for long."""
    made = cache.from_settings(settings.current())
    yield made
    cache.use(None)


@pytest.fixture(autouse=True)
def model(folder, held, monkeypatch):
    """The tiny model in that cache; rough strips are drawn only where a test looks at them."""
    monkeypatch.setattr(loading, "FOLDER", folder)
    monkeypatch.setattr(edit, "previews_of", lambda sampling: None)
    cache.use(held)


@pytest.fixture(scope="module")
def edited(folder, held):
    """One edit that several tests look at, with all that there is beside the strip."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "FOLDER", folder)
        patch.setattr(edit, "previews_of", lambda sampling: None)
        patch.setattr(borrowing, "judging", judged_by(PlainJudge()))
        cache.use(held)
        return run(dataclasses.replace(EDIT, baselines=rq.BASELINES))


def judged_by(one):
    """Stands in for `borrowing.judging`."""

    @contextlib.contextmanager
    def judging(job, tier):
        yield one

    return judging


@pytest.fixture
def judge(monkeypatch):
    """Lets a test say who judges."""

    def choose(one):
        monkeypatch.setattr(borrowing, "judging", judged_by(one))

    choose(PlainJudge())
    return choose


def run(request, **job):
    return pipeline.run(Job(method="imagic", **job), request)


def base():
    """The shared model's hash and names, as it lies in the cache now."""
    with borrowing.model(Job(method="imagic"), "embedded") as parts:
        return borrowing.base_hash(parts), tuple(parts.unet.state_dict())


def test_an_edit_gives_everything_that_the_page_shows(edited):
    result = edited
    assert isinstance(result, rs.EditResult)
    assert result.etas == SAMPLING.etas
    assert result.strip == rs.Sheet(file="strip.png", rows=2, columns=3, tile=IMAGE)
    strip = tiles(result.files["strip.png"], 2, 3)
    assert strip.shape == (2, 3, IMAGE, IMAGE, 3)
    assert np.allclose(result.scores.text, strip.mean((2, 3, 4)) / 255, atol=1e-4)
    assert [b.name for b in result.baselines] == [
        "text to image", "SDEdit 0.4", "SDEdit 0.6", "SDEdit 0.8", "DDIM inversion",
    ]  # fmt: skip
    others = tiles(result.files["baselines.png"], 2, 5)
    assert np.allclose(
        [b.text for b in result.baselines], (others.mean((2, 3, 4)) / 255).T, atol=1e-4
    )
    assert np.array_equal(others[0, 4], others[1, 4]), "inversion has no seed"
    assert [s.name for s in result.stages] == [
        "picture", "embedding", "tuning", "sampling", "baselines", "scores",
    ]  # fmt: skip
    assert [s.steps for s in result.stages[1:3]] == [3, 3]
    assert result.losses.embedding[0].loss == result.losses.target
    assert result.untouched
    assert result.base_after == base()[0]
    known = image.load(result.files["input.png"]).pixels
    assert np.array_equal(known, render([intake.open_picture(SCENE, IMAGE).scene], size=IMAGE)[0])
    assert set(result.files) >= {"kit.zip", "picture.png", "reconstruction.png", "lora.safetensors"}
    assert rs.RESULTS.from_dict(json.loads(json.dumps(rs.RESULTS.to_dict(result)))) == (
        dataclasses.replace(result, files={})
    )


def test_the_same_request_gives_the_same_pictures_and_another_seed_does_not(judge, edited):
    one = edited
    same = run(dataclasses.replace(EDIT, baselines=rq.BASELINES))
    assert one.files["strip.png"] == same.files["strip.png"]
    assert one.files["baselines.png"] == same.files["baselines.png"]
    assert one.losses == same.losses
    other = run(dataclasses.replace(EDIT, learning=dataclasses.replace(LEARNING, seed=5)))
    assert other.files["strip.png"] != one.files["strip.png"]


def test_a_job_without_gradients_learns_all_the_same(judge, edited):
    """The command line starts jobs in inference mode."""
    runner = JobRunner()
    plain = runner.submit(pipeline.run, EDIT, method="imagic", heavy=True).result(60)
    taught = runner.submit(pipeline.run, EDIT, method="imagic", heavy=True, grad=True).result(60)
    assert plain.files["strip.png"] == taught.files["strip.png"] == edited.files["strip.png"]
    assert runner.shutdown()


def test_drawing_again_from_a_kit_gives_the_strip_of_the_edit(judge, edited):
    first = edited
    source, target = intake.kit_of_bytes(first.files["kit.zip"], "kit.zip")
    assert target == "a sitting dog"
    again = run(rq.ResampleRequest(kit=source, sampling=SAMPLING))
    assert isinstance(again, rs.ResampleResult)
    assert again.files["strip.png"] == first.files["strip.png"]
    assert again.losses == first.losses
    assert again.known
    assert again.seen == first.seen
    assert again.baselines == ()
    assert again.untouched
    twice, _ = intake.kit_of_bytes(again.files["kit.zip"], "kit.zip")
    more = run(rq.ResampleRequest(kit=twice, sampling=dataclasses.replace(SAMPLING, seeds=(9,))))
    assert more.strip.rows == 1
    assert more.files["strip.png"] != first.files["strip.png"]


def test_another_text_on_a_kit_is_called_an_approximation(judge, edited):
    source, _ = intake.kit_of_bytes(edited.files["kit.zip"], "kit.zip")
    other = run(rq.ResampleRequest(kit=source, target="a standing dog", sampling=SAMPLING))
    assert not other.known
    assert (other.target, other.kit_target) == ("a standing dog", "a sitting dog")
    with pytest.raises(InputError, match="glorbs"):
        run(rq.ResampleRequest(kit=source, target="a dog glorbs", sampling=SAMPLING))


def test_the_kit_of_a_stored_run_can_be_drawn_again(judge, edited):
    first = edited
    saved = store().save(
        method="imagic", request={}, result=rs.RESULTS.to_dict(first), artifacts=first.files
    )
    again = run(rq.ResampleRequest(kit=f"run:{saved.id}", sampling=SAMPLING))
    assert again.files["strip.png"] == first.files["strip.png"]
    bare = store().save(
        method="imagic", request={}, result={}, artifacts={"a.png": png(np.zeros((4, 4), np.uint8))}
    )
    with pytest.raises(NotFoundError, match="no edit kit"):
        run(rq.ResampleRequest(kit=f"run:{bare.id}"))


def test_a_kit_of_another_model_is_refused_and_both_models_are_named(
    judge, edited, tmp_path, monkeypatch
):
    source, _ = intake.kit_of_bytes(edited.files["kit.zip"], "kit.zip")
    other = tmp_path / "text_to_image"
    tiny_pipeline(seed=1).save_pretrained(other, safe_serialization=True)
    monkeypatch.setattr(loading, "FOLDER", other)
    with pytest.raises(InputError, match="was learnt with the model"):
        run(rq.ResampleRequest(kit=source, sampling=SAMPLING))


def test_uploads_keep_their_notes_and_travel_in_their_kit(judge):
    photo = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    picture = intake.picture_of_bytes(png(photo), "../holiday.png")
    assert picture.name == "holiday.png"
    result = run(dataclasses.replace(EDIT, picture=picture))
    assert result.seen.format == "PNG"
    assert (result.seen.width, result.seen.height) == (60, 40)
    assert any("largest square" in note for note in result.seen.notes)
    assert result.truth is None
    assert "whole scenes" in result.truth_note
    with zipfile.ZipFile(io.BytesIO(result.files["kit.zip"])) as kit:
        assert kit.read("input.png") == result.files["input.png"]
    source, _ = intake.kit_of_bytes(result.files["kit.zip"], "kit.zip")
    again = run(rq.ResampleRequest(kit=source, sampling=SAMPLING))
    assert again.files["input.png"] == result.files["input.png"]


# --- words and truth ----------------------------------------------------------------------------


def test_words_that_the_small_world_has_never_seen_are_named_with_the_nearest_ones(judge):
    for request in (
        dataclasses.replace(EDIT, target="a sittng dog"),
        dataclasses.replace(
            EDIT, learning=dataclasses.replace(LEARNING, source_caption="a sittng dog")
        ),
        rq.ImagineRequest(text="a sittng dog"),
    ):
        with pytest.raises(InputError, match=r"sittng.*did you mean sitting"):
            run(request)


def test_the_true_answer_is_judged_where_it_is_known(judge):
    opened = intake.open_picture(SCENE, IMAGE)
    asked, _ = intake.true_edit(opened.scene, "a sitting dog")
    after = render([asked.after], size=IMAGE)[0]
    judge(SeeingJudge([(after, asked.after), (opened.pixels, asked.before)]))
    result = run(dataclasses.replace(EDIT, baselines=("text to image",)))
    truth = result.truth
    assert truth is not None
    assert (truth.family, truth.was, truth.asked) == ("pose", "standing", "sitting")
    assert np.array_equal(image.load(result.files["answer.png"]).pixels, after)
    assert not any(cell.right for row in truth.cells for cell in row), "noise shows no dog"
    assert truth.best is None
    assert [len(b.cells) for b in result.baselines] == [2]


def test_a_picture_that_is_the_true_answer_is_right_and_keeps_everything(judge):
    from core.methods.imagic import scoring

    opened = intake.open_picture(SCENE, 64)
    asked, _ = intake.true_edit(opened.scene, "a sitting dog")
    after = render([asked.after])[0]
    strange = dataclasses.replace(
        asked.after,
        background="snow",
        backdrop=dataclasses.replace(asked.after.backdrop, horizon=-1.0),
    )
    moved = render([strange])[0]
    seeing = SeeingJudge([(after, asked.after), (opened.pixels, asked.before), (moved, strange)])
    answer = scoring.answer_of(seeing, asked, 64)
    judged = scoring.cells(
        seeing, answer, np.stack([[opened.pixels, after, moved]]), opened.pixels
    )[0]
    unedited, perfect, careless = judged
    assert (unedited.right, unedited.found, unedited.kept) == (False, "standing", 1.0)
    assert (perfect.right, perfect.found, perfect.kept) == (True, "sitting", 1.0)
    assert unedited.background == 0
    assert perfect.background is not None
    assert perfect.background < 0.01 < careless.background
    assert careless.right
    assert careless.kept < 1
    assert scoring.truth_of(answer, (judged,)).best == (0, 1)


def test_without_a_judge_an_edit_still_gives_its_strip():
    result = run(EDIT)
    assert "not on this machine" in result.scores.measured_by
    assert result.suggestion.column is None
    assert result.truth is None
    assert "probe" in result.truth_note
    assert "answer.png" in result.files


def test_a_part_of_a_scene_has_no_true_answer():
    part = rq.Picture(source="scene:5", crop=rq.Crop(side=0.5))
    opened = intake.open_picture(part, 64)
    whole = intake.open_picture(rq.Picture(source="scene:5"), 64)
    assert opened.scene is None
    assert opened.pixels.shape == (64, 64, 3)
    assert not np.array_equal(opened.pixels, whole.pixels)
    large = render([whole.scene], size=128)[0][:64, :64]
    assert np.abs(opened.pixels.astype(int) - large).mean() < 1


def test_a_scene_of_the_gallery_is_known_through_whichever_door_it_comes():
    scene = intake.open_picture(SCENE, 64)
    assert intake.picture_of_bytes(png(scene.pixels), "copy.png").source == "example:sitting-dog"
    changed = scene.pixels.copy()
    changed[0, 0] ^= 1
    assert intake.picture_of_bytes(png(changed), "copy.png").kind == "sha256"


def test_random_scenes_are_fixed_by_their_seed_and_differ():
    one, same, other = (intake.open_picture(rq.Picture(source=f"scene:{k}"), 64) for k in (3, 3, 4))
    assert np.array_equal(one.pixels, same.pixels)
    assert not np.array_equal(one.pixels, other.pixels)
    assert one.seen.caption.startswith("a photo of ")


# --- imagine ------------------------------------------------------------------------------------


def test_imagining_gives_one_picture_for_each_seed(judge):
    result = run(rq.ImagineRequest(text="a sitting dog", seeds=(4, 5, 6), steps=5))
    assert isinstance(result, rs.ImagineResult)
    pictures = tiles(result.files["imagined.png"], 1, 3)[0]
    assert len({p.tobytes() for p in pictures}) == 3
    assert np.allclose(result.scores, pictures.mean((1, 2, 3)) / 255, atol=1e-4)
    pipe = tiny_pipeline()
    pipe.set_progress_bar_config(disable=True)
    same = pipe(
        "a sitting dog", height=IMAGE, width=IMAGE, num_inference_steps=5, guidance_scale=3.0,
        output_type="np", generator=torch.Generator().manual_seed(5),
    ).images[0]  # fmt: skip
    assert np.abs(pictures[1].astype(float) - same * 255).max() <= 1


# --- stops, early ends, faults ------------------------------------------------------------------


class Stopped(Job):
    """Stops itself at a stage, and notes what it was told."""

    def __init__(self, stage="", early=""):
        super().__init__(method="imagic", on_report=self.hear)
        self.stage, self.early, self.heard = stage, early, []

    def hear(self, fraction, text, preview):
        self.heard.append((fraction, text, preview))
        seen = getattr(preview, "stage", "")
        if self.early and seen == self.early and preview.step >= 1:
            self.early_end.ask()
        if self.stage and (seen == self.stage or text.startswith(self.stage)):
            self.cancel_event.set()


@pytest.fixture
def chatty(monkeypatch):
    """Every step is reported, so that a test can act at each."""
    from core.methods.imagic import following

    monkeypatch.setattr(tuning, "QUIET", 0.0)
    monkeypatch.setattr(following, "QUIET", 0.0)


@pytest.mark.parametrize(
    "stage", ["Fetching", "embedding", "tuning", "sampling", "baselines", "scores"]
)
def test_a_stop_in_any_stage_ends_the_edit_and_leaves_the_base_as_it_was(judge, chatty, stage):
    before = base()
    with pytest.raises(JobCancelled):
        pipeline.run(Stopped(stage), dataclasses.replace(EDIT, baselines=("text to image",)))
    assert base() == before


def test_progress_rises_to_the_end_and_carries_previews(judge, chatty, monkeypatch):
    monkeypatch.setattr(edit, "previews_of", algorithm.previews_of)
    job = Stopped()
    pipeline.run(job, dataclasses.replace(EDIT, baselines=rq.BASELINES))
    fractions = [f for f, _, _ in job.heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    glimpses = [p for _, _, p in job.heard if p is not None]
    assert {g.stage for g in glimpses} >= {"embedding", "tuning", "sampling", "baselines"}
    shown = next(g for g in glimpses if g.strip)
    assert tiles(shown.strip, 1, len(shown.etas)).shape == (1, 3, IMAGE, IMAGE, 3)
    assert any(len(g.curve) >= 2 for g in glimpses)


@pytest.mark.parametrize("stage", ["embedding", "tuning"])
def test_an_early_end_keeps_the_best_so_far_and_says_so(judge, chatty, stage):
    long = dataclasses.replace(LEARNING, embedding_steps=12, tuning_steps=12)
    result = pipeline.run(Stopped(early=stage), dataclasses.replace(EDIT, learning=long))
    assert stage in result.ended_early
    short = {s.name: (s.steps, s.steps_asked) for s in result.stages if s.steps_asked}
    done, asked = short[stage]
    assert 0 < done < asked == 12
    assert result.losses.optimised <= result.losses.target + 1e-9
    assert tiles(result.files["strip.png"], 2, 3).shape[0] == 2
    assert result.untouched


def test_memory_that_runs_out_in_tuning_is_said_in_words_and_leaves_the_base(judge, monkeypatch):
    before = base()
    real = tuning.errors

    def full(parts, unet, *args):
        if any(p.requires_grad for p in unet.parameters()):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(parts, unet, *args)

    monkeypatch.setattr(tuning, "errors", full)
    with pytest.raises(DeviceOutOfMemory, match=r"tuning the network.*Choose a smaller"):
        run(EDIT)
    assert base() == before


def test_a_fault_in_the_middle_leaves_the_base_as_it_was(judge, monkeypatch):
    before = base()

    def broken(*args, **kwargs):
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "decode", broken)
        with pytest.raises(ZeroDivisionError):
            run(EDIT)
    assert base() == before


def test_two_edits_at_once_give_what_each_gives_alone(judge):
    other = dataclasses.replace(
        EDIT,
        target="a standing dog",
        learning=dataclasses.replace(LEARNING, tuning="full", tuning_lr=1e-3),
    )
    before = base()
    alone = [run(EDIT), run(other)]
    together: list = [None, None]
    gate = threading.Barrier(2)

    def work(k, request):
        gate.wait()
        together[k] = run(request)

    threads = [threading.Thread(target=work, args=(k, r)) for k, r in enumerate((EDIT, other))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for one, same in zip(alone, together, strict=True):
        assert same is not None
        assert one.files["strip.png"] == same.files["strip.png"]
        assert same.untouched
    assert base() == before


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "FOLDER", tmp_path / "text_to_image")
    with pytest.raises(WeightsError, match=r"not in .*text_to_image yet.*train imagic"):
        run(EDIT)


# --- kits from outside --------------------------------------------------------------------------


def repacked(data, change):
    """A kit with some members changed; None leaves one out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= change(members)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return target.getvalue()


@pytest.fixture
def good_kit(edited):
    """A kit as an edit gives it."""
    return edited.files["kit.zip"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {"kit.json": None}, "no edit kit"),
        (lambda m: {"more.bin": b"x"}, "no edit kit"),
        (lambda m: {"../kit.json": b"{}"}, "no edit kit"),
        (lambda m: {"kit.json": b"{"}, "JSON"),
        (lambda m: {"kit.json": b"{}"}, "does not say what it was made for"),
        (lambda m: {"kit.json": b" " * (2**20 + 1)}, "more than 1 MB"),
        (
            lambda m: {"kit.json": m["kit.json"].replace(b'"target": "a sitting dog"', b'"target": 5')},
            "text",
        ),
    ],
)  # fmt: skip
def test_a_kit_that_is_none_is_refused_before_it_is_kept(good_kit, change, words):
    with pytest.raises(InputError, match=words):
        intake.kit_of_bytes(repacked(good_kit, change), "kit.zip")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {"kit.safetensors": m["kit.safetensors"][:-8]}, "damaged"),
        (
            lambda m: {"kit.safetensors": m["kit.safetensors"][:-4] + b"\x00\x00\x80\x3f"},
            "changed after it was written",
        ),
        (lambda m: {"input.png": png(np.zeros((20, 20, 3), np.uint8))}, "20 x 20 pixels"),
        (lambda m: {"input.png": b"%PDF-1.7"}, "PDF"),
    ],
)  # fmt: skip
def test_a_kit_that_was_changed_is_refused_when_it_is_used(good_kit, change, words, judge):
    source, _ = intake.kit_of_bytes(repacked(good_kit, change), "kit.zip")
    with pytest.raises(InputError, match=words):
        run(rq.ResampleRequest(kit=source, sampling=SAMPLING))


def test_a_file_that_is_no_kit_is_refused():
    for data in (b"", b"PK\x03\x04 but no more", png(np.zeros((20, 20, 3), np.uint8))):
        with pytest.raises(InputError, match=r"Use the kit\.zip"):
            intake.kit_of_bytes(data, "kit.zip")
    with pytest.raises(InputError, match="no edit kit yet"):
        intake.kit_of_file(None)


def test_a_kit_never_fetches_an_upload_of_somebody_else(good_kit, judge):
    secret = intake.picture_of_bytes(png(np.full((40, 40, 3), 9, np.uint8)), "secret.png")

    def point_at(members):
        told = json.loads(members["kit.json"])
        told["about"]["picture"] = to_json(secret)
        return {"kit.json": json.dumps(told).encode(), "input.png": None}

    source, _ = intake.kit_of_bytes(repacked(good_kit, point_at), "kit.zip")
    with pytest.raises(InputError, match="carries no picture"):
        run(rq.ResampleRequest(kit=source, sampling=SAMPLING))


def test_the_gallery_says_when_a_kit_is_not_ready(monkeypatch, tmp_path):
    from core.methods.imagic import gallery

    monkeypatch.setattr(gallery, "KITS", tmp_path)
    with pytest.raises(NotFoundError, match="has not been made yet"):
        run(rq.ResampleRequest(kit="gallery:sitting-dog"))
    with pytest.raises(NotFoundError, match="no scene"):
        run(rq.ResampleRequest(kit="gallery:flying-pig"))


# --- what others ask of the pipeline ------------------------------------------------------------


def test_the_seconds_on_a_gpu_grow_with_the_work():
    small = pipeline.gpu_seconds(EDIT)
    large = pipeline.gpu_seconds(
        dataclasses.replace(EDIT, tier="full", learning=Learning(embedding_steps=500))
    )
    strip = pipeline.gpu_seconds(rq.ResampleRequest(kit="gallery:sitting-dog"))
    assert 0 < small < large
    assert strip > 0
    assert pipeline.gpu_seconds(rq.CheckRequest(num_scenes=4)) > pipeline.gpu_seconds(
        rq.CheckRequest()
    )


def test_the_models_to_place_are_named_and_those_that_are_missing_left_out(
    folder, tmp_path, monkeypatch
):
    names = [spec.name for spec in pipeline.preload()]
    assert any("text_to_image" in n or "embedded" in n for n in names)
    assert "stable-diffusion-v1-5" in names
    monkeypatch.setattr(loading, "FOLDER", tmp_path / "nothing")
    assert len(list(pipeline.preload())) < len(names)
