"""The lists of orders, returns, exchange orders and refunds."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from apps.desk import filters
from apps.desk.lists.types import Column, Listing, Value, amount, decimal_of, moment, text, time_of
from apps.desk.paging import Sorting
from apps.desk.reads.rows import (
    CaseOf,
    OrderRow,
    RmaRow,
    case_marks,
    exchange_rows,
    order_rows,
    refund_rows,
    rma_rows,
)
from apps.desk.seats import Seat
from apps.desk.words import refund_word, word_for
from apps.exchanges.models import ExchangeOrder
from apps.orders.models import Order
from apps.refunds.models import Refund
from apps.rmas.models import Rma


def _orders(seat: Seat) -> QuerySet[Any]:
    return Order.objects.filter(store=seat.store).defer("raw")


def _rmas(seat: Seat) -> QuerySet[Any]:
    return Rma.objects.filter(store=seat.store)


def _exchanges(seat: Seat) -> QuerySet[Any]:
    return ExchangeOrder.objects.filter(store=seat.store).defer("content", "request")


def _refunds(seat: Seat) -> QuerySet[Any]:
    rows = Refund.objects.filter(store=seat.store).select_related("order", "author")
    return rows.defer("order__raw", "raw")


def _read_orders(seat: Seat, rows: Iterable[Order]) -> list[OrderRow]:
    return order_rows(rows, case_marks(seat.store.pk, "order"))


def _read_rmas(seat: Seat, rows: Iterable[Rma]) -> list[RmaRow]:
    return rma_rows(rows, case_marks(seat.store.pk, "rma"))


def _gone(row: OrderRow) -> tuple[Value, ...]:
    currency, gone = row.order.currency, row.refunded
    amounts = (gone.paid, gone.waits, gone.under_way)
    return (*(decimal_of(cents, currency) for cents in amounts), currency)


def _assignee(row: Any) -> str:
    case: CaseOf = row.case
    return case.assignee


def _case_columns() -> tuple[Column, ...]:
    return (
        text("assignee", "Assignee", _assignee, is_usual=False),
        moment("due", "Due", lambda row: row.case.due_at, is_usual=False),
    )


ORDERS = Listing(
    name="orders",
    noun="order",
    rows=_orders,
    filters=filters.OrderFilter,
    sorting=Sorting(
        {
            "ordered": ("remote_created_at",),
            "identifier": ("identifier",),
            "total": ("total_amount_cents",),
            "published": ("published_at",),
        },
        default="-ordered",
    ),
    columns=(
        Column(
            "identifier",
            "Order",
            ("order", "secondary_identifier", "flagged"),
            lambda r: (r.order.identifier, r.order.secondary_identifier, r.case.flag),
            sort="identifier",
        ),
        text("status", "Status", lambda r: r.order.status),
        Column(
            "customer",
            "Customer",
            ("customer_name", "customer_email"),
            lambda r: (r.order.customer_name, r.order.customer_email),
        ),
        text("brand", "Brand", lambda r: r.order.concept, is_usual=False),
        amount(
            "total",
            "Total",
            lambda r: r.order.total_amount_cents,
            lambda r: r.order.currency,
            sort="total",
        ),
        Column(
            "refunded",
            "Refunded",
            ("refunded_paid", "refund_waits", "refund_under_way", "refunded_currency"),
            _gone,
            css="num",
        ),
        text("returns", "Returns", lambda r: r.returns, css="num"),
        *_case_columns(),
        moment("ordered", "Ordered", lambda r: r.order.remote_created_at, sort="ordered"),
        moment(
            "published",
            "Last sent to Optoro",
            lambda r: r.order.published_at,
            sort="published",
            css="wide-only",
        ),
    ),
    read=_read_orders,
    model_of=lambda row: row.order,
    called=lambda order: order.identifier,
    url_of=lambda order: reverse("desk:order", args=[order.identifier]),
    actions=("assign", "flag", "unflag", "snapshot"),
)

RMAS = Listing(
    name="rmas",
    noun="return",
    rows=_rmas,
    filters=filters.RmaFilter,
    sorting=Sorting(
        {
            "started": ("remote_created_at",),
            "updated": ("remote_updated_at",),
            "identifier": ("rma_identifier",),
        },
        default="-started",
    ),
    columns=(
        Column(
            "identifier",
            "Return",
            ("return", "flagged"),
            lambda r: (r.rma.rma_identifier, r.case.flag),
            sort="identifier",
        ),
        text("status", "Status", lambda r: r.rma.status),
        text("method", "Method", lambda r: r.rma.return_method, css="nowrap mid-only"),
        text("kind", "Kind", lambda r: r.kind, css="nowrap"),
        text("brand", "Brand", lambda r: r.rma.concept, is_usual=False),
        text("order", "Order", lambda r: " ".join(r.order_identifiers)),
        text(
            "parcel",
            "Parcel",
            lambda r: " ".join(f"{status or 'none'}:{count}" for status, count in r.parcels),
        ),
        text(
            "receiving",
            "Receiving",
            lambda r: " ".join(f"{status or 'none'}:{count}" for status, count in r.receiving),
            is_usual=False,
        ),
        text("tracking", "Tracking number", lambda r: " ".join(r.tracking), is_usual=False),
        text("skus", "SKUs", lambda r: " ".join(r.skus), is_usual=False),
        text("units", "Units", lambda r: r.units, css="num wide-only"),
        amount(
            "estimated",
            "Estimated",
            lambda r: r.estimated_cents,
            lambda r: r.currency,
            css="mid-only",
        ),
        text(
            "refund",
            "Refund",
            lambda r: " ".join(f"{refund.identifier}:{refund.status}" for refund in r.refunds),
            css="nowrap",
        ),
        *_case_columns(),
        moment("started", "Started", lambda r: r.rma.remote_created_at, sort="started"),
        moment(
            "updated",
            "Updated",
            lambda r: r.rma.remote_updated_at,
            sort="updated",
            is_usual=False,
        ),
    ),
    read=_read_rmas,
    model_of=lambda row: row.rma,
    called=lambda rma: rma.rma_identifier,
    url_of=lambda rma: reverse("desk:rma", args=[rma.rma_identifier]),
    actions=("assign", "flag", "unflag", "evaluate"),
)

EXCHANGES = Listing(
    name="exchanges",
    noun="exchange order",
    rows=_exchanges,
    filters=filters.ExchangeFilter,
    sorting=Sorting(
        {
            "placed": ("placed_at",),
            "identifier": ("order_identifier",),
            "total": ("total_amount_cents",),
        },
        default="-placed",
    ),
    columns=(
        text(
            "identifier", "Exchange order", lambda r: r.placed.order_identifier, sort="identifier"
        ),
        Column(
            "status",
            "Status",
            ("status", "different_requests"),
            lambda r: (word_for("exchange", r.status).label, r.collisions),
        ),
        text("order", "For order", lambda r: r.placed.original_order_identifier),
        text("rma", "Return", lambda r: r.placed.rma_identifier),
        text("goods", "Goods", lambda r: r.goods, css="mid-only"),
        Column(
            "customer",
            "Customer",
            ("customer_name", "customer_email"),
            lambda r: (r.placed.customer_name, r.placed.customer_email),
            css="wide-only",
        ),
        text("transaction", "Transaction", lambda r: r.placed.transaction_id, is_usual=False),
        amount(
            "total",
            "Total",
            lambda r: r.placed.total_amount_cents,
            lambda r: r.placed.currency,
            sort="total",
        ),
        moment("placed", "Placed", lambda r: r.placed.placed_at, sort="placed"),
    ),
    read=lambda seat, rows: exchange_rows(rows),
    model_of=lambda row: row.placed,
    called=lambda placed: placed.order_identifier,
    url_of=lambda placed: reverse("desk:exchange", args=[placed.order_identifier]),
)


def _part(key: str, label: str, field: str, **more: Any) -> Column:
    return amount(
        key, label, lambda r: getattr(r.refund, field), lambda r: r.refund.currency, **more
    )


REFUNDS = Listing(
    name="refunds",
    noun="refund",
    rows=_refunds,
    filters=filters.RefundFilter,
    sorting=Sorting(
        {
            "decided": ("created_at",),
            "total": ("total_refund_amount_cents",),
            "identifier": ("identifier",),
            "paid": ("paid_at",),
        },
        default="-decided",
    ),
    columns=(
        text(
            "identifier", "Refund", lambda r: r.refund.identifier, sort="identifier", css="nowrap"
        ),
        Column(
            "status",
            "Status",
            ("status", "status_code"),
            lambda r: (refund_word(r.refund).label, r.refund.status),
        ),
        text("order", "Order", lambda r: r.refund.order.identifier),
        Column(
            "rma",
            "Return",
            ("return", "kind"),
            lambda r: (r.refund.rma_identifier, r.refund.kind),
        ),
        _part("total", "Total", "total_refund_amount_cents", sort="total", css="mid-only"),
        _part("shopper", "To shopper", "shopper_amount_cents"),
        _part("optoro", "To Optoro", "optoro_amount_cents", is_usual=False),
        _part("retained", "Kept back", "retained_amount_cents", is_usual=False),
        Column(
            "destination",
            "Destination",
            ("destination", "source"),
            lambda r: (r.refund.destination, r.refund.source),
            css="nowrap wide-only",
        ),
        text("author", "Made by", lambda r: r.author, is_usual=False),
        text("reason", "Reason", lambda r: r.refund.reason, is_usual=False, css="wide-text"),
        Column(
            "ticks",
            "Steps done",
            ("reported_at", "confirmed_at"),
            lambda r: (time_of(r.refund.reported_at), time_of(r.refund.confirmed_at)),
            title="Decided, paid, reported, confirmed",
        ),
        moment("decided", "Decided", lambda r: r.refund.created_at, sort="decided"),
        moment("paid", "Paid", lambda r: r.refund.paid_at, sort="paid", css="wide-only"),
    ),
    read=lambda seat, rows: refund_rows(rows),
    model_of=lambda row: row.refund,
    called=lambda refund: refund.identifier,
    url_of=lambda refund: reverse("desk:refund", args=[refund.identifier]),
    actions=("approve", "cancel", "ask-gateway"),
)
