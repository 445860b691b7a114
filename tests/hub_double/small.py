"""The publish command with a small tree in the place of the built and checked export.

`python -m tests.hub_double.small VARIANT trill --repo me/trill` takes a second where the whole
command takes ten. Everything but build and check is the real thing. Variants: `first`; `changed`,
where one file differs; `shorter`, where one is gone; `big`, with 1 MB in many large files; `wrong`,
whose front matter the Hub refuses; `mute`, whose smoke test asks for an endpoint that is not there;
`unfit`, which the check refuses; `dead`, which does not answer when the check has started it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import sys
from pathlib import Path

import core.gpu  # noqa: F401  # first, as in every entry point
from core.publish.rules import Finding

README = """---
title: TRILL
emoji: 🎙️
colorFrom: green
colorTo: yellow
sdk: gradio
sdk_version: 6.31.0
app_file: app.py
license: apache-2.0
short_description: {words}
tags:
- vitrine
- trill
---
"""


SMOKE = '{"calls": [{"endpoint": "%s", "arguments": {"text": "abba"}, "same": ["a"]}]}'


UNFIT = (
    Finding("error", "holds a secret.", "app.py"),
    Finding("error", "is too large.", "spaces/trill/weights/model.safetensors"),
    Finding("warning", "is short.", "README.md"),
)


def tree(variant: str) -> dict[str, bytes]:
    """The files of a variant."""
    noise = random.Random(7)
    files = {
        "README.md": README.format(words="x" * 80 if variant == "wrong" else "small").encode(),
        "app.py": b"print('changed')\n" if variant == "changed" else b"print('first')\n",
        "core/registry.py": b"# registry\n",
        "requirements.txt": b"gradio==6.31.0\n",
        "spaces/trill/examples/smoke.json": (
            SMOKE % ("echo_nothing" if variant == "mute" else "echo_repeat")
        ).encode(),
        "spaces/trill/notes.txt": b"to be removed\n",
        "spaces/trill/weights/model.safetensors": noise.randbytes(300_000),
        "spaces/trill/examples/one.flac": noise.randbytes(20_000),
        "spaces/trill/examples/two.flac": noise.randbytes(20_000),
    }
    if variant == "shorter":
        del files["spaces/trill/notes.txt"]
    if variant == "big":
        files |= {f"spaces/trill/examples/{n}.flac": noise.randbytes(80_000) for n in range(12)}
    return files


def put_in_place(variant: str) -> None:
    """Let build and check of this process give the small tree."""
    from core.publish import build, check

    def small(plan, into: Path, **_) -> build.Export:
        rows = []
        for path, data in sorted(tree(variant).items()):
            target = into / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            rows.append(build.File(path, len(data), hashlib.sha256(data).hexdigest()))
        return build.Export(plan, into, tuple(rows), sum(row.size for row in rows))

    def small_check(export, *, visit, **_) -> list[Finding]:
        if variant == "dead":
            visit("http://127.0.0.1:9")
        return list(UNFIT if variant == "unfit" else ())

    build.build = small
    check.check = small_check


def serve() -> None:
    """Run one command after the other, each given as a line of JSON; saves the start of Python."""
    from core.cli import execute

    answers = sys.stdout
    for line in sys.stdin:
        order = json.loads(line)
        os.environ.pop("HF_TOKEN", None)
        os.environ.update(order["env"])
        put_in_place(order["small"])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = execute(["publish", *order["words"]])
        answers.write(json.dumps([code, out.getvalue(), err.getvalue()]) + "\n")
        answers.flush()


def main(variant: str, words: list[str]) -> None:
    """Put the small tree in place and run the command line."""
    from core.cli import main as command

    put_in_place(variant)
    command(words)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        main(sys.argv[1], ["publish", *sys.argv[2:]])
