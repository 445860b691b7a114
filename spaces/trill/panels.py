"""Results of TRILL as the HTML that the page shows: a sentence first, then pictures, then numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import charts, gallery, pairs
from .charts import text
from .gallery import Example
from .results import (
    ClassifyResult,
    CompareResult,
    ExploreResult,
    Heard,
    PersonaliseResult,
    SurviveResult,
    TeachResult,
    TripletResult,
)

Link = Callable[[str], str]  # name of one of the result's files to its address, or ""
LAYER_WORDS = {"embedding": "the final embedding", "layer19": "the middle layer (layer 19)"}

# One player for all sounds of the page: a click or Enter on anything with data-play (a shipped
# example) or data-url starts it, and stops it again.
PLAYER_JS = """
if (!window.trPlayer) {
const sound = window.trPlayer = new Audio(), doc = document;
let on;
const stop = () => { sound.pause(); if (on) { delete on.dataset.on; if (on.dataset.sign) on.textContent = "▶"; } on = 0; };
const toggle = (node) => {
const same = node === on;
stop();
if (same) return;
on = node; node.dataset.on = "";
if (node.dataset.sign) node.textContent = "◼";
sound.src = node.dataset.url || "example/trill/" + node.dataset.play;
sound.play().catch(stop);
};
sound.onended = stop;
doc.addEventListener("click", ({ target }) => {
const node = target.closest(".tr [data-play], .tr [data-url]");
if (node) return toggle(node);
if (target.closest("#tr-work .vt-run, #tr-classify")) setTimeout(() => {
const out = [...doc.querySelectorAll(".tr-out")].find((n) => n.offsetParent), top = out?.getBoundingClientRect().top;
if (top < 0 || top > innerHeight - 120) out.scrollIntoView();
}, 200);
});
doc.addEventListener("keydown", (event) => {
const node = (event.key === "Enter" || event.key === " ") && event.target.closest?.(".tr circle[data-play]");
if (node) { event.preventDefault(); toggle(node); }
});
}
"""


def frame(*parts: str, stored: str = "") -> str:
    """Put parts under each other; `stored` says where a result that is not fresh comes from."""
    mark = f'<div><span class="tr-stored">{text(stored)}</span></div>' if stored else ""
    return f'<div class="tr">{mark}{"".join(part for part in parts if part)}</div>'


def empty(words: str) -> str:
    """A place where a result will stand."""
    return frame(f'<div class="tr-empty">{text(words)}</div>')


def percent(share: float) -> str:
    """A share in words; the ends are not rounded to certainty."""
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def play_button(example: str, title: str) -> str:
    """A round button that plays a shipped example."""
    return (
        f'<button type="button" class="tr-play" data-sign="1" data-play="{text(example)}" '
        f'aria-label="Play {text(title)}">▶</button>'
    )


def _facts(heard: Heard) -> str:
    words = [
        f"{heard.seconds:.1f} s",
        f"{heard.format} {heard.sample_rate / 1000:g} kHz",
        f"average level {heard.level_db:.0f} dB",
        *heard.notes,
    ]
    return f"<small>{text(' · '.join(words))}</small>"


def explore_panel(result: ExploreResult, link: Link, stored: str = "") -> str:
    """What the net hears in one clip."""
    first = result.nearest[0]
    near = gallery.example(first.example)
    turns = result.turns
    say = f"Among the shipped clips, this one sounds most like <b>{text(near.title)}</b>."
    if turns:
        moments = ", ".join(f"{t:.1f}" for t in turns)
        say += f" The voice seems to change at {moments} s."
    head = f'<div><p class="tr-say">{say}</p>{_facts(result.heard)}</div>'
    sound = (
        '<div class="tr-wavebox">'
        f"{charts.waveform(result.heard.peaks, result.heard.seconds, turns)}"
        f"{_mel(result)}{charts.time_axis(result.heard.seconds)}</div>"
    )
    blocks = (
        f"<div><h3>Alike over time</h3>{_similarity_picture(result)}"
        f"<p><small>Each point compares two moments of the clip; bright is alike. Bright squares on "
        f"the diagonal are stretches in one voice. Time runs right and down, "
        f"{result.similarity_span[0]:.1f} to {result.similarity_span[1]:.1f} s.</small></p></div>"
    )
    return frame(
        head,
        sound,
        f'<div class="tr-two">{_map(result)}{blocks}</div>',
        _nearest(result),
        f"<p><small>{result.num_patches} patches of 0.96 s every {result.hop_seconds:.2f} s; "
        f"{result.dimensions} numbers each from {LAYER_WORDS[result.layer]}. "
        f"Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def _mel(result: ExploreResult) -> str:
    label = (
        f"Log-mel spectrogram: 64 bands from 125 to 7500 Hz, low at the bottom, over "
        f"{result.heard.seconds:.1f} s"
    )
    return charts.picture(result.log_mel, label, "tr-mel")


def _similarity_picture(result: ExploreResult) -> str:
    label = "Self-similarity of the clip over time"
    if result.turns:
        label += "; blocks change at " + ", ".join(f"{t:.1f} s" for t in result.turns)
    return charts.picture(result.similarity, label, "tr-square")


_SETS = ("speaker", "style", "language", "gender")


def _colours() -> tuple[dict[str, str], dict[str, str]]:
    """Style attribute of each example, and the legend of each way of colouring."""
    clips = gallery.on_the_map()
    tables: dict[str, dict[str, str]] = {}
    for kind in _SETS:
        values = list(dict.fromkeys(getattr(clip, kind) for clip in clips))
        if kind == "speaker":
            turn = 360 / len(values)
            tables[kind] = {
                v: f"hsl({(i * turn * 5) % 360:.0f} 52% {46 + 10 * (i % 2)}%)"
                for i, v in enumerate(values)
            }
        else:
            tables[kind] = {v: charts.SERIES[i % 6] for i, v in enumerate(values)}
    styles = {
        clip.id: ";".join(
            f"--{letter}:{tables[kind][getattr(clip, kind)]}"
            for letter, kind in zip("abcd", _SETS, strict=True)
        )
        for clip in clips
    }
    legends = {
        kind: '<p class="tr-quiet">One colour per speaker.</p>'
        if kind == "speaker"
        else charts.legend([gallery.GENDERS.get(v, v) for v in table], list(table.values()))
        for kind, table in tables.items()
    }
    return styles, legends


def _map(result: ExploreResult) -> str:
    styles, legends = _colours()
    dots = [
        (dot, styles.get(dot.example, ""), dot.label)
        for dot in result.gallery
        if dot.example in gallery.examples()
    ]
    mean = (
        sum(d.x for d in result.dots) / len(result.dots),
        sum(d.y for d in result.dots) / len(result.dots),
    )
    label = (
        f"Map of {len(dots)} shipped clips by their embeddings; your clip is the ring and the line"
    )
    words = {"speaker": "speaker", "style": "manner", "language": "language", "gender": "gender"}
    name = "tr-colour"
    radios = "".join(
        f'<label><input type="radio" name="{name}" value="{kind}"'
        f"{' checked' if kind == 'style' else ''}>{words[kind]}</label>"
        for kind in _SETS
    )
    shown = "".join(f'<div data-for="{kind}">{legends[kind]}</div>' for kind in _SETS)
    share = 100 * (result.explained[0] + result.explained[1])
    return (
        '<div class="tr-map"><h3>Where it lies</h3>'
        f'<fieldset class="tr-pick"><legend>Colour by</legend>{radios}</fieldset>'
        f"{charts.scatter(dots, result.dots, label, mean)}{shown}"
        f"<p><small>Ring: your clip. Line: its moments. Click a dot to hear it. The two axes show "
        f"{share:.0f} % of the spread among the examples.</small></p></div>"
    )


def _nearest(result: ExploreResult) -> str:
    rows = []
    for neighbour in result.nearest:
        clip = gallery.example(neighbour.example)
        rows.append(
            f"<li>{play_button(clip.id, clip.title)}<span>{text(clip.title)}<br>"
            f"<small>{text(clip.source)}, {text(clip.licence)}</small></span>"
            f"<b>cosine {neighbour.cosine:.2f}</b></li>"
        )
    return f'<div><h3>Nearest examples</h3><ul class="tr-list">{"".join(rows)}</ul></div>'


def compare_panel(result: CompareResult, link: Link, stored: str = "") -> str:
    """How alike two clips sound, on the histograms of known pairs."""
    answers = {answer.layer: answer for answer in result.answers}
    main = answers[result.layer]
    say = (
        f"The two clips sound more alike than <b>{percent(main.above_different)}</b> of pairs of "
        f"different voices, and more alike than <b>{percent(main.above_same)}</b> of pairs of one voice."
    )
    if main.above_different >= 0.95 and main.above_same >= 0.05:
        say += " That is usual for one voice; two similar voices can reach it too."
    elif main.above_same < 0.05:
        say += " That is unusual for one voice in one setting."
    else:
        say += " Both kinds of pairs reach this value, so it decides nothing."
    charts_of = []
    for layer in (result.layer, *(name for name in answers if name != result.layer)):
        answer, known = answers[layer], pairs.known(layer)
        label = (
            f"Cosine {answer.cosine:.2f} for {LAYER_WORDS[layer]}, above "
            f"{percent(answer.above_different)} of {known.num_different} different-voice pairs and "
            f"{percent(answer.above_same)} of {known.num_same} same-voice pairs"
        )
        drawn = charts.histograms(
            known.low, known.high, known.same, known.different, answer.cosine, label
        )
        charts_of.append(
            f"<div><h3>{text(LAYER_WORDS[layer].capitalize())}</h3>{drawn}"
            + charts.legend(
                [
                    f"one voice, {known.num_same} pairs",
                    f"different voices, {known.num_different} pairs",
                ]
            )
            + "</div>"
        )
    return frame(
        f'<div><p class="tr-say">{say}</p><p><small>This compares sounds, not people: channel, room '
        "and mood count too. It is no proof of who speaks.</small></p></div>",
        f"<div><b>A</b> {text(result.first.name)} {_facts(result.first)}<br>"
        f"<b>B</b> {text(result.second.name)} {_facts(result.second)}</div>",
        *charts_of,
        f"<p><small>{text(pairs.about())} Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def teach_panel(result: TeachResult, link: Link, stored: str = "") -> str:
    """A head, and how far to trust it."""
    total = len(result.clips)
    right = sum(clip.truth == clip.answer for clip in result.clips)
    low, high = result.interval
    say = (
        f"Asked about clips it had not heard, the head is right on <b>{right} of {total}</b> "
        f"({percent(result.accuracy)}; 95 % interval {percent(low)} to {percent(high)})."
    )
    if result.interval[0] <= result.chance:
        say += f" That may still be luck: always saying one class gives {percent(result.chance)}."
    wrong = [
        f"<li><span></span><span>{text(clip.name)}<br><small>is "
        f"{text(result.classes[clip.truth])}, taken for {text(result.classes[clip.answer])}"
        f"</small></span><b>{percent(clip.probability)}</b></li>"
        for clip in result.clips
        if clip.truth != clip.answer
    ]
    files = "".join(
        f'<a class="vt-button" href="{text(address)}" download>{label}</a>'
        for label, address in (
            ("Download head (JSON)", link("head.json")),
            ("Download head (safetensors)", link("head.safetensors")),
        )
        if address
    )
    notes = "".join(f"<p><small>{text(note)}</small></p>" for note in result.notes)
    chance = charts.score_row(
        result.accuracy,
        marks=[("chance", result.chance)],
        interval=result.interval,
        low=0,
        high=1,
        label=f"Accuracy {percent(result.accuracy)}, always one class {percent(result.chance)}",
    )
    return frame(
        f'<div><p class="tr-say">{say}</p>{chance}{notes}</div>',
        f'<div class="tr-two"><div><h3>What is taken for what</h3>'
        f"{charts.confusion(result.classes, result.confusion)}</div>"
        f"<div><h3>Your clips</h3>{_lesson_map(result)}</div></div>",
        f'<div><h3>Mistakes</h3><ul class="tr-list">{"".join(wrong)}</ul></div>' if wrong else "",
        f'<div class="tr-players">{files}</div>' if files else "",
        "<p>Now put a new clip into “Your clip” and press <b>Classify</b>.</p>",
        stored=stored,
    )


def _lesson_map(result: TeachResult) -> str:
    xs, ys = [c.x for c in result.clips], [c.y for c in result.clips]
    width, height, pad = 400.0, 260.0, 20.0
    sx = (width - 2 * pad) / max(max(xs) - min(xs), 1e-9)
    sy = (height - 2 * pad) / max(max(ys) - min(ys), 1e-9)
    marks = []
    for clip in result.clips:
        x, y = pad + (clip.x - min(xs)) * sx, height - pad - (clip.y - min(ys)) * sy
        colour = charts.SERIES[clip.truth % 6]
        ring = "" if clip.truth == clip.answer else ' stroke="var(--vt-bad)" stroke-width="3"'
        marks.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{colour}"{ring}>'
            f"<title>{text(clip.name)}: {text(result.classes[clip.truth])}</title></circle>"
        )
    label = f"Map of the {len(result.clips)} clips of the lesson, coloured by class"
    return charts.svg(width, height, label, "".join(marks)) + charts.legend(result.classes)


def classify_panel(result: ClassifyResult, link: Link, stored: str = "") -> str:
    """What a head says about one clip."""
    best = max(range(len(result.classes)), key=lambda i: result.probabilities[i])
    say = (
        f"{text(result.heard.name)} sounds like <b>{text(result.classes[best])}</b> "
        f"({percent(result.probabilities[best])})."
    )
    label = "; ".join(
        f"{name} {percent(p)}" for name, p in zip(result.classes, result.probabilities, strict=True)
    )
    moments = charts.series_over_time(
        result.times, result.series, result.classes, result.heard.seconds
    )
    over_time = (
        f"<div><h3>Over time</h3>{moments}{charts.time_axis(result.heard.seconds)}"
        f"{charts.legend(result.classes)}</div>"
    )
    return frame(
        f'<div><p class="tr-say">{say}</p>{_facts(result.heard)}</div>',
        charts.share_bars(result.classes, result.probabilities, label),
        over_time if moments else "",
        "<p><small>A head knows only its own classes: a clip of none of them still gets an answer."
        "</small></p>",
        stored=stored,
    )


def survive_panel(result: SurviveResult, link: Link, stored: str = "") -> str:
    """What the embedding ignores, and what it notices."""
    low, middle, high = result.other_voice
    share = result.chosen.distance / middle if middle else 0.0
    if result.chosen.label == "nothing changed":
        kept = [c for c in result.sweep if c.distance < low]
        say = (
            f"Of {len(result.sweep)} usual changes, <b>{len(kept)}</b> move the embedding less than "
            "nearly any other voice would."
        )
    else:
        say = (
            f"Your change ({text(result.chosen.label)}) moves the embedding by "
            f"<b>{result.chosen.distance:.2f}</b>, {percent(share)} of the way to another voice."
        )
    rows = [("Yours", result.chosen.label, result.chosen.distance, True)]
    if result.same_clip is not None:
        rows.append(("Same clip", "second half", result.same_clip, False))
    rows += [(c.group, c.label, c.distance, False) for c in result.sweep]
    label = f"Squared distances per change; another voice lies at {middle:.2f} (median)"
    players = "".join(
        f'<button type="button" class="vt-button" data-url="{text(address)}">▶ {words}</button>'
        for words, address in (
            ("Original", link("original.flac")),
            ("Changed", link("changed.flac")),
        )
        if address
    )
    return frame(
        f'<div><p class="tr-say">{say}</p>{_facts(result.heard)}</div>',
        f'<div class="tr-players">{players}</div>' if players else "",
        charts.distance_bars(rows, result.other_voice, label),
        f"<p><small>Squared distance on the unit sphere for {LAYER_WORDS[result.layer]}: 0 is the same, "
        f"2 unrelated. Band: 5 to 95 % of the distances to other shipped voices ({low:.2f} to "
        f"{high:.2f}).</small></p>",
        stored=stored,
    )


_VERDICTS = {
    "easy": "The negative is already further away than the positive by more than the margin: "
    "nothing to learn here.",
    "semi-hard": "The order is right but the gap is smaller than the margin: the kind of triplet "
    "that training picks.",
    "hard": "The negative is closer than the positive: the net has it the wrong way round.",
}


def triplet_panel(result: TripletResult, link: Link, stored: str = "") -> str:
    """What the loss says about three moments."""
    cards = []
    for t in result.triangles:
        label = (
            f"{LAYER_WORDS[t.layer]}: anchor to positive {t.positive:.2f}, anchor to negative "
            f"{t.negative:.2f}, {t.verdict}"
        )
        cards.append(
            f"<div><h3>{text(LAYER_WORDS[t.layer].capitalize())}: {t.verdict}</h3>"
            f"{charts.triangle(t.positive, t.negative, result.margin, label)}"
            f"<p>{_VERDICTS[t.verdict]}</p><p><small>Squared distances: positive {t.positive:.2f}, "
            f"negative {t.negative:.2f}. Loss max(0, {t.positive:.2f} − {t.negative:.2f} + "
            f"{result.margin:.2f}) = {t.loss:.2f}.</small></p></div>"
        )
    anchor, positive, negative = (text(name) for name in result.names)
    return frame(
        f"<p><small>Anchor: {anchor}. Positive: {positive}. Negative: {negative}.</small></p>",
        f'<div class="tr-triangles">{"".join(cards)}</div>',
        stored=stored,
    )


def personalise_panel(result: PersonaliseResult, link: Link, stored: str = "") -> str:
    """How much a few own clips help."""
    xs = [point.clips for point in result.points]
    lines = [
        ("own clips", [point.personal for point in result.points]),
        ("others' clips", [point.generic for point in result.points]),
        ("both", [point.both for point in result.points]),
    ]
    first, last = result.points[0], result.points[-1]
    say = (
        f"Digits of {text(result.speaker)}: a head that learnt from other speakers is right on "
        f"{percent(last.generic[0])}; one own clip per digit gives {percent(first.personal[0])}, "
        f"{last.clips} give <b>{percent(last.personal[0])}</b>."
    )
    lowest = min(v[1] for _, values in lines for v in values)
    label = f"Accuracy against the number of own clips per digit for {result.speaker}"
    drawn = charts.curve(
        xs, lines, label, "own clips per digit", (max(0.0, min(lowest, 0.9) - 0.05), 1.0)
    )
    return frame(
        f'<p class="tr-say">{say}</p>',
        drawn,
        f"<p><small>{len(result.classes)} digits, {result.num_test} test clips of this speaker, "
        f"{result.resamples} draws of own clips. Bands: middle 80 % of the draws. Classifier: LDA with "
        "shrinkage (nearest centroid for one clip).</small></p>",
        stored=stored,
    )


def board(classes: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The classes of a lesson that is being put together."""
    if not classes:
        return empty(
            "No clips yet. Name a class, then add clips to it. Two classes are enough to start."
        )
    rows = "".join(
        f'<div class="tr-class" style="--c:{charts.SERIES[i % 6]}"><b>{text(name)}</b> '
        f"<small>{len(clips)} clip{'s' if len(clips) != 1 else ''}</small>"
        f'<div class="tr-chips">{"".join(f"<span>{text(clip)}</span>" for clip in clips)}</div></div>'
        for i, (name, clips) in enumerate(classes)
    )
    return f'<div class="tr"><div class="tr-board">{rows}</div></div>'


def example_title(clip: Example) -> str:
    """A title with its length, for lists of examples."""
    return f"{clip.title} ({clip.seconds:.0f} s)"
