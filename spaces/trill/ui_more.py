"""The tabs behind Try: Why, Check, Train your own, About."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context

from core.ui.actions import Shown
from core.ui.page import Page

from . import about, gallery, intake, panels, reports, requests
from .finished import MARK, finished
from .requests import Clip
from .results import ExploreResult
from .showing import VERBS, finished_panel, show_in
from .ui_try import Try

MOMENTS: tuple[tuple[str, str, float, float | None], ...] = (
    ("Two readers in turn, first voice", "two-readers-in-turn", 0.3, 1.5),
    ("Two readers in turn, second voice", "two-readers-in-turn", 3.2, 4.4),
    ("Two readers in turn, first voice again", "two-readers-in-turn", 6.0, 7.2),
)


def _html(value: str = "") -> gr.HTML:
    return gr.HTML(value, js_on_load=None, apply_default_css=False)


def _moments() -> list[tuple[str, str]]:
    """Choices of the triplet lab: label, and source with its cut."""
    found = [(label, f"{name}|{start}|{end}") for label, name, start, end in MOMENTS]
    return found + [(gallery.example(name).title, f"{name}||") for name in _CLIPS]


_CLIPS = (
    "reader-1034-a",
    "reader-1034-b",
    "reader-1235-a",
    "reader-1841-a",
    "reader-1841-b",
    "reader-1898-a",
    "actor-13-neutral-1",
    "actor-13-anger-1",
    "actor-11-neutral-1",
    "actor-11-anger-1",
)


def clip_of_moment(choice: str) -> Clip:
    """The clip behind one choice of the triplet lab."""
    name, start, end = [*str(choice).split("|"), "", ""][:3]
    gallery.example(name)
    return Clip(
        source=f"example:{name}",
        start=float(start) if start else 0.0,
        end=float(end) if end else None,
    )


def _choice(clip: dict[str, Any]) -> str:
    name = clip["source"].partition(":")[2]
    for _, known, start, end in MOMENTS:
        if known == name and abs(start - clip["start"]) < 1e-6 and end == clip["end"]:
            return f"{known}|{start}|{end}"
    return f"{name}||"


class Why:
    """What the method did with the clip, and the triplet lab."""

    def __init__(self, frame: Page, tried: Try) -> None:
        self.panel = _html()
        with gr.Row(elem_id="tr-triplet"):
            # all other choices come with the texts: three lists of names weigh half a kilobyte
            moments = {source: label for label, source in _moments()}
            values = ("reader-1841-a||", "reader-1841-b||", "reader-1898-a||")
            self.choices = [
                gr.Dropdown([(moments[value], value)], value=value, label=label, min_width=220)
                for label, value in zip(("Anchor", "Positive", "Negative"), values, strict=True)
            ]
        with gr.Row():
            self.button = gr.Button(
                "Measure the triplet",
                variant="primary",
                elem_classes=["vt-run-button", "tr-short"],
                elem_id="tr-measure",
            )
        bar = frame.run_bar()
        self.output = _html()

        def make(anchor: str, positive: str, negative: str, *hearing: Any) -> Any:
            return requests.TripletRequest(
                anchor=clip_of_moment(anchor),
                positive=clip_of_moment(positive),
                negative=clip_of_moment(negative),
                **tried._hearing(*hearing),
            )

        frame.action(
            "triplet",
            title="Triplet",
            bar=bar,
            triggers=[self.button.click],
            inputs=[*self.choices, *tried.hearing],
            outputs=[self.output],
            make=make,
            show=show_in(self.output),
            fill=lambda r: (
                {
                    box: _choice(r[name])
                    for box, name in zip(
                        self.choices, ("anchor", "positive", "negative"), strict=True
                    )
                }
                | tried.fill_hearing(r, "triplet")
            ),
            **VERBS.action("triplet"),
        )


class Check:
    """Known answers: the stored benchmark, a live check, the personalisation curve."""

    def __init__(self, frame: Page, tried: Try) -> None:
        self.scores = _html()
        with gr.Row():
            self.button = gr.Button(
                "Check again on the shipped clips",
                elem_classes=["vt-run-button", "tr-short"],
                elem_id="tr-check",
            )
        bar = frame.run_bar()
        self.output = _html()
        self.speaker = gr.Dropdown(
            list(gallery.digit_speakers()),
            value=gallery.digit_speakers()[0],
            label="Personalise: digits of one speaker",
            info="How much do a few clips of this speaker help? Choose one, and it runs.",
        )
        self.curve = _html()
        frame.action(
            "check",
            title="Check on the shipped clips",
            bar=bar,
            triggers=[self.button.click],
            inputs=list(tried.hearing),
            outputs=[self.output],
            make=lambda *hearing: requests.CheckRequest(**tried._hearing(*hearing)),
            show=show_in(self.output),
            fill=lambda r: tried.fill_hearing(r, "check"),
            **VERBS.action("check"),
        )
        frame.action(
            "personalise",
            title="Personalise",
            bar=bar,
            triggers=[self.speaker.input],
            inputs=[self.speaker, *tried.hearing],
            outputs=[self.curve],
            make=lambda speaker, *hearing: requests.PersonaliseRequest(
                speaker=str(speaker), **tried._hearing(*hearing)
            ),
            show=show_in(self.curve),
            fill=lambda r: {self.speaker: r["speaker"]} | tried.fill_hearing(r, "personalise"),
            **VERBS.action("personalise"),
        )


class Train:
    """Own recordings to own weights."""

    def __init__(self, frame: Page) -> None:
        with gr.Row():
            with gr.Column(scale=5, min_width=300):
                self.files = gr.File(
                    label="Recordings", file_count="multiple", type="filepath", height=150
                )
                self.steps = gr.Slider(10, 2000, 60, step=10, label="Steps")
                self.button = gr.Button(
                    "Train", variant="primary", elem_classes="vt-run-button", elem_id="tr-train"
                )
            with gr.Column(scale=8, min_width=320):
                bar = frame.run_bar()
                self.output = _html(reports.training_start())

        def make(files: list[str] | None, steps: float) -> requests.TrainRequest:
            return requests.TrainRequest(
                clips=tuple(intake.clip_of_file(file) for file in files or []),
                steps=int(steps),
            )

        def show(shown: Shown) -> dict[Any, Any]:
            stored = "Stored run" if shown.stored else ""
            return {self.output: reports.train_panel(shown.result, shown.link, stored)}

        frame.action(
            "train",
            title="Train your own",
            bar=bar,
            triggers=[self.button.click],
            inputs=[self.files, self.steps],
            outputs=[self.output],
            make=make,
            show=show,
            preview=lambda points: {self.output: reports.training_curves(points)},
            fill=lambda r: {
                self.files: [f for clip in r["clips"] if (f := intake.file_of_clip(clip))] or None,
                self.steps: r["steps"],
            },
            **VERBS.action("train"),
            heavy=True,
            grad=True,
        )


class About:
    """Limits, numbers, licences."""

    def __init__(self) -> None:
        self.panel = _html()


def load_texts(why: Why, check: Check, more: About) -> None:
    """Bring the long texts after the page itself, so that its first bytes stay few."""

    def texts() -> dict[Any, Any]:
        explored = finished("explore")
        shown = (
            reports.why_panel(explored, MARK)
            if isinstance(explored, ExploreResult)
            else panels.empty("")
        )
        return {
            why.panel: shown,
            check.scores: reports.scores_panel(),
            more.panel: about.panel(),
            **{box: gr.Dropdown(choices=_moments()) for box in why.choices},
        }

    blocks = Context.root_block
    assert blocks is not None, "a page is laid out inside a Blocks"
    blocks.load(
        texts,
        None,
        [why.panel, check.scores, more.panel, *why.choices],
        api_visibility="private",
        show_progress="hidden",
    )


def opening(why: Why, check: Check) -> dict[Any, Any]:
    """Finished examples of these tabs."""
    return {
        why.output: finished_panel("triplet"),
        check.output: finished_panel("check"),
        check.curve: finished_panel("personalise"),
    }
