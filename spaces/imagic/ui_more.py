"""The tabs behind Try: Why, Check, Train your own, About."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.context import Context

from core.ui.page import Page

from . import about, explained, gallery, panels, reports, requests, ui_shown
from .results import StripResult
from .showing import VERBS
from .ui_shown import MARK, finished, finished_link, html, show_in
from .ui_try import Try

ABLATION = "ablation"  # name of its finished result


class Why:
    """What the method did with the picture, and the same without stage 2."""

    def __init__(self, frame: Page, tried: Try) -> None:
        self.panel = html()
        with gr.Row():
            self.button = gr.Button(
                "Repeat without stage 2",
                elem_classes=["vt-run-button", "im-short"],
                elem_id="im-ablation",
            )
        bar = frame.run_bar()
        self.output = html()
        controls = tried.controls
        tier = [frame.tier] if frame.tier is not None else [gr.State("embedded")]

        def make(*values: Any) -> requests.EditRequest:
            full = tried.make_edit(*values)
            sampling = replace(full.sampling, seeds=full.sampling.seeds[:1], forget="none")
            learning = replace(full.learning, tuning="none")
            return replace(full, learning=learning, sampling=sampling, baselines=())

        frame.action(
            "ablation",
            title="Without stage 2",
            bar=bar,
            triggers=[self.button.click],
            inputs=[
                tried.held,
                tried.target,
                *tier,
                tried.model,
                controls.baselines,
                *controls.learning,
                *controls.sampling,
            ],
            outputs=[self.output],
            make=make,
            show=show_in(self.output, explained.ablation_panel),
            grad=True,
            **VERBS.action("edit"),
        )


class Check:
    """Known answers: the stored evaluation, and a live check on fresh scenes."""

    def __init__(self, frame: Page) -> None:
        self.scores = html()
        with gr.Row():
            self.count = gr.Slider(
                1, requests.MAX_CHECK_SCENES, 2, step=1, label="Scenes, each learnt from the start"
            )
            self.button = gr.Button(
                "Check now", elem_classes=["vt-run-button", "im-short"], elem_id="im-check"
            )
        bar = frame.run_bar()
        self.output = html()
        frame.action(
            "check",
            title="Check",
            bar=bar,
            triggers=[self.button.click],
            inputs=[self.count],
            outputs=[self.output],
            make=lambda count: requests.CheckRequest(num_scenes=int(count)),
            show=show_in(self.output),
            fill=lambda r: {self.count: r["num_scenes"]},
            grad=True,
            **VERBS.action("check"),
        )


class Train:
    """The recipe of the model as a job: curves while it runs, weights at its end."""

    def __init__(self, frame: Page) -> None:
        with gr.Row():
            with gr.Column(scale=5, min_width=300):
                self.preset = gr.Radio(
                    [
                        ("smoke: everything works, a minute", "smoke"),
                        ("cpu: two cores, hours", "cpu"),
                        ("gpu: one GPU", "gpu"),
                    ],
                    value="smoke",
                    label="Recipe",
                    info="Makes its own pictures and captions; nothing is downloaded. Stop keeps the "
                    "last checkpoint, and the same preset goes on from there.",
                )
                self.button = gr.Button(
                    "Train", variant="primary", elem_classes="vt-run-button", elem_id="im-train"
                )
            with gr.Column(scale=8, min_width=320):
                bar = frame.run_bar()
                self.output = html(reports.training_start())
        frame.action(
            "train",
            title="Train your own",
            bar=bar,
            triggers=[self.button.click],
            inputs=[self.preset],
            outputs=[self.output],
            make=lambda preset: requests.TrainRequest(preset=preset),
            show=show_in(self.output),
            preview=lambda points: {self.output: reports.training_curves(points)},
            fill=lambda r: {self.preset: r["preset"]},
            heavy=True,
            grad=True,
            **VERBS.action("train"),
        )


class About:
    """Limits, numbers, licences."""

    def __init__(self) -> None:
        self.panel = html()


def load_texts(tried: Try, why: Why, check: Check, more: About) -> None:
    """Bring the long texts after the page itself, so that its first bytes stay few."""

    def texts() -> dict[Any, Any]:
        first = next(iter(gallery.examples()), "")
        result = finished(first)
        shown = (
            explained.why_panel(result, finished_link(first), MARK)
            if isinstance(result, StripResult)
            else panels.empty("Edit a picture, and its numbers will stand here.")
        )
        return {why.panel: shown, check.scores: reports.scores_panel(), more.panel: about.panel()}

    blocks = Context.root_block
    assert blocks is not None, "a page is laid out inside a Blocks"
    blocks.load(
        texts,
        None,
        [why.panel, check.scores, more.panel],
        api_visibility="private",
        show_progress="hidden",
    )


def opening(why: Why, check: Check) -> dict[Any, Any]:
    """Finished examples of these tabs."""
    return {
        why.output: ui_shown.finished_panel(ABLATION, explained.ablation_panel),
        check.output: ui_shown.finished_panel("check"),
    }
