"""Reading orders."""

from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet

from apps.orders import rules
from apps.orders.models import Order, OrderLine, Transaction

# The kinds of transaction by which a payment is taken.
CAPTURES = ("CAPTURE", "SALE")


def find_order(*, store_id: int, identifier: str) -> Order | None:
    """Returns the store's order of that identifier, else the one of that secondary identifier.

    A secondary identifier that several orders share names none of them.
    """
    if not identifier:
        return None
    order = Order.objects.filter(store_id=store_id, identifier=identifier).first()
    if order:
        return order
    by_secondary = list(
        Order.objects.filter(store_id=store_id, secondary_identifier=identifier)[:2]
    )
    return by_secondary[0] if len(by_secondary) == 1 else None


def orders_named(*, store_id: int, identifiers: Iterable[str]) -> dict[str, Order]:
    """Returns the known orders among `identifiers` (primary or secondary), by the name asked."""
    names = {name for name in identifiers if name}
    found: dict[str, Order] = {}
    candidates = Order.objects.filter(
        Q(identifier__in=names) | Q(secondary_identifier__in=names), store_id=store_id
    )
    by_secondary: dict[str, list[Order]] = {}
    for order in candidates:
        if order.identifier in names:
            found[order.identifier] = order
        by_secondary.setdefault(order.secondary_identifier, []).append(order)
    for name in names - found.keys():
        if len(by_secondary.get(name, [])) == 1:
            found[name] = by_secondary[name][0]
    return found


def lock_orders(order_ids: Iterable[int]) -> dict[int, Order]:
    """Locks these orders for the rest of the transaction and returns them by key.

    Always in the order of their keys, so that two who lock the same orders never deadlock. Rows
    that merely refer to an order (inserts with a foreign key) are not held up.
    """
    rows = Order.objects.select_for_update(no_key=True).filter(pk__in=set(order_ids)).order_by("pk")
    return {order.pk: order for order in rows}


def lines_of(order: Order) -> QuerySet[OrderLine]:
    """Returns the order's lines as the newest snapshot has them."""
    return order.lines.filter(is_removed=False).order_by("position")


def captured_amount_cents(order: Order) -> int:
    """Returns what was captured on the order's payment: the most that can go back to it.

    The sum of successful captures and sales. Sources that never sent any transaction are taken at
    their lines' word: what the lines and shipping cost.
    """
    transactions = list(order.transactions.all())
    if transactions or order.has_told_transactions:
        return sum(
            t.amount_cents for t in transactions if t.status == "SUCCESS" and t.type in CAPTURES
        )
    return (
        sum(rules.line_amount_cents(line) for line in lines_of(order))
        + order.shipping_amount_cents
        + order.shipping_tax_amount_cents
    )


def took_payments(order_ids: Iterable[int]) -> frozenset[int]:
    """Returns which of these orders (by key) have a successful capture or sale of their own."""
    captures = Transaction.objects.filter(
        order__in=set(order_ids), status="SUCCESS", type__in=CAPTURES, amount_cents__gt=0
    )
    return frozenset(captures.values_list("order_id", flat=True))


def captures_of(order: Order) -> list[Transaction]:
    """Returns the successful captures and sales of an order, in the order they were told."""
    return [
        t
        for t in order.transactions.order_by("pk")
        if t.status == "SUCCESS" and t.type in CAPTURES and t.amount_cents > 0
    ]


def returned_to_captures_cents(
    captures: Iterable[Transaction], *, order: Order, ours: Collection[str]
) -> dict[str, int]:
    """Returns, by the capture's identifier, what the source's own transactions say has gone back to
    it, in cents, without `ours`. Those that name no capture, nor what one captured, are left out.
    """
    captured = list(captures)
    names = {t.parent_identifier: t.identifier for t in captured if t.parent_identifier}
    names |= {t.identifier: t.identifier for t in captured}
    returned: dict[str, int] = {}
    for t in _gone_back(order, ours):
        capture = names.get(t.parent_identifier)
        if capture:
            returned[capture] = returned.get(capture, 0) + t.amount_cents
    return returned


def returned_by_transactions_cents(order: Order, *, ours: Collection[str]) -> int:
    """Returns what the source's own transactions say has gone back to the payment, in cents,
    without those whose identifier is one of `ours`: refunds of the desk that the source mirrors."""
    return sum(t.amount_cents for t in _gone_back(order, ours))


def _gone_back(order: Order, ours: Collection[str]) -> list[Transaction]:
    """Refunds, also those under way, and captures that were voided. Voiding an authorization gives
    nothing back."""
    transactions = list(order.transactions.all())
    captured = {t.identifier for t in transactions if t.type in CAPTURES}
    return [
        t
        for t in transactions
        if t.identifier not in ours
        and (
            (t.type == "REFUND" and t.status in ("SUCCESS", "PENDING"))
            or (t.type == "VOID" and t.status == "SUCCESS" and t.parent_identifier in captured)
        )
    ]


def is_ambiguous(*, store_id: int, identifier: str) -> bool:
    """Tells whether a name is the secondary identifier of several orders, and so names none."""
    return (
        not Order.objects.filter(store_id=store_id, identifier=identifier).exists()
        and Order.objects.filter(store_id=store_id, secondary_identifier=identifier).count() > 1
    )
