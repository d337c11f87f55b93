"""Reading the books."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, F, QuerySet, Sum

from apps.ledger.models import Books, Entry, PeriodEvent, Posting
from apps.ledger.rules import end_of_known_day, place_of
from apps.stores.models import Store
from apps.stores.queries import zone_of


@dataclass(frozen=True)
class Balance:
    """One account in one currency: what was debited and credited, in cents."""

    account: str
    currency: str
    debit_cents: int
    credit_cents: int

    @property
    def balance_cents(self) -> int:
        """Debits less credited: negative where the account is owed."""
        return self.debit_cents - self.credit_cents


def postings_of(
    store_id: int,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    recorded_before: datetime | None = None,
) -> QuerySet[Posting]:
    """Returns a store's postings booked within these days, of those recorded before a moment."""
    rows = Posting.objects.filter(store_id=store_id)
    if first_day is not None:
        rows = rows.filter(booked_on__gte=first_day)
    if last_day is not None:
        rows = rows.filter(booked_on__lte=last_day)
    if recorded_before is not None:
        rows = rows.filter(recorded_at__lt=recorded_before)
    return rows


def balances(rows: QuerySet[Posting]) -> list[Balance]:
    """Returns what these postings add up to, by currency and account, in the chart's order."""
    found: dict[tuple[str, str], list[int]] = {}
    columns = ("currency", "debit_account", "credit_account")
    sums = rows.order_by().values_list(*columns).annotate(Sum("amount_cents"))
    for currency, debit, credit, cents in sums:
        found.setdefault((currency, debit), [0, 0])[0] += cents
        found.setdefault((currency, credit), [0, 0])[1] += cents
    keys = sorted(found, key=lambda key: (key[0], place_of(key[1])))
    return [Balance(account, currency, *found[currency, account]) for currency, account in keys]


def as_of(store: Store, day: date) -> QuerySet[Posting]:
    """Returns the postings that count as of the end of a day: booked by then and known by then.

    What is recorded later does not change them, so the figures of a day that is settled
    (`days.settled_through`, asked before these are read) are the same whenever they are asked for.
    """
    return postings_of(store.pk, last_day=day, recorded_before=known_until(store, day))


def known_until(store: Store, day: date) -> datetime:
    """Returns the moment before which something was recorded that was known at the end of a day of
    a store: what a settled day has does not change with the store's clock."""
    rows = Books.objects.filter(store=store).values_list("settled_zones", flat=True)
    return end_of_known_day(day, rows.first(), zone_of(store))


@dataclass(frozen=True)
class JournalDay:
    """What was booked on one day between two accounts."""

    booked_on: date
    debit_account: str
    credit_account: str
    currency: str
    amount_cents: int
    postings: int


def journal(rows: QuerySet[Posting]) -> Iterator[JournalDay]:
    """Yields the journal by day: one row for each pair of accounts and currency."""
    columns = ("booked_on", "currency", "debit_account", "credit_account")
    found: QuerySet[Any] = (
        rows.order_by(*columns)
        .values(*columns)
        .annotate(cents=Sum("amount_cents"), count=Count("pk"))
    )
    for row in found.iterator(chunk_size=2000):
        yield JournalDay(
            row["booked_on"],
            row["debit_account"],
            row["credit_account"],
            row["currency"],
            row["cents"],
            row["count"],
        )


def entries_of(store_id: int, refund_identifier: str) -> QuerySet[Entry]:
    """Returns what was booked for a refund, oldest first."""
    rows = Entry.objects.filter(store_id=store_id, refund_identifier=refund_identifier)
    return rows.order_by("pk").prefetch_related("postings")


def period_events(store_id: int) -> QuerySet[PeriodEvent]:
    """Returns what happened to a store's months, newest month and event first."""
    return (
        PeriodEvent.objects.filter(store_id=store_id)
        .select_related("actor", "answers")
        .order_by("-month", "-pk")
    )


def first_booked_on(store_id: int) -> date | None:
    """Returns the day of the first entry."""
    rows = Entry.objects.filter(store_id=store_id).order_by(F("booked_on"))
    return rows.values_list("booked_on", flat=True).first()
