"""Words, scenes and true answers: what is known of a picture before and after an edit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.errors import InputError
from core.media import image
from core.media.image_writing import png
from core.methods.imagic import intake
from core.methods.imagic import requests as rq
from core.world.diffusion.judge import Judge
from core.world.render import render
from tests.core.world.diffusion.tiny import IMAGE
from tests.methods.imagic.borrowed import SeeingJudge
from tests.methods.imagic.piped import EDIT, LEARNING, SCENE, run

pytestmark = pytest.mark.usefixtures("model")


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


def test_without_a_judge_an_edit_still_gives_its_strip(judge):
    judge(Judge())
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
