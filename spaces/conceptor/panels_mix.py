"""The mixer, a slider for each word with solo and mute, and what it draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core.errors import InputError
from core.runs.request import from_json
from core.ui import pictures

from .charts import text
from .config import Settings
from .panels import Link, cloud, cloud_words, frame, number, on_sheet, percent, sheet_of, take
from .requests import MixRequest
from .results import Element, MixResult

WORDS = 10  # sliders; the words behind them keep their weight
# What the sliders say goes into one text, so that any number of words costs the page one component.
MIXER_JS = """
const told = () => {
const factors = {}, mute = [];
let solo = "";
element.querySelectorAll("[data-word]").forEach((row) => {
const word = row.dataset.word, range = row.querySelector("input"), on = (name) => row.querySelector(`[data-mix=${name}]`).getAttribute("aria-pressed") === "true";
if (Number(range.value) !== 1) factors[word] = Number(range.value);
if (on("solo")) solo = word;
if (on("mute")) mute.push(word);
});
document.dispatchEvent(new CustomEvent("co-mix", { detail: { factors, solo, mute } }));
};
element.addEventListener("input", ({ target }) => {
if (target.type !== "range") return;
const words = Number(target.value).toFixed(1) + " ×";
target.setAttribute("aria-valuetext", words);
target.parentElement.querySelector("output").textContent = words;
told();
});
element.addEventListener("click", ({ target }) => {
const button = target.closest("[data-mix]"), all = target.closest("[data-mix-reset]");
if (button) {
const on = button.getAttribute("aria-pressed") !== "true";
if (button.dataset.mix === "solo") element.querySelectorAll("[data-mix=solo]").forEach((b) => b.setAttribute("aria-pressed", "false"));
button.setAttribute("aria-pressed", String(on));
told();
}
if (all) {
element.querySelectorAll("[data-mix]").forEach((b) => b.setAttribute("aria-pressed", "false"));
element.querySelectorAll("input[type=range]").forEach((r) => { r.value = 1; r.dispatchEvent(new Event("input", { bubbles: true })); });
told();
}
});
"""
HELD_JS = """
document.addEventListener("co-mix", ({ detail }) => {
try { props.value = JSON.stringify({ ...JSON.parse(props.value), ...detail }); } catch (error) { /* nothing is held */ }
});
"""


def held(request: dict[str, Any], result_concept: str) -> str:
    """What the mixer mixes, as the text that travels: the concept, its settings, and the factors so far."""
    keys = ("tier", "model", "settings", "factors", "solo", "mute")
    told = {key: request[key] for key in keys if key in request}
    return json.dumps({"concept": result_concept, **told}, separators=(",", ":"))


def request_of(told: Any, seeds: tuple[int, ...]) -> MixRequest:
    """The request of what the mixer holds, checked like every other input.

    Raises:
        InputError: there is nothing to mix yet, or what came is no mix.
    """
    try:
        data = json.loads(told) if told else None
    except (TypeError, ValueError):
        data = None
    if not isinstance(data, dict) or not data.get("concept"):
        raise InputError(
            "There are no words to mix yet. The mixer takes those of a decomposition. "
            "Choose a ready concept, or press Decompose first."
        )
    plain = {k: v for k, v in data.items() if k != "settings"}
    return from_json(
        MixRequest, {**plain, "settings": data.get("settings") or {}, "seeds": list(seeds)}
    )


def settings_of(told: Any) -> Settings:
    """The settings that the mixer's words were learnt with."""
    return request_of(told, (0,)).settings


def mixer(
    concept: str,
    elements: Sequence[Element],
    factors: dict[str, float] | None = None,
    solo: str = "",
    mute: Sequence[str] = (),
) -> str:
    """The sliders of a concept's first words.

    Args:
        concept: whose words.
        elements: the largest share first.
        factors: where the sliders stand; 1 for words that are not named.
        solo: the word that is drawn alone, or an empty text.
        mute: words that are left out.
    """
    if not elements:
        return frame('<div class="co-empty">The words of a decomposition will stand here, each with a slider.</div>')  # fmt: skip
    rows = "".join(
        _row(e, (factors or {}).get(e.word, 1.0), e.word == solo, e.word in mute)
        for e in elements[:WORDS]
    )
    rest = len(elements) - WORDS
    more = f" The other {rest} keep their weight." if rest > 0 else ""
    return frame(
        f"<p>The words of “{text(concept)}”. 1 × is what the model means.{more} "
        '<button type="button" class="vt-button" data-mix-reset>All back to 1 ×</button></p>'
        f'<div class="co-mixer" role="group" aria-label="Weights of the words of {text(concept)}">{rows}</div>'
    )


def _row(e: Element, factor: float, solo: bool, mute: bool) -> str:
    factor = min(max(factor, 0.0), 3.0)
    said = f"{factor:.1f} ×"
    buttons = "".join(
        f'<button type="button" class="vt-button" data-mix="{name}" aria-pressed="{str(on).lower()}" '
        f'aria-label="{what} {text(e.word)}">{name}</button>'
        for name, on, what in (("solo", solo, "Draw alone:"), ("mute", mute, "Leave out:"))
    )
    return (
        f'<div data-word="{text(e.word)}"><b>{text(e.word)} <small>{percent(e.share)}</small></b>'
        f'<input type="range" min="0" max="3" step="0.1" value="{factor:g}" aria-valuetext="{said}" '
        f'aria-label="Weight of {text(e.word)}"><output>{said}</output>{buttons}</div>'
    )


def mix_panel(result: MixResult, link: Link, stored: str = "") -> str:
    """Pictures before and after, words before and after, and the file."""
    sheet = sheet_of(result.sheet, link)
    columns = range(len(result.seeds))
    rows = ""
    for row, name in enumerate(("as learnt", "your mix")):
        tiles = "".join(
            pictures.tile(sheet, k, row, f"{name}, seed {result.seeds[k]}") for k in columns
        )
        rows += f'<small>{name}</small><div class="co-tiles" style="--n:{len(result.seeds)}">{tiles}</div>'
    before, after = ([(e.word, max(e.share, 0.0)) for e in side] for side in (result.before, result.after))  # fmt: skip
    alike = (
        f"Likeness before and after by CLIP: {number(sum(result.likeness) / len(result.likeness))}. "
        if result.likeness
        else ""
    )
    said = _changes(result)
    return frame(
        f'<p class="co-say">“{text(result.concept)}”, {said}.</p>',
        f'<div class="co-mixed">{on_sheet(sheet, rows)}</div>'
        f"<p><small>Columns start from the same noise: seeds {', '.join(map(str, result.seeds))}. {alike}</small></p>",
        f'<div class="co-two"><div><h3>As learnt</h3>{cloud(before, cloud_words(result.concept, before))}</div>'
        f"<div><h3>Your mix</h3>{cloud(after, cloud_words('mix', after))}</div></div>",
        _seen(result),
        take(
            [
                ("Textual inversion of the mix", "mixed.safetensors", link("mixed.safetensors")),
                ("Pictures", "mix.png", link(result.sheet.file)),
            ]
        ),
        f'<p><small>In diffusers: <code>pipe.load_textual_inversion("mixed.safetensors")</code>, then write '
        f"<code>a photo of a {text(result.token)}</code>. {result.seconds:.1f} s. Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def _changes(result: MixResult) -> str:
    old = {e.word: e.share for e in result.before}
    new = {e.word: e.share for e in result.after}
    if len(new) == 1 and len(old) > 1:
        return f"only as “{text(next(iter(new)))}”"
    gone = [word for word in old if word not in new]
    most = sorted(new, key=lambda w: abs(new[w] - old.get(w, 0.0)), reverse=True)
    moved = [w for w in most if abs(new[w] - old.get(w, 0.0)) > 0.02][:2]
    words = [f"without “{text(w)}”" for w in gone[:2]]
    words += [f"{'more' if new[w] > old.get(w, 0.0) else 'less'} “{text(w)}”" for w in moved]
    return ", ".join(words[:3]) if words else "nothing changed"


def _seen(result: MixResult) -> str:
    """How often each word of the mix is seen, where a probe reads pictures."""
    if not result.seen_after:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{text(word)}</th><td>{percent(result.seen_before.get(word, 0.0))}</td>'
        f"<td>{percent(seen)}</td></tr>"
        for word, seen in result.seen_after.items()
    )
    return (
        "<details><summary>What the probe sees before and after</summary>"
        '<table class="co-table"><thead><tr><th scope="col">word</th><th scope="col">as learnt</th>'
        f'<th scope="col">your mix</th></tr></thead><tbody>{rows}</tbody></table></details>'
    )
