"""Closing a month: the books first, then the files that stand for it from then on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from apps.common.errors import Refused
from apps.ledger import periods
from apps.ledger.models import PeriodEvent
from apps.ledger.queries import first_booked_on
from apps.ledger.rules import last_of_month
from apps.ledger.services import closed_through_of, lock_books
from apps.reports.asking import encoded, question_of
from apps.reports.exports import keep_export, start_export
from apps.reports.files import file_name
from apps.reports.models import Export, PeriodFile
from apps.reports.refund_filters import BOOKED
from apps.reports.registry import report_named
from apps.reports.types import Question, Report
from apps.stores.models import Store


@dataclass(frozen=True)
class _File:
    """A report that is kept of a closed month, what it is asked besides the days, and its formats.
    The days are the month's, or all up to its end."""

    report: str
    asked: tuple[tuple[str, str], ...] = ()
    formats: tuple[str, ...] = ("csv",)
    is_of_all_before: bool = False


_FILES = (
    # By their day in the books: what was paid in a month that was closed before it became known is
    # in the next one's file, and so every refund is in one.
    _File("refunds", (("by", BOOKED),), ("csv", "xlsx")),
    _File("journal"),
    # Every entry of the month: also of what was paid before it and became known in it.
    _File("entries"),
    _File("trial-balance", (("mode", "period"),)),
    # What the accounts stand at in the end: what the next month begins with.
    _File("trial-balance", (("mode", "period"),), is_of_all_before=True),
)
IN_VAIN = (Export.State.FAILED, Export.State.CANCELED, Export.State.EXPIRED)


@transaction.atomic
def close_month(*, store: Store, month: date, user_id: int, note: str) -> PeriodEvent:
    """Closes a month in the books and has its files made: refunds, journal, entries, balances.
    Raises Refused where the books cannot be closed (`ledger.periods.close_month`)."""
    closing = periods.close_month(store=store, month=month, user_id=user_id, note=note)
    make_files(closing=closing, user_id=user_id)
    return closing


@transaction.atomic
def make_files(*, closing: PeriodEvent, user_id: int) -> None:
    """Has those of a closed month's files made that it has not, or whose making ended in vain.
    Raises Refused where the month was opened again since."""
    _refuse_unless_closed(closing)
    have = kinds_made(files_of([closing])[closing.pk])
    for report, question, file_format in _wanted(closing):
        kind = (report.name, question.pinned, file_format)
        if kind in have:
            continue
        have.add(kind)
        # A new one: what is under way may have been read before the books were closed.
        export = start_export(
            report=report,
            question=question,
            file_format=file_format,
            user_id=user_id,
            may_reuse=False,
            name=_file_name(closing, file_name(report, question, file_format)),
        )
        keep_export(export)
        PeriodFile.objects.get_or_create(closing=closing, export=export)


def kind_of(file: Export) -> tuple[str, str, str]:
    """Returns what a file of a closed month is, by which it is known again when it is made anew."""
    return file.report, file.query, file.format


def kinds_made(files: Iterable[Export]) -> set[tuple[str, str, str]]:
    """Returns what of these files there is, or is being made."""
    return {kind_of(file) for file in files if file.state not in IN_VAIN}


def _wanted(closing: PeriodEvent) -> Iterator[tuple[Report, Question, str]]:
    """Yields the files that stand for a closed month: report, what it is asked, and format."""
    *_, until = days = _days(closing)
    for file in _FILES:
        report = report_named(file.report)
        if report is None:
            continue
        own_days = [until] if file.is_of_all_before else days
        question = question_of(report, closing.store, encoded([*file.asked, *own_days]))
        yield from ((report, question, file_format) for file_format in file.formats)


def _file_name(closing: PeriodEvent, name: str) -> str:
    """The files of a month that was opened and closed again are told from those of before."""
    closings = PeriodEvent.objects.filter(
        store_id=closing.store_id,
        month=closing.month,
        kind=PeriodEvent.Kind.CLOSED,
        pk__lte=closing.pk,
    ).count()
    if closings < 2:
        return name
    stem, _, extension = name.rpartition(".")
    return f"{stem}-closing-{closings}.{extension}"


def closes_all_before(store_id: int, month: date) -> bool:
    """Tells whether closing a month closes earlier ones with it that have entries: none of them was
    closed by itself."""
    first = first_booked_on(store_id)
    earlier = PeriodEvent.objects.filter(
        store_id=store_id, kind=PeriodEvent.Kind.CLOSED, month__lt=month
    )
    return first is not None and first < month and not earlier.exists()


def _days(closing: PeriodEvent) -> list[tuple[str, str]]:
    """The days of a closing's files: the month's, and all before them that it has closed, too."""
    until = ("until", last_of_month(closing.month).isoformat())
    if closes_all_before(closing.store_id, closing.month):
        return [until]
    return [("since", closing.month.isoformat()), until]


def _refuse_unless_closed(closing: PeriodEvent) -> None:
    lock_books(closing.store_id, exclusive=True)
    closed_through = closed_through_of(closing.store_id)
    newest = PeriodEvent.objects.filter(
        store_id=closing.store_id, month=closing.month, kind=PeriodEvent.Kind.CLOSED
    ).latest("pk")
    is_closed = closed_through is not None and last_of_month(closing.month) <= closed_through
    if not is_closed or newest.pk != closing.pk:
        raise Refused(f"{closing.month:%B %Y} was opened again: close it, and its files are made")


def files_of(closings: Sequence[PeriodEvent]) -> dict[int, list[Export]]:
    """Returns the files of closed months by the key of their closing, as they were asked for."""
    found: dict[int, list[Export]] = {one.pk: [] for one in closings}
    rows = PeriodFile.objects.filter(closing__in=list(found)).order_by("pk")
    for row in rows.select_related("export"):
        found[row.closing_id].append(row.export)
    return found
