"""How one gets to the screens that have no address of their own, or nothing to show at first: by
using the desk, as the person whose work it is. Each walk yields the name of a screen, the window
that shows it, and how it is looked at: on a screen or on paper."""

import base64
import hashlib
import hmac
import struct
import time
from collections.abc import Callable, Iterator

from playwright.sync_api import Browser, Page

from tests.browser.windows import WIDE

Shown = Iterator[tuple[str, Page, str]]
SCREEN, PAPER = "screen", "print"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Desk:
    """The running demo: opens windows at it, one for each person."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        self._browser = browser
        self._windows: dict[str, Page] = {}

    def door(self) -> Page:
        """Returns a new window in which nobody is signed in."""
        width, height = WIDE
        context = self._browser.new_context(
            base_url=self.url,
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            timezone_id="UTC",
        )
        context.set_default_timeout(15_000)
        return context.new_page()

    def window(self, name: str) -> Page:
        """Returns the window in which this person of the demo is signed in."""
        if name not in self._windows:
            page = self._windows[name] = self.door()
            sign_in(page, name)
            page.wait_for_url(f"{self.url}/")
        return self._windows[name]


def code_of(secret: str, at: float | None = None) -> str:
    """Returns the six digits that an authenticator app shows for `secret` (RFC 6238)."""
    letters = "".join(letter for letter in secret.upper() if letter in _BASE32)
    key = base64.b32decode(letters + "=" * (-len(letters) % 8))
    counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.digest(key, counter, hashlib.sha1)
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def press(page: Page, words: str) -> None:
    """Presses the button with these words in the page's content, and waits for what comes."""
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name=words, exact=True).first.click()


def sign_in(page: Page, name: str) -> None:
    """Signs this person of the demo in; whoever has a second factor is asked for it next."""
    page.goto("/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", f"{name}-demo")
    press(page, "Sign in")


def _first_row(page: Page, where: str) -> None:
    page.goto(where)
    page.goto(page.locator("main [data-row] a[href]").first.get_attribute("href") or "/")


def at_the_door(desk: Desk) -> Shown:
    """Signing in, and failing to."""
    page = desk.door()
    page.goto("/login/")
    yield "login", page, SCREEN
    page.fill("input[name=username]", "nobody-here")
    page.fill("input[name=password]", "wrong")
    press(page, "Sign in")
    yield "login-wrong", page, SCREEN


def refused(desk: Desk) -> Shown:
    """What a person without the right sees."""
    page = desk.window("reader")
    page.goto("/people/")
    yield "forbidden", page, SCREEN
    _first_row(page, "/returns/?status=CREATED")
    yield "reader-return", page, SCREEN
    page.goto("/")
    yield "reader-home", page, SCREEN


def the_roles(desk: Desk) -> Shown:
    """The first page of those who do not administer."""
    for name in ("agent", "lead", "finance"):
        page = desk.window(name)
        page.goto("/")
        yield f"home-{name}", page, SCREEN


def lists(desk: Desk) -> Shown:
    """Saved views, the choice of columns, and actions on several rows."""
    page = desk.window("lead")
    page.goto("/returns/?status=CREATED")
    page.get_by_text("Save view", exact=True).click()
    page.fill("#view-name", f"Open returns {int(time.time()) % 10000}")
    yield "view-save", page, SCREEN
    press(page, "Save")
    page.get_by_text("Columns", exact=True).click()
    yield "view-columns", page, SCREEN
    page.goto("/orders/?returns=yes")
    for box in page.locator('input[name="row"][form="bulk"]').all()[:3]:
        box.check()
    yield "list-selected", page, SCREEN
    press(page, "Preview…")
    yield "bulk-preview", page, SCREEN
    page.locator("#id_person").select_option(index=1)
    with page.expect_navigation():
        page.locator("main .actions button.primary").click()
    yield "bulk-outcome", page, SCREEN


def case(desk: Desk) -> Shown:
    """A note that names somebody, a flag, and what the named person sees."""
    page = desk.window("lead")
    _first_row(page, "/orders/?returns=yes")
    where = page.url
    page.fill("textarea[name=text]", "@agent The shopper called: two boxes, one is on its way.")
    press(page, "Add the note")
    page.get_by_text("Stop automation…").click()
    page.fill("main details input[name=reason], main details textarea[name=reason]", "fraud?")
    press(page, "Stop automation")
    yield "order-flagged", page, SCREEN
    page.goto(f"{where}?show=messages&timeline=all")
    yield "order-timeline", page, SCREEN
    page = desk.window("agent")
    page.goto("/mentions/")
    yield "mentions-named", page, SCREEN


def making_a_refund(desk: Desk) -> Shown:
    """The form of a refund, what is wrong with it, its preview and its question."""
    page = desk.window("agent")
    _first_row(page, "/orders/?returns=no&status=Shipped")
    page.goto(page.locator("a[href*='/refunds/new/']").first.get_attribute("href") or "/")
    press(page, "Continue")
    yield "refund-form-wrong", page, SCREEN
    page.fill("input[name=goodwill]", "4.50")
    page.fill("input[name=reason]", "Parcel came late")
    page.locator("input[name=reason]").press("Tab")
    page.wait_for_timeout(1500)
    yield "refund-form-preview", page, SCREEN
    press(page, "Continue")
    yield "refund-confirm", page, SCREEN
    with page.expect_navigation():
        page.locator("main button[value=make]").click()
    yield "refund-made", page, SCREEN


def paper(desk: Desk) -> Shown:
    """What is printed."""
    page = desk.window("agent")
    _first_row(page, "/returns/?status=REFUNDED")
    yield "return-print", page, PAPER
    _first_row(page, "/refunds/?status=paid")
    page.goto(page.locator("a[href$='/receipt/']").first.get_attribute("href") or "/")
    yield "receipt-print", page, PAPER


def shortcuts(desk: Desk) -> Shown:
    """The sheet of shortcuts."""
    page = desk.window("agent")
    page.goto("/")
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")
    yield "shortcuts", page, SCREEN


def exports(desk: Desk) -> Shown:
    """A file of a report."""
    page = desk.window("finance")
    page.goto("/reports/refunds/?period=last_month")
    press(page, "Excel")
    page.wait_for_timeout(9000)
    page.reload()
    yield "export", page, SCREEN
    page.goto("/reports/exports/")
    yield "exports", page, SCREEN


def books(desk: Desk) -> Shown:
    """A month is closed, and asked to be opened again."""
    page = desk.window("finance")
    page.goto("/books/")
    yield "books-open", page, SCREEN
    close = page.locator("main a.button", has_text="Close…")
    if close.count():
        page.goto(close.first.get_attribute("href") or "/")
        yield "books-close", page, SCREEN
        with page.expect_navigation():
            page.locator("main button.primary").click()
        page.wait_for_timeout(9000)
        page.reload()
    yield "books-closed", page, SCREEN
    again = page.locator("main a.button", has_text="Open again…")
    if again.count():
        page.goto(again.first.get_attribute("href") or "/")
        yield "books-reopen", page, SCREEN
        page.locator("main #id_reason").fill("An invoice is missing.")
        with page.expect_navigation():
            page.locator("main button.primary, main button.danger").first.click()
        yield "books-asked", page, SCREEN
        admin = desk.window("admin")
        admin.goto("/books/")
        yield "books-decide", admin, SCREEN


def statements(desk: Desk) -> Shown:
    """A file of the gateway is uploaded, read and compared."""
    page = desk.window("finance")
    page.goto("/statements/")
    content = page.request.get("/statements/sample.csv?differences=1").body()
    page.set_input_files(
        "input[name=file]",
        {"name": "payouts-november.csv", "mimeType": "text/csv", "buffer": content},
    )
    press(page, "Upload")
    yield "statement-columns", page, SCREEN
    if "/columns/" in page.url:
        press(page, "Show how rows are read")
        yield "statement-columns-preview", page, SCREEN
        press(page, "Compare")
        yield "statement-under-way", page, SCREEN
        page.wait_for_timeout(12000)
        page.reload()
    yield "statement", page, SCREEN
    where = page.url.split("?")[0]
    tabs = [tab.get_attribute("href") or "" for tab in page.locator("nav.tabs a").all()]
    for tab in tabs:
        name = tab.partition("tab=")[2].split("&")[0] or "first"
        page.goto(f"{where}{tab}")
        yield f"statement-tab-{name}", page, SCREEN
        row = "main [data-row] a:is([href*='/rows/'], [href*='/payments/'])"
        links = page.locator(row)
        if links.count():
            page.goto(links.first.get_attribute("href") or "/")
            yield f"statement-row-{name}", page, SCREEN
        if name == "in-file" and page.locator("#id_reason").count():
            page.fill("#id_reason", "Paid by hand before the desk was there")
            press(page, "Explained")
            yield "statement-explained", page, SCREEN
    page.goto("/statements/")
    yield "statements", page, SCREEN


def schedules(desk: Desk) -> Shown:
    """A report that is sent every month."""
    page = desk.window("finance")
    page.goto("/reports/refunds/schedule/?period=last_month")
    page.fill("[name=recipients]", "auditor@example.org")
    press(page, "Save")
    yield "schedule-outside", page, SCREEN
    page.fill("[name=recipients]", "finance@example.com")
    press(page, "Save")
    send = page.get_by_role("main").get_by_role("button", name="Send now")
    if send.count():
        with page.expect_navigation():
            send.first.click()
        page.wait_for_timeout(12000)
        page.reload()
    yield "schedule", page, SCREEN
    for name, words in (("schedule-edit", "change"), ("schedule-remove", "delete")):
        link = page.locator(f"main a[href$='/{words}/']").first
        if link.count():
            here = page.url
            page.goto(link.get_attribute("href") or "/")
            yield name, page, SCREEN
            page.goto(here)
    page.goto("/reports/schedules/")
    yield "schedules", page, SCREEN


def catalog(desk: Desk) -> Shown:
    """A file of products, one row of which cannot be used."""
    page = desk.window("lead")
    page.goto("/catalog/imports/")
    content = page.request.get("/catalog/imports/sample.csv").body().decode()
    head, *rows = content.splitlines()
    spoiled = "\n".join([head, *rows, rows[-1].replace(".", ",x")]) + "\n"
    page.set_input_files(
        "input[type=file]",
        {"name": "autumn.csv", "mimeType": "text/csv", "buffer": spoiled.encode()},
    )
    with page.expect_navigation():
        page.locator("main form button.primary").first.click()
    page.wait_for_timeout(8000)
    page.reload()
    yield "catalog-import", page, SCREEN


def second_factor(desk: Desk) -> Shown:
    """An authenticator app is set up, asked for at the next sign-in, and taken away."""
    page = desk.door()
    sign_in(page, "reader")
    page.goto("/account/app/")
    secret = (page.locator(".secret code").text_content() or "").strip()
    page.fill("#id_code", "123456")
    press(page, "Set up the app")
    yield "app-wrong", page, SCREEN
    secret = (page.locator(".secret code").text_content() or secret).strip()
    page.fill("#id_code", code_of(secret))
    press(page, "Set up the app")
    yield "codes-new", page, SCREEN
    page.goto("/account/")
    yield "account-with-app", page, SCREEN
    page.goto("/account/app/remove/")
    yield "app-remove", page, SCREEN
    other = desk.door()
    sign_in(other, "reader")
    yield "sign-in-code", other, SCREEN
    page.goto("/account/app/remove/")
    with page.expect_navigation():
        page.locator("main button.danger, main button.primary").first.click()
    yield "account-without", page, SCREEN


def out_of_date(desk: Desk) -> Shown:
    """A form that outlives its session: the sign-in that keeps it, and the way back to it."""
    page = desk.door()
    sign_in(page, "lead")
    _first_row(page, "/orders/?returns=yes")
    page.fill("textarea[name=text]", "Half a note")
    token = [c for c in page.context.cookies() if c.get("name") != "sessionid"]
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": str(c["name"]), "value": str(c["value"]), "url": desk.url} for c in token]
    )
    press(page, "Add the note")
    yield "login-kept", page, SCREEN
    page.fill("input[name=username]", "lead")
    page.fill("input[name=password]", "lead-demo")
    press(page, "Sign in")
    yield "resume", page, SCREEN


WALKS: dict[str, Callable[[Desk], Shown]] = {
    "login": at_the_door,
    "forbidden:reader": refused,
    "home": the_roles,
    "statement": statements,
    "books": books,
    "export": exports,
    "schedule": schedules,
    "view:list:bulk": lists,
    "case:order:mentions": case,
    "refund": making_a_refund,
    "paper:return:receipt": paper,
    "shortcuts": shortcuts,
    "catalog": catalog,
    "app:codes:account:sign": second_factor,
    "resume:login": out_of_date,
}
