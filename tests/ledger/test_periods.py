"""Closing months, and opening the last one again."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from apps.accounts.models import Role
from apps.common.errors import Refused
from apps.ledger.models import PeriodEvent
from apps.ledger.periods import ask_to_reopen, close_month, decide_on_reopening
from apps.ledger.services import book, closed_through_of
from tests.ledger.test_booking import booking
from tests.support.people import person

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def in_april():
    with time_machine.travel(datetime(2026, 4, 3, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def people(store):
    return person("fin", Role.FINANCE).pk, person("otto", Role.FINANCE).pk


def test_a_month_that_is_closed_takes_no_more_and_the_next_one_does(store, people):
    before = book(booking(store, "before"))
    event = close_month(store=store, month=MARCH, user_id=people[0], note="checked")
    assert (event.kind, event.note, event.actor_id) == ("closed", "checked", people[0])
    assert closed_through_of(store.pk) == date(2026, 3, 31)
    after = book(booking(store, "after"))
    assert (before.booked_on, after.booked_on) == (date(2026, 3, 31), date(2026, 4, 1))
    with pytest.raises(Refused, match="March 2026 is closed already"):
        close_month(store=store, month=MARCH, user_id=people[0])
    with pytest.raises(Refused, match="April 2026 is not over yet"):
        close_month(store=store, month=date(2026, 4, 1), user_id=people[0])


def test_the_month_is_over_on_the_stores_clock(store, people):
    store.time_zone = "America/Los_Angeles"
    with (
        time_machine.travel(datetime(2026, 4, 1, 6, 59, tzinfo=UTC), tick=False),
        pytest.raises(Refused, match="not over yet"),
    ):
        close_month(store=store, month=MARCH, user_id=people[0])
    with time_machine.travel(datetime(2026, 4, 1, 7, tzinfo=UTC), tick=False):
        close_month(store=store, month=MARCH, user_id=people[0])
    assert closed_through_of(store.pk) == date(2026, 3, 31)


def test_opening_a_month_again_takes_two_people_and_is_on_record(store, people):
    asker, other = people
    close_month(store=store, month=MARCH, user_id=asker)
    with pytest.raises(Refused, match="reason: say why"):
        ask_to_reopen(store=store, month=MARCH, user_id=asker, reason=" ")
    asked = ask_to_reopen(store=store, month=MARCH, user_id=asker, reason="a late file")
    with pytest.raises(Refused, match="asked to be opened already"):
        ask_to_reopen(store=store, month=MARCH, user_id=other, reason="me too")
    with pytest.raises(Refused, match="takes a second person"):
        decide_on_reopening(store=store, request_id=asked.pk, user_id=asker, is_approved=True)
    assert closed_through_of(store.pk) == date(2026, 3, 31)
    decide_on_reopening(store=store, request_id=asked.pk, user_id=other, is_approved=True)
    assert closed_through_of(store.pk) == date(2026, 2, 28)
    assert book(booking(store)).booked_on == date(2026, 3, 31)
    with pytest.raises(Refused, match="decided on already"):
        decide_on_reopening(store=store, request_id=asked.pk, user_id=other, is_approved=True)
    close_month(store=store, month=MARCH, user_id=other)
    rows = PeriodEvent.objects.order_by("pk").values_list("kind", "actor_id", "note")
    assert list(rows) == [
        ("closed", asker, ""),
        ("reopening_asked", asker, "a late file"),
        ("reopened", other, ""),
        ("closed", other, ""),
    ]


def test_a_request_can_be_refused_by_anybody_and_asked_again(store, people):
    asker, other = people
    close_month(store=store, month=MARCH, user_id=asker)
    asked = ask_to_reopen(store=store, month=MARCH, user_id=asker, reason="why not")
    decide_on_reopening(
        store=store, request_id=asked.pk, user_id=other, is_approved=False, note="no need"
    )
    assert closed_through_of(store.pk) == date(2026, 3, 31)
    again = ask_to_reopen(store=store, month=MARCH, user_id=asker, reason="really")
    decide_on_reopening(store=store, request_id=again.pk, user_id=asker, is_approved=False)
    assert closed_through_of(store.pk) == date(2026, 3, 31)


def test_only_the_last_closed_month_can_be_opened_again(store, people):
    with pytest.raises(Refused, match="no month is closed"):
        ask_to_reopen(store=store, month=MARCH, user_id=people[0], reason="x")
    close_month(store=store, month=date(2026, 2, 1), user_id=people[0])
    close_month(store=store, month=MARCH, user_id=people[0])
    with pytest.raises(Refused, match="only the last closed month, March 2026"):
        ask_to_reopen(store=store, month=date(2026, 2, 1), user_id=people[0], reason="x")
