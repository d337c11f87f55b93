"""The refund report: every figure, each filter, both edges of a range, and totals that agree."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.refunds.models import Payout, RefundItem
from apps.reports.asking import ask, question_of
from apps.reports.csv_writing import csv_stream
from apps.reports.reading import batches, compared, page, stream, totals
from apps.reports.refund_report import COLUMNS, REFUNDS
from apps.reports.types import Question
from apps.stores.models import Store
from tests.support import builders
from tests.support.refunds import raw_refund, utc

pytestmark = pytest.mark.django_db

ALL = "period=all"


def asking(store: Store, query: str = ALL) -> Question:
    return question_of(REFUNDS, store, query)


def rows(store: Store, query: str = ALL) -> list[dict[str, Any]]:
    keys = [column.key for column in COLUMNS]
    return [dict(zip(keys, row, strict=True)) for row in stream(REFUNDS, asking(store, query))]


def names(store: Store, query: str) -> list[str]:
    return [row["refund"] for row in rows(store, query)]


def test_a_row_says_everything_of_a_refunded_unit(refunded: Any, store: Store) -> None:
    unit = builders.unit(
        cents=12345,
        return_reason="Too small",
        warehouse_receipt_condition="A",
        sku="SHIRT-M",
    )
    line = builders.line(
        sku="SHIRT-M",
        quantity=3,
        product_amount_cents=30000,
        unit_price_amount_cents=10000,
        discount_amount_cents=1000,
        tax_amount_cents=2001,
    )
    order = {"lines": [line], "shipping_amount_cents": 500, "concept": "Northwind"}
    refund = refunded(1, units=[{**unit, "order_identifier": "ORD-1"}], order=order)
    payout = Payout.objects.get(refund=refund)
    (row,) = rows(store)
    assert row == {
        "refund": refund.identifier,
        "decided_at": refund.created_at,
        "paid_at": refund.paid_at,
        "booked_on": refund.booked_on,
        "reported_at": refund.reported_at,
        "confirmed_at": None,
        "store": store.name,
        "brand": "Northwind",
        "order": "ORD-1",
        "paid_order": "ORD-1",
        "exchange_order": "",
        "rma": "RMA-1",
        "status": "paid",
        "payout": str(payout.idempotency_key),
        "sku": "SHIRT-M",
        "title": "Black T-Shirt",
        "return_reason": "Too small",
        "reason": refund.reason,
        "return_method": "mail-back",
        "trigger": "default",
        "condition": "A",
        "quantity": 1,
        "original_product": 10000,
        "original_discount": 333,
        "original_tax": 667,
        "original_shipping": 166,
        "refunded_product": 11548,
        "refunded_tax": 797,
        "refunded_total": 12345,
        "shopper": 12345,
        "optoro": 0,
        "retained": 0,
        "told_bonus_credit": 0,
        "currency": "USD",
        "destination": "original_payment",
        "gateway": "simulated",
        "reference": payout.gateway_reference,
        "kind": "goods",
        "source": "automatic",
        "author": "",
        "approver": "",
        "note": "",
    }
    assert row["paid_at"] is not None
    assert row["reported_at"] is not None


def test_several_payments_multiply_no_rows(store: Store) -> None:
    refund = raw_refund(store, 1, [{}, {}], paid_at=utc(2026, 1, 1))
    for gateway, reference, status in (
        ("simulated", "sim_1", "paid"),
        ("manual", "man_1", "paid"),
        ("stripe", "str_1", "declined"),
    ):
        Payout.objects.create(
            refund=refund,
            store=refund.store,
            gateway=gateway,
            amount_cents=1000,
            currency="USD",
            transaction_identifier=reference,
            status=status,
            gateway_reference=reference,
        )
    found = rows(store)
    assert [(row["gateway"], row["reference"]) for row in found] == [
        ("simulated, manual", "sim_1, man_1")
    ] * 2
    assert len(found[0]["payout"].split(", ")) == 2
    (total,) = totals(REFUNDS, asking(store))
    assert (total.rows, total.sums["refunded_total"]) == (2, 2000)


ZONES = {"west": "America/Los_Angeles", "utc": "UTC", "east": "Pacific/Auckland"}
# Days with an edge: ends of months, a leap day, and those on which these clocks change.
DAYS = ("2024-02-29", "2025-12-31", "2026-01-31", "2026-03-08", "2026-04-05", "2026-11-01",
        "2025-09-28")  # fmt: skip


@pytest.mark.parametrize("zone", ZONES.values(), ids=ZONES)
@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("by", ["paid", "decided", "reported", "confirmed"])
def test_both_edges_of_a_day_are_the_stores(store: Store, zone: str, day: str, by: str) -> None:
    store.time_zone = zone
    store.save()
    clock = ZoneInfo(zone)
    first = datetime.fromisoformat(day).replace(tzinfo=clock).astimezone(UTC)
    following = date.fromisoformat(day) + timedelta(days=1)
    behind = datetime(following.year, following.month, following.day, tzinfo=clock)
    end = behind.astimezone(UTC)
    moments = {
        "before": first - timedelta(microseconds=1),
        "first": first,
        "last": end - timedelta(microseconds=1),
        "behind": end,
    }
    field = {"decided": "created_at"}.get(by, f"{by}_at")
    for n, (name, moment) in enumerate(moments.items()):
        dates = {"created_at": utc(2000, 1, 1), "paid_at": utc(2000, 1, 1), field: moment}
        raw_refund(store, n, identifier=name, **dates)
    assert names(store, f"by={by}&since={day}&until={day}") == ["first", "last"]
    assert names(store, f"by={by}&since={day}") == ["first", "last", "behind"]
    assert names(store, f"by={by}&until={day}")[-3:] == ["before", "first", "last"]
    hours = (end - first).total_seconds() / 3600
    assert hours in (23, 24, 25)
    shown = [row[field if by != "decided" else "decided_at"] for row in rows(
        store, f"by={by}&since={day}&until={day}")]  # fmt: skip
    assert {moment.astimezone(clock).date().isoformat() for moment in shown} == {day}


def test_the_chart_puts_a_moment_on_the_stores_day(store: Store) -> None:
    store.time_zone = "America/Los_Angeles"
    store.save()
    raw_refund(store, 1, paid_at=utc(2026, 3, 9, 6, 59))
    raw_refund(store, 2, paid_at=utc(2026, 3, 9, 7, 0))
    chart = REFUNDS.chart(asking(store, "since=2026-03-07&until=2026-03-09"))
    assert chart is not None
    assert [(point.label, point.value) for point in chart.points] == [
        ("2026-03-07", 0),
        ("2026-03-08", 1000),
        ("2026-03-09", 1000),
    ]
    monthly = REFUNDS.chart(asking(store, ALL))
    assert monthly is not None
    assert [(point.label, point.value) for point in monthly.points] == [("2026-03", 2000)]


FILTERS = {
    "status=proposed": "other",
    "status=any": "both",
    "status=": "live",
    "currency=eur": "other",
    "brand=Acme": "other",
    "order=RAW-2": "other",
    "paid_order=RAW-2": "other",
    "rma=RMA-9": "other",
    "refund=RD-2": "other",
    "sku=sku-9": "other",
    "title=BLUE": "other",
    "return_reason=Torn": "other",
    "reason=goodwill": "other",
    "return_method=home-pickup": "other",
    "trigger=receipt": "other",
    "condition=B": "other",
    "quantity=0": "other",
    "kind=goodwill": "other",
    "destination=gift_card": "other",
    "source=staff": "other",
    "author=ana": "other",
    "approver=ben": "other",
    "note=CALLED": "other",
    "gateway=stripe": "other",
    "reference=re_1": "other",
    "payout=00000000-0000-0000-0000-000000000009": "other",
    "gateway=stripe&reference=nothing": "none",
    "amount_of=tax_amount_cents&amount_from=2&currency=EUR": "other",
    "amount_of=amount_cents&amount_to=10&currency=USD": "one",
    "amount_of=amount_cents&amount_to=10.009&amount_from=9.991&currency=USD": "one",
    "amount_of=amount_cents&amount_from=10.001&currency=USD": "none",
    "exchange_order=EX-1": "none",
}


@pytest.mark.parametrize("query", FILTERS)
def test_every_filter_keeps_what_fits(store: Store, query: str) -> None:
    from apps.accounts.models import User

    raw_refund(store, 1, [{"title": "Red"}])
    other = raw_refund(
        store,
        2,
        [
            {
                "title": "Deep blue",
                "sku": "sku-9",
                "concept": "Acme",
                "return_reason": "Torn",
                "return_method": "home-pickup",
                "trigger": "receipt",
                "warehouse_receipt_condition": "B",
                "quantity": 0,
                "tax": 200,
                "product": 1800,
            }
        ],
        status="proposed",
        currency="EUR",
        rma_identifier="RMA-9",
        reason="goodwill",
        kind="goodwill",
        destination="gift_card",
        source="staff",
        author=User.objects.create(username="ana"),
        approver=User.objects.create(username="ben"),
        note="We called her",
    )
    raw_refund(store, 3, status="canceled", currency="GBP")
    Payout.objects.create(
        refund=other,
        store=other.store,
        gateway="stripe",
        amount_cents=1,
        currency="EUR",
        gateway_reference="re_1",
        idempotency_key="00000000-0000-0000-0000-000000000009",
    )
    expected = {
        "one": ["RD-1"],
        "other": ["RD-2"],
        "live": ["RD-1", "RD-2"],
        "both": ["RD-1", "RD-2", "RD-3"],
        "none": [],
    }
    assert names(store, f"{ALL}&by=decided&{query}") == expected[FILTERS[query]]


def test_every_filter_is_tried_above() -> None:
    tried = {part.partition("=")[0] for query in FILTERS for part in query.split("&")}
    assert set(REFUNDS.filters.base_fields) == tried | {"by", "since", "until", "period"}


def test_the_exchange_order_of_a_unit_is_found(refunded: Any, store: Store) -> None:
    unit = builders.unit("ORD-1", exchange_order_identifier="EX-1")
    refund = refunded(1, units=[unit])
    assert names(store, f"{ALL}&exchange_order=EX-1") == [refund.identifier]
    assert rows(store)[0]["exchange_order"] == "EX-1"
    assert names(store, f"{ALL}&exchange_order=EX-2") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2026-02-30", "since"),
        ("since=0001-01-01", "since"),
        ("since=2026-02-02&until=2026-02-01", "until"),
        ("period=sometimes", "period"),
        ("by=someday", "by"),
        ("status=odd", "status"),
        ("quantity=-1", "quantity"),
        ("payout=odd", "payout"),
        ("amount_from=1&currency=USD", "amount_from"),
        ("amount_to=1&amount_of=amount_cents", "amount_to"),
        ("amount_to=NaN&amount_of=amount_cents&currency=USD", "amount_to"),
        ("sku=%00", "sku"),
    ],
)
def test_what_cannot_be_used_is_named(store: Store, query: str, field: str) -> None:
    asked = ask(REFUNDS, store, query)
    assert asked.question is None
    assert list(asked.form.errors) == [field]


def test_an_address_has_one_form(store: Store, time_machine: Any) -> None:
    time_machine.move_to(utc(2026, 5, 17, 12))
    asked = asking(store, "x=1&sku= a &period=last_month&by=paid")
    assert asked.query == "by=paid&period=last_month&sku=a"
    assert asked.pinned == "since=2026-04-01&until=2026-04-30&by=paid&sku=a"
    named = asking(store, "period=last_month&since=2026-01-01")
    assert named.query == "since=2026-01-01"
    assert named.pinned == "since=2026-01-01"
    assert asking(store, "").pinned == "since=2026-05-01&until=2026-05-17"
    assert asking(store, ALL).pinned == ALL


def test_totals_stand_beside_those_of_the_period_before(store: Store) -> None:
    raw_refund(store, 1, [{}, {}], paid_at=utc(2026, 2, 10))
    raw_refund(store, 2, paid_at=utc(2026, 2, 9, 23))
    raw_refund(store, 3, paid_at=utc(2026, 2, 10), currency="EUR")
    found = compared(REFUNDS, asking(store, "since=2026-02-10&until=2026-02-10"))
    assert [
        (one.totals.currency, one.totals.rows, one.before and one.before.sums["refunded_total"])
        for one in found
    ] == [("USD", 2, 1000), ("EUR", 1, 0)]
    assert [one.before for one in compared(REFUNDS, asking(store))] == [None, None]


def test_pages_and_batches_go_on_where_the_last_one_ended(store: Store) -> None:
    moment = utc(2026, 2, 10)
    for number in range(4):
        raw_refund(store, number, [{}, {}, {}], paid_at=moment + timedelta(seconds=number // 2))
    asked = asking(store)
    whole = list(stream(REFUNDS, asked))
    assert len(whole) == 12
    for size in (1, 2, 5, 12, 13):
        parts = [list(batch.rows) for batch in batches(REFUNDS, asked, size=size)]
        assert [row for part in parts for row in part] == whole
        assert [len(part) for part in parts][:-1] == [size] * (len(parts) - 1)
    assert page(REFUNDS, asked, None).end is None
    with pytest.raises(ValueError, match="a position has 3 parts"):
        page(REFUNDS, asked, ["2026-02-10"])
    good = "2026-02-10T00:00:00+00:00"
    assert len(page(REFUNDS, asked, [good, 0, 0]).rows) == 12
    for odd in (
        ["x", 1, 1],
        ["2026-02-10T00:00:00", 1, 1],
        ["0001-01-01T00:00:00+14:00", 1, 1],
        ["2026-02-30T00:00:00+00:00", 1, 1],
        [1, 1, 1],
        [good, True, 1],
        [good, 2**70, 1],
        [good, good, 1],
        [good, 1, None],
        {"a": 1},
    ):
        with pytest.raises(ValueError, match=r"position|out of range"):
            page(REFUNDS, asked, odd)


def test_reading_costs_the_same_queries_however_many_rows(store: Store) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as found:
            list(stream(REFUNDS, asking(store)))
        return len(found)

    raw_refund(store, 1)
    one = count()
    for number in (2, 3, 4):
        raw_refund(store, number, [{}, {}])
    assert count() == one == 3


def test_another_stores_refunds_are_not_there(store: Store) -> None:
    raw_refund(Store.objects.create(identifier="two", name="Two"), 1)
    assert rows(store) == []
    assert totals(REFUNDS, asking(store)) == []


CURRENCIES = ("USD", "EUR", "JPY", "KWD")
VALUES = {
    "by": ["paid", "decided", "reported", "confirmed"],
    "since": ["2026-01-01", "2026-01-31", "2026-02-01", "2026-03-08"],
    "until": ["2026-03-08", "2026-03-09", "2026-12-31"],
    "status": ["any", "paid", "canceled", "proposed"],
    "currency": CURRENCIES,
    "sku": ["sku-0", "sku-1"],
    "return_method": ["mail-back", "customer-keep"],
    "source": ["automatic", "staff"],
    "quantity": ["0", "1", "3"],
}
FIELDS = {
    "currency": "refund__currency",
    "sku": "sku",
    "return_method": "return_method",
    "source": "refund__source",
    "quantity": "quantity",
}
MOMENT = {"decided": "refund__created_at"}
LIVE = {"proposed", "approved", "paying", "paid", "unknown"}


@pytest.fixture
def books(store: Store) -> list[dict[str, Any]]:
    """A few dozen refunds of all kinds; returns their raw items."""
    store.time_zone = "America/New_York"
    store.save()
    for number in range(40):
        # Around midnight on the store's clock, on the days that the filters name.
        day = utc(2026, (1, 2, 3)[number % 3], (31, 1, 8)[number % 3], (4, 5)[number % 2])
        moment = day + timedelta(minutes=(number % 7) - 3)
        status = ("paid", "paid", "canceled", "proposed")[number % 4]
        items = [
            {
                "sku": f"sku-{(number + n) % 2}",
                "product": 1 + number * 37 % 500,
                "tax": n * 7,
                "optoro": number % 2,
                "bonus_credit": number % 3,
                "quantity": (1, 0, 3)[n % 3],
                "return_method": ("mail-back", "customer-keep")[n % 2],
            }
            for n in range(1 + number % 3)
        ]
        raw_refund(
            store,
            number,
            items,
            currency=CURRENCIES[number % 4],
            status=status,
            source=("automatic", "staff")[number % 2],
            created_at=moment,
            paid_at=moment if status != "proposed" else None,
            reported_at=moment if number % 2 else None,
            confirmed_at=moment if number % 5 == 0 else None,
        )
    names = ["refund__status", "refund__created_at", *FIELDS.values(), "amount_cents"]
    names += ["tax_amount_cents", "bonus_credit_amount_cents", "optoro_amount_cents"]
    names += [f"refund__{name}_at" for name in ("paid", "reported", "confirmed")]
    return list(RefundItem.objects.values(*names))


def fits(item: dict[str, Any], asked: dict[str, str]) -> bool:
    """What the filters mean, said once more, on one raw item."""
    by = asked.get("by", "paid")
    moment = item[MOMENT.get(by, f"refund__{by}_at")]
    if moment is None:
        return False
    day = moment.astimezone(ZoneInfo("America/New_York")).date().isoformat()
    if not asked.get("since", "") <= day <= asked.get("until", "9999"):
        return False
    status = asked.get("status", "")
    if status != "any" and (item["refund__status"] not in ({status} if status else LIVE)):
        return False
    return all(str(item[FIELDS[name]]) == asked[name] for name in FIELDS if name in asked)


def added(items: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for item in items:
        sums = found.setdefault(item["refund__currency"], [0] * 6)
        for n, name in enumerate(
            ("amount_cents", "tax_amount_cents", "bonus_credit_amount_cents",
             "optoro_amount_cents", "quantity")
        ):  # fmt: skip
            sums[n] += item[name]
        sums[5] += 1
    return {currency: tuple(sums) for currency, sums in found.items()}


KEYS = ("refunded_total", "refunded_tax", "told_bonus_credit", "optoro", "quantity")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    asked=st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}
    )
)
def test_screen_file_and_plain_addition_agree(
    books: list[dict[str, Any]], store: Store, asked: dict[str, str]
) -> None:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    if "since" not in asked and "until" not in asked:
        query += "&period=all"
    question = asking(store, query)
    expected = added([item for item in books if fits(item, asked)])
    on_screen = {
        found.currency: (*(found.sums[key] for key in KEYS), found.rows)
        for found in totals(REFUNDS, question)
    }
    assert on_screen == expected
    got = b"".join(csv_stream(REFUNDS, question)).decode("utf-8-sig")
    read = list(csv.DictReader(io.StringIO(got, newline="")))
    lines = [row for row in read if row["refund"] != "Total"]
    in_file = {row["currency"]: row for row in read if row["refund"] == "Total"}
    digits = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
    assert set(in_file) == set(expected)
    for currency, row in in_file.items():
        cents = [_cents(row[key], digits[currency]) for key in KEYS[:4]]
        count = len([line for line in lines if line["currency"] == currency])
        assert (*cents, int(row["quantity"]), count) == expected[currency]


def _cents(text: str, digits: int) -> int:
    whole, _, rest = text.partition(".")
    assert len(rest) == digits
    return int(whole + rest)
