"""The tabs behind Try: Why with Explain one image, Check, Train your own, About."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context

from core.ui.page import Page

from . import about, gallery, panels, panels_check, panels_explain, panels_live, requests, ui_shown
from .requests import ExplainRequest
from .showing import VERBS
from .ui_shown import html, show_in
from .ui_try import Try

_NO_NUMBERS = "Decompose a concept, and its way through the method will stand here."
_EXPLAIN = (
    '<div class="co"><h3>Explain one image</h3><p>A concept may need ten words, one picture of it only two. '
    "Words are left out one by one, the smallest first, as long as the picture stays the same. This takes the "
    "concept and the settings of the Try tab.</p></div>"
)


class Why:
    """What the method did with the concept, and the fewest words that draw one picture of it."""

    def __init__(self, frame: Page, tried: Try) -> None:
        self.intro = html(_EXPLAIN)
        with gr.Row(elem_id="co-explained"):
            self.seed = gr.Number(0, label="Seed of the picture", precision=0, min_width=120)
            self.threshold = gr.Slider(
                0.8, 0.99, 0.93, step=0.01, label="Threshold of likeness", min_width=180
            )
            self.target = gr.Radio(
                [("nearest", "auto"), ("original", "original"), ("its words", "reconstruction")],
                value="auto",
                label="Stay alike to",
                min_width=200,
            )
            self.button = gr.Button(
                "Explain",
                variant="primary",
                elem_classes=["vt-run-button", "co-short"],
                elem_id="co-explain",
            )
        bar = frame.run_bar()
        self.output = html(js_on_load=panels_explain.THRESHOLD_JS)
        self.panel = html()
        shared = [*tried.tier, tried.model, *tried.controls.inputs]

        def make(concept: str, seed: float, threshold: float, target: str, tier: str, model: str, *settings: Any) -> ExplainRequest:  # fmt: skip
            return ExplainRequest(
                concept=str(concept or "").strip(),
                seed=int(seed or 0),
                threshold=round(float(threshold), 4),
                target=target,  # type: ignore[arg-type]  # checked by the request itself
                **tried.on_model(tier, model, settings),
            )

        def fill(request: dict[str, Any]) -> dict[Any, Any]:
            own = {
                tried.concept: request["concept"],
                self.seed: request["seed"],
                self.threshold: request["threshold"],
                self.target: request["target"],
            }
            return tried._fill("decompose", request, own)

        frame.action(
            "explain",
            title="Explain",
            bar=bar,
            triggers=[self.button.click],
            inputs=[tried.concept, self.seed, self.threshold, self.target, *shared],
            outputs=[self.output, tried.modes],
            make=make,
            show=show_in(self.output),
            preview=lambda seen: {self.output: panels_live.panel(seen, "explain")},
            fill=fill,
            grad=True,
            **VERBS.action("explain"),
        )


class Check:
    """Known answers: the stored evaluation, and a live check on planted words."""

    def __init__(self, frame: Page) -> None:
        self.scores = html()
        with gr.Row():
            self.count = gr.Slider(1, 12, 1, step=1, label="Words, each learnt from the start")
            self.seed = gr.Number(0, label="Seed: which words", precision=0, min_width=110)
            self.button = gr.Button(
                "Check now", elem_classes=["vt-run-button", "co-short"], elem_id="co-check"
            )
        bar = frame.run_bar()
        self.output = html()
        frame.action(
            "check",
            title="Check",
            bar=bar,
            triggers=[self.button.click],
            inputs=[self.count, self.seed],
            outputs=[self.output],
            make=lambda count, seed: requests.CheckRequest(
                num_words=int(count), seed=int(seed or 0)
            ),
            show=show_in(self.output),
            preview=lambda seen: {self.output: panels_live.panel(seen, "check")},
            fill=lambda r: {self.count: r["num_words"], self.seed: r["seed"]},
            grad=True,
            **VERBS.action("check"),
        )


class Train:
    """The recipe of the text tower as a job: its curve while it runs, weights at its end."""

    def __init__(self, frame: Page) -> None:
        with gr.Row():
            with gr.Column(scale=5, min_width=300):
                self.preset = gr.Radio(
                    [
                        ("smoke: everything works, seconds", "smoke"),
                        ("cpu: two cores, half an hour", "cpu"),
                        ("gpu: one GPU", "gpu"),
                    ],
                    value="smoke",
                    label="Recipe",
                    info="Teaches the text tower to read a sum of words in one place, from pictures that it draws "
                    "itself. Stop keeps the last checkpoint, and the same preset goes on from there.",
                )
                self.button = gr.Button(
                    "Train", variant="primary", elem_classes="vt-run-button", elem_id="co-train"
                )
            with gr.Column(scale=8, min_width=320):
                bar = frame.run_bar()
                self.output = html(panels_check.training_start())
        frame.action(
            "train",
            title="Train your own",
            bar=bar,
            triggers=[self.button.click],
            inputs=[self.preset],
            outputs=[self.output],
            make=lambda preset: requests.TrainRequest(preset=preset),
            show=show_in(self.output),
            preview=lambda points: {self.output: panels_check.training_curves(points)},
            fill=lambda r: {self.preset: r["preset"]},
            heavy=True,
            grad=True,
            **VERBS.action("train"),
        )


class About:
    """Limits, settings of the authors, licences."""

    def __init__(self) -> None:
        self.panel = html()


def load_texts(tried: Try, check: Check, more: About) -> None:
    """Bring the long texts and lists after the page itself, so that its first bytes stay few."""

    def texts() -> dict[Any, Any]:
        words = gallery.choices()
        return {
            check.scores: panels_check.scores_panel(),
            more.panel: about.panel(),
            **{box: gr.Dropdown(words) for box in (tried.concept, tried.other, tried.audited)},
        }

    blocks = Context.root_block
    assert blocks is not None, "a page is laid out inside a Blocks"
    blocks.load(
        texts,
        None,
        [check.scores, more.panel, tried.concept, tried.other, tried.audited],
        api_visibility="private",
        show_progress="hidden",
    )


def opening(tried: Try, why: Why, check: Check) -> dict[Any, Any]:
    """Finished examples of all tabs."""
    first = tried.opening()
    return {
        why.panel: panels.empty(_NO_NUMBERS),
        why.output: ui_shown.finished_panel("explain"),
        check.output: ui_shown.finished_panel("check"),
        **first,
    }
