"""Every page in both themes, judged by axe with the rules of WCAG 2.2, A and AA."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Page

from apps.accounts.models import Role
from tests.browser.pages import every_page
from tests.browser.windows import NARROW, Windows
from tests.desk.conftest import World

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
THEMES = ("light", "dark")
AXE = Axe()


def violations(page: Page) -> Iterator[str]:
    """Says what is wrong with a page, and where. The rules that hang on colors are asked in both
    themes, the others once."""
    page.evaluate(AXE.axe_script)
    for theme in THEMES:
        only = {"type": "tag", "values": RULES}
        if theme != THEMES[0]:
            only = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found = page.evaluate(
            "options => axe.run(document, options)",
            {"runOnly": only, "resultTypes": ["violations"], "preload": False},
        )
        for violation in found["violations"]:
            for node in violation["nodes"]:
                where, why = " ".join(map(str, node["target"])), node["failureSummary"]
                yield f"{theme} {violation['id']}: {where}: {' '.join(why.split()[5:])}"


@pytest.fixture
def judge() -> Iterator[Callable[[Page, str], None]]:
    """Opens a page and collects what is wrong with it; in the end nothing is."""
    wrong: list[str] = []

    def look(page: Page, url: str) -> None:
        page.goto(url)
        wrong.extend(f"{url}: {text}" for text in violations(page))

    yield look
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("half", [0, 1])
def test_every_page_obeys_wcag(
    half: int, world: World, admin: Client, windows: Windows, judge: Callable[..., None]
) -> None:
    page = windows.open(admin)
    for url in list(every_page(world, admin))[half::2]:
        judge(page, url)


def test_what_is_forbidden_or_small_or_outside_obeys_wcag(
    world: World, sit: Callable[..., Page], windows: Windows, judge: Callable[..., None]
) -> None:
    judge(windows.open(), "/login/")
    reader, narrow = sit(Role.READ_ONLY), sit(Role.AGENT, size=NARROW)
    for url in ("/", "/orders/ORD-1/", "/returns/RMA-1/", f"/refunds/{world.refund.identifier}/"):
        judge(reader, url)
        judge(narrow, url)


def test_axe_finds_what_is_wrong(sit: Callable[..., Page]) -> None:
    page = sit()
    page.goto("/")
    page.evaluate(
        """() => {
            const input = document.createElement("input");
            input.id = "nameless";
            document.querySelector("main").replaceChildren(input, "Pale text");
            document.querySelector("main").style.color = "#777777";
            document.querySelector("main").style.backgroundColor = "#888888";
        }"""
    )
    found = {text.split(":")[0] for text in violations(page)}
    assert found == {"light color-contrast", "light label", "dark color-contrast"}
