"""A tab of a statement as CSV, whatever its length: read and written row by row."""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.utils import timezone

from apps.common import clock
from apps.common.csv_cells import harmless
from apps.desk.lists.types import Value, decimal_of, time_of
from apps.desk.reads.statements import AT_DESK, EXPLAINED, live_explanations, rows_in
from apps.refunds.models import Payout, PayoutStatus
from apps.statements.models import Explanation, Statement, StatementRow
from apps.statements.queries import explained_payouts, only_at_desk

MOST_ROWS = 500_000
_CHUNK = 500
_BYTE_ORDER_MARK = "\ufeff"
HEAD = (
    "line",
    "reference",
    "desk_key",
    "day",
    "kind",
    "amount",
    "currency",
    "fee",
    "standing",
    "desk_amount",
    "desk_currency",
    "refund",
    "order",
    "payment_key",
    "payment_reference",
    "payment_status",
    "paid_at",
    "explanation",
    "explained_by",
)


class _Echo:
    """Hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        """Returns the line."""
        return line


def csv_name(found: Statement, tab: str) -> str:
    """Returns what the file of a tab is called."""
    day = timezone.localtime(clock.now()).date()
    return f"statement-{found.pk}-{tab}-{day.isoformat()}.csv"


def tab_lines(found: Statement, tab: str) -> Iterator[str]:
    """Returns the lines of a tab's CSV. Texts that a spreadsheet would take for formulas are made
    harmless; amounts are decimals of their currency."""
    writer = csv.writer(_Echo())
    yield _BYTE_ORDER_MARK + writer.writerow(HEAD)
    for cells in islice(_cells(found, tab), MOST_ROWS):
        yield writer.writerow([_safe(cell) for cell in cells])


def _safe(cell: Value) -> Value:
    return harmless(cell) if isinstance(cell, str) else cell


def _cells(found: Statement, tab: str) -> Iterator[tuple[Value, ...]]:
    if tab == AT_DESK:
        for payout in only_at_desk(found).order_by("pk").iterator(chunk_size=_CHUNK):
            yield (*[""] * 8, "Only at the desk", *_desk_side(payout), "", "")
        return
    yield from _row_cells(rows_in(found, tab).prefetch_related(live_explanations()).order_by("pk"))
    if tab == EXPLAINED:
        yield from _explained(explained_payouts(found).order_by("pk"))


def _row_cells(rows: Any) -> Iterator[tuple[Value, ...]]:
    row: StatementRow
    for row in rows.iterator(chunk_size=_CHUNK):
        said: list[Explanation] = row.said  # type: ignore[attr-defined]
        yield (
            row.line,
            row.reference,
            row.key,
            row.paid_on.isoformat() if row.paid_on else "",
            row.kind,
            decimal_of(row.amount_cents, row.currency),
            row.currency,
            decimal_of(row.fee_cents, row.currency),
            row.get_standing_display(),
            *(_desk_side(row.payout) if row.payout else [""] * 8),
            *_said(said[0] if said else None),
        )


def _explained(explanations: Iterable[Explanation]) -> Iterator[tuple[Value, ...]]:
    for said in explanations:
        if said.payout is not None:
            yield (*[""] * 8, "Only at the desk", *_desk_side(said.payout), *_said(said))


def _desk_side(payout: Payout) -> tuple[Value, ...]:
    return (
        decimal_of(payout.amount_cents, payout.currency),
        payout.currency,
        payout.refund.identifier,
        payout.refund.order.identifier,
        str(payout.idempotency_key),
        payout.gateway_reference,
        payout.get_status_display(),
        time_of(payout.finished_at if payout.status == PayoutStatus.PAID else None),
    )


def _said(explanation: Explanation | None) -> tuple[str, str]:
    if explanation is None:
        return "", ""
    return explanation.reason, explanation.author.get_username()
