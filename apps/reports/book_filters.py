"""What reports on the books can be narrowed by, and whether their figures can still change."""

from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet

from apps.common import clock
from apps.ledger.models import Posting
from apps.ledger.queries import known_until, postings_of
from apps.ledger.rules import CASH_OUTSIDE, LABELS, cash, label_of
from apps.reports.filters import CurrencyField, ReportFilters, choice_field, day_field
from apps.reports.types import Column, Question, text

ACCOUNTS = LABELS | {
    account: label_of(account) for account in (*map(cash, settings.PAYMENT_GATEWAYS), CASH_OUTSIDE)
}
FINAL, OPEN = "final", "open"
# What finance reads of each row of the books: may it still be other tomorrow?
IS_FINAL = text(
    "figures",
    "Figures",
    words={FINAL: "Final", OPEN: "Can still change"},
    hint="Final: the day is closed, or only what was known by then counts, and nothing of that is "
    "still being written down",
)


def account(key: str, label: str) -> Column:
    """Returns a column of accounts; files have their codes."""
    return text(key, label, words=ACCOUNTS)


class BookFilters(ReportFilters):
    """Narrows what was booked."""

    first = ("since", "until", "known", "account", "currency")

    known = day_field("As known at the end of")
    account = choice_field("Account", ACCOUNTS.items())
    currency = CurrencyField()

    def clean_known(self) -> date | None:
        """Refuses days that are not over: what is known at their end nobody can say yet."""
        day: date | None = self.cleaned_data["known"]
        if day and day >= self.today:
            raise forms.ValidationError(
                f"{day} is not over yet: name a day before {self.today}, or leave it out for what "
                "is known now."
            )
        return day


def booked(question: Question) -> QuerySet[Posting]:
    """Returns the postings booked on the days that are asked for, unsorted: of those known by the
    end of the day that is named, or of all."""
    known: date | None = question.values.get("known")
    # What is final is found out before rows are read: nothing comes in between.
    Finality(question)
    rows = postings_of(
        question.store.pk,
        first_day=question.period.since,
        last_day=question.period.until,
        recorded_before=known_until(question.store, known) if known else None,
    ).order_by()
    return narrowed(rows, question.values)


def narrowed(rows: QuerySet[Posting], values: Any) -> QuerySet[Posting]:
    """Keeps the postings of the account and the currency that are named."""
    if values.get("account"):
        rows = rows.filter(Q(debit_account=values["account"]) | Q(credit_account=values["account"]))
    if values.get("currency"):
        rows = rows.filter(currency=values["currency"])
    return rows


class Finality:
    """Tells which days' figures can still change, as of when it was first asked of the question."""

    def __init__(self, question: Question) -> None:
        known: date | None = question.values.get("known")
        self._is_fixed = known is not None and is_settled(question, known)
        self._closed_through = question.closed_through

    def of(self, day: date | None) -> str:
        """Returns whether what is booked on that day, or up to it, can still change."""
        is_closed = day is not None and self._closed_through and day <= self._closed_through
        return FINAL if self._is_fixed or is_closed else OPEN


def is_settled(question: Question, day: date) -> bool:
    """Tells whether the figures as of the end of that day are the same for ever."""
    return question.settled_through is not None and day <= question.settled_through


def today_of(question: Question) -> date:
    """Returns today on the store's clock."""
    return clock.now().astimezone(question.zone).date()
