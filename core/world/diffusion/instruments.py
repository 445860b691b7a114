"""Trains the instruments that measure the world's models: the scene probe, and the small CLIP.

    python -m core.world.diffusion.instruments probe --out OUT [--resume] [--vae FOLDER] [--threads 1]
    python -m core.world.diffusion.instruments clip --out OUT [--resume]

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


def _threads(threads: int) -> None:
    if threads:
        import torch

        torch.set_num_threads(threads)


if __name__ == "__main__":
    app()
