"""A refund policy counts from its own moment on, per brand, and never pays a backlog by itself."""

from datetime import timedelta

import pytest
import time_machine

from apps.common import clock
from apps.outbox.models import Job
from apps.outbox.runner import run_due
from apps.payments.models import SimulatedPayment
from apps.refunds.backtest import renewal
from apps.refunds.models import Refund
from apps.refunds.policies import policy_book
from apps.refunds.policy_changes import (
    open_returns_under_older_policies,
    renew_policy_of_open_returns,
)
from apps.rmas.models import RmaUnit
from apps.stores.models import Store
from apps.timeline.models import Event
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


@pytest.mark.parametrize(
    "told",
    [
        {"upc": "4006381333931"},
        {"return_reason": "Too small"},
        {"sku": "sku-other"},
        {"secondary_identifier": "RO-1"},
        {"tracking_number": "1Z-OTHER"},
    ],
)
def test_what_no_policy_judges_is_no_event(change, send_order, send_rma, drain, told):
    change(mail_back_trigger="receipt")
    send_order(builders.order())
    send_rma(scanned())
    drain()
    change(mail_back_trigger="default")
    send_rma(builders.rma(units=[builders.unit(**told)], tracking="TRANSIT", minute=5))
    drain()
    assert paid() == []
    send_rma(builders.rma(units=[builders.unit(**told)], tracking="DELIVERED", minute=6))
    drain()
    assert paid() == [13056]


def test_units_that_only_change_places_are_the_same_units(change, send_order, send_rma, drain):
    def parcels(one, other, minute):
        units = [
            builders.unit(tracking_number="T1", package_tracking_status=one),
            builders.unit(tracking_number="T2", package_tracking_status=other),
        ]
        return builders.rma(units=units, minute=minute)

    change(mail_back_trigger="receipt")
    send_order(builders.order())
    send_rma(parcels("TRANSIT", "PRE_TRANSIT", 9))
    drain()
    change(mail_back_trigger="default")
    send_rma(parcels("PRE_TRANSIT", "TRANSIT", 1))  # late: it numbers them the other way round
    drain()
    numbers = list(RmaUnit.objects.order_by("ordinal").values_list("tracking_number", flat=True))
    assert (numbers, paid()) == (["T2", "T1"], [])
    send_rma(parcels("TRANSIT", "TRANSIT", 11))
    drain()
    assert paid() == [13056]


def test_another_return_method_is_an_event_of_all_units(change, send_order, send_rma, drain):
    change(customer_keep_trigger="default")
    send_order(builders.order())
    send_rma(scanned("RMA-1", tracking="PRE_TRANSIT"))
    send_rma(scanned("RMA-2", tracking="PRE_TRANSIT"))
    drain()
    send_rma(scanned("RMA-1", tracking="PRE_TRANSIT", return_method="customer-keep", minute=5))
    drain()
    assert paid() == [13056]
    change(customer_keep_trigger="manual")
    send_rma(scanned("RMA-2", tracking="PRE_TRANSIT", return_method="customer-keep", minute=5))
    drain()
    assert paid() == [13056]
    assert Refund.objects.get(rma_identifier="RMA-2").status == "proposed"


@pytest.mark.parametrize(("trigger", "expected"), [("default", [13056]), ("receipt", [])])
def test_the_end_of_the_wait_for_an_exchange_order_is_an_event(
    change, send_order, send_rma, drain, trigger, expected
):
    change(mail_back_trigger="receipt" if trigger == "default" else "default")
    send_order(builders.order())
    send_rma(scanned(status="PENDING_EXCHANGE"))
    drain()
    change(mail_back_trigger=trigger)
    send_rma(scanned(minute=5))
    drain()
    assert paid() == expected


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


@pytest.fixture
def mixed(send_order, send_rma, drain):
    """Returns a function that sends one RMA with a unit of each of these brands."""

    def send(*brands, tracking):
        for number, brand in enumerate(brands):
            send_order(builders.order(f"ORD-{number}", concept=brand))
        units = [builders.unit(f"ORD-{number}") for number in range(len(brands))]
        send_rma(builders.rma(units=units, tracking=tracking))
        drain()

    return send


def test_a_return_of_several_brands_is_found_for_each(change, store, mixed):
    change("Modrno")
    mixed("", "Modrno", tracking="PRE_TRANSIT")
    counts = {}
    for brand in ("", "Modrno"):
        change(brand)
        found = open_returns_under_older_policies(store_id=store.pk, concept=brand)
        counts[brand] = found.count()
    assert counts == {"": 1, "Modrno": 1}


def test_renewing_one_brand_leaves_the_others_in_the_same_return_alone(
    change, store, lead, mixed, drain
):
    change("A", mail_back_trigger="receipt")
    change("B", mail_back_trigger="receipt")
    mixed("A", "B", tracking="TRANSIT")
    change("A", mail_back_trigger="manual")
    change("B", mail_back_trigger="default")
    shown = renewal(store_id=store.pk, concept="A", book=policy_book(store))
    assert (shown.rmas, shown.units) == (1, 1)
    assert [found.unit.order_identifier for found in shown.differences] == ["ORD-0"]
    assert renew_policy_of_open_returns(store_id=store.pk, concept="A", user_id=lead.pk) == 1
    drain()
    assert paid() == []
    assert Refund.objects.get().order.identifier == "ORD-0"
    assert open_returns_under_older_policies(store_id=store.pk, concept="B").count() == 1
    assert renew_policy_of_open_returns(store_id=store.pk, concept="B", user_id=lead.pk) == 1
    drain()
    assert paid() == [13056]
    assert Event.objects.filter(kind="rma.policy_renewed").count() == 2


def test_a_renewal_stays_with_units_that_change_places(
    change, store, lead, send_order, send_rma, drain
):
    def parcels(minute, one, other):
        units = [
            builders.unit(tracking_number="T1", package_tracking_status=one),
            builders.unit(tracking_number="T2", package_tracking_status=other),
        ]
        return builders.rma(units=units, minute=minute)

    change(mail_back_trigger="receipt")
    send_order(builders.order())
    send_rma(parcels(9, "ACCEPTED", "PRE_TRANSIT"))
    drain()
    change(mail_back_trigger="manual")
    assert renew_policy_of_open_returns(store_id=store.pk, concept="", user_id=lead.pk) == 1
    renewed = set(RmaUnit.objects.values_list("policy_renewed_at", flat=True))
    send_rma(parcels(1, "PRE_TRANSIT", "ACCEPTED"))
    drain()
    assert set(RmaUnit.objects.values_list("policy_renewed_at", flat=True)) == renewed
    assert None not in renewed
    assert renew_policy_of_open_returns(store_id=store.pk, concept="", user_id=lead.pk) == 0


def test_without_policies_the_stores_settings_count(store):
    Store.objects.filter(pk=store.pk).update(refund_trigger="manual", charges_return_shipping=True)
    store.refresh_from_db()
    policy = policy_book(store).at("Modrno", clock.now())
    assert (policy.trigger_of("mail-back"), policy.charges_return_shipping) == ("manual", True)
    assert policy.automatic_conditions is None
    assert policy.policy_id is None
