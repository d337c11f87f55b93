"""Booking, and what the database itself refuses."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction

from apps.common.kept_rows import RowIsKept
from apps.ledger import queries
from apps.ledger.models import Books, Entry, Posting
from apps.ledger.services import book, reverse
from apps.ledger.types import Booking, Leg

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def booking(store, key="one", cents=500, **changes):
    values = {
        "store": store,
        "key": key,
        "kind": "test",
        "currency": "USD",
        "debited": (Leg("sales_returns", cents),),
        "credited": (Leg("shopper_payable", cents),),
        "happened_at": NOON,
        "memo": "a test",
        **changes,
    }
    return Booking(**values)


def balances(store):
    found = queries.balances(queries.postings_of(store.pk))
    return [(row.account, row.currency, row.debit_cents, row.credit_cents) for row in found]


def test_the_same_key_again_books_nothing_more(store):
    first = book(booking(store))
    assert book(booking(store, cents=900)).pk == first.pk
    assert balances(store) == [
        ("sales_returns", "USD", 500, 0),
        ("shopper_payable", "USD", 0, 500),
    ]
    book(booking(store, "two", 1, currency="EUR"))
    assert len(balances(store)) == 4


def test_what_is_reversed_is_reversed_once_and_both_entries_stay(store):
    book(booking(store))
    assert reverse(store=store, key="none", memo="it never was") is None
    taken_back = reverse(store=store, key="one", memo="it was canceled")
    assert reverse(store=store, key="one", memo="again").pk == taken_back.pk
    assert taken_back.reverses.key == "one"
    assert balances(store) == [
        ("sales_returns", "USD", 500, 500),
        ("shopper_payable", "USD", 500, 500),
    ]
    assert Entry.objects.count() == 2


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("UTC", datetime(2026, 3, 31, 23, 59, 59, 999999, tzinfo=UTC), date(2026, 3, 31)),
        ("UTC", datetime(2026, 4, 1, tzinfo=UTC), date(2026, 4, 1)),
        ("America/Los_Angeles", datetime(2026, 4, 1, 6, 59, tzinfo=UTC), date(2026, 3, 31)),
        ("America/Los_Angeles", datetime(2026, 4, 1, 7, tzinfo=UTC), date(2026, 4, 1)),
        ("Australia/Sydney", datetime(2026, 3, 31, 12, 59, tzinfo=UTC), date(2026, 3, 31)),
        ("Australia/Sydney", datetime(2026, 3, 31, 13, tzinfo=UTC), date(2026, 4, 1)),
        ("Nowhere/At_All", datetime(2026, 3, 31, 23, tzinfo=UTC), date(2026, 3, 31)),
    ],
)
def test_the_day_is_the_stores(store, zone, moment, day):
    store.time_zone = zone
    assert book(booking(store, happened_at=moment)).booked_on == day


def test_what_comes_late_is_booked_on_the_first_open_day(store):
    Books.objects.create(store=store, closed_through=date(2026, 3, 31))
    late = book(booking(store))
    assert late.booked_on == date(2026, 4, 1)
    assert late.happened_at == NOON
    assert list(late.postings.values_list("booked_on", flat=True)) == [date(2026, 4, 1)]


@pytest.mark.parametrize("model", [Entry, Posting])
def test_the_database_refuses_to_change_what_is_booked(store, model):
    book(booking(store))
    column = "memo" if model is Entry else "debit_account"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.update(**{column: "other"})
    row = model.objects.get()
    with pytest.raises(TypeError, match="append-only"):
        row.save()
    with pytest.raises(RowIsKept):
        row.delete()
    with pytest.raises(RowIsKept):
        model.objects.all().delete()
    assert getattr(model.objects.get(), column) != "other"


@pytest.mark.postgresql
def test_postgresql_refuses_to_delete_what_is_booked(store):
    book(booking(store))
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM ledger_posting")
    assert Posting.objects.count() == 1


@pytest.mark.parametrize(
    ("day", "is_refused"), [(date(2026, 3, 31), True), (date(2026, 4, 1), False)]
)
def test_the_database_refuses_to_book_into_a_closed_month(store, day, is_refused):
    entry = book(booking(store))
    Books.objects.create(store=store, closed_through=date(2026, 3, 31))

    def write():
        with transaction.atomic():
            Posting.objects.create(
                entry=entry,
                store=store,
                booked_on=day,
                recorded_at=NOON,
                currency="USD",
                debit_account="a",
                credit_account="b",
                amount_cents=1,
            )

    if is_refused:
        with pytest.raises(DatabaseError, match="closed"):
            write()
    else:
        write()
    assert Posting.objects.count() == (1 if is_refused else 2)


@pytest.mark.parametrize(
    "wrong", [{"amount_cents": 0}, {"amount_cents": -1}, {"credit_account": "a"}]
)
def test_the_database_refuses_what_does_not_balance(store, wrong):
    entry = book(booking(store))
    values = {"debit_account": "a", "credit_account": "b", "amount_cents": 1, **wrong}
    with pytest.raises(DatabaseError), transaction.atomic():
        Posting.objects.create(
            entry=entry,
            store=store,
            booked_on=date(2026, 4, 1),
            recorded_at=NOON,
            currency="USD",
            **values,
        )
    assert Posting.objects.count() == 1


def test_figures_as_of_a_day_stay_whatever_is_recorded_later(store):
    with time_machine.travel(datetime(2026, 3, 31, 20, tzinfo=UTC), tick=False):
        book(booking(store, "early", 100))

    def known():
        rows = queries.balances(queries.as_of(store, date(2026, 3, 31)))
        return [(row.account, row.balance_cents) for row in rows]

    before = known()
    assert before == [("sales_returns", 100), ("shopper_payable", -100)]
    with time_machine.travel(datetime(2026, 4, 2, tzinfo=UTC), tick=False):
        # It happened in March, and was heard of in April.
        late = book(booking(store, "late", 40))
    assert late.booked_on == date(2026, 3, 31)
    assert known() == before
    march = queries.postings_of(store.pk, last_day=date(2026, 3, 31))
    assert [row.balance_cents for row in queries.balances(march)] == [140, -140]


def test_the_journal_is_by_day_and_pair_of_accounts(store):
    for number in range(3):
        book(booking(store, f"a{number}", 100))
    book(booking(store, "b", 7, happened_at=datetime(2026, 4, 2, tzinfo=UTC)))
    found = [
        (row.booked_on.day, row.debit_account, row.credit_account, row.amount_cents, row.postings)
        for row in queries.journal(queries.postings_of(store.pk))
    ]
    assert found == [
        (31, "sales_returns", "shopper_payable", 300, 3),
        (2, "sales_returns", "shopper_payable", 7, 1),
    ]
