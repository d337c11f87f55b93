"""Signing in: limits that tell nothing, a session of its own, and forms that outlive a session."""

import time
from collections.abc import Iterator

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.core.checks import run_checks
from django.http import HttpResponse
from django.test import Client, RequestFactory

from apps.accounts import attempts
from apps.accounts.models import Membership, Role, User
from apps.stores.models import Store
from tests.desk.conftest import World
from tests.support.people import person, sign_in

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


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


def attempt(name: str, password: str, browser: Client | None = None, **meta: str) -> object:
    said = {"username": name, "password": password}
    return (browser or Client()).post("/login/", said, **meta)


def test_too_many_tries_with_a_name_wait_and_say_how_long(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_NAME = 3
    for _ in range(3):
        assert attempt("ana", "wrong").status_code == 422
    answer = attempt("ana", PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 15 * 60
    assert "Too many tries with this name or from this network. Wait " in answer.content.decode()
    assert "_auth_user_id" not in answer.client.session


def test_names_that_there_are_not_are_counted_alike(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_NAME = 2
    pages = {}
    for name in ("ana", "nobody-of-that-name"):
        answers = [attempt(name, "wrong") for _ in range(3)]
        assert [a.status_code for a in answers] == [422, 422, 429]
        pages[name] = [
            a.content.decode().split("<form")[2].split('name="username"')[0] for a in answers
        ]
        pages[name] = [page.split('role="alert">')[1].split("</p>")[0] for page in pages[name]]
    assert pages["ana"] == pages["nobody-of-that-name"]


def test_capitals_are_the_same_name(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_NAME = 2
    for name in ("ana", "ANA"):
        attempt(name, "wrong")
    assert attempt("Ana ", "wrong").status_code == 429
    assert attempt("bert", "wrong").status_code == 422


def test_a_network_has_a_limit_of_its_own(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_ADDRESS = 3
    for number in range(3):
        attempt(f"name-{number}", "wrong", REMOTE_ADDR="203.0.113.1")
    assert attempt("ana", PASSWORD, REMOTE_ADDR="203.0.113.1").status_code == 429
    assert attempt("ana", PASSWORD, REMOTE_ADDR="203.0.113.2").status_code == 302


def test_the_neighbors_of_an_ipv6_address_count_together(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_ADDRESS = 2
    for host in ("1", "2"):
        attempt(f"name-{host}", "wrong", REMOTE_ADDR=f"2001:db8::{host}")
    assert attempt("ana", PASSWORD, REMOTE_ADDR="2001:db8::3").status_code == 429
    assert attempt("ana", PASSWORD, REMOTE_ADDR="2001:db8:0:1::3").status_code == 302


@pytest.mark.parametrize(
    ("proxies", "expected"), [(0, [302, 429]), (1, [302, 302]), (9, [302, 429])]
)
def test_only_our_own_proxies_are_believed(
    ana: User, settings: object, proxies: int, expected: list[int]
) -> None:
    settings.TRUSTED_PROXY_COUNT, settings.SIGN_IN_TRIES_PER_ADDRESS = proxies, 1
    meta = {"REMOTE_ADDR": "203.0.113.1"}
    attempt("bert", "wrong", HTTP_X_FORWARDED_FOR="1.1.1.1, 198.51.100.1", **meta)
    first = attempt("ana", PASSWORD, REMOTE_ADDR="203.0.113.9").status_code
    second = attempt("ana", PASSWORD, HTTP_X_FORWARDED_FOR="1.1.1.1, 198.51.100.2", **meta)
    assert [first, second.status_code] == expected


def test_a_right_password_takes_the_tries_of_the_name_back(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_NAME = 2
    attempt("ana", "wrong")
    assert attempt("ana", PASSWORD).status_code == 302
    attempt("ana", "wrong")
    assert attempt("ana", PASSWORD).status_code == 302


def test_right_passwords_do_not_clear_the_network(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_ADDRESS = 4
    for number in range(4):
        attempt(f"name-{number}", "wrong")
        last = attempt("ana", PASSWORD).status_code
    assert last == 429


def test_the_window_ends(ana: User, settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIGN_IN_TRIES_PER_NAME = 1
    attempt("ana", "wrong")
    waited = int(attempt("ana", PASSWORD)["Retry-After"])
    now = time.time()
    monkeypatch.setattr("apps.accounts.attempts.time.time", lambda: now + waited + 1)
    assert attempt("ana", PASSWORD).status_code == 302


def test_the_session_gets_another_key(ana: User) -> None:
    browser = Client()
    session = browser.session
    session["planted"] = "by somebody"
    session.save()
    before = session.session_key
    browser.cookies["sessionid"] = before
    attempt("ana", PASSWORD, browser)
    assert browser.session.session_key != before
    assert browser.session["_auth_user_id"] == str(ana.pk)


def test_who_is_retired_gets_the_same_answer_as_nobody(ana: User) -> None:
    ana.is_active = False
    ana.save()
    answer = attempt("ana", PASSWORD)
    assert answer.status_code == 422
    assert attempt("nobody", PASSWORD).content.count(b"alert") == answer.content.count(b"alert")


@pytest.mark.parametrize("back", ["https://evil.test/", "//evil.test", "javascript:alert(1)"])
def test_sign_in_never_leads_elsewhere(ana: User, back: str) -> None:
    said = {"username": "ana", "password": PASSWORD, "next": back}
    assert Client().post("/login/", said)["Location"] == "/"


@pytest.mark.parametrize(
    "host", ["http://testserver//evil.test/x", "http://testserver/\\\\evil.test"]
)
def test_what_is_left_of_an_address_names_no_other_host(ana: User, host: str) -> None:
    said = {"credential": "{}", "next": host}
    assert Client().post("/login/passkey/", said)["Location"] == "/login/?next=%2F"
    answer = Client().post("/preferences/", {"theme": "dark", "next": host})
    assert answer["Location"] == "/"
    here = Client().post(
        "/preferences/", {"theme": "dark", "next": "http://testserver/orders/?q=1"}
    )
    assert here["Location"] == "/orders/?q=1"


def test_an_address_over_its_limit_counts_against_no_name(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_ADDRESS, settings.SIGN_IN_TRIES_PER_NAME = 2, 5
    for _ in range(9):
        last = attempt("ana", "wrong", REMOTE_ADDR="203.0.113.1").status_code
    assert last == 429
    assert attempt("ana", PASSWORD, REMOTE_ADDR="203.0.113.2").status_code == 302


def test_many_names_do_not_push_one_out(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_ADDRESS, settings.SIGN_IN_TRIES_PER_NAME = 10_000, 1
    attempt("ana", "wrong")
    request = RequestFactory().post("/login/", REMOTE_ADDR="203.0.113.1")
    for number in range(2000):
        attempts.try_name(request, f"name-{number}")
    assert attempt("ana", PASSWORD).status_code == 429


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("203.0.113.1:4711", "203.0.113.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_the_address_is_known_with_its_port_too(said: str, address: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=said)
    assert attempts.address_of(request) == address


def test_without_an_address_there_is_no_limit_of_one(ana: User, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_ADDRESS = 1
    for number in range(3):
        assert attempt(f"name-{number}", "wrong", REMOTE_ADDR="").status_code == 422
    assert attempt("ana", PASSWORD, REMOTE_ADDR="").status_code == 302


@pytest.mark.parametrize(("https", "proxies", "count"), [(True, 0, 1), (True, 1, 0), (False, 0, 0)])
def test_a_desk_behind_an_unknown_proxy_is_warned_about(
    settings: object, https: bool, proxies: int, count: int
) -> None:
    settings.HTTPS_ONLY, settings.TRUSTED_PROXY_COUNT = https, proxies
    found = run_checks(tags=["accounts"], include_deployment_checks=True)
    assert [check.id for check in found] == ["returnsdesk.W001"] * count


def ended(user: User, store: Store | None = None) -> Client:
    """Where a person worked, in a store, until their session ended."""
    browser = Client()
    sign_in(browser, user)
    if store:
        browser.post("/store/", {"store": store.pk})
    assert browser.get("/orders/").status_code == 200
    Session.objects.all().delete()
    return browser


def resumed(browser: Client, user: User) -> HttpResponse:
    """What somebody finds who signs in after their form was not taken."""
    said = {"username": user.username, "password": PASSWORD, "next": "/resume/"}
    assert browser.post("/login/", said)["Location"] == "/resume/"
    return browser.get("/resume/")


def test_a_form_that_outlived_its_session_is_kept(world: World, ana: User) -> None:
    browser = ended(ana)
    url = f"/refunds/{world.refund.identifier}/cancel/"
    answer = browser.post(url, {"reason": 'they "called"', "tick": ["a", "b"]})
    assert answer["Location"] == "/login/?next=%2Fresume%2F"
    assert "what you sent was not done" in browser.get(answer["Location"]).content.decode()
    resumed(browser, ana)
    page = browser.get("/resume/").content.decode()
    assert 'action="/resume/?send=1"' in page
    for name, value in (("reason", "they &quot;called&quot;"), ("tick", "a"), ("tick", "b")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    world.refund.refresh_from_db()
    assert world.refund.status == "proposed"
    sent = browser.post("/resume/?send=1", {"reason": "they called"})
    assert (sent.status_code, sent["Location"]) == (307, url)
    assert browser.post(sent["Location"], {"reason": "they called"}).status_code == 302
    world.refund.refresh_from_db()
    assert world.refund.status == "canceled"
    assert browser.get("/resume/")["Location"] == "/"


def test_a_form_is_thrown_away_by_its_author(world: World, ana: User) -> None:
    browser = ended(ana)
    browser.post("/returns/RMA-1/cancel/", {"reason": "x"})
    assert "RMA-1" in resumed(browser, ana).content.decode()
    assert "nothing was sent" in browser.post("/resume/", follow=True).content.decode()
    assert browser.get("/resume/")["Location"] == "/"


def test_a_form_goes_to_the_store_it_was_for(world: World, other_store: Store, ana: User) -> None:
    Membership.objects.create(user=ana, store=other_store, role=Role.LEAD)
    browser = ended(ana, other_store)
    browser.post("/returns/RMA-1/cancel/", {"reason": "x"})
    assert "for Store Next Door, until" in resumed(browser, ana).content.decode()
    browser.post("/store/", {"store": world.store.pk})
    sent = browser.post("/resume/?send=1", {"reason": "x"})
    assert browser.post(sent["Location"], {"reason": "x"}).status_code == 404
    assert browser.session["store_id"] == other_store.pk


def test_a_form_of_a_store_that_was_left_is_dropped(
    world: World, other_store: Store, ana: User
) -> None:
    Membership.objects.create(user=ana, store=other_store, role=Role.LEAD)
    browser = ended(ana, other_store)
    browser.post("/returns/RMA-1/cancel/", {"reason": "x"})
    assert "draft" in browser.session
    Membership.objects.filter(user=ana, store=other_store).delete()
    assert resumed(browser, ana)["Location"] == "/"
    assert "draft" not in browser.session


def test_a_form_is_shown_to_its_author_alone(world: World, ana: User) -> None:
    eve = person("eve", Role.LEAD)
    eve.set_password(PASSWORD)
    eve.save()
    browser = ended(ana)
    browser.post("/returns/RMA-1/cancel/", {"reason": "x"})
    assert "draft" in browser.session
    assert resumed(browser, eve)["Location"] == "/"
    assert "draft" not in browser.session


def test_nothing_is_kept_of_a_stranger(world: World) -> None:
    browser = Client()
    browser.cookies["last_seat"] = "1.1:forged:signature"
    browser.post("/returns/RMA-1/cancel/", {"reason": "x"})
    assert "draft" not in browser.session


@pytest.mark.parametrize(
    ("url", "name", "is_kept"),
    [
        ("/returns/RMA-1/cancel/", "reason", True),
        ("/returns/RMA-1/cancel/", "sudo_code", False),
        ("/returns/RMA-1/cancel/", "client_secret", False),
        ("/returns/RMA-1/cancel/", "ApiKey", False),
        ("/returns/RMA-1/cancel/", "key", False),
        ("/refunds/new/ORD-1/", "key", True),
        ("/refunds/new/ORD-1/", "token", False),
        ("/lists/orders/bulk/", "credential", False),
        ("/account/password/", "name", False),
        ("/people/", "username", False),
        ("/admin/stores/store/add/", "name", False),
        ("/resume/", "reason", False),
    ],
)
def test_secrets_are_not_kept(world: World, ana: User, url: str, name: str, is_kept: bool) -> None:
    browser = ended(ana)
    browser.post(url, {name: "x", "csrfmiddlewaretoken": "y"})
    assert ("draft" in browser.session) == is_kept


def test_live_updates_are_not_kept(world: World, ana: User) -> None:
    browser = ended(ana)
    browser.post("/returns/RMA-1/cancel/", {"reason": "x"}, headers={"HX-Request": "true"})
    assert "draft" not in browser.session
    browser.post("/returns/RMA-1/cancel/", {"reason": "x"})
    assert "draft" in browser.session


def test_a_form_without_its_token_is_not_kept(world: World, ana: User) -> None:
    strict = ended(ana)
    strict.handler.enforce_csrf_checks = True
    assert strict.post("/returns/RMA-1/cancel/", {"reason": "x"}).status_code == 403
    assert "draft" not in strict.session
