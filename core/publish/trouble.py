"""Turns what goes wrong between here and the Hub into one sentence that says what to do."""

from __future__ import annotations

import re

from httpx2 import ConnectError  # the client of huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import (
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
)

from core.errors import InputError, VitrineError
from core.publish.patience import chain, http_error, lost_connection, retry_after, status

_TOKENS = "https://huggingface.co/settings/tokens"
_KEPT = "What has arrived is kept. Run the same command again: it sends only the rest."


def explain(error: BaseException, doing: str, repo: str = "") -> VitrineError:
    """The error of ours that says the same in words.

    Args:
        error: what was raised.
        doing: what was being done, as in "uploading the files".
        repo: the Space, for the words about permissions.
    """
    if isinstance(error, VitrineError):
        return error
    if any(isinstance(e, OfflineModeIsEnabled) for e in chain(error)):
        return offline()
    if any(isinstance(e, LocalTokenNotFoundError) for e in chain(error)):
        return no_token()
    if isinstance(error, ValueError) and "metadata in README.md" in str(error):
        complaints = _shortened(str(error).split("README.md.", 1)[-1]).lstrip("- ")
        return InputError(
            f"The Hub refuses the front matter of README.md: {complaints}. "
            "Correct it in the README of the method and publish again. Nothing was uploaded."
        )
    answered = status(error)
    if answered is not None:
        return _of_answer(answered, error, doing, repo)
    if any(isinstance(e, ConnectError) for e in chain(error)):
        return VitrineError(
            f"The Hub cannot be reached ({constants.ENDPOINT}) while {doing}. A network connection "
            "is needed. Check it and run the same command again: what has arrived is kept."
        )
    if lost_connection(error):
        return VitrineError(f"The connection to the Hub was lost while {doing}. {_KEPT}")
    text = " ".join(str(cause) for cause in chain(error))
    if "LFS batch API returned errors" in text:
        return _too_large(_shortened(text.split("`")[1] if "`" in text else text), error)
    return VitrineError(
        f"{doing[0].upper()}{doing[1:]} failed: {_shortened(str(error)) or type(error).__name__}. "
        "Publishing again is safe."
    )


def _of_answer(code: int, error: BaseException, doing: str, repo: str) -> VitrineError:
    answer = http_error(error)
    said = _shortened((answer.server_message if answer else "") or "").replace('"', "'")
    if code == 402 or (code == 403 and re.search(r"subscri|payment|paid|billing|upgrade", said)):
        return InputError(
            f'The Hub asks for a paid plan: "{said}". ZeroGPU is free for two Spaces of an account '
            "in good standing. Publish with --hardware zero-a10g, or subscribe."
        )
    if code == 401 and "not found" not in said.lower():
        return wrong_token()
    if code == 403:
        words = f': "{said}"' if said else ""
        return InputError(
            f"The token may not write to {repo or 'this Space'}{words}. "
            f"A token with write permission for it works. Make one at {_TOKENS}, "
            "run `hf auth login`, and publish again."
        )
    if code == 404:
        return InputError(
            f"The Hub does not know {repo or 'this Space'} while {doing}. It may have been deleted "
            "meanwhile, or the token may not see it. Publish again to make it anew."
        )
    if code == 412:
        return VitrineError(
            f"{repo or 'The Space'} was changed by somebody else meanwhile. Nothing was replaced. "
            "Look at its page and publish again."
        )
    if code == 413:
        return _too_large(said, error)
    if code == 429:
        return VitrineError(
            f"The Hub allows no more requests for now (429) while {doing}. "
            f"{_waiting(error)} {_KEPT}"
        )
    if code >= 500:
        return VitrineError(
            f"The Hub has trouble of its own ({code}) while {doing}. "
            f"https://status.huggingface.co says how it is. {_KEPT}"
        )
    return VitrineError(
        f"The Hub refused {doing} ({code}): {said or 'without a reason'}. Publishing again is safe."
    )


def _waiting(error: BaseException) -> str:
    asked = retry_after(error)
    return "Wait some minutes." if asked is None else f"Wait {asked} s."


def _too_large(said: str, error: BaseException) -> InputError:
    named = re.search(r"'([^']+)' to the Hub|[Ff]ile (\S+) is too large", f"{error} {said}")
    what = next((part for part in named.groups() if part), "A file") if named else "A file"
    words = f': "{said}"' if said else ""
    return InputError(
        f"{what} is too large for the Hub{words}. Smaller weights, or a model repository that the "
        "full tier names, work. Take it out of the method's folder and publish again."
    )


def _shortened(text: str) -> str:
    """One line without addresses of requests, at most 300 characters, without a full stop."""
    text = re.sub(r"\(Request ID: [^)]*\)", "", text)
    text = " ".join(text.split()).rstrip(" .")
    return text if len(text) <= 300 else f"{text[:299]}…"


def no_token() -> InputError:
    """Nobody is logged in."""
    return InputError(
        "There is no Hugging Face token on this machine. One with write permission is needed. "
        f"Make it at {_TOKENS}, then run `hf auth login` or set HF_TOKEN."
    )


def wrong_token() -> InputError:
    """The Hub does not know the token."""
    return InputError(
        "The Hub does not accept the Hugging Face token of this machine (HF_TOKEN, or that of "
        f"`hf auth login`). A valid one with write permission works. Make it at {_TOKENS} and log in "
        "again."
    )


def read_only_token(name: str) -> InputError:
    """The token may only read."""
    return InputError(
        f"The Hugging Face token {name!r} may only read. One with write permission is needed. "
        f"Make it at {_TOKENS}, then run `hf auth login` or set HF_TOKEN."
    )


def offline() -> InputError:
    """HF_HUB_OFFLINE is set."""
    return InputError(
        "HF_HUB_OFFLINE is set, so nothing can be published. --dry-run DIR builds and checks "
        "without a network. Use it, or unset HF_HUB_OFFLINE."
    )
