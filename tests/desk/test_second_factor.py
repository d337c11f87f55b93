"""Second factors: an app, recovery codes and passkeys, encrypted where they are kept."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.fernet import Fernet
from django.core.cache import caches
from django.core.management import call_command
from django.test import Client

from apps.accounts.models import AccessChange, Role, User
from apps.accounts.own import recovery_codes
from apps.common.fields import cipher
from tests.support.people import person, sign_in

PASSWORD = "correct horse battery"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_counts() -> Iterator[None]:
    """No try of another test counts."""
    for known in caches.all():
        known.clear()
    yield
    for known in caches.all():
        known.clear()


@pytest.fixture
def ana(store: object) -> User:
    """A lead with a password."""
    user = person("ana", Role.LEAD)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def browser(ana: User) -> Client:
    """Where the lead is signed in."""
    opened = Client()
    sign_in(opened, ana)
    return opened


def code_of(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def set_up(browser: Client) -> str:
    """Sets an app up and returns its secret."""
    page = browser.get("/account/app/").content.decode()
    secret = re.search(r'class="secret"><code>([A-Z2-7 ]+)</code>', page)[1].replace(" ", "")
    assert browser.post("/account/app/", {"code": code_of(secret, -1)}).status_code == 302
    return secret


def first_step() -> Client:
    opened = Client()
    said = {"username": "ana", "password": PASSWORD, "next": "/refunds/"}
    assert opened.post("/login/", said)["Location"] == "/login/code/"
    assert "_auth_user_id" not in opened.session
    return opened


def test_the_code_is_drawn_on_the_page_and_nothing_is_loaded(browser: Client) -> None:
    page = browser.get("/account/app/").content.decode()
    assert '<svg class="scan"' in page
    assert "data:" not in page
    secret = re.search(r'class="secret"><code>([A-Z2-7 ]+)</code>', page)[1]
    again = browser.get("/account/app/").content.decode()
    assert secret in again
    assert secret.replace(" ", "") not in json.dumps(dict(browser.session.items()))


def test_an_app_is_asked_for_after_the_password(browser: Client, ana: User) -> None:
    secret = set_up(browser)
    assert AccessChange.objects.get().summary == "Authenticator app added"
    opened = first_step()
    assert opened.get("/refunds/")["Location"].startswith("/login/")
    wrong = opened.post("/login/code/", {"code": "000000"})
    assert (wrong.status_code, "That code does not count" in wrong.content.decode()) == (422, True)
    answer = opened.post("/login/code/", {"code": code_of(secret)})
    assert answer["Location"] == "/refunds/"
    assert opened.session["_auth_user_id"] == str(ana.pk)


def test_a_code_counts_once(browser: Client) -> None:
    secret = set_up(browser)
    code = code_of(secret)
    assert first_step().post("/login/code/", {"code": code}).status_code == 302
    assert first_step().post("/login/code/", {"code": code}).status_code == 422
    assert first_step().post("/login/code/", {"code": code_of(secret, 1)}).status_code == 302


@pytest.mark.parametrize("written", ["{0}-{1}", "{0} {1}", "{0}..{1}", " {0}{1}"])
def test_a_code_written_otherwise_is_the_same(
    browser: Client, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    secret = set_up(browser)
    started_at = time.time() // 30 * 30 + 31
    monkeypatch.setattr("time.time", lambda: started_at)
    code = code_of(secret)
    assert first_step().post("/login/code/", {"code": code}).status_code == 302
    # allauth forgets a code after half a minute; it is right for longer.
    user_id = User.objects.get(username="ana").pk
    assert caches["default"].delete(f"allauth.mfa.totp.used?user={user_id}&code={code}")
    again = first_step().post("/login/code/", {"code": written.format(code[:3], code[3:])})
    assert again.status_code == 422


def test_guessing_codes_has_a_limit(browser: Client, settings: Any) -> None:
    secret = set_up(browser)
    settings.SIGN_IN_TRIES_PER_NAME = 2
    opened = first_step()
    for _ in range(2):
        assert opened.post("/login/code/", {"code": "000000"}).status_code == 422
    answer = opened.post("/login/code/", {"code": code_of(secret)})
    assert (answer.status_code, answer.has_header("Retry-After")) == (429, True)


def test_a_wrong_code_sets_nothing_up(browser: Client, ana: User) -> None:
    browser.get("/account/app/")
    answer = browser.post("/account/app/", {"code": "12"})
    assert answer.status_code == 422
    assert "That code is not the one of this app" in answer.content.decode()
    assert not Authenticator.objects.exists()


def test_recovery_codes_stand_in_once_each(browser: Client, ana: User) -> None:
    set_up(browser)
    page = browser.get("/account/codes/").content.decode()
    codes = recovery_codes(ana)
    assert len(codes) == 10
    assert all(code in page for code in codes)
    assert first_step().post("/login/code/", {"code": codes[0]}).status_code == 302
    assert first_step().post("/login/code/", {"code": codes[0]}).status_code == 422
    assert "9 left" in browser.get("/account/").content.decode()
    assert browser.post("/account/codes/").status_code == 302
    assert first_step().post("/login/code/", {"code": codes[1]}).status_code == 422


def test_without_an_app_the_codes_go_too(browser: Client, ana: User) -> None:
    set_up(browser)
    assert "Remove the authenticator app?" in browser.get("/account/app/remove/").content.decode()
    assert Authenticator.objects.count() == 2
    browser.post("/account/app/remove/")
    assert Authenticator.objects.count() == 0
    said = {"username": "ana", "password": PASSWORD}
    assert Client().post("/login/", said)["Location"] == "/"


@pytest.mark.parametrize("url", ["/account/app/", "/account/passkeys/new/", "/account/codes/"])
def test_secrets_are_shown_after_a_fresh_proof_only(ana: User, url: str) -> None:
    opened = Client()
    sign_in(opened, ana, seconds_ago=3600)
    page = opened.get(url).content.decode()
    assert "Confirm that it is you" in page
    assert "data-passkey=" not in page
    assert 'class="secret"' not in page
    answer = opened.post(url, {"sudo_asked_by": "GET", "sudo_password": PASSWORD})
    assert answer["Location"] == url
    assert "Confirm that it is you" not in opened.get(url).content.decode()


def test_a_code_is_a_proof_too(browser: Client, ana: User) -> None:
    secret = set_up(browser)
    opened = Client()
    sign_in(opened, ana, seconds_ago=3600)
    said = {"sudo_asked_by": "GET", "sudo_code": code_of(secret)}
    assert opened.post("/account/codes/", said)["Location"] == "/account/codes/"


def test_secrets_are_encrypted_and_get_another_key(browser: Client, settings: Any) -> None:
    secret = set_up(browser)
    before = {row.type: row.data for row in Authenticator.objects.all()}
    stored = before["totp"]["secret"]
    assert secret not in json.dumps(before["totp"])
    assert cipher().decrypt(stored.encode()).decode() == secret
    key = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [key, *settings.FIELD_ENCRYPTION_KEYS]
    call_command("rotate_field_keys")
    settings.FIELD_ENCRYPTION_KEYS = [key]
    after = {row.type: row.data for row in Authenticator.objects.all()}
    assert Fernet(key).decrypt(after["totp"]["secret"].encode()).decode() == secret
    Fernet(key).decrypt(after["recovery_codes"]["seed"].encode())
    assert first_step().post("/login/code/", {"code": code_of(secret)}).status_code == 302


@pytest.mark.parametrize(
    "garbage",
    ["", "null", "[]", "7", '"x"', "{", "{}", '{"response": 7}', '{"id": "x", "response": {}}'],
)
def test_what_is_no_passkey_is_refused(browser: Client, garbage: str) -> None:
    opened = Client()
    opened.get("/login/passkey/")
    answer = opened.post("/login/passkey/", {"credential": garbage})
    assert answer["Location"].startswith("/login/?next=")
    assert "_auth_user_id" not in opened.session
    browser.get("/account/passkeys/new/")
    assert browser.post("/account/passkeys/new/", {"credential": garbage}).status_code == 422
    assert not Authenticator.objects.exists()


@pytest.fixture
def believed(ana: User, monkeypatch: pytest.MonkeyPatch) -> Authenticator:
    """A passkey whose every answer is right, in so far as the challenge is not looked at."""
    data = {"name": "Key", "credential": {"clientExtensionResults": {"credProps": {"rk": True}}}}
    key = Authenticator.objects.create(user=ana, type="webauthn", data=data)
    server = "allauth.mfa.webauthn.internal.auth"
    monkeypatch.setattr(f"{server}.parse_authentication_response", lambda said: None)
    monkeypatch.setattr(f"{server}.extract_user_from_response", lambda said: ana)
    monkeypatch.setattr(f"{server}.complete_authentication", lambda user, said: key)
    monkeypatch.setattr(f"{server}.get_credentials", lambda user: [])
    return key


def test_a_passkey_asked_for_something_else_signs_nobody_in(
    ana: User, believed: Authenticator
) -> None:
    opened = first_step()
    opened.get("/login/code/")
    state = opened.session["mfa.webauthn.state"]
    assert (state["user_verification"], state["asked_of"]) == ("required", ana.pk)
    answer = opened.post("/login/passkey/", {"credential": '{"id": "x"}'})
    assert answer["Location"].startswith("/login/?next=")
    assert "_auth_user_id" not in opened.session
    assert "mfa.webauthn.state" not in opened.session
    opened.get("/login/passkey/")
    state = opened.session["mfa.webauthn.state"]
    assert (state["user_verification"], state["asked_of"]) == ("required", None)
    assert opened.post("/login/passkey/", {"credential": '{"id": "x"}'})["Location"] == "/"
    assert opened.session["_auth_user_id"] == str(ana.pk)


def test_a_passkey_asked_of_whoever_has_one_is_no_second_step(
    ana: User, believed: Authenticator
) -> None:
    opened, said = first_step(), {"credential": '{"id": "x"}'}
    opened.get("/login/passkey/")
    assert opened.post("/login/code/", said).status_code == 422
    assert "_auth_user_id" not in opened.session
    assert opened.post("/login/code/", said)["Location"] == "/refunds/"


def test_passkeys_alone_have_a_limit(ana: User, settings: Any) -> None:
    settings.SIGN_IN_TRIES_PER_ADDRESS = 1
    opened = Client()
    opened.post("/login/passkey/", {"credential": "{}"})
    answer = opened.post("/login/passkey/", {"credential": "{}"})
    assert answer.has_header("Retry-After")


def lately(user: User, method: str) -> Client:
    """Where somebody has just said who they are, by nothing but `method`."""
    opened = Client()
    sign_in(opened, user, seconds_ago=3600)
    session = opened.session
    session["account_authentication_methods"] = [{"method": method, "at": time.time()}]
    session.save()
    return opened


@pytest.fixture
def protected(browser: Client, ana: User, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """The secret of an app, and the number of a passkey beside it."""
    monkeypatch.setattr("allauth.mfa.webauthn.internal.auth.get_credentials", lambda user: [])
    secret = set_up(browser)
    data = {"name": "Key", "credential": {"clientExtensionResults": {"credProps": {"rk": True}}}}
    return secret, Authenticator.objects.create(user=ana, type="webauthn", data=data).pk


@pytest.mark.parametrize(
    ("url", "asked_by"),
    [
        ("/account/app/remove/", "POST"),
        ("/account/passkeys/{}/remove/", "POST"),
        ("/account/codes/", "POST"),
        ("/account/codes/", "GET"),
        ("/account/passkeys/new/", "GET"),
    ],
)
def test_the_password_alone_does_not_get_past_a_second_factor(
    protected: tuple[str, int], ana: User, url: str, asked_by: str
) -> None:
    secret, passkey = protected
    url = url.format(passkey)
    before = list(Authenticator.objects.order_by("pk").values_list("pk", "type", "data"))
    opened = lately(ana, "password")
    asked = opened.post(url) if asked_by == "POST" else opened.get(url)
    assert asked.status_code == (403 if asked_by == "POST" else 200)
    page = asked.content.decode()
    assert "Confirm that it is you" in page
    assert 'name="sudo_password"' not in page
    assert not any(code in page for code in recovery_codes(ana))
    said = {"sudo_asked_by": asked_by}
    refused = opened.post(url, {**said, "sudo_password": PASSWORD})
    assert refused.status_code == 422
    assert "The password alone does not do here" in refused.content.decode()
    assert opened.post(url, {**said, "sudo_code": "000000"}).status_code == 422
    assert list(Authenticator.objects.order_by("pk").values_list("pk", "type", "data")) == before
    assert opened.post(url, {**said, "sudo_code": code_of(secret)}).status_code == 302
    if asked_by == "POST":
        after = list(Authenticator.objects.order_by("pk").values_list("pk", "type", "data"))
        assert after != before


def test_a_recovery_code_removes_the_app_that_was_lost(browser: Client, ana: User) -> None:
    set_up(browser)
    opened = lately(ana, "password")
    said = {"sudo_asked_by": "POST", "sudo_code": recovery_codes(ana)[0]}
    assert opened.post("/account/app/remove/", said)["Location"] == "/account/"
    assert not Authenticator.objects.exists()
    summaries = AccessChange.objects.order_by("pk").values_list("summary", flat=True)
    assert list(summaries) == ["Authenticator app added", "Authenticator app removed"]


def test_a_second_factor_shown_at_sign_in_is_proof_for_a_while(
    browser: Client, ana: User, settings: Any
) -> None:
    set_up(browser)
    opened = lately(ana, "mfa")
    settings.SUDO_MINUTES = 0
    assert opened.post("/account/app/remove/").status_code == 403
    settings.SUDO_MINUTES = 15
    assert opened.post("/account/app/remove/")["Location"] == "/account/"
    assert not Authenticator.objects.exists()


def test_who_takes_anothers_second_factor_away_shows_their_own(browser: Client, ana: User) -> None:
    person("ana", Role.ADMINISTRATOR)
    secret = set_up(browser)
    bob = person("bob", Role.AGENT)
    Authenticator.objects.create(user=bob, type="totp", data={"secret": "x"})
    url = f"/people/{bob.pk}/second-factor/"
    opened = lately(ana, "password")
    said = {"sudo_asked_by": "POST", "sudo_password": PASSWORD}
    assert opened.post(url, said).status_code == 422
    assert Authenticator.objects.filter(user=bob).exists()
    said = {"sudo_asked_by": "POST", "sudo_code": code_of(secret)}
    assert opened.post(url, said)["Location"] == "/people/"
    assert not Authenticator.objects.filter(user=bob).exists()
