"""The boundary between our exceptions and what a visitor reads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from core.errors import VitrineError

logger = logging.getLogger(__name__)

GENERAL = (
    "Something went wrong on our side and was written to the log. "
    "Your input is unchanged; try again, or try an example."
)


def sentence(error: BaseException) -> str:
    """The text a visitor may read about `error`; bugs are logged and get a general sentence."""
    if isinstance(error, VitrineError):
        return str(error)
    if isinstance(error, gr.Error):
        return str(error.message)
    logger.error("unexpected error in a handler", exc_info=error)
    return GENERAL


@contextmanager
def visitor_errors() -> Iterator[None]:
    """Turn errors of a handler into the message box of the page.

    A `VitrineError` keeps its own words. Anything else is logged with its traceback and shown as a
    general sentence. A context manager, because a decorator would hide that a handler is a
    generator.

    Raises:
        gr.Error: in place of any other exception.
    """
    try:
        yield
    except (gr.Error, GeneratorExit):
        raise
    except Exception as error:
        raise gr.Error(sentence(error), print_exception=False) from error
