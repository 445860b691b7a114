"""The commands of `python app.py`: options here, work in `core.commands`.

Exit codes: 0 done, 1 failed, 2 wrong usage. Errors are one line; `--debug` shows the traceback.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from core.commands import WrongUsage
from core.errors import NotFoundError, VitrineError

_INTERRUPTED = 130  # what Typer makes of Ctrl-C
_UsageError: Any = typer.BadParameter.__bases__[0]  # Typer does not export it

cli = typer.Typer(
    name="app.py",
    help="Vitrine: research methods behind one door. Without a command it starts the hub.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Device(StrEnum):
    """Where jobs run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Preset(StrEnum):
    """How long a training runs."""

    smoke = "smoke"
    cpu = "cpu"
    gpu = "gpu"


_METHOD = Annotated[str, typer.Argument(help="Slug of a method, as `list` prints it.")]
_JSON = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write a report; - is stdout.")
]
_TIER = Annotated[str, typer.Option("--tier", help="embedded or full.")]
_DATA = Annotated[
    Path | None,
    typer.Option("--data", exists=True, file_okay=False, help="Folder with the data sets."),
]


def _example(text: str) -> str:
    return f"Example: python app.py {text}"


def _print_version(wanted: bool) -> None:
    if wanted:
        import core

        typer.echo(f"vitrine {core.__version__}")
        raise typer.Exit


@cli.callback(invoke_without_command=True, epilog=_example("--debug list"))
def _start(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; allowed anywhere in the line.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        hub()
    elif context.invoked_subcommand != "hub":
        # the error line tells it; a log would print the traceback as well
        logging.basicConfig(level=logging.WARNING if context.obj else logging.CRITICAL)


@cli.command(epilog=_example("hub --port 8000 --methods trill"))
def hub(
    share: Annotated[
        bool, typer.Option("--share", help="Also open a public gradio.live link.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 7860 by default.")] = None,
    methods: Annotated[str | None, typer.Option(metavar="A,B", help="Only these methods.")] = None,
    single: Annotated[
        str | None, typer.Option(metavar="METHOD", help="One method at /, as its own Space.")
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="USER:PASS",
            help="Ask visitors for a password. Others on this machine see it in `ps`; the variable "
            "VITRINE_AUTH is not seen.",
        ),
    ] = None,
    device: Annotated[Device | None, typer.Option(help="Where jobs run.")] = None,
    vram: Annotated[
        str | None, typer.Option(metavar="20GiB", help="Most device memory for models.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for runs and uploads.")
    ] = None,
) -> None:
    """Start the hub, on http://127.0.0.1:7860 unless told otherwise."""
    from core.commands import serve as command

    chosen = command.apply_options(
        share=share,
        host=host,
        port=port,
        methods=methods,
        auth=auth,
        device=device.value if device else None,
        vram=vram,
        data_dir=data_dir,
    )
    command.serve(chosen, single=single)


@cli.command("list", epilog=_example("list"))
def list_methods() -> None:
    """Print methods and tiers, and what is ready on this machine."""
    from core.commands.machine import print_methods

    print_methods()


@cli.command(epilog=_example("run trill explore clip.wav --set layer=embedding --out out/"))
def run(
    method: _METHOD,
    verb: Annotated[
        str | None, typer.Argument(help="What to do; left out, the verbs are told.")
    ] = None,
    files: Annotated[list[Path] | None, typer.Argument(help="Input files.")] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting; repeatable.")
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A request.json instead of verb and files."),
    ] = None,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the results.")] = Path(
        "out"
    ),
) -> None:
    """Run a method once, without a browser: files in, files out."""
    from core.commands import run as command

    settings = command.parse_settings(given or [])
    written = command.execute(method, verb, files or [], settings, request, out)
    for path in written:
        typer.echo(path)


@cli.command(epilog=_example("train trill --preset smoke --out out/trill"))
def train(
    method: _METHOD,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for checkpoints and weights.")],
    preset: Annotated[Preset, typer.Option(help="How long, and for which machine.")] = Preset.smoke,
    data: _DATA = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint.")
    ] = False,
) -> None:
    """Train a method's own small net. Runs under `accelerate launch` too."""
    from core.commands import learning

    start = time.monotonic()
    folder = learning.train(method, preset.value, data, out, resume)
    typer.echo(f"weights in {folder} after {time.monotonic() - start:.0f} s")


@cli.command("eval", epilog=_example("eval trill --data data --limit 200 --json scores.json"))
def evaluate(
    method: Annotated[str, typer.Argument(help="Slug of a method, or all.")],
    tier: _TIER = "embedded",
    data: _DATA = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most examples of each task.")] = None,
    json: _JSON = None,
) -> None:
    """Score a method against known answers, beside baseline and chance."""
    from core.commands import learning, report

    start = time.monotonic()
    if method == "all":
        scores = learning.evaluate_all(tier, data, limit)
    else:
        scores = learning.evaluate(method, tier, data, limit)
    seconds = time.monotonic() - start
    if str(json) != "-":
        report.print_scores(f"{method}, {tier} tier, {seconds:.0f} s", scores)
    if json is not None:
        report.write_json(json, method=method, tier=tier, scores=scores, seconds=seconds)


@cli.command(epilog=_example("bench cache --json cache.json"))
def bench(
    name: Annotated[str | None, typer.Argument(help="Which; left out, they are listed.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer repetitions, rougher numbers.")
    ] = False,
    json: _JSON = None,
) -> None:
    """Measure a service of the hub against its budget."""
    from core.commands import bench as command
    from core.commands import report

    if name is None:
        for known, summary in command.known().items():
            typer.echo(f"{known:<10} {summary}")
        return
    start = time.monotonic()
    scores = command.run(name, quick=quick)
    seconds = time.monotonic() - start
    if str(json) != "-":
        report.print_scores(f"bench {name}, {seconds:.0f} s", scores)
    if json is not None:
        report.write_json(json, method=f"bench {name}", tier="", scores=scores, seconds=seconds)


@cli.command(epilog=_example("publish trill --repo OWNER/trill --private"))
def publish(
    name: Annotated[
        str, typer.Argument(metavar="METHOD|hub", help="Slug of a method, or hub for all of them.")
    ],
    repo: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="The Space to make or to update.")
    ] = None,
    dry_run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Build and check there, upload nothing."),
    ] = None,
    hardware: Annotated[
        str, typer.Option(help="What it runs on; ZeroGPU is the only one that is free.")
    ] = "zero-a10g",
    torch_index: Annotated[
        str, typer.Option(metavar="URL", help="Package index with CPU builds of torch; CPU only.")
    ] = "",
    private: Annotated[bool, typer.Option("--private", help="Only you see the new Space.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Also fetch the models of the full tier.")
    ] = False,
    variable: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A public setting of the Space; repeatable."),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A hidden setting, read from the environment; repeatable."
        ),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until the Space runs and answers.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a Space that Vitrine did not make.")
    ] = False,
    json: _JSON = None,
) -> None:
    """Make a method, or the whole hub, a Hugging Face Space. Run it again to update the Space."""
    from core.commands import publish as command

    command.publish(
        name,
        repo=repo,
        dry_run=dry_run,
        hardware=hardware,
        torch_index=torch_index,
        private=private,
        full=full,
        variables=variable or [],
        secrets=secret or [],
        wait=not no_wait,
        overwrite=overwrite,
        report=json,
    )


@cli.command(epilog=_example("doctor"))
def doctor() -> None:
    """Say what this machine can run, and what to install."""
    from core.commands.machine import print_findings

    if not print_findings():
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with 0, 1 or 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    sys.exit(execute([word for word in given if word != "--debug"], debug=debug))


def execute(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command and return its exit code; errors become one line on stderr."""
    try:
        code = cli(arguments, standalone_mode=False, obj=debug)
        if code == _INTERRUPTED:
            return _fail("stopped", 1)
        return code if isinstance(code, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _fail("stopped", 1)
    except _UsageError as error:
        return _fail(f"{error.format_message().rstrip('.')}. See --help.", 2)
    except (WrongUsage, NotFoundError) as error:
        _show(debug)
        return _fail(str(error), 2)
    except VitrineError as error:
        _show(debug)
        return _fail(str(error), 1)
    except Exception as error:
        _show(debug)
        hint = "" if debug else " (--debug shows where)"
        return _fail(f"{type(error).__name__}: {error}{hint}", 1)


def _show(debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()


def _fail(text: str, code: int) -> int:
    typer.echo(f"error: {' '.join(text.split())}", err=True)
    return code
