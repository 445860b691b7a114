"""The About tab: how it works in one picture, limits, numbers with sources, licences, risks."""

from __future__ import annotations

from . import SPEC, charts
from .charts import text
from .panels import frame

# Documentation of FRILL on TensorFlow Hub (google/nonsemantic-speech-benchmark/frill/1), column TRILL.
PUBLISHED: tuple[tuple[str, str], ...] = (
    ("speaker, VoxCeleb1", "46.8 %"),
    ("language, VoxForge", "84.5 %"),
    ("commands, Speech Commands", "81.7 %"),
    ("emotion, CREMA-D", "65.9 %"),
    ("emotion, SAVEE", "70.0 %"),
    ("mask, Masked Speech", "65.8 %"),
    ("human sounds, ESC-50 HS", "86.4 %"),
)


def how_it_works() -> str:
    """One picture: sound, log-mel, net, sphere."""
    boxes = (
        (0, "sound", "16 kHz"),
        (168, "log-mel", "64 bands, 10 ms"),
        (336, "ResNetish", "0.96 s patches"),
        (504, "vectors", "middle and final"),
    )
    body = ""
    for x, name, detail in boxes:
        body += (
            f'<rect x="{x + 1}" y="60" width="128" height="74" rx="8" fill="var(--vt-surface)" '
            f'stroke="var(--vt-edge)"/><text class="tr-strong" x="{x + 65}" y="94" '
            f'text-anchor="middle">{name}</text><text x="{x + 65}" y="115" '
            f'text-anchor="middle">{detail}</text>'
        )
        if x:
            body += f'<path d="M{x - 34} 97h26m-8-6 8 6-8 6" fill="none" stroke="var(--vt-text)" stroke-width="2"/>'
    body += (
        '<circle cx="740" cy="97" r="74" fill="none" stroke="var(--vt-edge)"/>'
        '<path d="M716 66 735 82" stroke="var(--tr-1)" stroke-width="3"/>'
        '<path d="M716 66 786 132" stroke="var(--tr-3)" stroke-width="2" stroke-dasharray="5 4"/>'
        '<circle cx="716" cy="66" r="8" fill="var(--vt-text)"/>'
        '<circle cx="735" cy="82" r="8" fill="var(--tr-1)"/>'
        '<circle cx="786" cy="132" r="8" fill="var(--tr-3)"/>'
        '<text x="716" y="50" text-anchor="middle">anchor</text>'
        '<text x="748" y="78" text-anchor="start">positive</text>'
        '<text x="786" y="155" text-anchor="middle">negative</text>'
        '<path d="M640 97h20m-8-6 8 6-8 6" fill="none" stroke="var(--vt-text)" stroke-width="2"/>'
    )
    label = (
        "Sound becomes a log-mel picture, a ResNet-like net turns patches of 0.96 s into vectors, and "
        "training pulls two moments of one recording together on a sphere"
    )
    return charts.svg(830, 190, label, body)


def panel() -> str:
    """The whole tab."""
    paper = SPEC.paper
    rows = "".join(f"<tr><td>{text(task)}</td><td>{value}</td></tr>" for task, value in PUBLISHED)
    bibtex = (
        "@inproceedings{shor2020trill,\n"
        f"  title     = {{{paper.title}}},\n"
        "  author    = {Shor, Joel and Jansen, Aren and Maor, Ronnie and Lang, Oran and Tuval, Omry\n"
        "               and de Chaumont Quitry, F{\\'e}lix and Tagliasacchi, Marco and Shavitt, Ira\n"
        "               and Emanuel, Dotan and Haviv, Yinnon},\n"
        "  booktitle = {Interspeech},\n  year      = {2020},\n  pages     = {140--144}\n}"
    )
    return frame(
        f'<div class="tr-how"><h3>How it works</h3>{how_it_works()}<p>Two moments of one recording '
        "share voice, mood, language and room, but not words. A net that puts them close and other "
        "recordings far keeps <em>how</em> something is said. Small linear classifiers on its output "
        "then solve many tasks with few labels.</p></div>",
        "<div><h3>What the small net cannot do</h3><ul class='tr-plain'>"
        "<li>It heard a few hundred speakers and synthetic voices, mostly reading in quiet rooms. "
        "Crowds, music, children and far microphones are new to it.</li>"
        "<li>Recording channel and room leave traces in every embedding, ours too. Two clips from one "
        "microphone look a little more alike than they sound.</li>"
        "<li>Clips under one second are filled up; long ones are heard for two minutes at most.</li>"
        "<li>Numbers of a few clips have wide intervals. The page shows them; please read them.</li>"
        "</ul></div>",
        "<div><h3>The paper's numbers, and ours</h3><p>Published for TRILL, accuracy, as given in the "
        "documentation of its successor FRILL (TensorFlow Hub, frill/1). They take the best of several "
        "classifiers on the test set, on data that cannot be shipped, with a net of 24.6 million parameters. Our "
        "scores on open data stand in the Check tab; the two must not be compared digit by digit.</p>"
        f'<div class="tr-scroll" tabindex="0"><table class="tr-table"><thead><tr><th scope="col">task</th>'
        f'<th scope="col">TRILL, published</th></tr></thead><tbody>{rows}'
        "</tbody></table></div><p><small>Size 98.1 MB, 275.3 ms per clip on a Pixel 1 phone (same "
        "source).</small></p></div>",
        "<div><h3>Use it with care</h3><p>This page compares sounds. It must not be used for "
        "surveillance, to identify people, or to decide about anyone; a voice can be recorded, changed "
        "and synthesised. Record others only with their consent. Moods here are acted; a head taught "
        "on them does not read feelings, and nothing here is a medical statement. Your clips stay on "
        "this machine's run store and can be deleted with their run.</p></div>",
        "<div><h3>Licences</h3><ul class='tr-plain'><li>Code and embedded weights: Apache-2.0.</li>"
        "<li>Examples: LibriSpeech, CC BY 4.0 (Panayotov et al. 2015, read by LibriVox volunteers); "
        "EmoDB, CC0 1.0 (Burkhardt et al. 2005); Free Spoken Digit Dataset, CC BY-SA 4.0 (Jackson and "
        "contributors), in a folder of its own.</li>"
        "<li>Front end and evaluation follow google-research/non_semantic_speech_benchmark, "
        "Apache-2.0; no code or weights of it are included.</li></ul></div>",
        f'<div><h3>Citation</h3><pre tabindex="0">{text(bibtex)}</pre><p><small>Successors: FRILL '
        "(arXiv 2011.04609), CAP12 (2110.04621), TRILLsson (2203.00236).</small></p></div>",
    )
