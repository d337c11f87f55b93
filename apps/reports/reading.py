"""Reading a report: all rows in batches, one page, the totals beside those of the period before."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.reports.types import Batch, Position, Question, Report, Row, Totals

PAGE_ROWS = 50


@dataclass(frozen=True)
class Compared:
    """Totals, and those of the same currency in the period before (None: nothing to compare
    with; without rows there, all sums are 0)."""

    totals: Totals
    before: Totals | None


def batches(
    report: Report, question: Question, after: Position | None = None, size: int | None = None
) -> Iterator[Batch]:
    """Yields all rows behind `after`, `size` at a time (else as many as the source has in memory at
    once)."""
    while True:
        batch = report.source.batch(question, after, size or report.source.file_rows)
        if batch.rows:
            yield batch
        if batch.end is None:
            return
        after = batch.end


def stream(report: Report, question: Question) -> Iterator[Row]:
    """Yields all rows, one by one."""
    for batch in batches(report, question):
        yield from batch.rows


def page(report: Report, question: Question, after: Position | None) -> Batch:
    """Returns the rows of one page."""
    return report.source.batch(question, after, PAGE_ROWS)


def totals(report: Report, question: Question) -> list[Totals]:
    """Returns the totals of all rows, per currency."""
    return report.source.totals(report, question)


def compared(report: Report, question: Question) -> list[Compared]:
    """Returns the totals, each with those of the period before."""
    now = totals(report, question)
    before = question.before() if report.is_compared else None
    if before is None:
        return [Compared(found, None) for found in now]
    earlier = {found.currency: found for found in totals(report, before)}
    none = dict.fromkeys(report.summed, 0)
    return [
        Compared(found, earlier.get(found.currency) or Totals(found.currency, 0, none))
        for found in now
    ]
