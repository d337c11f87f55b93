"""Contrast of the design tokens in both themes (WCAG 2.2, AA)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

CSS = (Path(settings.BASE_DIR) / "static" / "desk" / "desk.css").read_text()
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", CSS
    )
}

TEXT = 4.5
SIGNS = 3.0
PAIRS = [
    *((text, back, TEXT) for text in ("text", "muted", "accent") for back in ("page", "surface")),
    *((text, back, TEXT) for text in ("text", "muted", "accent") for back in ("raised", "hover")),
    *((f"{t}-fg", f"{t}-bg", TEXT) for t in ("neutral", "info", "good", "warn", "bad")),
    ("on-accent", "accent-solid", TEXT),
    ("on-accent", "danger-solid", TEXT),
    ("muted", "neutral-bg", TEXT),
    ("text", "info-bg", TEXT),
    ("muted", "info-bg", TEXT),
    # A row that is selected for a bulk action, or the message at hand among its neighbors.
    *((text, "info-bg", TEXT) for text in ("accent", "bad-fg", "info-fg")),
    *(("bad-fg", back, TEXT) for back in ("surface", "page", "hover")),
    *((text, "surface", TEXT) for text in ("warn-fg", "info-fg", "good-fg")),
    ("neutral-fg", "hover", TEXT),
    ("scan-ink", "scan-paper", TEXT),
    *((sign, "surface", SIGNS) for sign in ("control", "focus", "good-mark", "bad-mark")),
    *((sign, "hover", SIGNS) for sign in ("focus", "good-mark", "bad-mark", "accent")),
    *((sign, "page", SIGNS) for sign in ("control", "focus")),
    *(("focus", back, SIGNS) for back in ("raised", "info-bg", "warn-bg", "bad-bg", "good-bg")),
    ("accent", "neutral-bg", SIGNS),
]
# Lines between things that are told apart without them.
ORNAMENTS = {"line"}


def luminance(color: str) -> float:
    """Returns the relative luminance of `#rrggbb`."""
    parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Returns the contrast ratio of two colors."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_contrast(front: str, back: str, least: float, theme: int) -> None:
    assert contrast(TOKENS[front][theme], TOKENS[back][theme]) >= least


def test_black_on_white_is_21() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21


def test_every_color_is_judged() -> None:
    """Where a rule sets text and background, that pair; of every token, at least one."""
    judged = {(front, back) for front, back, _ in PAIRS}
    assert set(TOKENS) - {token for pair in judged for token in pair} == ORNAMENTS
    written = set()
    for rule in re.findall(r"{([^{}]*)}", CSS):
        front = re.search(r"(?<![a-z-])color: var\(--([a-z-]+)\)", rule)
        back = re.search(r"background(?:-color)?: var\(--([a-z-]+)\)", rule)
        if front and back:
            written.add((front[1], back[1]))
    assert len(written) >= 10
    assert written <= judged


def test_every_token_used_is_there() -> None:
    used = set(re.findall(r"var\(--([a-z-]+)\)", CSS))
    known = set(re.findall(r"--([a-z-]+):", CSS))
    assert used <= known


def test_colors_stand_in_the_tokens_only() -> None:
    rest = CSS.split("@layer base {")[1]
    assert not re.search(r"#[0-9a-f]{3,8}\b", rest)


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert "url(" not in CSS
    assert "@import" not in CSS
    assert "prefers-reduced-motion" in CSS


def test_what_the_script_looks_for_is_there() -> None:
    """An edit after a preview greys the figures out and takes the save button away."""
    root = Path(settings.BASE_DIR)
    script = (root / "static" / "desk" / "desk.js").read_text()
    parts = root / "templates" / "desk"
    pages = (parts / "policy_edit.html").read_text() + (
        parts / "parts" / "policy_preview.html"
    ).read_text()
    for selector, written in (
        ("#policy-form", 'id="policy-form"'),
        ("#preview", 'id="preview"'),
        ("#stale-note", 'id="stale-note" role="status" hidden'),
        ("[data-shown-only]", "data-once data-shown-only>"),
        ("[data-preview]", "data-preview class="),
        ("is-stale", ""),
    ):
        assert selector in script, selector
        assert written in pages, selector
    assert ".is-stale" in CSS
