"""Takes a picture of every screen in both themes: `make demo` in one terminal, and in another
`.venv/bin/python -m tests.browser.screens http://127.0.0.1:8000 var/screens`.

It stands here and not among the management commands because it drives the browser of the tests: the
desk must run on machines without one. What has to be there first is made by using the desk, so the
demo has a month closed, a statement and a schedule more afterwards.
"""

import sys
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.browser import screen_walks
from tests.browser.screen_walks import Desk
from tests.browser.windows import MIDDLE, NARROW, WIDE, launch

PAGES = {
    "home": "/",
    "search": "/search/?q=patel",
    "search-nothing": "/search/?q=nothing-like-this",
    "mentions": "/mentions/",
    "attention": "/attention/",
    "approvals": "/approvals/",
    "orders": "/orders/",
    "orders-nothing": "/orders/?since=2031-01-01",
    "orders-unusable": "/orders/?since=yesterday",
    "returns": "/returns/",
    "exchanges": "/exchanges/",
    "settlement": "/settlement/",
    "settlement-different": "/settlement/?state=different",
    "refunds": "/refunds/",
    "reports": "/reports/",
    "report-unusable": "/reports/refunds/?since=2026-13-01",
    "report-chosen": "/reports/refunds/?period=last_month",
    "exports": "/reports/exports/",
    "schedules": "/reports/schedules/",
    "schedule-form": "/reports/refunds/schedule/",
    "books": "/books/",
    "statements": "/statements/",
    "messages": "/messages/",
    "outbound": "/outbound/",
    "policies": "/policies/",
    "policy": "/policies/brand/",
    "policy-change": "/policies/brand/change/",
    "policy-renew": "/policies/brand/renew/",
    "who-decides": "/policies/approvals/",
    "catalog": "/catalog/",
    "catalog-missed": "/catalog/missed/",
    "catalog-imports": "/catalog/imports/",
    "people": "/people/",
    "account": "/account/",
    "password": "/account/password/",
    "app": "/account/app/",
    "passkey": "/account/passkeys/new/",
    "codes": "/account/codes/",
    "keys": "/keys/",
    "not-found": "/orders/none/",
}
REPORTS = (
    "refunds",
    "settlement",
    "gift-cards",
    "exposure",
    "journal",
    "journal-by-account",
    "entries",
    "trial-balance",
    "return-rate",
    "return-reasons",
    "scan-to-paid",
    "open-returns",
    "people",
)
PAGES |= {f"report-{name}": f"/reports/{name}/" for name in REPORTS}
# The first row of a list, and a link on its page.
DETAILS = {
    "order": ("/orders/?returns=yes", ""),
    "refund-form": ("/orders/?returns=yes", "a[href*='/refunds/new/']"),
    "return": ("/returns/?status=CREATED", ""),
    "return-done": ("/returns/?status=REFUNDED", ""),
    "return-refund-form": ("/returns/?status=CREATED", "a[href*='/refunds/new/']"),
    "return-cancel": ("/returns/?status=CREATED", "a[href$='/cancel/']"),
    "return-decide": ("/returns/?status=CREATED", "a[href$='/decide/']"),
    "return-exclude": ("/returns/?status=CREATED", "a[href$='/exclude/']"),
    "return-convert": (
        "/returns/?kind=STANDARD_EXCHANGE&status=CREATED",
        "a[href$='/convert/']",
    ),
    "refund": ("/refunds/?status=paid", ""),
    "refund-declined": ("/refunds/?status=declined", ""),
    "payment": ("/refunds/?status=declined", "a[href*='/payments/']"),
    "receipt": ("/refunds/?status=paid", "a[href$='/receipt/']"),
    "refund-waits": ("/approvals/", ""),
    "refund-approve": ("/approvals/", "a#approve"),
    "refund-decline": ("/approvals/", "a#decline"),
    "exchange": ("/exchanges/", ""),
    "attention-item": ("/attention/", ""),
    "message": ("/messages/", ""),
    "message-quarantined": ("/messages/?state=quarantined", ""),
    "raw": ("/returns/?status=REFUNDED", "a[href*='/raw/']:not([href*='?'])"),
    "job": ("/outbound/", ""),
    "product": ("/catalog/", ""),
    "person-take-out": ("/people/", "a[href$='/take-out/']"),
}
SIZES = {"wide": WIDE, "middle": MIDDLE, "narrow": NARROW}
# What moves while a picture is taken is not of interest.
THEME = "theme => { document.documentElement.dataset.theme = theme; }"


def addresses(page: Page, camera: "Camera") -> Iterator[tuple[str, str]]:
    """Yields the address of every screen that is wanted and has something to see on it."""
    yield from ((name, at) for name, at in PAGES.items() if camera.wants(name))
    for name, (where, link) in DETAILS.items():
        if not camera.wants(name):
            continue
        page.goto(where)
        found = ""
        row = "" if name.startswith("person") else "[data-row] a[href]"
        for selector in filter(None, (row, link)):
            target = page.locator(f"main {selector}").first
            found = (target.get_attribute("href") or "") if target.count() else ""
            if not found:
                break
            page.goto(found)
        if found:
            yield name, found
        else:
            print(f"nothing to see: {name}")


class Camera:
    """Writes NAME-THEME.png of what a window shows, and NAME-800.png and NAME-390.png."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._names = folder, names

    def wants(self, name: str) -> bool:
        """Whether this screen was asked for: all are, unless some are named."""
        return not self._names or any(fnmatch(name, wanted) for wanted in self._names)

    def take(self, name: str, page: Page, *, media: str = "screen") -> None:
        """Takes the pictures of what `page` shows now, under each theme and size."""
        if not self.wants(name):
            return
        page.emulate_media(media=media)  # type: ignore[arg-type]
        page.evaluate("document.activeElement && document.activeElement.blur()")
        for kind, theme, size in (
            ("light", "light", "wide"),
            ("dark", "dark", "wide"),
            ("800", "light", "middle"),
            ("390", "dark", "narrow"),
        ):
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate(THEME, theme)
            page.screenshot(path=self._folder / f"{name}-{kind}.png", full_page=True)
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


def take(url: str, folder: Path, names: list[str]) -> None:
    """Signs in as the people of the demo and takes pictures of all screens, or those of `names`."""
    with sync_playwright() as playwright:
        browser: Browser = launch(playwright)
        camera, desk = Camera(folder, names), Desk(browser, url)
        admin = desk.window("admin")
        for name, walk in screen_walks.WALKS.items():
            if names and not any(wanted.startswith(name.split(":")[0]) for wanted in names):
                continue
            began = time.monotonic()
            try:
                for shown, page, media in walk(desk):
                    camera.take(shown, page, media=media)
            except (Error, AssertionError) as error:
                print(f"not walked to its end: {name}: {str(error)[:500]}")
            print(f"{name}: {time.monotonic() - began:.0f} s")
        for name, address in addresses(admin, camera):
            admin.goto(address)
            camera.take(name, admin)
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
