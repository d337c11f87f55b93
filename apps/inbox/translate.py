"""From wire messages to what the domain understands. The domain knows no wire formats."""

from dataclasses import fields
from typing import Any

from apps.optoro.order_message import WireOrder
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


def order_snapshot(wire: WireOrder) -> OrderSnapshot:
    """Returns the order snapshot for the orders app."""
    refunds = tuple(
        ReportedRefund(
            **_shared(
                refund,
                ReportedRefund,
                lines=tuple(
                    ReportedRefundLine(**_shared(line, ReportedRefundLine)) for line in refund.lines
                ),
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
