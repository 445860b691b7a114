"""`eval imagic`: the gate of the model, the benchmark by every way of editing, and the checks on the method.

A case by one way takes from a second to minutes, so every record is kept at once, in lines of JSON in the
data directory; a second call with the same weights and settings goes on where the first one stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core import settings
from core.cache import cache
from core.errors import InputError
from core.jobs import Job
from core.registry import Score
from core.runs import json_lines
from core.runs.request import to_json
from core.world import curriculum
from core.world.diffusion import gate, judge, loading
from core.world.diffusion.judge import Judge
from core.world.diffusion.parts import Parts

from . import benchmark, borrowing, config, tally, trial
from .benchmark import Case
from .trial import Bench, Record

Tell = Callable[..., None]

CHECKED = 30  # cases of the checks that learn once more
COMPARED = (trial.IMAGIC, trial.SDEDIT, trial.PLAIN, trial.INVERSION)
GATE, GATE_HELD_OUT, GATE_PLANTED = 256, 128, 16  # pictures


def evaluate(
    tier: str = "embedded",
    data: Path | None = None,
    limit: int | None = None,
    on_step: Tell | None = None,
    *,
    plot: Path | None = None,
) -> list[Score]:
    """Score Imagic.

    Args:
        tier: "embedded" or "full".
        data: a folder in TEdBench's layout; None takes tinyTEdBench, whose true answers are known.
        limit: this many cases, and a gate of as many captions; None takes all.
        on_step: told a share and what is done.
        plot: where to write success against identity of every way, as SVG.

    Raises:
        InputError: the data cannot be used.
        WeightsError: the model or its judge is not on this machine.
    """
    if tier == "full" and data is None:
        raise InputError(
            "The full tier has no pictures of its own. TEdBench's folder, or one in its layout, is needed. "
            "Give it with --data."
        )
    tell = on_step or (lambda *_: None)
    job = Job(method="imagic")
    tell(0.0, "fetching the model")
    with cache().acquire(loading.spec_for(tier)) as lease, borrowing.judging(job, tier) as judged:
        parts = Parts.from_pipeline(lease.obj)
        scores: list[Score] = []
        if tier == "embedded":
            _need_reader(judged)
            scores += _gate(lease.obj, judged, limit, tell)
        size = parts.image_size
        cases = benchmark.folder(data, size, limit) if data else benchmark.tiny(limit, size)
        bench = Bench(
            parts=parts, judge=judged, tier=tier, settings=config.embedded() if tier == "embedded" else config.full()
        )  # fmt: skip
        before = parts.base_hash()
        records = collect(bench, cases, file_of(bench), plan(cases, tier), tell)
        scores += tally.scores(records)
        scores.append(_untouched(before, parts.base_hash(), len(records)))
    if plot is not None:
        from .plot import trade_off

        plot.parent.mkdir(parents=True, exist_ok=True)
        plot.write_text(trade_off(records), "utf-8")
    return scores


def _need_reader(judged: Judge) -> None:
    if not judged.reads:
        judge.load_probe()  # says in words which file is missing


def _gate(pipe: Any, judged: Judge, limit: int | None, tell: Tell) -> list[Score]:
    few = limit is not None
    found = gate.measure(
        pipe,
        judged,
        curriculum.small(),
        n=min(GATE, 4 * limit) if few else GATE,
        n_held_out=min(GATE_HELD_OUT, 2 * limit) if few else GATE_HELD_OUT,
        each_planted=0 if few else GATE_PLANTED,
        tell=lambda share, text: tell(0.1 * share, text),
    )
    return found.scores()


def plan(cases: Sequence[Case], tier: str) -> list[tuple[Case, str]]:
    """What to run, the quick and telling things first: a limit of time then cuts the least."""
    out = [(case, method) for case in cases for method in COMPARED]
    if tier != "embedded":
        return (
            out  # the other ways learn for hours on a large model, and their checks need the truth
        )
    some = [cases[i] for i in benchmark.spread([c.family for c in cases], CHECKED)]
    out += [(case, method) for case in some for method in (trial.FEW, trial.CONTROL)]
    return out + [(case, trial.COMMUNITY) for case in cases]


def collect(
    bench: Bench,
    cases: Sequence[Case],
    file: Path,
    todo: Sequence[tuple[Case, str]],
    tell: Tell,
) -> list[Record]:
    """Run what the file does not hold yet, and return all records of these cases.

    Args:
        bench: what to work with.
        cases: the benchmark.
        file: lines of JSON; one record each, appended at once.
        todo: cases and ways, in the order in which they are run.
        tell: told a share and what is done; it may raise to stop.
    """
    records = json_lines.read(file)
    done = {(r["case"], r["method"]) for r in records}
    for k, (case, method) in enumerate(todo):
        share, words = 0.1 + 0.9 * k / len(todo), f"{method}: {case.target}"
        tell(share, words)
        if (case.id, method) in done:
            continue

        def report(*_: Any, share: float = share, words: str = words) -> None:
            tell(share, words)

        made = trial.run(dataclasses.replace(bench, report=report), case, method)
        # the way that was asked for comes last, so that a kill between two lines repeats both
        made = sorted(made, key=lambda r: r["method"] == method)
        json_lines.append(file, made)
        records += made
    known = {case.id for case in cases}
    return [r for r in records if r["case"] in known]


def file_of(bench: Bench) -> Path:
    """Where the records of these weights, this judge and these settings are kept."""
    told = json.dumps(
        {
            "model": borrowing.model_hash(bench.parts),
            "judge": judge.weights_hashes(),
            "settings": to_json(bench.settings),
            "community": to_json(config.community()),
            "strengths": trial.STRENGTHS,
            "tier": bench.tier,
        },
        sort_keys=True,
    )
    name = hashlib.sha256(told.encode()).hexdigest()[:16]
    return settings.current().data_dir / "evaluation" / "imagic" / f"{name}.jsonl"


def _untouched(before: str, after: str, n: int) -> Score:
    return Score(
        name="shared weights unchanged after all edits",
        value=float(before == after),
        n=n,
        details={"before": before, "after": after},
    )
