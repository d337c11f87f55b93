"""RMAs as the webhook sends them (contract §5), in versions 3, 4 and 5. The caller holds the lock.

Version 3 has older names and no bonus; version 5 adds the condition found at the warehouse.
"""

from collections import Counter

from apps.common.clock import wire_time
from apps.sandbox.state import (
    INSTANT_EXCHANGE,
    INSTANT_STORE_CREDIT,
    JsonObject,
    Rma,
    Unit,
)

VERSIONS = (3, 4, 5)
EXPRESS_WAREHOUSE = "21"


def snapshot(rma: Rma, forget_tracking: bool = False) -> JsonObject:
    """Returns the RMA as the next message sends it, one element of items per unit."""
    items = [_unit(rma, unit, n, forget_tracking) for n, unit in enumerate(rma.units)]
    document: JsonObject = {
        "rma_identifier": rma.identifier,
        "status": rma.status,
        "created_at": wire_time(rma.created_at),
        "updated_at": wire_time(rma.updated_at),
        "items": items[0] if rma.has_bare_item and len(items) == 1 else items,
        "return_method": rma.return_method,
        "return_shipping_cost_cents": rma.return_shipping_cost_cents,
        "gift_refund_only": rma.gift_refund_only,
    }
    if rma.version >= 4:
        document["bonus_credit_amount_cents"] = rma.bonus_credit_cents
    if rma.gift_refund_only:
        document["giftee_email"] = rma.giftee_email
    if rma.return_method == "express-returns":
        # Older messages have a number here (contract §10.8).
        is_old = rma.version == 3
        document["warehouse_id"] = int(EXPRESS_WAREHOUSE) if is_old else EXPRESS_WAREHOUSE
    if rma.concept:
        document["concept"] = rma.concept
    if rma.receiving_complete is not None:
        document["receiving_complete"] = rma.receiving_complete
    return document


def overview(rma: Rma) -> JsonObject:
    """Returns an RMA for `/state`: as a message that forgets nothing, its items always a list."""
    document = snapshot(rma)
    document["items"] = [_unit(rma, unit, n, False, tells_all=True)
                         for n, unit in enumerate(rma.units)]  # fmt: skip
    document["version"] = rma.version
    document["kinds"] = dict(Counter(unit.refund_type for unit in rma.units))
    return document


def _unit(
    rma: Rma, unit: Unit, place: int, forget_tracking: bool, tells_all: bool = False
) -> JsonObject:
    exchange = unit.exchange_order_identifier
    is_exchange = unit.is_exchange
    # Scenario 13: at first one of four units tells of the exchange, afterwards none does.
    if rma.is_forgetful and not tells_all and (place > 0 or rma.messages > 0):
        exchange, is_exchange = None, False
    document: JsonObject = {
        "order_line_item_identifier": unit.line_identifier,
        "order_identifier": unit.order_identifier,
        "exchange_order_identifier": exchange,
        "original_order_identifier": unit.original_order_identifier,
        "return_reason": unit.return_reason,
        "is_exchange": is_exchange,
        "sku": unit.sku,
        "upc": unit.upc,
        "tracking_number": None if forget_tracking else unit.tracking_number,
        "package_tracking_status": unit.package_tracking_status,
        "receiving_status": unit.receiving_status,
        "refund_financials": {
            "estimated_refund_amount_cents": unit.estimated_cents,
            "optoro_refund_amount_cents": unit.optoro_cents,
            "shopper_refund_amount_cents": unit.shopper_cents,
        },
        "refund_type": _refund_type(rma, unit),
    }
    if rma.version >= 5:
        document["warehouse_receipt_condition"] = unit.warehouse_receipt_condition
    if unit.secondary_identifier:
        document["secondary_identifier"] = unit.secondary_identifier
    return document


def _refund_type(rma: Rma, unit: Unit) -> str:
    if rma.version >= 4:
        return unit.refund_type
    if unit.refund_type == INSTANT_EXCHANGE:
        return "EVEN_EXCHANGE" if rma.plan is None or rma.plan.is_even else "UNEVEN_EXCHANGE"
    return "UNEVEN_GC" if unit.refund_type == INSTANT_STORE_CREDIT else unit.refund_type
