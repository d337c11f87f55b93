"""A refund policy counts from its own moment on, per brand, and never pays a backlog by itself."""

from datetime import timedelta

import pytest
import time_machine

from apps.common import clock
from apps.outbox.models import Job
from apps.outbox.runner import run_due
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.refunds.policies import policy_book
from apps.refunds.policy_changes import (
    open_returns_under_older_policies,
    renew_policy_of_open_returns,
)
from apps.stores.models import Store
from tests.support import builders

pytestmark = pytest.mark.django_db


def paid():
    return list(SimulatedPayment.objects.order_by("pk").values_list("amount_cents", flat=True))


def scanned(identifier="RMA-1", tracking="TRANSIT", **changes):
    return builders.rma(identifier, units=[builders.unit()], tracking=tracking, **changes)


def test_a_more_generous_policy_does_not_pay_what_came_before(
    change, store, lead, send_order, send_rma, drain
):
    change(mail_back_trigger="receipt")
    send_order(builders.order())
    send_rma(scanned())
    drain()
    assert paid() == []
    change(mail_back_trigger="default")
    send_order(builders.order(updated_at="2026-01-24T00:00:00Z"))  # looks at the RMA again
    drain()
    assert paid() == []
    assert open_returns_under_older_policies(store_id=store.pk).count() == 1
    send_rma(scanned("RMA-2"))
    drain()
    assert paid() == [13056]
    assert renew_policy_of_open_returns(store_id=store.pk, concept="", user_id=lead.pk) == 1
    drain()
    assert paid() == [13056, 13056]
    assert renew_policy_of_open_returns(store_id=store.pk, concept="", user_id=lead.pk) == 0
    drain()
    assert paid() == [13056, 13056]


def test_the_next_event_of_a_unit_is_judged_by_the_new_policy(change, send_order, send_rma, drain):
    change(mail_back_trigger="receipt")
    send_order(builders.order())
    send_rma(scanned())
    drain()
    change(mail_back_trigger="default")
    send_rma(scanned(tracking="DELIVERED", minute=5))
    drain()
    assert paid() == [13056]


def test_a_late_message_that_changes_nothing_is_no_event(change, send_order, send_rma, drain):
    change(mail_back_trigger="receipt")
    send_order(builders.order())
    send_rma(scanned(minute=9))
    drain()
    change(mail_back_trigger="default")
    send_rma(scanned(minute=1, tracking="PRE_TRANSIT"))
    drain()
    assert paid() == []


def test_a_stricter_policy_does_not_undo_what_was_decided(
    change, store, send_order, send_rma, drain
):
    change(payment_delay_minutes=60)
    send_order(builders.order())
    send_rma(scanned())
    drain()
    [refund] = Refund.objects.all()
    assert (refund.status, paid()) == ("approved", [])
    change(mail_back_trigger="receipt")
    send_rma(scanned(tracking="DELIVERED", minute=5))
    drain()
    with time_machine.travel(clock.now() + timedelta(minutes=61), tick=True):
        run_due()
    refund.refresh_from_db()
    assert (refund.status, paid()) == ("paid", [13056])


def test_the_delay_holds_the_payment_and_it_can_be_stopped_meanwhile(
    change, send_order, send_rma, drain
):
    change(payment_delay_minutes=90)
    send_order(builders.order())
    send_rma(scanned())
    drain()
    [refund] = Refund.objects.all()
    assert refund.payment_due_at - refund.approved_at == timedelta(minutes=90)
    assert Job.objects.get(topic="refund.pay").not_before == refund.payment_due_at
    with time_machine.travel(refund.payment_due_at - timedelta(minutes=1), tick=True):
        run_due()
    assert paid() == []
    send_rma(scanned(status="CANCELED", minute=5))
    drain()
    with time_machine.travel(refund.payment_due_at + timedelta(minutes=1), tick=True):
        run_due()
    refund.refresh_from_db()
    assert (refund.status, paid()) == ("canceled", [])


def test_a_brand_has_its_own_policy(change, send_order, send_rma, drain):
    change(mail_back_trigger="receipt")
    change("Modrno", mail_back_trigger="default")
    send_order(builders.order())
    send_order(builders.order("ORD-2", concept="Modrno"))
    send_rma(scanned("RMA-1", concept="Classic"))
    send_rma(scanned("RMA-2", concept="Modrno"))
    of_brand_by_order = [builders.unit("ORD-2")]
    send_rma(builders.rma("RMA-3", units=of_brand_by_order, tracking="TRANSIT"))
    drain()
    assert {refund.rma_identifier for refund in Refund.objects.all()} == {"RMA-2", "RMA-3"}


def test_each_method_has_its_own_trigger(change, send_order, send_rma, drain):
    change(mail_back_trigger="manual", express_returns_trigger="receipt")
    send_order(builders.order())
    send_rma(scanned("RMA-1"))
    send_rma(scanned("RMA-2", return_method="express-returns"))
    send_rma(scanned("RMA-3", return_method="home-pickup"))
    drain()
    assert dict(Refund.objects.values_list("rma_identifier", "status")) == {
        "RMA-1": "proposed",
        "RMA-3": "paid",
    }


def test_open_returns_of_a_brand_are_found_by_its_own_policy(
    change, store, lead, send_order, send_rma, drain
):
    send_order(builders.order())
    send_order(builders.order("ORD-2", concept="Modrno"))
    send_rma(scanned("RMA-1", tracking="PRE_TRANSIT"))
    send_rma(scanned("RMA-2", tracking="PRE_TRANSIT", concept="Modrno"))
    send_rma(builders.rma("RMA-3", units=[builders.unit("ORD-2")], tracking="PRE_TRANSIT"))
    send_rma(scanned("RMA-4", status="CANCELED", concept="Modrno"))
    drain()

    def found(concept):
        rows = open_returns_under_older_policies(store_id=store.pk, concept=concept)
        return [rma.rma_identifier for rma in rows]

    assert (found(""), found("Modrno")) == ([], [])
    change()
    assert found("") == ["RMA-1", "RMA-2", "RMA-3"]
    change("Modrno")
    assert (found(""), found("Modrno")) == (["RMA-1"], ["RMA-2", "RMA-3"])
    assert renew_policy_of_open_returns(store_id=store.pk, concept="Modrno", user_id=lead.pk) == 2
    assert (found(""), found("Modrno")) == (["RMA-1"], [])


def test_without_policies_the_stores_settings_count(store):
    Store.objects.filter(pk=store.pk).update(refund_trigger="manual", charges_return_shipping=True)
    store.refresh_from_db()
    policy = policy_book(store).at("Modrno", clock.now())
    assert (policy.trigger_of("mail-back"), policy.charges_return_shipping) == ("manual", True)
    assert policy.automatic_conditions is None
    assert policy.policy_id is None
