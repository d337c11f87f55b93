"""Refunds that the order system says it made: taken over, and counted against every limit."""

from collections.abc import Sequence

from apps.common import money
from apps.common.errors import FieldError, InvalidMessage
from apps.exchanges.lineage import paying_orders
from apps.orders.models import Order
from apps.orders.queries import lock_orders
from apps.orders.types import ReportedRefund
from apps.refunds.books import book_outside
from apps.refunds.items import WrittenLine, write_items
from apps.refunds.models import (
    Destination,
    Refund,
    RefundKind,
    RefundLine,
    RefundStatus,
    Source,
)
from apps.refunds.services import amount_of, look_again_at_orders, tell
from apps.timeline.types import OMS


def take_over_reported_refunds(*, order: Order, reported: Sequence[ReportedRefund]) -> int:
    """Keeps the refunds that the order's source says it made; returns how many were new.

    They count against every limit from then on: of goods on this order, of cash on the one that
    took the payment. One that carries the identifier of a refund the desk knows (its own, reported
    back, or one taken over before) changes nothing: a refund, once known, is frozen. Raises
    InvalidMessage for an identifier that belongs to a refund of another order: identifiers are
    unique across all refunds (contract §8). Call it in the transaction that mirrors the order.

    The paying order is not locked: that transaction holds the lock of the order mirrored, which has
    the greater key. Nothing here depends on what is left of the payment, and whoever counts it
    without these refunds is asked again once they are committed.
    """
    payer = paying_orders([order])[order.pk]
    _count_against(payer, order)
    if not reported:
        return 0
    lock_orders([order.pk])
    known = dict(
        Refund.objects.filter(
            store_id=order.store_id, identifier__in=[told.identifier for told in reported]
        ).values_list("identifier", "order__identifier")
    )
    _refuse_strangers(order, reported, known)
    fresh = [told for told in reported if told.identifier not in known]
    for told in fresh:
        look_again_at_orders(_take_over(order, payer, told))
    return len(fresh)


def _count_against(payer: Order, order: Order) -> None:
    """An order that is sent without its secondary identifier at first can turn out later to be an
    exchange order: what was refunded outside before counts against the payment then, too."""
    others = Refund.objects.filter(order=order, source=Source.EXTERNAL).exclude(paid_order=payer)
    for refund in others.select_related("order"):
        refund.paid_order = payer
        refund.save(update_fields=["paid_order"])
        look_again_at_orders(refund)


def _refuse_strangers(
    order: Order, reported: Sequence[ReportedRefund], known: dict[str, str]
) -> None:
    errors = [
        FieldError(
            f"refunds[{index}].identifier",
            "invalid",
            f"{told.identifier!r} is a refund of order {known[told.identifier]}; identifiers are "
            "unique across all refunds",
        )
        for index, told in enumerate(reported)
        if known.get(told.identifier, order.identifier) != order.identifier
    ]
    if errors:
        raise InvalidMessage(errors)


def _take_over(order: Order, payer: Order, told: ReportedRefund) -> Refund:
    refund = Refund.objects.create(
        store_id=order.store_id,
        identifier=told.identifier,
        order=order,
        paid_order=payer,
        rma_identifier=told.rma_identifier,
        status=RefundStatus.PAID,
        source=Source.EXTERNAL,
        kind=RefundKind.GOODWILL if told.is_ignored else RefundKind.GOODS,
        destination=Destination.ORIGINAL_PAYMENT,
        reason="reported by the order system",
        note=told.note,
        currency=order.currency,
        total_refund_amount_cents=told.total_refund_amount_cents,
        shopper_amount_cents=told.total_refund_amount_cents,
        created_at=told.created_at,
        paid_at=told.created_at,
        raw=told.raw,
    )
    lines = [] if told.is_ignored else _written_lines(refund, order, told)
    write_items(refund=refund, order=order, rma=None, trigger="", lines=lines)
    refund.booked_on = book_outside(refund)
    refund.save(update_fields=["booked_on"])
    if told.is_ignored:
        # It says itself that it is of no returned goods: it counts as goodwill and as cash.
        tell(refund, "refund.reported_by_oms", f"Goodwill of {amount_of(refund)} made outside", OMS)
        return refund
    tell(refund, "refund.reported_by_oms", f"Refund of {amount_of(refund)} made outside", OMS)
    return refund


def _written_lines(refund: Refund, order: Order, told: ReportedRefund) -> list[WrittenLine]:
    lines = {line.identifier: line for line in order.lines.all()}
    known = [line for line in told.lines if line.order_item_identifier in lines]
    weights = [
        lines[line.order_item_identifier].unit_price_amount_cents * line.quantity for line in known
    ]
    amounts = money.split_by_weight(told.total_refund_amount_cents, weights) if known else []
    written = []
    for line, amount_cents in zip(known, amounts, strict=True):
        row = RefundLine.objects.create(
            refund=refund,
            order_line=lines[line.order_item_identifier],
            identifier=line.identifier,
            quantity=line.quantity,
            amount_cents=amount_cents,
        )
        written.append(WrittenLine(row, row.order_line, ()))
    return written
