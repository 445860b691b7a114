"""The settings of the page: from components to `Settings`, and back."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.runs.request import from_json

from . import config
from .config import Settings
from .ui_typed import parse_rare, rare_words

PRESETS = (("ours", "ours"), ("authors’ code", "official"))
DICTIONARIES = (("all words", "all"), ("things and looks", "atoms"))


class Controls:
    """The components; `inputs` go to `make`, in that order."""

    def __init__(self, tier: str = "embedded") -> None:
        start = config.PRESETS[tier]()
        with gr.Accordion("Settings of the learning", open=False):
            self.preset = gr.Radio(list(PRESETS), value="ours", label="Numbers to start from")
            self.exclude = gr.Checkbox(
                start.exclude_concept, label="Leave the concept and its near-synonyms out"
            )
            with gr.Row():
                self.n = gr.Slider(1, 100, start.n, step=1, label="Words kept (n)", min_width=130)
                self.sparsity = gr.Number(
                    start.sparsity, label="Sparsity λ, 0 to 1", step=0.01, min_width=110
                )
            with gr.Row():
                self.steps = gr.Slider(10, 1000, start.steps, step=10, label="Steps", min_width=130)
                self.pictures = gr.Slider(
                    8,
                    100,
                    start.training_pictures,
                    step=1,
                    label="Training pictures",
                    min_width=130,
                )
            with gr.Row():
                self.repeats = gr.Slider(
                    1, 5, start.repeats, step=1, label="Repeats", min_width=130
                )
                self.seed = gr.Number(start.seed, label="Seed", precision=0, min_width=90)
            self.dictionary = gr.Radio(
                list(DICTIONARIES), value=start.dictionary, label="Dictionary"
            )
            # one field for them all: a field for each would cost the page more bytes than it has
            self.rare = gr.Textbox(
                label="Rare settings", placeholder="guidance=4 validation_pictures=16", max_lines=1
            )

    @property
    def inputs(self) -> list[Any]:
        """Inputs of `make`."""
        return [
            self.exclude,
            self.n,
            self.sparsity,
            self.steps,
            self.pictures,
            self.repeats,
            self.seed,
            self.dictionary,
            self.rare,
        ]

    @staticmethod
    def make(
        exclude: bool,
        n: float,
        sparsity: float,
        steps: float,
        pictures: float,
        repeats: float,
        seed: float,
        dictionary: str,
        rare: str,
    ) -> Settings:
        """What the controls ask for.

        Raises:
            InputError: a value is out of range.
        """
        named = {
            "exclude_concept": bool(exclude),
            "n": int(n),
            "sparsity": float(sparsity or 0.0),
            "steps": int(steps),
            "training_pictures": int(pictures),
            "repeats": int(repeats),
            "seed": int(seed or 0),
            "dictionary": dictionary,
        }
        return from_json(Settings, {**named, **parse_rare(rare)})

    def fill(self, settings: Settings) -> dict[Any, Any]:
        """Updates that show these settings."""
        return {
            self.exclude: settings.exclude_concept,
            self.n: settings.n,
            self.sparsity: settings.sparsity,
            self.steps: settings.steps,
            self.pictures: settings.training_pictures,
            self.repeats: settings.repeats,
            self.seed: settings.seed,
            self.dictionary: settings.dictionary,
            self.rare: rare_words(settings),
        }

    def fill_request(self, request: dict[str, Any]) -> dict[Any, Any]:
        """Updates that show the settings of a request, as JSON."""
        return self.fill(from_json(Settings, request.get("settings") or {}))

    def start_from(self, preset: str, tier: str) -> dict[Any, Any]:
        """Updates of a preset; ours depends on the tier."""
        name = (tier or "embedded") if preset == "ours" else preset
        return self.fill(config.PRESETS.get(name, config.embedded)())
