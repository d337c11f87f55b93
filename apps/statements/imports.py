"""Working an uploaded file off: its rows are read, then compared with the desk's payouts.

Each chunk is committed together with how far the work has come, so that whoever comes next goes on
there, whatever became of the worker before.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import islice

from django.db import transaction
from django.db.models import F, Max, Min
from django.utils import timezone

from apps.common import clock
from apps.common.csv_reading import Place, RowError
from apps.common.redaction import storable
from apps.outbox.types import ClaimedJob, Result, done
from apps.statements.comparing import compare_chunk
from apps.statements.files import PlacedRow, placed_rows, read_back
from apps.statements.models import (
    Source,
    Statement,
    StatementError,
    StatementRow,
    StatementState,
)
from apps.statements.queries import BYTES
from apps.statements.reading import day_of, read_row
from apps.statements.services import lock_statement, queue
from apps.statements.sums import count_missed, sum_up
from apps.statements.types import ColumnMapping, LeftOut, ToldPayout
from apps.stores.queries import zone_of

MAX_ERRORS = 10_000
MAX_KINDS = 50
CHUNK_ROWS = 500
# Well within a job's lease; what is left is a job of its own, and others get their turn between.
SECONDS_PER_RUN = 20.0
OTHER_KINDS = "other"

_TO_READ = (StatementState.WAITING, StatementState.READING)


def run_import(job: ClaimedJob) -> Result:
    """Does one `statements.import` job: goes on where the last one stopped, for a while."""
    deadline = time.monotonic() + SECONDS_PER_RUN
    found = Statement.objects.filter(pk=int(job.key)).defer(*BYTES).first()
    if found is None:
        return done()
    if found.state in _TO_READ and not _read(found, deadline):
        return done()
    while True:
        with transaction.atomic():
            is_more = compare_chunk(found.pk, CHUNK_ROWS)
            if is_more is None:
                return done()
            if not is_more:
                _finish(found.pk)
                return done()
            if time.monotonic() > deadline:
                queue(found)
                return done()


def _read(found: Statement, deadline: float) -> bool:
    """Reads on; returns whether all rows are read now."""
    content = bytes(Statement.objects.values_list("content", flat=True).get(pk=found.pk))
    file = read_back(content, found.delimiter, found.encoding, found.columns, found.head)
    position = found.rows_done
    place = Place(found.resume_offset, found.resume_line) if position else None
    rows = placed_rows(file, place)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        if not _read_chunk(found.pk, position, chunk):
            return False
        position += len(chunk)
        if position < found.rows_total and time.monotonic() > deadline:
            with transaction.atomic():
                queue(found)
            return False
    return bool(
        Statement.objects.filter(pk=found.pk, state__in=_TO_READ, rows_done=position).update(
            state=StatementState.MATCHING
        )
    )


@transaction.atomic
def _read_chunk(pk: int, position: int, chunk: Sequence[PlacedRow]) -> bool:
    """Writes the next rows; returns False where the statement was set aside meanwhile, or another
    worker has gone on with it."""
    found = lock_statement(pk)
    if found.state not in _TO_READ or found.rows_done != position:
        return False
    assert found.source is not None  # who chose the columns named it
    mapping = ColumnMapping.from_json(found.mapping)
    readings = [read_row(row, mapping, found.columns) for row in chunk]
    told = [reading for reading in readings if isinstance(reading, ToldPayout)]
    errors = [error for reading in readings if isinstance(reading, list) for error in reading]
    StatementRow.objects.bulk_create(_row(found, found.source, one) for one in told)
    _keep_errors(found, errors)
    Statement.objects.filter(pk=pk).update(
        state=StatementState.READING,
        rows_done=F("rows_done") + len(chunk),
        resume_offset=chunk[-1].end.offset,
        resume_line=chunk[-1].end.line,
        failed_count=F("failed_count") + sum(isinstance(one, list) for one in readings),
        error_count=F("error_count") + len(errors),
        left_out=_counted(found.left_out, readings),
        **_days(found, [day_of(row, mapping) for row in chunk]),
    )
    return True


def _row(found: Statement, source: Source, told: ToldPayout) -> StatementRow:
    return StatementRow(
        statement=found,
        source=source,
        line=told.line,
        offset=told.offset,
        reference=told.reference,
        key=told.key,
        amount_cents=told.amount_cents,
        fee_cents=told.fee_cents,
        currency=told.currency,
        paid_on=told.paid_on,
        kind=told.kind,
    )


def _keep_errors(found: Statement, errors: Sequence[RowError]) -> None:
    room = max(0, MAX_ERRORS - found.error_count)
    StatementError.objects.bulk_create(
        StatementError(
            statement=found,
            line=error.line,
            column=storable(error.column)[:255],
            value=storable(error.value)[:255],
            message=error.message[:500],
        )
        for error in errors[:room]
    )


def _counted(before: dict[str, int], readings: Iterable[object]) -> dict[str, int]:
    """Returns how many rows were left out so far, by kind; of many kinds the later ones are
    counted together."""
    counts = Counter(before)
    for kind in (reading.kind for reading in readings if isinstance(reading, LeftOut)):
        name = kind or "without a kind"
        counts[name if name in counts or len(counts) < MAX_KINDS else OTHER_KINDS] += 1
    return dict(counts)


def _days(found: Statement, days: Iterable[date | None]) -> dict[str, date]:
    """Returns the days of the rows so far, those that are no payouts among them, where nobody said
    which days the file covers."""
    told = [day for day in (found.first_day, found.last_day, *days) if day is not None]
    if found.has_given_days or not told:
        return {}
    return {"first_day": min(told), "last_day": max(told)}


def _finish(pk: int) -> None:
    """Ends the comparison. Call it under the statement's lock."""
    found = Statement.objects.defer(*BYTES).select_related("store").get(pk=pk)
    days = {} if found.first_day else _days_by_payouts(found)
    Statement.objects.filter(pk=pk).update(
        state=StatementState.DONE, compared_at=clock.now(), **days
    )
    found.refresh_from_db(fields=["first_day", "last_day"])
    sum_up(found)
    count_missed(found)


def _days_by_payouts(found: Statement) -> dict[str, date]:
    """Returns the days of a file that tells none: those of the payouts that its rows hold."""
    times = StatementRow.objects.filter(statement=found, holds_payout=True).aggregate(
        first=Min("payout__finished_at"), last=Max("payout__finished_at")
    )
    if times["first"] is None:
        return {}
    zone = zone_of(found.store)
    return {
        "first_day": timezone.localtime(times["first"], zone).date(),
        "last_day": timezone.localtime(times["last"], zone).date(),
    }
