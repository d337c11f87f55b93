"""The trial balance: every account, as of the end of a day or for a period."""

from datetime import date
from typing import Any

from django.db.models import QuerySet

from apps.ledger.models import Posting
from apps.ledger.queries import as_of, balances, postings_of
from apps.reports.book_filters import (
    FINAL,
    IS_FINAL,
    OPEN,
    BookFilters,
    Finality,
    account,
    is_settled,
    narrowed,
    today_of,
)
from apps.reports.filters import choice_field
from apps.reports.parts import main_currency, with_values
from apps.reports.registry import register
from apps.reports.rules import Period, Preset
from apps.reports.sources import Listed
from apps.reports.types import ChartData, Point, Question, Report, Row, amount, day, text

IN_PERIOD = "period"


class TrialBalanceFilters(BookFilters):
    """Balances at the end of the last day, or what was booked within the days."""

    default_period = Preset.YESTERDAY
    first = ("mode", "since", "until", "account", "currency")

    mode = choice_field("Figures", [(IN_PERIOD, "Booked on these days")], "As of the last day")

    def __init__(self, data: Any, **more: Any) -> None:
        super().__init__(data, **more)
        del self.fields["known"]

    @property
    def asked_period(self) -> Period:
        """A balance is that of one day: the last one."""
        period = super().asked_period
        if self.cleaned_data.get("mode") == IN_PERIOD:
            return period
        last = period.until or self.today
        return Period(last, last)


def _last_day(question: Question) -> date:
    return question.period.until or today_of(question)


def _is_as_of(question: Question) -> bool:
    return bool(question.values.get("mode") != IN_PERIOD)


def _postings(question: Question) -> QuerySet[Posting]:
    if not _is_as_of(question):
        period = question.period
        rows = postings_of(question.store.pk, first_day=period.since, last_day=period.until)
    else:
        rows = as_of(question.store, _last_day(question))
    return narrowed(rows.order_by(), {"currency": question.values.get("currency")})


def _is_final(question: Question) -> str:
    """What is as of a day is the same for ever once that is settled; what was booked on days, once
    they are closed."""
    if not _is_as_of(question):
        return Finality(question).of(question.period.until)
    return FINAL if is_settled(question, _last_day(question)) else OPEN


def _rows(question: Question) -> list[Row]:
    # Before the rows are read: nothing comes in between.
    is_final, last = _is_final(question), _last_day(question)
    wanted = question.values.get("account")
    return [
        (
            found.account,
            found.debit_cents,
            found.credit_cents,
            found.balance_cents,
            found.currency,
            last,
            is_final,
        )
        for found in balances(_postings(question))
        if not wanted or found.account == wanted
    ]


_SOURCE = Listed(_rows)


def _chart(question: Question) -> ChartData | None:
    rows: list[Any] = _SOURCE.rows(question)
    currency = main_currency((row[4], row[1] + row[2]) for row in rows)
    if not currency:
        return None
    words = account("", "").words
    points = [Point(words.get(row[0], row[0]), abs(row[3])) for row in rows if row[4] == currency]
    return ChartData(f"Balances in {currency} without their sign, by account", points, currency)


def _entries(question: Question, row: Row) -> tuple[str, str]:
    """The entries of an account: of the days, or of all days up to the last one as known then."""
    values = {"account": str(row[0]), "currency": str(row[4]), "mode": ""}
    if not _is_as_of(question):
        return "entries", with_values(question, **values)
    last = f"{row[5]}"
    known = last if row[6] == FINAL else ""
    return "entries", with_values(question, since="", until=last, known=known, period="", **values)


TRIAL_BALANCE = register(
    Report(
        name="trial-balance",
        title="Trial balance",
        group="Books",
        intro="Every account with its debits, its credits and its balance. Debits and credits are "
        "the same in every currency, so the balances add up to nothing.",
        definition=(
            "“As of the last day” adds up everything booked up to the day in “To”, "
            "its own entries included, as it was known at the end of that day on the store's "
            "clock; “From” does not count. For a day that is over it is the same whenever the "
            "report is run, whatever is recorded later. Until it is over, and nothing of it is "
            "still being written down, “Can still change” stands beside it.",
            "“Booked on these days” adds up what was booked from the first to the last day, both "
            "included, as it is known now. It is final once the month is closed.",
            "A balance is debits less credits: below zero is what the store owes, or has earned.",
            "A balance stands beside that of the day before, other figures beside those of the "
            "period before.",
        ),
        columns=(
            account("account", "Account"),
            amount("debit", "Debit"),
            amount("credit", "Credit"),
            amount("balance", "Balance"),
            text("currency", "Currency"),
            day("last_day", "Last day"),
            IS_FINAL,
        ),
        nothing="As of a day counts what was recorded by its end: what was recorded later, as on "
        "the days before a month is closed, is under “Booked on these days”, and in the closed "
        "month's files. Where no day is chosen, it is yesterday.",
        is_as_of=_is_as_of,
        filters=TrialBalanceFilters,
        source=_SOURCE,
        cards=("debit", "credit", "balance"),
        chart=_chart,
        leads={"account": _entries},
    )
)
