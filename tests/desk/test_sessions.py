"""Where a person is signed in, ending that, and the password."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.core.cache import caches
from django.test import Client

from apps.accounts.models import AccessChange, Role, User
from apps.accounts.sessions import SEEN_KEY, browser_in_words
from tests.support.people import person

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


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


def opened(agent: str = FIREFOX, address: str = "203.0.113.1", name: str = "ana") -> Client:
    browser = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    said = {"username": name, "password": PASSWORD}
    assert browser.post("/login/", said).status_code == 302
    return browser


def is_in(browser: Client) -> bool:
    return browser.get("/account/").status_code == 200


def test_the_list_names_browser_address_and_this_one(ana: User) -> None:
    opened(IPHONE, "198.51.100.7")
    here = opened()
    page = here.get("/account/").content.decode()
    assert page.index("Firefox 140 on Windows") < page.index("This one") < page.index("Safari 18")
    assert "Safari 18 on iPhone" in page
    assert "198.51.100.7" in page


def test_one_session_is_ended(ana: User) -> None:
    there, here = opened(IPHONE), opened()
    key = UserSession.objects.get(session_key=there.session.session_key).pk
    assert here.post(f"/account/sessions/{key}/end/").status_code == 302
    assert (is_in(there), is_in(here)) == (False, True)
    assert AccessChange.objects.get().summary == "1 session ended"


def test_all_others_are_ended(ana: User) -> None:
    there, elsewhere, here = opened(), opened(IPHONE), opened()
    assert here.post("/account/sessions/end/").status_code == 302
    assert [is_in(b) for b in (there, elsewhere, here)] == [False, False, True]
    assert AccessChange.objects.get().summary == "2 sessions ended"


def test_nobody_ends_the_sessions_of_others(ana: User) -> None:
    bert = person("bert", Role.ADMINISTRATOR)
    bert.set_password(PASSWORD)
    bert.save()
    hers, his = opened(), opened(name="bert")
    key = UserSession.objects.get(session_key=hers.session.session_key).pk
    assert his.post(f"/account/sessions/{key}/end/").status_code == 404
    his.post("/account/sessions/end/")
    assert is_in(hers)


def test_a_new_password_ends_the_others_and_keeps_this_one(ana: User) -> None:
    there, here = opened(IPHONE), opened()
    said = {"old_password": PASSWORD, "new_password1": "another-1x", "new_password2": "another-1x"}
    wrong = here.post("/account/password/", {**said, "old_password": "no"})
    assert wrong.status_code == 422
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)
    assert here.post("/account/password/", said)["Location"] == "/account/"
    ana.refresh_from_db()
    assert ana.check_password("another-1x")
    assert (is_in(there), is_in(here)) == (False, True)
    page = here.get("/account/").content.decode()
    assert "This one" in page
    assert "Safari 18" not in page
    assert "Password changed" in page


def test_guessing_the_password_there_has_a_limit(ana: User, settings: object) -> None:
    here = opened()
    settings.SIGN_IN_TRIES_PER_NAME = 1
    said = {"old_password": "no", "new_password1": "another-1x", "new_password2": "another-1x"}
    assert here.post("/account/password/", said).status_code == 422
    assert here.post("/account/password/", said | {"old_password": PASSWORD}).status_code == 429
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)


def test_last_seen_follows_at_most_once_a_minute(ana: User) -> None:
    here = opened()
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    UserSession.objects.update(last_seen_at=long_ago)
    is_in(here)
    assert UserSession.objects.get().last_seen_at == long_ago
    session = here.session
    session[SEEN_KEY] -= 61
    session.save()
    here.get("/account/", REMOTE_ADDR="203.0.113.99")
    seen = UserSession.objects.get()
    assert seen.last_seen_at > datetime.now(UTC) - timedelta(minutes=1)
    assert seen.ip == "203.0.113.99"


def test_the_account_page_costs_the_same_for_one_and_for_three(
    ana: User, django_assert_num_queries: Callable[..., object]
) -> None:
    here = opened()
    for count in (1, 3):
        with django_assert_num_queries(ACCOUNT_QUERIES):
            page = here.get("/account/").content.decode()
        assert page.count("/end/") == (count if count > 1 else 0)
        opened(IPHONE)
        opened(IPHONE)


ACCOUNT_QUERIES = 8


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox 140 on Windows"),
        (IPHONE, "Safari 18 on iPhone"),
        ("Mozilla/5.0 (X11; CrOS x86_64) Chrome/141.0 Safari/537.36", "Chrome 141 on ChromeOS"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Chrome/1 Edg/141.0", "Edge 141 on macOS"),
        ("curl/8", "curl/8"),
        ("", "Unknown browser"),
    ],
)
def test_browsers_in_words(agent: str, words: str) -> None:
    assert browser_in_words(agent) == words
