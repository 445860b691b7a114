"""The only reader of `os.environ`: one frozen dataclass, with a source for each default."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import InputError

_UNITS = {
    "": 1,
    "b": 1,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
}
DEVICES = ("auto", "cpu", "cuda", "mps")
# what Spaces sets when the card says `hf_oauth: true`
OAUTH_VARIABLES = (
    "SPACE_ID",
    "OAUTH_CLIENT_ID",
    "OAUTH_CLIENT_SECRET",
    "OAUTH_SCOPES",
    "OPENID_PROVIDER_URL",
)


def parse_bytes(text: str) -> int:
    """Turn `20GiB`, `512 MB` or `1024` into a number of bytes.

    Raises:
        InputError: the text is not a number with one of the units B, KB, MB, GB, KiB, MiB, GiB.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].lower() not in _UNITS:
        raise InputError(f"{text!r} is not a size. Write a number with a unit, such as 20GiB.")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def size_words(size: float) -> str:
    """A number of bytes with a unit that fits it, such as `1.3 MB` or `8.0 GB`; see `parse_bytes`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            value = size / factor
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{size:.0f} B"


def _default_data_dir(env: Mapping[str, str]) -> Path:
    if base := env.get("XDG_DATA_HOME"):
        return Path(base) / "vitrine"
    temporary = Path(tempfile.gettempdir()) / "vitrine"
    try:
        wanted = Path.home() / ".local" / "share" / "vitrine"
    except RuntimeError:  # a user of a container whom nobody named
        return temporary
    # elsewhere a home that cannot be written is a fault to be told; on a Space it is usual, and
    # what lies there is gone with the container anyway
    return temporary if env.get("SYSTEM") == "spaces" and not _can_be_made(wanted) else wanted


def _can_be_made(folder: Path) -> bool:
    # os.path: a folder that may not be looked into is no error there
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    return os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the environment or the command line may decide."""

    data_dir: Path = field(default_factory=lambda: _default_data_dir(os.environ))
    # SQLAlchemy and fsspec URLs, which may hold a password, so no log may show them;
    # None means SQLite and a folder in `data_dir`
    database_url: str | None = field(default=None, repr=False)
    artifact_url: str | None = field(default=None, repr=False)
    device: str = "auto"
    device_budget: int | None = None  # bytes; None lets the cache measure
    ram_budget: int | None = None  # bytes; None means 60 % of what is available
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    share: bool = False
    auth: tuple[str, str] | None = field(default=None, repr=False)  # user and password
    methods: tuple[str, ...] = ()  # empty means all
    offline: bool = False  # HF_HUB_OFFLINE
    on_space: bool = False  # SYSTEM=spaces
    zero_gpu: bool = False  # SPACES_ZERO_GPU
    space_id: str = ""  # owner/name of the Space, where this is one
    oauth: bool = False  # a Space that signs visitors in with Hugging Face
    process_index: int = 0  # RANK, set by `accelerate launch`; only process 0 speaks and checks
    max_upload_bytes: int = 50 * 2**20
    max_audio_seconds: float = 600.0
    queue_size: int = 64  # waiting Gradio events of the whole hub
    max_waiting_jobs: int = 32  # heavy jobs waiting for the device
    max_jobs_per_visitor: int = 4
    keep_runs_days: float = 30.0  # runs that are not pinned expire after this
    max_disk: int = 20 * 2**30  # bytes of runs and uploads; 0 means no limit
    upload_dir: Path | None = None  # GRADIO_TEMP_DIR; None means a folder in `data_dir`

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise InputError(f"device {self.device!r} is unknown. Use one of {', '.join(DEVICES)}.")
        if not 0 <= self.port <= 65535:
            raise InputError(f"port {self.port} is out of range. Use a number from 0 to 65535.")
        if self.max_disk < 0:
            raise InputError(
                f"max_disk {self.max_disk} is negative. A size such as 20GiB works, or 0 for no limit."
            )

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL of the run store."""
        return self.database_url or f"sqlite:///{self.data_dir / 'vitrine.sqlite3'}"

    @property
    def resolved_artifact_url(self) -> str:
        """The fsspec URL under which artifacts are kept."""
        return self.artifact_url or str(self.data_dir / "artifacts")

    @property
    def resolved_upload_dir(self) -> Path:
        """Where files lie between their upload and the event that reads them."""
        return self.upload_dir or self.data_dir / "uploads"


def _number(name: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text)
    except ValueError:
        word = "a whole number" if kind is int else "a number"
        raise InputError(f"{name} is {text!r}. It must be {word}. Correct or unset it.") from None


def from_env(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from environment variables (`VITRINE_*` and the platform's own)."""
    env = os.environ if env is None else env
    given: dict[str, object] = {"data_dir": _default_data_dir(env)}
    if value := env.get("VITRINE_DATA_DIR"):
        given["data_dir"] = Path(value).expanduser()
    for name in ("database_url", "artifact_url", "device", "host", "root_path"):
        if value := env.get(f"VITRINE_{name.upper()}"):
            given[name] = value
    if value := env.get("GRADIO_TEMP_DIR"):
        given["upload_dir"] = Path(value).expanduser()
    for name, variable in (
        ("device_budget", "VITRINE_VRAM"),
        ("ram_budget", "VITRINE_RAM"),
        ("max_disk", "VITRINE_MAX_DISK"),
    ):
        if value := env.get(variable):
            given[name] = parse_bytes(value)
    for name in ("port", "queue_size", "max_waiting_jobs", "max_jobs_per_visitor"):
        if value := env.get(f"VITRINE_{name.upper()}"):
            given[name] = _number(f"VITRINE_{name.upper()}", value, int)
    if value := env.get("VITRINE_KEEP_RUNS_DAYS"):
        given["keep_runs_days"] = _number("VITRINE_KEEP_RUNS_DAYS", value, float)
    if value := env.get("VITRINE_METHODS"):
        given["methods"] = tuple(part.strip() for part in value.split(",") if part.strip())
    if value := env.get("VITRINE_AUTH"):
        user, _, password = value.partition(":")
        if not (user and password):  # half of it would let everybody in who guesses the other half
            raise InputError(
                "VITRINE_AUTH lacks a user or a password. Both are needed. Write USER:PASSWORD."
            )
        given["auth"] = (user, password)
    given["offline"] = env.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    given["on_space"] = env.get("SYSTEM") == "spaces"
    given["space_id"] = env.get("SPACE_ID", "") if given["on_space"] else ""
    # Without SPACE_ID Gradio would not ask the visitor but lend everybody the host's own account.
    given["oauth"] = bool(given["on_space"] and all(env.get(name) for name in OAUTH_VARIABLES))
    given["zero_gpu"] = env.get("SPACES_ZERO_GPU", "").lower() in {"1", "true", "yes", "on"}
    given["process_index"] = int(rank) if (rank := env.get("RANK", "")).isdigit() else 0
    if given["on_space"] and "host" not in given:
        given["host"] = "0.0.0.0"  # a Space is reached from outside its container
    return Settings(**given)  # type: ignore[arg-type]


def tell_gradio(chosen: Settings) -> None:
    """Put the folder of uploads where Gradio reads it, unless the environment names one already."""
    os.environ.setdefault("GRADIO_TEMP_DIR", str(chosen.resolved_upload_dir.absolute()))


_current: Settings | None = None


def current() -> Settings:
    """Return the settings of this process, read from the environment at first use."""
    global _current
    if _current is None:
        _current = from_env()
    return _current


def use(settings: Settings | None) -> None:
    """Replace the settings of this process; `None` reads the environment again at next use."""
    global _current
    _current = settings


def override(**changes: object) -> Settings:
    """Replace some fields of the current settings and return the new ones."""
    settings = replace(current(), **changes)  # type: ignore[arg-type]
    use(settings)
    return settings


def environment(name: str) -> str | None:
    """The value of any environment variable, for secrets that are named on the command line."""
    return os.environ.get(name)
