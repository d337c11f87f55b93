"""The desk never calls money gone that waits, and says before a click what would follow from it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.common import clock
from apps.outbox.models import Job
from apps.refunds.models import ApprovalPolicy, Payout, Refund
from apps.stores.models import Store
from tests.desk.conftest import World, deliver, take, work_off
from tests.desk.test_making import NEW, chosen, hidden_in, make, payments, text_of, typed
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(store: Store, optoro: FakeOptoro) -> Any:
    """ORD-1: four shirts for $522.24, paid with a gift card of $100.00 and by card."""
    return take(store, identifier="ORD-1", transactions=payments())


def preview(browser: Client, values: dict[str, str], url: str = NEW) -> str:
    answer = browser.post(url, {**values, "step": "preview"})
    assert answer.status_code == 200, text_of(answer)
    return text_of(answer)


def rules(store: Store, **values: Any) -> None:
    said = {"goodwill_limit_cents": 5000, "staff_hold_minutes": 10, "api_hold_minutes": 0, **values}
    ApprovalPolicy.objects.create(store=store, **said)


def page_of(refund: Refund, name: str = "") -> str:
    return f"/refunds/{refund.identifier}/{name}"


# --- What is gone and what only waits ---------------------------------------------------------


def test_money_that_waits_is_not_called_refunded(order: Any, lead: Client) -> None:
    make(lead, typed(order, "2"))
    row = text_of(lead.get("/orders/"))
    assert "$522.24 $261.12 waits" in row
    page = text_of(lead.get("/orders/ORD-1/"))
    assert "Captured $522.24 $522.24 not gone back, $261.12 of it waits" in page
    assert "Refunded $0.00 $261.12 waits" in page
    Refund.objects.update(payment_due_at=clock.now())
    Job.objects.update(not_before=clock.now())
    work_off()
    page = text_of(lead.get("/orders/ORD-1/"))
    assert "Captured $522.24 $261.12 not gone back" in page
    assert "Refunded $261.12 nothing under way" in page
    assert "waits" not in text_of(lead.get("/orders/"))


def test_what_of_a_refund_is_paid_counts_before_the_rest(order: Any, lead: Client) -> None:
    make(lead, typed(order, "2"))
    Refund.objects.update(status="paying")
    Payout.objects.filter(amount_cents=10000).update(status="paid")
    page = text_of(lead.get("/orders/ORD-1/"))
    assert "Captured $522.24 $422.24 not gone back, $161.12 of it under way" in page
    assert "Refunded $100.00 $161.12 under way" in page
    assert "$522.24 $100.00 $161.12 under way" in text_of(lead.get("/orders/"))


def test_what_can_be_refunded_ends_with_the_units_and_the_payment(order: Any, lead: Client) -> None:
    make(lead, typed(order, "3", "30.00"))
    page = text_of(lead.get("/orders/ORD-1/"))
    assert "Refundable $130.56 shipped, not refunded" in page
    assert "Goods of the order shipped, not refunded $130.56" in text_of(lead.get(NEW))
    rules(order.store, goodwill_limit_cents=60000)
    make(lead, typed(order, goodwill="400.00"))
    page = text_of(lead.get("/orders/ORD-1/"))
    assert "Refundable $92.24 shipped, not refunded" in page
    form = text_of(lead.get(NEW))
    assert "Goods of the order shipped, not refunded $92.24" in form
    assert "$92.24 at most: no more can go back to the payments" in form
    make(lead, typed(order, goodwill="92.24"))
    assert "Nothing can go back to the payments any more, so no goodwill either" in text_of(
        lead.get(NEW)
    )


# --- Before the click -------------------------------------------------------------------------


def test_the_same_amount_again_is_pointed_out(
    order: Any, store: Store, lead: Client, person: Callable[..., Client]
) -> None:
    assert "of the same amount" not in preview(lead, typed(order, "1"))
    make(lead, typed(order, "1"))
    refund = Refund.objects.get()
    Refund.objects.update(created_at=clock.in_seconds(-120))
    answer = lead.post(NEW, {**typed(order, "1"), "step": "preview"})
    warning = (
        f"You made {refund.identifier} of the same amount 2 minutes ago: this would be another"
    )
    assert warning in text_of(answer)
    assert "Refund $130.56 once more" in text_of(answer)
    assert f'<a href="{page_of(refund)}">{refund.identifier}</a>' in answer.content.decode()
    assert "of the same amount" not in preview(lead, typed(order, "2"))
    assert "once more" not in preview(lead, typed(order, "2"))
    other = person((store, Role.LEAD), name="cy")
    assert "of the same amount" not in preview(other, typed(order, "1"))
    Refund.objects.update(created_at=clock.in_seconds(-16 * 60))
    assert "of the same amount" not in preview(lead, typed(order, "1"))


def test_a_payment_by_hand_is_told(order: Any, store: Store, lead: Client) -> None:
    assert "by hand" not in preview(lead, typed(order, "1"))
    store.payment_gateway = "manual"
    store.save()
    page = preview(lead, typed(order, "1"))
    assert "until then you can take it back. A person pays it by hand and says so." in page
    told = text_of(make(lead, typed(order, "1")))
    assert "Made. A person pays it by hand and says so, from " in told
    rules(store, staff_hold_minutes=0)
    page = preview(lead, typed(order, "1", "20"))
    assert "When At once; it can hardly be taken back. A person pays it by hand" in page
    told = text_of(make(lead, typed(order, "1", "20")))
    assert "Made. A person pays $20.00 by hand and says so." in told


def test_a_part_of_a_unit_takes_the_whole_unit(order: Any, lead: Client) -> None:
    warning = (
        "the whole unit counts as refunded; the rest of it cannot be refunded later except as "
        "goodwill"
    )
    assert warning in preview(lead, typed(order, "1", "50"))
    assert "counts as refunded" not in preview(lead, typed(order, "1"))
    assert "counts as refunded" not in preview(lead, typed(order, "1", "130.56"))
    assert "all 2 units count as refunded" in preview(lead, typed(order, "2", "50"))


def test_who_needs_approval_asks_for_it(
    order: Any, store: Store, person: Callable[..., Client]
) -> None:
    rules(store, agent_limit_cents=5000)
    agent = person((store, Role.AGENT), name="bo")
    assert "Ask for approval of $130.56" in preview(agent, typed(order, "1"))
    assert "Refund $50.00 Change it" in preview(agent, typed(order, "1", "50"))


def test_a_used_confirmation_names_its_refund(order: Any, lead: Client) -> None:
    shown = hidden_in(lead.post(NEW, {**typed(order, "1"), "step": "preview"}))
    lead.post(NEW, {**shown, "step": "make"})
    refund = Refund.objects.get()
    answer = lead.post(NEW, {**shown, "reason": "Late delivery", "step": "make"})
    assert answer.status_code == 422
    told = f"This confirmation was used for another refund ({refund.identifier}). Start again."
    assert told in text_of(answer)
    assert Refund.objects.count() == 1


# --- Approving and rejecting ------------------------------------------------------------------


def test_the_approve_page_says_who_and_which_payments(
    order: Any, store: Store, lead: Client, person: Callable[..., Client]
) -> None:
    rules(store, agent_limit_cents=5000)
    agent = person((store, Role.AGENT), name="bo")
    make(agent, typed(order, "2", note="a photo came"))
    refund = Refund.objects.get()
    page = text_of(lead.get(page_of(refund, "approve/")))
    assert "Made by bo: Arrived damaged a photo came" in page
    assert (
        "$100.00 back to gift card T-GIFT $161.12 back to credit card T-CARD as of now; it may "
        "change until the approval"
    ) in page
    reject = f"{page_of(refund, 'cancel/')}?reject=yes"
    assert f'href="{reject}"' in lead.get(page_of(refund, "approve/")).content.decode()
    assert f'href="{reject}&amp;queue=yes"' in lead.get("/approvals/").content.decode()
    assert "Decline this refund?" in text_of(lead.get(reject))
    assert "Decline the whole refund of $261.12" in text_of(lead.get(reject))
    lead.post(reject, {"reason": "no photo"})
    assert Refund.objects.get().status == "canceled"


def test_a_canceled_refund_was_never_reported(order: Any, lead: Client) -> None:
    make(lead, typed(order, "1"))
    refund = Refund.objects.get()
    page = text_of(lead.get(page_of(refund)))
    assert "Total to be reported to Optoro $130.56" in page
    assert "Payment Not before" in page
    lead.post(page_of(refund, "take-back/"))
    page = text_of(lead.get(page_of(refund)))
    assert "Total would have been reported $130.56" in page
    assert "= Refund would have been reported $130.56" in page
    assert "reported to Optoro" not in page
    assert "Not before" not in page


# --- Returns ----------------------------------------------------------------------------------


def test_an_amount_that_a_person_chose_is_called_so(order: Any, store: Store, lead: Client) -> None:
    deliver(store, builders.rma(units=[builders.unit()]))
    work_off()
    values = chosen(1, amounts={1: "50.00"}, amount_reason="a stain")
    make(lead, values, f"{NEW}?rma=RMA-1")
    page = text_of(lead.get("/returns/RMA-1/"))
    assert "Not refunded $80.56 a person chose $50.00" in page
    assert "figures changed" not in page
    refund = Refund.objects.get()
    assert f"{refund.identifier} Approved · due" in page
    assert "$50.00 Reason:" in page


def test_while_a_cancellation_is_asked_for_nothing_is_refunded(
    order: Any, store: Store, lead: Client, person: Callable[..., Client]
) -> None:
    deliver(store, builders.rma(units=[builders.unit()]))
    work_off()
    lead.post("/returns/RMA-1/cancel/", {"reason": "called"})
    page = text_of(lead.get("/returns/RMA-1/"))
    assert "Nothing is refunded while its cancellation is asked for." in page
    assert "There will be no refund" not in page
    item = Item.objects.get(kind="cancellation_waits")
    url = f"/attention/{item.pk}/"
    assert ">Withdraw the request… <kbd" in lead.get(url).content.decode()
    finance = person((store, Role.FINANCE), name="fi").get(url).content.decode()
    assert "Canceling returns needs one of these roles: Agent, Lead, Admin" in finance
    assert ">Withdraw the request… <kbd" not in finance
    assert ">Withdraw the request…</button>" in finance


# --- Home and jobs ----------------------------------------------------------------------------


def test_home_counts_no_proposal_as_decided(world: World, lead: Client) -> None:
    assert "Refunds decided today 0" in text_of(lead.get("/"))
    assert world.refund.identifier not in text_of(lead.get("/refunds/?decided=today"))
    lead.post(page_of(world.refund, "approve/"))
    assert "Refunds decided today 1 $261.12" in text_of(lead.get("/"))
    assert world.refund.identifier in text_of(lead.get("/refunds/?decided=today"))


def test_jobs_older_than_the_refund_are_none_of_its_own(order: Any, lead: Client) -> None:
    work_off()
    old = Job.objects.get(topic="order.snapshot")
    make(lead, typed(order, "1"))
    refund = Refund.objects.get()
    page = lead.get(page_of(refund))
    assert "Outbound: its payment, and snapshots of its order" in text_of(page)
    assert f"Job {old.pk}<" not in page.content.decode()
    Job.objects.filter(pk=old.pk).update(created_at=clock.in_seconds(1))
    assert f"Job {old.pk}<" in lead.get(page_of(refund)).content.decode()


def test_the_approver_is_told_that_a_person_pays(
    order: Any, store: Store, lead: Client, person: Callable[..., Client]
) -> None:
    rules(store, agent_limit_cents=5000, staff_hold_minutes=0)
    make(person((store, Role.AGENT), name="bo"), typed(order, "1"))
    refund = Refund.objects.get()
    page = text_of(lead.get(page_of(refund, "approve/")))
    assert "When At once after the approval; it can hardly be taken back. Recipient" in page
    store.payment_gateway = "manual"
    store.save()
    page = text_of(lead.get(page_of(refund, "approve/")))
    assert "it can hardly be taken back. A person pays it by hand and says so. Recipient" in page
    assert "Once that is asked for, it can hardly be taken back." in page
    told = text_of(lead.post(page_of(refund, "approve/"), follow=True))
    assert "Approved. A person pays $130.56 by hand and says so." in told


def test_payments_declined_again_and_again_are_one_thing_to_look_at(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    order = take(store, identifier="ORD-1-DECLINE")
    rules(store, staff_hold_minutes=0)
    names = []
    for _ in range(2):
        make(lead, typed(order, "1"), "/refunds/new/ORD-1-DECLINE/")
        work_off()
        refund = Refund.objects.latest("pk")
        assert refund.status == "declined"
        names.append(refund.identifier)
    item = Item.objects.get(kind="refund_declined")
    assert item.subject == names[1]
    counted, newest, oldest = item.detail.splitlines()
    assert counted == "2 times, newest first:"
    assert newest.startswith(f"$130.56 of refund {names[1]}: ")
    assert oldest.startswith(f"$130.56 of refund {names[0]}: ")
    page = text_of(lead.get(f"/attention/{item.pk}/"))
    assert f"Why 2 times, newest first: $130.56 of refund {names[1]}" in page
