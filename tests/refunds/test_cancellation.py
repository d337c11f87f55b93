"""Asking for an RMA's cancellation: nothing is refunded from then on, until it is withdrawn."""

import pytest
import time_machine

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.common import clock
from apps.common.errors import Refused
from apps.payments.models import SimulatedPayment
from apps.refunds.cancellation import request_cancellation, withdraw_cancellation
from apps.refunds.models import ApprovalPolicy, Refund
from apps.rmas.models import Rma
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor
from tests.support.wishes import by_staff, wish

pytestmark = pytest.mark.django_db


@pytest.fixture
def returned(send_order, send_rma, drain, optoro):
    """An order, and a return of all of it that is not scanned yet."""
    send_order(builders.order())
    send_rma(builders.rma(tracking=None))
    drain()


def ask(reason="changed her mind"):
    return request_cancellation(
        rma=Rma.objects.get(), reason=reason, actor=actor("ana", Role.AGENT), requester="ana"
    )


def withdraw():
    return withdraw_cancellation(
        rma=Rma.objects.get(), reason="a mistake", actor=actor("ana", Role.AGENT)
    )


def refunds() -> list[tuple[str, str]]:
    return list(Refund.objects.order_by("pk").values_list("source", "status"))


def open_items() -> list[tuple[str, str]]:
    return list(Item.objects.filter(resolved_at=None).values_list("kind", "detail"))


def test_a_scan_after_the_request_refunds_nothing_until_it_is_withdrawn(returned, send_rma, drain):
    ask()
    send_rma(builders.rma(tracking="TRANSIT", minute=5))
    drain()
    assert refunds() == []
    assert open_items() == [
        (
            "cancellation_waits",
            "ana asked for it: changed her mind. At Optoro the return is still open.",
        )
    ]
    withdraw()
    drain()
    assert refunds() == [("automatic", "paid")]
    assert open_items() == []
    kinds = Event.objects.filter(kind__startswith="rma.cancellation").values_list(
        "kind", "actor__username"
    )
    assert list(kinds) == [
        ("rma.cancellation_requested", "ana"),
        ("rma.cancellation_withdrawn", "ana"),
    ]


def test_what_is_decided_and_not_paid_is_canceled_and_decided_anew_when_withdrawn(
    returned, send_rma, drain, store
):
    Store.objects.filter(pk=store.pk).update(refund_trigger="manual")
    send_rma(builders.rma(tracking="TRANSIT", minute=5))
    drain()
    assert refunds() == [("automatic", "proposed")]
    ask()
    assert refunds() == [("automatic", "canceled")]
    drain()
    assert refunds() == [("automatic", "canceled")]
    withdraw()
    drain()
    assert refunds() == [("automatic", "canceled"), ("automatic", "proposed")]


def test_a_held_staff_refund_goes_with_it(returned, drain):
    by_staff(wish(("1", 1), rma="RMA-1"))
    ask()
    with time_machine.travel(clock.in_seconds(3600)):
        drain()
    assert refunds() == [("staff", "canceled")]
    assert SimulatedPayment.objects.count() == 0
    with pytest.raises(Refused, match="withdraw that first"):
        by_staff(wish(("1", 1), rma="RMA-1"))


def test_what_was_refunded_cannot_be_canceled(returned, send_rma, drain):
    send_rma(builders.rma(tracking="TRANSIT", minute=5))
    drain()
    name = Refund.objects.get().identifier
    with pytest.raises(Refused, match=rf"refund {name} of \$522.24 for RMA RMA-1 is paid"):
        ask()
    assert Rma.objects.get().cancellation_requested_at is None


def test_nor_what_may_have_been(send_order, send_rma, drain, optoro):
    send_order(builders.order("ORD-TIMEOUT"))
    unit = builders.unit(order_identifier="ORD-TIMEOUT")
    send_rma(builders.rma(units=[unit], tracking="TRANSIT"))
    drain()
    assert refunds() == [("automatic", "unknown")]
    with pytest.raises(Refused, match="is unknown: what was refunded cannot be canceled"):
        ask()


def test_goodwill_is_no_refund_of_the_return(returned, drain):
    by_staff(wish(goodwill=500, rma="RMA-1"))
    with time_machine.travel(clock.in_seconds(3600)):
        drain()
    assert ask().is_cancellation_requested


def test_it_ends_with_optoros_word(returned, send_rma, drain):
    ask()
    send_rma(builders.rma(tracking=None, minute=6, status="CANCELED"))
    drain()
    assert open_items() == []
    assert Item.objects.get(kind="cancellation_waits").resolution == "Optoro canceled the RMA"
    with pytest.raises(Refused, match="that cannot be taken back"):
        withdraw()


def test_asked_twice_it_is_asked_once(returned):
    first = ask()
    assert ask("again").cancellation_requested_at == first.cancellation_requested_at
    assert Event.objects.filter(kind="rma.cancellation_requested").count() == 1
    withdraw()
    with pytest.raises(Refused, match="no cancellation of RMA RMA-1 is asked for"):
        withdraw()


def test_it_can_be_asked_for_before_any_order_is_known(send_rma, drain, optoro):
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert ask().is_cancellation_requested
    drain()
    assert [kind for kind, _ in open_items()] == ["cancellation_waits"]


def test_it_crosses_a_payment_that_waits_for_its_delay(returned, send_rma, drain, store):
    ApprovalPolicy.objects.create(
        store=store, goodwill_limit_cents=0, staff_hold_minutes=30, two_person_above_cents=None
    )
    by_staff(wish(("1", 4), rma="RMA-1"))
    with time_machine.travel(clock.in_seconds(60 * 31)):
        ask()
        drain()
    assert refunds() == [("staff", "canceled")]
    assert SimulatedPayment.objects.count() == 0
