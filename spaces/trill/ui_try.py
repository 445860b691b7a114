"""The Try tab: one clip above four things to do with it, each result at the right of its settings."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.registry import SPACES
from core.ui import theme
from core.ui.actions import Shown
from core.ui.errors import visitor_errors
from core.ui.page import Page

from . import gallery, intake, lesson_panels, panels, reports, requests
from .board import board, plain, with_clips
from .requests import Clip
from .showing import VERBS, finished_panel, show_in

__all__ = ["EXAMPLES", "Try"]

EXAMPLES: tuple[tuple[str, str, str], ...] = (
    ("Two readers in turn", "two-readers-in-turn", "reader-1841-a"),
    ("One reader twice", "reader-1841-a", "reader-1841-b"),
    ("Two readers, both women", "reader-1841-a", "reader-1898-a"),
    ("One actor, neutral and angry", "actor-13-neutral-1", "actor-13-anger-1"),
    ("Two actors, both angry", "actor-11-anger-1", "actor-13-anger-2"),
    ("A sad actor", "actor-13-sadness-1", "actor-13-neutral-2"),
)
OPTIONS = {
    "tile": "Repeat clips under a second",
    "l2": "Teach on unit vectors",
    "standardise": "Teach on standardised vectors",
}


class Try:
    """Components and actions of the tab; the order of the methods is the order on the page."""

    def __init__(self, frame: Page) -> None:
        self.frame = frame
        with gr.Row(elem_id="tr-work", equal_height=False):
            with gr.Column(scale=5, min_width=320):
                self._clip()
                with gr.Tabs(elem_id="tr-modes") as self.modes:
                    with gr.Tab("Explore", id="explore", elem_id="tr-mode-explore"):
                        self.explore_button = self._button("Explore", "explore")
                    with gr.Tab("Compare", id="compare", elem_id="tr-mode-compare"):
                        self._compare()
                    with gr.Tab("Teach", id="teach", elem_id="tr-mode-teach"):
                        self._teach()
                    with gr.Tab("Change", id="survive", elem_id="tr-mode-survive"):
                        self._survive()
                self._advanced()
            with gr.Column(scale=8, min_width=340):
                self.bars, self.outputs = {}, {}
                for kind in ("explore", "compare", "teach", "survive"):
                    with gr.Column(elem_classes=["tr-out", f"tr-out-{kind}"]):
                        self.bars[kind] = frame.run_bar()
                        self.outputs[kind] = gr.HTML(
                            panels.empty("The result will stand here."),
                            js_on_load=None,
                            apply_default_css=False,
                        )

    # --- components -----------------------------------------------------------------------------

    def _clip(self) -> None:
        gr.HTML(
            theme.method_style_tag("trill")
            + '<p class="vt-look">Speak for a few seconds, drop a recording, or choose an example. '
            "Look for bright squares: stretches in which the voice stays the same. "
            '<span class="tr-mic">If the browser denies the microphone, allow it in the address '
            "bar or drop a file.</span></p>",
            apply_default_css=False,
            js_on_load=panels.PLAYER_JS + intake.FILES_JS,
        )
        self.clip = gr.Audio(
            label="Your clip",
            sources=["microphone", "upload"],
            buttons=["download"],  # "share" works on Hugging Face Spaces only
            type="filepath",
            elem_id="tr-clip",
            value=str(gallery.example(EXAMPLES[0][1]).path),
        )

    def _examples(self, second: gr.Audio) -> None:
        folder = SPACES / "trill" / "examples"
        gr.Examples(
            [
                [str(folder / gallery.example(a).file), str(folder / gallery.example(b).file)]
                for _, a, b in EXAMPLES
            ],
            [self.clip, second],
            example_labels=[label for label, _, _ in EXAMPLES],
            label="Examples (A and B)",
            api_visibility="private",
        )

    def _button(self, words: str, name: str) -> gr.Button:
        return gr.Button(
            words, variant="primary", elem_classes="vt-run-button", elem_id=f"tr-{name}"
        )

    def _compare(self) -> None:
        self.second = gr.Audio(
            label="Clip B (clip A is above)",
            sources=["microphone", "upload"],
            buttons=["download"],  # "share" works on Hugging Face Spaces only
            type="filepath",
            elem_id="tr-second",
            value=str(gallery.example(EXAMPLES[0][2]).path),
        )
        self.compare_button = self._button("Compare", "compare")

    def _teach(self) -> None:
        self.lesson = gr.State([])
        self.name = gr.Textbox(
            label="Name of the class",
            elem_id="tr-name",
            placeholder="for example: happy",
            max_length=40,
        )
        with gr.Row():
            self.cut = gr.Textbox(
                label="Part of the clip, in seconds", placeholder="all, or 1.5-3.0", max_lines=1
            )
            self.add = gr.Button("Add your clip", min_width=120, elem_id="tr-add")
        self.files = gr.File(
            label="or drop files of this class",
            elem_id="tr-files",
            file_count="multiple",
            height=110,
            type="filepath",
        )
        self.board = gr.HTML(lesson_panels.board([]), apply_default_css=False, js_on_load=None)
        with gr.Row():
            self.borrow = gr.Button(
                "Take an example lesson", size="sm", min_width=120, elem_id="tr-borrow"
            )
            self.clear = gr.Button("Start over", size="sm", min_width=90)
        self.classifier = gr.Radio(
            [
                ("logistic", "logistic"),
                ("LDA", "lda"),
                ("nearest centroid", "centroid"),
            ],
            value="logistic",
            label="Classifier",
        )
        with gr.Row():
            self.teach_button = self._button("Teach", "teach")
            self.classify_button = gr.Button(
                "Classify your clip", min_width=120, elem_id="tr-classify"
            )
        self.head = gr.State("")

    def _survive(self) -> None:
        self.pitch = gr.Slider(-6, 6, 3, step=0.5, label="Pitch, semitones")
        self.rate = gr.Slider(0.7, 1.4, 1.0, step=0.05, label="Rate, times as fast")
        self.noise = gr.Slider(
            0, 41, 41, step=1, label="Noise, dB below the voice", info="41 adds none"
        )
        self.room = gr.Slider(0, 2, 0, step=0.1, label="Reverberation, seconds")
        self.telephone = gr.Checkbox(False, label="Telephone band, 300 to 3400 Hz")
        self.survive_button = self._button("Change the sound", "survive")

    def _advanced(self) -> None:
        with gr.Accordion("Advanced", open=False):
            self.layer = gr.Radio(
                [
                    ("what suits the task", "auto"),
                    ("middle (layer 19)", "layer19"),
                    ("final embedding", "embedding"),
                ],
                value="auto",
                label="Layer",
                info="Distances suit the final embedding, small classifiers the middle layer.",
            )
            self.hop = gr.Slider(4, 96, 17, step=1, label="Patch hop, frames of 10 ms")
            self.c = gr.Slider(
                -3, 5, 0, step=0.5, label="C of the logistic classifier, power of 10"
            )
            self.options = gr.CheckboxGroup(
                [(words, key) for key, words in OPTIONS.items()],
                value=list(OPTIONS),
                label="Options",
            )
        self._examples(self.second)

    # --- from components to requests and back ---------------------------------------------------

    @property
    def hearing(self) -> list[Any]:
        """Components that decide how every clip is heard."""
        return [self.frame.tier, self.layer, self.hop, self.options]

    def _hearing(self, tier: str, layer: str, hop: float, options: list[str]) -> dict[str, Any]:
        chosen = {} if layer == "auto" else {"layer": layer}
        return chosen | {
            "tier": tier or "embedded",
            "hop_frames": int(hop),
            "padding": "tile" if "tile" in (options or []) else "zero",
        }

    def fill_hearing(self, request: dict[str, Any], kind: str) -> dict[Any, Any]:
        """Updates that put the shared settings back; a layer that suits the kind stays automatic."""
        suits = requests.KINDS[kind].__dataclass_fields__["layer"].default
        layer = request.get("layer", suits)
        options = ["tile"] if request.get("padding", "tile") == "tile" else []
        options += [key for key in ("l2", "standardise") if request.get(key, True)]
        return {
            self.frame.tier: request.get("tier", "embedded"),
            self.layer: "auto" if layer == suits else layer,
            self.hop: request.get("hop_frames", 17),
            self.options: options,
        }

    def make_explore(self, clip: str | None, *hearing: Any) -> requests.ExploreRequest:
        """Request of the Explore button."""
        return requests.ExploreRequest(clip=intake.clip_of_file(clip), **self._hearing(*hearing))

    def make_compare(
        self, clip: str | None, second: str | None, *hearing: Any
    ) -> requests.CompareRequest:
        """Request of the Compare button."""
        return requests.CompareRequest(
            first=intake.clip_of_file(clip, what="clip A"),
            second=intake.clip_of_file(second, what="clip B"),
            **self._hearing(*hearing),
        )

    def make_teach(
        self, lesson: list[Any], classifier: str, c: float, *hearing: Any
    ) -> requests.TeachRequest:
        """Request of the Teach button."""
        return requests.TeachRequest(
            classes=tuple(
                requests.TeachClass(name=name, clips=tuple(Clip(**clip) for clip in clips))
                for name, clips in lesson or []
            ),
            classifier=classifier,  # type: ignore[arg-type]
            c=10.0 ** float(c),
            l2="l2" in (hearing[3] or []),
            standardise="standardise" in (hearing[3] or []),
            **self._hearing(*hearing),
        )

    def make_classify(self, clip: str | None, head: str, tier: str) -> requests.ClassifyRequest:
        """Request of the Classify button."""
        from core.errors import InputError

        if not head:
            raise InputError(
                "There is no head yet. A head is what Teach makes. Press Teach first, then Classify your clip."
            )
        return requests.ClassifyRequest(
            clip=intake.clip_of_file(clip),
            head=f"sha256:{head}",
            tier=tier or "embedded",  # type: ignore[arg-type]
        )

    def make_survive(
        self,
        clip: str | None,
        pitch: float,
        rate: float,
        noise: float,
        room: float,
        telephone: bool,
        *hearing: Any,
    ) -> requests.SurviveRequest:
        """Request of the Change button."""
        return requests.SurviveRequest(
            clip=intake.clip_of_file(clip),
            pitch=float(pitch),
            rate=float(rate),
            snr_db=None if noise > 40 else float(noise),
            reverb_seconds=float(room),
            telephone=bool(telephone),
            **self._hearing(*hearing),
        )

    # --- the lesson -----------------------------------------------------------------------------

    def add_clip(
        self, lesson: list[Any], name: str, clip: str | None, cut: str
    ) -> tuple[list[Any], str]:
        """Handler of “Add your clip”."""
        with visitor_errors():
            start, end = intake.parse_cut(cut or "")
            made = intake.clip_of_file(clip)
            part = Clip(source=made.source, name=made.name, start=start, end=end)
            lesson = with_clips(lesson, name, [part])
        return lesson, board(lesson)

    def add_files(
        self, lesson: list[Any], name: str, files: list[str] | None
    ) -> tuple[list[Any], str, None]:
        """Handler of the drop zone."""
        with visitor_errors():
            lesson = with_clips(lesson, name, [intake.clip_of_file(file) for file in files or []])
        return lesson, board(lesson), None

    def borrow_lesson(self) -> tuple[list[Any], str]:
        """Handler of “Take an example lesson”: three moods of one actor, three clips each."""
        lesson = [
            (mood, [plain(Clip(source=f"example:actor-13-{mood}-{k}")) for k in (1, 2, 3)])
            for mood in ("neutral", "anger", "sadness")
        ]
        return lesson, board(lesson)

    # --- actions --------------------------------------------------------------------------------

    def act(self, why: gr.HTML) -> None:
        """Declare the actions; a result of Explore also goes to `why`, step by step."""
        frame, outputs, bars = self.frame, self.outputs, self.bars

        frame.action(
            "explore",
            bar=bars["explore"],
            triggers=[self.explore_button.click],
            inputs=[self.clip, *self.hearing],
            outputs=[outputs["explore"], why, self.modes],
            make=self.make_explore,
            show=lambda shown: (
                show_in(outputs["explore"])(shown) | {why: reports.why_panel(shown.result)}
            ),
            fill=lambda r: (
                {self.clip: intake.file_of_clip(r["clip"])}
                | self.fill_hearing(r, "explore")
                | self._turn_to("explore")
            ),
            **VERBS.action("explore"),
        )
        frame.action(
            "compare",
            bar=bars["compare"],
            triggers=[self.compare_button.click],
            inputs=[self.clip, self.second, *self.hearing],
            outputs=[outputs["compare"], self.modes],
            make=self.make_compare,
            show=show_in(outputs["compare"]),
            fill=lambda r: (
                {
                    self.clip: intake.file_of_clip(r["first"]),
                    self.second: intake.file_of_clip(r["second"]),
                }
                | self.fill_hearing(r, "compare")
                | self._turn_to("compare")
            ),
            **VERBS.action("compare"),
        )
        self._act_on_lesson()
        frame.action(
            "survive",
            title="Change the sound",
            bar=bars["survive"],
            triggers=[self.survive_button.click],
            inputs=[
                self.clip,
                self.pitch,
                self.rate,
                self.noise,
                self.room,
                self.telephone,
                *self.hearing,
            ],
            outputs=[outputs["survive"], self.modes],
            make=self.make_survive,
            show=show_in(outputs["survive"]),
            fill=lambda r: (
                {
                    self.clip: intake.file_of_clip(r["clip"]),
                    self.pitch: r["pitch"],
                    self.rate: r["rate"],
                    self.noise: 41 if r["snr_db"] is None else r["snr_db"],
                    self.room: r["reverb_seconds"],
                    self.telephone: r["telephone"],
                }
                | self.fill_hearing(r, "survive")
                | self._turn_to("survive")
            ),
            **VERBS.action("survive"),
        )

    def _act_on_lesson(self) -> None:
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        frame, output = self.frame, self.outputs["teach"]
        self.add.click(
            self.add_clip,
            [self.lesson, self.name, self.clip, self.cut],
            [self.lesson, self.board],
            **private,
        )
        self.files.upload(
            self.add_files,
            [self.lesson, self.name, self.files],
            [self.lesson, self.board, self.files],
            **private,
        )
        self.borrow.click(self.borrow_lesson, None, [self.lesson, self.board], **private)
        self.clear.click(lambda: ([], board([])), None, [self.lesson, self.board], **private)

        def show(shown: Shown) -> dict[Any, Any]:
            return show_in(output)(shown) | {self.head: shown.result.head}

        frame.action(
            "teach",
            bar=self.bars["teach"],
            triggers=[self.teach_button.click],
            inputs=[self.lesson, self.classifier, self.c, *self.hearing],
            outputs=[output, self.head, self.board, self.modes],
            make=self.make_teach,
            show=show,
            fill=self._fill_teach,
            **VERBS.action("teach"),
        )
        frame.action(
            "classify",
            bar=self.bars["teach"],
            triggers=[self.classify_button.click],
            inputs=[self.clip, self.head, frame.tier],
            outputs=[output, self.modes],
            make=self.make_classify,
            show=show_in(output),
            fill=lambda r: (
                {
                    self.clip: intake.file_of_clip(r["clip"]),
                    self.head: r["head"].partition(":")[2],
                    frame.tier: r["tier"],
                }
                | self._turn_to("teach")
            ),
            **VERBS.action("classify"),
        )

    def _fill_teach(self, request: dict[str, Any]) -> dict[Any, Any]:
        import math

        lesson = [(group["name"], list(group["clips"])) for group in request["classes"]]
        return {
            self.lesson: lesson,
            self.board: board(lesson),
            self.classifier: request["classifier"],
            self.c: math.log10(request["c"]),
        } | (self.fill_hearing(request, "teach") | self._turn_to("teach"))

    def _turn_to(self, mode: str) -> dict[Any, Any]:
        """Show the part of the tab that a link, a file or a running job belongs to."""
        return {self.modes: gr.Tabs(selected=mode)}

    def opening(self) -> dict[Any, Any]:
        """What the tab shows before the visitor did anything."""
        return {output: finished_panel(kind) for kind, output in self.outputs.items()}
