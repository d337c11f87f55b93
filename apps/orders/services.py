"""Mirroring orders from snapshots."""

from django.db import IntegrityError, transaction

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import money
from apps.common.hashing import sha256_of_content
from apps.orders import rules
from apps.orders.models import Order, OrderLine, OrderMessage, Transaction
from apps.orders.types import LineSnapshot, MirrorResult, OrderSnapshot
from apps.timeline import services as timeline
from apps.timeline.types import OMS, Change, MessageRef

_FIELDS = (
    "secondary_identifier",
    "status",
    "raw_status",
    "concept",
    "currency",
    "total_amount_cents",
    "product_amount_cents",
    "tax_amount_cents",
    "discount_amount_cents",
    "shipping_amount_cents",
    "shipping_tax_amount_cents",
    "note",
    "customer_email",
    "customer_name",
    "customer_phone",
)
_LINE_FIELDS = (
    "sku",
    "upc",
    "title",
    "product_identifier",
    "variant_identifier",
    "quantity",
    "quantity_shipped",
    "quantity_canceled",
    "quantity_refunded",
    "unit_price_amount_cents",
    "product_amount_cents",
    "tax_amount_cents",
    "discount_amount_cents",
    "tracking_number",
)


@transaction.atomic
def mirror_order(*, store_id: int, snapshot: OrderSnapshot) -> MirrorResult:
    """Takes over a full snapshot of an order (contract §8).

    Never goes backwards: a snapshot with an older `updated_at` than the one known is kept as a
    message and changes nothing. The same content twice changes nothing either. Header sums that
    contradict the lines are accepted and flagged: lines are what counts (contract §10.4).
    """
    order, is_new = _locked_order(store_id, snapshot)
    former = order.secondary_identifier
    message, is_new_message = _keep_message(order, snapshot, is_new)
    if not is_new:
        if snapshot.updated_at < order.remote_updated_at:
            return _result(order, "stale", former)
        # Known content is never used again: with an equal `updated_at` it would undo what came
        # between.
        if not is_new_message:
            return _result(order, "unchanged", former)
    changes = [] if is_new else _changes(order, snapshot)
    _project(order, snapshot)
    _project_lines(order, snapshot)
    _project_transactions(order, snapshot)
    _flag_header(order)
    timeline.record(
        store_id=store_id,
        kind="order.created" if is_new else "order.updated",
        summary="Order received" if is_new else "Order updated",
        actor=OMS,
        order_identifier=order.identifier,
        occurred_at=snapshot.updated_at,
        changes=changes,
        message=MessageRef("order_message", message.pk),
    )
    return _result(order, "created" if is_new else "updated", former)


def _result(order: Order, outcome: str, former_secondary_identifier: str) -> MirrorResult:
    return MirrorResult(
        order.pk, outcome, order.header_difference_cents, former_secondary_identifier
    )


def _locked_order(store_id: int, snapshot: OrderSnapshot) -> tuple[Order, bool]:
    """Returns the order's row, locked, and whether this transaction made it."""
    rows = Order.objects.select_for_update(no_key=True).filter(
        store_id=store_id, identifier=snapshot.identifier
    )
    order = rows.first()
    if order:
        return order, False
    fresh = Order(store_id=store_id, identifier=snapshot.identifier)
    _fill(fresh, snapshot)
    try:
        with transaction.atomic():
            fresh.save()
    except IntegrityError:
        return rows.get(), False
    return fresh, True


def _fill(order: Order, snapshot: OrderSnapshot) -> None:
    for name in _FIELDS:
        setattr(order, name, getattr(snapshot, name))
    order.tags = list(snapshot.tags)
    order.remote_created_at = snapshot.created_at
    order.remote_updated_at = snapshot.updated_at
    order.raw = snapshot.raw
    order.header_difference_cents = snapshot.total_amount_cents - (
        sum(rules.line_amount_cents(line) for line in snapshot.lines)
        + snapshot.shipping_amount_cents
        + snapshot.shipping_tax_amount_cents
    )


def _keep_message(order: Order, snapshot: OrderSnapshot, is_new: bool) -> tuple[OrderMessage, bool]:
    is_stale = not is_new and snapshot.updated_at < order.remote_updated_at
    result = OrderMessage.Result.CREATED if is_new else OrderMessage.Result.UPDATED
    return OrderMessage.objects.get_or_create(
        order=order,
        content_sha256=sha256_of_content(snapshot.raw),
        defaults={
            "remote_updated_at": snapshot.updated_at,
            "raw": snapshot.raw,
            "result": OrderMessage.Result.STALE if is_stale else result,
        },
    )


def _changes(order: Order, snapshot: OrderSnapshot) -> list[Change]:
    changes = [
        Change(name, getattr(order, name), getattr(snapshot, name))
        for name in _FIELDS
        if getattr(order, name) != getattr(snapshot, name)
    ]
    known = {line.identifier: line for line in order.lines.filter(is_removed=False)}
    for line in snapshot.lines:
        before = known.pop(line.identifier, None)
        if before is None:
            changes.append(Change(f"line {line.identifier}", None, line.title))
            continue
        changes += [
            Change(f"line {line.identifier} {name}", getattr(before, name), getattr(line, name))
            for name in _LINE_FIELDS
            if getattr(before, name) != getattr(line, name)
        ]
    changes += [Change(f"line {gone.identifier}", gone.title, None) for gone in known.values()]
    return changes


def _project(order: Order, snapshot: OrderSnapshot) -> None:
    _fill(order, snapshot)
    order.save()


def _project_lines(order: Order, snapshot: OrderSnapshot) -> None:
    rows = [_line_row(order, n, line) for n, line in enumerate(snapshot.lines)]
    OrderLine.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["order", "identifier"],
        update_fields=[*_LINE_FIELDS, "position", "tags", "is_removed"],
    )
    order.lines.exclude(identifier__in=[line.identifier for line in snapshot.lines]).update(
        is_removed=True
    )


def _line_row(order: Order, position: int, line: LineSnapshot) -> OrderLine:
    values = {name: getattr(line, name) for name in _LINE_FIELDS}
    return OrderLine(
        order=order,
        identifier=line.identifier,
        position=position,
        tags=list(line.tags),
        is_removed=False,
        **values,
    )


def _project_transactions(order: Order, snapshot: OrderSnapshot) -> None:
    """Mirrors the payment movements; what the newest snapshot no longer has counts no longer."""
    told_identifiers = [told.identifier for told in snapshot.transactions]
    if told_identifiers and not order.has_told_transactions:
        order.has_told_transactions = True
        order.save(update_fields=["has_told_transactions"])
    order.transactions.exclude(identifier__in=told_identifiers).delete()
    fields = ("type", "status", "amount_cents", "gateway", "parent_identifier")
    Transaction.objects.bulk_create(
        [
            Transaction(
                order=order,
                identifier=told.identifier,
                **{name: getattr(told, name) for name in fields},
            )
            for told in snapshot.transactions
        ],
        update_conflicts=True,
        unique_fields=["order", "identifier"],
        update_fields=list(fields),
    )


def _flag_header(order: Order) -> None:
    if order.header_difference_cents == 0:
        close_items(
            store_id=order.store_id,
            kind=Kind.ORDER_HEADER_DIFFERS,
            subject=order.identifier,
            resolution="a newer snapshot adds up",
        )
        return
    difference = money.show(order.header_difference_cents, order.currency)
    total = money.show(order.total_amount_cents, order.currency)
    open_item(
        store_id=order.store_id,
        kind=Kind.ORDER_HEADER_DIFFERS,
        subject=order.identifier,
        order_identifier=order.identifier,
        detail=f"The header says {total}; that differs by {difference} from lines and shipping.",
    )
