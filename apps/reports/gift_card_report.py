"""Gift cards and bonus credit that were issued, and those taken back: read from the books, so that
it is what the gift card account says."""

from collections.abc import Sequence
from typing import Any

from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Sum, Value, When

from apps.ledger.models import Posting
from apps.ledger.queries import postings_of
from apps.ledger.rules import GIFT_CARD_LIABILITY, MARKETING
from apps.reports.drawing import over_time
from apps.reports.entries_report import KINDS
from apps.reports.filters import CurrencyField, ReportFilters, choice_field
from apps.reports.parts import main_currency
from apps.reports.registry import register
from apps.reports.sources import Keyset, always
from apps.reports.types import (
    ChartData,
    Column,
    Question,
    Report,
    Row,
    amount,
    day,
    moment,
    text,
)

_ISSUED = Q(credit_account=GIFT_CARD_LIABILITY)
_TAKEN_BACK = Q(debit_account=GIFT_CARD_LIABILITY)
_BONUS = Q(debit_account=MARKETING) | Q(credit_account=MARKETING)
BY_EXCHANGE, BY_REFUND = "exchange", "refund"
_WAYS = [(BY_EXCHANGE, "With an exchange order"), (BY_REFUND, "As a refund")]


class GiftCardFilters(ReportFilters):
    """Narrows what was issued."""

    first = ("since", "until", "way", "currency")

    way = choice_field("Given", _WAYS)
    currency = CurrencyField()


_COLUMNS: tuple[tuple[Column, str], ...] = (
    (day("day", "Day", hint="In the books"), "booked_on"),
    (text("kind", "Event", words=KINDS), "entry__kind"),
    (amount("gift_card", "Gift card", hint="Below zero: taken back"), "gift_card_cents"),
    (amount("bonus_credit", "Bonus credit", hint="On top, paid by marketing"), "bonus_cents"),
    (amount("total", "Total"), "total_cents"),
    (text("currency", "Currency"), "currency"),
    (
        text("exchange_order", "Exchange order", links_to="exchange"),
        "entry__exchange_order_identifier",
    ),
    (text("refund", "Refund", links_to="refund"), "entry__refund_identifier"),
    (text("rma", "Return", links_to="rma"), "entry__rma_identifier"),
    (text("order", "Order", links_to="order"), "entry__order_identifier"),
    (moment("happened_at", "Happened"), "entry__happened_at"),
)


def issued(question: Question) -> QuerySet[Posting]:
    """Returns the postings of gift cards on the days that are asked for, unsorted, with
    `gift_card_cents`, `bonus_cents` and `total_cents`."""
    period, values = question.period, question.values
    rows = postings_of(question.store.pk, first_day=period.since, last_day=period.until)
    rows = rows.filter(_ISSUED | _TAKEN_BACK).order_by()
    if values.get("way"):
        is_by_refund = ~Q(entry__refund_identifier="")
        rows = rows.filter(is_by_refund if values["way"] == BY_REFUND else ~is_by_refund)
    if values.get("currency"):
        rows = rows.filter(currency=values["currency"])
    signed = Case(
        When(_ISSUED, then=F("amount_cents")),
        default=-F("amount_cents"),
        output_field=BigIntegerField(),
    )
    nothing = Value(0, output_field=BigIntegerField())
    return rows.annotate(
        total_cents=signed,
        bonus_cents=Case(When(_BONUS, then=signed), default=nothing),
        gift_card_cents=Case(When(_BONUS, then=nothing), default=signed),
    )


def _order(question: Question) -> tuple[str, ...]:
    return ("booked_on", "entry_id", "id")


def _finish(question: Question, read: Sequence[tuple[Any, ...]]) -> Sequence[Row]:
    return read


def _chart(question: Question) -> ChartData | None:
    rows = issued(question)
    currency = main_currency(rows.values_list("currency").annotate(Count("pk")))
    if not currency:
        return None
    found = rows.filter(currency=currency).values_list("booked_on").annotate(Sum("total_cents"))
    return over_time(f"Issued in {currency}", question, dict(found), currency)


GIFT_CARDS = register(
    Report(
        name="gift-cards",
        title="Gift cards and bonus credit",
        group="Money",
        intro="Gift cards and bonus credit that were issued, with the exchange order or the refund "
        "they were given for.",
        definition=(
            "Counts gift cards of exchange orders when the order is placed, and refunds paid onto "
            "a gift card when they are paid.",
            "Bonus credit is what an exchange order gave on top of a gift card, and what finance "
            "should rely on: it is what the books have under marketing on these days. It is part "
            "of no refund; what the refund report calls “told by Optoro” is what the return says "
            "of it, and can be another figure on another day.",
            "An exchange order that is canceled is taken back: a row below zero, on the day it "
            "was.",
            "The day is the one in the books, on the store's clock. The total is what was credited "
            "to the account “Gift card liability”, less what was debited to it.",
            "Left out: gift cards that others sell or redeem; the desk does not hear of them.",
        ),
        columns=tuple(column for column, _ in _COLUMNS),
        nothing="No gift card and no bonus credit was issued or taken back on these days.",
        filters=GiftCardFilters,
        source=Keyset(
            rows=issued,
            order=_order,
            fields=tuple(field for _, field in _COLUMNS),
            finish=_finish,
            currency="currency",
            sums={
                "gift_card": "gift_card_cents",
                "bonus_credit": "bonus_cents",
                "total": "total_cents",
            },
            is_by_day=always,
        ),
        cards=("total", "gift_card", "bonus_credit"),
        chart=_chart,
    )
)
