"""Files of reports, made in the background by the outbox.

Rows are read in chunks; each is committed together with where the next one begins, so that any
worker goes on there, whatever became of the one before. A CSV file is its chunks. A workbook is
written from them in one go, on disk, and kept in pieces: a worker that dies over it costs that
step alone.
"""

import logging
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.common import clock
from apps.common.errors import Refused
from apps.common.hashing import sha256_of_content
from apps.outbox import topics
from apps.outbox.holding import LeaseLost, held
from apps.outbox.services import enqueue, extend_lease
from apps.outbox.types import ClaimedJob, Result, done
from apps.reports.asking import question_of
from apps.reports.csv_writing import CsvWriting
from apps.reports.files import FORMATS, facts_of, file_name
from apps.reports.models import Export, ExportChunk, ExportDownload, ScheduleRun
from apps.reports.reading import totals
from apps.reports.registry import report_named
from apps.reports.sums import Sums
from apps.reports.types import Batch, Question, Report, Totals
from apps.reports.xlsx_writing import pack, write_workbook

logger = logging.getLogger(__name__)

# Well within a job's lease; what is left is a job of its own, and others get their turn between.
SECONDS_PER_RUN = 20.0
# Writing a workbook cannot be interrupted: its job holds its lease anew that often.
SECONDS_PER_EXTENSION = 20.0
PIECE_BYTES = 1024 * 1024
MOST_FAILURES = 5
_PACKING = 1
_UNFINISHED = (Export.State.WAITING, Export.State.READING, Export.State.FINISHING)
_ROWS, _FILE = ExportChunk.Part.ROWS, ExportChunk.Part.FILE


class _Stopped(Exception):
    """Somebody canceled the export, or another worker has it."""


def start_export(
    *,
    report: Report,
    question: Question,
    file_format: str,
    user_id: int | None,
    has_byte_order_mark: bool = True,
    may_reuse: bool = True,
    name: str = "",
) -> Export:
    """Queues a file of a report, called `name` or by what is asked, and returns its row. One that
    the same person has asked for, and that is under way, serves again where it may: what it has
    read is from before. Raises Refused for an unknown format."""
    if file_format not in FORMATS:
        raise Refused(f"format {file_format!r}: name one of {', '.join(FORMATS)}")
    asked = {
        "store": question.store,
        "report": report.name,
        "query": question.pinned,
        "zone": question.zone.key,
        "format": file_format,
        "has_byte_order_mark": has_byte_order_mark,
        "requested_by_id": user_id,
    }
    with transaction.atomic():
        under_way = Export.objects.filter(**asked, state__in=_UNFINISHED).first()
        if under_way and may_reuse:
            return under_way
        name = name or file_name(report, question, file_format)
        started = Export.objects.create(**asked, name=name)
        _enqueue(started)
    return started


def _enqueue(export: Export) -> None:
    enqueue(store_id=export.store_id, topic=topics.EXPORT_REPORT, key=export.pk, label=export.name)


def cancel_export(*, store_id: int, pk: int) -> bool:
    """Stops an export and removes what it has written; returns False where it had ended."""
    with transaction.atomic():
        rows = Export.objects.filter(store_id=store_id, pk=pk, state__in=_UNFINISHED)
        if not rows.update(state=Export.State.CANCELED, finished_at=clock.now()):
            return False
        ExportChunk.objects.filter(export=pk).delete()
        _tell_runs(pk)
    return True


def _tell_runs(export_id: int) -> None:
    """Has the scheduled runs that wait for an export look at it, in the transaction of its end."""
    waiting = ScheduleRun.objects.filter(export=export_id, state=ScheduleRun.State.EXPORTING)
    for pk, store_id, name in waiting.values_list("pk", "schedule__store_id", "schedule__name"):
        enqueue(store_id=store_id, topic=topics.RUN_SCHEDULE, key=pk, label=name)


def run_export(job: ClaimedJob) -> Result:
    """Does one `reports.export` job: goes on where the last one stopped, for a while."""
    export = Export.objects.select_related("store", "requested_by").filter(pk=int(job.key)).first()
    if export is None:
        return done()
    if export.state not in _UNFINISHED:
        # The worker before may have died over a piece that it wrote too late.
        _remove_what_is_left(export.pk)
        return done()
    try:
        _go_on(export, job)
    except (_Stopped, LeaseLost):
        _remove_what_is_left(export.pk)
        return done()
    except Refused as refusal:
        _fail(export, str(refusal))
    except Exception as error:
        if job.failures + 1 >= MOST_FAILURES:
            _fail(export, f"it failed {MOST_FAILURES} times: {type(error).__name__}")
        raise
    return done()


def _remove_what_is_left(export_id: int) -> None:
    """A worker may have written a piece after the export was canceled, or had failed."""
    ended = (Export.State.CANCELED, Export.State.FAILED, Export.State.EXPIRED)
    ExportChunk.objects.filter(export=export_id, export__state__in=ended).delete()


def _fail(export: Export, error: str) -> None:
    with transaction.atomic():
        rows = Export.objects.filter(pk=export.pk, state__in=_UNFINISHED)
        if rows.update(state=Export.State.FAILED, error=error, finished_at=clock.now()):
            ExportChunk.objects.filter(export=export.pk).delete()
            _tell_runs(export.pk)


def _go_on(export: Export, job: ClaimedJob) -> None:
    report, question = _asked(export)
    _begin_anew_with_other_columns(export, report)
    if export.state != Export.State.FINISHING and not _read(export, report, question):
        return
    if export.format == Export.Format.XLSX:
        _make_workbook(export, report, question, job)
    _finish(export, job)


def _asked(export: Export) -> tuple[Report, Question]:
    report = report_named(export.report)
    if report is None:
        raise Refused(f"there is no report {export.report!r} any more")
    question = question_of(report, export.store, export.query)
    return report, replace(question, zone=ZoneInfo(export.zone))


def _begin_anew_with_other_columns(export: Export, report: Report) -> None:
    """The rows of one file are all of the same columns: where the report has others than it had
    when the first rows were read, as after an upgrade, what was read of it is read anew."""
    layout = sha256_of_content([[column.key, column.kind] for column in report.columns])
    if export.layout == layout:
        return
    changes: dict[str, Any] = {"layout": layout}
    with transaction.atomic():
        if export.chunks_done:
            ExportChunk.objects.filter(export=export.pk).delete()
            changes |= {
                "state": Export.State.READING,
                "position": None,
                "rows_done": 0,
                "rows_total": None,
                "totals": [],
                "chunks_done": 0,
                "size": 0,
            }
        rows = Export.objects.filter(
            pk=export.pk, state__in=_UNFINISHED, chunks_done=export.chunks_done
        )
        if not rows.update(**changes):
            raise _Stopped
    for name, value in changes.items():
        setattr(export, name, value)


def _read(export: Export, report: Report, question: Question) -> bool:
    """Reads rows until the time is up or there are no more; returns whether all are read."""
    if export.rows_total is None:
        export.rows_total = sum(found.rows for found in totals(report, question))
        Export.objects.filter(pk=export.pk).update(rows_total=export.rows_total)
    deadline = time.monotonic() + SECONDS_PER_RUN
    while True:
        batch = report.source.batch(question, export.position, report.source.file_rows)
        _keep(export, report, question, batch)
        if batch.end is None:
            return True
        if time.monotonic() > deadline:
            with transaction.atomic():
                _enqueue(export)
            return False


def _keep(export: Export, report: Report, question: Question, batch: Batch) -> None:
    """Commits a batch together with where the next one begins; raises _Stopped where the export
    was canceled, or another worker has gone on with it."""
    kept = [Totals(**found) for found in export.totals]
    sums = Sums(report, kept)
    sums.add(batch.rows)
    content = _content(export, report, question, batch, sums)
    rows_done = export.rows_done + len(batch.rows)
    changes = {
        "state": Export.State.READING if batch.end else Export.State.FINISHING,
        "position": batch.end,
        "rows_done": rows_done,
        # What was counted beforehand may have changed since.
        "rows_total": max(export.rows_total or 0, rows_done) if batch.end else rows_done,
        "totals": [asdict(found) for found in sums.totals],
        "chunks_done": export.chunks_done + 1,
        "progress_at": clock.now(),
    }
    with transaction.atomic():
        rows = Export.objects.filter(
            pk=export.pk, state__in=_UNFINISHED, chunks_done=export.chunks_done
        )
        if not rows.update(**changes, size=F("size") + len(content)):
            raise _Stopped
        ExportChunk.objects.create(
            export=export,
            part=_ROWS,
            number=export.chunks_done,
            content=zlib.compress(content, _PACKING),
        )
    for name, value in changes.items():
        setattr(export, name, value)


def _content(export: Export, report: Report, question: Question, batch: Batch, sums: Sums) -> bytes:
    if export.format == Export.Format.XLSX:
        return pack(report, question.zone, batch.rows)
    writing = CsvWriting(report, question.zone, has_byte_order_mark=export.has_byte_order_mark)
    head = b"" if export.chunks_done else writing.head()
    tail = b"" if batch.end else writing.tail(sums.totals)
    return head + writing.rows(batch.rows) + tail


def _make_workbook(export: Export, report: Report, question: Question, job: ClaimedJob) -> None:
    """Writes the workbook to a file and keeps that in pieces."""
    alive = _Alive(export, job)
    with transaction.atomic():
        _lock(export, job)
        ExportChunk.objects.filter(export=export, part=_FILE).delete()
    person = export.requested_by
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        write_workbook(
            file.name,
            report,
            _chunks(export.pk, _ROWS),
            lambda: [Totals(**found) for found in export.totals],
            facts_of(report, question, person.get_username() if person else ""),
            progress=lambda rows: alive.check(),
            closing=lambda: held(job, every_seconds=SECONDS_PER_EXTENSION),
        )
        with Path(file.name).open("rb") as written:
            number = 0
            while piece := written.read(PIECE_BYTES):
                with transaction.atomic():
                    _lock(export, job)
                    ExportChunk.objects.create(
                        export=export, part=_FILE, number=number, content=zlib.compress(piece, 0)
                    )
                number += 1


def _lock(export: Export, job: ClaimedJob) -> Export:
    """Returns the export, locked until the transaction ends, which must change it; raises _Stopped
    where it is no longer wanted. A worker that stood still may wake up when another has begun the
    file anew: it must not finish that one's, so the lease counts in the same transaction."""
    found = Export.objects.select_for_update(no_key=True).get(pk=export.pk)
    if found.state != Export.State.FINISHING or not extend_lease(job):
        raise _Stopped
    return found


class _Alive:
    """Asks now and then whether the work is still wanted, and still ours."""

    def __init__(self, export: Export, job: ClaimedJob) -> None:
        self._export, self._job = export, job
        self._asked_at = time.monotonic()

    def check(self) -> None:
        """Raises _Stopped where it is not."""
        if time.monotonic() - self._asked_at < SECONDS_PER_EXTENSION:
            return
        self._asked_at = time.monotonic()
        is_wanted = Export.objects.filter(pk=self._export.pk, state=Export.State.FINISHING).exists()
        if not is_wanted or not extend_lease(self._job):
            raise _Stopped


def _finish(export: Export, job: ClaimedJob) -> None:
    """Works out size and checksum, and makes the file one that can be downloaded. Raises _Stopped
    where the export was canceled, or another worker has finished it."""
    part = _FILE if export.format == Export.Format.XLSX else _ROWS
    alive = _Alive(export, job)
    digest, size = sha256(), 0
    for content in _chunks(export.pk, part):
        alive.check()
        digest.update(content)
        size += len(content)
    now = clock.now()
    with transaction.atomic():
        # Whether it is kept is not said at the same moment.
        found = _lock(export, job)
        days = settings.EXPORT_KEEP_DAYS
        expires_at = None if found.is_kept else clock.in_seconds(days * 86_400)
        Export.objects.filter(pk=export.pk).update(
            state=Export.State.DONE,
            size=size,
            sha256=digest.hexdigest(),
            finished_at=now,
            progress_at=now,
            expires_at=expires_at,
        )
        if part == _FILE:
            ExportChunk.objects.filter(export=export.pk, part=_ROWS).delete()
        if expires_at:
            _enqueue_expiry(export, expires_at)
        _tell_runs(export.pk)


def _enqueue_expiry(export: Export, expires_at: datetime) -> None:
    enqueue(
        store_id=export.store_id,
        topic=topics.EXPIRE_EXPORT,
        key=export.pk,
        label=export.name,
        not_before=expires_at,
    )


def expire_export(job: ClaimedJob) -> Result:
    """Does one `reports.expire` job: removes the bytes of a file whose time is over. One that is
    kept for longer by now is asked about again then; one that is kept for good is not."""
    with transaction.atomic():
        export = Export.objects.select_for_update(no_key=True).filter(pk=int(job.key)).first()
        if export is None or export.state != Export.State.DONE or export.expires_at is None:
            return done()
        if export.expires_at > clock.now():
            _enqueue_expiry(export, export.expires_at)
            return done()
        Export.objects.filter(pk=export.pk).update(state=Export.State.EXPIRED)
        ExportChunk.objects.filter(export=export.pk).delete()
    return done()


def keep_export(export: Export) -> None:
    """Keeps the file of an export for good: it does not expire."""
    Export.objects.filter(pk=export.pk).update(is_kept=True, expires_at=None)


def take_file(export: Export, *, user_id: int) -> Iterator[bytes]:
    """Notes who takes the file, and returns its bytes in pieces. Raises Refused where there is
    none (any more)."""
    content = file_of(export)
    ExportDownload.objects.create(export=export, person_id=user_id)
    return content


def file_of(export: Export) -> Iterator[bytes]:
    """Returns the bytes of a file in pieces. Raises Refused where there is none (any more)."""
    if export.state != Export.State.DONE:
        raise Refused(f"the file of {export.name} is not there: it is {export.state}")
    return _chunks(export.pk, _FILE if export.format == Export.Format.XLSX else _ROWS)


def _chunks(export_id: int, part: str) -> Iterator[bytes]:
    """Yields the contents one by one: no two are in memory."""
    number = 0
    while True:
        rows = ExportChunk.objects.filter(export=export_id, part=part, number=number)
        content = rows.values_list("content", flat=True).first()
        if content is None:
            return
        yield zlib.decompress(content)
        number += 1
