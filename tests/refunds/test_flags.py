"""A flag stops automation for an order or a return, and takes nothing from people."""

import pytest
import time_machine

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.cases.models import Case
from apps.common import clock
from apps.common.errors import Refused
from apps.payments.models import SimulatedPayment
from apps.refunds.flags import flag, unflag
from apps.refunds.models import Refund
from apps.refunds.policies import policy_book
from apps.refunds.queries import verdicts
from apps.rmas.models import Rma
from apps.rmas.queries import units_of
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor
from tests.support.wishes import by_staff, wish

pytestmark = pytest.mark.django_db


@pytest.fixture
def returned(send_order, send_rma, drain, optoro):
    """Two orders of four, and a return of one unit of each in one RMA, not scanned yet."""
    send_order(builders.order(), builders.order("ORD-2"))
    send_rma(builders.rma(units=[builders.unit(), builders.unit("ORD-2")], tracking=None))
    drain()


def stop(kind="rma", subject="RMA-1", reason="smells of fraud", store=None):
    return flag(
        store=store or Store.objects.get(),
        subject_kind=kind,
        subject=subject,
        reason=reason,
        actor=actor("ana", Role.AGENT),
        flagger="ana",
    )


def go_on(kind="rma", subject="RMA-1"):
    return unflag(
        store=Store.objects.get(),
        subject_kind=kind,
        subject=subject,
        actor=actor("ana", Role.AGENT),
    )


def refunds() -> list[tuple[str, str, str]]:
    rows = Refund.objects.order_by("order__identifier", "pk")
    return list(rows.values_list("order__identifier", "source", "status"))


def reasons() -> set[str]:
    rma = Rma.objects.get()
    units = list(units_of([rma]))
    return {v.reason for v in verdicts(rma, units, policy_book(rma.store)).values()}


def scan(send_rma, minute=5):
    units = [builders.unit(), builders.unit("ORD-2")]
    send_rma(builders.rma(units=units, tracking="TRANSIT", minute=minute))


def test_a_scan_refunds_nothing_until_the_flag_is_taken_away(returned, send_rma, drain):
    stop()
    scan(send_rma)
    drain()
    assert refunds() == []
    assert reasons() == {"automation is stopped: smells of fraud (flagged by ana)"}
    assert not Item.objects.filter(resolved_at=None).exists()
    go_on()
    drain()
    assert refunds() == [("ORD-1", "automatic", "paid"), ("ORD-2", "automatic", "paid")]
    kinds = Event.objects.filter(kind__startswith="case.").order_by("pk")
    assert list(kinds.values_list("kind", "actor__username", "rma_identifier", "summary")) == [
        ("case.flagged", "ana", "RMA-1", "Flagged: smells of fraud"),
        ("case.unflagged", "ana", "RMA-1", "Flag taken away: automation goes on"),
    ]


def test_a_flag_on_an_order_stops_its_units_only(returned, send_rma, drain):
    stop("order", "ORD-2")
    scan(send_rma)
    drain()
    assert refunds() == [("ORD-1", "automatic", "paid")]
    go_on("order", "ORD-2")
    drain()
    assert refunds() == [("ORD-1", "automatic", "paid"), ("ORD-2", "automatic", "paid")]


def test_what_automation_decided_and_did_not_pay_is_withdrawn_and_decided_anew(
    returned, send_rma, drain, change
):
    change(payment_delay_minutes=60)
    scan(send_rma)
    drain()
    assert refunds() == [("ORD-1", "automatic", "approved"), ("ORD-2", "automatic", "approved")]
    stop("order", "ORD-1")
    drain()
    with time_machine.travel(clock.in_seconds(2 * 3600)):
        drain()
        assert refunds() == [("ORD-1", "automatic", "canceled"), ("ORD-2", "automatic", "paid")]
        assert SimulatedPayment.objects.count() == 1
        go_on("order", "ORD-1")
        drain()
    with time_machine.travel(clock.in_seconds(4 * 3600)):
        drain()
    assert refunds() == [
        ("ORD-1", "automatic", "canceled"),
        ("ORD-1", "automatic", "paid"),
        ("ORD-2", "automatic", "paid"),
    ]


def test_people_can_still_refund_and_what_they_decided_stays(returned, send_rma, drain):
    by_staff(wish(("1", 1), rma="RMA-1"))
    stop()
    scan(send_rma)
    drain()
    with time_machine.travel(clock.in_seconds(3600)):
        drain()
        by_staff(wish(("1", 1), order="ORD-2", rma="RMA-1"))
    with time_machine.travel(clock.in_seconds(2 * 3600)):
        drain()
    assert refunds() == [("ORD-1", "staff", "paid"), ("ORD-2", "staff", "paid")]


def test_what_is_paid_stays_paid_and_is_never_paid_again(returned, send_rma, drain):
    scan(send_rma)
    drain()
    before = refunds()
    stop()
    drain()
    go_on()
    drain()
    assert refunds() == before == [("ORD-1", "automatic", "paid"), ("ORD-2", "automatic", "paid")]
    assert SimulatedPayment.objects.count() == 2


def test_a_parcel_that_failed_still_needs_somebody(returned, send_rma, drain):
    stop()
    units = [builders.unit(), builders.unit("ORD-2")]
    send_rma(builders.rma(units=units, tracking="FAILURE", minute=5))
    drain()
    assert [i.kind for i in Item.objects.filter(resolved_at=None)] == ["refund_needs_decision"]


def test_refusals(returned, store):
    with pytest.raises(Refused, match="reason: write why"):
        stop(reason="  ")
    with pytest.raises(Refused, match="there is no return RMA-9 in this store"):
        stop(subject="RMA-9")
    with pytest.raises(Refused, match="there is no order ORD-9 in this store"):
        stop("order", "ORD-9")
    with pytest.raises(Refused, match="return RMA-1 is not flagged"):
        go_on()
    assert not Case.objects.exists()
    assert not Event.objects.filter(kind__startswith="case.").exists()


def test_another_store_cannot_flag_it(returned, send_rma, drain):
    other = Store.objects.create(identifier="other", name="Other")
    with pytest.raises(Refused, match="there is no return RMA-1 in this store"):
        stop(store=other)
    scan(send_rma)
    drain()
    assert len(refunds()) == 2
