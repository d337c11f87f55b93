"""The desk and the simulated Optoro over real HTTP, in good and in bad weather."""

import random

import pytest

from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from tests.flows.conftest import until
from tests.support import builders

pytestmark = pytest.mark.django_db(transaction=True)


def all_confirmed(desk, count):
    refunds = desk.refunds()
    return len(refunds) >= count and all(r["confirmed_at"] for r in refunds)


def test_a_return_goes_all_the_way_and_back(desk, play):
    optoro = play()
    desk.post_order(builders.order())
    desk.drain()
    assert list(optoro.books.orders) == ["ORD-1"]
    rma = optoro.start_return("ORD-1", {"1": 4})
    optoro.move(rma, "label")
    optoro.wait_until_idle()
    desk.drain()
    assert desk.refunds() == []
    optoro.move(rma, "transit")
    optoro.wait_until_idle()
    until(lambda: all_confirmed(desk, 1), drain=desk.drain)
    [refund] = desk.refunds()
    assert refund["total_refund_amount_cents"] == 52224
    times = [refund[name] for name in ("created_at", "paid_at", "reported_at", "confirmed_at")]
    assert times == sorted(times)
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert optoro.books.violations == []
    assert optoro.tokens.minted == 1
    order = desk.get("orders/ORD-1")
    assert [item["quantity_refunded"] for item in order["items"]] == [4]
    assert order["rmas"][0]["status"] == "REFUNDED"


def test_bad_weather_changes_nothing_but_the_time(desk, play):
    """Duplicates, reordering, shared timestamps, 500s, 429s and tokens that die, all at once."""
    optoro = play(
        seed=4,
        faults={
            "duplicates": 0.4,
            "reorder": 0.3,
            "same_timestamps": 0.5,
            "forgetful": 0.3,
            "http500": 0.2,
            "http429": 0.1,
            "expire_tokens": 0.1,
        },
    )
    chance = random.Random(4)
    worth = {}
    for number in range(8):
        name = f"ORD-{number}"
        quantity = chance.randint(1, 4)
        line = builders.line(
            quantity=quantity, unit_price_amount_cents=1000 + number, tax_amount_cents=77
        )
        desk.post_order(builders.order(name, [line]))
        worth[name] = quantity * (1000 + number) + 77
    until(lambda: len(optoro.books.orders) == 8, drain=desk.drain)
    rmas = []
    for number, name in enumerate(sorted(optoro.books.orders)):
        method = "mail-back" if number % 2 else "express-returns"
        quantity = desk.get(f"orders/{name}")["items"][0]["quantity"]
        rmas.append(optoro.start_return(name, {"1": quantity}, method))
    for event in ("label", "accepted", "transit", "delivered"):
        for rma in rmas:
            optoro.move(rma, event)
        desk.drain()
    until(lambda: all_confirmed(desk, 8), drain=desk.drain, seconds=60)
    optoro.wait_until_idle()
    desk.drain()
    assert optoro.books.violations == []
    assert not optoro.courier.parked
    assert {rma["status"] for rma in desk.get("rmas")["results"]} == {"REFUNDED"}
    paid = {p.order_identifier: 0 for p in SimulatedPayment.objects.all()}
    for payment in SimulatedPayment.objects.all():
        paid[payment.order_identifier] += payment.amount_cents
    assert paid == worth
    assert sum(r.total_refund_amount_cents for r in Refund.objects.all()) == sum(worth.values())


def test_a_canceled_rma_costs_nothing(desk, play):
    optoro = play()
    desk.post_order(builders.order())
    desk.drain()
    rma = optoro.start_return("ORD-1", {"1": 2}, "express-returns")
    optoro.move(rma, "canceled")
    kept = optoro.start_return("ORD-1", {"1": 1}, "express-returns")
    optoro.move(kept, "accepted")
    optoro.wait_until_idle()
    until(lambda: all_confirmed(desk, 1), drain=desk.drain)
    assert [r["rma_identifier"] for r in desk.refunds()] == [kept]
    assert desk.get(f"rmas/{rma}")["status"] == "CANCELED"


def test_a_snapshot_that_optoro_refuses_is_held_with_its_field_errors(desk, play, monkeypatch):
    """The desk's own validation would not let this through; Optoro knows more rules."""
    from apps.attention.models import Item
    from apps.outbox.models import Job
    from apps.publisher import snapshots

    optoro = play()
    with monkeypatch.context() as broken:
        broken.setattr(snapshots, "_ITEM_FIELDS", ("identifier", "sku", "quantity"))
        desk.post_order(builders.order())
        desk.drain()
    held = Job.objects.get(topic="order.snapshot")
    assert held.state == "held"
    assert {"field": "orders[0].items[0].title", "code": "missing_field"} in [
        {**e, "field": e["field"].removeprefix("returns_portal_order.")} for e in held.error_details
    ]
    assert Item.objects.get(resolved_at=None).kind == "snapshot_held"
    desk.post_order(builders.order(updated_at="2026-03-01T00:00:00Z"))
    desk.drain()
    assert list(optoro.books.orders) == ["ORD-1"]
    assert not Item.objects.filter(resolved_at=None).exists()
    assert not Job.objects.filter(state="held").exists()
