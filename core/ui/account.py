"""Saving a run to the visitor's own Hugging Face account; only on a Space that has OAuth.

Elsewhere nothing of it exists: off a Space, Gradio would answer a login with the account of the
machine itself. The page is a route of its own, opened in a tab of its own, because a Space is shown
in a frame, where browsers withhold the cookie that a login needs.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gradio as gr
from gradio.context import Context
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse

from core import settings
from core.errors import VitrineError
from core.runs import to_hub
from core.ui import chrome, jobs
from core.ui.errors import sentence

logger = logging.getLogger(__name__)

PAGE = "account"
TITLE = "My account"
_STYLE = (
    "<style>.vt-account{max-width:460px}.vt-account h2{font-size:20px;margin:0 0 6px}"
    ".vt-account p{font-size:16px;line-height:1.5;margin:0 0 8px}</style>"
)


def offered() -> bool:
    """Whether visitors can sign in here."""
    return settings.current().oauth


def run_button(run_id: str) -> str:
    """A link to the page that saves a run; empty where nobody can sign in."""
    if not offered():
        return ""
    return (
        f'<a class="vt-button" href="{PAGE}?run={html.escape(run_id)}" target="_blank" '
        'rel="noopener">Save to my account<span class="vt-sr"> (opens in a new tab)</span></a>'
    )


def _find(run_id: Any) -> Any:
    from core.runs import store

    return store().get(str(run_id))


def _describe(run: Any, profile: gr.OAuthProfile | None) -> str:
    kind = to_hub.kind_of(run)
    where = "a model repository of its own" if kind == "model" else "your collection of runs"
    title = html.escape(run.title or run.method)
    files = len(run.artifacts) + 2
    who = (
        f"It goes into {where}, in the account <strong>{html.escape(profile.username)}</strong>."
        if profile is not None
        else f"It would go into {where}. Sign in first: the Space may then make repositories in your "
        "account, and reaches no other ones."
    )
    return (
        f"{_STYLE}<h2>{title}</h2><p>{html.escape(chrome.method_title(run.method))}, "
        f"{files} files with settings and numbers. {who}</p>"
    )


def _on_load(
    profile: gr.OAuthProfile | None, request: gr.Request
) -> tuple[str, str, Any, Any, Any, str]:
    """Show what the address asks for: the run, and whether its reader is signed in."""
    query = dict(request.query_params)
    run_id = str(query.get("run", ""))
    said = ""
    if "denied" in query:
        said = _said(
            "You did not sign in. Nothing was saved, and nothing is known about you.", "bad"
        )
    elif "failed" in query:
        said = _said("The Hub could not sign you in. Try again in a minute.", "bad")
    hidden = (gr.Textbox(visible=False), gr.Checkbox(visible=False), gr.Button(visible=False))
    if not run_id:
        words = f"{_STYLE}<p>Open a result on the page of a method and press <em>Save to my account</em> there.</p>"
        return "", words, *hidden, said
    try:
        run = _find(run_id)
    except VitrineError as error:
        return "", _STYLE, *hidden, _said(sentence(error), "bad")
    signed_in = profile is not None
    return (
        run.id,
        _describe(run, profile),
        gr.Textbox(value=to_hub.name_of(run), visible=signed_in),
        gr.Checkbox(value=False, visible=signed_in),
        gr.Button(visible=signed_in),
        said,
    )


def _save(
    run_id: str,
    name: str,
    public: bool,
    browser: Any,
    profile: gr.OAuthProfile | None,
    token: gr.OAuthToken | None,
) -> str:
    """Save the run with the visitor's own token, which is kept nowhere."""
    try:
        return _saved(run_id, name, public, str(browser or ""), profile, token)
    except VitrineError as error:
        return _said(sentence(error), "bad")


def _saved(
    run_id: str,
    name: str,
    public: bool,
    browser: str,
    profile: gr.OAuthProfile | None,
    token: gr.OAuthToken | None,
) -> str:
    from core.runs import store

    # A token without a profile came in the body of a call and not from a login on this page.
    if not offered() or profile is None or token is None:
        raise to_hub.logged_out()
    if not to_hub.may_save(token.scope):
        raise to_hub.not_allowed()
    run = _find(run_id)
    # Whoever has the link may keep the result; what was uploaded for it only its owner.
    inputs = store().inputs_of(run.id) if run.owned_by(browser) else ()
    kept = to_hub.keepsake(run, store().blob, inputs=inputs, source=settings.current().space_id)
    done = to_hub.upload(
        kept, token=token.token, owner=profile.username, name=str(name or ""), private=not public
    )
    seen = "only you can see" if done.private else "anybody can see"
    return _said(
        f"Saved as a {done.kind} that {seen}: "
        f'<a href="{html.escape(done.address)}" target="_blank" rel="noopener noreferrer">'
        f"{html.escape(done.repo)}</a>."
    )


def _said(words: str, mood: str = "") -> str:
    """A line below the button; `words` may hold markup when all is well."""
    text = html.escape(words) if mood else words
    role = "alert" if mood else "status"
    return f'<p class="{"vt-bad" if mood else ""}" role="{role}">{text}</p>'


def layout() -> None:
    """Lay out the page; only where `offered()`."""
    chrome.plain_header(TITLE, "Keep a result in your own Hugging Face account.", PAGE)
    browser = jobs.browser_id()
    run_id = gr.Textbox("", visible=False)  # in the page, so that a restart does not lose it
    with gr.Column(elem_id="vt-tabs", elem_classes="vt-account"):
        what = gr.HTML(_STYLE, apply_default_css=False)
        gr.LoginButton("Sign in with Hugging Face", logout_value="Log out {}", size="md")
        name = gr.Textbox(
            label="Repository", info="In your account; made if it is new.", visible=False
        )
        public = gr.Checkbox(label="Anybody may see it", visible=False)
        button = gr.Button("Save", variant="primary", visible=False)
        said = gr.HTML("", apply_default_css=False)
    blocks = Context.root_block
    assert blocks is not None, "the page is laid out inside a Blocks"
    blocks.load(
        _on_load,
        None,
        [run_id, what, name, public, button, said],
        api_visibility="private",
        show_progress="hidden",
    )
    button.click(
        _save,
        [run_id, name, public, browser],
        said,
        api_visibility="private",
        concurrency_limit=2,
    )


class LoginAnswers:
    """Middleware for the way back from the Hub: who declined, or could not log in, reads so.

    Gradio raises an error there, which visitors would see as a blank page with a number.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].endswith("/login/callback"):
            await self.app(scope, receive, send)
            return
        query = QueryParams(scope["query_string"])
        if "error" in query:
            await _back(query, "denied")(scope, receive, send)
            return
        started = False

        async def noted(message: Any) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            if started:
                raise
            # Without its text, which may quote the code that the Hub sent.
            logger.warning("a login failed: %s", type(error).__name__)
            await _back(query, "failed")(scope, receive, send)


def _back(query: QueryParams, why: str) -> RedirectResponse:
    """Back to the page, with the run that the visitor came for."""
    found = parse_qs(urlsplit(query.get("_target_url", "")).query).get("run", [""])[0]
    run = f"run={found}&" if found.isalnum() else ""
    return RedirectResponse(f"/{PAGE}?{run}{why}=1", 302)
