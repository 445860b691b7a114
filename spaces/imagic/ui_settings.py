"""The Advanced controls of the page: from components to `Learning` and `Sampling`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from core.runs.request import from_json

from . import config
from .config import Learning, Sampling
from .requests import BASELINES
from .typed import RARE, etas_words, parse_etas, parse_seeds, rare_of, rare_words

PRESETS = (
    ("ours", "ours"),
    ("the paper's", "paper"),
    ("public pipeline's", "community"),
    ("Forgedit's", "forgedit"),
)
TUNINGS = (
    ("adapter (LoRA)", "lora"),
    ("whole network", "full"),
    ("none", "none"),
    ("joint with the text", "joint"),
)
SCHEDULES = (("the same", "constant"), ("late", "late"), ("early", "early"))
FORGETS = {
    "none": "nothing",
    "encoder": "encoder: layout",
    "encoderkv": "encoder but keys, values",
    "encoderattn": "encoder but attention (wide or whole)",
    "decoder": "decoder: appearance",
    "decoderkv": "decoder but keys, values",
    "decoderattn": "decoder but attention (wide or whole)",
    "middle": "middle",
}
INVERTED, WIDE, BASE, PADDING, PROJECTION = (
    "start from the picture's own noise",
    "adapter on convolutions too",
    "leave the branch without text untuned",
    "keep the padding of the text",
    "add only what is new in the text",
)
OPTIONS = (INVERTED, WIDE, BASE, PADDING, PROJECTION)


class Controls:
    """The components; `learning` and `sampling` are their inputs, in the order of `make_*`."""

    def __init__(self, tier: str = "embedded") -> None:
        start = config.PRESETS[tier]()
        with gr.Accordion("Learning: how the picture is learnt", open=False):
            self._learn(start.learning)
        with gr.Accordion("Sampling: how the strip is drawn", open=False):
            self._sample(start.sampling)

    def _learn(self, start: Learning) -> None:
        self.preset = gr.Radio(list(PRESETS), value="ours", label="Numbers to start from")
        self.tuning = gr.Radio(list(TUNINGS), value=start.tuning, label="What stage 2 changes")
        with gr.Row():
            self.embedding_steps = gr.Slider(
                0, 1500, start.embedding_steps, step=10, label="Stage 1, steps", min_width=130
            )
            self.tuning_steps = gr.Slider(
                0, 1500, start.tuning_steps, step=10, label="Stage 2, steps", min_width=130
            )
        with gr.Row():
            self.embedding_lr = gr.Number(
                start.embedding_lr, label="Stage 1, rate", step=0.0001, min_width=100
            )
            self.tuning_lr = gr.Number(
                start.tuning_lr, label="Stage 2, rate", step=0.0001, min_width=100
            )
        with gr.Row():
            self.rank = gr.Slider(1, 32, start.rank, step=1, label="Adapter rank", min_width=130)
            self.batch_size = gr.Slider(
                1, 16, start.batch_size, step=1, label="Noises per step", min_width=130
            )
        with gr.Row():
            self.source_caption = gr.Textbox(
                start.source_caption,
                label="What the picture shows (joint only)",
                max_lines=1,
                min_width=180,
            )
            self.learning_seed = gr.Number(
                start.seed, label="Seed of learning", precision=0, min_width=100
            )

    def _sample(self, start: Sampling) -> None:
        self.etas = gr.Textbox(
            etas_words(start.etas),
            label="η of the columns",
            info='Numbers, or a span such as "0 to 1.4 in 8".',
            max_lines=1,
            elem_id="im-etas",
        )
        self.seeds = gr.Textbox(
            etas_words(start.seeds),
            label="Seeds of the rows",
            info="One row of pictures for each, up to 8.",
            max_lines=1,
            elem_id="im-seeds",
        )
        with gr.Row():
            self.guidance = gr.Slider(
                1, 12, start.guidance, step=0.5, label="Guidance", min_width=130
            )
            self.steps = gr.Slider(5, 100, start.steps, step=1, label="DDIM steps", min_width=130)
        self.schedule = gr.Radio(
            list(SCHEDULES),
            value=start.schedule,
            label="η over the steps",
            info="Late keeps the layout, early frees it.",
        )
        with gr.Row():
            self.forget = gr.Dropdown(
                [(words, name) for name, words in FORGETS.items()],
                value=start.forget,
                label="Forget while sampling",
                min_width=150,
            )
            self.forget_strength = gr.Slider(
                0, 1, start.forget_strength, step=0.05, label="How far", min_width=110
            )
        self.options = gr.CheckboxGroup(
            list(OPTIONS), value=_options_of(Learning(), start), label="More"
        )
        # one field for them all: a field for each would cost the page more bytes than it has
        self.rare = gr.Textbox(
            label="Rare settings",
            placeholder=f"{', '.join(RARE)}: write identity=0.8",
            max_lines=1,
        )
        self.baselines = gr.CheckboxGroup(
            list(BASELINES), value=list(BASELINES), label="Compare an edit with"
        )

    @property
    def learning(self) -> list[Any]:
        """Inputs of `make_learning`."""
        return [
            self.tuning,
            self.embedding_steps,
            self.tuning_steps,
            self.embedding_lr,
            self.tuning_lr,
            self.rank,
            self.batch_size,
            self.source_caption,
            self.learning_seed,
            self.rare,
            self.options,
        ]

    @property
    def sampling(self) -> list[Any]:
        """Inputs of `make_sampling`."""
        return [
            self.etas,
            self.seeds,
            self.guidance,
            self.steps,
            self.schedule,
            self.forget,
            self.forget_strength,
            self.rare,
            self.options,
        ]

    @staticmethod
    def make_learning(
        tuning: str,
        embedding_steps: float,
        tuning_steps: float,
        embedding_lr: float,
        tuning_lr: float,
        rank: float,
        batch_size: float,
        source_caption: str,
        seed: float,
        rare: str,
        options: list[str],
    ) -> Learning:
        """What the Learning controls ask for.

        Raises:
            InputError: a value is out of range.
        """
        return Learning(
            tuning=tuning,  # type: ignore[arg-type]  # checked by Learning itself
            embedding_steps=int(embedding_steps),
            tuning_steps=int(tuning_steps),
            embedding_lr=float(embedding_lr or 0.0),
            tuning_lr=float(tuning_lr or 0.0),
            rank=int(rank),
            batch_size=int(batch_size),
            source_caption=(source_caption or "").strip() if tuning == "joint" else "",
            seed=int(seed or 0),
            freeze_padding=PADDING in (options or []),
            layers="wide" if WIDE in (options or []) else "attention",
            **rare_of(Learning, rare),
        )

    @staticmethod
    def make_sampling(
        etas: str,
        seeds: str,
        guidance: float,
        steps: float,
        schedule: str,
        forget: str,
        forget_strength: float,
        rare: str,
        options: list[str],
    ) -> Sampling:
        """What the Sampling controls ask for.

        Raises:
            InputError: a value is out of range.
        """
        chosen = options or []
        return Sampling(
            etas=parse_etas(etas),
            seeds=parse_seeds(seeds),
            guidance=float(guidance),
            steps=int(steps),
            schedule=schedule,  # type: ignore[arg-type]  # checked by Sampling itself
            forget=forget,  # type: ignore[arg-type]
            forget_strength=float(forget_strength),
            start="inverted" if INVERTED in chosen else "noise",
            unconditional="base" if BASE in chosen else "tuned",
            blend="projection" if PROJECTION in chosen else "linear",
            **rare_of(Sampling, rare),
        )

    def fill(self, request: Mapping[str, Any]) -> dict[Any, Any]:
        """Updates that put the settings of a request (as JSON) back."""
        learning = from_json(Learning, request.get("learning") or {})
        sampling = from_json(Sampling, request.get("sampling") or {})
        updates = self.fill_sampling(sampling)
        if "learning" in request:
            updates |= self.fill_learning(learning)
            updates[self.options] = _options_of(learning, sampling)
            updates[self.rare] = rare_words(learning, sampling)
        if "baselines" in request:
            updates[self.baselines] = list(request["baselines"])
        return updates

    def fill_learning(self, learning: Learning) -> dict[Any, Any]:
        """Updates that show these settings of learning."""
        return {
            self.tuning: learning.tuning,
            self.embedding_steps: learning.embedding_steps,
            self.tuning_steps: learning.tuning_steps,
            self.embedding_lr: learning.embedding_lr,
            self.tuning_lr: learning.tuning_lr,
            self.rank: learning.rank,
            self.batch_size: learning.batch_size,
            self.source_caption: learning.source_caption,
            self.learning_seed: learning.seed,
        }

    def fill_sampling(self, sampling: Sampling) -> dict[Any, Any]:
        """Updates that show these settings of sampling."""
        return {
            self.etas: etas_words(sampling.etas),
            self.seeds: etas_words(sampling.seeds),
            self.guidance: sampling.guidance,
            self.steps: sampling.steps,
            self.schedule: sampling.schedule,
            self.forget: sampling.forget,
            self.forget_strength: sampling.forget_strength,
            self.rare: rare_words(Learning(), sampling),
            self.options: _options_of(Learning(), sampling),
        }

    def start_from(self, preset: str, tier: str) -> dict[Any, Any]:
        """Updates of a preset; ours depends on the tier."""
        name = (tier or "embedded") if preset == "ours" else preset
        chosen = config.PRESETS.get(name, config.embedded)()
        both = {
            self.options: _options_of(chosen.learning, chosen.sampling),
            self.rare: rare_words(chosen.learning, chosen.sampling),
        }
        return self.fill_learning(chosen.learning) | self.fill_sampling(chosen.sampling) | both

    def presets_change(self) -> list[Any]:
        """Components that `start_from` updates."""
        return [*self.learning, *self.sampling[:-1]]


def _options_of(learning: Learning, sampling: Sampling) -> list[str]:
    chosen = {
        INVERTED: sampling.start == "inverted",
        BASE: sampling.unconditional == "base",
        WIDE: learning.layers == "wide",
        PADDING: learning.freeze_padding,
        PROJECTION: sampling.blend == "projection",
    }
    return [words for words, on in chosen.items() if on]
