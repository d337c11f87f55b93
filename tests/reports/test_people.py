"""Refunds by author and approver are the refund report, added up."""

from typing import Any

import pytest

from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import person
from tests.support.refunds import utc
from tests.support.reports import bars_of, before_of, queries_of, rows_of, sums_of

pytestmark = pytest.mark.django_db
DAY = "since=2026-02-03&until=2026-02-03"


def by(refund: Refund, author: str = "", approver: str = "") -> None:
    """Puts a refund down to people."""
    Refund.objects.filter(pk=refund.pk).update(
        author=person(author) if author else None,
        approver=person(approver) if approver else None,
        source="staff" if author else "automatic",
    )


def test_a_row_for_each_author_with_each_approver(store: Store, refunded, finance) -> None:
    for number, names in enumerate([("ann",), ("ann", "bob"), ("ann", "bob"), ()]):
        by(refunded(number, paid=utc(2026, 2, 3, 12)), *names)
    by(refunded(9, paid=utc(2026, 2, 4, 12)), "ann")
    rows = rows_of("people", store, DAY)
    seen = [
        (r["author"], r["approver"], r["source"], r["refunds"], r["quantity"], r["refunded_total"])
        for r in rows
    ]
    assert seen == [
        ("ann", "bob", "staff", 2, 2, 26112),
        ("", "", "automatic", 1, 1, 13056),
        ("ann", "", "staff", 1, 1, 13056),
    ]
    assert [r["largest"] for r in rows] == [13056, 13056, 13056]
    refunds = sums_of("refunds", store, DAY)["USD"]
    people = sums_of("people", store, DAY)["USD"]
    assert people["refunded_total"] == refunds["refunded_total"] == 52224
    assert (people["shopper"], people["optoro"]) == (refunds["shopper"], refunds["optoro"])
    assert bars_of("people", store, DAY) == {"ann": 39168, "Automatic": 13056}
    # Each row leads to its refunds, those of nobody too.
    page = finance.get(f"/reports/people/?{DAY}").content.decode()
    assert "author=%28nobody%29&amp;approver=%28nobody%29&amp;source=automatic" in page
    nobody = f"{DAY}&author=(nobody)&approver=(nobody)&source=automatic&currency=USD"
    assert len(rows_of("refunds", store, nobody)) == 1
    alone = f"{DAY}&author=ann&approver=(nobody)&source=staff&currency=USD"
    assert len(rows_of("refunds", store, alone)) == 1


def test_a_refund_of_several_units_counts_once(store: Store, refunded) -> None:
    units = [builders.unit(cents=13056), builders.unit(cents=10000)]
    by(refunded(1, units=units, paid=utc(2026, 2, 3, 12)), "ann")
    [row] = rows_of("people", store, DAY)
    assert (row["refunds"], row["quantity"], row["largest"]) == (1, 2, 23056)


@pytest.mark.parametrize(
    ("zone", "inside", "outside"),
    [
        ("America/Los_Angeles", [utc(2026, 2, 3, 8), utc(2026, 2, 4, 7, 59)], utc(2026, 2, 4, 8)),
        ("Asia/Tokyo", [utc(2026, 2, 2, 15), utc(2026, 2, 3, 14, 59)], utc(2026, 2, 3, 15)),
    ],
)
def test_days_are_the_stores(store: Store, refunded, zone: str, inside: Any, outside: Any) -> None:
    Store.objects.filter(pk=store.pk).update(time_zone=zone)
    store.refresh_from_db()
    for number, moment in enumerate([*inside, outside]):
        refunded(number, paid=moment)
    assert sums_of("people", store, DAY)["USD"]["refunds"] == 2
    assert sums_of("people", store, "since=2026-02-03&until=2026-02-04")["USD"]["refunds"] == 3


def test_currencies_stores_and_the_period_before(store: Store, refunded) -> None:
    refunded(1, paid=utc(2026, 2, 3, 12))
    one = queries_of("people", store, DAY)
    refunded(2, paid=utc(2026, 2, 3, 12), order={"currency": "EUR"})
    refunded(3, paid=utc(2026, 2, 2, 12))
    sums = sums_of("people", store, DAY)
    assert {code: found["refunds"] for code, found in sums.items()} == {"USD": 1, "EUR": 1}
    assert before_of("people", store, DAY)["USD"]["refunds"] == 1
    assert queries_of("people", store, DAY) == one
    other = Store.objects.create(identifier="store-two", name="Two")
    assert rows_of("people", other, DAY) == []
    assert bars_of("people", other, DAY) == {}
