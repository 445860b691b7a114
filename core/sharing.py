"""A public address for a hub on this machine, through the tunnel that Gradio runs.

The hub is up before the tunnel is asked for, and goes on without it: no network is a normal state. The
tunnel is opened here and not by `Blocks.launch(share=True)`, which would hold the start up for it,
print paths of this machine when it fails, and serve pages whose script lies on another host.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from core.errors import VitrineError

logger = logging.getLogger(__name__)

ASKING = "Asking for a public address; the hub answers meanwhile."
OPEN = (
    "Anyone who has that address can use this hub and its machine. To ask for a password, stop it "
    "and start it with --auth USER:PASS."
)


class SharingError(VitrineError):
    """There is no public address; the hub goes on at its own."""


def share(blocks: Any, *, guarded: bool, say: Callable[[str], None]) -> str | None:
    """Open the tunnel of an app that is up, and say in one line each what came of it.

    Args:
        blocks: the launched app; its `share_url` is set, which copied links then use.
        guarded: whether the hub asks for a password.
        say: called with each line.

    Returns:
        The public address, or None when it could not be had.
    """
    say(ASKING)
    try:
        address = open_tunnel(blocks)
    except SharingError as error:
        say(str(error))
        return None
    say(f"Vitrine is shared at {address}")
    if not guarded:
        say(OPEN)
    return address


def open_tunnel(blocks: Any) -> str:
    """Ask Gradio's service for a tunnel to `blocks`, and remember its address there.

    Raises:
        SharingError: the service, or the tunnel's program, could not be had.
    """
    import httpx
    from gradio import networking
    from gradio.exceptions import ChecksumMismatchError, ShareCertificateWriteError

    own = str(blocks.local_url).rstrip("/")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # the tunnel's own log; ours has it below
            found = networking.setup_tunnel(
                local_host=blocks.server_name,
                local_port=blocks.server_port,
                share_token=blocks.share_token,
                share_server_address=None,
                share_server_tls_certificate=None,
            )
    except ChecksumMismatchError as error:
        raise SharingError(
            "There is no public address: the tunnel's program was downloaded damaged, or changed. "
            f"The hub goes on at {own}. Delete the download and start again with --share."
        ) from error
    except ShareCertificateWriteError as error:
        raise SharingError(
            "There is no public address: the tunnel's certificate cannot be written to the current "
            f"folder. The hub goes on at {own}. Start it in a folder that can be written to."
        ) from error
    except (httpx.HTTPError, RuntimeError, OSError, ValueError) as error:
        logger.info("no tunnel: %s %s", error, said.getvalue())
        raise SharingError(
            "There is no public address: the sharing service cannot be reached from here. The hub "
            f"goes on at {own}. Start it again with --share when there is a network."
        ) from error
    _close_with_us()
    address = urlunsplit(("https", *urlsplit(found)[1:])).rstrip("/")
    blocks.share_url = address
    return address


def _close_with_us() -> None:
    """End the tunnel's program when this process is told to end; by itself it would stay."""
    from gradio import tunneling

    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            for tunnel in tunneling.CURRENT_TUNNELS:
                tunnel.kill()
        signal.signal(signal.SIGTERM, before)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
