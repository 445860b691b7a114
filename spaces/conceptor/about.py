"""The About tab: how it works in one picture, what differs, limits, numbers with sources, licences."""

from __future__ import annotations

from . import SPEC, charts
from .charts import text
from .panels import frame

_BOXES = (
    (0, "1 draw", "pictures of the word", "model frozen"),
    (230, "2 weigh", "α for each word", "only α learns"),
    (460, "3 compare", "draw the sum", "same noise"),
)
# The authors' code, google-research/conceptor, `one_step_reconstruction.py` and its README.
OFFICIAL: tuple[tuple[str, str], ...] = (
    ("training pictures", "100"),
    ("steps, pictures in one step", "500, 6"),
    ("words in the dictionary", "5,000 of 49 thousand"),
    ("words kept", "50"),
    ("λ, weight of sparsity", "0.001"),
)


def how_it_works() -> str:
    """One picture: the three stages, and what goes in and comes out."""
    body = ""
    for x, name, what, held in _BOXES:
        body += (
            f'<rect x="{x + 1}" y="64" width="178" height="92" rx="8" fill="var(--vt-surface)" '
            'stroke="var(--vt-edge)"/>'
            + charts.words(x + 90, 92, name, kind="co-value")
            + charts.words(x + 90, 116, what)
            + charts.words(x + 90, 140, held)
        )
        arrow = f"M{x + 186} 110h34m-8-6 8 6-8 6"
        body += f'<path d="{arrow}" fill="none" stroke="var(--vt-text)" stroke-width="2"/>'
    body += charts.words(90, 24, "a word", kind="co-value")
    body += (
        '<path d="M90 34v22m-6-8 6 8 6-8" fill="none" stroke="var(--vt-text)" stroke-width="2"/>'
    )
    for k, width in enumerate((112, 78, 52, 30)):
        body += f'<rect x="696" y="{74 + 20 * k}" width="{width}" height="13" rx="3" fill="var(--vt-accent)"/>'
    body += charts.words(752, 176, "words with shares")
    label = (
        "The model draws pictures of a word; a small network learns a weight for every other word so that "
        "the weighted sum explains the pictures; the sum is drawn from the same noise and compared"
    )
    return charts.svg(824, 188, label, body)


def panel() -> str:
    """The whole tab."""
    paper = SPEC.paper
    rows = "".join(f"<tr><td>{text(what)}</td><td>{value}</td></tr>" for what, value in OFFICIAL)
    tiers = "".join(
        f"<li>{text(tier.title)}: {text(tier.licence)}. {text(tier.note)}</li>"
        for tier in SPEC.tiers
    )
    bibtex = (
        "@inproceedings{chefer2024hidden,\n"
        f"  title     = {{{paper.title}}},\n"
        "  author    = {Chefer, Hila and Lang, Oran and Geva, Mor and Polosukhin, Volodymyr and\n"
        "               Shocher, Assaf and Irani, Michal and Mosseri, Inbar and Wolf, Lior},\n"
        "  booktitle = {ICLR},\n  year      = {2024}\n}"
    )
    return frame(
        f'<div class="co-how"><h3>How it works</h3>{how_it_works()}<p>A text-to-image model has no dictionary that '
        "could be read. But it can draw. Conceptor asks which sum of other words makes it draw the same pictures, and "
        "shows that sum: what a concept is made of, which examples it leans on, which meanings it mixes, and how it "
        "leans between groups of people.</p></div>",
        "<div><h3>What differs here</h3><ul class='co-plain'>"
        "<li>The sum is brought to the usual length everywhere, also where candidates are compared.</li>"
        "<li>It is learnt several times, so that you see which words come back; candidates are compared on a "
        "fixed set of noises.</li>"
        "<li>The shared model is never resized or written into. Hashes before and after say so.</li>"
        "<li>The small model’s text tower was taught to read a sum of words in one place; a tower that never saw one "
        "draws few words together and loses some of many. No sum came close to a planted word. Stable Diffusion is taken as it is.</li>"
        "<li>Everything random has a seed. The same request gives the same bytes on a CPU.</li></ul></div>",
        "<div><h3>Limits</h3><ul class='co-plain'>"
        "<li>Where the dictionary is larger than an embedding is wide, several sums say the same. The small network "
        "and λ decide which one is found.</li>"
        "<li>What a word does in the sum may differ from what it draws alone.</li>"
        "<li>Only single words can be elements, so a look that needs two words is spelt in a roundabout way.</li>"
        "<li>The small model knows one drawn world in 64 × 64 pixels. Real concepts need the full model.</li></ul></div>",
        "<div><h3>The authors’ settings</h3><p>They are for Stable Diffusion 2.1. Under Settings, “authors’ code” starts "
        "from them. Our measurements stand in the Check tab.</p>"
        '<div class="co-scroll" tabindex="0"><table class="co-table"><thead><tr><th scope="col">what</th>'
        f'<th scope="col">value</th></tr></thead><tbody>{rows}</tbody></table></div></div>',
        "<div><h3>Use it with care</h3><p>An audit says how one model draws a word, not how the world is. A "
        "balanced picture is no proof of a fair model. Figures about groups of people depend on the words that "
        "stand for them: choose these with thought, and say which they were.</p></div>",
        f"<div><h3>Licences</h3><ul class='co-plain'><li>Code and small model: Apache-2.0.</li>{tiers}</ul></div>",
        f'<div><h3>Citation</h3><pre tabindex="0">{text(bibtex)}</pre><p><small>The authors’ code is in '
        "google-research (Apache-2.0). This is an independent implementation.</small></p></div>",
    )
