"""The refund files of closed months: together they are every refund, and what the books say."""

import csv
import io
from collections import Counter
from datetime import date
from typing import Any

import pytest
import time_machine

from apps.ledger.models import PeriodEvent
from apps.ledger.rules import CASH_OUTSIDE, SHOPPER_PAYABLE
from apps.refunds.models import Refund, RefundItem
from apps.reports.closing import close_month, files_of
from apps.reports.exports import file_of
from apps.reports.models import Export
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import person
from tests.support.refunds import utc
from tests.support.reports import rows_of

pytestmark = pytest.mark.django_db
OUTSIDE = {
    "total_refund_amount_cents": 13056,
    "refund_line_items": [{"identifier": "a", "quantity": 1, "order_item_identifier": "1"}],
}


def outside(name: str, created_at: str) -> dict[str, Any]:
    return {**OUTSIDE, "identifier": name, "created_at": created_at}


def at(moment: Any) -> Any:
    return time_machine.travel(moment, tick=False)


def close(store: Store, month: date, drain: Any, user_id: int) -> Counter[str]:
    """Closes a month; returns how many rows its refund file has of each refund."""
    closing = close_month(store=store, month=month, user_id=user_id, note="")
    drain()
    return refunds_in(closing)


def refunds_in(closing: PeriodEvent) -> Counter[str]:
    return Counter(row["refund"] for row in lines_of(closing))


def lines_of(closing: PeriodEvent) -> list[dict[str, str]]:
    [file] = [
        file
        for file in files_of([closing])[closing.pk]
        if (file.report, file.format) == ("refunds", "csv")
    ]
    assert file.state == Export.State.DONE
    text = b"".join(file_of(file)).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    return [row for row in rows if row["refund"] != "Total"]


@pytest.fixture
def closer(db: None) -> int:
    return person("closer").pk


def test_closings_have_every_refund_once_and_add_up_to_the_books(
    store: Store, refunded: Any, send_order: Any, drain: Any, closer: int
) -> None:
    with at(utc(2026, 1, 20, 12)):
        in_january = refunded(1).identifier
        # Nothing is paid to the shopper: there is no payment that could date it.
        figures = {
            "estimated_refund_amount_cents": 13056,
            "shopper_refund_amount_cents": 0,
            "optoro_refund_amount_cents": 13056,
        }
        kind = {"refund_type": "INSTANT_EXCHANGE", "is_exchange": True}
        units = [builders.unit("ORD-2", refund_financials=figures, **kind)]
        settled = refunded(2, units=units).identifier
    with at(utc(2026, 2, 3, 12)):
        assert close(store, date(2026, 1, 1), drain, closer) == {in_january: 1, settled: 1}
        # Made before its month was closed, and told after.
        send_order(
            builders.order(identifier="ORD-3", refunds=[outside("OUT-1", "2026-01-25T10:00:00Z")])
        )
        in_february = refunded(4).identifier
        drain()
    with at(utc(2026, 3, 3, 12)):
        assert close(store, date(2026, 2, 1), drain, closer) == {in_february: 1, "OUT-1": 1}
        send_order(
            builders.order(identifier="ORD-5", refunds=[outside("OUT-2", "2026-03-02T10:00:00Z")])
        )
        drain()
    with at(utc(2026, 4, 3, 12)):
        assert close(store, date(2026, 3, 1), drain, closer) == {"OUT-2": 1}
    closings = PeriodEvent.objects.filter(kind="closed")
    found = [row for closing in closings for row in lines_of(closing)]
    assert Counter(row["refund"] for row in found) == Counter(
        RefundItem.objects.values_list("refund__identifier", flat=True)
    )
    told = [row for row in found if row["refund"].startswith("OUT-")]
    assert [(row["booked_on"], row["paid_at"][:10]) for row in told] == [
        ("2026-02-01", "2026-01-25"),
        ("2026-03-02", "2026-03-02"),
    ]
    balances = {
        row["account"]: row
        for row in rows_of("trial-balance", store, "mode=period&until=2026-03-31")
    }
    assert balances[SHOPPER_PAYABLE]["balance"] == 0
    paid = balances[SHOPPER_PAYABLE]["debit"] + balances[CASH_OUTSIDE]["credit"]
    assert sum(cents(row["shopper"]) for row in found) == paid == 4 * 13056
    refunds = Refund.objects.values_list("total_refund_amount_cents", flat=True)
    assert sum(cents(row["refunded_total"]) for row in found) == sum(refunds) == 5 * 13056


def cents(amount: str) -> int:
    return round(float(amount) * 100)


def test_the_refund_report_asked_by_the_day_in_the_books_goes_on_from_page_to_page(
    store: Store, refunded: Any, finance: Any
) -> None:
    with at(utc(2026, 2, 3, 12)):
        refund = refunded(1)
        rows = rows_of("refunds", store, "by=booked&since=2026-02-03&until=2026-02-03")
        assert [(row["refund"], row["booked_on"]) for row in rows] == [
            (refund.identifier, date(2026, 2, 3))
        ]
        assert rows_of("refunds", store, "by=booked&until=2026-02-02") == []
        page = finance.get("/reports/refunds/?by=booked&since=2026-02-01&until=2026-02-28")
        assert refund.identifier in page.content.decode()
        place = '["2026-02-02", 1, 1]'
        page = finance.get(f"/reports/refunds/?by=booked&since=2026-02-01&after={place}")
        assert refund.identifier in page.content.decode()


def test_the_first_month_that_is_closed_takes_all_before_it_into_its_files(
    store: Store, refunded: Any, drain: Any, closer: int
) -> None:
    with at(utc(2026, 1, 20, 12)):
        before = refunded(1).identifier
    with at(utc(2026, 3, 3, 12)):
        late = refunded(2).identifier
        assert close(store, date(2026, 2, 1), drain, closer) == {before: 1}
    with at(utc(2026, 4, 3, 12)):
        assert close(store, date(2026, 3, 1), drain, closer) == {late: 1}


def test_the_balances_at_the_end_of_a_month_are_kept_beside_what_moved_in_it(
    store: Store, refunded: Any, drain: Any, closer: int
) -> None:
    """Those of one month and what moved in the next are those of the next."""
    with at(utc(2026, 2, 20, 12)):
        refunded(1)
    with at(utc(2026, 3, 3, 12)):
        refunded(2)
        close(store, date(2026, 2, 1), drain, closer)
    with at(utc(2026, 4, 3, 12)):
        close(store, date(2026, 3, 1), drain, closer)
    february, march = PeriodEvent.objects.filter(kind="closed").order_by("month")
    names = {file.name for file in files_of([march])[march.pk] if file.report == "trial-balance"}
    assert names == {
        "trial-balance-store-one-2026-03-01-2026-03-31.csv",
        "trial-balance-store-one-until-2026-03-31.csv",
    }
    *_, until_february = balances_in(february)
    moved, until_march = balances_in(march)
    assert moved[SHOPPER_PAYABLE] == {"debit": 13056, "credit": 13056, "balance": 0}
    assert set(until_march) == set(moved) | set(until_february)
    for account, figures in until_march.items():
        assert figures["balance"] == (
            moved[account]["balance"] + until_february[account]["balance"]
        ), account
    assert any(figures["balance"] for figures in until_march.values())


def balances_in(closing: PeriodEvent) -> list[dict[str, dict[str, int]]]:
    """The closing's files of balances, in the order they are made: cents by account."""
    found = []
    for file in files_of([closing])[closing.pk]:
        if file.report == "trial-balance":
            read = csv.DictReader(io.StringIO(b"".join(file_of(file)).decode("utf-8-sig")))
            rows = [row for row in read if row["account"] != "Total"]
            found.append(
                {
                    row["account"]: {key: cents(row[key]) for key in ("debit", "credit", "balance")}
                    for row in rows
                }
            )
    return found
