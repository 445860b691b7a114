"""What a visitor takes away from a TRILL result, and opening it again: links, files, the export."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import soundfile

from core.methods.trill import gallery

SECONDS = 90_000  # milliseconds that a result may take on a busy machine
READY = ".tr-out-explore .tr-say"

# The result of the bar that stands in front: its text without the mark of a stored run, and the
# pictures and drawings in it, by their content.
_SEEN = """() => {
  const bar = [...document.querySelectorAll('.vt-bar[data-outputs]')]
    .find((one) => /done|stored/.test(one.dataset.state) && one.offsetParent);
  if (!bar) return null;
  const shown = document.getElementById(bar.dataset.outputs.split(' ')[0]).cloneNode(true);
  for (const mark of shown.querySelectorAll('.tr-stored, a[download], [data-testid=status-tracker]')) mark.remove();
  const words = shown.textContent.replace(/\\s+/g, ' ').trim();
  const images = [...shown.querySelectorAll('img')].map((image) => image.src);
  const drawn = [...shown.querySelectorAll('svg')].map((one) => one.outerHTML);
  return [words, images, drawn];
}"""


@dataclass
class Taken:
    """A result as it was seen, and everything that should bring it back."""

    seen: list
    run: str
    settings: str
    files: dict[str, Path] = field(default_factory=dict)  # ending to file


def settled(page, states: str = "done|stored|failed|note") -> str:
    """Wait until a bar in front has ended; returns its state."""
    page.wait_for_function(
        f"""() => [...document.querySelectorAll('.vt-bar')]
            .some((bar) => bar.offsetParent && /^({states})$/.test(bar.dataset.state))""",
        timeout=SECONDS,
    )
    page.wait_for_timeout(200)  # the script of the page marks and moves after the update
    return page.evaluate(
        """() => [...document.querySelectorAll('.vt-bar')]
            .find((bar) => bar.offsetParent && bar.dataset.state !== 'idle').dataset.state"""
    )


def said(page) -> str:
    """The words of the bar in front."""
    settled(page)
    bars = page.locator(".vt-bar:not([data-state=idle])")
    return next(bar.inner_text() for bar in bars.all() if bar.is_visible())


def seen(page) -> list:
    """What the result in front shows."""
    state = settled(page)
    assert state in {"done", "stored"}, said(page)
    return page.evaluate(_SEEN)


def own_clip(folder: Path, name: str = "my voice.wav") -> Path:
    """A recording that no hub ships, and that is the same each time."""
    voice, rate = soundfile.read(gallery.example("reader-248-a").path)
    quieter = 0.5 * voice + 0.001 * np.random.default_rng(1).standard_normal(len(voice))
    soundfile.write(folder / name, quieter, rate, subtype="PCM_16")
    return folder / name


def give(page, path: Path) -> None:
    """Put a file in the place of “Your clip”."""
    clear = page.locator("#tr-clip [aria-label='Clear']")
    if clear.count():
        clear.click()
    page.locator("#tr-clip [aria-label='Upload file']").click()
    page.locator("#tr-clip input[type=file]").set_input_files(path)
    page.locator("#tr-clip .timestamps").wait_for(timeout=SECONDS)
    page.wait_for_timeout(500)


def _explore(page) -> None:
    page.click("text=One actor, neutral and angry")
    page.wait_for_timeout(1000)
    page.click("#tr-explore")


def _compare(page) -> None:
    page.click("text=One reader twice")
    page.wait_for_timeout(1000)
    page.click("#tr-mode-compare-button")
    page.click("#tr-compare")


def _teach(page) -> None:
    page.click("#tr-mode-teach-button")
    page.click("#tr-borrow")
    page.locator(".tr-class").first.wait_for(timeout=SECONDS)
    page.click("#tr-teach")


def _classify(page) -> None:
    _teach(page)
    page.locator(".tr-out-teach .vt-bar[data-state=done]").wait_for(timeout=SECONDS)
    page.click("text=A sad actor")
    page.wait_for_timeout(1000)
    page.click("#tr-classify")
    page.locator(".tr-out-teach .tr-shares").wait_for(timeout=SECONDS)


def _survive(page) -> None:
    page.click("#tr-mode-survive-button")
    page.locator("input[type=number][aria-label*='Pitch']").fill("-4")
    page.keyboard.press("Tab")
    page.click("#tr-survive")


def _triplet(page) -> None:
    page.click("#vt-tab-why-button")
    page.click("#tr-measure")


def _check(page) -> None:
    page.click("#vt-tab-check-button")
    page.click("#tr-check")


def _personalise(page) -> None:
    page.click("#vt-tab-check-button")
    page.get_by_label("Personalise").click()
    page.get_by_role("option", name="jackson").click()


def _train(page) -> None:
    page.click("#vt-tab-train-button")
    page.locator("input[type=number][aria-label*='Steps']").fill("10")
    page.keyboard.press("Tab")
    page.click("#tr-train")


KINDS: dict[str, Callable] = {
    "explore": _explore,
    "compare": _compare,
    "teach": _teach,
    "classify": _classify,
    "survive": _survive,
    "triplet": _triplet,
    "check": _check,
    "personalise": _personalise,
    "train": _train,
}


def take(page, address: str, folder: Path) -> Taken:
    """Copy both links of the result in front, and download its picture, settings and export."""
    shown = seen(page)
    bar = next(bar for bar in page.locator(".vt-bar[data-state=done]").all() if bar.is_visible())
    run, settings = (
        button.get_attribute("data-link") for button in bar.locator("[data-do=copy-link]").all()
    )
    taken = Taken(shown, run, settings)
    ident = re.search(r"run=(\w+)", run)[1]
    folder.mkdir(exist_ok=True)
    bar.locator(".vt-menu summary").click()
    for link in bar.locator(".vt-menu a").all():
        name = link.inner_text()
        if name in {"picture.png", "settings.json"}:
            with page.expect_download() as download:
                link.click()
            taken.files[name[-4:].strip(".")] = folder / name
            download.value.save_as(folder / name)
    page.keyboard.press("Escape")
    page.locator(f".vt-run[data-run='{ident}'] .vt-pick").click()
    with page.expect_download() as download:
        page.locator("[data-do=export]").click()
    taken.files["zip"] = folder / "export.zip"
    download.value.save_as(taken.files["zip"])
    assert address in page.url  # the address bar names the hub and the result
    assert f"run={ident}" in page.url
    return taken


def drop(page, address: str, path: Path, single: bool = False) -> None:
    """Open the page and drop a result file on it."""
    page.goto(address + ("" if single else "/trill"))
    page.wait_for_selector(READY, timeout=SECONDS)
    page.locator(".vt-history-column input[type=file]").set_input_files(path)


def kill(address: str) -> None:
    """End the hub at an address as a power cut would: no signal that it could handle."""
    port = address.rpartition(":")[2]
    for child in psutil.Process().children(recursive=True):
        if "app.py" in child.cmdline() and child.environ().get("VITRINE_PORT") == port:
            child.kill()
            child.wait(20)
            return
    raise AssertionError(f"no hub of this test listens on {port}")
