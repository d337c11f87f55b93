"""The settlement of exchange orders with Optoro, by exchange order and transaction."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from django.db.models import QuerySet

from apps.exchanges.models import ExchangeOrder
from apps.reconciliation.settlement_rules import LABELS, Settlement, SettlementFigures, State
from apps.reports.drawing import over_time
from apps.reports.exchange_source import Added, Cells, PerExchangeOrder
from apps.reports.filters import CurrencyField, ReportFilters, choice_field, text_field
from apps.reports.parts import main_currency, within
from apps.reports.registry import register
from apps.reports.sources import Once
from apps.reports.types import (
    ChartData,
    Question,
    Report,
    Row,
    amount,
    count,
    moment,
    text,
)

DIFFERENT = "different"
# What an exchange order that was placed can show.
_STATES = [
    (state.value, LABELS[state])
    for state in State
    if state not in (State.NOT_PLACED, State.NO_EXCHANGE, State.WAITS)
]


class SettlementFilters(ReportFilters):
    """Narrows the settlement. Text counts as a whole."""

    first = ("since", "until", "state", "currency", "exchange_order", "transaction")

    state = choice_field("State", [(DIFFERENT, "Does not fit"), *_STATES])
    currency = CurrencyField()
    exchange_order = text_field("Exchange order")
    transaction = text_field("Transaction")
    order = text_field("Original order")
    rma = text_field("Return")


_TEXTS = {
    "currency": "currency",
    "exchange_order": "order_identifier",
    "transaction": "transaction_id",
    "order": "original_order_identifier",
    "rma": "rma_identifier",
}


def placed(question: Question) -> QuerySet[ExchangeOrder]:
    """Returns the exchange orders placed on the days that are asked for, unsorted."""
    rows = ExchangeOrder.objects.filter(
        within(question, "placed_at"), store_id=question.store.pk
    ).order_by()
    for name, column in _TEXTS.items():
        if question.values.get(name):
            rows = rows.filter(**{column: question.values[name]})
    return rows


def _is_most(question: Question) -> bool:
    return question.start is None and not any(question.values.get(name) for name in _TEXTS)


def _cells(question: Question, found: SettlementFigures) -> Cells | None:
    wanted = question.values.get("state")
    is_wanted = not wanted or found.state == wanted or (wanted == DIFFERENT and found.is_different)
    if found.placed is None or not is_wanted:
        return None
    return {
        "goods": found.owed_goods_amount_cents,
        "bonus_credit": found.owed_bonus_credit_amount_cents,
        "estimated": found.estimated_cents,
        "decided": found.decided_cents,
        "settled": found.settled_cents,
        "open": found.open_cents,
        "difference": found.difference_cents,
        "units": found.sums.counting,
    }


def _row(question: Question, found: Settlement, cells: Cells) -> Row:
    assert found.placed is not None  # or it has no cells
    rmas, settled = found.rma_identifiers, [u.settled_at for u in found.units if u.settled_at]
    return (
        found.order_identifier,
        found.placed.placed_at,
        found.transaction_id,
        found.original_order_identifier,
        rmas[0] if rmas else "",
        found.state.value,
        cells["goods"],
        cells["bonus_credit"],
        cells["estimated"],
        cells["decided"],
        cells["settled"],
        cells["open"],
        cells["difference"],
        found.currency,
        cells["units"],
        max(settled, default=None),
        found.refund_identifiers[0] if found.refund_identifiers else "",
        ", ".join(rmas[1:]),
        ", ".join(found.refund_identifiers[1:]),
    )


@dataclass
class _Look(Added):
    """What one look at all rows adds up to, and their goods by day, on the store's clock."""

    goods: Counter[tuple[str, date]] = field(default_factory=Counter)


def _look(question: Question) -> _Look:
    look = _Look()
    for found, cells in _SOURCE.figures(question):
        assert found.placed is not None  # or it has no cells
        look.add(found, cells)
        day = found.placed.placed_at.astimezone(question.zone).date()
        look.goods[found.currency, day] += cells["goods"]
    return look


_LOOK = Once(_look)
_SOURCE = PerExchangeOrder(placed, _cells, _row, _is_most, _LOOK.of)


def _chart(question: Question) -> ChartData | None:
    look = _LOOK.of(question)
    currency = main_currency(look.rows.items())
    if not currency:
        return None
    goods = {day: cents for (name, day), cents in look.goods.items() if name == currency}
    return over_time(f"Goods placed in {currency}", question, goods, currency)


SETTLEMENT = register(
    Report(
        name="settlement",
        title="Settlement with Optoro",
        group="Money",
        intro="A row for every exchange order: what Optoro advanced for its goods by which "
        "transaction, and what the returned units pay back.",
        definition=(
            "Counts exchange orders by the day on which they were placed, on the store's clock. "
            "First and last day count in full.",
            "Goods are what the exchange order cost, with tax, shipping and gift cards, and "
            "without bonus credit. The goods of a canceled exchange order count as nothing.",
            "A unit pays for the exchange order it names; one that names none pays for that of its "
            "return. “Estimated” is what Optoro says the units pay, “Settled” what paid refunds "
            "have paid of it by now, “Decided” what is decided and not paid yet, “Open” what no "
            "refund holds yet. Of a canceled exchange order nothing is open, whatever Optoro "
            "estimates.",
            "The difference is what the units pay beyond the goods; below zero they pay less. One "
            "cent for each unit is rounding, and still called a match.",
            "Left out: units that pay for an exchange order nobody placed here. They have no day "
            "of placing, and stand on the page Settlement.",
        ),
        columns=(
            text("exchange_order", "Exchange order", links_to="exchange"),
            moment("placed_at", "Placed"),
            text("transaction", "Transaction"),
            text("order", "Original order", links_to="order"),
            text("rma", "Return", links_to="rma"),
            text("state", "State", words={state.value: LABELS[state] for state in State}),
            amount("goods", "Goods"),
            amount("bonus_credit", "Bonus credit", hint="Given on top, paid by no unit"),
            amount("estimated", "Estimated"),
            amount("decided", "Decided"),
            amount("settled", "Settled"),
            amount("open", "Open"),
            amount("difference", "Difference"),
            text("currency", "Currency"),
            count("units", "Units", hint="That pay for it"),
            moment("settled_at", "Last settled"),
            text("refund", "Refund", links_to="refund"),
            text("more_rmas", "More returns"),
            text("more_refunds", "More refunds"),
        ),
        nothing="No exchange order was placed on these days.",
        filters=SettlementFilters,
        source=_SOURCE,
        cards=("goods", "settled", "decided", "open", "difference", "bonus_credit"),
        chart=_chart,
    )
)
