"""Results of TRILL as the HTML that the page shows: a sentence first, then pictures, then numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import charts, gallery, pairs
from .charts import text
from .results import (
    CompareResult,
    ExploreResult,
    Heard,
    SurviveResult,
    TripletResult,
)

Link = Callable[[str], str]  # name of one of the result's files to its address, or ""
_SHORT = 0.3  # seconds; under a syllable
_SILENT_DB = -80.0  # peak; three steps of 16 bits. A part of a loud recording may be silent too
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
if (target.closest("#tr-work .vt-run-button, #tr-classify")) setTimeout(() => {
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


def facts(heard: Heard) -> str:
    """One small line about an input: length, format, level, notes."""
    words = [
        f"{heard.seconds:.1f} s",
        f"{heard.format} {heard.sample_rate / 1000:g} kHz",
        f"average level {heard.level_db:.0f} dB",
        *heard.notes,
    ]
    return f"<small>{text(' · '.join(words))}</small>"


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them: "2.9, 4.0 and 5.2"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def is_silent(heard: Heard) -> bool:
    """Whether a clip holds no sound, so that every answer about it is chance."""
    return "silent" in heard.notes or heard.peak_db <= _SILENT_DB


def _caution(heard: Heard) -> str:
    """What to know before the answer about a clip that holds too little sound; else nothing."""
    if is_silent(heard):
        return "This clip is silent, so nothing below means anything."
    short = heard.seconds < _SHORT
    quiet = any(note.startswith("very quiet") for note in heard.notes)
    causes = ["very short"] * short + ["very quiet"] * quiet
    return f"This clip is {listed(causes)}, so take the answer with care. " if causes else ""


def explore_panel(result: ExploreResult, link: Link, stored: str = "") -> str:
    """What the net hears in one clip."""
    first = result.nearest[0]
    near = gallery.example(first.example)
    turns = result.turns
    say = _caution(result.heard)
    if not is_silent(result.heard):
        say += f"Among the shipped clips, this one sounds most like <b>{text(near.title)}</b>."
        if turns:
            moments = listed([f"{t:.1f}" for t in turns])
            say += f" The voice seems to change at {moments} s."
    head = f'<div><p class="tr-say">{say}</p>{facts(result.heard)}</div>'
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
        f"<div><b>A</b> {text(result.first.name)} {facts(result.first)}<br>"
        f"<b>B</b> {text(result.second.name)} {facts(result.second)}</div>",
        *charts_of,
        f"<p><small>{text(pairs.about())} Weights {text(result.weights)}.</small></p>",
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
        f'<div><p class="tr-say">{say}</p>{facts(result.heard)}</div>',
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
