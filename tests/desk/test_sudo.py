"""Dangerous actions ask who it is once more, and lose nothing of what was typed."""

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Role, User
from apps.refunds.models import ApprovalPolicy, PayoutStatus
from tests.desk.conftest import World, open_payout
from tests.support.people import person, sign_in

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
LIMITS = {
    "agent_limit_cents": "100.00",
    "goodwill_limit_cents": "25.00",
    "staff_hold_minutes": "10",
    "api_hold_minutes": "0",
    "note": 'for "the" <sale>',
    "version": "",
}


@pytest.fixture(autouse=True)
def no_counts() -> Iterator[None]:
    """No try of another test counts."""
    for known in caches.all():
        known.clear()
    yield
    for known in caches.all():
        known.clear()


@pytest.fixture
def boss(store: object) -> User:
    """An administrator with a password."""
    user = person("boss", Role.ADMINISTRATOR)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def stale(boss: User) -> Client:
    """Where the administrator signed in sixteen minutes ago."""
    browser = Client()
    sign_in(browser, boss, seconds_ago=16 * 60)
    return browser


def test_what_was_typed_comes_back_and_is_saved_with_the_proof(stale: Client) -> None:
    url = reverse("desk:approval-policy")
    asked = stale.post(url, LIMITS)
    page = asked.content.decode()
    assert asked.status_code == 403
    assert "Confirm that it is you" in page
    assert not ApprovalPolicy.objects.exists()
    hidden = '<input type="hidden" name="note" value="for &quot;the&quot; &lt;sale&gt;">'
    assert hidden in page
    answer = stale.post(url, {**LIMITS, "sudo_asked_by": "POST", "sudo_password": PASSWORD})
    assert answer.status_code == 302
    saved = ApprovalPolicy.objects.get()
    assert (saved.agent_limit_cents, saved.note) == (10000, 'for "the" <sale>')
    again = {**LIMITS, "agent_limit_cents": "90.00", "version": saved.pk}
    assert stale.post(url, again).status_code == 302
    assert ApprovalPolicy.objects.count() == 2


def test_a_wrong_password_changes_nothing_and_is_not_shown(stale: Client) -> None:
    url = reverse("desk:approval-policy")
    answer = stale.post(url, {**LIMITS, "sudo_asked_by": "POST", "sudo_password": "wr0ng-one"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "That is not your password." in page
    assert 'name="agent_limit_cents" value="100.00"' in page
    assert "wr0ng-one" not in page
    assert not ApprovalPolicy.objects.exists()


def test_guessing_has_a_limit(stale: Client, settings: object) -> None:
    settings.SIGN_IN_TRIES_PER_NAME = 2
    said = {**LIMITS, "sudo_asked_by": "POST"}
    url = reverse("desk:approval-policy")
    for _ in range(2):
        assert stale.post(url, {**said, "sudo_password": "wrong"}).status_code == 422
    answer = stale.post(url, {**said, "sudo_password": PASSWORD})
    assert (answer.status_code, answer.has_header("Retry-After")) == (429, True)
    assert not ApprovalPolicy.objects.exists()


def test_who_may_not_is_refused_before_being_asked(store: object) -> None:
    browser = Client()
    sign_in(browser, person("ana", Role.LEAD), seconds_ago=3600)
    answer = browser.post(reverse("desk:approval-policy"), LIMITS)
    assert answer.status_code == 403
    assert "Confirm that it is you" not in answer.content.decode()


def test_a_form_that_cannot_be_saved_is_told_so_first(stale: Client) -> None:
    answer = stale.post(reverse("desk:approval-policy"), {**LIMITS, "note": ""})
    assert answer.status_code == 422
    assert "Confirm that it is you" not in answer.content.decode()


def test_a_forged_form_asks_nothing(boss: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    sign_in(strict, boss, seconds_ago=3600)
    said = {**LIMITS, "sudo_asked_by": "POST", "sudo_password": PASSWORD}
    answer = strict.post(reverse("desk:approval-policy"), said)
    assert answer.status_code == 403
    assert "This form is out of date" in answer.content.decode()


def test_the_time_can_be_set(stale: Client, settings: object) -> None:
    settings.SUDO_MINUTES = 17
    assert stale.post(reverse("desk:approval-policy"), LIMITS).status_code == 302


def test_a_payment_made_by_hand_needs_it(world: World, stale: Client) -> None:
    payout = open_payout(world.refund, status="pending", gateway="manual")
    url = reverse("desk:payout", args=[world.refund.identifier, payout.pk])
    said = {"outcome": "paid", "paid-reference": "BANK-1"}
    assert "Confirm that it is you" in stale.post(url, said).content.decode()
    payout.refresh_from_db()
    assert payout.status == PayoutStatus.PENDING
    proof = {"sudo_asked_by": "POST", "sudo_password": PASSWORD}
    assert stale.post(url, {**said, **proof}).status_code == 302
    payout.refresh_from_db()
    assert (payout.status, payout.gateway_reference) == (PayoutStatus.PAID, "BANK-1")


def test_a_page_that_was_asked_for_opens_after_the_proof(stale: Client, boss: User) -> None:
    User.objects.filter(pk=boss.pk).update(is_staff=True, is_superuser=True)
    url = "/admin/accounts/user/?q=boss"
    asked = stale.get(url)
    assert asked.status_code == 200
    page = asked.content.decode()
    assert "Opening the configuration" in page
    assert f'action="{url}"' in page
    proof = {"sudo_asked_by": "GET", "sudo_password": PASSWORD}
    answer = stale.post(url, proof)
    assert answer["Location"] == url
    assert "Select user to change" in stale.get(url).content.decode()


def test_a_form_of_the_configuration_is_kept_too(stale: Client, boss: User, store: object) -> None:
    User.objects.filter(pk=boss.pk).update(is_staff=True, is_superuser=True)
    url = reverse("admin:auth_group_add")
    asked = stale.post(url, {"name": "Auditors"})
    assert (asked.status_code, 'value="Auditors"' in asked.content.decode()) == (403, True)
    proof = {"sudo_asked_by": "POST", "sudo_password": PASSWORD}
    assert stale.post(url, {"name": "Auditors", **proof}).status_code == 302
