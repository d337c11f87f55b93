"""Takes a picture of every screen in both themes: `make demo` in one terminal, and in another
`.venv/bin/python -m tests.browser.screens http://127.0.0.1:8000 var/screens`.

It stands here and not among the management commands because it drives the browser of the tests: the
desk must run on machines without one.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.windows import NARROW, WIDE, launch

PAGES = {
    "home": "/",
    "search": "/search/?q=a",
    "attention": "/attention/",
    "approvals": "/approvals/",
    "orders": "/orders/",
    "returns": "/returns/",
    "exchanges": "/exchanges/",
    "settlement": "/settlement/",
    "refunds": "/refunds/",
    "reports": "/reports/",
    "report": "/reports/refunds/",
    "exports": "/reports/exports/",
    "messages": "/messages/",
    "outbound": "/outbound/",
    "policies": "/policies/",
    "policy": "/policies/brand/",
    "policy-change": "/policies/brand/change/",
    "who-decides": "/policies/approvals/",
    "catalog": "/catalog/",
    "people": "/people/",
    "catalog-import": "/catalog/imports/",
    "account": "/account/",
    "password": "/account/password/",
    "app": "/account/app/",
    "keys": "/keys/",
    "not-found": "/orders/none/",
}
# The first row of a list, and a link on its page.
DETAILS = {
    "order": ("/orders/?returns=yes", ""),
    "refund-form": ("/orders/?returns=yes", "a[href*='/refunds/new/']"),
    "return": ("/returns/?status=CREATED", ""),
    "return-done": ("/returns/?status=REFUNDED", ""),
    "return-cancel": ("/returns/?status=CREATED", "a[href$='/cancel/']"),
    "return-decide": ("/returns/?status=CREATED", "a[href$='/decide/']"),
    "return-exclude": ("/returns/?status=CREATED", "a[href$='/exclude/']"),
    "return-convert": ("/returns/?status=PENDING_EXCHANGE", "a[href$='/convert/']"),
    "refund": ("/refunds/?status=paid", ""),
    "receipt": ("/refunds/?status=paid", "a[href$='/receipt/']"),
    "refund-waits": ("/approvals/", ""),
    "refund-approve": ("/approvals/", "a#approve"),
    "refund-decline": ("/approvals/", "a#decline"),
    "exchange": ("/exchanges/", ""),
    "attention-item": ("/attention/", ""),
    "message": ("/messages/", ""),
    "job": ("/outbound/", ""),
    "product": ("/catalog/", ""),
    "export": ("/reports/exports/", ""),
}


def find(page: Page) -> dict[str, str]:
    """Returns the address of every screen there is something to see on."""
    found = dict(PAGES)
    for name, (where, link) in DETAILS.items():
        page.goto(where)
        for selector in filter(None, ("[data-row] a[href]", link)):
            target = page.locator(f"main {selector}").first
            if not target.count():
                break
            found[name] = target.get_attribute("href") or ""
            page.goto(found[name])
        else:
            continue
        found.pop(name, None)
        print(f"nothing to see: {name}")
    return found


def take(url: str, folder: Path, names: list[str]) -> None:
    """Signs in as the demo's administrator and writes NAME-THEME.png, and NAME-narrow.png for
    390 px; all screens, or those of `names`."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(base_url=url)
        page.goto("/login/")
        if not names or "login" in names:
            page.screenshot(path=folder / "login-light.png")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", "admin-demo")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}/")
        screens = {name: at for name, at in find(page).items() if not names or name in names}
        for kind, theme, (width, height) in (
            ("light", "light", WIDE),
            ("dark", "dark", WIDE),
            ("narrow", "light", NARROW),
        ):
            page.set_viewport_size({"width": width, "height": height})
            page.context.add_cookies([{"name": "theme", "value": theme, "url": url}])
            for name, address in screens.items():
                page.goto(address)
                page.screenshot(path=folder / f"{name}-{kind}.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
