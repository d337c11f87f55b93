"""Settlement, exposure and gift cards: what went out with exchange orders."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine

from apps.exchanges.models import ExchangeOrder
from apps.ledger.queries import balances, postings_of
from apps.ledger.rules import GIFT_CARD_LIABILITY, MARKETING, OPTORO_PAYABLE
from apps.reconciliation.settlement import settlements, settlements_of_placed
from apps.stores.models import Store
from tests.support import builders
from tests.support.exchange_requests import gift_card, item, post, request
from tests.support.refunds import utc
from tests.support.reports import bars_of, before_of, queries_of, rows_of, sums_of

pytestmark = pytest.mark.django_db
DAY = "since=2026-02-03&until=2026-02-03"
EVEN = {"refund_type": "INSTANT_EXCHANGE", "is_exchange": True}


def optoro_unit(number: int, cents: int = 13056, **changes: Any) -> dict[str, Any]:
    figures = {
        "estimated_refund_amount_cents": cents,
        "shopper_refund_amount_cents": 0,
        "optoro_refund_amount_cents": cents,
    }
    return builders.unit(f"ORD-{number}", refund_financials=figures, **{**EVEN, **changes})


@pytest.fixture
def exchanged(optoro: Any, send_order: Any, send_rma: Any, drain: Any, store: Store) -> Any:
    """Places an exchange order at a moment, of one unit of 12800 and its tax; what is named of its
    return comes in then, too."""

    def make(
        number: int = 1,
        moment: Any = None,
        *,
        items: Any = None,
        units: Any = None,
        tracking: str | None = None,
        order: Any = None,
        **changes: Any,
    ) -> ExchangeOrder:
        name = f"ORD-{number}"
        with time_machine.travel(moment or utc(2026, 2, 3, 12), tick=False):
            send_order(builders.order(name, **(order or {})))
            currency = (order or {}).get("currency", "USD")
            answer = post(
                request(
                    name,
                    items or [item(quantity=1, tax_amount_cents=256)],
                    rma_identifier=f"RMA-{number}",
                    payment={"transaction_id": f"T-{number}"},
                    currency=currency,
                )
            )
            assert answer.status_code == 200, answer.content
            if units is None:
                units = [optoro_unit(number)]
            if units:
                send_rma(builders.rma(f"RMA-{number}", units, tracking, **changes))
            drain()
        return ExchangeOrder.objects.get(original_order_identifier=name)

    return make


def test_settlement_by_exchange_order_and_transaction(store: Store, exchanged, finance) -> None:
    paid = exchanged(1, tracking="TRANSIT")
    waits = exchanged(2, utc(2026, 2, 3, 13))
    alone = exchanged(3, utc(2026, 2, 3, 14), units=[])
    rows = rows_of("settlement", store, DAY)
    seen = [
        (r["exchange_order"], r["transaction"], r["rma"], r["state"], r["goods"], r["settled"])
        for r in rows
    ]
    assert seen == [
        (paid.order_identifier, "T-1", "RMA-1", "matches", 13056, 13056),
        (waits.order_identifier, "T-2", "RMA-2", "matches", 13056, 0),
        (alone.order_identifier, "T-3", "RMA-3", "no_unit", 13056, 0),
    ]
    assert [(r["open"], r["decided"], r["difference"]) for r in rows] == [
        (0, 0, 0),
        (13056, 0, 0),
        (0, 0, -13056),
    ]
    assert rows[0]["refund"]
    assert rows[0]["settled_at"] == utc(2026, 2, 3, 12)
    different = rows_of("settlement", store, f"{DAY}&state=different")
    assert [r["transaction"] for r in different] == ["T-3"]
    page = finance.get(f"/reports/settlement/?{DAY}&transaction=T-1").content.decode()
    assert f'href="/exchanges/{paid.order_identifier}/"' in page
    assert waits.order_identifier not in page
    assert bars_of("settlement", store, "since=2026-02-02&until=2026-02-03") == {
        "2026-02-02": 0,
        "2026-02-03": 39168,
    }


def test_some_are_settled_as_all_are(store: Store, exchanged) -> None:
    """Read a few at a time, units pay for the same exchange orders as when all are read at once."""
    exchanged(1, tracking="TRANSIT")
    # Units that forget what they pay for, pay for something else, or are of another's return.
    forgets = [optoro_unit(2, exchange_order_identifier=None), optoro_unit(2, 100)]
    exchanged(2, units=forgets)
    exchanged(3, units=[optoro_unit(3, exchange_order_identifier="nobody-placed-it")])
    first = ExchangeOrder.objects.get(original_order_identifier="ORD-1")
    exchanged(4, units=[optoro_unit(4, exchange_order_identifier=first.order_identifier)])
    exchanged(5, units=[])
    by_key = {found.placed.pk: found for found in settlements(store.pk) if found.placed}
    placed = list(ExchangeOrder.objects.order_by("pk"))
    assert len(by_key) == 5
    assert [settlements_of_placed([row])[0] for row in placed] == [by_key[row.pk] for row in placed]
    assert settlements_of_placed(placed) == [by_key[row.pk] for row in placed]
    assert settlements_of_placed(placed[1:4]) == [by_key[row.pk] for row in placed[1:4]]


def test_a_canceled_exchange_order_is_owed_nothing(store: Store, exchanged, send_order) -> None:
    placed = exchanged(1, items=[item(quantity=1), gift_card(product_amount_cents=2000)], units=[])
    canceled = builders.order(placed.order_identifier, status="Canceled", raw_status="canceled")
    with time_machine.travel(utc(2026, 2, 5, 12), tick=False):
        send_order(canceled)
    [row] = rows_of("settlement", store, DAY)
    assert (row["state"], row["goods"], row["bonus_credit"]) == ("canceled", 0, 0)
    # What was given is taken back on the day it was.
    assert sums_of("gift-cards", store, DAY)["USD"]["total"] == 2500
    later = "since=2026-02-05&until=2026-02-05"
    assert sums_of("gift-cards", store, later)["USD"] == {
        "gift_card": -2000,
        "bonus_credit": -500,
        "total": -2500,
    }
    assert rows_of("exposure", store) == []


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_canceled_exchange_order_adds_nothing_to_what_is_open(
    store: Store, exchanged, send_order, drain, is_settled: bool
) -> None:
    """Though Optoro still says that its units pay for it. What was settled all the same is too
    much; with it the totals are what the books say is owed."""
    exchanged(1)
    placed = exchanged(2, tracking="TRANSIT" if is_settled else None)
    with time_machine.travel(utc(2026, 2, 3, 18), tick=False):
        send_order(
            builders.order(placed.order_identifier, status="Canceled", raw_status="canceled")
        )
        drain()
    rows = {row["exchange_order"]: row for row in rows_of("settlement", store, DAY)}
    row = rows[placed.order_identifier]
    settled = 13056 if is_settled else 0
    assert (row["goods"], row["estimated"], row["settled"]) == (0, 13056, settled)
    assert (row["open"], row["decided"], row["difference"]) == (0, 0, settled)
    totals = sums_of("settlement", store, DAY)["USD"]
    assert totals["settled"] + totals["decided"] + totals["open"] - totals["goods"] == settled
    assert totals["difference"] == settled
    drawn = bars_of("settlement", store, "since=2026-02-02&until=2026-02-03")
    assert drawn == {"2026-02-02": 0, "2026-02-03": totals["goods"]}
    state = "canceled_settled" if is_settled else "canceled"
    narrowed = bars_of("settlement", store, f"since=2026-02-02&until=2026-02-03&state={state}")
    assert narrowed == {"2026-02-02": 0, "2026-02-03": 0}
    [owed] = [
        found
        for found in balances(postings_of(store.pk))
        if (found.account, found.currency) == (OPTORO_PAYABLE, "USD")
    ]
    assert owed.balance_cents == totals["goods"] - totals["settled"]


@pytest.mark.parametrize(
    ("zone", "first", "behind"),
    [
        ("America/Los_Angeles", utc(2026, 2, 3, 8), utc(2026, 2, 4, 8)),
        ("Asia/Tokyo", utc(2026, 2, 2, 15), utc(2026, 2, 3, 15)),
    ],
)
def test_days_are_the_stores(store: Store, exchanged, zone: str, first: Any, behind: Any) -> None:
    Store.objects.filter(pk=store.pk).update(time_zone=zone)
    store.refresh_from_db()
    second, cards = timedelta(seconds=1), [gift_card(bonus_credit_amount_cents=0)]
    for number, moment in enumerate((first - second, first, behind - second, behind)):
        exchanged(number, moment, items=cards)
    with time_machine.travel(utc(2026, 2, 20), tick=False):
        for name in ("settlement", "gift-cards", "exposure"):
            orders = [row["order"] for row in rows_of(name, store, DAY)]
            assert orders == ["ORD-1", "ORD-2"]
            assert len(rows_of(name, store, "since=2026-02-01&until=2026-02-28")) == 4


def test_gift_cards_are_what_their_account_says(store: Store, exchanged, refunded) -> None:
    placed = exchanged(1, items=[item(quantity=1), gift_card()], units=[])
    gift = {"gift_refund_only": True, "giftee_email": "g@example.com"}
    with time_machine.travel(utc(2026, 2, 3, 15), tick=False):
        refund = refunded(2, rma=gift)
    rows = rows_of("gift-cards", store, DAY)
    assert [
        (r["kind"], r["gift_card"], r["bonus_credit"], r["exchange_order"], r["refund"])
        for r in rows
    ] == [
        ("exchange.placed", 10000, 0, placed.order_identifier, ""),
        ("exchange.placed", 0, 500, placed.order_identifier, ""),
        ("payout.paid", 13056, 0, "", refund.identifier),
    ]
    sums = sums_of("gift-cards", store, DAY)["USD"]
    assert sums == {"gift_card": 23056, "bonus_credit": 500, "total": 23556}
    balances = rows_of("trial-balance", store, "until=2026-02-03")
    [liability] = [r for r in balances if r["account"] == GIFT_CARD_LIABILITY]
    assert liability["balance"] == -23556
    by_refund = sums_of("gift-cards", store, f"{DAY}&way=refund")["USD"]
    assert by_refund["total"] == 13056
    assert sums_of("gift-cards", store, f"{DAY}&way=exchange")["USD"]["total"] == 10500
    week = "since=2026-02-02&until=2026-02-04"
    assert bars_of("gift-cards", store, week) == {
        "2026-02-02": 0,
        "2026-02-03": 23556,
        "2026-02-04": 0,
    }


def test_bonus_credit_is_what_the_books_have_under_marketing(
    store: Store, exchanged, send_order
) -> None:
    given = exchanged(1, items=[gift_card(bonus_credit_amount_cents=500)], units=[])
    exchanged(
        2, utc(2026, 2, 5, 12), items=[item(), gift_card(bonus_credit_amount_cents=70)], units=[]
    )
    with time_machine.travel(utc(2026, 2, 6, 12), tick=False):
        send_order(builders.order(given.order_identifier, status="Canceled", raw_status="canceled"))
    figures = {}
    for since, until in (("02-01", "02-04"), ("02-05", "02-05"), ("02-06", "02-28")):
        days = f"since=2026-{since}&until=2026-{until}"
        told = sums_of("gift-cards", store, days)["USD"]["bonus_credit"]
        accounts = sums_by_account("trial-balance", store, f"mode=period&{days}")
        assert accounts[MARKETING] == told
        journal = rows_of("journal-by-account", store, f"{days}&account={MARKETING}")
        assert sum(row["net"] for row in journal) == told
        figures[since] = told
    assert figures == {"02-01": 500, "02-05": 70, "02-06": -500}


def sums_by_account(name: str, store: Store, query: str) -> dict[str, int]:
    return {row["account"]: row["balance"] for row in rows_of(name, store, query)}


def test_both_reports_say_which_bonus_credit_is_the_one_to_rely_on(finance) -> None:
    refunds = finance.get("/reports/refunds/").content.decode()
    assert "Bonus credit told by Optoro" in refunds
    assert ">Bonus credit<" not in refunds
    assert "Do not rely on it for what was given out" in refunds
    gift_cards = finance.get("/reports/gift-cards/").content.decode()
    assert "it is what the books have under marketing on these days" in gift_cards


def test_exposure_is_what_nobody_has_scanned(
    store: Store, exchanged, send_rma, drain, finance
) -> None:
    half = [optoro_unit(1), optoro_unit(1)]
    half[0]["package_tracking_status"] = "TRANSIT"
    two = [item(quantity=2)]
    exchanged(1, utc(2026, 2, 1, 12), items=two, units=half)
    exchanged(2, utc(2026, 1, 10, 12), tracking="TRANSIT")
    exchanged(3, utc(2026, 1, 10, 12), items=[gift_card()], units=[])
    exchanged(4, utc(2026, 1, 20, 12), status="CANCELED")
    exchanged(5, utc(2026, 1, 21, 12), return_method="customer-keep")
    exchanged(6, utc(2026, 1, 25, 12), tracking="PRE_TRANSIT")
    with time_machine.travel(utc(2026, 2, 3, 18), tick=False):
        rows = rows_of("exposure", store)
        seen = [
            (r["order"], r["days"], r["age"], r["awaited"], r["goods"], r["exposed"]) for r in rows
        ]
        assert seen == [
            ("ORD-3", 24, "14-29", 0, 10000, 10500),
            ("ORD-4", 14, "14-29", 0, 13056, 13056),
            ("ORD-6", 9, "7-13", 1, 13056, 13056),
            ("ORD-1", 2, "0-6", 1, 26112, 13056),
        ]
        assert bars_of("exposure", store) == {
            "0 to 6 days": 13056,
            "7 to 13 days": 13056,
            "14 to 29 days": 23556,
            "30 to 59 days": 0,
            "60 days and more": 0,
        }
        old = rows_of("exposure", store, "age=14-29")
        assert [r["order"] for r in old] == ["ORD-3", "ORD-4"]
        page = finance.get("/reports/exposure/").content.decode()
        assert 'href="/returns/RMA-6/"' in page
        assert (
            "No rows for these filters"
            in finance.get("/reports/exposure/?age=60%2B").content.decode()
        )
        # Once it is scanned, nobody waits for it.
        send_rma(builders.rma("RMA-6", [optoro_unit(6)], "TRANSIT", minute=5))
        drain()
    with time_machine.travel(utc(2026, 2, 4, 18), tick=False):
        assert [r["order"] for r in rows_of("exposure", store)] == ["ORD-3", "ORD-4", "ORD-1"]


@pytest.mark.parametrize("name", ["settlement", "gift-cards", "exposure"])
def test_currencies_stores_queries_and_the_period_before(
    name: str, store: Store, exchanged
) -> None:
    cards = [gift_card(bonus_credit_amount_cents=0)]
    with time_machine.travel(utc(2026, 2, 5), tick=False):
        exchanged(1, items=cards)
        one = queries_of(name, store, DAY)
        exchanged(2, items=cards, order={"currency": "EUR"})
        exchanged(3, items=cards)
        exchanged(4, utc(2026, 2, 2, 12), items=cards)
        assert queries_of(name, store, DAY) == one
        key = {"settlement": "goods", "gift-cards": "total", "exposure": "exposed"}[name]
        sums = sums_of(name, store, DAY)
        assert {code: found[key] for code, found in sums.items()} == {"USD": 20000, "EUR": 10000}
        before = before_of(name, store, DAY)
        # Who was exposed then is not who is now.
        assert before == {} if name == "exposure" else before["USD"][key] == 10000
        assert list(sums_of(name, store, f"{DAY}&currency=eur")) == ["EUR"]
        other = Store.objects.create(identifier="store-two", name="Two")
        assert rows_of(name, other, DAY) == []
        assert bars_of(name, other, DAY) == {}
        assert rows_of(name, store, DAY)[0].get("day", date(2026, 2, 3)) == date(2026, 2, 3)
