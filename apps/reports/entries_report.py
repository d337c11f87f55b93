"""Every posting with its memo and what it is about: what an auditor follows."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Case, F, QuerySet, When

from apps.reports.book_filters import IS_FINAL, BookFilters, Finality, account, booked
from apps.reports.registry import register
from apps.reports.sources import Keyset, always
from apps.reports.types import Column, Question, Report, Row, amount, count, day, moment, text

KINDS = {
    "refund.owed": "Refund owed",
    "refund.owed.reversed": "Refund owed, taken back",
    "refund.outside": "Refund made outside",
    "refund.credited": "Store credit",
    "payout.paid": "Payment",
    "exchange.placed": "Exchange order",
    "exchange.placed.reversed": "Exchange order, taken back",
}

_COLUMNS: tuple[tuple[Column, str], ...] = (
    (day("day", "Day", hint="In the books"), "booked_on"),
    (count("entry", "Entry", is_summed=False), "entry_id"),
    (text("kind", "Event", words=KINDS), "entry__kind"),
    (account("debit_account", "Debit"), "debit_account"),
    (account("credit_account", "Credit"), "credit_account"),
    (amount("amount", "Amount"), "amount_cents"),
    (amount("debited", "Debited to the account", only_with="account"), "debited_cents"),
    (amount("credited", "Credited to the account", only_with="account"), "credited_cents"),
    (text("currency", "Currency"), "currency"),
    (text("memo", "Memo"), "entry__memo"),
    (text("order", "Order", links_to="order"), "entry__order_identifier"),
    (text("rma", "Return", links_to="rma"), "entry__rma_identifier"),
    (text("refund", "Refund", links_to="refund"), "entry__refund_identifier"),
    (
        text("exchange_order", "Exchange order", links_to="exchange"),
        "entry__exchange_order_identifier",
    ),
    (moment("happened_at", "Happened"), "entry__happened_at"),
    (moment("recorded_at", "Recorded"), "recorded_at"),
)


def _rows(question: Question) -> QuerySet[Any]:
    """What was booked, with what of it the account that is asked for has on either side."""
    account = question.values.get("account") or ""
    return booked(question).annotate(
        debited_cents=Case(When(debit_account=account, then=F("amount_cents"))),
        credited_cents=Case(When(credit_account=account, then=F("amount_cents"))),
    )


def _order(question: Question) -> tuple[str, ...]:
    return ("booked_on", "entry_id", "id")


def _finish(question: Question, read: Sequence[tuple[Any, ...]]) -> list[Row]:
    finality = Finality(question)
    return [(*row, finality.of(row[0])) for row in read]


ENTRIES = register(
    Report(
        name="entries",
        title="Entries",
        group="Books",
        intro="Every posting of the books with its memo and the order, return, refund or exchange "
        "order it is about.",
        definition=(
            "A row is an amount from one account to another. Rows of the same entry number are one "
            "event.",
            "The day is the one in the books: that of the event on the store's clock, or the first "
            "open one where its month was closed already. “Happened” and “Recorded” are the true "
            "moments.",
            "Of one account, what is debited and what is credited to it stand in columns of their "
            "own: they are the account's in the trial balance.",
            "Name a day in “As known at the end of” to leave out all that was recorded later.",
        ),
        columns=(*(column for column, _ in _COLUMNS), IS_FINAL),
        nothing="Nothing was booked on these days.",
        filters=BookFilters,
        source=Keyset(
            rows=_rows,
            order=_order,
            fields=tuple(field for _, field in _COLUMNS),
            finish=_finish,
            currency="currency",
            sums={column.key: field for column, field in _COLUMNS if column.is_summed},
            is_by_day=always,
        ),
        cards=("amount", "debited", "credited"),
    )
)
