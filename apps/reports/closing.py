"""Closing a month: the books first, then the files that stand for it from then on."""

from collections.abc import Sequence
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
from apps.reports.models import Export, PeriodFile
from apps.reports.refund_filters import BOOKED
from apps.reports.registry import report_named
from apps.stores.models import Store

# Report, what it is asked besides the month's days, and the formats.
_FILES: tuple[tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]], ...] = (
    # By their day in the books: what was paid in a month that was closed before it became known is
    # in the next one's file, and so every refund is in one.
    ("refunds", (("by", BOOKED),), ("csv", "xlsx")),
    ("journal", (), ("csv",)),
    # Every entry of the month: also of what was paid before it and became known in it.
    ("entries", (), ("csv",)),
    ("trial-balance", (("mode", "period"),), ("csv",)),
)


IN_VAIN = (Export.State.FAILED, Export.State.CANCELED, Export.State.EXPIRED)


@transaction.atomic
def close_month(*, store: Store, month: date, user_id: int, note: str) -> PeriodEvent:
    """Closes a month in the books and has its files made: refunds paid, journal, trial balance.
    Raises Refused where the books cannot be closed (`ledger.periods.close_month`)."""
    closing = periods.close_month(store=store, month=month, user_id=user_id, note=note)
    make_files(closing=closing, user_id=user_id)
    return closing


@transaction.atomic
def make_files(*, closing: PeriodEvent, user_id: int) -> None:
    """Has those of a closed month's files made that it has not, or whose making ended in vain.
    Raises Refused where the month was opened again since."""
    _refuse_unless_closed(closing)
    files = files_of([closing])[closing.pk]
    have = {(file.report, file.format) for file in files if file.state not in IN_VAIN}
    days = _days(closing)
    for name, asked, formats in _FILES:
        report = report_named(name)
        if report is None:
            continue
        question = question_of(report, closing.store, encoded([*asked, *days]))
        for file_format in formats:
            if (name, file_format) in have:
                continue
            # A new one: what is under way may have been read before the books were closed.
            export = start_export(
                report=report,
                question=question,
                file_format=file_format,
                user_id=user_id,
                may_reuse=False,
            )
            keep_export(export)
            PeriodFile.objects.get_or_create(closing=closing, export=export)


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
