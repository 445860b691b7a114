"""The text of a Space's README: the method's own page, or the table of the hub, and how to run it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator

from core import registry
from core.publish import card
from core.publish.plan import Plan
from core.settings import size_words

_TARGET = re.compile(r"\]\(\s*<?([^)\s>]+)>?(\s+\"[^\"]*\")?\s*\)")  # of a link or a picture
_HTML = re.compile(r"(\b(?:src|href)=)([\"'])([^\"']+)\2")
_NOWHERE = "\0"
_DEAD = re.compile(rf"!?\[((?:[^\[\]]|!?\[[^\]]*\]\([^)]*\))*)\]\({_NOWHERE}\)")
_CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_LOCAL = "http://127.0.0.1:7860"
_ELSEWHERE = re.compile(r"^([a-z][a-z0-9+.-]*:|//|#)", re.IGNORECASE)


def text(plan: Plan, files: Collection[str]) -> str:
    """The whole README.

    Args:
        plan: the Space.
        files: paths of everything else that goes up; links to anything else become plain text.
    """
    body = _of_method(plan, files) if plan.single else _of_hub(plan)
    return card.write(card.front_matter(plan), f"{body.strip()}\n\n{_running(plan)}")


def _of_method(plan: Plan, files: Collection[str]) -> str:
    slug = plan.methods[0]
    spec = registry.load(slug)
    page = (spec.folder / "README.md").read_text("utf-8")
    body = re.sub(r"\A---\n.*?\n---\n", "", page, count=1, flags=re.DOTALL)
    body = relinked(body, f"spaces/{slug}", files)
    if plan.repo:  # what a reader of this page can call
        body = body.replace(f'Client("{_LOCAL}")', f'Client("{plan.repo}")')
        body = body.replace(_LOCAL, app_url(plan.repo))
    return f"# {spec.title}\n\n{body.strip()}"


def _of_hub(plan: Plan) -> str:
    rows = ["| method | what it does | paper | sizes |", "|---|---|---|---|"]
    for spec in registry.specs(plan.methods):
        paper = f"[{spec.paper.title}]({spec.paper.url})" if spec.paper.url else spec.paper.title
        sizes = "; ".join(_size(tier) for tier in spec.tiers)
        name = f"{spec.emoji} [{spec.title}](spaces/{spec.slug}/README.md)"
        venue = f"{paper}, {spec.paper.venue} {spec.paper.year}"
        rows.append(f"| {name} | {spec.summary} | {venue} | {sizes} |".replace("\n", " "))
    count = (
        "One research method" if len(plan.methods) == 1 else f"{len(plan.methods)} research methods"
    )
    return f"""\
# Vitrine

{count} behind one door. Bring an own clip, picture or text, see the method work step by step, check it against
answers that are known, teach it on data of your own, and take the result away as a file, a link or a call.

{chr(10).join(rows)}

Every method works at once on a small model that its own recipe trained and that lies in this repository. The card of
those weights, in `spaces/<method>/weights/CARD.md`, has the command, the seed, the minutes and the scores.

Every result can be reached from code: the page *API* of this Space shows each call in curl, Python and JavaScript, and
the same calls are tools of an MCP client.

## Limits

The small models are for trying and teaching, not for products; each page says what its model cannot do. Results are kept
while this Space runs and are gone when it restarts: take away what you want to keep. {_quota(plan)}

## Licences

The code is under Apache-2.0, see [LICENSE](LICENSE). Weights and examples have licences of their own, listed in each
method's folder."""


def _size(tier: registry.Tier) -> str:
    weight = f", {size_words(tier.size_bytes)}" if tier.size_bytes else ""
    memory = (
        f", needs a GPU with {size_words(tier.min_device_bytes)}" if tier.min_device_bytes else ""
    )
    return f"{tier.name}: {tier.title}{weight}{memory} ({tier.licence})"


def _quota(plan: Plan) -> str:
    if plan.zero:
        return "Where a method uses the GPU, it counts against your daily quota of the platform."
    return ""


def _running(plan: Plan) -> str:
    where = (
        f"git clone {space_url(plan.repo)} space" if plan.repo else "git clone <this Space> space"
    )
    duplicate = (
        f"[Duplicate it]({space_url(plan.repo)}?duplicate=true)" if plan.repo else "Duplicate it"
    )
    full = ""
    if plan.full:
        full = (
            " The models of the full tier are fetched while the Space is built, at pinned commits."
        )
    return f"""\
## A copy of your own

{duplicate} to have it to yourself, on hardware of your choice.{full} It runs on your machine as well, with
Python 3.11 or 3.12:

```
{where}
cd space
python -m venv .venv && . .venv/bin/activate
pip install -r requirements.txt
python app.py
```

`python app.py --help` lists the other commands: a method without a browser, its scores, its training."""


def space_url(repo: str) -> str:
    """The page of a Space."""
    return f"https://huggingface.co/spaces/{repo}"


def app_url(repo: str) -> str:
    """Where the app itself answers, without the platform's frame."""
    return f"https://{re.sub(r'[^a-z0-9]+', '-', repo.lower()).strip('-')}.hf.space"


def relinked(page: str, folder: str, files: Collection[str]) -> str:
    """Rewrite links that were relative to `folder`, so that they hold at the top of the export.

    A link to what is not carried becomes its text. Code is left alone.
    """

    def target(link: str) -> str | None:
        if _ELSEWHERE.match(link):
            return link
        path, mark, rest = re.match(r"([^?#]*)([?#]?)(.*)", link).groups()  # type: ignore[union-attr]
        there = posixpath.normpath(posixpath.join(folder, path))
        known = there in files or any(file.startswith(f"{there}/") for file in files)
        return f"{there}{mark}{rest}" if known else None

    def in_markdown(match: re.Match[str]) -> str:
        there = target(match[1])
        return f"]({_NOWHERE})" if there is None else f"]({there}{match[2] or ''})"

    def in_html(match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}{target(match[3]) or match[3]}{match[2]}"

    moved = outside_code(page, lambda part: _HTML.sub(in_html, _TARGET.sub(in_markdown, part)))
    return _DEAD.sub(r"\1", moved)


def outside_code(page: str, change: Callable[[str], str]) -> str:
    """Apply `change` to everything but code, in blocks or in a line."""
    parts: list[str] = []
    end = 0
    for code in _CODE.finditer(page):
        parts += [change(page[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, change(page[end:])])


def links(page: str) -> Iterator[str]:
    """Every relative link of a page, without its fragment."""
    found: list[str] = []

    def note(part: str) -> str:
        found.extend(match[1] for match in _TARGET.finditer(part))
        found.extend(match[3] for match in _HTML.finditer(part))
        return part

    outside_code(page, note)
    yield from (re.split(r"[?#]", link)[0] for link in found if not _ELSEWHERE.match(link))
