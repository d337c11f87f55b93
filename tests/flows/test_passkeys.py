"""A passkey in a real Chromium: set up, alone, as second factor, and as a fresh proof."""

import shutil
from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from apps.accounts.models import Role
from tests.support.people import person

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PASSWORD = "correct horse battery"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine"),
]


def test_a_passkey_in_a_real_browser(
    desk: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import sync_playwright

    ana = person("ana", Role.ADMINISTRATOR)
    ana.set_password(PASSWORD)
    ana.save()
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    url = desk.url.replace("127.0.0.1", "localhost")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = opened.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if "Content" in m.text else None)
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})

        page.goto(f"{url}/login/")
        page.fill("input[name=username]", "ana")
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}/")
        page.goto(f"{url}/account/passkeys/new/")
        page.fill("input[name=name]", "Office laptop")
        page.get_by_role("button", name="Set up the passkey").click()
        page.wait_for_url("**/account/codes/")
        page.goto(f"{url}/account/")
        assert "Passkey “Office laptop”" in page.locator("main").inner_text()
        key = Authenticator.objects.get(type="webauthn")
        assert (key.user, key.wrap().is_passwordless) == (ana, True)

        page.context.clear_cookies()
        page.goto(f"{url}/login/?next=/refunds/")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url(f"{url}/refunds/")

        page.context.clear_cookies()
        page.goto(f"{url}/login/?next=/orders/")
        page.fill("input[name=username]", "ana")
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/login/code/")
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(f"{url}/orders/")

        settings.SUDO_MINUTES = 0
        page.goto(f"{url}/account/codes/")
        assert "Confirm that it is you" in page.locator("h1").inner_text()
        settings.SUDO_MINUTES = 15
        page.get_by_role("button", name="Use a passkey").click()
        page.locator("h1", has_text="Recovery codes").wait_for()
        opened.close()
    assert complaints == []
