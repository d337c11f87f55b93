"""What was handed out for goods that nobody has scanned yet: exchange orders, gift cards and bonus
credit, by age."""

from array import array
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from apps.exchanges.models import ExchangeOrder
from apps.reconciliation.settlement import settlements_of_placed
from apps.reconciliation.settlement_figures import exposed, settlement_figures
from apps.reconciliation.settlement_rules import Placed, Settlement, SettlementFigures
from apps.reports.ages import LABELS, bucket_of
from apps.reports.book_filters import today_of
from apps.reports.exchange_source import Added, Cells
from apps.reports.filters import CurrencyField, ReportFilters, choice_field
from apps.reports.parts import aged, main_currency, within
from apps.reports.registry import register
from apps.reports.rules import Preset
from apps.reports.sources import BATCH_ROWS, Once, kept, position_of
from apps.reports.types import (
    Batch,
    ChartData,
    Point,
    Position,
    Question,
    Report,
    Row,
    Totals,
    amount,
    count,
    moment,
    text,
)


class ExposureFilters(ReportFilters):
    """Narrows the exposure; without days all of it."""

    default_period = Preset.ALL
    first = ("since", "until", "age", "currency")

    age = choice_field("Age", LABELS.items())
    currency = CurrencyField()


def placed(question: Question) -> QuerySet[ExchangeOrder]:
    """Returns the exchange orders that are asked for, unsorted, whether exposed or not."""
    rows = ExchangeOrder.objects.filter(within(question, "placed_at"), store_id=question.store.pk)
    if question.values.get("currency"):
        rows = rows.filter(currency=question.values["currency"])
    if question.values.get("age"):
        rows = rows.filter(aged(question, question.values["age"], "placed_at"))
    return rows.order_by()


def _days(question: Question, placed: Placed) -> int:
    return (today_of(question) - placed.placed_at.astimezone(question.zone).date()).days


def _cells(question: Question, found: SettlementFigures) -> Cells | None:
    placed, sums = found.placed, found.sums
    if placed is None or placed.is_canceled or (sums.counting and not sums.awaited):
        return None
    goods, bonus = placed.goods_amount_cents, placed.bonus_credit_amount_cents
    return {
        "units": sums.counting,
        "awaited": sums.awaited,
        "goods": goods,
        "bonus_credit": bonus,
        "exposed": max(0, goods - sums.back_cents) + bonus,
    }


def _row(question: Question, found: Settlement, cells: Cells) -> Row:
    assert found.placed is not None  # or it has no cells
    days = _days(question, found.placed)
    rmas = found.rma_identifiers
    return (
        found.order_identifier,
        found.placed.placed_at,
        days,
        bucket_of(days),
        rmas[0] if rmas else "",
        found.original_order_identifier,
        cells["units"],
        cells["awaited"],
        cells["goods"],
        cells["bonus_credit"],
        cells["exposed"],
        found.currency,
        ", ".join(rmas[1:]),
        found.transaction_id,
    )


@dataclass
class _Look(Added):
    """What one look at all that is exposed found: its sums, and where each exchange order stands,
    as two numbers. Nothing else of a row is kept, however many there are."""

    keys: "array[int]" = field(default_factory=lambda: array("q"))
    moments: "array[int]" = field(default_factory=lambda: array("q"))
    by_age: Counter[tuple[str, str]] = field(default_factory=Counter)

    def start_behind(self, after: Position | None) -> int:
        """Returns the number of the first row behind a position."""
        if after is None:
            return 0
        moment, key = position_of(after, 2)
        return bisect_right(
            range(len(self.keys)),
            (_number(moment), key),
            key=lambda n: (self.moments[n], self.keys[n]),
        )


def _number(moment: datetime) -> int:
    """A moment as microseconds, as exact as it is kept."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _look(question: Question) -> _Look:
    store_id, look = question.store.pk, _Look()
    rows = exposed(store_id, placed(question), is_most=_is_most(question))
    for found in settlement_figures(store_id, rows):
        cells = _cells(question, found)
        if cells is None or found.placed is None:
            continue
        look.keys.append(found.placed.pk)
        look.moments.append(_number(found.placed.placed_at))
        look.add(found, cells)
        age = bucket_of(_days(question, found.placed))
        look.by_age[found.currency, age] += cells["exposed"]
    return look


class _Exposed:
    """Looked at once for rows, totals and chart. Only the rows that are shown are read with their
    units."""

    file_rows = BATCH_ROWS

    def batch(self, question: Question, after: Position | None, limit: int) -> Batch:
        """Returns the next rows by when they were placed."""
        look = _LOOK.of(question)
        start = look.start_behind(after)
        keys = look.keys[start : start + limit]
        found = ExchangeOrder.objects.in_bulk(keys)
        rows = [
            _row(question, one, cells)
            for one in settlements_of_placed([found[key] for key in keys])
            if (cells := _cells(question, one)) is not None
        ]
        is_more = start + limit < len(look.keys)
        last = found[keys[-1]] if is_more else None
        return Batch(rows, kept([last.placed_at, last.pk]) if last else None)

    def totals(self, report: Report, question: Question) -> list[Totals]:
        """Adds up what the database has added up by exchange order."""
        return _LOOK.of(question).totals(report)


def _is_most(question: Question) -> bool:
    return question.start is None and not question.values.get("age")


_LOOK = Once(_look)


def _chart(question: Question) -> ChartData | None:
    sums = _LOOK.of(question).by_age
    currency = main_currency((name, cents) for (name, _), cents in sums.items())
    if not currency:
        return None
    points = [Point(label, sums[currency, age]) for age, label in LABELS.items()]
    return ChartData(f"Exposed in {currency}, by age", points, currency)


EXPOSURE = register(
    Report(
        name="exposure",
        title="Exposure",
        group="Money",
        intro="What was handed out for goods that nobody has scanned yet: a row for every exchange "
        "order whose return is still awaited, with its age today.",
        definition=(
            "Counts exchange orders that are placed and not canceled, with their gift cards, while "
            "a unit returned for them is not handed over: not scanned by the carrier, not dropped "
            "off or collected, not received. An exchange order whose return is canceled, or not "
            "known, counts in full.",
            "“Exposed” is goods and gift cards less what the units that were scanned pay for "
            "them, plus the bonus credit.",
            "It is what stands now. The days are those of placing, on the store's clock; without "
            "days all count. The age is in days on that clock, up to today.",
            "Left out: units the shopper may keep, and returns that Optoro has closed as refunded.",
        ),
        columns=(
            text("exchange_order", "Exchange order", links_to="exchange"),
            moment("placed_at", "Placed"),
            count("days", "Days", is_summed=False),
            text("age", "Age", words=LABELS),
            text("rma", "Return", links_to="rma"),
            text("order", "Original order", links_to="order"),
            count("units", "Units", hint="That pay for it"),
            count("awaited", "Not scanned"),
            amount("goods", "Goods and gift cards"),
            amount("bonus_credit", "Bonus credit"),
            amount("exposed", "Exposed"),
            text("currency", "Currency"),
            text("more_rmas", "More returns"),
            text("transaction", "Transaction"),
        ),
        nothing="Of the exchange orders that were placed on these days, none waits for goods: they "
        "are back, or on their way.",
        is_compared=False,
        filters=ExposureFilters,
        source=_Exposed(),
        cards=("exposed", "goods", "bonus_credit", "awaited"),
        chart=_chart,
    )
)
