"""What Optoro is owed for exchange orders, against the units that pay for them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from apps.common import clock
from apps.exchanges.models import ExchangeOrder
from apps.reconciliation.services import reconcile, sweep_store
from apps.reconciliation.settlement import (
    settlement_of,
    settlements,
    settlements_between,
    settlements_called,
)
from apps.reconciliation.settlement_rules import (
    DIFFERENT,
    LABELS,
    PayingUnit,
    Placed,
    State,
    match,
    totals,
)
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit
from tests.support import builders
from tests.support.exchange_requests import gift_card, item, post, request

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACED = Placed(
    pk=1,
    order_identifier="X-1",
    original_order_id=10,
    original_order_identifier="ORD-1",
    rma_identifier="RMA-1",
    transaction_id="T-1",
    currency="USD",
    total_amount_cents=10500,
    bonus_credit_amount_cents=500,
    placed_at=NOON,
    is_canceled=False,
)
UNIT = PayingUnit(
    pk=1,
    rma_identifier="RMA-1",
    order_id=10,
    order_identifier="ORD-1",
    currency="USD",
    refund_type="INSTANT_EXCHANGE",
    exchange_order_identifier="X-1",
    estimated_cents=10000,
    counts=True,
    waits_for_exchange=False,
    first_seen_at=NOON + timedelta(hours=1),
)
SETTLED = {"settled_cents": 10000, "settled_at": NOON, "refund_identifiers": ("RD-1",)}


def one(placed: Placed | None, *units: PayingUnit) -> Any:
    [row] = match([placed] if placed else [], units)
    return row


@pytest.mark.parametrize(
    ("placed", "units", "state", "words"),
    [
        ({}, [{}], State.MATCHES, ""),
        ({}, [{"exchange_order_identifier": ""}], State.MATCHES, ""),
        # A rounding cent for each unit, and units that forget what others name.
        ({}, [{"estimated_cents": 9999}], State.MATCHES, ""),
        (
            {},
            [{"estimated_cents": 5001}, {"estimated_cents": 5001, "exchange_order_identifier": ""}],
            State.MATCHES,
            "",
        ),
        (
            {},
            [{"estimated_cents": 9998}],
            State.PAYS_LESS,
            "the units pay $99.98 for exchange order X-1, $0.02 less than its goods of $100.00",
        ),
        (
            {},
            [{}, {"estimated_cents": 3}],
            State.PAYS_MORE,
            "the units pay $100.03 for exchange order X-1, $0.03 more than its goods of $100.00",
        ),
        (
            {},
            [],
            State.NO_UNIT,
            "no unit names exchange order X-1: nothing pays for its goods of $100.00",
        ),
        (
            {},
            [{"counts": False, "estimated_cents": 0}],
            State.NO_UNIT,
            "no unit names exchange order X-1: nothing pays for its goods of $100.00",
        ),
        ({"is_canceled": True}, [{}], State.CANCELED, ""),
        (
            {"is_canceled": True},
            [SETTLED],
            State.CANCELED_BUT_SETTLED,
            "exchange order X-1 is canceled, but $100.00 of its $100.00 is settled",
        ),
        (
            None,
            [{"exchange_order_identifier": "X-9"}],
            State.NOT_PLACED,
            "units of RMA-1 pay $100.00 for exchange order X-9, which nobody placed here",
        ),
        (
            None,
            [{"exchange_order_identifier": ""}],
            State.NO_EXCHANGE,
            "units of RMA-1 pay $100.00 to Optoro, but match no exchange order",
        ),
        (
            None,
            [{"exchange_order_identifier": "", "waits_for_exchange": True}],
            State.WAITS,
            "",
        ),
        # Settled, and told otherwise since: what was reported is frozen.
        ({}, [{**SETTLED, "estimated_cents": 0}], State.MATCHES, ""),
        # A refund took a rounding cent off.
        ({}, [{**SETTLED, "settled_cents": 9999}], State.MATCHES, ""),
        # Store credit that Optoro tells as the shopper's part.
        (
            {},
            [
                {
                    "refund_type": "INSTANT_STORE_CREDIT",
                    "estimated_cents": 0,
                    "credited_cents": 10000,
                }
            ],
            State.MATCHES,
            "",
        ),
    ],
)
def test_states_and_words(placed, units, state, words):
    rows = [replace(UNIT, pk=n, **unit) for n, unit in enumerate(units)]
    row = one(replace(PLACED, **placed) if placed is not None else None, *rows)
    assert (row.state, row.in_words) == (state, words)
    assert row.is_different is (state in DIFFERENT) is bool(words)
    assert row.label == LABELS[state]


def test_a_unit_pays_for_the_order_it_names_or_its_rmas():
    second = replace(PLACED, pk=2, order_identifier="X-2", original_order_id=20)
    units = [
        replace(UNIT, pk=1, exchange_order_identifier="", order_id=20),
        replace(UNIT, pk=2, exchange_order_identifier="", order_id=10),
        replace(UNIT, pk=3, exchange_order_identifier="", order_id=30),
        replace(UNIT, pk=4, exchange_order_identifier="", order_id=10, refund_type="REFUND"),
    ]
    found = match([PLACED, second], units)
    assert [(row.order_identifier, [unit.pk for unit in row.units]) for row in found] == [
        ("X-1", [2]),
        ("X-2", [1]),
        ("", [3, 4]),
    ]
    named = replace(units[1], exchange_order_identifier="X-2")
    assert [[u.pk for u in row.units] for row in match([PLACED, second], [named])] == [[], [2]]


def test_totals_leave_out_what_is_canceled():
    canceled = replace(PLACED, pk=2, order_identifier="X-2", is_canceled=True)
    yen = replace(PLACED, pk=3, order_identifier="X-3", currency="JPY")
    dollars, others = totals(match([PLACED, canceled, yen], [replace(UNIT, **SETTLED)]))[::-1]
    assert (dollars.currency, dollars.orders, dollars.goods_amount_cents) == ("USD", 2, 10000)
    assert (dollars.bonus_credit_amount_cents, dollars.estimated_cents) == (500, 10000)
    assert (dollars.settled_cents, dollars.decided_cents, dollars.open_cents) == (10000, 0, 0)
    assert dollars.different == 0
    assert (others.currency, others.goods_amount_cents, others.different) == ("JPY", 10000, 1)


# --- Through the front door ---------------------------------------------------------------------

ODD = {"estimated_refund_amount_cents": 13056, "shopper_refund_amount_cents": 0}
EXCHANGED = {
    "refund_type": "INSTANT_EXCHANGE",
    "is_exchange": True,
    "refund_financials": {**ODD, "optoro_refund_amount_cents": 13056},
}


def units(name: str | None = "ORD-1-X", count: int = 4, **changes: Any) -> list[Any]:
    changes = {**EXCHANGED, "exchange_order_identifier": name, **changes}
    return [builders.unit(**changes) for _ in range(count)]


def figures(row: Any) -> tuple[int, ...]:
    return (
        row.goods_amount_cents,
        row.bonus_credit_amount_cents,
        row.estimated_cents,
        row.decided_cents,
        row.settled_cents,
        row.open_cents,
        row.difference_cents,
    )


@pytest.fixture
def placed(store, optoro, send_order) -> ExchangeOrder:
    """ORD-1-X, an even exchange of four units for 52224."""
    send_order(builders.order())
    assert post(request()).status_code == 200
    return ExchangeOrder.objects.get()


@pytest.mark.django_db
def test_an_even_exchange_from_placing_to_settling(placed, store, send_rma, drain):
    [row] = settlements(store.pk)
    assert (row.state, figures(row)) == (State.NO_UNIT, (52224, 0, 0, 0, 0, 0, -52224))
    send_rma(builders.rma(units=units(placed.order_identifier)))
    drain()
    [row] = settlements(store.pk)
    assert (row.state, figures(row)) == (State.MATCHES, (52224, 0, 52224, 0, 0, 52224, 0))
    send_rma(builders.rma(units=units(placed.order_identifier), tracking="TRANSIT", minute=5))
    drain()
    refund = Refund.objects.get()
    [row] = settlements(store.pk)
    assert (row.state, figures(row)) == (State.MATCHES, (52224, 0, 52224, 0, 52224, 0, 0))
    assert row.refund_identifiers == (refund.identifier,)
    assert row.rma_identifiers == ("RMA-1",)
    assert row.transaction_id == placed.transaction_id
    Refund.objects.update(status="approved")
    [row] = settlements(store.pk)
    assert figures(row) == (52224, 0, 52224, 52224, 0, 0, 0)
    assert settlement_of(placed) == row


@pytest.mark.django_db
def test_a_gift_card_and_its_bonus(store, optoro, send_order, send_rma, drain):
    send_order(builders.order())
    assert post(request(items=[gift_card()])).status_code == 200
    credit = {"estimated_refund_amount_cents": 10000, "optoro_refund_amount_cents": 10000}
    send_rma(
        builders.rma(
            units=units(
                None,
                1,
                refund_type="INSTANT_STORE_CREDIT",
                refund_financials={**credit, "shopper_refund_amount_cents": 0},
            )
        )
    )
    drain()
    [row] = settlements(store.pk)
    assert (row.state, figures(row)) == (State.MATCHES, (10000, 500, 10000, 0, 0, 10000, 0))


@pytest.mark.django_db
def test_a_canceled_exchange_order_that_was_settled(placed, store, send_order, send_rma, drain):
    send_rma(builders.rma(units=units(placed.order_identifier), tracking="TRANSIT"))
    drain()
    send_order(builders.order(placed.order_identifier, status="Canceled"))
    drain()
    [row] = settlements(store.pk)
    assert row.state == State.CANCELED_BUT_SETTLED
    assert row.in_words == (
        f"exchange order {placed.order_identifier} is canceled, but $522.24 of its $522.24 is "
        "settled"
    )
    assert row.since_at == Refund.objects.get().paid_at


@pytest.mark.django_db
def test_units_that_pay_for_nothing(store, optoro, send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma("RMA-1", units=units("NEVER", 2)))
    send_rma(builders.rma("RMA-2", units=units(None, 1)))
    send_rma(builders.rma("RMA-3", units=units(None, 1), status="PENDING_EXCHANGE"))
    send_rma(builders.rma("RMA-4", units=units(None, 1), status="CANCELED"))
    drain()
    rows = {row.rma_identifiers: row for row in settlements(store.pk)}
    assert {name: (row.state, row.estimated_cents) for name, row in rows.items()} == {
        ("RMA-1",): (State.NOT_PLACED, 26112),
        ("RMA-2",): (State.NO_EXCHANGE, 13056),
        ("RMA-3",): (State.WAITS, 13056),
    }
    RmaUnit.objects.filter(rma__rma_identifier="RMA-1").update(is_withdrawn=True)
    assert ("RMA-1",) not in {row.rma_identifiers for row in settlements(store.pk)}


@pytest.mark.django_db
def test_the_reconciler_waits_72_hours_and_opens_an_exception(placed, store, send_rma, drain):
    from apps.attention.models import Item

    def found() -> list[tuple[str, str]]:
        return [(d.verdict.value, d.explanation) for d in reconcile(store, clock.now())]

    send_rma(builders.rma(units=units(placed.order_identifier, 3)))
    drain()
    words = (
        f"the units pay $391.68 for exchange order {placed.order_identifier}, $130.56 less than "
        f"its goods of $522.24 (transaction {placed.transaction_id})"
    )
    assert found() == [("in_time", words)]
    with time_machine.travel(clock.now() + timedelta(hours=73), tick=False):
        assert found() == [("wrong", words)]
        assert sweep_store(store, clock.now()) == (1, 0)
        opened = Item.objects.get(kind="settlement_unmatched")
        assert opened.subject == placed.order_identifier
        assert found() == [("for_a_person", words)]
        send_rma(builders.rma(units=units(placed.order_identifier), minute=9))
        drain()
        assert found() == []
        assert sweep_store(store, clock.now()) == (0, 1)
        Rma.objects.update(status="CANCELED")
        assert found()[0][1].startswith("no unit names exchange order")


@pytest.mark.django_db
def test_more_exchange_orders_cost_no_more_queries(
    placed, store, send_order, send_rma, drain, django_assert_num_queries
):
    for number in (2, 3):
        name = f"ORD-{number}"
        send_order(builders.order(name))
        post(request(name, [item()], rma_identifier=f"RMA-{number}"))
        send_rma(builders.rma(f"RMA-{number}", [builders.unit(name, **EXCHANGED)] * 4))
    drain()
    with django_assert_num_queries(3):
        rows = settlements(store.pk)
    assert [row.state for row in rows] == [State.MATCHES, State.MATCHES, State.NO_UNIT]
    # Nothing names it, so nothing is read of units; what is paid for is read with its units.
    with django_assert_num_queries(2):
        assert settlement_of(placed).state == State.NO_UNIT
    matching = ExchangeOrder.objects.latest("pk")
    with django_assert_num_queries(5):
        assert settlement_of(matching).state == State.MATCHES


@pytest.mark.django_db
def test_some_of_the_rows_are_what_all_of_them_are(placed, store, send_order, send_rma, drain):
    """Read by index for some days, or by name, every row is the one that reading all gives."""
    began = clock.now()

    def at(hour: int) -> Any:
        return time_machine.travel(began + timedelta(hours=hour), tick=False)

    with at(1):
        send_rma(builders.rma("RMA-1", units(placed.order_identifier, 3)))
        send_rma(builders.rma("RMA-2", units("NEVER", 2)))
    with at(2):
        for name in ("ORD-2", "ORD-3"):
            send_order(builders.order(name))
            post(request(name, [item()], rma_identifier="RMA-3"))
        # The order of its own is meant by one unit, several are by none; two names nobody placed.
        either = [builders.unit("ORD-2", **EXCHANGED), builders.unit("ORD-9", **EXCHANGED)]
        send_rma(builders.rma("RMA-3", either))
        send_rma(builders.rma("RMA-4", units("NEVER", 1)))
    with at(3):
        send_rma(builders.rma("RMA-5", units(None, 1)))
        send_rma(builders.rma("RMA-6", units(ExchangeOrder.objects.latest("pk").order_identifier)))
        drain()
    everything = settlements(store.pk)
    assert [(row.state, len(row.units)) for row in everything] == [
        (State.MATCHES, 4),
        (State.PAYS_LESS, 1),
        (State.PAYS_LESS, 3),
        (State.NOT_PLACED, 3),
        (State.NO_EXCHANGE, 1),
        (State.NO_EXCHANGE, 1),
    ]

    def placed_at(row: Any) -> datetime:
        return row.placed.placed_at if row.placed else row.since_at

    for hour in range(5):
        moment = began + timedelta(hours=hour)
        before = settlements_between(store.pk, None, moment)
        after = settlements_between(store.pk, moment, None)
        assert [row for row in before if placed_at(row) < moment] == [
            row for row in everything if placed_at(row) < moment
        ]
        assert [row for row in after if placed_at(row) >= moment] == [
            row for row in everything if placed_at(row) >= moment
        ]
    assert settlements_between(store.pk, None, None) == everything
    for row in everything:
        names = (row.order_identifier, row.original_order_identifier, row.transaction_id)
        for name in {*names, *row.rma_identifiers} - {""}:
            assert row in settlements_called(store.pk, [name]), name
    assert settlements_called(store.pk, ["ORD-1-Y"]) == []
