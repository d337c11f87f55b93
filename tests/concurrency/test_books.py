"""On PostgreSQL, with real commits: a booking that is under way when its day ends."""

import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction

from apps.ledger import days
from apps.ledger.services import book
from tests.ledger.test_booking import booking
from tests.support.reports import rows_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
BEFORE_MIDNIGHT = datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 3, 4, 0, 0, 5, tzinfo=UTC)
AS_OF = "until=2026-03-03"


def under_way(store: Any, is_booked: threading.Event, may_commit: threading.Event) -> None:
    """Books within a transaction that ends when it may."""
    try:
        with transaction.atomic():
            book(booking(store, "late", happened_at=BEFORE_MIDNIGHT))
            is_booked.set()
            assert may_commit.wait(30)
    finally:
        is_booked.set()
        connection.close()


def test_a_day_is_not_final_while_somebody_is_still_booking(store, monkeypatch):
    monkeypatch.setattr(days, "MOST_MILLISECONDS", 100)
    is_booked, may_commit = threading.Event(), threading.Event()
    with time_machine.travel(BEFORE_MIDNIGHT, tick=False) as clock:
        book(booking(store, "first", happened_at=BEFORE_MIDNIGHT))
        worker = threading.Thread(target=under_way, args=(store, is_booked, may_commit))
        worker.start()
        assert is_booked.wait(30)
        clock.move_to(AFTER_MIDNIGHT)
        before = rows_of("trial-balance", store, AS_OF)
        assert {row["figures"] for row in before} == {"open"}
        known = rows_of("entries", store, "since=2026-03-03&until=2026-03-03&known=2026-03-03")
        assert {row["figures"] for row in known} == {"open"}
        may_commit.set()
        worker.join(30)
        shown = rows_of("trial-balance", store, AS_OF)
        assert {row["figures"] for row in shown} == {"final"}
        assert shown[0]["debit"] == 2 * before[0]["debit"]
        # A worker that has gone on with the time of before midnight.
        clock.move_to(BEFORE_MIDNIGHT)
        book(booking(store, "later still", happened_at=BEFORE_MIDNIGHT))
        clock.move_to(AFTER_MIDNIGHT)
        assert rows_of("trial-balance", store, AS_OF) == shown


def test_who_shows_a_day_waits_for_whoever_is_just_booking(store):
    is_booked, may_commit = threading.Event(), threading.Event()
    with time_machine.travel(BEFORE_MIDNIGHT, tick=False) as clock:
        worker = threading.Thread(target=under_way, args=(store, is_booked, may_commit))
        worker.start()
        assert is_booked.wait(30)
        clock.move_to(AFTER_MIDNIGHT)
        timer = threading.Timer(0.3, may_commit.set)
        timer.start()
        shown = rows_of("trial-balance", store, AS_OF)
        worker.join(30)
        assert {row["figures"] for row in shown} == {"final"}
        assert shown[0]["debit"] > 0
        assert days.settled_through(store) == date(2026, 3, 3)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout')")
            assert cursor.fetchone()[0] == "0"
