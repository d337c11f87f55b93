"""Exports whose worker is slow, dies or comes too late: one worker at a time, and nothing left."""

import csv
import io
import threading
import time
import zlib
from dataclasses import replace
from hashlib import sha256
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from django.db.utils import InterfaceError
from xlsxwriter.workbook import Workbook

from apps.common import clock
from apps.outbox import holding, runner, services
from apps.outbox.holding import LeaseLost, held
from apps.outbox.models import Job, JobState
from apps.reports import exports
from apps.reports.asking import question_of
from apps.reports.models import Export, ExportChunk
from apps.reports.refund_report import REFUNDS
from apps.reports.registry import report_named
from apps.reports.sources import Keyset
from apps.reports.types import Batch
from apps.stores.models import Store
from tests.support.refunds import raw_refund, utc

ROWS, FILE = ExportChunk.Part.ROWS, ExportChunk.Part.FILE
close_of = Workbook.close


def started(store: Store, file_format: str = "xlsx") -> Export:
    """An export of one refund that waits to be made."""
    raw_refund(store, 1, paid_at=utc(2026, 2, 3))
    report = report_named("refunds")
    assert report is not None
    return exports.start_export(
        report=report,
        question=question_of(report, store, "period=all"),
        file_format=file_format,
        user_id=None,
    )


def state_of(export: Export) -> str:
    export.refresh_from_db()
    return str(export.state)


@pytest.fixture
def short_leases(monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(exports, "SECONDS_PER_EXTENSION", 0.1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_leases")
def test_a_workbook_that_closes_for_longer_than_a_lease_stays_with_its_worker(
    store: Store, monkeypatch: Any
) -> None:
    export = started(store)
    seen: list[Any] = []

    def slow(book: Workbook) -> None:
        time.sleep(2.5)
        seen.append((services.release_expired_leases(), services.claim_next()))
        close_of(book)

    monkeypatch.setattr(xlsxwriter.Workbook, "close", slow)
    runner.run_next()
    assert seen == [(0, None)]
    assert state_of(export) == "done"
    assert Job.objects.get(topic="reports.export").state == JobState.DONE


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_leases")
def test_a_worker_that_lost_its_lease_while_closing_finishes_nothing(
    store: Store, monkeypatch: Any
) -> None:
    export = started(store)

    def taken_away(book: Workbook) -> None:
        Job.objects.filter(topic="reports.export").update(lease_until=clock.in_seconds(-1))
        assert services.release_expired_leases() == 1
        time.sleep(0.5)
        close_of(book)

    monkeypatch.setattr(xlsxwriter.Workbook, "close", taken_away)
    runner.run_next()
    assert state_of(export) == "finishing"
    assert not ExportChunk.objects.filter(part=FILE).exists()
    monkeypatch.setattr(xlsxwriter.Workbook, "close", close_of)
    Job.objects.update(not_before=clock.now())
    runner.run_next()
    assert state_of(export) == "done"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_leases")
def test_what_ends_the_block_ends_the_holding(store: Store) -> None:
    started(store)
    claimed = services.claim_next()
    assert claimed is not None
    with pytest.raises(ZeroDivisionError), held(claimed, every_seconds=0.05):
        raise ZeroDivisionError
    until = claimed.lease_until
    time.sleep(0.2)
    assert claimed.lease_until == until
    Job.objects.filter(pk=claimed.job_id).update(state=JobState.WAITING)
    with pytest.raises(LeaseLost), held(claimed, every_seconds=0.05):
        time.sleep(0.3)


class Died(BaseException):
    """The process is gone: nothing of it runs any more."""


def die_over_the_file(export: Export, monkeypatch: Any) -> None:
    """Has a worker die right after it has written a piece of the file."""

    def write(*args: Any, **more: Any) -> Any:
        ExportChunk.objects.create(export=export, part=FILE, number=0, content=zlib.compress(b"?"))
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(exports, "write_workbook", write)
        with pytest.raises(Died):
            runner.run_next()
    assert Job.objects.get(topic="reports.export").state == JobState.IN_FLIGHT


def let_the_lease_run_out() -> None:
    Job.objects.filter(topic="reports.export").update(lease_until=clock.in_seconds(-1))
    services.release_expired_leases()
    Job.objects.filter(topic="reports.export").update(not_before=clock.now())


@pytest.mark.django_db
def test_the_next_worker_begins_the_file_anew(store: Store, monkeypatch: Any) -> None:
    export = started(store)
    die_over_the_file(export, monkeypatch)
    let_the_lease_run_out()
    runner.run_next()
    assert state_of(export) == "done"
    assert list(export.chunks.values_list("part", "number")) == [(FILE, 0)]
    assert b"".join(exports.file_of(export)).startswith(b"PK")


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["canceled", "failed", "expired"])
def test_nothing_is_left_of_an_export_that_ended_while_its_worker_died(
    store: Store, monkeypatch: Any, state: str
) -> None:
    export = started(store)
    die_over_the_file(export, monkeypatch)
    Export.objects.filter(pk=export.pk).update(state=state, finished_at=clock.now())
    assert set(export.chunks.values_list("part", flat=True)) == {ROWS, FILE}
    let_the_lease_run_out()
    runner.run_next()
    assert state_of(export) == state
    assert not export.chunks.exists()
    assert Job.objects.get(topic="reports.export").state == JobState.DONE


@pytest.mark.django_db
def test_a_piece_that_is_written_after_the_export_was_canceled_goes_at_once(
    store: Store, monkeypatch: Any
) -> None:
    export = started(store)
    write = exports.write_workbook

    def canceled_meanwhile(*args: Any, **more: Any) -> None:
        write(*args, **more)
        assert exports.cancel_export(store_id=store.pk, pk=export.pk)

    monkeypatch.setattr(exports, "write_workbook", canceled_meanwhile)
    runner.run_next()
    assert state_of(export) == "canceled"
    assert not export.chunks.exists()


@pytest.mark.django_db
def test_a_worker_that_stood_still_does_not_finish_the_file_of_the_next_one(
    store: Store, monkeypatch: Any
) -> None:
    export = started(store)
    chunks = exports._chunks
    next_ones: list[Any] = []

    def overtaken(pk: int, part: str) -> Any:
        """All pieces are read; then another worker begins the file anew, and gets as far as
        taking the pieces away."""
        yield from chunks(pk, part)
        if part == FILE and not next_ones:
            let_the_lease_run_out()
            next_ones.append(services.claim_next())
            ExportChunk.objects.filter(export=pk, part=FILE).delete()

    monkeypatch.setattr(exports, "_chunks", overtaken)
    runner.run_next()
    assert state_of(export) == "finishing"
    assert export.chunks.filter(part=ROWS).count() == 1
    exports.run_export(next_ones[0])
    assert state_of(export) == "done"
    content = b"".join(exports.file_of(export))
    assert content.startswith(b"PK")
    assert (len(content), sha256(content).hexdigest()) == (export.size, export.sha256)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_does_not_end_the_hold(store: Store, monkeypatch: Any) -> None:
    started(store)
    claimed = services.claim_next()
    assert claimed is not None
    asked: list[bool] = []

    def broken_at_first(job: Any) -> bool:
        asked.append(True)
        if len(asked) == 1:
            raise InterfaceError("connection already closed")
        return services.extend_lease(job)

    monkeypatch.setattr(holding, "extend_lease", broken_at_first)
    with held(claimed, every_seconds=0.05):
        time.sleep(0.4)
    assert len(asked) > 2


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_could_never_be_asked_for_is_lost(store: Store, monkeypatch: Any) -> None:
    started(store)
    claimed = services.claim_next()
    assert claimed is not None

    def broken(job: Any) -> bool:
        raise RuntimeError("nobody knows why")

    monkeypatch.setattr(holding, "extend_lease", broken)
    monkeypatch.setattr(threading, "excepthook", lambda told: None)
    with pytest.raises(LeaseLost), held(claimed, every_seconds=0.05):
        time.sleep(0.3)


@pytest.mark.django_db
@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_an_export_under_way_begins_anew_where_the_columns_are_others(
    store: Store, monkeypatch: Any, file_format: str
) -> None:
    for number in (1, 2):
        raw_refund(store, number, paid_at=utc(2026, 2, 2 + number))
    source = REFUNDS.source
    assert isinstance(source, Keyset)
    now = replace(REFUNDS, source=replace(source, file_rows=1))
    place = [column.key for column in now.columns].index("booked_on")

    class Before:
        """The source of a release that did not have that column."""

        file_rows = 1
        totals = now.source.totals

        def batch(self, *asked: Any) -> Batch:
            batch = now.source.batch(*asked)
            return Batch([row[:place] + row[place + 1 :] for row in batch.rows], batch.end)

    columns = tuple(column for column in now.columns if column.key != "booked_on")
    before = replace(now, columns=columns, source=Before())
    export = exports.start_export(
        report=now,
        question=question_of(now, store, "period=all"),
        file_format=file_format,
        user_id=None,
    )
    monkeypatch.setattr(exports, "SECONDS_PER_RUN", 0.0)
    monkeypatch.setattr(exports, "report_named", lambda name: before)
    runner.run_next()
    export.refresh_from_db()
    assert (export.state, export.chunks_done, export.rows_done) == ("reading", 1, 1)
    monkeypatch.setattr(exports, "SECONDS_PER_RUN", 20.0)
    monkeypatch.setattr(exports, "report_named", lambda name: now)
    runner.run_next()
    export.refresh_from_db()
    assert (export.state, export.rows_done) == ("done", 2)
    content = b"".join(exports.file_of(export))
    if file_format == "csv":
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        rows = [
            list(row) for row in openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].values
        ]
    assert {len(row) for row in rows[:3]} == {len(now.columns)}
    assert [row[0] for row in rows[1:3]] == ["RD-1", "RD-2"]
