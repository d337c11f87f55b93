"""Settling days: from then on nothing counts as known by their end that was not there before.

A transaction can write an entry down before midnight and commit it after, and a machine's clock can
be behind. So who shows figures as of a day first waits for whoever is booking, and writes down, in
the same transaction, up to which day they have been shown: later entries count as recorded after
that day (`rules.recorded_at`).
"""

from datetime import date, timedelta

from django.db import OperationalError, connection, transaction

from apps.common import clock
from apps.ledger.models import Books
from apps.ledger.rules import settled_zones_with
from apps.ledger.services import day_of, lock_books
from apps.stores.models import Store
from apps.stores.queries import zone_of

# Who books waits behind whoever wants the books alone, so nobody waits for them for long.
MOST_MILLISECONDS = 2_000


def settled_through(store: Store) -> date | None:
    """Settles the days that are over on the store's clock; returns the last day whose figures as of
    its end cannot change any more, None where there is none.

    Where somebody is still booking and does not end within MOST_MILLISECONDS, nothing is settled:
    that day's figures can still change. Ask before the rows are read.
    """
    yesterday = day_of(store, clock.now()) - timedelta(days=1)
    settled = _settled(store)
    if settled is not None and settled >= yesterday:
        return settled
    try:
        return _settle(store, yesterday)
    except OperationalError:
        return settled


def _settled(store: Store) -> date | None:
    return Books.objects.filter(store=store).values_list("settled_through", flat=True).first()


@transaction.atomic
def _settle(store: Store, day: date) -> date:
    """Writes a day down as settled. SQLite has let it in only after whoever was writing."""
    _lock_alone(store.pk)
    settled = _settled(store)
    if settled is not None and settled >= day:
        return settled
    zones = Books.objects.filter(store=store).values_list("settled_zones", flat=True).first()
    Books.objects.update_or_create(
        store=store,
        defaults={
            "settled_through": day,
            "settled_zones": settled_zones_with(zones, day, zone_of(store).key),
        },
    )
    return day


def _lock_alone(store_id: int) -> None:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        usual = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{MOST_MILLISECONDS}ms"])
        lock_books(store_id, exclusive=True)
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [usual])
