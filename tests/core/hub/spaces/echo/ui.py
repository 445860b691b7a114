"""The page of the echo method."""

from __future__ import annotations

import struct
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.errors import InputError
from core.ui import Kept, Shown, page

from . import SPEC


@dataclass(frozen=True, kw_only=True)
class Request:
    text: str
    delay: float = 0.0


@dataclass(frozen=True)
class Result:
    text: str
    letters: dict[str, int]


def make(text: str, delay: float) -> Request:
    if not text:
        raise InputError("The text is empty. One letter is enough. Write something.")
    return Request(text=text, delay=float(delay))


def work(job: Any, request: Request) -> Result:
    for i, _ in enumerate(request.text):
        job.report(i / len(request.text), "Repeating", request.text[:i])
        time.sleep(request.delay)
    if request.text == "bug":
        raise RuntimeError("a secret of the server")
    return Result(request.text, dict(Counter(request.text)))


def png(width: int = 72, height: int = 44) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (
        b"".join(b"\0" + bytes(3 * width * [90 + 3 * y]) for y in range(height))
        if False
        else b"".join(b"\0" + bytes([150, 90 + 2 * y, 60] * width) for y in range(height))
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def layout() -> None:
    with page(SPEC) as frame:
        with frame.tab("try"), gr.Row():
            with gr.Column():
                text = gr.Textbox(label="Your text", placeholder="Write a few words", lines=3)
                delay = gr.Slider(0, 1, value=0, step=0.01, label="Seconds for each letter")
                go = gr.Button("Repeat", variant="primary", elem_classes="vt-run-button")
            with gr.Column():
                bar = frame.run_bar()
                out = gr.Textbox(label="Repeated", interactive=False)
                table = gr.Label(label="Letters", num_top_classes=5)
        with frame.tab("why"):
            gr.Markdown("Each letter is read and written again.")
        with frame.tab("check"):
            gr.Markdown("It is right in 26 of 26 letters.")
        with frame.tab("train"):
            gr.Markdown("There is nothing to train.")
        with frame.tab("about"):
            gr.Markdown("A test.")

        def show(shown: Shown) -> dict[Any, Any]:
            total = sum(shown.result.letters.values())
            return {
                out: shown.result.text,
                table: {k: v / total for k, v in shown.result.letters.items()},
            }

        action = frame.action(
            "repeat",
            bar=bar,
            triggers=[go.click, text.submit],
            inputs=[text, delay],
            outputs=[out, table],
            make=make,
            work=work,
            show=show,
            fill=lambda request: {text: request["text"], delay: request["delay"]},
            preview=lambda seen: {out: seen},
            keep=lambda request, result: Kept(
                result={"text": result.text, "letters": result.letters},
                artifacts={"echo.png": keep_picture(request), "echo.txt": result.text.encode()},
                thumbnail="echo.png",
                title=request.text[:30],
            ),
            restore=lambda run: Result(**run.result),
            api_name="echo_repeat",
            api_arguments=lambda request: {"text": request["text"]},
        )

        def keep_picture(request: Request) -> bytes:
            from core.runs.png import write_png

            return write_png(png(), action.envelope(request))


def echo_repeat(text: str) -> dict[str, int]:
    """Repeat a text and count its letters.

    Args:
        text: what to repeat.

    Returns:
        how often each letter occurs.
    """
    return dict(Counter(text))


def api() -> None:
    gr.api(echo_repeat, api_name="echo_repeat")
