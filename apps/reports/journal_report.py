"""The journal: what was booked day by day, by pair of accounts and by account."""

from datetime import date

from django.db.models import Count, Sum

from apps.ledger.queries import journal
from apps.ledger.rules import place_of
from apps.reports.book_filters import IS_FINAL, BookFilters, Finality, account, booked
from apps.reports.drawing import over_time
from apps.reports.parts import main_currency, with_values
from apps.reports.registry import register
from apps.reports.sources import Listed
from apps.reports.types import (
    ChartData,
    Question,
    Report,
    Row,
    amount,
    count,
    day,
    text,
)

_DEFINITION = (
    "A row is booked on the day on which the event happened on the store's clock, or on the first "
    "open day where that month was closed already. First and last day count in full.",
    "Entries are never changed: what turned out otherwise is taken back by an entry of its own, on "
    "the day it turned out.",
    "Name a day in “As known at the end of” to leave out all that was recorded later: the figures "
    "are then the same whenever the report is run.",
    "Currencies are never added up together.",
)
_NOTHING = (
    "Nothing was booked on these days. Refunds are booked when they are approved and when they are "
    "paid, exchange orders when they are placed."
)


def _pairs(question: Question) -> list[Row]:
    finality = Finality(question)
    return [
        (
            found.booked_on,
            found.debit_account,
            found.credit_account,
            found.amount_cents,
            found.currency,
            found.postings,
            finality.of(found.booked_on),
        )
        for found in journal(booked(question))
    ]


def _accounts(question: Question) -> list[Row]:
    """Each day's debits and credits of each account: a posting is in two rows."""
    rows = booked(question)
    found: dict[tuple[date, str, str], list[int]] = {}
    for side, column in enumerate(("debit_account", "credit_account")):
        sums = rows.values_list("booked_on", "currency", column).annotate(
            Sum("amount_cents"), Count("pk")
        )
        for booked_on, currency, name, cents, postings in sums:
            both = found.setdefault((booked_on, currency, name), [0, 0, 0])
            both[side] += cents
            both[2] += postings
    wanted = question.values.get("account")
    finality = Finality(question)
    keys = sorted(
        (key for key in found if not wanted or key[2] == wanted),
        key=lambda key: (key[0], key[1], place_of(key[2])),
    )
    return [_account_row(key, found[key], finality) for key in keys]


def _account_row(key: tuple[date, str, str], sums: list[int], finality: Finality) -> Row:
    booked_on, currency, name = key
    debit, credit, postings = sums
    return (booked_on, name, debit, credit, debit - credit, currency, postings,
            finality.of(booked_on))  # fmt: skip


def _chart(question: Question) -> ChartData | None:
    sums = booked(question).values_list("currency").annotate(Count("pk"))
    currency = main_currency(sums)
    if not currency:
        return None
    rows = booked(question).filter(currency=currency)
    found = rows.values_list("booked_on").annotate(Sum("amount_cents"))
    return over_time(f"Booked in {currency}", question, dict(found), currency)


def _entries(question: Question, row: Row) -> tuple[str, str]:
    """The entries of a day, in the row's currency."""
    booked_on = f"{row[0]}"
    values = {"since": booked_on, "until": booked_on, "period": "", "currency": str(row[-3])}
    return "entries", with_values(question, account=str(row[1]), **values)


JOURNAL = register(
    Report(
        name="journal",
        title="Journal by day",
        group="Books",
        intro="What was booked on each day, one row for each pair of accounts: the amount that is "
        "debited to the one is credited to the other.",
        definition=_DEFINITION,
        columns=(
            day("day", "Day"),
            account("debit_account", "Debit"),
            account("credit_account", "Credit"),
            amount("amount", "Amount"),
            text("currency", "Currency"),
            count("postings", "Postings"),
            IS_FINAL,
        ),
        nothing=_NOTHING,
        filters=BookFilters,
        source=Listed(_pairs),
        cards=("amount", "postings"),
        chart=_chart,
        leads={"postings": _entries},
    )
)
JOURNAL_BY_ACCOUNT = register(
    Report(
        name="journal-by-account",
        title="Journal by account",
        group="Books",
        intro="What was booked on each day, one row for each account with its debits and its "
        "credits; together they are the same.",
        definition=_DEFINITION,
        columns=(
            day("day", "Day"),
            account("account", "Account"),
            amount("debit", "Debit"),
            amount("credit", "Credit"),
            amount("net", "Debit less credit"),
            text("currency", "Currency"),
            count("postings", "Postings", is_summed=False, hint="Each is in two accounts"),
            IS_FINAL,
        ),
        nothing=_NOTHING,
        filters=BookFilters,
        source=Listed(_accounts),
        cards=("debit", "credit", "net"),
        chart=_chart,
        leads={"postings": _entries},
    )
)
