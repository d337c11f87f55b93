"""Saying at the desk what became of a payment that nobody knows, or that a person has to make."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.common import clock
from apps.outbox.models import Job
from apps.refunds.models import Payout, Refund
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.desk.conftest import World, open_payout, work_off

pytestmark = pytest.mark.django_db

PAID = {"outcome": "paid", "paid-reference": "bank-77", "paid-looked_up": "on"}
NOT_PAID = {"outcome": "declined", "not_paid-note": "no trace of it", "not_paid-looked_up": "on"}


def text_of(answer: Any) -> str:
    content = answer.content.decode().split("<main")[-1].split("<footer")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", content)))


def url_of(payout: Payout) -> str:
    return f"/refunds/{payout.refund.identifier}/payments/{payout.pk}/"


@pytest.fixture
def unknown(world: World) -> Payout:
    """A payment of $261.12 that timed out."""
    return open_payout(world.refund)


def test_the_page_says_what_to_look_up(unknown: Payout, lead: Client) -> None:
    page = text_of(lead.get(url_of(unknown)))
    assert "Amount $261.12 Recipient The payment of order ORD-1" in page
    assert f"Key to look up {unknown.idempotency_key}" in page
    assert "Look the key up at the gateway, and say here only what you saw there." in page
    refund = lead.get(f"/refunds/{unknown.refund.identifier}/")
    assert f'href="{url_of(unknown)}"' in refund.content.decode()
    assert "Unknown for less than a minute ; the desk keeps asking with the same key." in (
        text_of(refund)
    )


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("created", "Nothing yet: it waits for the next free worker to make it"),
        ("calling", "Nothing yet: the gateway is being asked for it."),
        ("canceled", "Nothing: it was canceled, and no money moved."),
        ("paid", "Nothing: somebody, or the gateway, has said what became of it."),
        ("declined", "Nothing: somebody, or the gateway, has said what became of it."),
    ],
)
def test_what_there_is_to_do_where_nobody_has_to_say_anything(
    unknown: Payout, lead: Client, status: str, told: str
) -> None:
    Payout.objects.filter(pk=unknown.pk).update(status=status)
    page = text_of(lead.get(url_of(unknown)))
    assert f"What to do {told}" in page
    assert "It was not paid" not in page


def test_it_was_paid(unknown: Payout, lead: Client) -> None:
    told = text_of(lead.post(url_of(unknown), PAID, follow=True))
    assert "Written down: $261.12 was paid, reference bank-77." in told
    unknown.refresh_from_db()
    assert (unknown.status, unknown.gateway_reference) == ("paid", "bank-77")
    assert Refund.objects.get().status == "paid"
    assert Event.objects.get(kind="refund.paid").actor.username == "ana"
    again = text_of(lead.post(url_of(unknown), PAID, follow=True))
    assert "Written down: $261.12 was paid, reference bank-77." in again
    assert Event.objects.filter(kind="refund.paid").count() == 1
    other = text_of(lead.post(url_of(unknown), NOT_PAID, follow=True))
    assert "it is paid already, with reference 'bank-77'" in other
    assert Refund.objects.get().status == "paid"
    assert "Nothing: somebody, or the gateway, has said" in text_of(lead.get(url_of(unknown)))


def test_it_was_not_paid(unknown: Payout, lead: Client) -> None:
    told = text_of(lead.post(url_of(unknown), NOT_PAID, follow=True))
    assert "Written down: $261.12 was not paid." in told
    assert "Refund another way…" in told
    unknown.refresh_from_db()
    assert (unknown.status, unknown.error) == ("declined", "no trace of it")
    assert Refund.objects.get().status == "declined"
    work_off()
    assert Item.objects.filter(kind="refund_declined").count() == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({**PAID, "paid-reference": " "}, "Write the reference it has where it was paid."),
        ({**PAID, "paid-looked_up": ""}, "Look it up at the gateway by its key first."),
        ({**NOT_PAID, "not_paid-note": ""}, "Write how it is known that nothing was paid."),
        ({**NOT_PAID, "not_paid-looked_up": ""}, "Look it up at the gateway by its key first."),
        ({"outcome": "unknown"}, "What became of this payment?"),
    ],
)
def test_a_word_without_its_grounds_changes_nothing(
    values: dict[str, str], sentence: str, unknown: Payout, lead: Client
) -> None:
    answer = lead.post(url_of(unknown), {k: v for k, v in values.items() if v})
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    unknown.refresh_from_db()
    assert unknown.status == "unknown"


def test_what_a_person_has_to_pay_needs_no_gateway(world: World, lead: Client) -> None:
    payout = open_payout(world.refund, "pending", "manual")
    page = lead.get(url_of(payout))
    assert "Pay it by hand, the way this shopper can be paid" in text_of(page)
    assert "looked_up" not in page.content.decode()
    lead.post(url_of(payout), {"outcome": "paid", "paid-reference": "cheque 12"})
    payout.refresh_from_db()
    assert (payout.status, payout.gateway_reference) == ("paid", "cheque 12")


def test_an_unknown_payment_is_asked_for_again(unknown: Payout, lead: Client) -> None:
    url = f"/refunds/{unknown.refund.identifier}/"
    assert "Ask the gateway again" in text_of(lead.get(url))
    told = text_of(lead.post(f"{url}ask-gateway/", follow=True))
    assert f"The gateway is asked again now about refund {unknown.refund.identifier}" in told
    work_off()
    unknown.refresh_from_db()
    assert unknown.status == "paid"
    page = text_of(lead.get(url))
    assert "Ask the gateway again" not in page
    again = text_of(lead.post(f"{url}ask-gateway/", follow=True))
    assert f"No payment of refund {unknown.refund.identifier} is open any more." in again


def test_a_stuck_payment_is_queued_again(world: World, lead: Client) -> None:
    url = f"/refunds/{world.refund.identifier}/"
    lead.post(f"{url}approve/")
    Job.objects.filter(topic="refund.pay").update(state="done")
    assert "Queue its payment again" not in text_of(lead.get(url))
    Refund.objects.update(approved_at=clock.in_seconds(-300), payment_due_at=None)
    assert "Queue its payment again" in text_of(lead.get(url))
    told = text_of(lead.post(f"{url}queue-payment/", follow=True))
    assert f"The payment of refund {world.refund.identifier} is queued again" in told
    work_off()
    assert Refund.objects.get().status == "paid"
    again = text_of(lead.post(f"{url}queue-payment/", follow=True))
    assert f"Nothing of refund {world.refund.identifier} is left to pay." in again


def test_what_is_paid_by_hand_is_said_on_the_refund_page(world: World, lead: Client) -> None:
    payout = open_payout(world.refund, "pending", "manual")
    page = lead.get(f"/refunds/{world.refund.identifier}/").content.decode()
    assert f'class="by-hand" method="post" action="{url_of(payout)}"' in page
    assert 'name="paid-reference"' in page


def test_a_payment_belongs_to_its_refund_and_store(
    unknown: Payout, other_store: Store, lead: Client, person: Callable[..., Client]
) -> None:
    assert lead.get(f"/refunds/RD-NONE/payments/{unknown.pk}/").status_code == 404
    assert lead.get(f"/refunds/{unknown.refund.identifier}/payments/99999/").status_code == 404
    neighbor = person((other_store, Role.ADMINISTRATOR), name="cy")
    assert neighbor.post(url_of(unknown), PAID).status_code == 404
    unknown.refresh_from_db()
    assert unknown.status == "unknown"


@pytest.mark.parametrize("role", list(Role))
def test_who_may_say_it(
    role: Role, unknown: Payout, world: World, person: Callable[..., Client]
) -> None:
    browser = person((world.store, role), name="bo")
    is_given = role in (Role.LEAD, Role.FINANCE, Role.ADMINISTRATOR)
    page = browser.get(f"/refunds/{unknown.refund.identifier}/").content.decode()
    assert (url_of(unknown) in page) is is_given
    assert browser.post(url_of(unknown), PAID).status_code == (302 if is_given else 403)
    unknown.refresh_from_db()
    assert unknown.status == ("paid" if is_given else "unknown")
