"""The public endpoint that edits a picture from the start."""

from __future__ import annotations

from gradio.data_classes import FileData

from core.ui.calls import example

from . import requests
from .config import (
    Blend,
    Forget,
    Layers,
    Learning,
    Sampling,
    Schedule,
    Start,
    Tuning,
    Unconditional,
)
from .endpoint_parts import CALLS, settings, take
from .requests import BASELINES, BaselineName, ModelName, TierName


@CALLS.endpoint(
    example={"picture": example("sitting-dog"), "target": "a sitting dog"},
    command='run imagic edit {picture} --set target="a sitting dog" --out result',
    grad=True,
)
def imagic_edit(
    target: str,
    picture: FileData | None = None,
    scene: int | None = None,
    crop: list[float] | None = None,
    etas: list[float] | None = None,
    seeds: list[int] | None = None,
    embedding_steps: int = 60,
    embedding_lr: float = 5e-3,
    tuning: Tuning = "lora",
    tuning_steps: int = 40,
    tuning_lr: float = 1.5e-3,
    rank: int = 8,
    layers: Layers = "attention",
    batch_size: int = 4,
    source_caption: str = "",
    training_seed: int = 0,
    freeze_padding: bool = False,
    prior_weight: float = 0.0,
    prior_pictures: int = 4,
    stop_below: float = 0.0,
    guidance: float = 3.0,
    steps: int = 20,
    start: Start = "inverted",
    schedule: Schedule = "constant",
    blend: Blend = "linear",
    identity: float = 1.0,
    forget: Forget = "none",
    forget_strength: float = 1.0,
    unconditional: Unconditional = "tuned",
    baselines: list[BaselineName] | None = None,
    tier: TierName = "embedded",
    model: ModelName = "stable-diffusion-v1-5",
) -> requests.EditRequest:
    """Edit one picture by one text: learn the picture, then draw a strip from the input to the text.

    Answers with scores of every picture, a suggested eta, the losses of both stages, and simpler ways
    beside it; the pictures and the edit kit are among the files of the run. Takes about a
    minute on two cores.

    Args:
        target: what the whole edited picture shall show, such as "a photo of a sitting dog". The
            embedded model knows a few hundred words and names those that it has never seen.
        picture: PNG, JPEG, WebP, GIF, TIFF, BMP or AVIF of any size; a square is cut out and scaled.
        scene: seed of a random scene of the small world instead of a picture; its true answer is known.
        crop: [left, top, side] of the square: shares of width, height and the shorter side.
        etas: columns of the strip, -0.5 to 2; 0 gives the input back, 1 is the text. Up to 16.
        seeds: rows of the strip, up to 8; 0 is the picture's own noise, others vary it.
        embedding_steps: steps on the text embedding, 0 to 2000.
        embedding_lr: their learning rate.
        tuning: lora (a small adapter), full (all weights, as in the paper), joint (embedding and adapter
            together) or none.
        tuning_steps: steps on the network, 0 to 2000.
        tuning_lr: their learning rate.
        rank: of the adapter, 1 to 32.
        layers: which layers the adapter sits on: attention, or wide for convolutions too.
        batch_size: pairs of time and noise in a step, 1 to 32.
        source_caption: what the picture shows; joint tuning starts from it.
        training_seed: of every draw while learning.
        freeze_padding: leave the positions after the end of the text as they are.
        prior_weight: weight of the loss on pictures that the untouched model makes of the target.
        prior_pictures: how many of them.
        stop_below: joint tuning ends once the loss on the fixed bank is below this.
        guidance: weight of classifier-free guidance, 1 to 12.
        steps: DDIM steps, 1 to 100.
        start: inverted for the picture's own noise, or noise as in the paper.
        schedule: eta over the steps: constant, late or early.
        blend: linear, or projection.
        identity: weight of what was learnt when blend is projection.
        forget: where untouched weights are put back while drawing.
        forget_strength: how far, 0 to 1.
        unconditional: weights of the branch without text: tuned or base.
        baselines: simpler ways to draw beside it: text to image, SDEdit, DDIM inversion; all by default.
        tier: embedded, or full for a checkpoint of Stable Diffusion.
        model: checkpoint of the full tier.

    Returns:
        kind: always edit.
        weights: first 12 digits of the hash of the model.
        target: the text that was asked for.
        seen: what is known of the picture, with notes of what was done to it.
        etas: columns of strip.png.
        seeds: rows of strip.png.
        strip: layout of strip.png: rows, columns and the side of a tile in pixels.
        scores: text, similarity and distance for each seed and eta, and what measured them.
        suggestion: column and rows (an index into etas or null) and the reason.
        losses: curves on a fixed bank and the three reference heights.
        stages: seconds, peak bytes and steps of each stage.
        learning_seconds: how long learning took.
        ended_early: stages that were ended before their last step.
        baselines: simpler ways with their scores, in the order of the columns of baselines.png.
        baseline_sheet: layout of baselines.png.
        truth: for scenes: was, asked, and for each picture whether it is right and what it kept.
        truth_note: why no true answer is known; empty where it is.
        reconstruction_psnr: dB of what the autoencoder alone gives back.
        base_before: hash of the shared model before the work.
        base_after: the same after it.
        kit: name of the edit kit among the files of the run.
        kit_bytes: its size.
        notes: what was done to the text.
    """
    given = locals()
    return requests.EditRequest(
        picture=take(picture, crop, scene),
        target=target,
        learning=settings(Learning, given, seed=training_seed),
        sampling=settings(Sampling, given),
        baselines=BASELINES if baselines is None else tuple(baselines),
        tier=tier,
        model=model,
    )
