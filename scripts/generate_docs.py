"""Write the tables of README.md that follow from the code: methods, commands, settings.

    python -m scripts.generate_docs            # write
    python -m scripts.generate_docs --check    # exit 1 when something is stale

Each table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import core.gpu  # noqa: E402, F401  # first, as in every entry point
from core import registry, settings  # noqa: E402
from core.settings import size_words  # noqa: E402

README = ROOT / "README.md"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: which setting it decides, an example, and what it does."""

    name: str
    field: str
    example: str
    words: str


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "VITRINE_DATA_DIR", "data_dir", "/srv/vitrine", "folder for runs, uploads and the database"
    ),
    Variable(
        "VITRINE_DATABASE_URL",
        "database_url",
        "postgresql+psycopg://host/name",
        "where runs are listed; SQLite in the data folder when unset",
    ),
    Variable(
        "VITRINE_ARTIFACT_URL",
        "artifact_url",
        "s3://bucket/vitrine",
        "where files of runs are kept, any `fsspec` address; the data folder when unset",
    ),
    Variable("VITRINE_DEVICE", "device", "cpu", "where jobs run: auto, cpu, cuda or mps"),
    Variable(
        "VITRINE_VRAM",
        "device_budget",
        "20GiB",
        "most device memory for models; measured when unset",
    ),
    Variable(
        "VITRINE_RAM",
        "ram_budget",
        "8GiB",
        "most memory for models; 60 % of what is free when unset",
    ),
    Variable("VITRINE_HOST", "host", "0.0.0.0", "address to listen on"),
    Variable("VITRINE_PORT", "port", "8000", "port to listen on"),
    Variable(
        "VITRINE_ROOT_PATH", "root_path", "/vitrine", "path under which a proxy serves the hub"
    ),
    Variable(
        "VITRINE_AUTH",
        "auth",
        "anna:secret",
        "user and password that visitors must give; unlike `--auth` not shown by `ps`",
    ),
    Variable("VITRINE_METHODS", "methods", "trill", "only these methods, separated by commas"),
    Variable("VITRINE_QUEUE_SIZE", "queue_size", "128", "events of the pages that may wait"),
    Variable(
        "VITRINE_MAX_WAITING_JOBS",
        "max_waiting_jobs",
        "16",
        "heavy jobs that may wait for the device",
    ),
    Variable(
        "VITRINE_MAX_JOBS_PER_VISITOR", "max_jobs_per_visitor", "2", "active jobs of one visitor"
    ),
    Variable(
        "VITRINE_KEEP_RUNS_DAYS",
        "keep_runs_days",
        "7",
        "days until a run that is not pinned expires",
    ),
    Variable(
        "VITRINE_MAX_DISK",
        "max_disk",
        "100GB",
        "most disk for runs and uploads, oldest unpinned runs go first; 0 for no limit",
    ),
    Variable(
        "GRADIO_TEMP_DIR",
        "upload_dir",
        "/tmp/uploads",
        "where an upload waits for its run, for a day at most; a folder of the data folder when unset",
    ),
    Variable("HF_HUB_OFFLINE", "offline", "1", "never ask the network for weights"),
    Variable("SYSTEM", "on_space", "spaces", "set by Hugging Face Spaces: listen on every address"),
    Variable("RANK", "process_index", "1", "set by `accelerate launch` in each of its processes"),
    Variable("SPACES_ZERO_GPU", "zero_gpu", "true", "set by ZeroGPU Spaces"),
)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def methods() -> str:
    """One row for each method, from its spec."""
    rows = []
    for spec in registry.specs():
        paper = f"[{spec.paper.title}]({spec.paper.url})" if spec.paper.url else spec.paper.title
        tiers = "; ".join(_tier(tier) for tier in spec.tiers)
        rows.append(
            [
                f"{spec.emoji} [{spec.title}](spaces/{spec.slug}/README.md)",
                spec.summary,
                f"{paper}, {spec.paper.venue} {spec.paper.year}",
                tiers,
            ]
        )
    return _table(["method", "what it does", "paper", "tiers"], rows)


def _tier(tier: registry.Tier) -> str:
    needs = (
        f", needs a GPU with {size_words(tier.min_device_bytes)}" if tier.min_device_bytes else ""
    )
    return f"{tier.name}: {tier.title}{needs}"


def commands() -> str:
    """One row for each command, from its declaration."""
    import typer.main

    from core.cli import cli

    group: Any = typer.main.get_command(cli)
    rows = []
    for name, command in group.commands.items():
        words = [_argument(p) for p in command.params if p.param_type_name == "argument"]
        options = [max(p.opts, key=len) for p in command.params if p.param_type_name == "option"]
        first = " ".join((command.help or "").split("\n\n")[0].split())
        usage = " ".join(["python app.py", name, *words])
        rows.append([f"`{usage}`", first, ", ".join(f"`{o}`" for o in options if o != "--help")])
    return _table(["command", "what it does", "options"], rows)


def _argument(parameter: Any) -> str:
    word = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
    return word if parameter.required else f"[{word}]"


def variables() -> str:
    """One row for each environment variable, with the default of its setting."""
    defaults = settings.from_env({"HOME": "~"})
    rows = []
    for variable in VARIABLES:
        value = getattr(defaults, variable.field)
        default = "`~/.local/share/vitrine`" if variable.field == "data_dir" else _default(value)
        rows.append([f"`{variable.name}`", variable.words, default, f"`{variable.example}`"])
    return _table(["variable", "what it decides", "default", "example"], rows)


def _default(value: object) -> str:
    if value is None or value == () or value == "":
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int) and value >= 2**30 and value % 2**30 == 0:
        return f"`{value // 2**30}GiB`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


TABLES = {"methods": methods, "commands": commands, "settings": variables}


def fill(text: str) -> str:
    """Return `text` with every table between its markers brought up to date.

    Raises:
        ValueError: a pair of markers is missing.
    """
    for name, make in TABLES.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"the markers of the table {name!r} must stand in the file once")
        table = make()
        text = pattern.sub(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or say whether they are stale."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    before = README.read_text("utf-8")
    after = fill(before)
    if before == after:
        return 0
    if check:
        sys.stdout.write("README.md has a stale table. `make fix` writes it anew.\n")
        return 1
    README.write_text(after, "utf-8")
    sys.stdout.write("wrote the tables of README.md\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
