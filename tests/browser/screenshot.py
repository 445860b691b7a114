"""Makes docs/screenshot.png: the page of the first method as a visitor first sees it.

`python -m tests.browser.screenshot [SLUG]`; needs Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from core import registry
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.core.hub.fake_hub import serving

TARGET = Path(__file__).resolve().parents[2] / "docs" / "screenshot.png"


def main(slug: str) -> Path:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        raise SystemExit("No Chromium was found. Install it, or name it in CHROMIUM.")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), real=True) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        page = context.new_page()
        page.goto(address + slug, timeout=120_000)
        page.wait_for_selector(".vt-history h2", timeout=120_000)
        page.wait_for_timeout(3000)  # pictures and waveforms draw themselves
        page.screenshot(path=TARGET)
        browser.close()
    return TARGET


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else registry.slugs()[0]
    sys.stdout.write(f"{main(chosen)}\n")
