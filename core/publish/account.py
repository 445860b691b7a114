"""Who publishes: the token of this machine, and whom the Hub takes it for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from huggingface_hub import HfApi, constants, get_token

from core.errors import InputError
from core.publish import trouble
from core.publish.patience import patiently


@dataclass(frozen=True, slots=True)
class Account:
    """The owner of a token."""

    name: str
    orgs: tuple[str, ...]
    role: str  # write, read or fineGrained; empty when the Hub does not say
    token_name: str

    @property
    def words(self) -> str:
        """The account and its token, for the line that says who publishes."""
        named = f', token "{self.token_name}"' if self.token_name else ""
        return f"{self.name}{named}"


def find_token() -> str:
    """The token that `hf auth login` stored or HF_TOKEN holds; it is neither shown nor logged.

    Raises:
        InputError: there is none, or HF_HUB_OFFLINE is set.
    """
    if constants.is_offline_mode():
        raise trouble.offline()
    token = get_token()
    if not token:
        raise trouble.no_token()
    return token


def who(api: HfApi) -> Account:
    """Ask the Hub whose token this is.

    Raises:
        InputError: the token is not valid.
        VitrineError: the Hub cannot be reached.
    """
    try:
        told: dict[str, Any] = patiently(api.whoami)
    except Exception as error:
        raise trouble.explain(error, "asking who you are") from error
    token = (told.get("auth") or {}).get("accessToken") or {}
    return Account(
        name=told["name"],
        orgs=tuple(org["name"] for org in told.get("orgs") or ()),
        role=token.get("role") or "",
        token_name=token.get("displayName") or "",
    )


def check_may_publish(account: Account, repo: str) -> None:
    """Refuse what cannot succeed before anything is built or sent.

    Raises:
        InputError: the token may only read, or the owner is somebody else.
    """
    owner = repo.split("/")[0]
    if account.role == "read":
        raise trouble.read_only_token(account.token_name)
    if owner.lower() not in {name.lower() for name in (account.name, *account.orgs)}:
        places = ", ".join((account.name, *account.orgs))
        raise InputError(
            f"--repo {repo} belongs to {owner}, but the token is that of {account.name}. "
            f"{places} would work. Write, for instance, --repo {account.name}/{repo.split('/')[1]}."
        )
