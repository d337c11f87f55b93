"""Booking money events. What turns out otherwise is reversed by an entry of its own."""

from datetime import date, datetime

from django.db import connection

from apps.common import clock
from apps.ledger.models import Books, Entry, Posting
from apps.ledger.rules import booked_on, end_of_known_day, pairs, recorded_at
from apps.ledger.types import Booking, Leg
from apps.stores.models import Store
from apps.stores.queries import zone_of

# The first half of the key of PostgreSQL's advisory lock for a store's books.
_BOOKS_LOCK = 0x1ED6E2


def book(booking: Booking) -> Entry:
    """Books an event, once: with the same key again it returns the entry that is there.

    Call it in the transaction that makes the event true. Raises rules.NotBalanced where debited and
    credited differ.
    """
    found = Entry.objects.filter(store=booking.store, key=booking.key).first()
    if found is not None:
        return found
    return _write(booking, reverses=None)


def reverse(*, store: Store, key: str, memo: str) -> Entry | None:
    """Books the opposite of the entry under `key`, once; returns None where there is none. Call it
    in the transaction that makes it true."""
    entry = Entry.objects.filter(store=store, key=key).first()
    if entry is None:
        return None
    found = Entry.objects.filter(reverses=entry).first()
    if found is not None:
        return found
    postings = list(entry.postings.all())
    booking = Booking(
        store=store,
        key=f"{key}:reversed",
        kind=f"{entry.kind}.reversed",
        currency=entry.currency,
        debited=tuple(Leg(row.credit_account, row.amount_cents) for row in postings),
        credited=tuple(Leg(row.debit_account, row.amount_cents) for row in postings),
        happened_at=clock.now(),
        memo=memo,
        order_identifier=entry.order_identifier,
        rma_identifier=entry.rma_identifier,
        refund_identifier=entry.refund_identifier,
        exchange_order_identifier=entry.exchange_order_identifier,
    )
    return _write(booking, reverses=entry)


def _write(booking: Booking, *, reverses: Entry | None) -> Entry:
    found = pairs(booking.debited, booking.credited)
    lock_books(booking.store.pk, exclusive=False)
    books = Books.objects.filter(store=booking.store).first() or Books()
    settled_until = None
    if books.settled_through is not None:
        zone = zone_of(booking.store)
        settled_until = end_of_known_day(books.settled_through, books.settled_zones, zone)
    now = recorded_at(clock.now(), settled_until)
    day = booked_on(day_of(booking.store, booking.happened_at), books.closed_through)
    entry = Entry.objects.create(
        store=booking.store,
        key=booking.key,
        kind=booking.kind,
        currency=booking.currency,
        happened_at=booking.happened_at,
        booked_on=day,
        recorded_at=now,
        memo=booking.memo[:500],
        order_identifier=booking.order_identifier[:255],
        rma_identifier=booking.rma_identifier[:255],
        refund_identifier=booking.refund_identifier[:255],
        exchange_order_identifier=booking.exchange_order_identifier[:255],
        reverses=reverses,
    )
    Posting.objects.bulk_create(
        Posting(
            entry=entry,
            store=booking.store,
            booked_on=day,
            recorded_at=now,
            currency=booking.currency,
            debit_account=pair.debit_account,
            credit_account=pair.credit_account,
            amount_cents=pair.amount_cents,
        )
        for pair in found
    )
    return entry


def booking_day(store: Store, happened_at: datetime) -> date:
    """Returns the day on which the books have what happened then, and keeps them from being closed
    until the end of the transaction."""
    lock_books(store.pk, exclusive=False)
    return booked_on(day_of(store, happened_at), closed_through_of(store.pk))


def closed_through_of(store_id: int) -> date | None:
    """Returns the last day that is closed in a store's books."""
    return Books.objects.filter(store_id=store_id).values_list("closed_through", flat=True).first()


def day_of(store: Store, moment: datetime) -> date:
    """Returns the day of a moment on the store's clock."""
    return moment.astimezone(zone_of(store)).date()


def lock_books(store_id: int, *, exclusive: bool) -> None:
    """Keeps a store's books from being closed, and its days from being settled, until the end of
    the transaction; `exclusive` keeps everybody else from booking, too. SQLite lets one writer in
    at a time anyway."""
    if connection.vendor != "postgresql":
        return
    name = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name}(%s, %s)", [_BOOKS_LOCK, store_id])
