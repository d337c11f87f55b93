"""What a desk must not do with returns and exchanges, looked at when it happens.

Messages and refunds cross each other on their way, so what the desk decided shortly after a change
is not held against it. The caller holds the lock.
"""

from collections import Counter
from datetime import datetime, timedelta

from apps.sandbox.closing import IGNORED
from apps.sandbox.state import Books, ExchangeOrder, JsonObject, Rma, parse_time

GRACE = timedelta(seconds=10)
NOT_UNDER_WAY = (None, "PRE_TRANSIT")


def note_new_refund(books: Books, order_identifier: str, refund: JsonObject) -> None:
    """Looks at a refund that came for the first time."""
    rma = books.rmas.get(refund.get("rma_identifier") or "")
    if rma is None or IGNORED in (refund.get("tags") or []):
        return
    name, of = refund["identifier"], rma.identifier
    if order_identifier not in rma.order_identifiers:
        whose = ", ".join(rma.order_identifiers)
        books.violation(
            "refund_on_wrong_order",
            of,
            f"refund {name} was reported on {order_identifier}; the goods are of {whose}",
        )
        return
    made_at = parse_time(refund["created_at"])
    if rma.canceled_at and made_at > rma.canceled_at + GRACE:
        books.violation("canceled_refunded", of, f"refund {name} was made after it was canceled")
    if rma.status == "PENDING_EXCHANGE":
        text = f"refund {name} was made while its exchange order is not placed"
        books.violation("pending_exchange_refunded", of, text)
    _note_missing_units(books, order_identifier, refund, rma)


def _note_missing_units(books: Books, order_identifier: str, refund: JsonObject, rma: Rma) -> None:
    """Notes refunds of units that never came: more of a line refunded than are under way."""
    came = Counter(
        unit.line_identifier
        for unit in rma.units
        if unit.order_identifier == order_identifier
        and not unit.never_came
        and not (
            unit.receiving_status == "NOT_RECEIVED"
            and unit.package_tracking_status in NOT_UNDER_WAY
        )
    )
    all_units = Counter(u.line_identifier for u in rma.units)
    refunded: Counter[str] = Counter()
    for known in books.refund_documents(order_identifier):
        if known.get("rma_identifier") == rma.identifier:
            for line in known["refund_line_items"]:
                refunded[line["order_item_identifier"]] += line["quantity"]
    for line in {one["order_item_identifier"] for one in refund["refund_line_items"]}:
        # More than the RMA has at all is told by note_overpaid.
        count = min(refunded[line], all_units[line]) - came[line]
        if count > 0:
            books.violation(
                "missing_unit_refunded",
                rma.identifier,
                f"{count} units of line {line} of {order_identifier} never came",
            )


def note_overdue(books: Books, moment: datetime, patience: float) -> None:
    """Notes exchange orders that have shipped, and of which the desk has sent no snapshot."""
    latest = moment - timedelta(seconds=patience)
    for exchange in books.exchange_orders.values():
        if exchange.shipped_at and exchange.shipped_at < latest and not _is_sent(books, exchange):
            books.violation(
                "exchange_not_sent",
                exchange.identifier,
                f"no snapshot came within {patience:g} s after it shipped",
            )


def _is_sent(books: Books, exchange: ExchangeOrder) -> bool:
    record = books.orders.get(exchange.identifier)
    return record is not None and record.document["status"] == "Shipped"
