"""Panels of the tabs behind Try: what the method did, known answers, training. HTML as in `panels`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import charts, gallery
from .charts import text
from .panels import LAYER_WORDS, Link, empty, frame, percent, play_button
from .results import CheckResult, ExploreResult, TrainPoint, TrainResult

WEIGHTS = Path(__file__).parent / "weights"
REPRESENTATIONS = {
    "layer19": "middle layer",
    "embedding": "final embedding",
    "untrained": "same net, untrained",
    "mfcc": "MFCC statistics",
    "mel": "log-mel statistics",
}


def why_panel(result: ExploreResult, stored: str = "") -> str:
    """The way of one clip through the method, step by step."""
    seconds = result.heard.seconds
    width = 100 * min(1.0, 0.96 / max(seconds, 0.96))
    hop = 100 * min(1.0, result.hop_seconds / max(seconds, 0.96))
    boxes = "".join(
        f'<i class="tr-patch" style="left:{i * hop:.2f}%;width:{width:.2f}%"></i>'
        for i in (0, 1, 2)
        if i * hop + width <= 100.5
    )
    other = "embedding" if result.layer == "layer19" else "layer19"
    similarity = "Self-similarity over time in "
    return frame(
        f"<div><h3>1. The clip becomes a log-mel picture</h3><p>Every 10 ms, 25 ms of sound are split "
        f"into 64 bands from 125 to 7500 Hz, as the ear spaces them. Bright is loud, low tones are at "
        f"the bottom. This is {text(result.heard.name)}.</p>"
        f'<div class="tr-over">{charts.picture(result.log_mel, "Log-mel spectrogram", "tr-mel")}'
        f"{boxes}</div>{charts.time_axis(seconds)}</div>",
        f"<div><h3>2. The net reads it in patches</h3><p>A window of 0.96 s moves by "
        f"{result.hop_seconds:.2f} s; the first three stand in the picture above. Each patch becomes "
        f"{result.dimensions} numbers. Below, time runs right, and each row is one of the numbers that "
        "move most: bright is above its own mean, dark below.</p>"
        f"{charts.picture(result.vectors, 'Vectors over time', 'tr-mel')}</div>",
        "<div><h3>3. Alike moments lie close</h3><p>Compare each moment with each other one. The "
        "middle layer still hears speech sounds and manner; the final embedding was pushed to keep "
        "what stays the same in a recording. Look at which picture shows the cleaner blocks.</p>"
        '<div class="tr-two">'
        f"<div>{charts.picture(result.similarity, similarity + LAYER_WORDS[result.layer], 'tr-square')}"
        f"<small>{text(LAYER_WORDS[result.layer].capitalize())}</small></div>"
        f"<div>{charts.picture(result.other_similarity, similarity + LAYER_WORDS[other], 'tr-square')}"
        f"<small>{text(LAYER_WORDS[other].capitalize())}</small></div></div></div>",
        "<div><h3>4. How it learned that</h3><p>The method needs no labels. An <b>anchor</b> and a "
        "<b>positive</b> are two moments of one recording, the <b>negative</b> is from another. "
        "Training pulls the first two together until the negative is further away by a margin. Choose "
        "three moments and see what the net would still have to learn.</p></div>",
        stored=stored,
    )


def read_scores() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The stored scores of the shipped weights, and what is known of how they were measured."""
    path = WEIGHTS / "scores.json"
    config = WEIGHTS / "config.json"
    if path.exists():
        data = json.loads(path.read_text("utf-8"))
        return (data, {}) if isinstance(data, list) else (data.get("scores", []), data)
    if config.exists():
        data = json.loads(config.read_text("utf-8"))
        return data.get("scores", []), data
    return [], {}


MARKS = {"log-mel": "mel", "MFCC": "mfcc", "untrained": "untrained"}  # name to kind of mark


def scores_panel() -> str:
    """The stored benchmark: one picture, then the table."""
    every, about = read_scores()
    scores = [score for score in every if _rivals(score)]
    if not scores:
        return empty("The benchmark of these weights has not been stored yet.")
    pictures = "".join(_score(score) for score in scores)
    ahead = sum(_is_ahead(score) for score in scores)
    marks = charts.legend(
        ["ours, with 95 % interval", "untrained net", "MFCC", "log-mel statistics", "chance"],
        ["var(--vt-accent)", "var(--tr-3)", "var(--tr-4)", "var(--tr-2)", "var(--vt-bad)"],
    )
    rows = "".join(_score_cells(score) for score in scores)
    names = ("task", "ours", "95 %", "log-mel", "MFCC", "untrained", "chance", "n", "chosen")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    weights = str((about.get("sha256") or {}).get("model.safetensors", ""))[:12]
    source = f" Weights {text(weights)}." if weights else ""
    return frame(
        f'<div><p class="tr-say">On <b>{ahead} of {len(scores)}</b> tasks the trained net is ahead of '
        "every baseline.</p><p>Where its interval covers a rival, that may be luck. Speakers of the test were never heard in training, but for six actors in "
        "the first emotion score, whose sentences were heard without labels. Classifier and layer "
        "were chosen on a validation part, for ours and for each baseline, and the test was used "
        "once.</p></div>",
        f"<div>{marks}{pictures}</div>",
        f'<details><summary>As a table</summary><div class="tr-scroll" tabindex="0"><table class="tr-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>",
        _own_clips_panel(every),
        f"<p><small>Re-run it with your own copy of the data: <code>python app.py eval trill --data "
        f"FOLDER</code>.{source}</small></p>",
    )


def _own_clips_panel(scores: list[dict[str, Any]]) -> str:
    """The stored personalisation curve, when the evaluation made one."""
    for score in scores:
        points = (score.get("details") or {}).get("by own clips of each digit")
        if not points:
            continue
        xs = sorted(int(count) for count in points)

        def line(key: str, xs: list[int] = xs, points: Any = points) -> list[Any]:
            return [_flat(points[str(x)][key] / 100) for x in xs]

        generic = [_flat(float(score["baseline"]) / 100)] * len(xs)
        lowest = min(v[0] for v in (*line("personal"), *line("both"), *generic))
        drawn = charts.curve(
            xs,
            [("own clips", line("personal")), ("others' clips", generic), ("both", line("both"))],
            "Accuracy on digits against the number of own clips, mean over the speakers",
            "own clips per digit",
            (max(0.0, min(0.9, lowest) - 0.05), 1.0),
        )
        return (
            f"<div><h3>A few own clips</h3><p>Ten digits, mean over the speakers of the Free Spoken "
            f"Digit Dataset, n = {score.get('n', 0)} test clips.</p>{drawn}</div>"
        )
    return ""


def _flat(value: float) -> tuple[float, float, float]:
    """A point without a band."""
    return value, value, value


def _rivals(score: dict[str, Any]) -> dict[str, float]:
    """Numbers of the other representations, by the kind of mark they get."""
    table = (score.get("details") or {}).get("all") or {}
    return {mark: float(table[name]["value"]) for name, mark in MARKS.items() if name in table}


def _is_ahead(score: dict[str, Any]) -> bool:
    others = _rivals(score).values()
    value = float(score["value"])
    if score.get("better") == "lower":
        return all(value < other for other in others)
    return all(value > other for other in others)


def _score(score: dict[str, Any]) -> str:
    value, rivals = float(score["value"]), _rivals(score)
    marks = [*rivals.items()]
    if score.get("chance") is not None:
        marks.append(("chance", float(score["chance"])))
    every = [value, *(v for _, v in marks), *(score.get("interval") or ())]
    scale = 100.0 if score.get("unit") == "%" or max(every) > 1.5 else 1.0
    low, high = (
        (0.0, min(scale, 1.25 * max(every))) if score.get("better") == "lower" else (0.0, scale)
    )
    interval = score.get("interval")
    label = f"{score['name']}: ours {_value(score, value)}" + "".join(
        f", {name} {_value(score, v)}" for name, v in marks
    )
    drawn = charts.score_row(
        value,
        marks=marks,
        interval=(float(interval[0]), float(interval[1])) if interval else None,
        low=low,
        high=high,
        label=label,
    )
    hint = "lower is better" if score.get("better") == "lower" else ""
    return (
        f'<div class="tr-score"><span>{text(score["name"])}<small>n = {score.get("n", 0)}'
        f"{', ' + hint if hint else ''}</small></span>{drawn}<b>{_value(score, value)}</b></div>"
    )


def _value(score: dict[str, Any], value: float) -> str:
    if score.get("unit") == "%":
        return f"{value:.1f} %"
    if score.get("unit"):
        return f"{value:.3g} {score['unit']}"
    return f"{100 * value:.1f} %" if 0 <= value <= 1 else f"{value:.3g}"


def _score_cells(score: dict[str, Any]) -> str:
    rivals, interval = _rivals(score), score.get("interval")
    table = (score.get("details") or {}).get("all") or {}
    chance = score.get("chance")
    cells = (
        text(score["name"]),
        _value(score, float(score["value"])),
        f"{_value(score, interval[0])} to {_value(score, interval[1])}" if interval else "",
        *(_value(score, rivals[mark]) if mark in rivals else "" for mark in MARKS.values()),
        "" if chance is None else _value(score, float(chance)),
        str(score.get("n", 0)),
        text((table.get("trained") or {}).get("chosen", "")),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def check_panel(result: CheckResult, link: Link, stored: str = "") -> str:
    """Known answers on the shipped clips, with the mistakes to listen to."""
    parts = []
    for row in result.rows:
        # in one order, whatever way the result took: stored JSON has its keys sorted
        shares = {name: row.shares[name] for name in REPRESENTATIONS if name in row.shares}
        main = shares[result.layer]
        marks = [(name, share) for name, share in shares.items() if name != result.layer]
        label = f"{row.question} " + ", ".join(
            f"{REPRESENTATIONS[name]} {percent(share)}" for name, share in shares.items()
        )
        drawn = charts.score_row(
            main,
            marks=[*marks, ("chance", row.chance)],
            interval=row.interval,
            low=0,
            high=1,
            label=label,
        )
        parts.append(
            f'<div class="tr-score"><span>{text(row.question)}<small>n = {row.n}, chance '
            f"{percent(row.chance)}</small></span>{drawn}<b>{percent(main)}</b></div>"
        )
    names = [name for name in REPRESENTATIONS if name in result.rows[0].shares]
    head = "".join(f'<th scope="col">{text(REPRESENTATIONS[name])}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{text(row.name)}</th>'
        + "".join(f"<td>{percent(row.shares[name])}</td>" for name in names)
        + "</tr>"
        for row in result.rows
    )
    mistakes = "".join(_mistake(m.example, m.taken_for, m.cosine) for m in result.mistakes)
    heard = (
        f'<div><h3>Mistakes to listen to</h3><ul class="tr-list">{mistakes}</ul></div>'
        if mistakes
        else "<p>Every clip's nearest neighbour is the same speaker here.</p>"
    )
    return frame(
        f"<div>{''.join(parts)}</div>",
        f'<div class="tr-scroll" tabindex="0"><table class="tr-table"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>",
        heard,
        f"<p><small>Few clips, so the intervals are wide; the benchmark above is the one to quote. "
        f"Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def _mistake(example: str, taken_for: str, cosine: float) -> str:
    first, second = gallery.example(example), gallery.example(taken_for)
    return (
        f"<li>{play_button(first.id, first.title)}<span>{text(first.title)}<br><small>nearest: "
        f"{text(second.title)}</small></span>{play_button(second.id, second.title)}</li>"
    )


def training_start() -> str:
    """What training does, before it was ever started."""
    return frame(
        "<div><p>Train the small net from nothing on your own recordings: at least four, from different "
        "people or places, some seconds each. Without files it trains on procedural voices, which shows "
        "the curves in half a minute.</p><p>A stopped run goes on from its last checkpoint when you "
        "press Train with the same recordings; more steps continue a finished one.</p></div>",
        '<div class="tr-empty">Loss, in-batch top-1 and spread will be drawn here while it trains.</div>',
    )


def training_curves(points: Sequence[TrainPoint]) -> str:
    """The curves of a run under way."""
    if not points:
        return empty("The curves will be drawn here while it trains.")
    drawn = "".join(
        f"<div>{charts.training([(p.step, getattr(p, key)) for p in points], name, name)}"
        f"<small>{hint}</small></div>"
        for key, name, hint in (
            ("loss", "loss", "triplet loss, both parts; falls"),
            (
                "top1",
                "in-batch top-1",
                "share of patches whose nearest is of the same recording; rises",
            ),
            ("spread", "spread", "mean distance between embeddings; near 0 means collapse"),
        )
    )
    return frame(f'<div class="tr-triangles">{drawn}</div>')


def train_panel(result: TrainResult, link: Link, stored: str = "") -> str:
    """The end of a run: curves and files."""
    last = result.points[-1] if result.points else None
    what = f"{result.num_clips} recordings" if result.num_clips else "procedural voices"
    say = f"Trained {result.steps} steps on {what}."
    if last is not None:
        say += f" In-batch top-1 is {percent(last.top1)}, spread {last.spread:.2f}."
    files = "".join(
        f'<a class="vt-button" href="{text(link(name))}" download>Download {name}</a>'
        for name in ("model.safetensors", "config.json")
        if link(name)
    )
    return frame(
        f'<p class="tr-say">{text(say)}</p>',
        training_curves(result.points),
        f'<div class="tr-players">{files}</div>' if files else "",
        "<p><small>Put both files into one folder and give it to the command line, or to "
        "<code>hear.load_model</code>. A few hundred steps teach far less than the shipped run."
        "</small></p>",
        stored=stored,
    )
