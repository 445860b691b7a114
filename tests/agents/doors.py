"""The same question through every door of Vitrine; each gives the answer and the files beside it.

What is compared: the canonical JSON of what the method answered, without `run` (the address under
which this door stored it), and the bytes of the file `embedding.safetensors`. The name of a recording
is part of an answer, so every door gives the same file name.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from core.publish.build import build
from core.publish.plan import plan_for
from core.runs.request import canonical_json
from tests.agents.talking import answer_of, call, fetch, upload
from tests.serving import ROOT, clean_env, served

VECTORS = "embedding.safetensors"
SECONDS = 120_000  # milliseconds that a page may take on a busy machine


@dataclass(frozen=True)
class Answer:
    """What came out of a door, ready to be compared."""

    text: str  # canonical JSON
    vectors: bytes | None = None

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.text)


@dataclass(frozen=True)
class Question:
    """A verb of TRILL and the recordings it is asked about."""

    verb: str
    files: tuple[Path, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return ("clip",) if self.verb == "explore" else ("first", "second")

    @property
    def tool(self) -> str:
        return f"trill_{self.verb}"


def recording(folder: Path) -> Path:
    """A clip that nobody has seen: a voice-like sound of 1.7 s, made here."""
    rate = 22_050
    t = np.arange(int(1.7 * rate)) / rate
    pitch = 140 + 30 * np.sin(2 * np.pi * 0.9 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    loud = 0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * t)
    file = folder / "a voice of mine.wav"
    soundfile.write(file, 0.1 * loud * voice, rate, subtype="PCM_16")
    return file


def _stored(answer: dict[str, Any], read=fetch) -> Answer:
    """Compare-ready form of an API's answer; its files are fetched as anybody would."""
    files = answer.get("run", {}).get("files", {})
    plain = {key: value for key, value in answer.items() if key != "run"}
    return Answer(canonical_json(plain), read(files[VECTORS]) if VECTORS in files else None)


def by_command(question: Question, out: Path, env: dict[str, str] | None = None) -> Answer:
    """`python app.py run trill VERB FILES --out DIR`."""
    subprocess.run(
        [
            sys.executable,
            "app.py",
            "run",
            "trill",
            question.verb,
            *question.files,
            "--out",
            str(out),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=240,
        env={**os.environ, "VITRINE_DATA_DIR": str(out / "data"), **(env or {})},
    )
    vectors = out / VECTORS
    return Answer(
        canonical_json(json.loads((out / "result.json").read_text("utf-8"))),
        vectors.read_bytes() if vectors.exists() else None,
    )


def by_api(question: Question, hub: str) -> Answer:
    """`gradio_client`, as a script would."""
    from gradio_client import Client, handle_file

    client = Client(hub, verbose=False)
    try:
        files = [handle_file(str(file)) for file in question.files]
        given = dict(zip(question.names, files, strict=True))
        return _stored(client.predict(**given, api_name=f"/{question.tool}"))
    finally:
        client.close()


def by_mcp(question: Question, hub: str) -> Answer:
    """The `mcp` client; what the short answer left out is fetched from where it says."""
    paths = [upload(hub, file.read_bytes(), file.name) for file in question.files]
    given = dict(zip(question.names, paths, strict=True))
    short = answer_of(call(hub, question.tool, **given))
    whole = json.loads(fetch(short["whole_answer"])) if "whole_answer" in short else short
    whole.pop("whole_answer", None)
    return _stored({**whole, "run": short["run"]})


def by_page(question: Question, hub: str, chromium: Any) -> Answer:
    """The page in a browser: files chosen, button pressed, the stored run read."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.goto(f"{hub}/trill")
        page.wait_for_selector(".tr-out-explore .tr-say", timeout=SECONDS)
        if question.verb != "explore":
            page.click(f"#tr-mode-{question.verb}-button")
        for place, file in zip(("#tr-clip", "#tr-second"), question.files, strict=False):
            clear = page.locator(f"{place} [aria-label='Clear']")
            if clear.count():
                clear.click()
            page.locator(f"{place} [aria-label='Upload file']").click()
            page.locator(f"{place} input[type=file]").set_input_files(str(file))
            page.locator(f"{place} .timestamps").wait_for(timeout=SECONDS)
            page.wait_for_timeout(500)
        page.click(f"#tr-{question.verb}")
        done = page.locator(f".tr-out-{question.verb} .vt-bar[data-state=done]")
        done.wait_for(timeout=SECONDS)
        copy = page.locator(f".tr-out-{question.verb} [data-do=copy-link]").first
        link = copy.get_attribute("data-link", timeout=SECONDS)
        run = re.search(r"run=([\w-]+)", link or "")
        assert run is not None, link

        def read(name: str) -> bytes | None:
            found = page.request.get(f"{hub}/artifact/{run[1]}/{name}")
            return found.body() if found.ok else None

        data = read("result.json")
        assert data is not None
        return Answer(canonical_json(json.loads(data)), read(VECTORS))
    finally:
        context.close()


@contextmanager
def space(folder: Path, *, single: bool = True) -> Iterator[str]:
    """A Space of the method: its export, started in a clean process under another path."""
    tree = folder / "tree"
    build(plan_for("trill" if single else "hub"), tree)
    env = clean_env(folder, SYSTEM="spaces", SPACE_ID="somebody/voices", VITRINE_HOST="127.0.0.1")
    with served(folder, tree=tree, env=env, command=("app.py",)) as url:
        yield url
