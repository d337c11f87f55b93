"""Open returns by age, the way from scan to payment, return rates and reasons."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from apps.refunds.models import Refund
from apps.rmas.models import Rma
from apps.stores.models import Store
from tests.support import builders
from tests.support.refunds import utc
from tests.support.reports import bars_of, before_of, queries_of, rows_of, sums_of

pytestmark = pytest.mark.django_db
DAY = "since=2026-02-03&until=2026-02-03"
FEBRUARY = "since=2026-02-01&until=2026-02-28"
NOW = utc(2026, 2, 20, 18)


@pytest.fixture
def returned(optoro: Any, send_order: Any, send_rma: Any, drain: Any, store: Store) -> Any:
    """Takes an order and its return in."""

    def make(number: int = 1, *, order: Any = None, units: Any = None, **rma: Any) -> Rma:
        name = f"ORD-{number}"
        send_order(builders.order(name, **(order or {})))
        units = units or [builders.unit(name)]
        send_rma(builders.rma(f"RMA-{number}", units, **rma))
        drain()
        return Rma.objects.get(rma_identifier=f"RMA-{number}")

    return make


def made(*parts: int) -> dict[str, str]:
    return {"created_at": utc(*parts).isoformat()}


# --- Open returns --------------------------------------------------------------------------------


def test_open_returns_by_age_and_what_they_wait_for(store: Store, returned, finance) -> None:
    with time_machine.travel(NOW, tick=False):
        returned(1, **made(2026, 1, 1, 12))
        two = [builders.unit("ORD-2"), builders.unit("ORD-2", cents=10000)]
        two[0].update(package_tracking_status="TRANSIT")
        returned(2, units=two, **made(2026, 2, 10, 12))
        returned(3, tracking="DELIVERED", **made(2026, 2, 14, 12))
        returned(4, status="PENDING_EXCHANGE", **made(2026, 2, 20, 12))
        returned(5, status="CANCELED", **made(2026, 2, 20, 12))
        returned(6, status="REFUNDED", tracking="DELIVERED", **made(2026, 2, 20, 12))
        rows = rows_of("open-returns", store)
        seen = [
            (r["rma"], r["days"], r["age"], r["waits"], r["units"], r["open_units"], r["open"])
            for r in rows
        ]
        assert seen == [
            ("RMA-1", 50, "30-59", "not_sent", 1, 1, 13056),
            # The unit that is on its way is refunded at its scan: it is not open any more.
            ("RMA-2", 10, "7-13", "on_its_way", 2, 1, 10000),
            ("RMA-3", 6, "0-6", "delivered", 1, 0, 0),
            ("RMA-4", 0, "0-6", "exchange", 1, 1, 13056),
        ]
        assert sums_of("open-returns", store) == {
            "USD": {"units": 5, "open_units": 3, "estimated": 62224, "open": 36112}
        }
        assert list(bars_of("open-returns", store).values()) == [2, 1, 0, 1, 0]
        for age, names in (("0-6", ["RMA-3", "RMA-4"]), ("7-13", ["RMA-2"]), ("14-29", [])):
            assert [r["rma"] for r in rows_of("open-returns", store, f"age={age}")] == names
        waits = rows_of("open-returns", store, "waits=delivered")
        assert [r["rma"] for r in waits] == ["RMA-3"]
        page = finance.get("/reports/open-returns/").content.decode()
        assert 'href="/returns/RMA-1/"' in page
        empty = finance.get("/reports/open-returns/?age=60%2B").content.decode()
        assert "None of the returns that were created on these days is open." in empty


def test_a_return_without_a_known_order_has_no_currency(store: Store, send_rma, drain) -> None:
    with time_machine.travel(NOW, tick=False):
        send_rma(builders.rma("RMA-9", [builders.unit("nobody-knows")], created_at=None))
        drain()
        [row] = rows_of("open-returns", store)
        # Optoro does not say when it was created: the day it came in counts.
        assert (row["currency"], row["days"], row["open"]) == ("XXX", 0, 13056)


@pytest.mark.parametrize(
    ("zone", "first", "behind"),
    [
        ("America/Los_Angeles", (2026, 2, 3, 8), (2026, 2, 4, 8)),
        ("Asia/Tokyo", (2026, 2, 2, 15), (2026, 2, 3, 15)),
    ],
)
def test_days_of_returns_are_the_stores(
    store: Store, returned, zone: str, first: Any, behind: Any
) -> None:
    Store.objects.filter(pk=store.pk).update(time_zone=zone)
    store.refresh_from_db()
    second = timedelta(seconds=1)
    moments = (utc(*first) - second, utc(*first), utc(*behind) - second, utc(*behind))
    with time_machine.travel(NOW, tick=False):
        for number, moment in enumerate(moments):
            returned(
                number,
                order={"created_at": moment.isoformat()},
                created_at=moment.isoformat(),
            )
        assert [r["rma"] for r in rows_of("open-returns", store, DAY)] == ["RMA-1", "RMA-2"]
        # The ages are days on that clock, too.
        days = [r["days"] for r in rows_of("open-returns", store)]
        today = 20 if zone.startswith("America") else 21
        assert days == [today - 2, today - 3, today - 3, today - 4]
        assert sums_of("return-reasons", store, DAY)[""]["units"] == 2
        assert sums_of("return-rate", store, DAY)[""] == {"sold": 8, "returned": 2}
        assert sums_of("return-rate", store, FEBRUARY)[""] == {"sold": 16, "returned": 4}


# --- From scan to paid ---------------------------------------------------------------------------


def waited(refund: Refund, paid: Any, hours: float) -> None:
    Refund.objects.filter(pk=refund.pk).update(paid_at=paid)
    Rma.objects.filter(pk=refund.rma_id).update(scanned_at=paid - timedelta(hours=hours))


def test_median_and_percentile_of_each_week(store: Store, refunded, finance) -> None:
    # Ten refunds of the week from Monday, 2026-02-02, and two of the week after.
    for number, hours in enumerate([1, 2, 3, 4, 5, 7, 8, 9, 20, 100]):
        waited(refunded(number), utc(2026, 2, 2 + number % 7, 12), hours)
    waited(refunded(20), utc(2026, 2, 9, 0), 6)
    waited(refunded(21), utc(2026, 2, 15, 23, 59), 30.5)
    rows = rows_of("scan-to-paid", store, FEBRUARY)
    assert [tuple(row.values()) for row in rows] == [
        ("2026-02-02", 10, 6.0, 20.0, None, None, None),
        ("2026-02-09", 2, 18.2, 30.5, 10, 6.0, 20.0),
    ]
    assert bars_of("scan-to-paid", store, FEBRUARY) == {"2026-02-02": 6, "2026-02-09": 18}
    # Only the days that are asked for are in a week.
    [row] = rows_of("scan-to-paid", store, "since=2026-02-02&until=2026-02-04")
    assert (row["refunds"], row["median_hours"], row["p90_hours"]) == (6, 6.0, 100.0)
    page = finance.get(f"/reports/scan-to-paid/?{FEBRUARY}").content.decode()
    assert "since=2026-02-02" in page
    assert "until=2026-02-08" in page
    week = "by=paid&status=paid&since=2026-02-02&until=2026-02-08"
    assert len(rows_of("refunds", store, week)) == 10


@pytest.mark.parametrize("size", range(1, 13))
def test_percentiles_are_exact_whatever_the_number(size: int, store: Store, refunded) -> None:
    from apps.reports.scan_to_paid_report import _summary

    waits = {n: timedelta(hours=n) for n in range(1, size + 1)}
    _, median, late = _summary(size, waits)
    assert median == timedelta(hours=(size + 1) / 2)
    # The smallest wait that nine in ten do not exceed.
    assert late == timedelta(hours=min(n for n in waits if n * 10 >= size * 9))


def test_methods_stand_beside_the_period_before(store: Store, refunded) -> None:
    waited(refunded(1), utc(2026, 2, 3, 12), 4)
    waited(refunded(2), utc(2026, 2, 2, 12), 9)
    keep = {"return_method": "customer-keep"}
    waited(refunded(3, rma=keep), utc(2026, 2, 3, 12), 2)
    # Paid before any scan: nobody waited for that.
    waited(refunded(4), utc(2026, 2, 3, 12), -1)
    rows = rows_of("scan-to-paid", store, f"{DAY}&rows=method")
    assert [tuple(row.values()) for row in rows] == [
        ("customer-keep", 1, 2.0, 2.0, None, None, None),
        ("mail-back", 1, 4.0, 4.0, 1, 9.0, 9.0),
    ]
    assert before_of("scan-to-paid", store, DAY) == {"": {"refunds": 1}}
    [row] = rows_of("scan-to-paid", store, f"{DAY}&rows=trigger")
    assert (row["group"], row["refunds"], row["median_hours"]) == ("default", 2, 3.0)
    one = rows_of("scan-to-paid", store, f"{DAY}&return_method=mail-back")
    assert [r["refunds"] for r in one] == [1]
    assert rows_of("scan-to-paid", store, f"{DAY}&trigger=receipt") == []


# --- Rates and reasons ---------------------------------------------------------------------------


def sold(number: int, **changes: Any) -> dict[str, Any]:
    return {"created_at": utc(2026, 2, 3, 12).isoformat(), "concept": "north", **changes}


def test_the_rate_is_units_returned_of_units_shipped(store: Store, returned, send_order) -> None:
    lines = [builders.line("1"), builders.line("2", quantity=2, quantity_shipped=1)]
    units = [builders.unit("ORD-1"), builders.unit("ORD-1", return_reason="Too Small")]
    units.append(builders.unit("ORD-1", return_reason="Too Small"))
    units.append(builders.unit("ORD-1", "2", return_reason=""))
    returned(1, order={**sold(1), "lines": lines}, units=units)
    returned(2, order=sold(2, concept="south"), status="CANCELED")
    send_order(builders.order("ORD-3", **sold(3, created_at=utc(2026, 2, 10).isoformat())))
    rows = rows_of("return-rate", store, DAY)
    assert [tuple(row.values()) for row in rows] == [
        ("sku-1", "Black T-Shirt", 8, 3, 3 / 8, "Too Small", 2, 2 / 3),
        ("sku-2", "Black T-Shirt", 1, 1, 1.0, "", 1, 1.0),
    ]
    brands = rows_of("return-rate", store, f"{DAY}&rows=brand")
    assert [(r["group"], r["sold"], r["returned"], r["rate"]) for r in brands] == [
        ("north", 5, 4, 0.8),
        ("south", 4, 0, 0.0),
    ]
    weeks = rows_of("return-rate", store, f"{FEBRUARY}&rows=week")
    assert [(r["group"], r["sold"], r["returned"]) for r in weeks] == [
        ("2026-02-02", 9, 4),
        ("2026-02-09", 4, 0),
    ]
    assert sums_of("return-rate", store, f"{DAY}&sku=sku-2") == {"": {"sold": 1, "returned": 1}}
    assert bars_of("return-rate", store, DAY) == {"sku-1": 3, "sku-2": 1}
    assert bars_of("return-rate", store, f"{DAY}&rows=brand") == {"north": 4}
    assert bars_of("return-rate", store, f"{FEBRUARY}&rows=week") == {
        "2026-02-02": 4,
        "2026-02-09": 0,
    }


def test_reasons_alone_and_within_sku_brand_and_week(store: Store, returned, finance) -> None:
    units = [builders.unit("ORD-1"), builders.unit("ORD-1", return_reason="Too Small")]
    units[1]["receiving_status"] = "RECEIVED"
    returned(1, order=sold(1), units=units, **made(2026, 2, 3, 12))
    returned(2, order=sold(2, concept="south"), **made(2026, 2, 9, 12))
    returned(3, status="CANCELED", **made(2026, 2, 3, 12))
    rows = rows_of("return-reasons", store, FEBRUARY)
    assert [tuple(row.values()) for row in rows] == [
        ("All", "Changed Mind", 2, 2 / 3, 2, 0),
        ("All", "Too Small", 1, 1 / 3, 1, 1),
    ]
    brands = rows_of("return-reasons", store, f"{FEBRUARY}&rows=brand")
    assert [(r["group"], r["reason"], r["units"], r["share"]) for r in brands] == [
        ("north", "Changed Mind", 1, 0.5),
        ("north", "Too Small", 1, 0.5),
        ("south", "Changed Mind", 1, 1.0),
    ]
    weeks = rows_of("return-reasons", store, f"{FEBRUARY}&rows=week&reason=Changed+Mind")
    assert [(r["group"], r["units"]) for r in weeks] == [("2026-02-02", 1), ("2026-02-09", 1)]
    assert bars_of("return-reasons", store, FEBRUARY) == {"Changed Mind": 2, "Too Small": 1}
    page = finance.get(f"/reports/return-rate/?{FEBRUARY}").content.decode()
    sums = sums_of("return-rate", store, FEBRUARY)[""]
    assert (
        f'<dt>Return rate</dt><dd class="num">{sums["returned"] / sums["sold"]:.1%}</dd>'
        in "".join(line.strip() for line in page.splitlines())
    )
    assert "/reports/return-reasons/?period=all&amp;sku=sku-1" in page
    assert len(rows_of("return-reasons", store, "period=all&sku=sku-1")) == 2
    empty = finance.get("/reports/return-reasons/?since=2020-01-01&until=2020-01-02")
    assert "No return was created on these days." in empty.content.decode()


@pytest.mark.parametrize("name", ["open-returns", "scan-to-paid", "return-rate", "return-reasons"])
def test_stores_queries_and_the_period_before(name: str, store: Store, returned) -> None:
    def add(number: int, day: int, **changes: Any) -> None:
        moment = utc(2026, 2, day, 12)
        with time_machine.travel(moment, tick=False):
            units = [builders.unit(f"ORD-{number}"), builders.unit(f"ORD-{number}")]
            units[0]["package_tracking_status"] = "TRANSIT"
            returned(
                number,
                order={"created_at": moment.isoformat(), **changes},
                units=units,
                created_at=moment.isoformat(),
                updated_at=moment.isoformat(),
            )

    with time_machine.travel(NOW, tick=False):
        add(1, 3)
        one = queries_of(name, store, DAY)
        add(2, 3, currency="EUR")
        add(3, 3)
        add(4, 2)
        assert queries_of(name, store, DAY) == one
        key = {"open-returns": "open_units", "scan-to-paid": "refunds"}.get(name)
        key = key or {"return-rate": "returned", "return-reasons": "units"}[name]
        now, before = sums_of(name, store, DAY), before_of(name, store, DAY)
        each = {"open_units": 1, "refunds": 1, "returned": 2, "units": 2}[key]
        if name == "open-returns":
            assert {code: found[key] for code, found in now.items()} == {"USD": 2, "EUR": 1}
            assert before == {}  # what was open then is not what is open now
        else:
            assert now[""][key] == 3 * each
            assert before[""][key] == each
        other = Store.objects.create(identifier="store-two", name="Two")
        assert rows_of(name, other, "period=all") == []
        assert bars_of(name, other, "period=all") == {}
