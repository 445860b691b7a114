"""`bench`: measures a service of the hub against its budget."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

from core.commands.learning import on_step_of
from core.commands.progress import Progress
from core.errors import NotFoundError
from core.registry import Score

FOLDER = Path(__file__).resolve().parents[1] / "bench"


def known() -> dict[str, str]:
    """Names of the benchmarks with their `SUMMARY`, found without importing them."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            else:
                continue
            if "SUMMARY" in names and node.value is not None:
                found[path.stem] = " ".join(str(ast.literal_eval(node.value)).split())
    return found


def run(name: str, *, quick: bool) -> list[Score]:
    """Run one benchmark.

    Raises:
        NotFoundError: there is none of that name.
    """
    if name not in known():
        listed = ", ".join(known()) or "none yet"
        raise NotFoundError(f"There is no benchmark {name!r}. There are: {listed}. Name one.")
    module = importlib.import_module(f"core.bench.{name}")
    with Progress(f"bench {name}") as progress:
        return module.run(quick=quick, on_step=on_step_of(progress))
