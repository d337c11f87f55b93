"""From wire messages to what the domain understands. The domain knows no wire formats."""

from dataclasses import fields, replace
from typing import Any

from apps.optoro.order_message import WireOrder, WireRefund
from apps.optoro.rma_message import WireRma
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
