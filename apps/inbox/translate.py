"""From wire messages to what the domain understands. The domain knows no wire formats."""

from dataclasses import fields, replace
from typing import Any

from apps.catalog.types import Attribute, VariantData
from apps.exchanges.types import Address, Customer, ExchangeRequest, RequestedItem, ReturnItem
from apps.optoro.exchange_message import WireExchangeOrder, WireItem
from apps.optoro.order_message import WireOrder, WireRefund
from apps.optoro.rma_message import WireRma
from apps.optoro.variants_message import WireVariant
from apps.orders.types import (
    LineSnapshot,
    OrderSnapshot,
    ReportedRefund,
    ReportedRefundLine,
    TransactionSnapshot,
)
from apps.rmas.types import RmaSnapshot, UnitSnapshot


def _shared(wire: Any, target: type, **replaced: Any) -> dict[str, Any]:
    """Returns the values of the fields that both have, with some of them replaced."""
    names = {f.name for f in fields(target)}
    return {name: getattr(wire, name) for name in names - replaced.keys()} | replaced


def rma_snapshot(wire: WireRma) -> RmaSnapshot:
    """Returns the RMA message for the rmas app."""
    units = tuple(UnitSnapshot(**_shared(unit, UnitSnapshot)) for unit in wire.units)
    return RmaSnapshot(**_shared(wire, RmaSnapshot, units=units))


def _refund_lines(refund: WireRefund) -> tuple[ReportedRefundLine, ...]:
    """Returns one refund line per order line: a source may send several for one."""
    lines: dict[str, ReportedRefundLine] = {}
    for told in refund.lines:
        line = ReportedRefundLine(**_shared(told, ReportedRefundLine))
        before = lines.get(line.order_item_identifier)
        if before:
            line = replace(before, quantity=before.quantity + line.quantity)
        lines[line.order_item_identifier] = line
    return tuple(lines.values())


def order_snapshot(wire: WireOrder) -> OrderSnapshot:
    """Returns the order snapshot for the orders app."""
    refunds = tuple(
        ReportedRefund(
            **_shared(
                refund,
                ReportedRefund,
                lines=_refund_lines(refund),
            )
        )
        for refund in wire.refunds
    )
    return OrderSnapshot(
        **_shared(
            wire,
            OrderSnapshot,
            lines=tuple(LineSnapshot(**_shared(line, LineSnapshot)) for line in wire.lines),
            transactions=tuple(
                TransactionSnapshot(**_shared(t, TransactionSnapshot)) for t in wire.transactions
            ),
            refunds=refunds,
        )
    )


def exchange_request(wire: WireExchangeOrder) -> ExchangeRequest:
    """Returns the exchange order request for the exchanges app."""
    return ExchangeRequest(
        **_shared(
            wire,
            ExchangeRequest,
            items=tuple(_requested_item(item) for item in wire.items),
            customer=Customer(**_shared(wire.customer, Customer)),
            shipping_address=Address(**_shared(wire.shipping_address, Address)),
            billing_address=Address(**_shared(wire.billing_address, Address)),
        )
    )


def _requested_item(item: WireItem) -> RequestedItem:
    returned = tuple(ReturnItem(**_shared(told, ReturnItem)) for told in item.return_items)
    return RequestedItem(**_shared(item, RequestedItem, return_items=returned))


def variant_data(wire: WireVariant) -> VariantData:
    """Returns a variant for the catalog app."""
    attributes = tuple(Attribute(told.name, told.value) for told in wire.attributes)
    return VariantData(**_shared(wire, VariantData, attributes=attributes))


def variants_told(wire: WireOrder) -> dict[str, tuple[VariantData, ...]]:
    """Returns what the order's items tell of their products' variants, by variant identifier."""
    return {
        line.variant_identifier: tuple(variant_data(told) for told in line.variants)
        for line in wire.lines
        if line.variants
    }
