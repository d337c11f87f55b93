"""What every page says on top: counts for the menu, and whether something stands still."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, IntegerField, QuerySet, Subquery

from apps.attention.queries import open_items
from apps.common import clock
from apps.desk.reads.approvals import waiting_refunds
from apps.inbox import queries as inbox
from apps.inbox.models import Delivery, DeliveryState
from apps.outbox import queries as outbox
from apps.outbox.models import Job, JobState
from apps.stores.models import Store

CAP = 999
SILENT_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Stuck:
    """Things of one kind that wait for a person: how many, and since when the oldest does."""

    count: int
    oldest_at: datetime

    @property
    def shown(self) -> str:
        """The count as it is written."""
        return shown(self.count)


@dataclass(frozen=True)
class Standing:
    """What is open in a store, and what stands still."""

    attention: str
    approvals: str
    quarantined: Stuck | None
    held: Stuck | None
    silent_since: datetime | None


class _Count(Subquery):
    """Counts the rows of a limited query."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def shown(count: int) -> str:
    """Returns a count as it is written; an empty text for none."""
    return f"{CAP}+" if count > CAP else str(count or "")


def standing(store_id: int) -> Standing:
    """Returns what is open in a store, and what stands still: one query, of rows that an index
    keeps apart. A worker serves all stores, so its silence is everybody's."""
    quarantined = Delivery.objects.filter(store_id=store_id, state=DeliveryState.QUARANTINED)
    held = Job.objects.filter(store_id=store_id, state=JobState.HELD)
    row = (
        Store.objects.filter(pk=store_id)
        .values_list(
            _count(open_items(store_id)),
            _count(waiting_refunds(store_id)),
            _count(quarantined),
            _first(quarantined.order_by("pk"), "received_at"),
            _count(held),
            _first(held.order_by("created_at"), "created_at"),
            _first(inbox.due_deliveries(), "next_attempt_at"),
            _first(outbox.due_jobs(), "not_before"),
        )
        .get()
    )
    due = min((moment for moment in row[6:] if moment), default=None)
    return Standing(
        attention=shown(row[0]),
        approvals=shown(row[1]),
        quarantined=Stuck(row[2], row[3]) if row[3] else None,
        held=Stuck(row[4], row[5]) if row[5] else None,
        silent_since=due if due and clock.now() - due > SILENT_AFTER else None,
    )


def _count(rows: QuerySet[Any]) -> Subquery:
    return _Count(rows.order_by().values("pk")[: CAP + 1])


def _first(rows: QuerySet[Any], column: str) -> Subquery:
    return Subquery(rows.values(column)[:1], output_field=DateTimeField())
