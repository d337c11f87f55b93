"""Taking in RMA messages and projecting the folded state into rows."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from apps.common.hashing import sha256_of_content
from apps.orders.models import Order
from apps.orders.queries import orders_named
from apps.rmas import rules
from apps.rmas.fold import fold
from apps.rmas.models import Rma, RmaMessage, RmaUnit
from apps.rmas.moments import concerns_every_unit, first_scan, set_moments, waits_since
from apps.rmas.types import RmaSnapshot, RmaState, UnitState
from apps.timeline import services as timeline
from apps.timeline.types import OPTORO, Change, MessageRef

_FIELDS = (
    "status",
    "return_method",
    "return_shipping_cost_cents",
    "bonus_credit_amount_cents",
    "gift_refund_only",
    "giftee_email",
    "warehouse_identifier",
    "receiving_complete",
    "concept",
)
_UNIT_FACTS = (
    "secondary_identifier",
    "sku",
    "upc",
    "return_reason",
    "refund_type",
    "is_exchange",
    "exchange_order_identifier",
    "original_order_identifier",
    "tracking_number",
    "package_tracking_status",
    "receiving_status",
    "warehouse_receipt_condition",
    "estimated_refund_amount_cents",
    "optoro_refund_amount_cents",
    "shopper_refund_amount_cents",
)
_UNIT_PROJECTION = (
    *_UNIT_FACTS,
    "is_withdrawn",
    "was_seen_open",
    "open_package_tracking_status",
    "open_receiving_status",
    "changed_at",
    "policy_renewed_at",
)


@transaction.atomic
def receive_message(
    *, store_id: int, snapshot: RmaSnapshot, delivery_id: int, received_at: datetime
) -> tuple[Rma, bool]:
    """Keeps an RMA message and folds the RMA anew; returns the RMA and whether anything was new.

    A message whose content is known already changes nothing, whatever its spelling. `received_at`
    (UTC) is when it came: the units that it changes are judged by the policy of that moment
    (`moments.py`).
    """
    rma, is_new_rma = _locked_rma(store_id, snapshot)
    content = snapshot.to_content()
    _, is_new = RmaMessage.objects.get_or_create(
        rma=rma,
        content_sha256=sha256_of_content(content),
        defaults={
            "content": content,
            "remote_updated_at": snapshot.updated_at,
            "delivery_id": delivery_id,
        },
    )
    if not is_new:
        return rma, False
    told = _messages_of(rma)
    rma.scanned_at = first_scan(told)
    changes = _project(rma, fold(told), is_new_rma=is_new_rma, received_at=received_at)
    timeline.record(
        store_id=store_id,
        kind="rma.created" if is_new_rma else "rma.updated",
        summary=_summary(rma, snapshot, is_new_rma, changes),
        actor=OPTORO,
        rma_identifier=rma.rma_identifier,
        occurred_at=snapshot.updated_at or snapshot.created_at,
        changes=changes,
        message=MessageRef("delivery", delivery_id),
    )
    return rma, True


def _locked_rma(store_id: int, snapshot: RmaSnapshot) -> tuple[Rma, bool]:
    rows = Rma.objects.select_for_update(no_key=True).filter(
        store_id=store_id, rma_identifier=snapshot.rma_identifier
    )
    rma = rows.first()
    if rma:
        return rma, False
    try:
        with transaction.atomic():
            rma = Rma.objects.create(
                store_id=store_id,
                rma_identifier=snapshot.rma_identifier,
                status=snapshot.status,
                return_method=snapshot.return_method,
            )
    except IntegrityError:
        return rows.get(), False
    return rma, True


def _messages_of(rma: Rma) -> list[RmaSnapshot]:
    contents = rma.messages.values_list("content", flat=True)
    return [RmaSnapshot.from_content(content) for content in contents]


def _project(rma: Rma, state: RmaState, *, is_new_rma: bool, received_at: datetime) -> list[Change]:
    """Writes the folded state into the RMA's rows; returns what differs from before."""
    changes = []
    for name in _FIELDS:
        before, after = getattr(rma, name), getattr(state, name)
        if before != after and not is_new_rma:
            changes.append(Change(name, before, after))
        setattr(rma, name, after)
    rma.remote_created_at = state.created_at
    rma.remote_updated_at = state.updated_at
    known = list(rma.units.all())
    rows = [_unit_row(rma, unit) for unit in state.units]
    set_moments(rows, known, received_at=received_at, is_event_of_all=concerns_every_unit(changes))
    rma.in_transit_since = waits_since(rma.status, rows, rules.ON_ITS_WAY)
    rma.delivered_since = waits_since(rma.status, rows, {rules.DELIVERED})
    rma.save()
    _write_units(rma, rows)
    return changes + ([] if is_new_rma else _changes_of_units(known, rows))


def _write_units(rma: Rma, rows: list[RmaUnit]) -> None:
    RmaUnit.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["rma", "order_identifier", "order_line_item_identifier", "ordinal"],
        update_fields=list(_UNIT_PROJECTION),
    )
    link_units(rma)


def _unit_row(rma: Rma, unit: UnitState) -> RmaUnit:
    facts: dict[str, Any] = {name: getattr(unit.facts, name) for name in _UNIT_FACTS}
    return RmaUnit(
        rma=rma,
        order_identifier=unit.facts.order_identifier,
        order_line_item_identifier=unit.facts.order_line_item_identifier,
        ordinal=unit.ordinal,
        is_withdrawn=unit.is_withdrawn,
        was_seen_open=unit.was_seen_open,
        open_package_tracking_status=unit.open_package_tracking_status,
        open_receiving_status=unit.open_receiving_status,
        **facts,
    )


def _changes_of_units(known: list[RmaUnit], rows: list[RmaUnit]) -> list[Change]:
    """Returns what differs number by number, as the pages show the units."""
    numbered = {_number(unit): unit for unit in known}
    changes: list[Change] = []
    for row in rows:
        before = numbered.get(_number(row))
        if before:
            changes += _unit_changes(before, row)
        else:
            changes.append(Change(f"unit {row}", None, row.sku))
    return changes


def _number(unit: RmaUnit) -> tuple[str, str, int]:
    return (unit.order_identifier, unit.order_line_item_identifier, unit.ordinal)


def _unit_changes(before: RmaUnit, after: RmaUnit) -> list[Change]:
    shown = (*_UNIT_FACTS, "is_withdrawn")
    return [
        Change(f"unit {after} {name}", getattr(before, name), getattr(after, name))
        for name in shown
        if getattr(before, name) != getattr(after, name)
    ]


def link_units(rma: Rma) -> int:
    """Links the units whose order has become known; returns how many. Hold the RMA's lock.

    `order_identifier` is an order's primary or secondary one (contract §5).
    """
    unlinked = [unit for unit in rma.units.all() if unit.order_line_id is None]
    if not unlinked:
        return 0
    orders = orders_named(
        store_id=rma.store_id,
        identifiers={
            name for unit in unlinked for name in (unit.order_identifier, unit.secondary_identifier)
        },
    )
    linked = []
    lines: dict[int, dict[str, int]] = {}
    for unit in unlinked:
        order = orders.get(unit.order_identifier) or _by_other_name(unit, orders)
        if order is None:
            continue
        if order.pk not in lines:
            lines[order.pk] = dict(order.lines.values_list("identifier", "pk"))
        unit.order = order
        unit.order_line_id = lines[order.pk].get(unit.order_line_item_identifier)
        linked.append(unit)
    RmaUnit.objects.bulk_update(linked, ["order", "order_line"])
    return len(linked)


def _by_other_name(unit: RmaUnit, orders: dict[str, Order]) -> Order | None:
    """The unit's own secondary name links to the order that has it as its identifier. An order that
    merely shares it as a secondary one may be another: money must not follow that."""
    order = orders.get(unit.secondary_identifier)
    return order if order and order.identifier == unit.secondary_identifier else None


def _summary(rma: Rma, snapshot: RmaSnapshot, is_new_rma: bool, changes: list[Change]) -> str:
    if is_new_rma:
        count = len(snapshot.units)
        return f"Return started: {count} unit{'s' if count != 1 else ''}, {rma.return_method}"
    if not changes:
        return "RMA message: an older or repeated state, nothing changed"
    for name in ("status", "package_tracking_status", "receiving_status", "tracking_number"):
        values = {str(c.after) for c in changes if c.field.split(" ")[-1] == name and c.after}
        if values:
            return f"RMA {name.replace('_', ' ')}: {', '.join(sorted(values))}"
    return f"RMA updated: {', '.join(sorted({c.field.split(' ')[-1] for c in changes})[:4])}"
