"""What a file of a report is called, what it says of itself, and writing one to a path."""

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from django.http import QueryDict

from apps.common import clock
from apps.common.errors import Refused
from apps.common.hashing import sha256_of_file
from apps.reports.csv_writing import CsvWriting
from apps.reports.reading import batches
from apps.reports.sums import Sums
from apps.reports.types import Question, Report, Totals
from apps.reports.xlsx_writing import Facts, pack, write_workbook

FORMATS = ("csv", "xlsx")
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Written:
    """A file that was written, and what is in it."""

    totals: list[Totals]
    size: int
    sha256: str

    @property
    def rows(self) -> int:
        """How many rows it has, without head and totals."""
        return sum(found.rows for found in self.totals)


def file_name(report: Report, question: Question, extension: str) -> str:
    """Returns what the file is called: report, store, and the days it is about."""
    since, until = question.period.since, question.period.until
    if report.is_as_of(question):
        since = None
    days = "-".join(str(day) for day in (since, until) if day) or "all"
    if since and not until:
        days = f"from-{since}"
    if until and not since:
        days = f"{'as-of' if report.is_as_of(question) else 'until'}-{until}"
    store = _ODD.sub("-", question.store.identifier)
    return f"{report.name}-{store}-{days}.{extension}"


def facts_of(report: Report, question: Question, by: str) -> Facts:
    """Returns what a workbook says of itself; `by` is who asked for it."""
    return [
        ("Report", report.title),
        ("Store", f"{question.store.name} ({question.store.identifier})"),
        *_days(report, question),
        ("Time zone", question.zone.key),
        *_filters(report, question),
        ("Made", _made(clock.now(), question.zone)),
        ("By", by or "a command"),
    ]


def _days(report: Report, question: Question) -> Facts:
    since, until = question.period.since, question.period.until
    if report.is_as_of(question):
        return [("As of the end of", str(until))]
    return [("From", str(since or "the beginning")), ("To", str(until or "the end"))]


def _filters(report: Report, question: Question) -> Iterator[tuple[str, str]]:
    fields = report.filters.base_fields
    for name, values in QueryDict(question.pinned).lists():
        if name not in ("since", "until", "period") and name in fields:
            yield str(fields[name].label or name), ", ".join(str(value) for value in values)


def _made(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} ({moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"


def write_file(
    report: Report,
    question: Question,
    *,
    extension: str,
    path: Path,
    by: str = "",
    has_byte_order_mark: bool = True,
) -> Written:
    """Writes a report to `path`, whole or not at all, holding one batch of rows in memory. Raises
    Refused for a format other than csv and xlsx, OSError where the path cannot be written."""
    if extension not in FORMATS:
        raise Refused(f"format {extension!r}: name one of {', '.join(FORMATS)}")
    # Beside its place, so that it takes it at once.
    handle, kept = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        if extension == "csv":
            totals = _write_csv(report, question, kept, has_byte_order_mark)
        else:
            totals = _write_xlsx(report, question, kept, by)
        written = Written(totals, Path(kept).stat().st_size, sha256_of_file(kept))
        Path(kept).replace(path)
    finally:
        Path(kept).unlink(missing_ok=True)
    return written


def _write_csv(report: Report, question: Question, path: str, has_mark: bool) -> list[Totals]:
    writing, sums = CsvWriting(report, question.zone, has_byte_order_mark=has_mark), Sums(report)
    with Path(path).open("wb") as file:
        file.write(writing.head())
        for batch in batches(report, question):
            sums.add(batch.rows)
            file.write(writing.rows(batch.rows))
        file.write(writing.tail(sums.totals))
    return sums.totals


def _write_xlsx(report: Report, question: Question, path: str, by: str) -> list[Totals]:
    sums = Sums(report)

    def chunks() -> Iterator[bytes]:
        for batch in batches(report, question):
            sums.add(batch.rows)
            yield pack(report, question.zone, batch.rows)

    write_workbook(path, report, chunks(), lambda: sums.totals, facts_of(report, question, by))
    return sums.totals
