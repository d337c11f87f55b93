"""Closing months, and opening the last one again, which takes two people."""

from datetime import date, timedelta

from django.db import transaction

from apps.common import clock
from apps.common.errors import Refused
from apps.ledger.models import Books, PeriodEvent
from apps.ledger.rules import first_of_month, last_of_month, why_not_close
from apps.ledger.services import closed_through_of, day_of, lock_books
from apps.stores.models import Store

Kind = PeriodEvent.Kind


@transaction.atomic
def close_month(*, store: Store, month: date, user_id: int, note: str = "") -> PeriodEvent:
    """Closes the month that begins on `month` on the store's clock: from now on nothing is booked
    on its days or before them, and what still comes goes to the first open day.

    Raises Refused where the month is not over, or another comes first.
    """
    lock_books(store.pk, exclusive=True)
    today = day_of(store, clock.now())
    problem = why_not_close(month=month, today=today, closed_through=closed_through_of(store.pk))
    if problem:
        raise Refused(problem)
    _close_through(store, last_of_month(month))
    return _record(store, month, Kind.CLOSED, user_id, note)


@transaction.atomic
def ask_to_reopen(*, store: Store, month: date, user_id: int, reason: str) -> PeriodEvent:
    """Asks for the last closed month to be opened again; somebody else decides. Raises Refused for
    any other month, without a reason, and where it is asked for already."""
    lock_books(store.pk, exclusive=True)
    _refuse_unless_last_closed(store, month)
    if not reason.strip():
        raise Refused("reason: say why the month must be opened again")
    if open_request(store.pk) is not None:
        raise Refused(f"{month:%B %Y} is asked to be opened already: somebody else decides on it")
    return _record(store, month, Kind.REOPENING_ASKED, user_id, reason.strip())


@transaction.atomic
def decide_on_reopening(
    *, store: Store, request_id: int, user_id: int, is_approved: bool, note: str = ""
) -> PeriodEvent:
    """Opens a month again, or refuses to. Raises Refused where that was decided already, and for
    the person who asked: opening a month takes two."""
    lock_books(store.pk, exclusive=True)
    asked = open_request(store.pk)
    if asked is None or asked.pk != request_id:
        raise Refused("it was decided on already")
    if is_approved:
        if asked.actor_id == user_id:
            raise Refused("you asked for it yourself: opening a month again takes a second person")
        _refuse_unless_last_closed(store, asked.month)
        _close_through(store, asked.month - timedelta(days=1))
    kind = Kind.REOPENED if is_approved else Kind.REOPENING_REFUSED
    return _record(store, asked.month, kind, user_id, note, answers=asked)


def open_request(store_id: int) -> PeriodEvent | None:
    """Returns the request to open a month again that nobody has decided on yet."""
    return (
        PeriodEvent.objects.filter(
            store_id=store_id, kind=Kind.REOPENING_ASKED, answer__isnull=True
        )
        .select_related("actor")
        .first()
    )


def _refuse_unless_last_closed(store: Store, month: date) -> None:
    closed_through = closed_through_of(store.pk)
    if closed_through is None:
        raise Refused("no month is closed")
    last = first_of_month(closed_through)
    if month != last:
        raise Refused(f"only the last closed month, {last:%B %Y}, can be opened again")


def _close_through(store: Store, day: date) -> None:
    Books.objects.update_or_create(store=store, defaults={"closed_through": day})


def _record(
    store: Store,
    month: date,
    kind: str,
    user_id: int,
    note: str,
    answers: PeriodEvent | None = None,
) -> PeriodEvent:
    return PeriodEvent.objects.create(
        store=store,
        month=month,
        kind=kind,
        actor_id=user_id,
        note=note[:500],
        recorded_at=clock.now(),
        answers=answers,
    )
