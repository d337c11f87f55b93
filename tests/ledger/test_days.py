"""Figures as of a day that were shown as final are never other ones."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from apps.ledger.days import settled_through
from apps.ledger.models import Books
from apps.ledger.queries import as_of, balances
from apps.ledger.services import book
from tests.ledger.test_booking import booking
from tests.support.reports import rows_of

pytestmark = pytest.mark.django_db
MARCH_3 = date(2026, 3, 3)
BEFORE_MIDNIGHT = datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 3, 4, 0, 0, 5, tzinfo=UTC)


def at(moment):
    return time_machine.travel(moment, tick=False)


def test_what_comes_with_a_clock_of_the_day_before_changes_no_settled_day(store):
    with at(BEFORE_MIDNIGHT):
        book(booking(store, "first", happened_at=BEFORE_MIDNIGHT))
    with at(AFTER_MIDNIGHT):
        shown = rows_of("trial-balance", store, "until=2026-03-03")
    assert {row["figures"] for row in shown} == {"final"}
    with at(BEFORE_MIDNIGHT):
        late = book(booking(store, "late", happened_at=BEFORE_MIDNIGHT))
    assert (late.booked_on, late.recorded_at) == (MARCH_3, datetime(2026, 3, 4, tzinfo=UTC))
    assert set(late.postings.values_list("recorded_at", flat=True)) == {late.recorded_at}
    with at(AFTER_MIDNIGHT):
        assert rows_of("trial-balance", store, "until=2026-03-03") == shown
    with at(datetime(2026, 3, 5, 12, tzinfo=UTC)):
        [known, *_] = rows_of("trial-balance", store, "until=2026-03-04")
        assert known["debit"] == 2 * shown[0]["debit"]


def test_days_are_settled_by_the_stores_clock_and_only_ever_forward(store):
    store.time_zone = "America/Los_Angeles"
    store.save()
    with at(datetime(2026, 3, 4, 7, 59, tzinfo=UTC)):
        assert settled_through(store) == date(2026, 3, 2)
    with at(datetime(2026, 3, 4, 8, tzinfo=UTC)):
        assert settled_through(store) == MARCH_3
    with at(datetime(2026, 2, 1, 8, tzinfo=UTC)):
        assert settled_through(store) == MARCH_3
        assert book(booking(store)).recorded_at == datetime(2026, 3, 4, 8, tzinfo=UTC)
    assert Books.objects.get().closed_through is None


def test_without_anything_settled_a_booking_is_recorded_when_it_is(store):
    with at(BEFORE_MIDNIGHT):
        made = book(booking(store, happened_at=BEFORE_MIDNIGHT))
        assert made.recorded_at == BEFORE_MIDNIGHT
    assert balances(as_of(store, MARCH_3))


@pytest.mark.parametrize(
    ("before", "shown_at", "after"),
    [
        ("UTC", datetime(2026, 3, 4, 1, tzinfo=UTC), "America/Los_Angeles"),
        ("America/Los_Angeles", datetime(2026, 3, 4, 9, tzinfo=UTC), "Asia/Tokyo"),
    ],
)
def test_a_settled_day_ends_where_it_ended_whatever_clock_the_store_has(
    store, before, shown_at, after
):
    store.time_zone = before
    store.save()
    noon, late = datetime(2026, 3, 3, 12, tzinfo=UTC), datetime(2026, 3, 3, 23, tzinfo=UTC)
    with at(noon):
        book(booking(store, "first", happened_at=noon))
    with at(late):
        book(booking(store, "second", happened_at=noon))
    with at(shown_at):
        shown = rows_of("trial-balance", store, "until=2026-03-03")
        entries = rows_of("entries", store, "until=2026-03-03&known=2026-03-03&since=2026-03-01")
        book(booking(store, "too late", happened_at=noon))
    assert {row["figures"] for row in shown} == {"final"}
    assert len(entries) == 2 * len(balances(as_of(store, MARCH_3))) // len(shown)
    store.time_zone = after
    store.save()
    with at(datetime(2026, 3, 6, 18, tzinfo=UTC)):
        assert rows_of("trial-balance", store, "until=2026-03-03") == shown
        again = rows_of("entries", store, "until=2026-03-03&known=2026-03-03&since=2026-03-01")
        assert again == entries
        assert settled_through(store) >= date(2026, 3, 5)
        spans = Books.objects.get().settled_zones
        assert [one["zone"] for one in spans] == [before, after]
