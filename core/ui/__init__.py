"""Gradio pieces that pages share: frame, run bar, history, links, errors. No torch.

A page is written like this (see `core.ui.page` and `core.ui.actions` for every argument):

    def layout() -> None:
        with page(SPEC) as frame:
            with frame.tab("try"):
                clip = gr.Audio(label="Your clip")
                go = gr.Button("Listen", variant="primary", elem_classes="vt-run-button")
                bar = frame.run_bar()
                plot = gr.LinePlot(label="Loudness")
            with frame.tab("why"):
                ...
            frame.action(
                "explore", bar=bar, triggers=[go.click], inputs=[clip], outputs=[plot],
                make=make_request, work=work, show=show, fill=fill, keep=keep,
            )
"""

from core.ui.actions import Action, Kept, Shown
from core.ui.errors import visitor_errors
from core.ui.page import Page, page

__all__ = ["Action", "Kept", "Page", "Shown", "page", "visitor_errors"]
