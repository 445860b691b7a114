"""The About tab: how it works in one picture, limits, numbers with sources, licences, risks."""

from __future__ import annotations

from . import SPEC, charts
from .charts import text
from .panels import frame

# The paper (arXiv 2210.09276v3): section 4.3 and appendix C for the study, 3.3 for times, 4.4 for eta.
PUBLISHED: tuple[tuple[str, str], ...] = (
    ("raters who prefer Imagic to SDEdit, DDIB or Text2LIVE", "over 70 % against each"),
    ("answers in that study, on TEdBench (100 pairs)", "9,213"),
    ("η at which edits appear, 150 inputs", "0.6 to 0.8"),
    ("time for one edit, Imagen on two TPUv4", "about 8 minutes"),
    ("time for one edit, Stable Diffusion on one A100", "about 7 minutes"),
)
_BOXES = (
    (0, "1 embedding", "learn e_opt", "network frozen"),
    (230, "2 network", "learn θ", "e_opt frozen"),
    (460, "3 walk", "η e_tgt + (1 − η) e_opt", "same noise"),
)


def how_it_works() -> str:
    """One picture: the three stages, and what goes in and comes out."""
    body = ""
    for x, name, what, held in _BOXES:
        body += (
            f'<rect x="{x + 1}" y="64" width="178" height="92" rx="8" fill="var(--vt-surface)" '
            'stroke="var(--vt-edge)"/>'
            + charts.words(x + 90, 92, name, kind="im-strong")
            + charts.words(x + 90, 116, what)
            + charts.words(x + 90, 140, held)
        )
        arrow = f"M{x + 186} 110h34m-8-6 8 6-8 6"
        body += f'<path d="{arrow}" fill="none" stroke="var(--vt-text)" stroke-width="2"/>'
    body += charts.words(90, 24, "picture + text", kind="im-strong")
    body += (
        '<path d="M90 34v22m-6-8 6 8 6-8" fill="none" stroke="var(--vt-text)" stroke-width="2"/>'
    )
    for k in range(4):
        body += (
            f'<rect x="{696 + 29 * k}" y="92" width="26" height="36" rx="3" fill="var(--vt-accent)" '
            f'fill-opacity="{0.2 + 0.25 * k:.2f}"/>'
        )
    body += charts.words(753, 150, "a strip over η")
    label = (
        "Stage 1 learns a text embedding for the picture, stage 2 tunes the network with it, stage 3 "
        "walks from that embedding to the text and draws a strip of edits"
    )
    return charts.svg(824, 168, label, body)


def panel() -> str:
    """The whole tab."""
    paper = SPEC.paper
    rows = "".join(f"<tr><td>{text(what)}</td><td>{value}</td></tr>" for what, value in PUBLISHED)
    tiers = "".join(
        f"<li>{text(tier.title)}: {text(tier.licence)}. {text(tier.note)}</li>"
        for tier in SPEC.tiers
    )
    bibtex = (
        "@inproceedings{kawar2023imagic,\n"
        f"  title     = {{{paper.title}}},\n"
        "  author    = {Kawar, Bahjat and Zada, Shiran and Lang, Oran and Tov, Omer and Chang, Huiwen\n"
        "               and Dekel, Tali and Mosseri, Inbar and Irani, Michal},\n"
        "  booktitle = {CVPR},\n  year      = {2023}\n}"
    )
    return frame(
        f'<div class="im-how"><h3>How it works</h3>{how_it_works()}<p>A text-to-image model can draw a '
        "sitting dog, but not yours. Imagic first finds the text that means your picture, then lets the "
        "network learn the details that no text can hold, and then moves the text towards what you asked "
        "for. It needs one picture and one text: no mask, no second view, no description of the picture."
        "</p></div>",
        "<div><h3>What differs here</h3><ul class='im-plain'>"
        "<li>Stage 2 learns a small adapter (LoRA) unless you ask for the whole network, so that an edit "
        "is a small file and the shared model is never changed. Hashes before and after prove it.</li>"
        "<li>Several noises are learnt from in one step, and all pictures of a strip are drawn at once.</li>"
        "<li>On the small model a strip starts from the noise of which the tuned weights draw your picture, found by DDIM "
        "inversion; the paper starts from random noise. The evaluation has both.</li>"
        "<li>Everything random has a seed. The same request gives the same bytes on a CPU.</li>"
        "<li>The paper's own numbers are one click away under Learning, and so are those of the public "
        "pipeline.</li></ul></div>",
        "<div><h3>What the small model cannot do</h3><ul class='im-plain'>"
        "<li>It knows one small drawn world, in 64 × 64 pixels and about two hundred words. Photos can be "
        "brought, but it will draw them in its own way; real photos need the full model.</li>"
        "<li>An edit can be too subtle, or the whole scene can shift before the edit appears; the paper "
        "names both. Other seeds and a late η help.</li>"
        "<li>Scores suggest; they do not judge a single picture well. Your eyes do.</li></ul></div>",
        "<div><h3>The paper's numbers, and ours</h3><p>They are for real photos and models over a hundred times "
        "as large, so they must not be compared with ours digit by digit. Ours stand in the Check tab.</p>"
        '<div class="im-scroll" tabindex="0"><table class="im-table"><thead><tr><th scope="col">what</th>'
        f'<th scope="col">published</th></tr></thead><tbody>{rows}</tbody></table></div></div>',
        "<div><h3>Use it with care</h3><p>A convincing edit of a photo can deceive and hurt. Do not edit "
        "pictures of people without their consent, say that a picture was edited where others may take "
        "it as it is, and mind the licence of the model: it forbids some uses. Uploads stay in this "
        "hub's run store and can be deleted with their run.</p></div>",
        f"<div><h3>Licences</h3><ul class='im-plain'><li>Code and small model: Apache-2.0. The scenes are "
        f"our own drawings.</li>{tiers}</ul></div>",
        f'<div><h3>Citation</h3><pre tabindex="0">{text(bibtex)}</pre><p><small>No official code was '
        "released. Joint tuning and forgetting follow Forgedit (arXiv 2309.10556), SDEdit is arXiv "
        "2108.01073.</small></p></div>",
    )
