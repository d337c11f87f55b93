"""Asking reports: rows as dictionaries, and that page, file and plain addition agree."""

import csv
import io
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.reports.asking import question_of
from apps.reports.csv_writing import csv_stream
from apps.reports.reading import batches, compared, stream, totals
from apps.reports.registry import report_named
from apps.reports.types import Kind, Question, Report
from apps.stores.models import Store

Row = dict[str, Any]
# Of those that tests use, what has not two.
DECIMALS = {"JPY": 0, "KRW": 0, "BHD": 3, "KWD": 3}


def asked(name: str, store: Store, query: str = "") -> tuple[Report, Question]:
    """A report and its question."""
    report = report_named(name)
    assert report is not None
    return report, question_of(report, store, query)


def rows_of(name: str, store: Store, query: str = "") -> list[Row]:
    """All rows, by the keys of their columns. On the way: what is read two at a time, what stands
    in the file and what is added up here is the same as the page's totals."""
    report, question = asked(name, store, query)
    keys = [column.key for column in report.columns]
    rows = [dict(zip(keys, row, strict=True)) for row in stream(report, question)]
    in_twos = [row for batch in batches(report, question, size=2) for row in batch.rows]
    assert in_twos == [tuple(row.values()) for row in rows]
    shown = {found.currency: found for found in totals(report, question)}
    added: dict[str, dict[str, int]] = {}
    for row in rows:
        sums = added.setdefault(row.get(report.currency, ""), dict.fromkeys(report.summed, 0))
        for key in sums:
            sums[key] += row[key] or 0
    assert {currency: dict(found.sums) for currency, found in shown.items()} == added
    assert sum(found.rows for found in shown.values()) == len(rows)
    _compare_with_file(report, question, len(rows), added)
    return rows


def _compare_with_file(
    report: Report, question: Question, count: int, added: dict[str, dict[str, int]]
) -> None:
    content = b"".join(csv_stream(report, question, has_byte_order_mark=False)).decode()
    read = list(csv.DictReader(io.StringIO(content, newline="")))
    assert len(read) == count + len(added)
    for line in read[count:]:
        assert next(iter(line.values())) == "Total"
        sums = added[line.get(report.currency, "")]
        for key, cents in sums.items():
            is_amount = report.column(key).kind == Kind.AMOUNT
            code = line.get(report.currency, "")
            assert line[key] == (in_file(cents, code) if is_amount else str(cents))


def in_file(cents: int, currency: str) -> str:
    """An amount as files have it: with as many decimals as ISO 4217 gives its currency."""
    digits = DECIMALS.get(currency, 2)
    plain = f"{abs(cents):0{digits + 1}d}"
    whole, rest = (plain[:-digits], f".{plain[-digits:]}") if digits else (plain, "")
    return f"{'-' if cents < 0 else ''}{whole}{rest}"


def sums_of(name: str, store: Store, query: str = "") -> dict[str, dict[str, int]]:
    """The totals of a report, by currency."""
    report, question = asked(name, store, query)
    return {found.currency: dict(found.sums) for found in totals(report, question)}


def before_of(name: str, store: Store, query: str = "") -> dict[str, dict[str, int]]:
    """The totals of the period before, by the currencies of now."""
    report, question = asked(name, store, query)
    return {
        found.totals.currency: dict(found.before.sums)
        for found in compared(report, question)
        if found.before
    }


def queries_of(name: str, store: Store, query: str = "") -> int:
    """How many queries rows, totals and chart take."""
    report, question = asked(name, store, query)
    with CaptureQueriesContext(
        connection,
    ) as caught:
        list(stream(report, question))
        totals(report, question)
        report.chart(question)
    return len(caught)


def bars_of(name: str, store: Store, query: str = "") -> dict[str, int]:
    """What the chart draws."""
    report, question = asked(name, store, query)
    chart = report.chart(question)
    return {point.label: point.value for point in chart.points} if chart else {}


Asked = Callable[..., list[Row]]
