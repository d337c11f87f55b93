"""What Optoro is owed for many exchange orders, their units added up in the database: the figures
of `settlement.py` without its units, for totals and charts.

A unit pays for the exchange order that `settlement_rules.match` gives it to: tests hold both
against each other.
"""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Expression,
    F,
    FilteredRelation,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Greatest

from apps.exchanges.models import ExchangeOrder
from apps.exchanges.queries import with_cancellation
from apps.reconciliation.settlement_rules import (
    Placed,
    SettlementFigures,
    UnitSums,
    figures_of,
)
from apps.refunds.models import RefundStatus
from apps.rmas import rules as rma_rules
from apps.rmas.models import RmaUnit

_PLACED = tuple(one.name for one in fields(Placed))
_AT_ONCE = 2_000


def settlement_figures(
    store_id: int, orders: QuerySet[ExchangeOrder], *, is_most: bool = False
) -> Iterator[SettlementFigures]:
    """Yields the figures of these exchange orders of a store, in the order in which they were
    placed: what `settlements` says of them, in one query. `is_most` says whether most of the
    store's are asked about: then units are read from end to end, else one exchange order after the
    other."""
    with_sums, parameters = _with_sums(store_id, orders, tuple(_SUMS), is_most=is_most)
    text = f"""
        {with_sums}
        SELECT {_listed("placed", _PLACED)},
            {", ".join(f"COALESCE(sums.{name}, 0)" for name in _SUMS)}
        FROM placed LEFT JOIN sums ON sums.pk = placed.pk
        ORDER BY placed.placed_at, placed.pk
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(text, parameters)
        while rows := cursor.fetchmany(_AT_ONCE):
            for row in rows:
                *named, placed_at, is_canceled = row[: len(_PLACED)]
                values = [*named, _moment(placed_at), bool(is_canceled)]
                placed = Placed(*values)
                yield figures_of(placed, UnitSums(*map(int, row[len(_PLACED) :])))


def exposed(
    store_id: int, orders: QuerySet[ExchangeOrder], *, is_most: bool
) -> QuerySet[ExchangeOrder]:
    """Returns those of a store's exchange orders that are not canceled and for which a unit is
    awaited, or none counts, unsorted; `is_most` as for the figures."""
    names = ("counting", "awaited")
    with_sums, parameters = _with_sums(store_id, orders, names, is_most=is_most)
    text = f"""
        {with_sums}
        SELECT placed.pk FROM placed LEFT JOIN sums ON sums.pk = placed.pk
        WHERE NOT placed.is_canceled
        AND (sums.pk IS NULL OR sums.counting = 0 OR sums.awaited > 0)
    """
    return ExchangeOrder.objects.filter(pk__in=RawSQL(text, parameters)).order_by()


def _moment(value: datetime | str) -> datetime:
    """What the driver reads of a column: SQLite knows no zones, and not always moments."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _with_sums(
    store_id: int,
    orders: QuerySet[ExchangeOrder],
    names: tuple[str, ...],
    *,
    is_most: bool = False,
) -> tuple[str, tuple[Any, ...]]:
    """A query's beginning: `placed` are the exchange orders, `sums` those of their units, by key.
    The parts are compiled by the ORM; joining one grouped query with another it cannot."""
    placed, of_placed = _compiled(with_cancellation(orders.order_by()).values_list(*_PLACED))
    naming_units, returned_units = _naming(store_id), _naming_none(store_id)
    if not is_most:
        naming_units = naming_units.filter(
            exchange_order_identifier__in=RawSQL("SELECT order_identifier FROM placed", ())
        )
        returned_units = returned_units.filter(
            rma__rma_identifier__in=RawSQL("SELECT rma_identifier FROM placed", ())
        )
    naming, of_naming = _compiled(_added(naming_units, ("exchange_order_identifier",), names))
    returned, of_returned = _compiled(
        _added(returned_units, ("rma__rma_identifier", "order_id"), names)
    )
    columns = ", ".join(names)
    # A unit that names no exchange order pays for that of its return placed against its own order,
    # else for the only one of its return.
    text = f"""
        WITH placed ({", ".join(_PLACED)}) AS ({placed}),
        naming (name, {columns}) AS ({naming}),
        returned (name, order_id, {columns}) AS ({returned}),
        paying AS (
            SELECT placed.pk, {_listed("naming", names)} FROM placed
            JOIN naming ON naming.name = placed.order_identifier
            UNION ALL
            SELECT placed.pk, {_listed("returned", names)} FROM placed
            JOIN returned ON returned.name = placed.rma_identifier AND (
                returned.order_id = placed.original_order_id
                OR NOT EXISTS (
                    SELECT 1 FROM {ExchangeOrder._meta.db_table} AS other
                    WHERE other.store_id = %s AND other.rma_identifier = placed.rma_identifier
                    AND other.id <> placed.pk
                )
            )
        ),
        sums AS (
            SELECT pk, {", ".join(f"SUM({name}) AS {name}" for name in names)}
            FROM paying GROUP BY pk
        )
    """
    return text, (*of_placed, *of_naming, *of_returned, store_id)


def _compiled(rows: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
    text, values = rows.query.sql_with_params()
    return text, tuple(values)


def _listed(table: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


def _naming(store_id: int) -> QuerySet[RmaUnit]:
    """The units that name an exchange order."""
    # Not blank: for the index over those that name one.
    return RmaUnit.objects.filter(~Q(exchange_order_identifier=""), rma__store_id=store_id)


def _naming_none(store_id: int) -> QuerySet[RmaUnit]:
    """The exchanged units of returns that name no exchange order."""
    return RmaUnit.objects.filter(
        ~Q(rma__rma_identifier=""),
        exchange_order_identifier="",
        refund_type__in=rma_rules.PAYING_TYPES,
        rma__store_id=store_id,
    )


def _added(units: QuerySet[RmaUnit], by: tuple[str, ...], names: tuple[str, ...]) -> QuerySet[Any]:
    """The sums of units by these columns."""
    held = FilteredRelation("refund_units", condition=Q(refund_units__is_live=True))
    sums = {f"sum_{name}": _SUMS[name] for name in names}
    return units.annotate(held=held).order_by().values_list(*by).annotate(**sums)


_COUNTS = Q(is_withdrawn=False) & ~Q(rma__status=rma_rules.CANCELED)
_IS_BACK = (
    Q(rma__status=rma_rules.REFUNDED)
    | Q(rma__return_method=rma_rules.CUSTOMER_KEEP)
    | Q(receiving_status=rma_rules.RECEIVED)
    | Q(
        rma__return_method=rma_rules.MAIL_BACK,
        package_tracking_status__in=(rma_rules.TRANSIT, rma_rules.DELIVERED),
    )
    | Q(
        rma__return_method__in=(rma_rules.EXPRESS_RETURNS, rma_rules.HOME_PICKUP),
        package_tracking_status__in=(
            rma_rules.ACCEPTED,
            rma_rules.TRANSIT,
            rma_rules.DELIVERED,
        ),
    )
)
_IS_PAID = Q(held__line__refund__status=RefundStatus.PAID)


def _where(condition: Q, value: Any) -> Expression:
    """The value of a unit of which that is true, else 0."""
    return Case(When(condition, then=value), default=Value(0), output_field=BigIntegerField())


_HELD = _where(Q(held__isnull=False), F("held__optoro_amount_cents"))
_SETTLED = _where(_IS_PAID, F("held__optoro_amount_cents"))
_ESTIMATED = _where(_COUNTS, F("optoro_refund_amount_cents"))
_CREDITED = _where(
    _COUNTS & Q(refund_type=rma_rules.INSTANT_STORE_CREDIT), F("shopper_refund_amount_cents")
)
_PAYS = Greatest(_ESTIMATED, _HELD) + _CREDITED
# The fields of `UnitSums`, in their order.
_SUMS: dict[str, Expression] = {
    "units": Count("pk"),
    "standing": Sum(_where(_COUNTS | (_IS_PAID & Q(held__optoro_amount_cents__gt=0)), Value(1))),
    "counting": Sum(_where(_COUNTS, Value(1))),
    "awaited": Sum(_where(_COUNTS & ~_IS_BACK, Value(1))),
    "estimated_cents": Sum(_ESTIMATED),
    "decided_cents": Sum(_HELD - _SETTLED),
    "settled_cents": Sum(_SETTLED),
    "open_cents": Sum(_where(Q(held__isnull=True), _ESTIMATED)),
    "pays_cents": Sum(_PAYS),
    "back_cents": Sum(_where(_COUNTS & _IS_BACK, _PAYS)),
}
