"""Every real method page in a browser: five tabs, narrow and wide, light and dark, no finding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core import registry
from core.ui.page import TABS
from tests.browser.conftest import Visit
from tests.core.hub.fake_hub import serving


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Iterator[str]:
    """Address of a running hub of the methods that are there."""
    with serving(tmp_path_factory.mktemp("real"), real=True) as url:
        yield url


@pytest.mark.parametrize("slug", registry.slugs())
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1440)])
def test_every_tab_is_readable_narrow_and_asks_no_other_host(chromium, real, slug, scheme, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    visitor = Visit(chromium, real, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = visitor.open(slug)
    page.wait_for_selector(".vt-history h2")
    found = []
    for tab in TABS.values():
        page.get_by_role("tab", name=tab, exact=True).first.click()
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        for violation in axe.Axe().run(page).response["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                nodes = [node["html"][:160] for node in violation["nodes"][:3]]
                found.append((tab, violation["id"], nodes))
    visitor.context.close()
    assert found == []
    assert visitor.foreign == []
    assert visitor.errors == []
