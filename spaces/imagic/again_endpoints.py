"""The public endpoints that learn nothing of a picture: another strip, plain pictures, check, train."""

from __future__ import annotations

from gradio.data_classes import FileData

from . import requests
from .config import Blend, Forget, Sampling, Schedule, Start, Unconditional
from .endpoint_parts import CALLS, settings, take_kit
from .requests import BaselineName, ModelName, TierName


@CALLS.endpoint(
    example={"kit_id": "gallery:sitting-dog", "etas": [0.0, 0.5, 0.7, 0.9]},
    command="run imagic resample --set kit=gallery:sitting-dog --set etas=0,0.5,0.7,0.9 --out result",
)
def imagic_resample(
    kit: FileData | None = None,
    kit_id: str = "",
    target: str = "",
    etas: list[float] | None = None,
    seeds: list[int] | None = None,
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
) -> requests.ResampleRequest:
    """Draw another strip from an edit kit, without learning: other etas, seeds, guidance, even another text.

    Args:
        kit: an edit kit, the kit.zip of an earlier edit.
        kit_id: gallery:<scene> for a ready one, or run:<id> for that of a stored run, instead of a file.
        target: another text; what was learnt for the first one is used, which is an approximation.
        etas: columns of the strip, -0.5 to 2. Up to 16.
        seeds: rows of the strip, up to 8; 0 is the picture's own noise, others vary it.
        guidance: weight of classifier-free guidance, 1 to 12.
        steps: DDIM steps, 1 to 100.
        start: inverted for the picture's own noise, or noise as in the paper.
        schedule: eta over the steps: constant, late or early.
        blend: linear, or projection.
        identity: weight of what was learnt when blend is projection.
        forget: where untouched weights are put back while drawing.
        forget_strength: how far, 0 to 1.
        unconditional: weights of the branch without text: tuned or base.
        baselines: simpler ways to draw beside it: text to image, SDEdit, DDIM inversion; none by default.

    Returns:
        kind: always resample.
        weights: first 12 digits of the hash of the model.
        target: the text that was asked for.
        kit_target: the text that the kit was learnt for.
        known: whether both are the same; else this is a fast re-target, an approximation.
        seen: what is known of the picture.
        etas: columns of strip.png.
        seeds: rows of strip.png.
        strip: layout of strip.png.
        scores: text, similarity and distance for each seed and eta, and what measured them.
        suggestion: column and rows (an index into etas or null) and the reason.
        losses: those of the learning, from the kit.
        stages: seconds and peak bytes of what was done now.
        baselines: simpler ways with their scores.
        truth: for scenes: was, asked, and for each picture whether it is right and what it kept.
        base_before: hash of the shared model before the work.
        base_after: the same after it.
    """
    given = locals()
    return requests.ResampleRequest(
        kit=take_kit(kit, kit_id),
        target=target,
        sampling=settings(Sampling, given),
        baselines=tuple(baselines or ()),
    )


@CALLS.endpoint(
    example={"text": "a photo of a sitting dog", "seeds": [0, 1]},
    command='run imagic imagine --set text="a photo of a sitting dog" --set seeds=0,1 --out result',
)
def imagic_imagine(
    text: str,
    seeds: list[int] | None = None,
    guidance: float = 3.0,
    steps: int = 30,
    tier: TierName = "embedded",
    model: ModelName = "stable-diffusion-v1-5",
) -> requests.ImagineRequest:
    """Draw pictures of a text alone: what the model knows before it has seen a picture.

    Args:
        text: what to show.
        seeds: one picture each, up to 8; 0 to 3 by default.
        guidance: weight of classifier-free guidance, 1 to 12.
        steps: DDIM steps, 5 to 100.
        tier: embedded, or full for a checkpoint of Stable Diffusion.
        model: checkpoint of the full tier.

    Returns:
        kind: always imagine.
        weights: first 12 digits of the hash of the model.
        text: the text.
        seeds: one for each picture of imagined.png.
        sheet: layout of imagined.png.
        scores: how well each picture fits the text.
        found: what the probe reads in each.
        measured_by: what gave the scores.
        seconds: how long it took.
        notes: what was done to the text.
    """
    return requests.ImagineRequest(
        text=text,
        seeds=tuple(seeds or (0, 1, 2, 3)),
        guidance=guidance,
        steps=steps,
        tier=tier,
        model=model,
    )


@CALLS.endpoint(example={"num_scenes": 1}, grad=True)
def imagic_check(
    num_scenes: int = 2,
    seed: int = 0,
    embedding_steps: int = 60,
    tuning_steps: int = 40,
    tier: TierName = "embedded",
) -> requests.CheckRequest:
    """Edit scenes whose true answer is known, and count what is right, beside the simpler ways.

    Args:
        num_scenes: how many, 1 to 10; each is learnt from the start.
        seed: which scenes, and of every draw.
        embedding_steps: steps of stage 1.
        tuning_steps: steps of stage 2.
        tier: embedded; the true answers are those of the small world.

    Returns:
        kind: always check.
        weights: first 12 digits of the hash of the model.
        rows: questions with what was measured, n, interval and the best simpler way.
        cases: the edits, with a judgement of each picture of check.png.
        sheet: layout of check.png.
        seconds: how long it took.
    """
    return requests.CheckRequest(
        num_scenes=num_scenes,
        seed=seed,
        embedding_steps=embedding_steps,
        tuning_steps=tuning_steps,
        tier=tier,
    )


@CALLS.endpoint(example={"preset": "smoke"}, grad=True)
def imagic_train(preset: requests.Preset = "smoke", resume: bool = True) -> requests.TrainRequest:
    """Train the text-to-image model of the small world from nothing, on the machine of the hub.

    Args:
        preset: smoke (minutes, proves the recipe), cpu (hours) or gpu.
        resume: go on from the last checkpoint of the same preset.

    Returns:
        kind: always train.
        weights: first 12 digits of the hash of the new weights.
        preset: the one that was asked for.
        steps: of all stages.
        points: the curves: stage, step, loss and further values.
        captions: of the pictures in samples.png.
        sheet: layout of samples.png.
        seconds: how long it took.
    """
    return requests.TrainRequest(preset=preset, resume=resume)
