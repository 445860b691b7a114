"""Nothing that opens a door: tokens, keys, passwords, in any file."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator

from core.publish.rules import Finding, Tree

# shapes that nothing else has; looked for in the bytes of every file. Each begins with plain letters,
# which the search then skips to, so that megabytes of weights cost milliseconds.
_SHAPES: tuple[tuple[str, str], ...] = (
    ("a token of the Hugging Face Hub", r"hf_[A-Za-z0-9]{30,}"),
    ("a token of a Hugging Face organisation", r"api_org_[A-Za-z0-9]{30,}"),
    ("a key of AWS", r"AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("a passing key of AWS", r"ASIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("a private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY"),
    ("a token of GitHub", r"gh[pousr]_[A-Za-z0-9]{30,}"),
    ("a token of GitHub", r"github_pat_\w{30,}"),
    ("a token of GitLab", r"glpat-[\w-]{20,}"),
    (
        "a key of OpenAI or Anthropic",
        r"sk-(?<![\w-]sk-)(?=[\w-]*\d)(?:ant-|proj-)?[A-Za-z0-9][\w-]{19,}[A-Za-z0-9]",
    ),
    ("a key of Google", r"AIza[\w-]{35}"),
    ("a token of Slack", r"xox[abeoprs]-[\w-]{10,}"),
    ("a key of Stripe", r"[rs]k_live_[A-Za-z0-9]{16,}"),
    ("a signed token (JWT)", r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
)
# shapes of text, which bytes of pictures could have by chance
_IN_TEXT: tuple[tuple[str, str], ...] = (
    ("a bearer token", r"(?i)\bbearer +(?=[^\s\"']*\d)[A-Za-z0-9._~+/-]{20,}"),
    (
        "a password inside an address",
        r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<>{}$]+:[^\s/@\"'<>{}$]{6,}@",
    ),
)
_ASSIGNED = re.compile(
    r"""(?ix) (?: secret | token | passw(?:or)?d | api_?-?key | access_?-?key | private_?-?key )
        [\w-]* ["']? \s* (?: = | : | => ) \s* ["']? (?P<value> [A-Za-z0-9+/=_.~!@\#$%^&*-]{16,} )"""
)
_LEAST_BITS = 3.2  # per character; repetitions and short patterns stay below, random texts do not


def check(tree: Tree) -> Iterator[Finding]:
    """Look for secrets in all files; the finding names the kind and the line, never the secret."""
    for name in tree.names:
        path = tree.folder / name
        if path.is_symlink():
            continue
        text = tree.texts.get(name)
        raw = text if text is not None else path.read_bytes().decode("latin-1")
        for kind, place in found_in(raw, is_text=text is not None):
            where = f" in line {raw.count(chr(10), 0, place) + 1}" if text is not None else ""
            yield Finding(
                "error", f"holds what looks like {kind}{where}. Remove it and revoke it.", name
            )


def found_in(text: str, *, is_text: bool = True) -> Iterator[tuple[str, int]]:
    """Kind and place of everything in a text that looks like a secret."""
    for kind, pattern in (*_SHAPES, *(_IN_TEXT if is_text else ())):
        for match in re.finditer(pattern, text):
            yield kind, match.start()
    if is_text:
        for match in _ASSIGNED.finditer(text):
            if is_random(match["value"]):
                yield "a secret that is written out", match.start()


def is_random(value: str) -> bool:
    """Whether a text looks drawn at random: it changes between kinds of letters all the time."""
    if re.fullmatch(r"\w+\.[\w.]+", value):  # an attribute
        return False
    kinds = [c.isdigit() + 2 * c.isupper() for c in value if c.isalnum()]
    changes = sum(one != other for one, other in itertools.pairwise(kinds))
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return changes >= max(4, len(value) / 5) and bits >= _LEAST_BITS
