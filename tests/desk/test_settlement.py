"""The settlement page: what Optoro is owed, what pays for it, and what does not fit."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.common import money
from apps.exchanges.models import ExchangeOrder
from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.desk.conftest import deliver, exchange, take, work_off
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db

EXCHANGED = {
    "refund_type": "INSTANT_EXCHANGE",
    "is_exchange": True,
    "refund_financials": {
        "estimated_refund_amount_cents": 13056,
        "shopper_refund_amount_cents": 0,
        "optoro_refund_amount_cents": 13056,
    },
}


@pytest.fixture
def orders(store: Store, optoro: FakeOptoro) -> list[ExchangeOrder]:
    """ORD-1 exchanged and settled, ORD-2 exchanged and paid for by too little, ORD-3 by nothing."""
    for number in (1, 2, 3):
        take(store, identifier=f"ORD-{number}")
        exchange(
            store,
            f"ORD-{number}",
            rma_identifier=f"RMA-{number}",
            payment={"transaction_id": f"transaction-{number}"},
        )
    rows = list(ExchangeOrder.objects.order_by("pk"))
    for row, count, tracking in ((rows[0], 4, "TRANSIT"), (rows[1], 3, None)):
        name = row.original_order_identifier
        unit = builders.unit(name, exchange_order_identifier=row.order_identifier, **EXCHANGED)
        rma = builders.rma(row.rma_identifier, [unit] * count, tracking=tracking)
        deliver(store, rma)
    work_off()
    return rows


def get(browser: Client, query: str = "") -> str:
    answer = browser.get(f"{reverse('desk:settlement')}?{query}")
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def rows_of(page: str) -> list[str]:
    """Each row of the table as plain text."""
    body = page.split("<tbody>")[1].split("</tbody>")[0] if "<tbody>" in page else ""
    return [
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip()
        for row in body.split("<tr data-row>")[1:]
    ]


def named(page: str) -> list[str]:
    return [row.split(" ")[0] for row in rows_of(page)]


def test_exact_figures(orders: list[ExchangeOrder], lead: Client) -> None:
    names = [row.order_identifier for row in orders]
    nothing, less, settled = rows_of(get(lead))
    assert settled.startswith(
        f"{names[0]} for ORD-1 Transaction transaction-1 Matches RMA-1 "
        "$522.24 $0.00 $522.24 $522.24 $0.00 $0.00 $0.00"
    )
    assert less.startswith(
        f"{names[1]} for ORD-2 Transaction transaction-2 Units pay less The units pay $391.68 for "
        f"exchange order {names[1]}, $130.56 less than its goods of $522.24. RMA-2 "
        "$522.24 $0.00 $391.68 $0.00 $0.00 $391.68 −$130.56"
    )
    assert nothing.startswith(
        f"{names[2]} for ORD-3 Transaction transaction-3 No unit names it No unit names exchange"
    )


def test_sums_per_currency(orders: list[ExchangeOrder], lead: Client) -> None:
    page = get(lead)
    sums = re.search(r'aria-label="Sums in USD".*?</section>', page, re.S)
    assert sums
    figures = re.findall(r'<dd class="num">(?:<a [^>]+>)?([^<]+)</', sums[0])
    assert figures == ["$1,566.72", "$913.92", "$522.24", "$0.00", "$391.68", "2"]
    assert "of 3 exchange orders" in sums[0]
    assert "$522.24" in get(lead, "state=matches").split('aria-label="Sums in USD"')[1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=different", {1, 2}),
        ("state=matches", {0}),
        ("state=less", {1}),
        ("state=no_unit", {2}),
        ("state=open", {1}),
        ("state=canceled", set()),
        ("search=TRANSACTION-2", {1}),
        ("search=rma-1", {0}),
        ("search=ORD-3", {2}),
        ("search=nothing", set()),
        ("since=2000-01-01&until=2099-12-31", {0, 1, 2}),
        ("until=2000-01-01", set()),
        ("state=nonsense", {0, 1, 2}),
        ("since=yesterday", {0, 1, 2}),
        ("page=99", {0, 1, 2}),
    ],
)
def test_filters(query: str, expected: set[int], orders: list[ExchangeOrder], lead: Client) -> None:
    page = get(lead, query)
    assert set(named(page)) == {orders[n].order_identifier for n in expected}
    assert ("No results for this filter" in page) is (not expected)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", [2, 1, 0]),
        ("placed", [0, 1, 2]),
        ("identifier", [0, 1, 2]),
        ("-identifier", [2, 1, 0]),
        ("difference", [2, 1, 0]),
        ("state", [0, 1, 2]),
        ("-state", [2, 1, 0]),
        ("-open", [1, 2, 0]),
        ("password", [2, 1, 0]),
    ],
)
def test_sorting(sort: str, expected: list[int], orders: Any, lead: Client) -> None:
    assert named(get(lead, f"sort={sort}")) == [orders[n].order_identifier for n in expected]


def test_what_differs_comes_first_and_its_number_leads_to_it(
    orders: list[ExchangeOrder], lead: Client
) -> None:
    ExchangeOrder.objects.filter(pk=orders[0].pk).update(placed_at="2030-01-01T00:00:00Z")
    page = get(lead)
    assert named(page) == [orders[n].order_identifier for n in (2, 1, 0)]
    assert '<a href="?state=different">2</a>' in page
    assert named(get(lead, "sort=-placed"))[0] == orders[0].order_identifier


def test_the_whole_transaction_is_there_though_it_is_shown_short(
    orders: list[ExchangeOrder], lead: Client
) -> None:
    whole = "8ef05fb8-283e-4edd-a3d7-47f9fe520cfe"
    ExchangeOrder.objects.filter(pk=orders[0].pk).update(transaction_id=whole)
    page = get(lead, "search=47F9FE520")
    assert named(page) == [orders[0].order_identifier]
    assert f'short" title="{whole}"><span class="hidden">Transaction </span>{whole}</span>' in page


def test_units_without_an_exchange_order(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    assert "Nothing to settle yet." in get(lead)
    deliver(store, builders.rma(units=[builders.unit("ORD-LATER", **EXCHANGED)]))
    work_off()
    [row] = rows_of(get(lead))
    assert row.startswith("none for ORD-LATER No exchange order Units of RMA-1 pay ¤130.56")


@pytest.fixture
def days(orders: list[ExchangeOrder], monkeypatch: pytest.MonkeyPatch) -> list[ExchangeOrder]:
    """The three of them on three days, of which a page looks at two."""
    monkeypatch.setattr("apps.desk.reads.settlement.MOST_ORDERS", 1)
    for day, row in enumerate(orders, 5):
        placed_at = f"2026-01-{day:02d}T17:00:00Z"
        ExchangeOrder.objects.filter(pk=row.pk).update(placed_at=placed_at)
    return orders


@pytest.mark.parametrize(
    ("query", "expected", "has_older"),
    [
        ("", [2, 1], True),
        ("state=matches", [], True),
        ("until=2026-01-06", [1, 0], False),
        ("since=2026-01-01", [2, 1, 0], False),
        ("since=2026-01-05&until=2026-01-05", [0], False),
        # A whole name is found in all of them, a part of one where the page looks.
        ("search=transaction-1", [0], True),
        ("search=TRANSACTION-1", [0], True),
        ("search=ORD-1", [0], True),
        ("search=rma-1", [0], True),
        ("search=transaction", [2, 1], True),
        ("search=transaction-1&state=less", [], True),
        ("search=transaction-1&since=2026-01-06", [], False),
    ],
)
def test_the_newest_days_are_looked_at(
    query: str,
    expected: list[int],
    has_older: bool,
    days: list[ExchangeOrder],
    lead: Client,
) -> None:
    page = get(lead, query)
    assert named(page) == [days[n].order_identifier for n in expected]
    assert ("placed since Jan 6, 2026" in page) is has_older
    assert ("until=2026-01-05" in page) is (has_older or "until=2026-01-05" in query)
    if expected:
        assert f"of {len(expected)} exchange order" in page.split('aria-label="Sums in USD"')[1]


def test_a_refund_is_found_however_old_it_is(days: list[ExchangeOrder], lead: Client) -> None:
    [refund] = Refund.objects.all()
    assert refund.rma_identifier == "RMA-1"
    assert named(get(lead, f"search={refund.identifier}")) == [days[0].order_identifier]


def test_more_of_the_newest_days_cost_no_more_queries(
    days: list[ExchangeOrder], lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count(most: int) -> tuple[int, int]:
        monkeypatch.setattr("apps.desk.reads.settlement.MOST_ORDERS", most)
        with CaptureQueriesContext(connection) as queries:
            page = get(lead)
        assert "placed since Jan" in page
        return len(rows_of(page)), len(queries)

    ExchangeOrder.objects.filter(pk=days[0].pk).update(placed_at="2026-01-09T17:00:00Z")
    get(lead)
    assert count(0) == (1, 10)
    assert count(2) == (3, 10)


def test_the_menu_leads_there(orders: Any, lead: Client) -> None:
    page = lead.get("/").content.decode()
    assert re.search(r'href="/exchanges/".*?href="/settlement/"[^>]*>\s*Settlement', page, re.S)
    assert lead.get("/settlement").status_code in (301, 302)


def test_the_goods_of_a_canceled_exchange_order_count_as_nothing(
    orders: list[ExchangeOrder], lead: Client, store: Store
) -> None:
    """Goods, what is settled and the difference stand in one row: they must add up."""
    name = orders[2].order_identifier
    take(store, identifier=name, status="Canceled")
    page = " ".join(get(lead, f"search={name}").split())
    cell = re.search(r'data-label="Goods">(.*?)</td>', page)
    assert cell
    goods = money.show(orders[2].total_amount_cents, "USD")
    assert cell[1] == f'$0.00<br><span class="muted small">{goods} canceled</span>'
