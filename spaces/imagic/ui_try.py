"""The Try tab: a picture and a text at the left, the strip at the right.

Three buttons share one place for their result: Edit learns the picture and draws a strip, Draw again
draws another strip of what was learnt, Imagine only shows what the model makes of the text.
"""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from core.errors import InputError, VitrineError
from core.readiness import tier_readiness
from core.ui import jobs, theme
from core.ui.actions import Shown
from core.ui.early_end import EARLY_JS, end_early
from core.ui.errors import visitor_errors
from core.ui.page import Page

from . import SPEC, board, explained, films, gallery, intake, panels, requests, ui_shown, watching
from .requests import EditRequest, ImagineRequest, Picture, ResampleRequest
from .results import StripResult
from .showing import VERBS
from .ui_settings import Controls
from .ui_shown import finished, finished_sampling, html

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_LOOK = (
    "Choose a scene or bring a picture, and say what it should show. Then move the dial: look for the "
    "place where the edit is there and the rest is still yours."
)


class Try:
    """Components and actions of the tab; the order of the methods is the order on the page."""

    def __init__(self, frame: Page) -> None:
        self.frame = frame
        with gr.Row(elem_id="im-work", equal_height=False):
            with gr.Column(scale=5, min_width=320):
                self._picture()
                self._text()
                self.controls = Controls()
            with gr.Column(scale=8, min_width=340):
                self.bar = frame.run_bar()
                self.output = html(
                    panels.empty(ui_shown.NOTHING_YET),
                    js_on_load=EARLY_JS + films.FILM_JS,
                    server_functions=[films.offer, end_early],
                    elem_id="im-result",
                )

    # --- components -----------------------------------------------------------------------------

    def _picture(self) -> None:
        html(theme.method_style_tag("imagic") + f'<p class="vt-look">{_LOOK}</p>')
        self.held = html("", html_template="", js_on_load=board.HELD_JS)
        self.board = html(board.board(None), js_on_load=board.BOARD_JS, elem_id="im-board")
        with gr.Row():
            self.bring = gr.UploadButton(
                "Bring a picture",
                file_types=["image"],
                type="filepath",
                size="sm",
                min_width=120,
                elem_id="im-bring",
            )
            self.random = gr.Button("Random scene", size="sm", min_width=110, elem_id="im-random")

    def _text(self) -> None:
        self.target = gr.Textbox(
            label="What the picture should show",
            placeholder="a photo of a sitting dog",
            max_length=requests.MAX_TEXT,
            max_lines=2,
            elem_id="im-target",
        )
        self.chips = html(js_on_load=board.WORDS_JS)
        self.model = gr.Dropdown(
            list(requests.MODELS),
            value=EditRequest.__dataclass_fields__["model"].default,
            label="Checkpoint of the full model",
            visible=False,
        )
        with gr.Row():
            self.edit_button = self._button("Edit", "edit", variant="primary")
            self.again_button = self._button("Draw again", "again")
            self.imagine_button = self._button("Imagine", "imagine")
        self.kit = gr.State("")
        self.kit_note = html(_kit_note(""))
        self.kit_file = gr.UploadButton(
            "Open an edit kit", file_types=[".zip"], type="filepath", size="sm", elem_id="im-kit"
        )

    def _button(self, words: str, name: str, variant: Any = "secondary") -> gr.Button:
        return gr.Button(
            words, variant=variant, elem_classes="vt-run-button", elem_id=f"im-{name}", min_width=90
        )

    # --- the board ------------------------------------------------------------------------------

    def put(self, picture: Picture | None, tier: str = "embedded") -> dict[Any, Any]:
        """Updates that put a picture on the board, with the texts that suit it.

        Raises:
            InputError: it is no picture that can be used.
        """
        return {
            self.held: board.held(picture),
            self.board: board.board(picture),
            self.chips: board.chips(picture, tier),
        }

    def choose(self, event: gr.EventData, tier: str) -> dict[Any, Any]:
        """Handler of a scene of the gallery: its picture, its text, and its finished strip."""
        with visitor_errors():
            return self.open_scene(str(event._data.get("id", "")), tier)

    def open_scene(self, name: str, tier: str = "embedded") -> dict[Any, Any]:
        """Updates that show a scene of the gallery with what is ready for it.

        Raises:
            NotFoundError: the gallery has no such scene.
        """
        entry = gallery.example(name)
        updates = self.put(Picture(source=f"example:{name}"), tier) | {self.target: entry.target}
        result = finished(name)
        if not isinstance(result, StripResult):
            return updates
        drawn = self.controls.fill_sampling(finished_sampling(name))
        return (
            updates
            | drawn
            | {
                self.bar: jobs.idle_html(),
                self.output: ui_shown.finished_panel(name),
                self.kit: f"gallery:{name}",
                self.kit_note: _kit_note(result.target),
            }
        )

    def bring_file(self, path: str | None, tier: str) -> dict[Any, Any]:
        """Handler of an upload: looked at at once, so that a bad file is refused before any work."""
        with visitor_errors():
            picture = intake.picture_of_file(path)
            return self.put(picture, tier) | {self.bring: gr.UploadButton()}

    def random_scene(self, tier: str) -> dict[Any, Any]:
        """Handler of “Random scene”."""
        with visitor_errors():
            picture = Picture(source=f"scene:{secrets.randbelow(10**6)}")
            texts = board.offers(picture)
            return self.put(picture, tier) | {self.target: texts[0] if texts else ""}

    def open_kit(self, path: str | None) -> dict[Any, Any]:
        """Handler of an uploaded kit: checked, and ready for Draw again."""
        with visitor_errors():
            source, target = intake.kit_of_file(path)
            return {
                self.kit: source,
                self.kit_note: _kit_note(target, brought=True),
                self.target: target,
            }

    def change_tier(self, tier: str, held: str, preset: str) -> dict[Any, Any]:
        """Handler of the model selector: other defaults, other words."""
        picture = board.picture_of(held) if held else None
        return {
            self.model: gr.Dropdown(visible=tier == "full"),
            self.chips: board.chips(picture, tier),
        } | self.controls.start_from(preset, tier)

    # --- from components to requests and back ---------------------------------------------------

    def make_edit(
        self, held: str, target: str, tier: str, model: str, baselines: list[str], *settings: Any
    ) -> EditRequest:
        """Request of the Edit button."""
        split = len(self.controls.learning)
        return EditRequest(
            picture=board.picture_of(held),
            target=(target or "").strip(),
            tier=tier or "embedded",  # type: ignore[arg-type]  # checked by the request itself
            model=model,  # type: ignore[arg-type]
            learning=self.controls.make_learning(*settings[:split]),
            sampling=self.controls.make_sampling(*settings[split:]),
            baselines=tuple(baselines or ()),  # type: ignore[arg-type]
        )

    def make_again(self, kit: str, target: str, *sampling: Any) -> ResampleRequest:
        """Request of the Draw again button."""
        if not kit:
            raise InputError(
                "Nothing has been learnt yet. Draw again uses what an edit learnt. "
                "Press Edit first, choose a scene, or open an edit kit."
            )
        return ResampleRequest(
            kit=kit,
            target=(target or "").strip(),
            sampling=self.controls.make_sampling(*sampling),
        )

    def make_imagine(self, target: str, tier: str, model: str, *sampling: Any) -> ImagineRequest:
        """Request of the Imagine button: at least four seeds, from the first one."""
        drawn = self.controls.make_sampling(*sampling)
        first = drawn.seeds[0]
        seeds = drawn.seeds if len(drawn.seeds) > 1 else tuple(range(first, first + 4))
        return ImagineRequest(
            text=(target or "").strip(),
            tier=tier or "embedded",  # type: ignore[arg-type]  # checked by the request itself
            model=model,  # type: ignore[arg-type]
            seeds=seeds,
            guidance=drawn.guidance,
            steps=max(drawn.steps, 5),
        )

    def fill_edit(self, request: dict[str, Any]) -> dict[Any, Any]:
        """Updates that put an edit's settings back."""
        told = requests.KINDS.from_dict(request, "edit")
        assert isinstance(told, EditRequest), "the kind decides"
        return (
            self._put_back(told.picture, told.tier)
            | {self.target: told.target, self.model: gr.Dropdown(value=told.model, visible=told.tier == "full")}
            | ({self.frame.tier: told.tier} if self.frame.tier is not None else {})
            | self.controls.fill(request)
        )  # fmt: skip

    def _put_back(self, picture: Picture, tier: str) -> dict[Any, Any]:
        try:
            return self.put(picture, tier)
        except VitrineError:  # the upload is gone; the rest of the settings still serves
            return {self.held: board.held(picture)}

    def fill_again(self, request: dict[str, Any]) -> dict[Any, Any]:
        """Updates that put the settings of another strip back."""
        kit = str(request.get("kit", ""))
        target = str(request.get("target", ""))
        updates = {self.kit: kit, self.kit_note: _kit_note(target, brought=True)}
        if target:
            updates[self.target] = target
        return updates | self.controls.fill(request)

    # --- actions --------------------------------------------------------------------------------

    def act(self, why: gr.HTML) -> None:
        """Declare the actions; a strip also goes to `why`, step by step."""
        frame, controls = self.frame, self.controls
        tier = [frame.tier] if frame.tier is not None else [gr.State("embedded")]
        outputs = [self.output, why, self.kit, self.kit_note, self.board, self.chips]

        def show(shown: Shown) -> dict[Any, Any]:
            result = shown.result
            stored = ui_shown.STORED if shown.stored else ""
            updates = {
                self.output: panels.strip_panel(result, shown.link, stored),
                why: explained.why_panel(result, shown.link, stored),
            }
            if shown.run is not None:
                kit = f"run:{shown.run.id}" if result.kit else ""
                note = _kit_note(result.target if kit else "")
                updates |= {self.kit: kit, self.kit_note: note}
            return updates

        def preview(seen: Any) -> dict[Any, Any]:
            return {self.output: watching.panel(seen)}

        frame.action(
            "edit",
            bar=self.bar,
            triggers=[self.edit_button.click],
            inputs=[
                self.held,
                self.target,
                *tier,
                self.model,
                controls.baselines,
                *controls.learning,
                *controls.sampling,
            ],
            outputs=outputs,
            make=self.make_edit,
            show=show,
            preview=preview,
            fill=self.fill_edit,
            grad=True,
            **VERBS.action("edit"),
        )
        frame.action(
            "resample",
            title="Draw again",
            bar=self.bar,
            triggers=[self.again_button.click],
            inputs=[self.kit, self.target, *controls.sampling],
            outputs=outputs,
            make=self.make_again,
            show=show,
            preview=preview,
            fill=self.fill_again,
            **VERBS.action("resample"),
        )
        frame.action(
            "imagine",
            bar=self.bar,
            triggers=[self.imagine_button.click],
            inputs=[self.target, *tier, self.model, *controls.sampling],
            outputs=[self.output],
            make=self.make_imagine,
            show=ui_shown.show_in(self.output),
            preview=preview,
            fill=lambda r: (
                {
                    self.target: r["text"],
                    controls.seeds: ", ".join(str(seed) for seed in r["seeds"]),
                    controls.guidance: r["guidance"],
                    controls.steps: r["steps"],
                }
                | ({frame.tier: r["tier"]} if frame.tier is not None else {})
            ),
            **VERBS.action("imagine"),
        )
        self._act_on_the_board(tier)

    def _act_on_the_board(self, tier: list[Any]) -> None:
        shown = [self.held, self.board, self.chips, self.target]
        ready = [*shown, self.bar, self.output, self.kit, self.kit_note]
        ready += self.controls.sampling
        self.board.scene(self.choose, tier, ready, **PRIVATE)
        self.bring.upload(self.bring_file, [self.bring, *tier], [*shown, self.bring], **PRIVATE)
        self.random.click(self.random_scene, tier, shown, **PRIVATE)
        self.kit_file.upload(
            self.open_kit, self.kit_file, [self.kit, self.kit_note, self.target], **PRIVATE
        )
        changed = list(dict.fromkeys(self.controls.presets_change()))
        self.controls.preset.input(
            self.controls.start_from, [self.controls.preset, *tier], changed, **PRIVATE
        )
        if self.frame.tier is not None:
            self.frame.tier.change(
                self.change_tier,
                [*tier, self.held, self.controls.preset],
                [self.model, self.chips, *changed],
                **PRIVATE,
            )

    def opening(self) -> dict[Any, Any]:
        """What the tab shows before the visitor did anything: the first scene, finished."""
        first = next(iter(gallery.examples()), None)
        updates = self.open_scene(first) if first else self.put(None)
        ready = tier_readiness(SPEC, SPEC.tiers[0])
        if not ready.ready and self.output not in updates:
            updates[self.output] = panels.empty(
                f"The small model is not here yet ({ready.words}). Train it with "
                "python app.py train imagic --preset cpu --out OUT, or choose the full model above."
            )
        return updates


def _kit_note(target: str, *, brought: bool = False) -> str:
    """What Draw again would use."""
    if not target and not brought:
        words = (
            "Draw again needs something that was learnt: press Edit, choose a scene, or open a kit."
        )
    else:
        learnt = f"“{panels.text(target)}”" if target else "an edit kit"
        words = (
            f"Draw again uses what was learnt for {learnt}, without learning, with the settings of "
            "Sampling. With another text it is a fast re-target: an approximation."
        )
    return f'<div class="im"><p><small>{words}</small></p></div>'
