"""A page that fails half way."""

import gradio as gr


def layout() -> None:
    box = gr.Textbox(label="half a page", elem_id="half-a-page")
    box.change(lambda text: text, box, box, api_name="half_endpoint")
    raise RuntimeError("a wheel <b>fell</b> off")
