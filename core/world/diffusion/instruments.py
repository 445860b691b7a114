"""Trains the instruments that measure the world's models, the scene probe and the small CLIP; measures.

    python -m core.world.diffusion.instruments probe --out OUT [--resume] [--vae FOLDER] [--threads 1]
    python -m core.world.diffusion.instruments clip --out OUT [--resume]
    python -m core.world.diffusion.instruments gate --pipeline FOLDER [--probe FOLDER] [--json FILE]

The finished weights are in OUT/weights, to be copied to `core/world/weights/<part>`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from core.training import OnStep, Step

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)


def _say(step: Step) -> None:
    values = ", ".join(f"{name} {value:.3f}" for name, value in step.values.items())
    typer.echo(f"step {step.step} of {step.num_steps}, {step.seconds:.0f} s, {values}")


def train_probe(
    preset: str,
    out: Path,
    *,
    resume: bool = False,
    vae: Path | None = None,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> Path:
    """Train the scene probe, measure it and return the folder of its weights.

    Args:
        preset: "smoke", "cpu" or "gpu".
        out: everything of the run goes here.
        resume: go on with what is there.
        vae: folder of the world's autoencoder, whose look an eighth of the pictures gets.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.
    """
    from core.world.diffusion import probe_report, probing

    cfg = probing.PRESETS[preset]()
    coder = _vae(vae)
    module, seconds = probing.train(
        cfg, out, resume=resume, vae=coder, on_step=on_step, check=check
    )
    return probe_report.save(module, cfg, out, seconds, coder)


def train_clip(
    preset: str,
    out: Path,
    *,
    resume: bool = False,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> Path:
    """Train the small CLIP, measure it and return the folder of its weights.

    Args:
        preset: "smoke", "cpu" or "gpu".
        out: everything of the run goes here.
        resume: go on with what is there.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.
    """
    from core.world.diffusion import clip, clip_report

    cfg = clip.PRESETS[preset]()
    model, tokenizer, seconds = clip.train(cfg, out, resume=resume, on_step=on_step, check=check)
    return clip_report.save(model, tokenizer, cfg, out, seconds)


def _vae(folder: Path | None) -> Any:
    if folder is None:
        return None
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    found = AutoencoderKL.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    return found.float().eval().requires_grad_(False)  # pyright: ignore[reportAttributeAccessIssue]


Preset = Annotated[str, typer.Option(help="smoke, cpu or gpu")]
Out = Annotated[Path, typer.Option(help="folder of the run")]
Resume = Annotated[bool, typer.Option(help="go on with what is there")]
Threads = Annotated[int, typer.Option(help="threads of torch; 0 leaves them as they are")]


@app.callback()
def instruments() -> None:
    """Train the instruments that measure the world's models."""


@app.command()
def probe(
    out: Out,
    preset: Preset = "cpu",
    resume: Resume = False,
    threads: Threads = 0,
    vae: Annotated[Path | None, typer.Option(help="folder of the autoencoder")] = None,
) -> None:
    """Train the scene probe."""
    _threads(threads)
    typer.echo(train_probe(preset, out, resume=resume, vae=vae, on_step=_say))


@app.command()
def clip(out: Out, preset: Preset = "cpu", resume: Resume = False, threads: Threads = 0) -> None:
    """Train the small CLIP."""
    _threads(threads)
    typer.echo(train_clip(preset, out, resume=resume, on_step=_say))


@app.command()
def gate(
    pipeline: Annotated[Path, typer.Option(help="folder of a StableDiffusionPipeline")],
    probe: Annotated[
        Path | None, typer.Option(help="folder of a probe; else the shipped one")
    ] = None,
    world: Annotated[str, typer.Option(help="curriculum: tiny, small or full")] = "small",
    n: Annotated[int, typer.Option(help="captions like those of training")] = 256,
    held_out: Annotated[int, typer.Option(help="captions of held-out combinations")] = 128,
    planted: Annotated[int, typer.Option(help="pictures of each planted concept")] = 0,
    guidance: float = 3.0,
    steps: int = 25,
    seed: int = 0,
    threads: Threads = 0,
    json: Annotated[Path | None, typer.Option(help="write the scores here")] = None,
    card: Annotated[bool, typer.Option(help="write the result into the pipeline's card")] = False,
) -> None:
    """Measure whether a text-to-image model draws what captions say."""
    _threads(threads)
    import json as codec

    from core.world import curriculum
    from core.world.diffusion import judge
    from core.world.diffusion.gate import measure
    from core.world.diffusion.judge import Judge

    reader = judge.load_probe(probe) if probe else judge.load_probe()
    found = measure(
        _pipeline(pipeline), Judge(probe=reader), getattr(curriculum, world)(), n=n, n_held_out=held_out,
        each_planted=planted, guidance=guidance, steps=steps, seed=seed,
    )  # fmt: skip
    for row in found.rows:
        low, high = row.interval
        need = f", needs {100 * row.needed:.0f} %" if row.needed else ""
        typer.echo(
            f"{row.captions:9s} {row.claim:12s} {100 * row.share:5.1f} % ({100 * low:.1f} to {100 * high:.1f}), "
            f"n {row.n}, true drawings {100 * row.drawn:.1f} %{need}"
        )
    typer.echo(f"{'passed' if found.passed else 'not passed'} in {found.seconds:.0f} s")
    if card:
        from core.world.diffusion import pipeline_report

        pipeline_report.record(pipeline, pipeline_report.of_gate(found))
    if json:
        data = {"passed": found.passed, "seconds": found.seconds, "scores": [s.to_dict() for s in found.scores()]}  # fmt: skip
        json.write_text(codec.dumps(data, indent=1) + "\n", "utf-8")


def _pipeline(folder: Path) -> Any:
    import torch
    from diffusers import StableDiffusionPipeline  # pyright: ignore[reportPrivateImportUsage]

    pipe = StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return pipe.to("cuda" if torch.cuda.is_available() else "cpu")


def _threads(threads: int) -> None:
    if threads:
        import torch

        torch.set_num_threads(threads)


if __name__ == "__main__":
    app()
