"""Closing a month: the books first, then the files that stand for it from then on."""

from collections.abc import Sequence
from datetime import date

from django.db import transaction

from apps.ledger import periods
from apps.ledger.models import PeriodEvent
from apps.ledger.rules import last_of_month
from apps.reports.asking import encoded, question_of
from apps.reports.exports import keep_export, start_export
from apps.reports.models import Export, PeriodFile
from apps.reports.registry import report_named
from apps.stores.models import Store

# Report, what it is asked besides the month's days, and the formats.
_FILES: tuple[tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]], ...] = (
    ("refunds", (("by", "paid"),), ("csv", "xlsx")),
    ("journal", (), ("csv",)),
    ("trial-balance", (), ("csv",)),
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
    """Has those of a closed month's files made that it has not, or whose making ended in vain."""
    files = files_of([closing])[closing.pk]
    have = {(file.report, file.format) for file in files if file.state not in IN_VAIN}
    days = (
        ("since", closing.month.isoformat()),
        ("until", last_of_month(closing.month).isoformat()),
    )
    for name, asked, formats in _FILES:
        report = report_named(name)
        if report is None:
            continue
        question = question_of(report, closing.store, encoded([*asked, *days]))
        for file_format in formats:
            if (name, file_format) in have:
                continue
            export = start_export(
                report=report, question=question, file_format=file_format, user_id=user_id
            )
            keep_export(export)
            PeriodFile.objects.get_or_create(closing=closing, export=export)


def files_of(closings: Sequence[PeriodEvent]) -> dict[int, list[Export]]:
    """Returns the files of closed months by the key of their closing, as they were asked for."""
    found: dict[int, list[Export]] = {one.pk: [] for one in closings}
    rows = PeriodFile.objects.filter(closing__in=list(found)).order_by("pk")
    for row in rows.select_related("export"):
        found[row.closing_id].append(row.export)
    return found
