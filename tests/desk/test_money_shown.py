"""What the pages say of a return's money: what is paid, what still comes, what does not and why."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.common import clock
from apps.desk.words import clock_text, local_text
from apps.refunds.models import Refund, RefundPolicy
from apps.refunds.policy_changes import set_policy
from apps.refunds.policy_edits import PolicyValues
from apps.refunds.types import Policy
from apps.stores.models import Store
from tests.desk.conftest import deliver, exchange, take, work_off
from tests.desk.test_cases import text_of
from tests.support import builders
from tests.support.exchange_requests import gift_card, item

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]


def split(shopper: int, optoro: int, **changes: Any) -> dict[str, Any]:
    """A unit of which Optoro settles a part."""
    figures = {
        "estimated_refund_amount_cents": shopper + optoro,
        "optoro_refund_amount_cents": optoro,
        "shopper_refund_amount_cents": shopper,
    }
    return builders.unit(refund_financials=figures, **changes)


def say(store: Store, **values: Any) -> None:
    """Puts a policy in force for every brand."""
    said = PolicyValues.of(Policy("default", **values))
    version = RefundPolicy(store=store, concept="", **said.to_content())
    set_policy(version=version, user_id=User.objects.get(username="ana").pk)


def returned(store: Store, *units: dict[str, Any], order: str = "ORD-1", **rma: Any) -> None:
    """An order and its return, worked off."""
    take(store, identifier=order)
    deliver(store, builders.rma(units=list(units), **rma))
    work_off()


def shown(browser: Client, url: str = "/returns/RMA-1/") -> str:
    answer = browser.get(url)
    assert answer.status_code == 200, url
    return text_of(answer.content)


def refund_url(name: str = "refund") -> str:
    return reverse(f"desk:{name}", args=[Refund.objects.get().identifier])


# --- The return page --------------------------------------------------------------------------


def test_what_is_paid_comes_first_and_what_is_not_has_its_reason(
    store: Store, lead: Client
) -> None:
    say(store, charges_return_shipping=True)
    lost = builders.unit(package_tracking_status="FAILURE", tracking_number="T")
    sent = builders.unit(package_tracking_status="TRANSIT", tracking_number="S")
    returned(store, sent, lost, return_shipping_cost_cents=700)
    text = shown(lead)
    assert "Paid to the shopper $123.56 in 1 refund" in text
    assert "Still to come" not in text
    assert (
        "Not refunded $137.56 $130.56 1 unit: a person decides: the parcel failed "
        "$7.00 return shipping kept back" in text
    )
    assert "Optoro estimates $261.12 to the shopper; 2 units worth $261.12" in text


def test_what_is_decided_and_what_waits_is_still_to_come(store: Store, lead: Client) -> None:
    store.refund_trigger = "manual"
    store.save()
    sent = builders.unit(package_tracking_status="TRANSIT", tracking_number="S")
    returned(store, sent, builders.unit())
    text = shown(lead)
    assert "Paid to the shopper $0.00 nothing yet" in text
    assert "Still to come $130.56 decided, not paid 1 unit not decided: $130.56" in text
    assert "Not refunded $" not in text


def test_a_canceled_return_promises_nothing(store: Store, lead: Client) -> None:
    returned(store, builders.unit(), status="CANCELED")
    text = shown(lead)
    assert "Paid to the shopper $0.00 nothing Not refunded $130.56 1 unit: the RMA is c" in text
    assert "There will be no refund: the return is canceled." in text
    assert "waits for" not in text
    assert "Still to come" not in text


def test_figures_that_changed_after_the_decision_are_told(store: Store, lead: Client) -> None:
    kind = {"refund_type": "STANDARD_EXCHANGE"}
    returned(store, split(0, 13056, **kind), tracking="TRANSIT")
    deliver(store, builders.rma(units=[builders.unit()], tracking="TRANSIT", minute=1))
    work_off()
    text = shown(lead)
    assert "Not refunded $130.56 Optoro’s figures changed after it was decided" in text
    assert "Exchange became a refund: 1 unit" in text
    assert "Exchange became a refund: 1 unit" in text_of(lead.get("/").content)


# --- Store credit and settled exchanges -------------------------------------------------------


def test_store_credit_goes_out_as_a_gift_card(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-1")
    exchange(store, items=[gift_card(product_amount_cents=17525, bonus_credit_amount_cents=1752)])
    unit = builders.unit(
        refund_type="INSTANT_STORE_CREDIT", exchange_order_identifier="ORD-1-X", cents=13056
    )
    deliver(store, builders.rma(units=[unit], tracking="TRANSIT"))
    work_off()
    text = shown(lead)
    assert "Paid to the shopper $0.00" in text
    assert "Store credit $192.77 $175.25 + $17.52 bonus, gift card with ORD-1-X" in text
    sentence = "as a gift card with exchange order ORD-1-X ($175.25 + $17.52 bonus = $192.77)"
    assert f"It goes out {sentence}" in text
    page = lead.get(refund_url()).content.decode()
    assert f"It goes out {sentence}" in text_of(page)
    assert '<a href="/exchanges/ORD-1-X/">ORD-1-X</a>' in page
    assert '<span class="pill good">Store credit</span>' in page
    assert ">Paid</span>" not in page
    assert "To the shopper $130.56 as store credit" in text_of(page)
    take(store, identifier="ORD-1-X", status="Shipped")
    assert f"It went out {sentence}" in shown(lead)
    take(store, identifier="ORD-1-X", status="Canceled", updated_at="2026-02-01T00:00:00Z")
    text = shown(lead)
    assert f"It was to go out {sentence}, which is canceled" in text
    assert "gift card with ORD-1-X , canceled" in text


def test_a_settled_exchange_is_not_called_paid(store: Store, lead: Client) -> None:
    returned(store, split(0, 13056, refund_type="STANDARD_EXCHANGE"), tracking="TRANSIT")
    refund = Refund.objects.get()
    assert refund.status == "paid"
    for url in (refund_url(), "/refunds/", "/returns/", "/returns/RMA-1/", "/orders/ORD-1/"):
        page = lead.get(url).content.decode()
        assert '<span class="pill good">Settled</span>' in page, url
        assert '<span class="pill good">Paid</span>' not in page, url
    text = text_of(lead.get(refund_url()).content)
    assert "$130.56 To the shopper $0.00" in text
    assert "no money to move" in text


# --- Delays and decisions ---------------------------------------------------------------------


def test_a_delay_is_told_with_its_end(store: Store, lead: Client) -> None:
    say(store, payment_delay=timedelta(minutes=60))
    returned(store, builders.unit(), tracking="TRANSIT")
    refund = Refund.objects.get()
    assert refund.status == "approved"
    assert refund.payment_due_at
    with timezone.override("UTC"):
        due = clock_text(refund.payment_due_at)
    told = f"Will be paid at {due} (policy delay); can be canceled until then."
    assert told in text_of(lead.get(refund_url()).content)
    assert told in text_of(lead.get(refund_url("refund-cancel")).content)
    assert f"Approved · due {due}" in text_of(lead.get("/refunds/").content)
    assert f"Still to come $130.56 decided, will be paid at {due}" in shown(lead)
    again = lead.get(refund_url("refund-approve"), follow=True).content.decode()
    assert f"Already approved; it will be paid at {due}." in again
    assert "about to be paid" not in lead.get("/").content.decode()
    Refund.objects.update(payment_due_at=clock.in_seconds(-1))
    assert "Approved, not paid yet." in text_of(lead.get(refund_url()).content)


def test_approving_under_a_delay_says_when_it_is_paid(store: Store, lead: Client) -> None:
    say(store, payment_delay=timedelta(minutes=60), triggers=(("mail-back", "manual"),))
    returned(store, builders.unit(), tracking="TRANSIT")
    text = text_of(lead.get(refund_url("refund-approve")).content)
    assert "60 minutes after the approval (policy delay); can be canceled until then." in text
    assert "usually within seconds" not in text
    page = lead.post(refund_url("refund-approve"), follow=True).content.decode()
    assert "Approved. Will be paid at" in page
    assert "by the next free worker" not in page


def test_canceling_names_the_whole_refund_and_its_parts(store: Store, lead: Client) -> None:
    store.refund_trigger = "manual"
    store.save()
    unit = split(6500, 6556, refund_type="UNEVEN_EXCHANGE")
    returned(store, unit, tracking="TRANSIT")
    text = text_of(lead.get(refund_url("refund-cancel")).content)
    assert "Whole refund $130.56 Of it, to the shopper $65.00 Settled with Optoro $65.56" in text
    assert "Cancel the whole refund of $130.56" in text
    assert "nothing is settled with Optoro" in text
    text = text_of(lead.get(refund_url("refund-approve")).content)
    assert "To the shopper $65.00 Settled with Optoro $65.56 Whole refund $130.56" in text
    assert "Approve and pay $65.00" in text
    assert "Uneven exchange" in shown(lead)


# --- Exchange orders --------------------------------------------------------------------------


def test_an_exchange_order_took_no_payment(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-1")
    exchange(store, items=[item(quantity=4)])
    returned(store, builders.unit("ORD-1-X"), order="ORD-1-X", tracking="TRANSIT")
    text = shown(lead, "/orders/ORD-1-X/")
    assert "Paid by exchange of ORD-1 , which took the payment" in text
    assert "not gone back" not in text
    page = lead.get("/orders/ORD-1/").content.decode()
    assert "Captured $522.24 $391.68 not gone back" in text_of(page)
    assert "less $0.00 for its own goods and $130.56 for exchanged goods" in text_of(page)
    refund = Refund.objects.get()
    others = page.split('id="h-others"')[1]
    assert refund.identifier in others
    assert 'href="/orders/ORD-1-X/"' in others
    assert "$130.56" in others


def test_a_canceled_exchange_order_says_so(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-1")
    exchange(store)
    line = builders.line(quantity_shipped=0, quantity_canceled=4)
    take(store, identifier="ORD-1-X", lines=[line], status="Canceled")
    text = shown(lead, "/exchanges/ORD-1-X/")
    assert "Canceled: nothing was shipped, last told" in text
    assert "0 of 0" not in text


# --- The list of returns ----------------------------------------------------------------------


def test_returns_are_narrowed_by_kind_and_brand(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-1", concept="North")
    take(store, identifier="ORD-2")
    exchanged = split(0, 13056, refund_type="INSTANT_EXCHANGE")
    deliver(store, builders.rma("RMA-1", units=[builders.unit(), exchanged]))
    credit = builders.unit("ORD-2", refund_type="INSTANT_STORE_CREDIT")
    deliver(store, builders.rma("RMA-2", units=[credit], concept="South"))
    work_off()

    def found(query: str) -> set[str]:
        page = lead.get(f"/returns/?{query}").content.decode()
        return {name for name in ("RMA-1", "RMA-2") if f'href="/returns/{name}/?list=' in page}

    assert found("") == {"RMA-1", "RMA-2"}
    assert found("refund_type=REFUND") == {"RMA-1"}
    assert found("refund_type=INSTANT_EXCHANGE") == {"RMA-1"}
    assert found("refund_type=INSTANT_STORE_CREDIT") == {"RMA-2"}
    assert found("refund_type=UNEVEN_EXCHANGE") == set()
    assert found("brand=south") == {"RMA-2"}
    assert found("brand=North") == {"RMA-1"}
    assert found("brand=nor") == set()
    text = text_of(lead.get("/returns/").content)
    assert "Mail-back Mixed ORD-1" in text
    assert "Mail-back Store credit ORD-2" in text


def test_times_of_today_are_shown_alone(store: Store) -> None:
    now = clock.now()
    assert clock_text(now) == f"{timezone.localtime(now):%H:%M}"
    later = now + timedelta(days=2)
    assert clock_text(later) == local_text(later)
