"""What the desk and the order system give back together, and orders that shrink after a refund."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from apps.accounts.models import User
from apps.attention.models import Item
from apps.attention.services import dismiss_item
from apps.common import clock
from apps.orders.models import Transaction
from apps.payments.models import SimulatedPayment
from apps.reconciliation.services import reconcile, sweep_store
from apps.refunds.models import ApprovalPolicy, Payout, Refund, RefundLine
from apps.stores.models import Store
from tests.support import builders
from tests.support.wishes import by_api, by_staff, transaction, wish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

UNIT, WHOLE = 13056, 52224


def found(store: Store) -> list[tuple[str, str, str]]:
    """Each difference as (kind, subject, verdict), those that wait for Optoro left out."""
    rows = reconcile(store, clock.now())
    return [
        (one.kind.value, one.subject, one.verdict.value)
        for one in rows
        if one.kind != "reported_not_confirmed"
    ]


def words(store: Store, kind: str) -> str:
    return next(one.explanation for one in reconcile(store, clock.now()) if one.kind == kind)


def sweep(store: Store) -> tuple[int, int]:
    return sweep_store(store, clock.now())


def exit_code() -> int:
    try:
        call_command("reconcile", stdout=StringIO())
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def outside(cents: int, quantity: int, **changes: Any) -> dict[str, Any]:
    """A refund that the order system made."""
    return {
        "identifier": "X-1",
        "total_refund_amount_cents": cents,
        "created_at": "2026-01-25T00:00:00Z",
        "refund_line_items": [
            {"identifier": "l-1", "quantity": quantity, "order_item_identifier": "1"}
        ],
        **changes,
    }


def again(day: int = 25, **changes: Any) -> dict[str, Any]:
    """The order as a later snapshot tells it."""
    return builders.order(updated_at=f"2026-01-{day}T13:37:19+00:00", **changes)


CARD = transaction("CARD", WHOLE)


@pytest.fixture
def refunded(store, send_order, drain) -> Refund:
    """All four units of an order paid by card, refunded by API."""
    send_order(builders.order(transactions=[CARD]))
    drain()
    by_api(wish(("1", 4)))
    drain()
    assert list(SimulatedPayment.objects.values_list("amount_cents", flat=True)) == [WHOLE]
    assert found(store) == []
    return Refund.objects.get()


def test_the_same_money_given_back_here_and_outside(refunded, store, send_order, drain):
    returned = transaction("R-1", WHOLE, type="REFUND", parent_identifier="CARD")
    send_order(again(transactions=[CARD, returned], refunds=[outside(WHOLE, 4)]))
    drain()
    assert found(store) == [
        ("given_back_twice", "ORD-1", "wrong"),
        ("line_given_back_twice", "ORD-1/1", "wrong"),
    ]
    assert words(store, "given_back_twice") == (
        "$522.24 is paid back, or going to be, to the payment of order ORD-1 here, and $522.24 "
        "outside, but $522.24 was captured"
    )
    assert words(store, "line_given_back_twice") == (
        f"$522.24 for 4 unit(s) of line 1 of order ORD-1 is refunded here ({refunded.identifier}) "
        "and $522.24 for 4 unit(s) outside (X-1), but its 4 shipped unit(s) cost $522.24"
    )
    assert exit_code() == 1
    assert sweep(store) == (2, 0)
    assert [(i.kind, i.subject) for i in Item.objects.order_by("subject")] == [
        ("given_back_twice", "ORD-1"),
        ("given_back_twice", "ORD-1/1"),
    ]
    assert {verdict for _, _, verdict in found(store)} == {"for_a_person"}
    assert exit_code() == 0


def test_a_refund_transaction_alone_is_enough(refunded, store, send_order, drain):
    returned = transaction("R-1", 1, type="REFUND", parent_identifier="CARD")
    send_order(again(transactions=[CARD, returned]))
    drain()
    assert found(store) == [("given_back_twice", "ORD-1", "wrong")]
    assert "and $0.01 outside" in words(store, "given_back_twice")


@pytest.mark.parametrize("name", ["identifier", "reference", "key"])
def test_our_own_refund_mirrored_is_not_given_back_twice(name, refunded, store, send_order, drain):
    payout = Payout.objects.get()
    names = {
        "identifier": refunded.identifier,
        "reference": payout.gateway_reference,
        "key": str(payout.idempotency_key),
    }
    returned = transaction(names[name], WHOLE, type="REFUND", parent_identifier="CARD")
    send_order(again(transactions=[CARD, returned]))
    drain()
    assert found(store) == []
    Transaction.objects.filter(type="REFUND").update(identifier="somebody-else")
    assert found(store) == [("given_back_twice", "ORD-1", "wrong")]


def test_what_fits_together_is_no_difference(store, send_order, drain):
    send_order(builders.order(transactions=[CARD]))
    drain()
    by_api(wish(("1", 3)))
    drain()
    send_order(again(transactions=[CARD], refunds=[outside(UNIT, 1)]))
    drain()
    assert found(store) == []
    send_order(
        again(26, transactions=[CARD], refunds=[outside(UNIT, 1), outside(1, 1, identifier="X-2")])
    )
    drain()
    assert found(store) == [
        ("given_back_twice", "ORD-1", "wrong"),
        ("line_given_back_twice", "ORD-1/1", "wrong"),
    ]


def shrunk(quantity: int = 0) -> dict[str, Any]:
    """The line after the order system has taken units off it."""
    return builders.line(
        "1",
        quantity=4,
        quantity_shipped=quantity,
        product_amount_cents=12800 * quantity,
        tax_amount_cents=256 * quantity,
    )


def test_an_order_that_shrank_is_for_a_person(store, send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert found(store) == []
    send_order(again(lines=[shrunk()]))
    drain()
    name = Refund.objects.get().identifier
    assert [row[:2] for row in found(store)] == [("order_shrank", "ORD-1/1")]
    assert words(store, "order_shrank") == (
        f"$522.24 for 4 unit(s) of line 1 of order ORD-1 is refunded or under way ({name}), but "
        "its 0 shipped unit(s) cost $0.00 now: the order shrank since; when that was decided its 4 "
        "shipped unit(s) cost $522.24"
    )
    assert sweep(store) == (1, 0)
    assert found(store) == [("order_shrank", "ORD-1/1", "for_a_person")]
    assert exit_code() == 0
    item = Item.objects.get(kind="order_shrank")
    ana = User.objects.create_user("ana")
    assert dismiss_item(item=item, user_id=ana.pk, note="taken off as usual")
    assert sweep(store) == (0, 0)
    assert found(store) == [("order_shrank", "ORD-1/1", "for_a_person")]
    send_order(again(26))
    drain()
    assert found(store) == []


def test_what_shrank_and_was_overdrawn_before_must_never_be(store, send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    send_order(again(lines=[shrunk(1)]))
    drain()
    assert "order_shrank" in [row[0] for row in found(store)]
    RefundLine.objects.update(amount_cents=WHOLE + 1)
    assert "line_overdrawn" in [row[0] for row in found(store)]


def test_without_a_calculation_a_shrunk_order_is_for_a_person_too(store, send_order, drain):
    send_order(builders.order())
    drain()
    by_staff(wish(("1", 4)))
    drain()
    assert RefundLine.objects.get().calculation is None
    send_order(again(lines=[shrunk(3)]))
    drain()
    [(kind, subject, _), *rest] = found(store)
    assert (kind, subject) == ("order_shrank", "ORD-1/1")
    assert words(store, "order_shrank").endswith(
        "the order shrank since; what it cost when that was decided was not kept"
    )
    assert [row[0] for row in rest if row[0] != "order_shrank"] == []


def test_a_line_that_is_gone_shrinks_an_order_without_payments(store, send_order, send_rma, drain):
    lines = [builders.line("1"), builders.line("2", quantity=1, tax_amount_cents=0)]
    send_order(builders.order(lines=lines))
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert found(store) == []
    send_order(again(lines=lines[1:]))
    drain()
    assert ("order_shrank", "ORD-1") in [row[:2] for row in found(store)]
    assert words(store, "order_shrank") == (
        "$522.24 was paid back to the payment of order ORD-1, but it costs $128.00 now: the order "
        "shrank since; it cost $650.24 when that was decided"
    )
    Payout.objects.update(amount_cents=65025)
    assert "more_than_captured" in [row[0] for row in found(store)]


def test_one_payment_never_gets_more_than_it_captured(store, send_order, drain):
    payments = [transaction("GIFT", 20000, gateway="gift_card"), transaction("CARD", 32224)]
    send_order(builders.order(transactions=payments))
    drain()
    by_api(wish(("1", 4)))
    drain()
    assert found(store) == []
    gift, card = Payout.objects.order_by("pk")
    Payout.objects.filter(pk=gift.pk).update(amount_cents=20001)
    Payout.objects.filter(pk=card.pk).update(amount_cents=32223)
    assert found(store) == [("payment_overdrawn", "ORD-1/GIFT", "wrong")]
    assert words(store, "payment_overdrawn") == (
        "$200.01 is paid back, or going to be, to payment GIFT of order ORD-1, which captured "
        "$200.00"
    )
    sweep(store)
    assert found(store) == [("payment_overdrawn", "ORD-1/GIFT", "wrong")]
    Payout.objects.filter(pk=gift.pk).update(status="canceled")
    assert "payment_overdrawn" not in [row[0] for row in found(store)]


def test_goodwill_of_all_sources_above_the_limit(store, send_order, drain):
    ApprovalPolicy.objects.create(store=store, goodwill_limit_cents=3000, staff_hold_minutes=0)
    send_order(builders.order(transactions=[CARD]))
    drain()
    by_api(wish(goodwill=2000))
    drain()
    assert found(store) == []
    told = outside(1001, 1, tags=["ignore_refund"], refund_line_items=[])
    send_order(again(transactions=[CARD], refunds=[told]))
    drain()
    assert found(store) == [("goodwill_above_limit", "ORD-1", "wrong")]
    assert words(store, "goodwill_above_limit") == (
        "$30.01 of goodwill is given for order ORD-1, $10.01 of it outside, but $30.00 is allowed "
        "for an order"
    )
    assert sweep(store) == (1, 0)
    assert found(store) == [("goodwill_above_limit", "ORD-1", "for_a_person")]
    ApprovalPolicy.objects.create(store=store, goodwill_limit_cents=3001, staff_hold_minutes=0)
    assert sweep(store) == (0, 1)
