"""Four records of the same money, each added up by itself: the refund report, the books, the
gateway's own record, and what Optoro was told."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client

from apps.ledger.rules import (
    CASH_OUTSIDE,
    FEE_INCOME,
    GIFT_CARD_LIABILITY,
    GOODWILL,
    MARKETING,
    OPTORO_PAYABLE,
    SALES_RETURNS,
    SALES_TAX,
    SHOPPER_PAYABLE,
    cash,
)
from apps.payments.models import SimulatedPayment
from apps.stores.models import Store
from tests.conftest import basic
from tests.flows.test_kinds_of_return import KINDS
from tests.support import builders
from tests.support.optoro import FakeOptoro
from tests.support.plays import Stage, Step
from tests.support.reports import rows_of, sums_of

pytestmark = pytest.mark.django_db
CURRENCIES = ("USD", "JPY", "KWD")
ALL = "period=all"
OUTSIDE = {
    "identifier": "OUT-1",
    "total_refund_amount_cents": 13056,
    "refund_line_items": [{"identifier": "a", "quantity": 1, "order_item_identifier": "1"}],
    "created_at": "2026-01-25T10:00:00Z",
}
PAID = f"{ALL}&by=paid&status=paid"
Sums = Counter[str]


def told_of(steps: Iterable[Step], number: int) -> list[Step]:
    """The same messages of orders and returns of other names, in one of three currencies."""
    currency = CURRENCIES[number % 3]

    def renamed(body: Any) -> Any:
        text = json.dumps(body).replace("ORD-1", f"ORD-{number}").replace("RMA-1", f"RMA-{number}")
        return json.loads(text.replace('"USD"', f'"{currency}"'))

    return [Step(step.kind, renamed(step.body), step.key) for step in steps]


@pytest.fixture
def played(
    store: Store, api: Client, optoro: FakeOptoro, drain: Callable[[], str]
) -> list[dict[str, Any]]:
    """Every kind of return in one store, beside goodwill and a refund made outside; returns the
    last snapshot of each order that Optoro was sent."""
    stage = Stage(api, basic(), drain)
    usual = [kind for kind in KINDS if not kind.policy]
    assert len(usual) > 15
    for number, kind in enumerate(usual, start=100):
        stage.play(told_of(kind.steps, number))
    stage.play([Step("order", builders.order("ORD-GOODWILL"))])
    stage.play([Step("order", builders.order("ORD-OUTSIDE", refunds=[OUTSIDE]))])
    answer = api.post(
        "/api/v1/refunds",
        {"order_identifier": "ORD-GOODWILL", "goodwill_amount_cents": 777, "reason": "late"},
        content_type="application/json",
        headers={"Idempotency-Key": "goodwill"},
    )
    assert answer.status_code == 201, answer.content
    drain()
    return list({snapshot["identifier"]: snapshot for snapshot in optoro.snapshots}.values())


def books(store: Store) -> dict[str, dict[str, int]]:
    """Debits less credits of each account, by currency."""
    found: dict[str, dict[str, int]] = {}
    for row in rows_of("trial-balance", store, f"{ALL}&mode=period"):
        found.setdefault(row["currency"], {})[row["account"]] = row["balance"]
    return found


def test_all_records_of_the_money_say_the_same(store: Store, played: Any) -> None:
    check_all_records(store, played)
    check_settlement_and_gift_cards(store)
    check_days_and_people(store)


def check_all_records(store: Store, played: Any) -> None:
    report = sums_of("refunds", store, PAID)
    assert set(report) == set(CURRENCIES)
    balances = books(store)
    gateway: Sums = Counter()
    for payment in SimulatedPayment.objects.filter(outcome="paid"):
        gateway[payment.currency] += payment.amount_cents
    optoro: Sums = Counter()
    for snapshot in played:
        for refund in snapshot["refunds"]:
            optoro[snapshot["currency"]] += refund["total_refund_amount_cents"]
    given_before = _store_credit(store)
    issued = sums_of("gift-cards", store, f"{ALL}&way=refund")
    for code in CURRENCIES:
        sums, accounts = report[code], balances[code]

        def balance(name: str, accounts: dict[str, int] = accounts) -> int:
            return accounts.get(name, 0)

        # What Optoro was told is what is paid, here or outside.
        assert optoro[code] == sums["refunded_total"]
        outside = -balance(CASH_OUTSIDE)
        assert outside == (13056 if code == "USD" else 0)
        # By the gateway left the shoppers' part, but for store credit, which went out before.
        on_gift_cards = issued.get(code, {"total": 0})["total"]
        assert gateway[code] == sums["shopper"] - given_before[code] - outside
        assert gateway[code] == -balance(cash("simulated")) + on_gift_cards
        assert gateway[code] > 0
        # What is given back is what is owed, and nothing is owed to shoppers any more but what
        # waits for approval or payment.
        live = sums_of("refunds", store, f"{ALL}&by=decided&currency={code}")[code]
        proposed = sums_of("refunds", store, f"{ALL}&by=decided&currency={code}&status=proposed")
        owed = live["refunded_total"] - proposed.get(code, {"refunded_total": 0})["refunded_total"]
        sales = _sales_tax_of_exchanges(store, code)
        assert balance(SALES_RETURNS) + balance(SALES_TAX) + balance(GOODWILL) + sales == owed
        assert balance(FEE_INCOME) == -sums["retained"]
        unpaid = owed - sums["refunded_total"]
        assert balance(SHOPPER_PAYABLE) == -unpaid
        assert sum(accounts.values()) == 0


def _store_credit(store: Store) -> Sums:
    found: Sums = Counter()
    for row in rows_of("refunds", store, f"{PAID}&destination=store_credit"):
        found[row["currency"]] += row["shopper"]
    return found


def _sales_tax_of_exchanges(store: Store, currency: str) -> int:
    """What exchange orders put on the tax account."""
    rows = rows_of("entries", store, f"{ALL}&account={SALES_TAX}&currency={currency}")
    signs = {"exchange.placed": 1, "exchange.placed.reversed": -1}
    return sum(row["amount"] * signs.get(row["kind"], 0) for row in rows)


def check_settlement_and_gift_cards(store: Store) -> None:
    balances = books(store)
    paid = sums_of("refunds", store, PAID)
    settled = sums_of("settlement", store, ALL)
    issued = sums_of("gift-cards", store, ALL)
    given_before = _store_credit(store)
    assert set(settled) >= {"USD", "JPY"}
    for code, sums in settled.items():
        # Optoro has advanced the goods; refunds pay that back, and store credit told as theirs.
        advanced = balances[code].get(OPTORO_PAYABLE, 0)
        assert advanced == sums["goods"] - paid[code]["optoro"] - given_before[code]
        assert balances[code].get(MARKETING, 0) == sums["bonus_credit"]
    for code, sums in issued.items():
        assert balances[code].get(GIFT_CARD_LIABILITY, 0) == -sums["total"]
        assert balances[code].get(MARKETING, 0) == sums["bonus_credit"]
    assert any(sums["bonus_credit"] for sums in issued.values())


def check_days_and_people(store: Store) -> None:
    refunds, people = sums_of("refunds", store, PAID), sums_of("people", store, PAID)
    journal, entries = sums_of("journal", store, ALL), sums_of("entries", store, ALL)
    accounts = sums_of("journal-by-account", store, ALL)
    for code in CURRENCIES:
        for key in ("refunded_total", "shopper", "optoro", "quantity"):
            assert people[code][key] == refunds[code][key]
        assert journal[code] == {"amount": entries[code]["amount"]} | {
            "postings": len(rows_of("entries", store, f"{ALL}&currency={code}"))
        }
        assert accounts[code] == {
            "debit": journal[code]["amount"],
            "credit": journal[code]["amount"],
            "net": 0,
        }
    made = SimulatedPayment.objects.filter(outcome="paid").aggregate(Sum("amount_cents"))
    elsewhere = sum(_store_credit(store).values()) + int(OUTSIDE["total_refund_amount_cents"])
    assert made["amount_cents__sum"] == sum(s["shopper"] for s in refunds.values()) - elsewhere
