"""When an RMA is refunded: the refunds the desk reports, held against the units of the returns.

REFUNDED needs three things (contract §5): all units are covered by refunds reported on the orders
whose goods come back, exchange units like others; the exchange order is fulfilled, which is to say
that the desk has sent its shipped snapshot; and no exchange waits to be placed. A gift card is
fulfilled when it is placed. Units that were NOT_DROPPED_OFF are no part of what has to be covered:
the RMA ends REFUNDED without them. Units that were NOT_RECEIVED are: their refunds are missing, so
that the RMA ends PARTIAL_REFUND when receiving is closed, unless somebody refunds them after all.

A refund counts for the RMA it names. One that names none counts for the order: for units that are
in no return, such as one that was lost in the post, and only what is more than those fills the open
RMAs, oldest first. Refunds tagged `ignore_refund`, such as goodwill, count for nothing. The caller
holds the lock.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from apps.sandbox.state import INSTANT_STORE_CREDIT, Books, JsonObject, Rma, Unit

IGNORED = "ignore_refund"


@dataclass
class _Refunds:
    """The refunds of one order, sorted by what they are for.

    `outside` is what was refunded without a name and is for units in no return.
    """

    named: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    named_totals: Counter[str] = field(default_factory=Counter)
    unnamed: Counter[str] = field(default_factory=Counter)
    unnamed_total: int = 0
    outside: Counter[str] = field(default_factory=Counter)
    covered: dict[str, int | None] = field(default_factory=dict)


def refunds_outside_rmas(books: Books, order_identifier: str) -> Counter[str]:
    """Returns how many units of each line were refunded without belonging to any return."""
    refunds = _sorted_refunds(books, order_identifier)
    return refunds.unnamed + refunds.outside


def newly_refunded(books: Books, order_identifier: str) -> list[Rma]:
    """Returns the RMAs that this order's snapshot completes, not yet marked.

    An RMA with units of several orders needs the refunds of all of them; one that was exchanged
    may have waited for this order to ship.
    """
    names = list(books.rmas_of_order.get(order_identifier, []))
    exchange = books.exchange_orders.get(order_identifier)
    if exchange and exchange.rma_identifier not in names:
        names.append(exchange.rma_identifier)
    return [rma for name in names if is_complete(books, rma := books.rmas[name])]


def is_complete(books: Books, rma: Rma) -> bool:
    """Tells whether an open RMA has become REFUNDED."""
    if rma.status not in ("CREATED", "PARTIAL_REFUND") or rma.is_draft:
        return False
    # Both are asked, since a total that differs shows before the exchange order ships.
    return _is_covered(books, rma) and all(_is_fulfilled(books, u) for u in rma.exchange_units)


def _is_fulfilled(books: Books, unit: Unit) -> bool:
    exchange = books.exchange_orders.get(unit.exchange_order_identifier or "")
    if exchange is None:
        return False
    if unit.refund_type == INSTANT_STORE_CREDIT or not exchange.has_goods:
        return True
    record = books.orders.get(exchange.identifier)
    return record is not None and record.document["status"] == "Shipped"


def _counting_units(rma: Rma) -> list[Unit]:
    return [unit for unit in rma.units if not unit.never_came]


def _is_covered(books: Books, rma: Rma) -> bool:
    units = _counting_units(rma)
    if not units:
        return False
    total: int | None = 0
    for order_identifier in dict.fromkeys(unit.order_identifier for unit in units):
        covered = _sorted_refunds(books, order_identifier).covered
        if rma.identifier not in covered:
            return False
        part = covered[rma.identifier]
        total = None if total is None or part is None else total + part
    estimates = sum(unit.estimated_cents for unit in units)
    if total is not None and total != estimates:
        books.violation(
            "refund_differs",
            rma.identifier,
            f"refund total {total} differs from estimates {estimates}",
        )
    return True


def _quantities(refund: JsonObject) -> Counter[str]:
    quantities: Counter[str] = Counter()
    for line in refund["refund_line_items"]:
        quantities[line["order_item_identifier"]] += line["quantity"]
    return quantities


def _needed(rma: Rma, order_identifier: str) -> Counter[str]:
    return Counter(
        unit.line_identifier
        for unit in _counting_units(rma)
        if unit.order_identifier == order_identifier
    )


def _all(rma: Rma, order_identifier: str) -> Counter[str]:
    """What may have been refunded: also units of which it turned out later that they never came."""
    return Counter(
        unit.line_identifier for unit in rma.units if unit.order_identifier == order_identifier
    )


def _counting(books: Books, order_identifier: str) -> list[JsonObject]:
    return [
        refund
        for refund in books.refund_documents(order_identifier)
        if IGNORED not in (refund.get("tags") or [])
    ]


def _sorted_refunds(books: Books, order_identifier: str) -> _Refunds:
    """Sorts an order's refunds and lets them fill its RMAs.

    `covered` holds the refund total for each RMA that is filled, or None where refunds without a
    name make it impossible to tell what was meant for whom. RMAs refunded before come first, so
    that later refunds cannot be taken for theirs.
    """
    sorted_refunds = _Refunds()
    for refund in _counting(books, order_identifier):
        name, total = refund.get("rma_identifier"), refund["total_refund_amount_cents"]
        if name is None:
            sorted_refunds.unnamed += _quantities(refund)
            sorted_refunds.unnamed_total += total
        else:
            sorted_refunds.named[name] += _quantities(refund)
            sorted_refunds.named_totals[name] += total
    rmas = [books.rmas[name] for name in books.rmas_of_order.get(order_identifier, [])]
    alive = [rma for rma in rmas if rma.status != "CANCELED"]
    sorted_refunds.outside = sorted_refunds.unnamed & _in_no_return(books, order_identifier, alive)
    sorted_refunds.unnamed -= sorted_refunds.outside
    for rma in sorted(alive, key=lambda rma: rma.status != "REFUNDED"):
        _fill(sorted_refunds, rma, _needed(rma, order_identifier), is_only=len(alive) == 1)
    return sorted_refunds


def _in_no_return(books: Books, order_identifier: str, alive: list[Rma]) -> Counter[str]:
    """Returns how many units of each line have shipped and are in no return.

    An RMA can be known before its order is; then nothing was refunded either.
    """
    record = books.orders.get(order_identifier)
    items = record.document["items"] if record else []
    free = Counter({item["identifier"]: item["quantity_shipped"] for item in items})
    for rma in alive:
        free -= _needed(rma, order_identifier)
    return free


def _fill(refunds: _Refunds, rma: Rma, needed: Counter[str], is_only: bool) -> None:
    missing = needed - refunds.named[rma.identifier]
    if not missing:
        refunds.covered[rma.identifier] = refunds.named_totals[rma.identifier]
    elif all(refunds.unnamed[line] >= quantity for line, quantity in missing.items()):
        refunds.unnamed -= missing
        all_used = is_only and not refunds.unnamed and not refunds.outside
        refunds.covered[rma.identifier] = (
            refunds.named_totals[rma.identifier] + refunds.unnamed_total if all_used else None
        )


def note_overpaid(books: Books, order_identifier: str) -> None:
    """Records refunds that pay for more than there is: of an RMA, of a line, of the order."""
    order = books.orders[order_identifier].document
    counting = _counting(books, order_identifier)
    refunded: Counter[str] = Counter()
    by_rma: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for refund in counting:
        refunded += _quantities(refund)
        named = books.rmas.get(refund.get("rma_identifier") or "")
        # A refund on a wrong order is told once, as such.
        if named and order_identifier in named.order_identifiers:
            by_rma[refund["rma_identifier"]] += _quantities(refund)
    for item in order["items"]:
        count, shipped = refunded[item["identifier"]], item["quantity_shipped"]
        if count > shipped:
            books.violation(
                "line_over_refunded",
                order_identifier,
                f"{count} units of line {item['identifier']} refunded, {shipped} shipped",
            )
    for name, quantities in by_rma.items():
        for line, count in (quantities - _all(books.rmas[name], order_identifier)).items():
            books.violation(
                "rma_over_refunded",
                name,
                f"{count} units of line {line} of {order_identifier} too many refunded",
            )
    total = sum(refund["total_refund_amount_cents"] for refund in counting)
    if total > _cost(order):
        books.violation(
            "order_over_refunded",
            order_identifier,
            f"refunds of {total} exceed the {_cost(order)} that the order cost",
        )


def _cost(order: JsonObject) -> int:
    """What the order cost by its lines or by its header; the two can contradict each other."""
    lines = sum(
        item["product_amount_cents"] + item["tax_amount_cents"] - item["discount_amount_cents"]
        for item in order["items"]
    )
    shipping = order["shipping_amount_cents"] + order["shipping_tax_amount_cents"]
    cost: int = max(order["total_amount_cents"], lines + shipping)
    return cost
