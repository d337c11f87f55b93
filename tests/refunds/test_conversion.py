"""Turning a standard exchange into a refund: asked for here, done in Optoro, and waited for."""

import pytest

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.common.errors import Refused
from apps.refunds.conversion import request_conversion, withdraw_conversion
from apps.refunds.models import Refund
from apps.rmas.models import Rma
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor

pytestmark = pytest.mark.django_db

STANDARD = {"refund_type": "STANDARD_EXCHANGE", "is_exchange": True}


@pytest.fixture
def pending(send_order, send_rma, drain, optoro):
    """A standard exchange that waits for its order; the parcel is on its way."""
    send_order(builders.order())
    send_rma(
        builders.rma(
            units=[builders.unit(**STANDARD)], tracking="TRANSIT", status="PENDING_EXCHANGE"
        )
    )
    drain()


def ask(reason="her size is sold out"):
    return request_conversion(
        rma=Rma.objects.get(), reason=reason, actor=actor("ana", Role.AGENT), requester="ana"
    )


def withdraw():
    return withdraw_conversion(
        rma=Rma.objects.get(), actor=actor("ana", Role.AGENT), reason="found one"
    )


def open_items() -> list[tuple[str, str]]:
    return list(Item.objects.filter(resolved_at=None).values_list("kind", "detail"))


def told() -> list[tuple[str, str]]:
    rows = Event.objects.filter(kind__startswith="rma.conversion").order_by("pk")
    return list(rows.values_list("kind", "summary"))


def test_it_waits_for_optoro_and_then_the_refund_is_decided(pending, send_rma, drain):
    ask()
    drain()
    assert Refund.objects.count() == 0
    assert open_items() == [
        (
            "conversion_waits",
            "ana asked for it: her size is sold out. Optoro still waits for the exchange order.",
        )
    ]
    send_rma(builders.rma(tracking="TRANSIT", minute=9, status="CREATED"))
    drain()
    assert open_items() == []
    assert Refund.objects.get().status == "paid"
    assert not Rma.objects.get().is_conversion_requested
    assert told() == [
        ("rma.conversion_requested", "Conversion asked for: her size is sold out"),
        (
            "rma.conversion_ended",
            "The request for conversion ended: Optoro no longer waits for the exchange order, "
            "the RMA is CREATED",
        ),
    ]


def test_it_ends_when_optoro_cancels_the_rma(pending, send_rma, drain):
    ask()
    units = [builders.unit(**STANDARD)]
    send_rma(builders.rma(units=units, tracking="TRANSIT", minute=9, status="CANCELED"))
    drain()
    assert open_items() == []
    assert Refund.objects.count() == 0
    assert not Rma.objects.get().is_conversion_requested


def test_withdrawn_it_waits_for_the_exchange_as_before(pending, drain):
    ask()
    withdraw()
    drain()
    assert open_items() == []
    assert [kind for kind, _ in told()] == ["rma.conversion_requested", "rma.conversion_withdrawn"]


def test_asked_for_twice_it_is_asked_for_once(pending):
    ask()
    ask("another reason")
    assert Rma.objects.get().conversion_reason == "her size is sold out"
    assert len(told()) == 1


def test_refusals(pending, send_rma, drain):
    with pytest.raises(Refused, match="reason: write why"):
        ask(" ")
    with pytest.raises(Refused, match="no conversion of RMA RMA-1 is asked for"):
        withdraw()
    send_rma(builders.rma(units=[builders.unit(**STANDARD)], tracking="TRANSIT", minute=9))
    drain()
    with pytest.raises(Refused, match="RMA RMA-1 is CREATED: only a standard exchange"):
        ask()
    assert told() == []
