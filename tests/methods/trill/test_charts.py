"""Charts and panels: they say what they show, escape what they are given, and fit both grounds."""

import dataclasses
import re
from xml.etree import ElementTree

import pytest

from core.methods.trill import about, charts, finished, lesson_panels, panels, reports
from core.methods.trill.results import TrainPoint

EVIL = '"><script>alert(1)</script>'


def no_link(name):
    return ""


def test_every_chart_is_well_formed_and_labelled():
    drawn = [
        charts.waveform([0.1, 0.5, 1.0], 3.0, [1.2]),
        charts.histograms(0, 1, [0.1] * 10, [0.1] * 10, 0.4, "cosine 0.4"),
        charts.distance_bars([("A", "b", 0.3, True)], (0.1, 0.5, 0.9), "distances"),
        charts.curve(
            [1, 2], [("own", [(0.5, 0.4, 0.6), (0.7, 0.6, 0.8)])], "curve", "clips", (0, 1)
        ),
        charts.score_row(
            0.5, marks=[("chance", 0.1)], interval=(0.4, 0.6), low=0, high=1, label="x"
        ),
        charts.triangle(0.5, 1.0, 0.2, "triangle"),
        charts.training([(10, 0.4), (20, 0.3)], "loss", "loss over steps"),
        charts.series_over_time([0.5, 1.0], [(0.2, 0.8), (0.6, 0.4)], ["a", "b"], 1.5),
        about.how_it_works(),
    ]
    for text in drawn:
        root = ElementTree.fromstring(text)
        assert root.get("aria-label")
        assert "nan" not in text.lower()


def test_colours_come_from_the_page_so_that_both_grounds_work():
    drawn = charts.histograms(0, 1, [0.1] * 4, [0.2] * 4, 0.5, "x") + about.how_it_works()
    assert not re.search(r'(fill|stroke)="#[0-9a-f]{3,6}"', drawn)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.3, 0.9), (0, 11.2), (0.5, 0.50001)])
def test_ticks_are_round_and_inside(low, high):
    found = charts.ticks(low, high)
    assert 1 <= len(found) <= 12
    assert all(low - 1e-6 <= tick <= high + 1e-6 for tick in found)


def test_names_from_visitors_are_escaped_everywhere():
    drawn = [
        charts.confusion([EVIL, "b"], [[1, 0], [0, 1]]),
        charts.share_bars([EVIL, "b"], [0.4, 0.6], EVIL),
        charts.legend([EVIL]),
        lesson_panels.board([(EVIL, [EVIL])]),
        panels.empty(EVIL),
    ]
    for text in drawn:
        assert "<script" not in text
        assert "&lt;script" in text


@pytest.mark.parametrize(
    "kind", ["explore", "compare", "teach", "survive", "triplet", "personalise"]
)
def test_a_panel_opens_with_a_sentence_and_a_picture(kind):
    from core.methods.trill.showing import PANELS

    result = finished.finished(kind)
    text = PANELS[kind](result, no_link, "stored")
    assert "tr-stored" in text
    assert "<svg" in text or "<img" in text
    for image in re.findall(r"<img[^>]*>", text):
        assert re.search(r'alt="[^"]+"', image)
    assert text.index("tr-stored") < (text.find("<svg") if "<svg" in text else len(text))


def test_a_comparison_never_claims_who_speaks():
    text = panels.compare_panel(finished.finished("compare"), no_link)
    assert "no proof of who speaks" in text
    assert not re.search(r"same (person|speaker)\b", text)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.001, "under 1 %"), (0.93, "93 %"), (0.999, "over 99 %"), (1, "100 %")],
)
def test_shares_are_not_rounded_to_certainty(share, words):
    assert panels.percent(share) == words


def test_the_benchmark_shows_baselines_chance_and_interval(monkeypatch):
    score = {
        "name": "speaker",
        "value": 0.9,
        "unit": "",
        "better": "higher",
        "baseline": 0.8,
        "baseline_name": "log-mel",
        "chance": 0.1,
        "n": 60,
        "interval": [0.85, 0.94],
        "details": {
            "all": {
                "trained": {"value": 0.9, "chosen": "layer19, lda"},
                "untrained": {"value": 0.7},
                "MFCC": {"value": 0.95},
                "log-mel": {"value": 0.8},
            }
        },
    }
    monkeypatch.setattr(reports, "read_scores", lambda: ([score], {}))
    text = reports.scores_panel()
    assert "<b>0 of 1</b>" in text  # MFCC is better here, and the page says so
    assert "n = 60" in text
    assert "85.0 % to 94.0 %" in text
    assert "tr-chance" in text


def test_training_curves_draw_what_was_told():
    points = tuple(TrainPoint(step=k, loss=1 / k, top1=0.1 * k, spread=1.0) for k in range(1, 6))
    text = reports.training_curves(points)
    assert text.count("<polyline") == 3
    assert "collapse" in text


def test_about_quotes_only_sourced_numbers():
    text = about.panel()
    assert "frill/1" in text
    assert "46.8 %" in text
    assert "surveillance" in text
    assert "2002.12764" not in text or "arXiv" in text


def explored(**changes):
    """The panel of the finished example, with other facts about its clip."""
    result = finished.finished("explore")
    heard = dataclasses.replace(result.heard, **changes)
    return panels.explore_panel(dataclasses.replace(result, heard=heard), no_link)


@pytest.mark.parametrize("changes", [{"notes": ("silent",)}, {"peak_db": -120.0}])
def test_silence_gets_no_voice(changes):
    panel = explored(**changes)
    assert "This clip is silent, so nothing below means anything." in panel
    assert "sounds most like" not in panel
    assert "seems to change at" not in panel.split("tr-wavebox")[0]


def test_little_sound_gets_a_cautious_answer():
    assert "with care" not in explored()
    assert "This clip is very short, so take" in explored(seconds=0.2)
    quiet = explored(notes=("very quiet: -61 dB of full scale on average",))
    assert "This clip is very quiet, so take" in quiet
    assert "sounds most like" in quiet


def test_moments_are_listed_as_in_a_sentence():
    assert panels.listed(["2.9"]) == "2.9"
    assert panels.listed(["2.9", "5.2"]) == "2.9 and 5.2"
    assert panels.listed(["2.9", "4.0", "5.2"]) == "2.9, 4.0 and 5.2"
