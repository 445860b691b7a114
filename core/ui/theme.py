"""Colours, type and assets of every page: system fonts, neutral greys, one accent per method.

Nothing is fetched from another host. The style sheets and scripts in `assets/` are served by the
hub itself (`core.ui.routes`) under a name that holds their hash, so browsers keep them for ever.
"""

from __future__ import annotations

import colorsys
import hashlib
from functools import lru_cache
from pathlib import Path

from gradio import themes

from core import registry

ASSETS = Path(__file__).parent / "assets"
STYLES = ("tokens.css", "frame.css", "parts.css", "pictures.css", "gradio.css")
SCRIPTS = ("vitrine.js", "embedding.js", "pictures.js")
SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
LIGHT_GROUND = "#ffffff"
DARK_GROUND = "#161616"
NEUTRAL_ACCENT = "#3d3d3a"


def _rgb(colour: str) -> tuple[float, float, float]:
    value = colour.lstrip("#")
    return tuple(int(value[i : i + 2], 16) / 255 for i in (0, 2, 4))  # type: ignore[return-value]


def _hex(rgb: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(c * 255):02x}" for c in rgb)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` as WCAG 2 defines it, in [0, 1]."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours as WCAG 2 defines it, from 1 to 21."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def readable(colour: str, ground: str, ratio: float = 4.8) -> str:
    """Move the lightness of `colour` until it stands out from `ground` by `ratio`; keep its hue."""
    hue, light, saturation = colorsys.rgb_to_hls(*_rgb(colour))
    step = -0.01 if luminance(ground) > 0.2 else 0.01
    while contrast(_hex(colorsys.hls_to_rgb(hue, light, saturation)), ground) < ratio:
        light += step
        if not 0 <= light <= 1:
            break
    return _hex(colorsys.hls_to_rgb(hue, min(max(light, 0.0), 1.0), saturation))


@lru_cache(maxsize=64)
def accent_css(colour: str) -> str:
    """CSS variables of one method's accent, readable on the light and on the dark ground."""
    light, dark = readable(colour, LIGHT_GROUND), readable(colour, DARK_GROUND)
    on_dark = "#111111" if contrast(dark, "#111111") >= contrast(dark, "#ffffff") else "#ffffff"
    return (
        f":root{{--vt-accent:{light};--vt-on-accent:#ffffff;--vt-raw:{colour}}}"
        f".dark{{--vt-accent:{dark};--vt-on-accent:{on_dark}}}"
    )


@lru_cache(maxsize=1)
def styles() -> bytes:
    """All style sheets as one text, in their order of precedence."""
    return b"\n".join((ASSETS / name).read_bytes() for name in STYLES)


@lru_cache(maxsize=1)
def script() -> bytes:
    """All scripts as one text."""
    return b"\n".join((ASSETS / name).read_bytes() for name in SCRIPTS)


def _named(stem: str, ending: str, content: bytes) -> str:
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{ending}"


@lru_cache(maxsize=8)
def _method_styles(folder: Path) -> dict[str, tuple[str, bytes]]:
    found = {}
    for path in sorted(folder.glob("*/page.css")):
        css, slug = path.read_bytes(), path.parent.name
        found[slug] = (_named(slug, "css", css), css)
    return found


def method_styles() -> dict[str, tuple[str, bytes]]:
    """Style sheets that methods bring (`page.css` in their folder): slug to served name and content."""
    return _method_styles(registry.SPACES)


def method_style_tag(slug: str) -> str:
    """Tag that loads a method's own style sheet, or an empty text when it has none."""
    if slug not in method_styles():
        return ""
    return f'<link rel="stylesheet" href="./vitrine/{method_styles()[slug][0]}">'


def asset_names() -> dict[str, tuple[bytes, str]]:
    """Served name (with hash) to content and media type."""
    css, js = styles(), script()
    found = {name: (text, "text/css; charset=utf-8") for name, text in method_styles().values()}
    found[_named("vitrine", "css", css)] = (css, "text/css; charset=utf-8")
    found[_named("vitrine", "js", js)] = (js, "text/javascript; charset=utf-8")
    return found


def head_tags(slug: str = "") -> str:
    """Tags for the head of one page; addresses are relative, so a sub-path works."""
    return (
        f'<link rel="stylesheet" href="./vitrine/{_named("vitrine", "css", styles())}">'
        f"{method_style_tag(slug)}"
        f'<script defer src="./vitrine/{_named("vitrine", "js", script())}"></script>'
    )


def theme() -> themes.Base:
    """The Gradio theme: flat, quiet, all colours from our own CSS variables."""
    base = themes.Base(
        primary_hue=themes.colors.neutral,
        secondary_hue=themes.colors.neutral,
        neutral_hue=themes.colors.neutral,
        radius_size=themes.sizes.radius_md,
        spacing_size=themes.sizes.spacing_md,
        text_size=themes.sizes.text_md,
        font=list(SANS),
        font_mono=list(MONO),
    )
    same = {
        "body_background_fill": "var(--vt-ground)",
        "body_text_color": "var(--vt-text)",
        "body_text_color_subdued": "var(--vt-quiet)",
        "background_fill_primary": "var(--vt-ground)",
        "background_fill_secondary": "var(--vt-surface)",
        "border_color_primary": "var(--vt-line)",
        "border_color_accent": "var(--vt-accent)",
        "border_color_accent_subdued": "var(--vt-line)",
        "color_accent": "var(--vt-accent)",
        "color_accent_soft": "var(--vt-wash)",
        "link_text_color": "var(--vt-accent)",
        "link_text_color_hover": "var(--vt-accent)",
        "link_text_color_active": "var(--vt-accent)",
        "link_text_color_visited": "var(--vt-accent)",
        "block_background_fill": "var(--vt-ground)",
        "block_border_color": "var(--vt-line)",
        "block_border_width": "1px",
        "block_shadow": "none",
        "block_label_background_fill": "var(--vt-ground)",
        "block_label_border_color": "var(--vt-line)",
        "block_label_text_color": "var(--vt-quiet)",
        "block_title_text_color": "var(--vt-text)",
        "block_title_text_weight": "550",
        "block_info_text_color": "var(--vt-quiet)",
        "panel_background_fill": "var(--vt-surface)",
        "panel_border_color": "var(--vt-line)",
        "input_background_fill": "var(--vt-ground)",
        "input_background_fill_focus": "var(--vt-ground)",
        "input_border_color": "var(--vt-edge)",
        "input_border_width": "1px",
        "input_border_color_focus": "var(--vt-accent)",
        "input_placeholder_color": "var(--vt-quiet)",
        "input_shadow": "none",
        "input_shadow_focus": "none",
        "code_background_fill": "var(--vt-surface)",
        "slider_color": "var(--vt-accent)",
        "loader_color": "var(--vt-accent)",
        "stat_background_fill": "var(--vt-accent)",
        "checkbox_background_color": "var(--vt-ground)",
        "checkbox_background_color_hover": "var(--vt-ground)",
        "checkbox_background_color_focus": "var(--vt-ground)",
        "checkbox_background_color_selected": "var(--vt-accent)",
        "checkbox_border_color": "var(--vt-edge)",
        "checkbox_border_color_selected": "var(--vt-accent)",
        "checkbox_border_color_focus": "var(--vt-accent)",
        "checkbox_label_background_fill": "var(--vt-ground)",
        "checkbox_label_background_fill_hover": "var(--vt-surface)",
        "checkbox_label_background_fill_selected": "var(--vt-wash)",
        "checkbox_label_text_color": "var(--vt-text)",
        "checkbox_label_text_color_selected": "var(--vt-text)",
        "checkbox_label_border_color": "var(--vt-line)",
        "checkbox_label_border_color_selected": "var(--vt-accent)",
        "checkbox_label_border_width": "1px",
        "checkbox_label_shadow": "none",
        "table_border_color": "var(--vt-line)",
        "table_even_background_fill": "var(--vt-ground)",
        "table_odd_background_fill": "var(--vt-ground)",
        "table_text_color": "var(--vt-text)",
        "button_primary_background_fill": "var(--vt-accent)",
        "button_primary_background_fill_hover": "var(--vt-accent)",
        "button_primary_text_color": "var(--vt-on-accent)",
        "button_primary_text_color_hover": "var(--vt-on-accent)",
        "button_primary_border_color": "var(--vt-accent)",
        "button_primary_shadow": "none",
        "button_secondary_background_fill": "var(--vt-ground)",
        "button_secondary_background_fill_hover": "var(--vt-surface)",
        "button_secondary_text_color": "var(--vt-text)",
        "button_secondary_text_color_hover": "var(--vt-text)",
        "button_secondary_border_color": "var(--vt-edge)",
        "button_secondary_border_color_hover": "var(--vt-edge)",
        "button_secondary_shadow": "none",
        "error_background_fill": "var(--vt-surface)",
        "error_text_color": "var(--vt-bad)",
        "error_border_color": "var(--vt-bad)",
    }
    values: dict[str, str] = {}
    for name, value in same.items():
        values[name] = value
        values[f"{name}_dark"] = value
    accepted = themes.Base.set.__code__.co_varnames
    return base.set(**{name: value for name, value in values.items() if name in accepted})
