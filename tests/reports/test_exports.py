"""Files of reports in the background: whole, resumed, canceled, expired, downloaded."""

import csv
import hashlib
import io
from datetime import timedelta
from typing import Any

import openpyxl
import pytest

from apps.accounts.models import Role
from apps.common import clock
from apps.outbox import runner
from apps.outbox.models import Job
from apps.outbox.types import ClaimedJob
from apps.reports import exports
from apps.reports.models import Export, ExportChunk, ExportDownload
from apps.reports.sources import Keyset
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import person, sign_in
from tests.support.refunds import utc

pytestmark = pytest.mark.django_db

DAY = "since=2026-02-03&until=2026-02-03"


batch_of = Keyset.batch


def row_by_row(self: Keyset, question: Any, after: Any, limit: int) -> Any:
    """Reads a single row at a time."""
    return batch_of(self, question, after, 1)


def start(browser: Any, file_format: str = "csv", query: str = DAY, **more: str) -> Export:
    answer = browser.post(
        "/reports/refunds/export/", {"format": file_format, "query": query, **more}
    )
    assert answer.status_code == 302
    return Export.objects.latest("pk")


def content(browser: Any, export: Export) -> bytes:
    answer = browser.get(f"/reports/exports/{export.pk}/file/")
    assert answer.status_code == 200
    got = b"".join(answer.streaming_content)
    assert answer["Content-Length"] == str(len(got))
    return got


def rows_of(got: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(got.decode("utf-8-sig"), newline="")))


@pytest.fixture
def three(refunded: Any) -> None:
    """Three refunded units, paid on one day; and one the day after."""
    units = [builders.unit(cents=13056), builders.unit(cents=10000)]
    refunded(1, units=units, paid=utc(2026, 2, 3, 12))
    refunded(2, paid=utc(2026, 2, 3, 13))
    refunded(3, paid=utc(2026, 2, 4, 0))


@pytest.mark.usefixtures("three")
def test_a_csv_is_made_downloaded_and_noted(finance: Any, drain: Any) -> None:
    export = start(finance)
    assert (export.state, export.rows_total, export.name) == (
        "waiting",
        None,
        "refunds-store-one-2026-02-03-2026-02-03.csv",
    )
    drain()
    export.refresh_from_db()
    assert (export.state, export.rows_total, export.rows_done, export.percent) == (
        "done",
        3,
        3,
        100,
    )
    got = content(finance, export)
    assert got.startswith(b"\xef\xbb\xbfrefund,")
    assert (export.size, export.sha256) == (len(got), hashlib.sha256(got).hexdigest())
    *rows, total = rows_of(got)
    assert [row["refunded_total"] for row in rows] == ["100.00", "130.56", "130.56"]
    assert (total["refund"], total["refunded_total"], total["quantity"], total["currency"]) == (
        "Total",
        "361.12",
        "3",
        "USD",
    )
    taken = ExportDownload.objects.get()
    assert (taken.export, taken.person.username) == (export, "fin")
    assert "fin" in finance.get(f"/reports/exports/{export.pk}/").content.decode()


@pytest.mark.usefixtures("three")
def test_a_workbook_holds_the_same_with_true_dates_and_numbers(finance: Any, drain: Any) -> None:
    export = start(finance, "xlsx")
    drain()
    export.refresh_from_db()
    assert (export.state, export.rows_done) == ("done", 3)
    assert set(export.chunks.values_list("part", flat=True)) == {"file"}
    got = content(finance, export)
    assert export.sha256 == hashlib.sha256(got).hexdigest()
    book = openpyxl.load_workbook(io.BytesIO(got))
    assert book.sheetnames == ["Refunds", "Totals"]
    sheet = book["Refunds"]
    head = [cell.value for cell in sheet[1]]
    paid, total = head.index("Paid"), head.index("Refunded total")
    assert [row[paid].value.isoformat() for row in list(sheet.rows)[1:]] == [
        "2026-02-03T12:00:00",
        "2026-02-03T12:00:00",
        "2026-02-03T13:00:00",
    ]
    assert [row[total].value for row in list(sheet.rows)[1:]] == [100, 130.56, 130.56]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref.startswith("A1:")
    sums = book["Totals"]
    titles = [cell.value for cell in sums[1]]
    values = [cell.value for cell in sums[2]]
    assert dict(zip(titles, values, strict=True))["Refunded total"] == 361.12
    assert (values[0], values[1]) == ("USD", 3)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_whoever_comes_next_goes_on_where_a_worker_died(
    finance: Any, drain: Any, monkeypatch: Any, file_format: str
) -> None:
    whole = start(finance, file_format)
    drain()
    expected = content(finance, whole)
    monkeypatch.setattr(Keyset, "batch", row_by_row)
    broken = start(finance, file_format, f"{DAY}&currency=USD")
    real, calls = exports._keep, []

    def dies(*args: Any) -> None:
        real(*args)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(exports, "_keep", dies)
    with pytest.raises(KeyboardInterrupt):
        runner.run_next()
    broken.refresh_from_db()
    assert (broken.state, broken.rows_done, broken.percent) == ("reading", 2, 66)
    page = finance.get(f"/reports/exports/{broken.pk}/").content.decode()
    assert "2 of 3 rows, 66%" in page
    Job.objects.filter(state="in_flight").update(lease_until=clock.now() - timedelta(seconds=1))
    monkeypatch.setattr(exports, "_keep", real)
    runner.run_due()
    Job.objects.filter(state="waiting", topic="reports.export").update(not_before=clock.now())
    drain()
    broken.refresh_from_db()
    assert (broken.state, broken.rows_done) == ("done", 3)
    if file_format == "csv":
        assert content(finance, broken) == expected
    else:
        books = [openpyxl.load_workbook(io.BytesIO(content(finance, e))) for e in (whole, broken)]
        first, second = ([[c.value for c in row] for row in b["Refunds"].rows] for b in books)
        assert first == second


@pytest.mark.usefixtures("three")
def test_what_is_not_done_in_its_time_is_a_job_of_its_own(
    finance: Any, drain: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(Keyset, "batch", row_by_row)
    monkeypatch.setattr(exports, "SECONDS_PER_RUN", -1.0)
    export = start(finance)
    drain()
    export.refresh_from_db()
    assert (export.state, export.chunks_done) == ("done", 3)
    assert Job.objects.filter(topic="reports.export", state="done").count() == 3


@pytest.mark.usefixtures("three")
def test_a_canceled_export_stops_and_keeps_nothing(
    finance: Any, drain: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(Keyset, "batch", row_by_row)
    monkeypatch.setattr(exports, "SECONDS_PER_RUN", -1.0)
    export = start(finance)
    runner.run_next()
    assert ExportChunk.objects.count() == 1
    answer = finance.post(f"/reports/exports/{export.pk}/cancel/", follow=True)
    assert "Nothing of the file is kept" in answer.content.decode()
    drain()
    export.refresh_from_db()
    assert (export.state, export.rows_done, ExportChunk.objects.count()) == ("canceled", 1, 0)
    again = finance.post(f"/reports/exports/{export.pk}/cancel/", follow=True)
    assert "Too late" in again.content.decode()
    file = finance.get(f"/reports/exports/{export.pk}/file/", follow=True)
    assert "it is canceled" in file.content.decode()
    assert ExportDownload.objects.count() == 0


@pytest.mark.usefixtures("three")
def test_the_bytes_go_when_their_time_is_over_and_the_row_stays(
    finance: Any, drain: Any, settings: Any
) -> None:
    export, kept = start(finance), start(finance, query="period=all")
    drain()
    exports.keep_export(kept)
    export.refresh_from_db()
    assert export.expires_at is not None
    assert timedelta(days=29) < export.expires_at - clock.now() < timedelta(days=31)
    drain()
    assert content(finance, export)
    Export.objects.filter(pk=export.pk).update(expires_at=clock.now())
    Job.objects.filter(topic="reports.expire").update(not_before=clock.now())
    drain()
    export.refresh_from_db()
    assert (export.state, export.sha256 != "", export.chunks.count()) == ("expired", True, 0)
    assert "no longer kept" in finance.get(f"/reports/exports/{export.pk}/").content.decode()
    kept.refresh_from_db()
    assert kept.state == "done"
    assert content(finance, kept)


@pytest.mark.usefixtures("three")
def test_a_file_kept_for_longer_is_asked_about_again_then(finance: Any, drain: Any) -> None:
    export = start(finance)
    drain()
    Job.objects.filter(topic="reports.expire").update(not_before=clock.now())
    drain()
    export.refresh_from_db()
    assert export.state == "done"
    waiting = Job.objects.get(topic="reports.expire", state="waiting")
    assert waiting.not_before == export.expires_at


@pytest.mark.usefixtures("three")
def test_the_right_is_asked_again_at_the_download(
    finance: Any, drain: Any, client: Any, store: Store
) -> None:
    export = start(finance)
    drain()
    assert content(finance, export)
    person("fin", Role.AGENT)
    refused = finance.get(f"/reports/exports/{export.pk}/file/")
    assert refused.status_code == 403
    assert "needs one of these roles: Lead, Finance, Administrator" in refused.content.decode()
    assert ExportDownload.objects.count() == 1


@pytest.mark.usefixtures("three")
def test_others_may_take_a_file_of_their_store_alone(finance: Any, drain: Any, client: Any) -> None:
    export = start(finance)
    drain()
    sign_in(client, person("lead", Role.LEAD))
    assert content(client, export)
    other = Store.objects.create(identifier="store-two", name="Next Door")
    Export.objects.filter(pk=export.pk).update(store=other)
    assert client.get(f"/reports/exports/{export.pk}/file/").status_code == 404


@pytest.mark.usefixtures("three")
def test_a_failing_export_is_tried_again_and_given_up(
    finance: Any, drain: Any, monkeypatch: Any
) -> None:
    export = start(finance)

    def breaks(*args: Any) -> bytes:
        raise RuntimeError("disk full")

    monkeypatch.setattr(exports, "_content", breaks)
    for failures in range(1, exports.MOST_FAILURES + 1):
        runner.run_due()
        export.refresh_from_db()
        assert export.state == ("failed" if failures == exports.MOST_FAILURES else "waiting")
        if failures == 2:
            page = finance.get(f"/reports/exports/{export.pk}/").content.decode()
            assert "It stands still" in page
        Job.objects.filter(topic="reports.export").update(not_before=clock.now())
    drain()
    page = finance.get(f"/reports/exports/{export.pk}/").content.decode()
    assert "It failed 5 times: RuntimeError" in page


@pytest.mark.usefixtures("three")
def test_a_double_click_makes_one_file(finance: Any) -> None:
    assert start(finance) == start(finance)
    assert Export.objects.count() == 1
    assert start(finance, "xlsx").pk != Export.objects.earliest("pk").pk


@pytest.mark.usefixtures("three")
def test_a_named_period_is_pinned_to_its_days(finance: Any, time_machine: Any) -> None:
    time_machine.move_to(utc(2026, 2, 28, 12))
    export = start(finance, query="period=this_month")
    assert export.query == "since=2026-02-01&until=2026-02-28"


@pytest.mark.usefixtures("three")
def test_unusable_filters_and_formats_are_refused(finance: Any) -> None:
    bad = {"format": "csv", "query": "since=nonsense"}
    answer = finance.post("/reports/refunds/export/", bad, follow=True)
    assert "a filter cannot be used" in answer.content.decode()
    answer = finance.post("/reports/refunds/export/", {"format": "pdf", "query": DAY}, follow=True)
    assert "name one of csv, xlsx" in answer.content.decode()
    assert Export.objects.count() == 0


@pytest.mark.usefixtures("three")
def test_the_byte_order_mark_can_be_left_out(finance: Any, drain: Any) -> None:
    export = start(finance, without_mark="yes")
    drain()
    assert content(finance, export).startswith(b"refund,")


@pytest.mark.usefixtures("three")
def test_what_is_looked_at_is_streamed_at_once(finance: Any, drain: Any, monkeypatch: Any) -> None:
    export = start(finance)
    drain()
    answer = finance.get(f"/reports/refunds/rows.csv?{DAY}")
    assert answer.streaming
    assert b"".join(answer.streaming_content) == content(finance, export)
    monkeypatch.setattr("apps.desk.views.report_exports.MOST_ROWS_AT_ONCE", 2)
    refused = finance.get(f"/reports/refunds/rows.csv?{DAY}", follow=True)
    assert "in the background" in refused.content.decode()


def test_nothing_is_a_file_too(finance: Any, drain: Any) -> None:
    exported = [start(finance, name) for name in ("csv", "xlsx")]
    drain()
    for export in exported:
        export.refresh_from_db()
        assert (export.state, export.rows_total, export.percent) == ("done", 0, 100)
    assert rows_of(content(finance, exported[0])) == []
    book = openpyxl.load_workbook(io.BytesIO(content(finance, exported[1])))
    assert book["Refunds"].max_row == 1


@pytest.mark.usefixtures("three")
def test_a_worker_that_comes_too_late_takes_nothing_from_the_file(finance: Any, drain: Any) -> None:
    export = start(finance)
    stale = Export.objects.select_related("store", "requested_by").get(pk=export.pk)
    drain()
    before = content(finance, export)
    job = ClaimedJob(1, 1, stale.store_id, "reports.export", str(stale.pk), 0, clock.now())
    with pytest.raises(exports._Stopped):
        exports._finish(stale, job)
    assert content(finance, export) == before


@pytest.mark.usefixtures("three")
def test_a_position_that_is_far_too_long_begins_anew(finance: Any) -> None:
    assert finance.get("/reports/refunds/", {"after": "[" * 3000}).status_code == 200
