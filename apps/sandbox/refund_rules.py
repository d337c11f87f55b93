"""Rules about refunds that need the memory of what was sent before (contract §8).

Refund and refund line identifiers are unique across all refunds ever sent, a refund that was sent
never changes, and it does not vanish from later snapshots.
"""

from collections import ChainMap
from collections.abc import MutableMapping
from typing import Any

from apps.common.clock import now
from apps.sandbox.fields import INVALID, Problem, problem
from apps.sandbox.state import Books, JsonObject, KnownRefund, parse_time


def check_against_books(orders: list[JsonObject], books: Books) -> list[Problem]:
    """Returns what contradicts the refunds known; the orders must be well formed.

    The orders of one request are held against each other too, as if they had come one by one.
    """
    refunds = ChainMap[str, KnownRefund]({}, books.refunds)
    lines = ChainMap[str, str]({}, books.refund_lines)
    problems: list[Problem] = []
    for n, order in enumerate(orders):
        path = f"orders[{n}]"
        seen: set[str] = set()
        for m, refund in enumerate(order["refunds"]):
            here = f"{path}.refunds[{m}]"
            known = refunds.get(refund["identifier"])
            is_twin = refund["identifier"] in seen
            if is_twin or (known and known.order_identifier != order["identifier"]):
                problems.append(problem(f"{here}.identifier", INVALID))
                continue
            seen.add(refund["identifier"])
            if known:
                problems += _changes(known.document, refund, here)
            refunds[refund["identifier"]] = known or KnownRefund(
                refund["identifier"], order["identifier"], refund, now()
            )
            problems += _foreign_lines(refund, lines, here)
        problems += _vanished(order, seen, books, path)
    return problems


def _lines(refund: JsonObject) -> set[tuple[Any, ...]]:
    return {
        (line["identifier"], line["quantity"], line["order_item_identifier"])
        for line in refund["refund_line_items"]
    }


def _changes(known: JsonObject, refund: JsonObject, path: str) -> list[Problem]:
    """What a refund says now that it did not say when it was first sent."""
    changed = []
    if known["total_refund_amount_cents"] != refund["total_refund_amount_cents"]:
        changed.append("total_refund_amount_cents")
    if _lines(known) != _lines(refund):
        changed.append("refund_line_items")
    if parse_time(known["created_at"]) != parse_time(refund["created_at"]):
        changed.append("created_at")
    was = known.get("rma_identifier")
    if was is not None and was != refund.get("rma_identifier"):
        changed.append("rma_identifier")
    return [problem(f"{path}.{name}", INVALID) for name in changed]


def _foreign_lines(
    refund: JsonObject, owners: MutableMapping[str, str], path: str
) -> list[Problem]:
    """Lines whose identifier stands under another refund, or twice under this one."""
    problems = []
    seen: set[str] = set()
    for n, line in enumerate(refund["refund_line_items"]):
        identifier = line["identifier"]
        owner = owners.setdefault(identifier, refund["identifier"])
        if owner != refund["identifier"] or identifier in seen:
            problems.append(problem(f"{path}.refund_line_items[{n}].identifier", INVALID))
        seen.add(identifier)
    return problems


def _vanished(order: JsonObject, present: set[str], books: Books, path: str) -> list[Problem]:
    """Refunds sent before that a snapshot no older than the held one leaves out.

    A late, older snapshot rightly lacks them; that it came at all is noted as a violation.
    """
    held = books.orders.get(order["identifier"])
    if held is None:
        return []
    if parse_time(order["updated_at"]) < parse_time(held.document["updated_at"]):
        return []
    known = books.refunds_of_order.get(order["identifier"], [])
    if set(known) <= present:
        return []
    return [problem(f"{path}.refunds", INVALID)]
