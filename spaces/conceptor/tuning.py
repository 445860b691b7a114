"""Chooses λ, learning rate and dictionary once, on the development concepts, which count in no comparison.

    python -m core.methods.conceptor.tuning --out FOLDER

Every line of `tuning.jsonl` is one concept with one choice; a second call goes on where the first one stopped. The
table at the end is sorted by recall, then by the loss of the kept words. Freeze the winner in `config.embedded`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import core.gpu  # noqa: F401  # first import of every entry point
from core.jobs import Job
from core.runs import json_lines
from core.world.recipes import RECIPES

from . import borrowing, decompose, evaluate, truth
from .borrowing import Bench
from .config import Settings

logger = logging.getLogger(__name__)

SPARSITIES = (0.03, 0.1, 0.3)
RATES = (2e-3, 5e-3, 1e-2)
DICTIONARIES = ("all", "atoms")


def grid() -> list[Settings]:
    """The choices that are tried, each with one repeat."""
    plain = Settings(repeats=1, attribution=False, distribution=0)
    return [
        replace(plain, sparsity=sparsity, lr=rate, dictionary=words)  # type: ignore[arg-type]
        for words, sparsity, rate in itertools.product(DICTIONARIES, SPARSITIES, RATES)
    ]


def concepts(b: Bench) -> list[str]:
    """The development concepts that the model knows."""
    return [w for w in evaluate.planted_words(b) if RECIPES[w].split == "development"]


def run(b: Bench, file: Path, choices: Sequence[Settings] | None = None) -> list[dict[str, Any]]:
    """Try every choice on every development concept, and return the table, the best first.

    Args:
        b: the bench.
        file: lines of JSON; what it holds already is not run again.
        choices: what to try; the grid by default.
    """
    known = json_lines.read(file)
    done = {(r["concept"], r["key"]) for r in known}
    for choice in choices or grid():
        key = f"{choice.dictionary} λ {choice.sparsity:g} lr {choice.lr:g}"
        for concept in concepts(b):
            if (concept, key) in done:
                continue
            found = decompose.learn_concept(b, concept, choice)
            compared = truth.against(
                concept, [(e.word, e.share) for e in found.result.elements], found.learnt.shown
            )
            assert compared is not None, "a development concept is planted"
            record = {
                "concept": concept,
                "key": key,
                "recall": compared.recall,
                "correlation": compared.correlation,
                "loss": found.result.losses.kept,
                "seconds": found.result.seconds,
            }
            json_lines.append(file, [record])
            known.append(record)
            logger.info("%s: %s recall %.2f loss %.5f", key, concept, record["recall"], record["loss"])  # fmt: skip
    return table(known)


def table(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means of each choice, the highest recall first, then the lowest loss."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        groups[record["key"]].append(record)
    rows = []
    for key, some in groups.items():
        row: dict[str, Any] = {"key": key, "n": len(some)}
        for name in ("recall", "loss", "seconds"):
            row[name] = round(sum(r[name] for r in some) / len(some), 6)
        rows.append(row)
    return sorted(rows, key=lambda row: (-row["recall"], row["loss"]))


def main(arguments: Iterable[str] | None = None) -> None:
    """Try the grid and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of tuning.jsonl")
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with borrowing.bench(Job(method="conceptor"), "embedded") as b:
        for row in run(b, chosen.out / "tuning.jsonl"):
            logger.info("%s", json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
