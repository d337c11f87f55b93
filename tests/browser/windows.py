"""Windows of a real Chromium that watch what they show: errors of scripts, refusals of the security
policy, and requests that leave this machine are complaints, and a complaint fails the test."""

import shutil
from typing import Any

from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, Response

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in PROGRAMS if (path := shutil.which(name))), None)

# Nothing but this machine has a name: a request to another host fails before it leaves.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
WIDE, MIDDLE, NARROW = (1300, 900), (800, 900), (390, 800)


def launch(playwright: Playwright) -> Browser:
    """Starts the Chromium of this machine."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


class Windows:
    """Opens windows at a desk, each with its own cookies, and keeps their complaints."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        self.complaints: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def open(
        self,
        client: Client | None = None,
        *,
        theme: str = "light",
        size: tuple[int, int] = WIDE,
        has_scripts: bool = True,
        **options: Any,
    ) -> Page:
        """Returns a window that knows the desk's address; signed in as `client` is, if given."""
        context = self._browser.new_context(
            base_url=self.url,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=has_scripts,
            **options,
        )
        self._contexts.append(context)
        cookies = {"theme": theme}
        if client:
            cookies |= {name: morsel.value for name, morsel in client.cookies.items()}
        context.add_cookies(
            [{"name": name, "value": value, "url": self.url} for name, value in cookies.items()]
        )
        page = context.new_page()
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self._see_request)
        page.on("response", self._see_response)
        return page

    def close(self) -> None:
        """Closes all windows."""
        for context in self._contexts:
            context.close()

    def _hear(self, kind: str, text: str) -> None:
        # What did not load is told by its response, with its address.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.complaints.append(f"console: {text}")

    def _see_request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"asked another host: {request.url}")

    def _see_response(self, response: Response) -> None:
        is_page = response.request.resource_type == "document"
        if response.status >= 500 or (response.status >= 400 and not is_page):
            self.complaints.append(f"{response.status}: {response.url}")
