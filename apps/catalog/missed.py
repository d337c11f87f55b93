"""Ids that Optoro asked for and that have no variants. Counting them must never cost the shopper
who waits for the answer more than a moment, nor the answer itself."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import Error as DatabaseError
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from apps.catalog.models import MissedLookup
from apps.common import clock

logger = logging.getLogger(__name__)

MAX_IDENTIFIER = 255
# Ids come from outside: beyond so many of a store, those not asked for longest are forgotten.
MAX_PER_STORE = 10_000
LOCK_WAIT_MS = 50


def count_missed(*, store_id: int, variant_identifier: str) -> None:
    """Counts that the id was asked for in vain. Where the database does not let it at once, the
    count is lost and the log says so; nothing is raised."""
    name = variant_identifier[:MAX_IDENTIFIER]
    try:
        with _impatiently(), transaction.atomic():
            if not _count(store_id, name):
                _start(store_id, name)
    except DatabaseError as error:
        logger.warning("a lookup without variants was not counted: %s", error)


def _count(store_id: int, name: str) -> int:
    rows = MissedLookup.objects.filter(store_id=store_id, variant_identifier=name)
    return rows.update(count=F("count") + 1, last_asked_at=clock.now())


def _start(store_id: int, name: str) -> None:
    now = clock.now()
    try:
        with transaction.atomic():
            MissedLookup.objects.create(
                store_id=store_id, variant_identifier=name, first_asked_at=now, last_asked_at=now
            )
    except IntegrityError:
        _count(store_id, name)
        return
    rows = MissedLookup.objects.filter(store_id=store_id).order_by("-last_asked_at", "-pk")
    surplus = rows.values_list("pk", flat=True)[MAX_PER_STORE : MAX_PER_STORE + 100]
    MissedLookup.objects.filter(pk__in=list(surplus)).delete()


@contextmanager
def _impatiently() -> Iterator[None]:
    """Lets the statements inside fail rather than wait for somebody else's lock.

    SQLite locks the whole file and waits 20 seconds otherwise; PostgreSQL locks rows, and has the
    limit for this transaction only.
    """
    if connection.vendor == "sqlite":
        patience = int(float(connection.settings_dict["OPTIONS"].get("timeout", 5)) * 1000)
        _run(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
        try:
            yield
        finally:
            _run(f"PRAGMA busy_timeout = {patience}")
        return
    with transaction.atomic():
        if connection.vendor == "postgresql":
            _run(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'")
        yield


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def forget(*, store_id: int, identifiers: Sequence[str]) -> None:
    """Closes the counts of ids that have variants now."""
    MissedLookup.objects.filter(store_id=store_id, variant_identifier__in=identifiers).delete()
