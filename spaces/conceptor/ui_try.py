"""The Try tab: one concept above four things to do with it, each result at the right.

Decompose takes the concept apart, Mix changes the weights of its words, Compare lays it beside another
one, Audit reads how several concepts lean between two groups of words.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.readiness import tier_readiness
from core.ui import jobs, theme
from core.ui.actions import Shown
from core.ui.early_end import EARLY_JS, end_early
from core.ui.page import Page

from . import SPEC, board, gallery, panels, panels_live, panels_mix, requests, ui_shown
from .panels_found import decompose_panel
from .panels_why import why_panel
from .requests import AuditRequest, CompareRequest, DecomposeRequest
from .results import DecomposeResult
from .showing import VERBS
from .ui_settings import Controls
from .ui_shown import MARK, NOTHING_YET, STORED, finished_link, html
from .ui_typed import parse_seeds, parse_words, words_of

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
MODES = ("decompose", "mix", "compare", "audit")
FIRST = gallery.CONCEPTS[0]
_LOOK = (
    "Choose a word and see which other words the model thinks of when it draws it. Look whether these words "
    "alone draw the same pictures."
)


class Try:
    """Components and actions of the tab; the order of the methods is the order on the page."""

    def __init__(self, frame: Page) -> None:
        self.frame = frame
        self.tier = [frame.tier] if frame.tier is not None else [gr.State("embedded")]
        with gr.Row(elem_id="co-work", equal_height=False):
            with gr.Column(scale=5, min_width=320):
                self._concept()
                with gr.Tabs(elem_id="co-modes") as self.modes:
                    with gr.Tab("Decompose", id="decompose", elem_id="co-mode-decompose"):
                        self.decompose_button = self._button("Decompose", "decompose")
                    with gr.Tab("Mix", id="mix", elem_id="co-mode-mix"):
                        self._mix()
                    with gr.Tab("Compare", id="compare", elem_id="co-mode-compare"):
                        self._compare()
                    with gr.Tab("Audit", id="audit", elem_id="co-mode-audit"):
                        self._audit()
                self.controls = Controls()
            with gr.Column(scale=8, min_width=340):
                self.bars, self.outputs = {}, {}
                for mode in MODES:
                    with gr.Column(elem_classes=["co-out", f"co-out-{mode}"]):
                        self.bars[mode] = frame.run_bar()
                        self.outputs[mode] = html(panels.empty(NOTHING_YET))

    # --- components -----------------------------------------------------------------------------

    def _concept(self) -> None:
        html(
            theme.method_style_tag("conceptor") + f'<p class="vt-look">{_LOOK}</p>',
            js_on_load=EARLY_JS + board.RUN_JS,
            server_functions=[end_early],
        )
        self.board = html(js_on_load=board.BOARD_JS, elem_id="co-board")
        # all other choices come with the texts: the list weighs more than the rest of the tab
        self.concept = self._words("Concept", FIRST, elem_id="co-concept")
        self.model = gr.Dropdown(
            list(requests.MODELS),
            value=DecomposeRequest.__dataclass_fields__["model"].default,
            label="Checkpoint of the full model",
            visible=False,
        )

    def _words(self, label: str, value: Any, **options: Any) -> gr.Dropdown:
        known = list(value) if isinstance(value, tuple) else [value]
        return gr.Dropdown(
            known,
            value=known if isinstance(value, tuple) else value,
            multiselect=isinstance(value, tuple) or None,
            label=label,
            allow_custom_value=True,
            **options,
        )

    def _button(self, words: str, name: str) -> gr.Button:
        return gr.Button(
            words, variant="primary", elem_classes="vt-run-button", elem_id=f"co-{name}"
        )

    def _mix(self) -> None:
        self.held = html("", html_template="", js_on_load=panels_mix.HELD_JS)
        self.mixer = html(panels_mix.mixer("", ()), js_on_load=panels_mix.MIXER_JS)
        self.seeds = gr.Textbox("0, 1, 2, 3", label="Seeds, one picture each", max_lines=1)
        self.mix_button = self._button("Draw the mix", "mix")

    def _compare(self) -> None:
        self.other = self._words("Compare with", gallery.COMPARED[1])
        self.compare_button = self._button("Compare", "compare")

    def _audit(self) -> None:
        usual = AuditRequest(concepts=("x",))
        self.audited = self._words("Concepts", gallery.AUDITED)
        with gr.Row():
            self.group_a = gr.Textbox(words_of(usual.group_a), label="First group", min_width=110)
            self.group_b = gr.Textbox(words_of(usual.group_b), label="Second group", min_width=110)
        with gr.Row():
            self.counted = gr.Slider(
                4, 256, usual.pictures, step=4, label="Pictures of each", min_width=130
            )
            self.strength = gr.Slider(
                0, 1, usual.strength, step=0.05, label="Mitigate: how far", min_width=130
            )
        self.audit_button = self._button("Audit", "audit")

    # --- the board ------------------------------------------------------------------------------

    def choose(self, event: gr.EventData, tier: str) -> dict[Any, Any]:
        """Handler of a word of the board."""
        return self.open_concept(str(event._data.get("word", ""))[: requests.MAX_CONCEPT], tier)

    def open_concept(self, word: Any, tier: str = "embedded") -> dict[Any, Any]:
        """Updates that put a concept into its field, with its finished result where there is one."""
        word = str(word or "")
        updates: dict[Any, Any] = {self.concept: word, self.board: board.board(tier, word)}
        result = gallery.finished(word) if tier == "embedded" and word in gallery.CONCEPTS else None
        if not isinstance(result, DecomposeResult):
            return updates
        request = gallery.request(word)
        return (
            updates
            | self.controls.fill_request(request)
            | {
                self.bars["decompose"]: jobs.idle_html(),
                self.outputs["decompose"]: decompose_panel(result, finished_link(word), MARK),
                self.why: why_panel(result, finished_link(word), MARK),
            }
            | self._put_into_mixer(request, result)
        )

    def _put_into_mixer(self, request: dict[str, Any], result: DecomposeResult) -> dict[Any, Any]:
        return {
            self.held: panels_mix.held(request, result.concept),
            self.mixer: panels_mix.mixer(result.concept, result.elements),
        }

    def change_tier(self, tier: str, preset: str) -> dict[Any, Any]:
        """Handler of the model selector: other words, other defaults."""
        full = tier == "full"
        words = gallery.choices(tier)
        usual = AuditRequest(concepts=("x",))
        groups = gallery.FULL_GROUPS if full else (words_of(usual.group_a), words_of(usual.group_b))
        audited = ["doctor"] if full else list(gallery.AUDITED)
        first, second = words[0][1], words[1][1] if full else gallery.COMPARED[1]
        return {
            self.model: gr.Dropdown(visible=full),
            self.board: board.board(tier, first),
            self.concept: gr.Dropdown(words, value=first, allow_custom_value=True),
            self.other: gr.Dropdown(words, value=second, allow_custom_value=True),
            self.audited: gr.Dropdown(
                words, value=audited, multiselect=True, allow_custom_value=True
            ),
            self.group_a: groups[0],
            self.group_b: groups[1],
        } | self.controls.start_from(preset, tier)

    # --- from components to requests and back ---------------------------------------------------

    def on_model(self, tier: str, model: str, settings: tuple[Any, ...]) -> dict[str, Any]:
        """Arguments that every request shares."""
        return {
            "tier": tier or "embedded",
            "model": model,
            "settings": self.controls.make(*settings),
        }

    def make_decompose(self, concept: str, tier: str, model: str, *settings: Any) -> Any:
        """Request of the Decompose button."""
        return DecomposeRequest(
            concept=str(concept or "").strip(), **self.on_model(tier, model, settings)
        )

    def make_compare(self, one: str, other: str, tier: str, model: str, *settings: Any) -> Any:
        """Request of the Compare button."""
        pair = {"one": str(one or "").strip(), "other": str(other or "").strip()}
        return CompareRequest(**pair, **self.on_model(tier, model, settings))

    def make_audit(
        self, concepts: list[str], a: str, b: str, pictures: float, strength: float,
        tier: str, model: str, *settings: Any,
    ) -> Any:  # fmt: skip
        """Request of the Audit button."""
        return AuditRequest(
            concepts=parse_words(concepts),
            group_a=parse_words(a),
            group_b=parse_words(b),
            pictures=int(pictures),
            strength=float(strength),
            **self.on_model(tier, model, settings),
        )

    @staticmethod
    def make_mix(held: str, seeds: str) -> requests.MixRequest:
        """Request of the Draw the mix button."""
        return panels_mix.request_of(held, parse_seeds(seeds))

    def _fill(self, mode: str, request: dict[str, Any], own: dict[Any, Any]) -> dict[Any, Any]:
        tier = request.get("tier", "embedded")
        model = request.get("model", requests.MODELS[1])
        return (
            own
            | {self.modes: gr.Tabs(selected=mode), self.model: gr.Dropdown(list(requests.MODELS), value=model, visible=tier == "full")}
            | ({self.frame.tier: tier} if self.frame.tier is not None else {})
            | self.controls.fill_request(request)
        )  # fmt: skip

    # --- actions --------------------------------------------------------------------------------

    def act(self, why: gr.HTML) -> None:
        """Declare the actions; a decomposition also goes to `why`, step by step."""
        self.why = why
        shared = [*self.tier, self.model, *self.controls.inputs]

        def show_decomposition(shown: Shown) -> dict[Any, Any]:
            stored = STORED if shown.stored else ""
            updates = {
                self.outputs["decompose"]: decompose_panel(shown.result, shown.link, stored),
                why: why_panel(shown.result, shown.link, stored),
            }
            if shown.run is not None:
                updates |= self._put_into_mixer(shown.run.request["request"], shown.result)
            return updates

        def show_mix(shown: Shown) -> dict[Any, Any]:
            updates = ui_shown.show_in(self.outputs["mix"])(shown)
            if shown.stored and shown.run is not None:  # else the sliders stand where they were put
                told = shown.run.request["request"]
                own = (told.get("factors") or {}, told.get("solo") or "", told.get("mute") or ())
                updates[self.mixer] = panels_mix.mixer(shown.result.concept, shown.result.before, *own)  # fmt: skip
            return updates

        self._action("decompose", self.decompose_button, [self.concept, *shared], self.make_decompose,
            show_decomposition, [why, self.board, self.held, self.mixer], lambda r: {
                self.concept: r["concept"], self.board: board.board(r.get("tier", "embedded"), r["concept"]),
            })  # fmt: skip
        self._action("mix", self.mix_button, [self.held, self.seeds], self.make_mix, show_mix,
            [self.mixer, self.model, *self.tier, *self.controls.inputs], lambda r: {
                self.held: panels_mix.held(r, r["concept"]), self.seeds: words_of([str(s) for s in r["seeds"]]),
            })  # fmt: skip
        self._action("compare", self.compare_button, [self.concept, self.other, *shared], self.make_compare,
            ui_shown.show_in(self.outputs["compare"]), [], lambda r: {self.concept: r["one"], self.other: r["other"]})  # fmt: skip
        self._action("audit", self.audit_button,
            [self.audited, self.group_a, self.group_b, self.counted, self.strength, *shared], self.make_audit,
            ui_shown.show_in(self.outputs["audit"]), [], lambda r: {
                self.audited: list(r["concepts"]), self.group_a: words_of(r["group_a"]), self.group_b: words_of(r["group_b"]),
                self.counted: r["pictures"], self.strength: r["strength"],
            })  # fmt: skip
        self._act_on_the_board()

    def _action(
        self, mode: str, button: gr.Button, inputs: list[Any], make: Any, show: Any, more: list[Any], own: Any
    ) -> None:  # fmt: skip
        output = self.outputs[mode]
        self.frame.action(
            mode,
            bar=self.bars[mode],
            triggers=[button.click],
            inputs=inputs,
            outputs=[output, self.modes, *more],
            make=make,
            show=show,
            preview=lambda seen: {output: panels_live.panel(seen, mode)},
            fill=lambda r: self._fill(mode, r, own(r)),
            grad=True,
            **VERBS.action(mode),
        )

    def _act_on_the_board(self) -> None:
        opened = [
            self.concept, self.board, self.bars["decompose"], self.outputs["decompose"], self.why,
            self.held, self.mixer, *self.controls.inputs,
        ]  # fmt: skip
        self.board.concept(self.choose, self.tier, opened, **PRIVATE)
        self.concept.input(self.open_concept, [self.concept, *self.tier], opened, **PRIVATE)
        self.controls.preset.input(
            self.controls.start_from,
            [self.controls.preset, *self.tier],
            self.controls.inputs,
            **PRIVATE,
        )
        if self.frame.tier is not None:
            changed = [
                self.model, self.board, self.concept, self.other, self.audited, self.group_a, self.group_b,
                *self.controls.inputs,
            ]  # fmt: skip
            self.frame.tier.input(
                self.change_tier, [*self.tier, self.controls.preset], changed, **PRIVATE
            )

    def opening(self) -> dict[Any, Any]:
        """What the tab shows before the visitor did anything: the first concept, finished."""
        updates = self.open_concept(FIRST)
        ready = tier_readiness(SPEC, SPEC.tiers[0])
        if not ready.ready and self.outputs["decompose"] not in updates:
            updates[self.outputs["decompose"]] = panels.empty(
                f"The small model is not here yet ({ready.words}). Train it with "
                "python app.py train conceptor --preset cpu --out OUT, or choose the full model above."
            )
        for mode in ("mix", "compare", "audit"):
            updates[self.outputs[mode]] = ui_shown.finished_panel(mode)
        return updates
