"""Telling people what a statement shows that nobody may overlook: money that went out and that the
desk does not know of, or that went out twice. One exception per statement and finding, which names
rows and sums, and closes itself when no such row is open."""

from django.db.models import Count, Sum

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common.money import show
from apps.statements.models import Statement, StatementRow, StatementState
from apps.statements.types import Standing

_LOUD = {Standing.NOT_PAID: Kind.STATEMENT_NOT_PAID, Standing.TWICE: Kind.STATEMENT_TWICE}
_WORDS = {
    Standing.NOT_PAID: "paid by the file and not at the desk",
    Standing.TWICE: "for a payment that another row tells of already",
}
NAMED = 5


def tell_people(statement: Statement) -> None:
    """Opens, renews and closes the exceptions of a statement. Call it under its lock, after a
    change of its rows or of its state."""
    for standing, kind in _LOUD.items():
        detail = _detail(statement, standing)
        if detail:
            open_item(
                store_id=statement.store_id, kind=kind, subject=str(statement.pk), detail=detail
            )
        else:
            close_items(
                store_id=statement.store_id,
                kind=kind,
                subject=str(statement.pk),
                resolution="no such row of the statement is open any more",
            )


def _detail(statement: Statement, standing: Standing) -> str:
    """Says which rows are open, "" where none is."""
    is_set_aside = Statement.objects.filter(pk=statement.pk, state=StatementState.SET_ASIDE)
    rows = StatementRow.objects.filter(
        statement=statement, standing=standing, is_explained=False, is_live=True
    )
    sums = list(
        rows.order_by("currency").values_list("currency").annotate(Sum("amount_cents"), Count("pk"))
    )
    if not sums or is_set_aside.exists():
        return ""
    count = sum(rows for _, _, rows in sums)
    total = " and ".join(show(int(cents), currency) for currency, cents, _ in sums)
    named = rows.order_by("line").values_list("line", "amount_cents", "currency", "reference")
    lines = [
        f"line {line}, {show(cents, currency)}" + (f", reference {reference}" if reference else "")
        for line, cents, currency, reference in named[:NAMED]
    ]
    more = f"; and {count - NAMED} more" if count > NAMED else ""
    counted = "1 row" if count == 1 else f"{count:,} rows"
    return f"“{statement.name}”: {counted} of {total} {_WORDS[standing]}: {'; '.join(lines)}{more}."
