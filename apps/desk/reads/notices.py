"""What every page says on top: counts for the menu, and whether something stands still."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from django.db import connection
from django.db.models import DateTimeField, QuerySet, Value

from apps.attention.queries import open_items
from apps.common import clock
from apps.desk.reads.approvals import waiting_refunds
from apps.inbox import queries as inbox
from apps.inbox.models import Delivery, DeliveryState
from apps.outbox import queries as outbox
from apps.outbox.models import Job, JobState

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


@dataclass(frozen=True)
class _Question:
    """A question for one value, as SQL with its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def shown(count: int) -> str:
    """Returns a count as it is written; an empty text for none."""
    return f"{CAP}+" if count > CAP else str(count or "")


def standing(store_id: int) -> Standing:
    """Returns what is open in a store, and what stands still: one query, of rows that an index
    keeps apart. A worker serves all stores, so its silence is everybody's."""
    attention, approvals, quarantined, first_quarantined, held, first_held, *due = _answers(
        *_of_store(store_id, CAP + 1),
        _first(inbox.due_deliveries(), "next_attempt_at"),
        _first(outbox.due_jobs(), "not_before"),
    )
    due_at = min((moment for value in due if (moment := _moment(value))), default=None)
    return Standing(
        attention=shown(attention),
        approvals=shown(approvals),
        quarantined=_stuck(quarantined, first_quarantined),
        held=_stuck(held, first_held),
        silent_since=due_at if due_at and clock.now() - due_at > SILENT_AFTER else None,
    )


@lru_cache(maxsize=1000)
def _of_store(store_id: int, most: int) -> tuple[_Question, ...]:
    """What is asked about a store on every page, counted to `most`. To write the SQL takes longer
    than to answer it, and it is the same every time."""
    quarantined = Delivery.objects.filter(store_id=store_id, state=DeliveryState.QUARANTINED)
    held = Job.objects.filter(store_id=store_id, state=JobState.HELD)
    return (
        _count(open_items(store_id), most),
        _count(waiting_refunds(store_id), most),
        _count(quarantined, most),
        _first(quarantined.order_by("pk"), "received_at"),
        _count(held, most),
        _first(held.order_by("created_at"), "created_at"),
    )


def _count(rows: QuerySet[Any], most: int) -> _Question:
    sql, parameters = rows.order_by().values("pk")[:most].query.sql_with_params()
    return _Question(f"SELECT COUNT(*) FROM ({sql}) counted", parameters)  # noqa: S608


def _first(rows: QuerySet[Any], column: str) -> _Question:
    return _Question(*rows.values(column)[:1].query.sql_with_params())


def _answers(*questions: _Question) -> tuple[Any, ...]:
    """Asks all questions at once, and returns what the database has for each."""
    sql = ", ".join(f"({question.sql})" for question in questions)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", [p for question in questions for p in question.parameters])
        return tuple(cursor.fetchone())


_DATE_TIME = Value(None, output_field=DateTimeField())


def _moment(value: Any) -> datetime | None:
    """Reads a point in time as a model's field would."""
    for convert in connection.ops.get_db_converters(_DATE_TIME):
        value = convert(value, _DATE_TIME, connection)
    return cast("datetime | None", value)


def _stuck(count: int, first: Any) -> Stuck | None:
    oldest_at = _moment(first)
    return Stuck(count, oldest_at) if oldest_at else None
