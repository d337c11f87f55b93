"""Today's figures: true at the borders of the store's days, and drawn to scale."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.common import clock
from apps.desk.charts import HEIGHT, WIDTH, bars
from apps.desk.reads.figures import Window, opened_by_day, paid_by_day, waits_by_day
from apps.desk.reads.home import figures_of
from apps.orders.models import Order
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit
from apps.stores.models import Store
from tests.desk.conftest import take

NEW_YORK = ZoneInfo("America/New_York")
# A Monday; the clocks of New York went back on Sunday, November 1.
NOW = datetime(2026, 11, 2, 17, 30, tzinfo=UTC)


@pytest.fixture
def shop(store: Store, optoro: object, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store in New York, at half past noon."""
    store.time_zone = "America/New_York"
    store.save()
    monkeypatch.setattr(clock, "now", lambda: NOW)
    cache.clear()
    return store


def opened(store: Store, name: str, moment: str, refund_type: str = "REFUND") -> Rma:
    rma = Rma.objects.create(
        store=store,
        rma_identifier=name,
        status="CREATED",
        return_method="mail-back",
        remote_created_at=datetime.fromisoformat(moment),
    )
    for ordinal in (1, 2):
        RmaUnit.objects.create(
            rma=rma,
            order_identifier="O",
            order_line_item_identifier="1",
            ordinal=ordinal,
            refund_type=refund_type,
            estimated_refund_amount_cents=1,
            optoro_refund_amount_cents=0,
            shopper_refund_amount_cents=1,
        )
    return rma


def paid(store: Store, order: Order, name: str, paid_at: str, cents: int, **more: object) -> Refund:
    moment = datetime.fromisoformat(paid_at)
    fields = {
        "destination": "original_payment",
        "currency": "USD",
        "approved_at": moment,
        "source": "automatic",
        **more,
    }
    return Refund.objects.create(
        store=store,
        identifier=name,
        order=order,
        paid_order=order,
        status="paid",
        reason="test",
        total_refund_amount_cents=cents,
        shopper_amount_cents=cents,
        created_at=moment,
        paid_at=moment,
        **fields,
    )


@pytest.mark.django_db
def test_days_are_the_stores_also_when_clocks_change(shop: Store) -> None:
    opened(shop, "R-1", "2026-11-01T03:59:59+00:00")  # Oct 31, 23:59:59 in summer time
    opened(shop, "R-2", "2026-11-01T04:00:00+00:00")  # Nov 1, midnight
    opened(shop, "R-3", "2026-11-02T04:59:59+00:00")  # Nov 1, 23:59:59: a day of 25 hours
    opened(shop, "R-4", "2026-11-02T05:00:00+00:00", "STANDARD_EXCHANGE")  # Nov 2, midnight
    opened(shop, "R-5", "2026-11-02T17:00:00+00:00")
    opened(shop, "R-6", "2026-10-20T03:59:59+00:00")  # the day before the first one shown
    opened(shop, "R-7", "2026-10-20T04:00:00+00:00")
    opened(shop, "R-8", "2026-11-03T05:00:00+00:00")  # tomorrow, by a clock that is fast
    window = Window.ending_now(NEW_YORK)
    series = opened_by_day(shop.pk, window)
    counts = {day.isoformat(): sums.count for day, sums in series.by_day.items() if sums.count}
    assert counts == {"2026-10-20": 1, "2026-10-31": 1, "2026-11-01": 2, "2026-11-02": 2}
    assert len(series.by_day) == 14
    assert [b - a for a, b in pairwise(window.days)] == [timedelta(days=1)] * 13
    assert (series.today.count, series.today.part) == (2, 1)
    assert (series.week.count, series.week.part) == (3, 0)


@pytest.mark.django_db
def test_today_is_compared_up_to_the_same_time_of_day(shop: Store) -> None:
    opened(shop, "R-1", "2026-10-26T16:30:00+00:00")  # 12:30 in summer time: not before 12:30
    opened(shop, "R-2", "2026-10-26T16:29:59+00:00")
    opened(shop, "R-3", "2026-10-26T03:59:59+00:00")  # the day before
    for name in ("R-4", "R-5", "R-6"):
        opened(shop, name, "2026-11-02T12:00:00+00:00")
    assert opened_by_day(shop.pk, Window.ending_now(NEW_YORK)).by_then.count == 1
    figure = figures_of(shop.pk, NEW_YORK)[0]
    assert figure.value == "3"
    assert figure.comparison == "2 more than by this time last Monday (1)"
    assert figure.days[0].text == "3"
    assert [day.text for day in figure.days if day.day.isoformat() == "2026-10-26"] == ["2"]


@pytest.mark.django_db
def test_amounts_keep_their_currencies_and_count_money_only(shop: Store) -> None:
    order = take(shop, identifier="ORD-1")
    paid(shop, order, "A", "2026-11-02T06:00:00+00:00", 1250)
    paid(shop, order, "B", "2026-11-02T07:00:00+00:00", 50)
    paid(shop, order, "C", "2026-11-02T07:00:00+00:00", 999, currency="EUR")
    paid(shop, order, "D", "2026-11-02T07:00:00+00:00", 777, destination="store_credit")
    paid(shop, order, "E", "2026-10-26T07:00:00+00:00", 300)
    series = paid_by_day(shop.pk, Window.ending_now(NEW_YORK))
    assert series.today.amounts == {"USD": 1300, "EUR": 999}
    assert series.today.count == 3
    figure = figures_of(shop.pk, NEW_YORK)[2]
    assert figure.value == "$13.00"
    assert figure.hint == "3 refunds; and €9.99; the bars are USD"
    assert figure.days[0].text == "€9.99 · $13.00"
    assert figure.comparison == "$10.00 more than by this time last Monday ($3.00)"
    decided = figures_of(shop.pk, NEW_YORK)[1]
    assert decided.value == "4"
    assert decided.hint == "€9.99, $20.77"


@pytest.mark.django_db
def test_the_wait_is_the_median_from_scan_to_paid(shop: Store) -> None:
    order = take(shop, identifier="ORD-1")
    scanned = datetime(2026, 11, 2, 6, tzinfo=UTC)
    for number, minutes in enumerate((10, 30, 200)):
        rma = opened(shop, f"R-{number}", "2026-11-01T12:00:00+00:00")
        Rma.objects.filter(pk=rma.pk).update(scanned_at=scanned)
        moment = (scanned + timedelta(minutes=minutes)).isoformat()
        paid(shop, order, f"A-{number}", moment, 100, rma=rma)
    paid(shop, order, "B", "2026-11-02T07:00:00+00:00", 100)  # of no return: no scan
    series = waits_by_day(shop.pk, Window.ending_now(NEW_YORK))
    assert (series.today.count, series.today.median_seconds) == (3, 1800)
    figure = figures_of(shop.pk, NEW_YORK)[4]
    assert (figure.value, figure.hint) == ("30 min", "median of 3 refunds")
    assert figure.comparison == "nothing paid in the 7 days before"


@pytest.mark.django_db
def test_a_median_of_very_many_is_kept_for_a_minute(shop: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.desk.reads.figures._VERY_MANY", 2)
    order = take(shop, identifier="ORD-1")
    scanned = datetime(2026, 11, 2, 6, tzinfo=UTC)

    def pay(number: int) -> None:
        rma = opened(shop, f"R-{number}", "2026-11-01T12:00:00+00:00")
        Rma.objects.filter(pk=rma.pk).update(scanned_at=scanned)
        moment = (scanned + timedelta(minutes=number)).isoformat()
        paid(shop, order, f"A-{number}", moment, 100, rma=rma)

    def today() -> tuple[int, float | None]:
        sums = waits_by_day(shop.pk, Window.ending_now(NEW_YORK)).today
        return sums.count, sums.median_seconds

    pay(10)
    assert today() == (1, 600)
    pay(20)
    assert today() == (2, 900)
    pay(30)
    assert today() == (3, 1200)
    pay(60)
    assert today() == (3, 1200)
    cache.clear()
    assert today() == (4, 1500)


@pytest.mark.django_db
def test_the_days_before_are_read_once_a_minute_and_today_always(shop: Store) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            figures_of(shop.pk, NEW_YORK)
        return len(queries)

    assert count() == 12
    assert count() == 4
    opened(shop, "R-1", "2026-11-02T12:00:00+00:00")
    assert figures_of(shop.pk, NEW_YORK)[0].value == "1"


@pytest.mark.django_db
def test_figures_are_of_one_store(shop: Store, other_store: Store) -> None:
    opened(other_store, "R-1", "2026-11-02T12:00:00+00:00")
    assert figures_of(shop.pk, NEW_YORK)[0].value == "0"
    assert figures_of(other_store.pk, NEW_YORK)[0].value == "1"


@pytest.mark.django_db
def test_a_drawing_has_a_name_and_its_numbers_beside_it(shop: Store, lead: Client) -> None:
    opened(shop, "R-1", "2026-11-02T12:00:00+00:00")
    page = lead.get("/").content.decode()
    drawings = re.findall(r'<svg class="chart"[^>]*role="img">\s*<title>([^<]+)</title>', page)
    assert len(drawings) == 5
    assert drawings[0] == ("Returns opened, the last 14 days: today 1, yesterday 0, Tue Oct 20 0")
    assert len(re.findall(r"<tr><th scope=\"row\">Today</th>", page)) == 5
    assert '<th scope="row">Sun Nov 1</th><td class="num">0</td>' in page


def test_bars_are_to_scale_and_nothing_is_not_zero() -> None:
    drawn = bars([0, 5, None, 10], ["a", "b", "c", "d"])
    assert [bar.label for bar in drawn] == ["a", "b", "d"]
    assert [bar.height for bar in drawn] == [0, HEIGHT / 2, HEIGHT]
    assert [bar.y for bar in drawn] == [HEIGHT, HEIGHT / 2, 0]
    assert [bar.is_last for bar in drawn] == [False, False, True]
    assert drawn[-1].x + drawn[-1].width == WIDTH
    assert bars([1, 1000], ["a", "b"])[0].height == 1.5
    assert [bar.height for bar in bars([0, 0], ["a", "b"])] == [0, 0]
    with pytest.raises(ValueError, match="negative"):
        bars([-1], ["a"])
