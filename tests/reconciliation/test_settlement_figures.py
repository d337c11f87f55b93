"""Figures that the database adds up are those of the rules, whatever units there are."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from apps.exchanges.models import ExchangeOrder
from apps.exchanges.own_status import keep_own_status
from apps.orders.models import Order, OrderLine
from apps.reconciliation import settlement_figures as figures
from apps.reconciliation.settlement import settlements
from apps.reconciliation.settlement_rules import State
from apps.refunds.models import Destination, Refund, RefundLine, RefundStatus, RefundUnit, Source
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit
from apps.stores.models import Store

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ORDERS = 12


class Books:
    """Orders, exchange orders, returns and refunds drawn at random, with everything that decides
    on which exchange order a unit pays for, and what."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.draw = Random(seed)
        self.orders = [self._order(f"ORD-{n}") for n in range(_ORDERS)]
        self.rmas = [self._rma(n) for n in range(8)]
        self.placed = [self._placed(n) for n in range(9)]
        for number in range(40):
            self._unit(number)

    def _order(self, name: str, **more: Any) -> Order:
        order = Order.objects.create(
            store=self.store, identifier=name, status="Placed", currency="USD",
            total_amount_cents=9000, product_amount_cents=9000, tax_amount_cents=0,
            discount_amount_cents=0, shipping_amount_cents=0, shipping_tax_amount_cents=0,
            remote_created_at=NOON, remote_updated_at=NOON, raw={},
        )  # fmt: skip
        Order.objects.filter(pk=order.pk).update(**more)
        OrderLine.objects.create(
            order=order, identifier="L-1", position=0, sku="S", quantity=99, quantity_shipped=99,
            quantity_canceled=0,
            unit_price_amount_cents=100, product_amount_cents=9000, tax_amount_cents=0,
            discount_amount_cents=0,
        )  # fmt: skip
        return order

    def _rma(self, number: int) -> Rma:
        statuses = ("CREATED", "CREATED", "REFUNDED", "CANCELED", "PENDING_EXCHANGE")
        return Rma.objects.create(
            store=self.store, rma_identifier=f"RMA-{number}", status=self.draw.choice(statuses),
            return_method=self.draw.choice([*rma_rules.RETURN_METHODS, "by-drone"]),
        )  # fmt: skip

    def _placed(self, number: int) -> ExchangeOrder:
        goods = self.draw.choice([0, 1000, 3000])
        bonus = self.draw.choice([0, 500])
        # Some of one return, some of none.
        rma = self.draw.choice(["", *(rma.rma_identifier for rma in self.rmas[:4])])
        made = ExchangeOrder.objects.create(
            store=self.store, order_identifier=f"X-{number}", original_order=self.orders[number],
            original_order_identifier=self.orders[number].identifier,
            named_order_identifier=self.orders[number].identifier, rma_identifier=rma,
            currency="USD", shipping_address={}, billing_address={}, transaction_id=f"T-{number}",
            product_amount_cents=goods, discount_amount_cents=0, tax_amount_cents=0,
            shipping_amount_cents=0, bonus_credit_amount_cents=bonus,
            total_amount_cents=goods + bonus, tax_service="none", content={},
            content_sha256=str(number), request={}, answer_body="", delivery_id=1,
            placed_at=NOON + timedelta(hours=number % 3),
        )  # fmt: skip
        if self.draw.random() < 0.3:
            status = self.draw.choice(["Canceled", "Shipped"])
            own = self._order(
                made.order_identifier, status=status, first_seen_at=NOON + timedelta(1)
            )
            own.refresh_from_db()
            keep_own_status(own, former_secondary_identifier="")
        return made

    def _unit(self, number: int) -> None:
        draw = self.draw
        optoro = draw.choice([0, 1000, 1001, 3000])
        order = draw.choice(self.orders)
        names = ["", "", "X-99", *(row.order_identifier for row in self.placed)]
        unit = RmaUnit.objects.create(
            rma=draw.choice(self.rmas), order=order if draw.random() < 0.9 else None,
            order_identifier=order.identifier, order_line_item_identifier="L-1", ordinal=number,
            refund_type=draw.choice(rma_rules.REFUND_TYPES),
            exchange_order_identifier=draw.choice(names),
            package_tracking_status=draw.choice(["", "PRE_TRANSIT", "ACCEPTED", "TRANSIT",
                                                 "DELIVERED", "RETURNED"]),
            receiving_status=draw.choice(["", "PENDING", "PENDING", "RECEIVED"]),
            estimated_refund_amount_cents=optoro + 200, optoro_refund_amount_cents=optoro,
            shopper_refund_amount_cents=200, is_withdrawn=draw.random() < 0.15,
        )  # fmt: skip
        for _ in range(draw.choice([0, 0, 1, 2])):
            # Ended ones hold nothing.
            self._refund(unit, draw.choice(["declined", "canceled"]), optoro)
        if draw.random() < 0.5:
            self._refund(unit, draw.choice(["proposed", "approved", "paid", "paid"]), optoro)

    def _refund(self, unit: RmaUnit, status: str, optoro: int) -> None:
        cents = self.draw.choice([0, optoro, optoro + 7])
        order = unit.order or self.orders[0]
        refund = Refund.objects.create(
            store=self.store, identifier=f"RD-{Refund.objects.count()}", order=order,
            paid_order=order, rma=unit.rma, status=status, source=Source.AUTOMATIC,
            destination=Destination.ORIGINAL_PAYMENT, reason="", currency="USD",
            total_refund_amount_cents=cents + 200, shopper_amount_cents=200,
            optoro_amount_cents=cents, created_at=NOON,
            paid_at=NOON if status == RefundStatus.PAID else None,
        )  # fmt: skip
        line = RefundLine.objects.create(
            refund=refund, order_line=order.lines.get(), identifier="L-1", quantity=1,
            amount_cents=cents + 200,
        )  # fmt: skip
        RefundUnit.objects.create(
            line=line, rma_unit=unit, amount_cents=cents + 200, shopper_amount_cents=200,
            optoro_amount_cents=cents, is_live=status not in ("declined", "canceled"),
        )  # fmt: skip


def _by_key(found: Any) -> dict[int, Any]:
    return {one.placed.pk: one for one in found if one.placed}


@pytest.mark.parametrize("is_most", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_added_up_as_the_rules_add_up(
    store: Store, seed: int, is_most: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_AT_ONCE", 4)
    Books(store, seed)
    Books(Store.objects.create(identifier="other", name="Other"), seed + 100)
    own = ExchangeOrder.objects.filter(store=store)
    wanted = _by_key(settlements(store.pk))
    found = _by_key(figures.settlement_figures(store.pk, own, is_most=is_most))
    assert found.keys() == wanted.keys()
    for key, row in wanted.items():
        assert (found[key].placed, found[key].currency) == (row.placed, row.currency)
        assert found[key].sums == row.sums, row
        assert found[key].state == row.state
        assert found[key].difference_cents == row.difference_cents
    some = own.filter(total_amount_cents__gt=1000)
    assert 0 < some.count() < own.count()
    assert _by_key(figures.settlement_figures(store.pk, some, is_most=is_most)) == {
        row.pk: found[row.pk] for row in some
    }
    exposed = set(figures.exposed(store.pk, own, is_most=is_most).values_list("pk", flat=True))
    assert exposed == {
        key
        for key, row in wanted.items()
        if not row.placed.is_canceled and (row.sums.awaited or not row.sums.counting)
    }
    assert 0 < len(exposed) < own.count()


def test_the_draws_have_every_case(store: Store) -> None:
    """What the test above compares is of every state, with units of every kind."""
    seen: set[State] = set()
    sums = []
    for seed in range(6):
        one = Store.objects.create(identifier=f"s-{seed}", name=f"S {seed}")
        Books(one, seed)
        rows = [row for row in settlements(one.pk) if row.placed]
        seen |= {row.state for row in rows}
        sums += [row.sums for row in rows]
    assert seen == set(State) - {State.NOT_PLACED, State.NO_EXCHANGE, State.WAITS}
    for name in ("awaited", "decided_cents", "settled_cents", "open_cents", "back_cents"):
        assert sum(getattr(one, name) > 0 for one in sums) > 5, name
    assert any(one.units > one.counting for one in sums)
    assert any(one.standing > one.counting for one in sums)
    assert any(one.estimated_cents < one.pays_cents for one in sums)
