"""`hub`: options become settings, and the hub is started with them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import typer

from core import registry, settings
from core.commands import WrongUsage
from core.errors import InputError, VitrineError
from core.settings import Settings


def apply_options(
    *,
    share: bool,
    host: str | None,
    port: int | None,
    methods: str | None,
    auth: str | None,
    device: str | None,
    vram: str | None,
    data_dir: Path | None,
) -> Settings:
    """Replace the settings that were given on the command line; the others stay.

    Raises:
        WrongUsage: a value cannot be meant.
    """
    given = {"host": host, "port": port, "device": device, "data_dir": data_dir}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if share:
        changes["share"] = True
    if methods is not None:
        changes["methods"] = _known_methods(methods)
    if auth is not None:
        user, _, password = auth.partition(":")
        if not (user and password):
            raise WrongUsage("--auth got no user or no password. Write USER:PASS.")
        changes["auth"] = (user, password)
    try:
        if vram is not None:
            changes["device_budget"] = settings.parse_bytes(vram)
        return settings.override(**changes)
    except InputError as error:
        raise WrongUsage(str(error)) from error


def _known_methods(text: str) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    for slug in chosen:
        if slug not in registry.slugs():
            known = ", ".join(registry.slugs())
            raise WrongUsage(f"There is no method {slug!r}. Known methods: {known}. Name those.")
    return chosen


def serve(chosen: Settings, *, single: str | None = None) -> None:
    """Start the hub, say where it is, and block until it is stopped.

    Args:
        chosen: the settings.
        single: serve this method at `/` and nothing else.

    Raises:
        WrongUsage: there is no such method.
        VitrineError: the port is taken.
    """
    if single is not None:
        _known_methods(single)
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=form)
    from core import hub

    def say(url: str) -> None:
        typer.echo(f"Vitrine is at {url.rstrip('/')} (Ctrl-C stops it)")

    try:
        hub.serve(chosen, single=single, on_ready=say, on_note=typer.echo)
    except KeyboardInterrupt:  # while it starts or ends; in between Gradio ends by itself
        typer.echo("Vitrine has stopped")
    except OSError as error:
        if "port" not in str(error).lower():
            raise
        raise VitrineError(
            f"Port {chosen.port} is taken. Any free port would work. "
            f"Try --port {chosen.port % 65535 + 1}."
        ) from error
