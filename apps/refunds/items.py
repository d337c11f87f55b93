"""What a refund is made of, for finance: one item per unit, frozen with the decision.

Units of a return have an item each; units of a line that are in no return have one together; what
is of no line (goodwill, refunds made outside that name none) has one of quantity 0. Part by part
the items add up to the refund, to the cent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum

from apps.common import money
from apps.orders.models import Order, OrderLine
from apps.orders.rules import units_cost
from apps.refunds.models import Refund, RefundItem, RefundLine, RefundUnit
from apps.refunds.rules import LIVE_STATUSES
from apps.rmas.models import Rma


@dataclass(frozen=True)
class WrittenLine:
    """A line of a refund as it was just written, with the units of the return in it."""

    line: RefundLine
    order_line: OrderLine
    units: Sequence[RefundUnit]


def write_items(
    *,
    refund: Refund,
    order: Order,
    rma: Rma | None,
    trigger: str,
    lines: Sequence[WrittenLine],
) -> None:
    """Writes the items of a refund just decided, or taken over. `trigger` is what the policy waited
    for. Call it in the transaction that writes the refund, under the lock of its order."""
    taken = _taken_before(refund, lines)
    shipping = _shipping_shares(order, lines)
    items = [
        item
        for written in lines
        for item in _items_of_line(
            written,
            taken.get(written.order_line.pk, Taken()),
            shipping.get(written.order_line.pk, 0),
        )
    ]
    if not items:
        total = refund.total_refund_amount_cents
        items = [RefundItem(quantity=0, product_amount_cents=total, **_whole(total))]
    _keep_back(refund, items)
    for position, item in enumerate(items, start=1):
        item.refund = refund
        item.position = position
        item.concept = item.concept or order.concept
        item.trigger = trigger
        item.return_method = rma.return_method if rma else ""
    items[0].bonus_credit_amount_cents = refund.bonus_credit_amount_cents
    RefundItem.objects.bulk_create(items)


def _whole(amount_cents: int) -> dict[str, int]:
    return {
        "amount_cents": amount_cents,
        "shopper_amount_cents": amount_cents,
        "tax_amount_cents": 0,
    }


@dataclass
class Taken:
    """What items of live refunds hold of a line: units, and their parts of what was paid."""

    units: int = 0
    price_cents: int = 0
    discount_cents: int = 0
    tax_cents: int = 0
    shipping_cents: int = 0

    def add(self, item: RefundItem) -> None:
        """Counts one more item."""
        self.units += item.quantity
        self.price_cents += item.original_product_amount_cents
        self.discount_cents += item.original_discount_amount_cents
        self.tax_cents += item.original_tax_amount_cents
        self.shipping_cents += item.original_shipping_amount_cents


def _taken_before(refund: Refund, lines: Sequence[WrittenLine]) -> Mapping[int, Taken]:
    """What other live refunds hold of each line."""
    if not lines:
        return {}
    rows = (
        RefundItem.objects.filter(
            line__order_line__in=[written.order_line.pk for written in lines],
            refund__status__in=LIVE_STATUSES,
        )
        .exclude(refund=refund)
        .order_by()
        .values_list("line__order_line")
        .annotate(
            Sum("quantity"),
            Sum("original_product_amount_cents"),
            Sum("original_discount_amount_cents"),
            Sum("original_tax_amount_cents"),
            Sum("original_shipping_amount_cents"),
        )
    )
    return {line: Taken(*sums) for line, *sums in rows}


def _shipping_shares(order: Order, lines: Sequence[WrittenLine]) -> Mapping[int, int]:
    """What each line bears of the order's shipping and of the tax on it, by the price of its
    goods."""
    whole = order.shipping_amount_cents + order.shipping_tax_amount_cents
    if not lines or whole <= 0:
        return {}
    rows = OrderLine.objects.filter(order=order, is_removed=False).order_by("pk")
    prices = dict(rows.values_list("pk", "product_amount_cents"))
    if not prices:
        return {}
    shares = money.split_by_weight(whole, list(prices.values()))
    return dict(zip(prices, shares, strict=True))


def _items_of_line(written: WrittenLine, taken: Taken, shipping_cents: int) -> Iterable[RefundItem]:
    line = written.order_line
    for unit in written.units:
        rma_unit = unit.rma_unit
        yield _item(
            written,
            taken,
            quantity=1,
            amount_cents=unit.amount_cents,
            shipping_cents=shipping_cents,
            unit=unit,
            shopper_amount_cents=unit.shopper_amount_cents,
            optoro_amount_cents=unit.optoro_amount_cents,
            sku=rma_unit.sku or line.sku,
            upc=rma_unit.upc or line.upc,
            return_reason=rma_unit.return_reason,
            warehouse_receipt_condition=rma_unit.warehouse_receipt_condition,
        )
    rest = written.line.quantity - len(written.units)
    rest_cents = written.line.amount_cents - sum(unit.amount_cents for unit in written.units)
    if rest:
        yield _item(
            written,
            taken,
            quantity=rest,
            amount_cents=rest_cents,
            shipping_cents=shipping_cents,
            shopper_amount_cents=rest_cents,
            sku=line.sku,
            upc=line.upc,
        )


def _item(
    written: WrittenLine,
    taken: Taken,
    *,
    quantity: int,
    amount_cents: int,
    shipping_cents: int,
    **values: Any,
) -> RefundItem:
    line = written.order_line
    price_cents, discount_cents, tax_cents, borne_cents = _paid_for(
        line, taken, quantity, shipping_cents
    )
    goods_cents = max(0, price_cents - discount_cents)
    product_cents, refunded_tax_cents = _product_and_tax(amount_cents, goods_cents, tax_cents)
    item = RefundItem(
        line=written.line,
        quantity=quantity,
        order_line_item_identifier=line.identifier,
        title=line.title,
        original_product_amount_cents=price_cents,
        original_discount_amount_cents=discount_cents,
        original_tax_amount_cents=tax_cents,
        original_shipping_amount_cents=borne_cents,
        product_amount_cents=product_cents,
        tax_amount_cents=refunded_tax_cents,
        amount_cents=amount_cents,
        **values,
    )
    taken.add(item)
    return item


def _paid_for(
    line: OrderLine, taken: Taken, quantity: int, shipping_cents: int
) -> tuple[int, int, int, int]:
    """Price, discount, tax and shipping of the next units of a line. Those that complete it have
    what is left: refunds between that ended unpaid may have taken a rounding cent with them."""
    first, until = taken.units, taken.units + quantity
    if until == line.quantity:
        whole = units_cost(line, first=0, count=until)
        return (
            max(0, whole.price_cents - taken.price_cents),
            max(0, whole.discount_cents - taken.discount_cents),
            max(0, whole.tax_cents - taken.tax_cents),
            max(0, shipping_cents - taken.shipping_cents),
        )
    cost = units_cost(line, first=first, count=quantity)
    borne_cents = _share(shipping_cents, first, quantity, line.quantity)
    return cost.price_cents, cost.discount_cents, cost.tax_cents, borne_cents


def _product_and_tax(amount_cents: int, goods_cents: int, tax_cents: int) -> tuple[int, int]:
    """Splits what is refunded as what was paid was: goods less discount, and tax."""
    if goods_cents + tax_cents <= 0:
        return amount_cents, 0
    product, tax = money.split_by_weight(amount_cents, [goods_cents, tax_cents])
    return product, tax


def _share(amount_cents: int, first: int, count: int, parts: int) -> int:
    """What units `first` to `first + count` of a line's `parts` bear of an amount; those past the
    last one ordered bear none."""
    if not parts:
        return 0
    until = money.first_shares(amount_cents, min(first + count, parts), parts)
    return until - money.first_shares(amount_cents, min(first, parts), parts)


def _keep_back(refund: Refund, items: Sequence[RefundItem]) -> None:
    """Takes what is kept back of a refund off its items, in proportion to what each gives the
    shopper."""
    if not refund.retained_amount_cents:
        return
    weights = [item.shopper_amount_cents for item in items]
    parts = money.split_by_weight(refund.retained_amount_cents, weights)
    for item, part in zip(items, parts, strict=True):
        item.retained_amount_cents = part
        item.shopper_amount_cents -= part
