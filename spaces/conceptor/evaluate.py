"""`eval conceptor`: every planted word taken apart, by the method and by every simpler way, beside the recipes.

A word takes from seconds to minutes, so every record is kept at once, in lines of JSON in the data
directory; a second call with the same weights and settings goes on where the first one stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from core import settings
from core.errors import InputError
from core.jobs import Job
from core.registry import Score
from core.runs import json_lines
from core.world.diffusion import judge
from core.world.recipes import RECIPES

from . import borrowing, config, tally, tokens, trial, truth
from .borrowing import Bench
from .config import Settings
from .trial import Record, Trial

Tell = Callable[..., None]

VERSION = 1  # of what a record says; a new one leaves the old file alone


def evaluate(
    tier: str = "embedded",
    data: Path | None = None,
    limit: int | None = None,
    on_step: Tell | None = None,
    *,
    wanted: Settings | None = None,
) -> list[Score]:
    """Score Conceptor on the planted words.

    Args:
        tier: "embedded"; the recipes are those of the small world.
        data: must be None: the planted words are the data.
        limit: this many words of each unit; None takes all.
        on_step: told a share and what is done.
        wanted: settings of the method; None takes the embedded ones.

    Raises:
        InputError: another tier, or data.
        WeightsError: the model or its judge is not on this machine.
    """
    if tier != "embedded":
        raise InputError(
            f"The {tier} tier was asked for. What its words mean is not known, so there is nothing to count. "
            "Use --tier embedded."
        )
    if data is not None:
        raise InputError(
            f"The data folder {data.name} was given. The planted words of the small world are what is measured. "
            "Leave --data away."
        )
    tell = on_step or (lambda *_: None)
    tell(0.0, "fetching the model")
    with borrowing.bench(Job(method="conceptor"), tier) as b:
        if not b.judge.reads:
            judge.load_probe()  # says in words which file is missing
        found = Trial(bench=b, settings=wanted or config.embedded())
        before = b.model.fingerprint()
        records = collect(found, plan(planted_words(b), limit), file_of(found), tell)
        scores = tally.scores(records)
        scores.append(_untouched(before, b.model.fingerprint(), len(records)))
    return scores


def planted_words(b: Bench) -> list[str]:
    """The planted words that the model knows: test concepts first, those that tuned the settings last."""
    live = tokens.live(b.model, b.tier, "all", b.world)
    known = {form.removesuffix(tokens.END) for form in live.forms}
    rank = {"test": 0, "": 1, "development": 2}
    words = [w for w in RECIPES if w in known]
    return sorted(words, key=lambda w: (rank[RECIPES[w].split], words.index(w)))


def plan(words: Sequence[str], limit: int | None = None) -> list[tuple[str, str]]:
    """What to do, as word and unit, the quick and telling things first: a limit of time then cuts the least.

    Args:
        words: planted words in their order.
        limit: words of each unit; they are spread over the categories.
    """
    of = {w: RECIPES[w] for w in words}
    meant = [w for w in words if truth.elements(of[w])]
    units = {
        trial.OURS: list(words),
        trial.SIMPLE: meant,
        trial.AUDIT: [w for w in words if of[w].category == "profession"],
        trial.FREQUENCY: meant,
        trial.EXPLAIN: [w for w in words if of[w].category == "homograph"],
        trial.FACTORS: [w for w in words if of[w].split == "test"],
        trial.LEFT_IN: [w for w in words if of[w].split == "test"],
        trial.NEVER_TAUGHT: [w for w in words if of[w].split == "test"],
        trial.OFFICIAL: [w for w in words if of[w].split == "test" or of[w].category in ("exemplar", "homograph")],
    }  # fmt: skip
    return [(w, unit) for unit, some in units.items() for w in spread(some, limit)]


def spread(words: Sequence[str], limit: int | None) -> list[str]:
    """Some of the words, one category after the other, in the order in which they stand."""
    if limit is None or limit >= len(words):
        return list(words)
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(RECIPES[word].category, []).append(word)
    chosen: set[str] = set()
    while len(chosen) < limit:
        for group in groups.values():
            if group and len(chosen) < limit:
                chosen.add(group.pop(0))
    return [w for w in words if w in chosen]


def collect(found: Trial, todo: Sequence[tuple[str, str]], file: Path, tell: Tell) -> list[Record]:
    """Run what the file does not hold yet, and return all records of these words.

    Args:
        found: what to work with.
        todo: words and units, in the order in which they are run.
        file: lines of JSON, each all records of one unit, appended at once.
        tell: told a share and what is done; it may raise to stop.
    """
    units = json_lines.read(file)
    done = {(u["concept"], u["unit"]) for u in units}
    for k, (concept, unit) in enumerate(todo):
        tell(k / len(todo), f"{unit}: {concept}")
        if (concept, unit) in done:
            continue
        made = {"concept": concept, "unit": unit, "records": trial.run(found, concept, unit)}
        json_lines.append(file, [made])
        units.append(made)
    wanted = set(todo)
    return [r for u in units if (u["concept"], u["unit"]) in wanted for r in u["records"]]


def file_of(found: Trial) -> Path:
    """Where the records of these weights, this judge and these settings are kept."""
    told = json.dumps(
        {
            "version": VERSION,
            "model": found.bench.weights,
            "judge": judge.weights_hashes(),
            "settings": config.to_dict(found.settings),
            "official": config.to_dict(trial.official_settings()),
        },
        sort_keys=True,
    )
    name = hashlib.sha256(told.encode()).hexdigest()[:16]
    return settings.current().data_dir / "evaluation" / "conceptor" / f"{name}.jsonl"


def _untouched(before: str, after: str, n: int) -> Score:
    return Score(
        name="shared weights unchanged after all words",
        value=float(before == after),
        n=n,
        details={"before": before, "after": after},
    )
