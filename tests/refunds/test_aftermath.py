"""What Optoro says differently after a refund is shown to a person, and pays nothing by itself."""

import pytest

from apps.attention.models import Item
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from tests.support import builders

pytestmark = pytest.mark.django_db

SETTLED = {
    "estimated_refund_amount_cents": 13056,
    "shopper_refund_amount_cents": 0,
    "optoro_refund_amount_cents": 13056,
}
EXCHANGED = builders.unit(
    refund_type="INSTANT_EXCHANGE", is_exchange=True, refund_financials=SETTLED
)


def scanned(*units, minute=0, **changes):
    return builders.rma(units=list(units), tracking="TRANSIT", minute=minute, **changes)


def shown():
    rows = Item.objects.filter(resolved_at=None).values_list("kind", "detail")
    return [(kind, detail.replace(Refund.objects.first().identifier, "R")) for kind, detail in rows]


def paid():
    return list(SimulatedPayment.objects.order_by("pk").values_list("amount_cents", flat=True))


def test_an_exchange_that_is_converted_after_it_was_settled(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(scanned(EXCHANGED))
    drain()
    assert (paid(), shown()) == ([], [])
    send_rma(scanned(builders.unit(), minute=5))
    drain()
    assert paid() == []
    assert shown() == [
        (
            "changed_after_refund",
            "line 1, unit 1: refund R gave $0.00 to the shopper and $130.56 to Optoro; Optoro now "
            "says REFUND, $130.56 to the shopper and $0.00 to Optoro",
        )
    ]
    send_rma(scanned(EXCHANGED, minute=9))
    drain()
    assert shown() == []


def test_a_unit_that_disappears_after_its_refund(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(scanned(builders.unit(), builders.unit()))
    drain()
    assert paid() == [26112]
    send_rma(scanned(builders.unit(), minute=5))
    drain()
    assert [kind for kind, _ in shown()] == ["changed_after_refund"]
    assert "the newest message has fewer units of this line" in shown()[0][1]


def test_units_that_only_change_places_are_no_change(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(scanned(EXCHANGED, builders.unit()))
    drain()
    send_rma(scanned(builders.unit(), EXCHANGED, minute=5))
    drain()
    assert (paid(), shown()) == ([13056], [])
